// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include <fmt/format.h>

#include <cmath>

#include "recant/core/error.hpp"

namespace recant {
namespace {

/// What a pass over a vector finds.
struct Seen {
  double largest = 0, least = 0;  // |x_j|, and x_j where it is negative
  double nothing = 0;             // x - x: NaN if an entry is not finite
};

Seen look_at(ConstVectorRef x) {
  return reduce_rows(
      x.size(), vector_groups(x.size()), Seen{},
      [&](Seen& seen, RowBlock block) {
        const auto part = x.segment(block.begin, block.size());
        seen.largest = std::max(seen.largest, part.lpNorm<Eigen::Infinity>());
        seen.least = std::min(seen.least, part.minCoeff());
        seen.nothing += (part - part).sum();
      },
      [](Seen& into, const Seen& from) {
        into.largest = std::max(into.largest, from.largest);
        into.least = std::min(into.least, from.least);
        into.nothing += from.nothing;
      });
}

/// Names the first entry that is not what it must be.
template <class Accept>
[[noreturn]] void refuse(std::string_view name, std::string_view wanted, ConstVectorRef x,
                         Accept&& accept) {
  Index j = 0;
  while (accept(x[j])) ++j;
  throw UsageError(fmt::format("{} must be {}, but entry {} is {}", name, wanted, j, x[j]));
}

}  // namespace

double block_dot(ConstVectorRef x, ConstVectorRef y) {
  return reduce_rows(
      x.size(), vector_groups(x.size()), 0.0,
      [&](double& sum, RowBlock block) {
        sum += x.segment(block.begin, block.size()).dot(y.segment(block.begin, block.size()));
      },
      [](double& into, double from) { into += from; });
}

double largest_entry(ConstVectorRef x) {
  return look_at(x).largest;
}

double largest_finite_entry(std::string_view name, ConstVectorRef x) {
  const Seen seen = look_at(x);
  if (seen.nothing != 0) {  // as NaN is
    refuse(name, "finite", x, [](double value) { return std::isfinite(value); });
  }
  return seen.largest;
}

void check_entries_finite(std::string_view name, ConstVectorRef x) {
  static_cast<void>(largest_finite_entry(name, x));
}

void check_entries_non_negative(std::string_view name, ConstVectorRef x) {
  const Seen seen = look_at(x);
  if (seen.nothing != 0 || seen.least < 0) {
    refuse(name, "finite and >= 0", x,
           [](double value) { return std::isfinite(value) && value >= 0; });
  }
}

}  // namespace recant
