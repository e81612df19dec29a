// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/neighbor_utility.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "class_text.hpp"
#include "near_rows.hpp"
#include "neighbor_order.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

/// What all sets share.
struct Voters {
  FeatureMatrix features, validation_features;
  std::vector<bool> counts;  ///< false for rows of weight 0, which never vote
  Vector targets, validation_targets;
  Index neighbors = 0;
  NearRows near;

  [[nodiscard]] Index rows() const noexcept { return features.rows(); }
  [[nodiscard]] Index validation() const noexcept { return validation_features.rows(); }
};

/// Keeps the K nearest rows of every validation row, nearest first. Once they are all near ones,
/// only near ones can still take a place.
class NeighborSet final : public GrowingSet {
 public:
  explicit NeighborSet(const Voters& voters)
      : voters_(voters),
        nearest_(static_cast<std::size_t>(voters.validation() * voters.neighbors)),
        last_rank_(static_cast<std::size_t>(voters.validation())) {
    clear();
  }

  void clear() override {
    std::fill(nearest_.begin(), nearest_.end(), kNobody);
    std::fill(last_rank_.begin(), last_rank_.end(), kNotNear);
    open_.resize(last_rank_.size());
    std::iota(open_.begin(), open_.end(), Index{0});
    votes_ = 0;
  }

  void add(Index row) override {
    if (!voters_.counts[static_cast<std::size_t>(row)]) return;
    for (const auto& [v, rank] : voters_.near.of(row)) {
      if (rank < last_rank_[v]) insert(v, {near_order(rank), row});
    }
    add_to_open(row);
  }

  // Counted in whole votes: exact, and so the same for any order of the rows.
  double value() override {
    return static_cast<double>(votes_) /
           static_cast<double>(voters_.neighbors * voters_.validation());
  }

 private:
  /// Compares as distances do: a near row has its rank less their number, another its distance.
  struct Neighbor {
    double order;
    Index row;
    friend auto operator<=>(const Neighbor&, const Neighbor&) = default;
  };
  static constexpr Neighbor kNobody{std::numeric_limits<double>::infinity(),
                                    std::numeric_limits<Index>::max()};
  static constexpr std::uint32_t kNotNear = std::numeric_limits<std::uint32_t>::max();

  [[nodiscard]] double near_order(std::uint32_t rank) const {
    return static_cast<double>(rank) - static_cast<double>(voters_.near.count());
  }

  /// To validation rows whose K are not all near: whoever is not near itself has to be measured.
  void add_to_open(Index row) {
    const double* own = voters_.features.row(row).data();
    for (std::size_t k = 0; k < open_.size();) {
      const Index v = open_[k];
      if (last_rank_[static_cast<std::size_t>(v)] != kNotNear) {
        open_[k] = open_.back();
        open_.pop_back();
        continue;
      }
      const double distance = squared_distance(own, voters_.validation_features.row(v).data(),
                                               voters_.features.columns());
      if (voters_.near.last(v) < Distance{distance, row}) {
        insert(static_cast<std::size_t>(v), {distance, row});
      }
      ++k;
    }
  }

  void insert(std::size_t v, Neighbor found) {
    const auto k = static_cast<std::size_t>(voters_.neighbors);
    const auto own = std::span(nearest_).subspan(v * k, k);
    if (!(found < own.back())) return;
    votes_ += is_right(found, v) - is_right(own.back(), v);
    std::size_t at = k - 1;
    for (; at > 0 && found < own[at - 1]; --at) own[at] = own[at - 1];
    own[at] = found;
    const double last = own.back().order;
    if (last < 0) {
      last_rank_[v] = static_cast<std::uint32_t>(last + static_cast<double>(voters_.near.count()));
    }
  }

  [[nodiscard]] Index is_right(const Neighbor& neighbor, std::size_t v) const {
    return neighbor.row != kNobody.row &&
           voters_.targets(neighbor.row) == voters_.validation_targets(static_cast<Index>(v));
  }

  const Voters& voters_;
  std::vector<Neighbor> nearest_;
  std::vector<std::uint32_t> last_rank_;  // of the last of the K, if it is near
  std::vector<Index> open_;               // validation rows without, when last looked at
  Index votes_ = 0;
};

class NeighborUtility final : public SubsetUtility {
 public:
  explicit NeighborUtility(Voters voters) : voters_(std::move(voters)) {}
  [[nodiscard]] Index rows() const noexcept override { return voters_.rows(); }
  [[nodiscard]] std::unique_ptr<GrowingSet> empty_set() const override {
    return std::make_unique<NeighborSet>(voters_);
  }
  [[nodiscard]] bool counts(Index row) const override {
    return voters_.counts[static_cast<std::size_t>(row)];
  }
  void add_to(Fingerprint& fingerprint) const override {
    fingerprint.add(std::string_view("neighbors"));
    fingerprint.add(voters_.neighbors);
    for (const FeatureMatrix* features : {&voters_.features, &voters_.validation_features}) {
      fingerprint.add(features->rows());
      fingerprint.add(features->columns());
      for (Index i = 0; i < features->rows(); ++i) {
        for (const double value : features->row(i).row(0)) fingerprint.add(value);
      }
    }
    for (const Vector* targets : {&voters_.targets, &voters_.validation_targets}) {
      fingerprint.add(
          std::span<const double>(targets->data(), static_cast<std::size_t>(targets->size())));
    }
    for (const bool counts_too : voters_.counts) {
      fingerprint.add(static_cast<std::int64_t>(counts_too));
    }
  }

 private:
  Voters voters_;
};

/// Which rows may join a set: those whose weight is not 0. @throws UsageError if some is negative.
std::vector<bool> which_count(const Dataset& train) {
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
  std::vector<bool> counts = which_count(train);
  const auto voters = std::count(counts.begin(), counts.end(), true);
  if (neighbors < 1 || neighbors > voters) {
    throw UsageError(
        fmt::format("neighbors must be between 1 and the {} training rows that count, but is {}",
                    voters, neighbors));
  }
  if (validation.rows() == 0) throw UsageError("there is no validation row to vote on");
  check_size("columns of the validation rows", validation.features.columns(),
             train.features.columns());
  check_size("targets", train.targets.size(), train.rows());
  check_size("validation targets", validation.targets.size(), validation.rows());
  check_same_classes(train, counts, validation);
  check_finite_features(train, "training rows");
  check_finite_features(validation, "validation rows");
  const Index near =
      near_rows_worth_keeping(voters, train.features.columns(), validation.rows(), neighbors);
  constexpr double kMostBytes = 4e9, kBytesOfNearRow = 12;
  if (kBytesOfNearRow * static_cast<double>(near) * static_cast<double>(validation.rows()) >
      kMostBytes) {
    throw UsageError(
        fmt::format("{} near rows of each of {} rows take more than 4 GB", near, validation.rows()),
        "validation", "give fewer validation rows or fewer neighbors");
  }
  return std::make_unique<NeighborUtility>(
      Voters{.features = train.features,
             .validation_features = validation.features,
             .counts = std::move(counts),
             .targets = train.targets,
             .validation_targets = validation.targets,
             .neighbors = neighbors,
             .near = {train.features, rows_that_count(train), validation.features, near}});
}

}  // namespace recant
