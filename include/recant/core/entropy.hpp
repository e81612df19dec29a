// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

/// Random bytes of the system, and the library that wants some before it does anything.
namespace recant {

/// Fills `out` from getrandom(), or from /dev/urandom where that does not answer. Nothing is kept
/// between calls, so a fork or a snapshot has nothing to repeat.
/// @throws DataError when neither gives any: `out` is then not to be used.
void draw_entropy(std::span<std::uint8_t> out);

/// Starts libsodium, once: call it before any of its functions. It would stop the process where it
/// finds no random bytes for itself, which nothing here takes from it; there it is left as it is,
/// and hashes and signs with its plain code.
/// @throws InternalError when it does not start for another reason.
void start_sodium();

}  // namespace recant
