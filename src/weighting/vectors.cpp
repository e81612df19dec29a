// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include <fmt/format.h>

#include <cmath>

#include "recant/core/error.hpp"

namespace recant {
namespace {

/// Names the first entry that is not what it must be.
template <class Accept>
[[noreturn]] void refuse(std::string_view name, std::string_view wanted, ConstVectorRef x,
                         Accept&& accept) {
  Index j = 0;
  while (accept(x[j])) ++j;
  throw UsageError(fmt::format("{} must be {}, but entry {} is {}", name, wanted, j, x[j]));
}

}  // namespace

Extent extent(ConstVectorRef x) {
  return sum_over_blocks(x.size(), Extent{},
                         [&](RowBlock block) { return extent_of_block(part(x, block)); });
}

void require_finite(std::string_view name, ConstVectorRef x, const Extent& of_x) {
  if (of_x.finite()) return;
  refuse(name, "finite", x, [](double value) { return std::isfinite(value); });
}

void require_non_negative(std::string_view name, ConstVectorRef x, const Extent& of_x) {
  if (of_x.finite() && of_x.least >= 0) return;
  refuse(name, "finite and >= 0", x,
         [](double value) { return std::isfinite(value) && value >= 0; });
}

void check_entries_finite(std::string_view name, ConstVectorRef x) {
  require_finite(name, x, extent(x));
}

void check_entries_non_negative(std::string_view name, ConstVectorRef x) {
  require_non_negative(name, x, extent(x));
}

double largest_finite_entry(std::string_view name, ConstVectorRef x) {
  const Extent of_x = extent(x);
  require_finite(name, x, of_x);
  return of_x.largest;
}

}  // namespace recant
