// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace recant {

/// A hash of 256 bits.
using Digest = std::array<std::uint8_t, 32>;

}  // namespace recant
