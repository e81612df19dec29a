// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/neighbor_utility.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>
#include <vector>

#include "class_text.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"

namespace recant {
namespace {

constexpr double kLargestTable = 4294967296.0;  // bytes

/// What all sets share: who is how far from whom, and whose label is right for whom.
struct NeighborTable {
  Index rows = 0, validation = 0, neighbors = 0;
  std::vector<double> distances;  ///< squared, of row i to validation row v at i * validation + v
  std::vector<bool> counts;       ///< false for rows of weight 0, which never vote
  Vector targets, validation_targets;
  std::uint64_t fingerprint = 0;

  [[nodiscard]] std::span<const double> of(Index row) const {
    return std::span(distances).subspan(static_cast<std::size_t>(row * validation),
                                        static_cast<std::size_t>(validation));
  }
};

/// Whether some distance is at most its bound: seldom, and so asked of many at once.
template <std::size_t kCount>
bool any_at_most(const double* distances, const double* bounds) {
  using Pair = double __attribute__((vector_size(16)));
  decltype(Pair{} <= Pair{}) some{};
  for (std::size_t k = 0; k < kCount; k += 2) {
    Pair distance, bound;
    std::memcpy(&distance, distances + k, sizeof distance);
    std::memcpy(&bound, bounds + k, sizeof bound);
    some |= distance <= bound;
  }
  return (some[0] | some[1]) != 0;
}

/// Keeps the K nearest rows of every validation row, nearest first.
class NeighborSet final : public GrowingSet {
 public:
  explicit NeighborSet(const NeighborTable& table)
      : table_(table),
        nearest_(static_cast<std::size_t>(table.validation * table.neighbors)),
        last_(static_cast<std::size_t>(table.validation)) {
    clear();
  }

  void clear() override {
    std::fill(nearest_.begin(), nearest_.end(), kNobody);
    std::fill(last_.begin(), last_.end(), kNobody.distance);
    matches_ = 0;
  }

  void add(Index row) override {
    if (!table_.counts[static_cast<std::size_t>(row)]) return;
    const auto distances = table_.of(row);
    constexpr std::size_t kStep = 16;
    std::size_t v = 0;
    for (; v + kStep <= distances.size(); v += kStep) {
      if (any_at_most<kStep>(distances.data() + v, last_.data() + v)) {
        insert_where_near(v, v + kStep, distances, row);
      }
    }
    insert_where_near(v, distances.size(), distances, row);
  }

  // Counted in whole votes: exact, and so the same for any order of the rows.
  double value() override {
    return static_cast<double>(matches_) /
           static_cast<double>(table_.neighbors * table_.validation);
  }

 private:
  struct Neighbor {
    double distance;
    Index row;
    friend auto operator<=>(const Neighbor&, const Neighbor&) = default;
  };
  static constexpr Neighbor kNobody{std::numeric_limits<double>::infinity(),
                                    std::numeric_limits<Index>::max()};

  void insert_where_near(std::size_t begin, std::size_t end, std::span<const double> distances,
                         Index row) {
    for (std::size_t v = begin; v < end; ++v) {
      if (distances[v] <= last_[v]) insert(static_cast<Index>(v), {distances[v], row});
    }
  }

  void insert(Index v, Neighbor found) {
    const auto k = static_cast<std::size_t>(table_.neighbors);
    const auto own = std::span(nearest_).subspan(static_cast<std::size_t>(v) * k, k);
    if (!(found < own.back())) return;
    matches_ += votes(found, v) - votes(own.back(), v);
    std::size_t at = k - 1;
    for (; at > 0 && found < own[at - 1]; --at) own[at] = own[at - 1];
    own[at] = found;
    last_[static_cast<std::size_t>(v)] = own.back().distance;
  }

  [[nodiscard]] Index votes(const Neighbor& neighbor, Index v) const {
    return neighbor.row != kNobody.row &&
           table_.targets(neighbor.row) == table_.validation_targets(v);
  }

  const NeighborTable& table_;
  std::vector<Neighbor> nearest_;
  std::vector<double> last_;  // distance of the last of the K, infinite while there are fewer
  Index matches_ = 0;
};

class NeighborUtility final : public SubsetUtility {
 public:
  explicit NeighborUtility(NeighborTable table) : table_(std::move(table)) {}
  [[nodiscard]] Index rows() const noexcept override { return table_.rows; }
  [[nodiscard]] std::unique_ptr<GrowingSet> empty_set() const override {
    return std::make_unique<NeighborSet>(table_);
  }
  [[nodiscard]] bool counts(Index row) const override {
    return table_.counts[static_cast<std::size_t>(row)];
  }
  void add_to(Fingerprint& fingerprint) const override {
    fingerprint.add(std::string_view("neighbors"));
    fingerprint.add(table_.fingerprint);
  }

