// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace recant {

/// The enumerator of 0 .. count-1 that has this name; none if none has.
template <class Enum>
[[nodiscard]] std::optional<Enum> named(std::string_view text, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (name(static_cast<Enum>(i)) == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

inline constexpr std::size_t kBatchStages = 5;

}  // namespace recant
