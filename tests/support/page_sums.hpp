// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "checked_pages.hpp"

namespace recant::test {

/// The bytes of a ledger's file that were changed, with sums of its pages that fit: what one finds
/// that was written so, and not damaged.
[[nodiscard]] inline std::string with_page_sums(std::string file) {
  for (std::size_t page = 0; page + kPageBytes <= file.size(); page += kPageBytes) {
    const auto number = static_cast<std::uint32_t>(page / kPageBytes + 1);
    write_page_sum(number, std::span<std::uint8_t, kPageBytes>(
                               reinterpret_cast<std::uint8_t*>(file.data()) + page, kPageBytes));
  }
  return file;
}

}  // namespace recant::test