 private:
  NeighborTable table_;
};

/// Rows that may join a set: those whose weight is not 0. @throws UsageError if some is negative.
std::vector<bool> rows_that_count(const Dataset& train) {
  check_size("row weights", train.weights.size(), train.rows());
  std::vector<bool> counts;
  for (const double weight : train.weights) {
    if (!(weight >= 0)) throw UsageError("must be >= 0 to value rows", "row weights");
    counts.push_back(weight > 0);
  }
  return counts;
}

/// A class on one side only has no values: its rows could never be right, or never be found.
void check_same_classes(const Dataset& train, const std::vector<bool>& counts,
                        const Dataset& validation) {
  std::set<double> own, wanted(validation.targets.begin(), validation.targets.end());
  for (Index i = 0; i < train.rows(); ++i) {
    if (counts[static_cast<std::size_t>(i)]) own.insert(train.targets(i));
  }
  for (const double target : own) {
    if (!wanted.contains(target)) {
      throw DataError(fmt::format("no row is of class {}", class_text(train, target)), "validation",
                      "add rows of that class");
    }
  }
  for (const double target : wanted) {
    if (!own.contains(target)) {
      throw DataError(fmt::format("has rows of class {}, of which no training row is",
                                  class_text(train, target)),
                      "validation", "leave them out");
    }
  }
}

void check_finite_features(const Dataset& data, const char* what) {
  for (Index i = 0; i < data.rows(); ++i) {
    if (!data.features.row(i).allFinite()) {
      throw DataError("features must be finite", what, "drop or repair the rows that are not");
    }
  }
}

}  // namespace

std::unique_ptr<SubsetUtility> neighbor_utility(const Dataset& train, const Dataset& validation,
                                                Index neighbors) {
  const Index n = train.rows(), count = validation.rows();
  std::vector<bool> counts = rows_that_count(train);
  const auto voters = std::count(counts.begin(), counts.end(), true);
  if (neighbors < 1 || neighbors > voters) {
    throw UsageError(
        fmt::format("neighbors must be between 1 and the {} training rows that count, but is {}",
                    voters, neighbors));
  }
  if (count == 0) throw UsageError("there is no validation row to vote on");
  check_size("columns of the validation rows", validation.features.columns(),
             train.features.columns());
  check_size("targets", train.targets.size(), n);
  check_size("validation targets", validation.targets.size(), count);
  check_same_classes(train, counts, validation);
  check_finite_features(train, "training rows");
  check_finite_features(validation, "validation rows");
  if (8.0 * static_cast<double>(n) * static_cast<double>(count) > kLargestTable) {
    throw UsageError(fmt::format("the distances of {} x {} rows take more than 4 GB", n, count),
                     "validation", "give fewer validation rows");
  }
  NeighborTable table{.rows = n,
                      .validation = count,
                      .neighbors = neighbors,
                      .distances = std::vector<double>(static_cast<std::size_t>(n * count)),
                      .counts = std::move(counts),
                      .targets = train.targets,
                      .validation_targets = validation.targets};
  // From differences, not from a matrix product: equal rows have equal distances to the last bit.
  parallel_for((n + 63) / 64, [&](Index part) {
    for (Index i = part * 64; i < std::min(n, (part + 1) * 64); ++i) {
      for (Index v = 0; v < count; ++v) {
        table.distances[static_cast<std::size_t>(i * count + v)] =
            (train.features.row(i) - validation.features.row(v)).squaredNorm();
      }
    }
  });
  Fingerprint fingerprint;
  fingerprint.add(neighbors);
  fingerprint.add(static_cast<std::int64_t>(table.distances.size()));
  for (Index i = 0; i < n; ++i) {
    check_interrupt();  // the whole table takes seconds
    for (const double distance : table.of(i)) fingerprint.add(distance);
  }
  for (const Vector* targets : {&table.targets, &table.validation_targets}) {
    fingerprint.add(
        std::span<const double>(targets->data(), static_cast<std::size_t>(targets->size())));
  }
  for (const bool counts_too : table.counts) fingerprint.add(static_cast<std::int64_t>(counts_too));
  table.fingerprint = fingerprint.value();
  return std::make_unique<NeighborUtility>(std::move(table));
}

}  // namespace recant
