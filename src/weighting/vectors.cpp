// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include <fmt/format.h>

#include <cmath>

#include "recant/core/error.hpp"

namespace recant {
namespace {

/// Few entries are summed by one thread: waiting for others takes longer.
Index groups(Index n) {
  constexpr Index kEntries = 32768, kMost = 64;
  return std::clamp<Index>(n / kEntries, 1, kMost);
}

template <class Accept>
void check_entries(std::string_view name, std::string_view wanted, ConstVectorRef x,
                   Accept&& accept) {
  for (Index j = 0; j < x.size(); ++j) {
    if (!accept(x[j])) {
      throw UsageError(fmt::format("{} must be {}, but entry {} is {}", name, wanted, j, x[j]));
    }
  }
}

}  // namespace

double block_dot(ConstVectorRef x, ConstVectorRef y) {
  return reduce_rows(
      x.size(), groups(x.size()), 0.0,
      [&](double& sum, RowBlock block) {
        sum += x.segment(block.begin, block.size()).dot(y.segment(block.begin, block.size()));
      },
      [](double& into, double from) { into += from; });
}

double largest_entry(ConstVectorRef x) {
  return x.size() > 0 ? x.lpNorm<Eigen::Infinity>() : 0;
}

void check_entries_finite(std::string_view name, ConstVectorRef x) {
  check_entries(name, "finite", x, [](double value) { return std::isfinite(value); });
}

void check_entries_non_negative(std::string_view name, ConstVectorRef x) {
  check_entries(name, "finite and >= 0", x,
                [](double value) { return std::isfinite(value) && value >= 0; });
}

}  // namespace recant
