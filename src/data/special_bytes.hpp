// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Where the bytes of a CSV text are that mean something, compiled for several instruction sets and
/// chosen at run time.
namespace recant::simd {

/// Bit i of marks[k] tells whether byte 64 k + i of the text is a comma, a quote, a line feed, a
/// carriage return or zero. The text has 64 * words bytes.
void mark_special_bytes(const char* text, std::size_t words, std::uint64_t* marks);

}  // namespace recant::simd
