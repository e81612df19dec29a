// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/neighbour_utility.hpp"

#include <fmt/format.h>

#include <limits>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr double kLargestTable = 4294967296.0;  // bytes

/// What all sets share: who is how far from whom, and whose label is right for whom.
struct NeighbourTable {
  Index rows = 0, validation = 0, neighbours = 0;
  std::vector<double> distances;  ///< squared, of row i to validation row v at i * validation + v
  Vector targets, validation_targets;
  std::uint64_t fingerprint = 0;

  [[nodiscard]] std::span<const double> of(Index row) const {
    return std::span(distances).subspan(static_cast<std::size_t>(row * validation),
                                        static_cast<std::size_t>(validation));
  }
};

/// Keeps the K nearest rows of every validation row, nearest first.
class NeighbourSet final : public GrowingSet {
 public:
  explicit NeighbourSet(const NeighbourTable& table)
      : table_(table),
        nearest_(static_cast<std::size_t>(table.validation * table.neighbours)),
        last_(static_cast<std::size_t>(table.validation)) {
    clear();
  }

  void clear() override {
    std::fill(nearest_.begin(), nearest_.end(), kNobody);
    std::fill(last_.begin(), last_.end(), kNobody.distance);
    matches_ = 0;
  }

  void add(Index row) override {
    const auto distances = table_.of(row);
    for (std::size_t v = 0; v < distances.size(); ++v) {
      if (distances[v] <= last_[v]) insert(static_cast<Index>(v), {distances[v], row});
    }
  }

  // Counted in whole votes: exact, and so the same for any order of the rows.
  double value() override {
    return static_cast<double>(matches_) /
           static_cast<double>(table_.neighbours * table_.validation);
  }

 private:
  struct Neighbour {
    double distance;
    Index row;
    friend auto operator<=>(const Neighbour&, const Neighbour&) = default;
  };
  static constexpr Neighbour kNobody{std::numeric_limits<double>::infinity(),
                                     std::numeric_limits<Index>::max()};

  void insert(Index v, Neighbour found) {
    const auto k = static_cast<std::size_t>(table_.neighbours);
    const auto own = std::span(nearest_).subspan(static_cast<std::size_t>(v) * k, k);
    if (!(found < own.back())) return;
    matches_ += votes(found, v) - votes(own.back(), v);
    std::size_t at = k - 1;
    for (; at > 0 && found < own[at - 1]; --at) own[at] = own[at - 1];
    own[at] = found;
    last_[static_cast<std::size_t>(v)] = own.back().distance;
  }

  [[nodiscard]] Index votes(const Neighbour& neighbour, Index v) const {
    return neighbour.row != kNobody.row &&
           table_.targets(neighbour.row) == table_.validation_targets(v);
  }

  const NeighbourTable& table_;
  std::vector<Neighbour> nearest_;
  std::vector<double> last_;  // distance of the last of the K, infinite while there are fewer
  Index matches_ = 0;
};

class NeighbourUtility final : public SubsetUtility {
 public:
  explicit NeighbourUtility(NeighbourTable table) : table_(std::move(table)) {}
  [[nodiscard]] Index rows() const noexcept override { return table_.rows; }
  [[nodiscard]] std::unique_ptr<GrowingSet> empty_set() const override {
    return std::make_unique<NeighbourSet>(table_);
  }
  void add_to(Fingerprint& fingerprint) const override {
    fingerprint.add(std::string_view("neighbours"));
    fingerprint.add(table_.fingerprint);
  }

 private:
  NeighbourTable table_;
};

void check_finite_features(const Dataset& data, const char* what) {
  if (!data.features.view().allFinite()) {
    throw DataError("features must be finite", what, "drop or repair the rows that are not");
  }
}

}  // namespace

std::unique_ptr<SubsetUtility> neighbour_utility(const Dataset& train, const Dataset& validation,
                                                 Index neighbours) {
  const Index n = train.rows(), count = validation.rows();
  if (neighbours < 1 || neighbours > n) {
    throw UsageError(fmt::format("neighbours must be between 1 and the {} training rows, but is {}",
                                 n, neighbours));
  }
  if (count == 0) throw UsageError("there is no validation row to vote on");
  check_size("columns of the validation rows", validation.features.columns(),
             train.features.columns());
  check_size("targets", train.targets.size(), n);
  check_size("validation targets", validation.targets.size(), count);
  check_finite_features(train, "training rows");
  check_finite_features(validation, "validation rows");
  if (8.0 * static_cast<double>(n) * static_cast<double>(count) > kLargestTable) {
    throw UsageError(fmt::format("the distances of {} x {} rows take more than 4 GB", n, count),
                     "validation", "give fewer validation rows");
  }
  NeighbourTable table{.rows = n,
                       .validation = count,
                       .neighbours = neighbours,
                       .distances = std::vector<double>(static_cast<std::size_t>(n * count)),
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
  fingerprint.add(neighbours);
  fingerprint.add(std::span<const double>(table.distances));
  for (const Vector* targets : {&table.targets, &table.validation_targets}) {
    fingerprint.add(
        std::span<const double>(targets->data(), static_cast<std::size_t>(targets->size())));
  }
  table.fingerprint = fingerprint.value();
  return std::make_unique<NeighbourUtility>(std::move(table));
}

}  // namespace recant
