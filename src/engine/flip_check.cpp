// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/flip_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

/// 0 .. count-1, the same with every standard library.
Index below(std::mt19937_64& random, Index count) {
  const auto unit = static_cast<double>(random() >> 11) * 0x1p-53;
  return std::min(count - 1, static_cast<Index>(unit * static_cast<double>(count)));
}

std::vector<Index> rows_that_count(const Vector& weights) {
  std::vector<Index> rows;
  for (Index i = 0; i < weights.size(); ++i) {
    if (weights(i) != 0) rows.push_back(i);
  }
  return rows;
}

}  // namespace

std::vector<Index> flip_labels(Dataset& data, double share, std::uint64_t seed) {
  const auto classes = static_cast<Index>(data.class_names.size());
  if (classes < 2) {
    throw UsageError("numeric targets have no label to flip", "flip_check",
                     "it is for classification");
  }
  std::vector<Index> rows = rows_that_count(data.weights);
  const auto count = static_cast<Index>(
      std::llround(std::clamp(share, 0.0, 1.0) * static_cast<double>(rows.size())));
  if (!(share > 0 && share < 1) || count == 0 || count == std::ssize(rows)) {
    throw UsageError(fmt::format("must be a share of the {} rows, above 0 and below 1, that is a "
                                 "row at least and not all, but is {}",
                                 rows.size(), share),
                     "flip_check");
  }
  std::vector<bool> had(static_cast<std::size_t>(classes));
  for (const Index row : rows) had[static_cast<std::size_t>(data.targets(row))] = true;
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  std::mt19937_64 random(sequence);
  for (Index i = 0; i < count; ++i) {
    std::swap(rows[static_cast<std::size_t>(i)],
              rows[static_cast<std::size_t>(i + below(random, std::ssize(rows) - i))]);
  }
  rows.resize(static_cast<std::size_t>(count));
  std::sort(rows.begin(), rows.end());
  for (const Index row : rows) {
    const auto other = static_cast<double>(below(random, classes - 1));
    data.targets(row) = other >= data.targets(row) ? other + 1 : other;
  }
  std::vector<bool> left(static_cast<std::size_t>(classes));
  for (const Index row : rows_that_count(data.weights)) {
    left[static_cast<std::size_t>(data.targets(row))] = true;
  }
  for (std::size_t c = 0; c < left.size(); ++c) {
    if (left[c] || !had[c]) continue;
    throw UsageError(fmt::format("the flips leave no row of class '{}'", data.class_names[c]),
                     "flip_check", "give another --seed or a smaller share");
  }
  return rows;
}

FlipCheck check_flips(const Vector& values, const Vector& weights,
                      const std::vector<Index>& flipped) {
  check_size("values", values.size(), weights.size());
  std::vector<bool> wrong(static_cast<std::size_t>(values.size()));
  for (const Index row : flipped) {
    if (row < 0 || row >= values.size() || weights(row) == 0) {
      throw UsageError(fmt::format("row {} is none that counts", row), "flipped");
    }
    wrong[static_cast<std::size_t>(row)] = true;
  }
  std::vector<Index> order = rows_that_count(weights);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return values(a) < values(b); });
  FlipCheck check{.rows = std::ssize(order), .flipped = std::ssize(flipped)};
  check_at_least("flipped rows", check.flipped, 1);

  const auto rows = static_cast<double>(check.rows), wanted = static_cast<double>(check.flipped);
  for (Index begin = 0, end = 0; begin < check.rows; begin = end) {
    double found = 0;  // among rows of this value
    const double value = values(order[static_cast<std::size_t>(begin)]);
    for (; end < check.rows && values(order[static_cast<std::size_t>(end)]) == value; ++end) {
      found += wrong[static_cast<std::size_t>(order[static_cast<std::size_t>(end)])] ? 1 : 0;
    }
    const auto first = static_cast<double>(begin), last = static_cast<double>(end);
    check.area += found / wanted * (1 - (first + last) / (2 * rows));
    const double inspected = std::clamp(wanted - first, 0.0, last - first);
    check.precision += found * inspected / (last - first) / wanted;
  }
  return check;
}

}  // namespace recant
