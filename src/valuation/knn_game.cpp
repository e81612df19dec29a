// SPDX-License-Identifier: Apache-2.0
#include "knn_game.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "class_text.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

std::vector<std::int32_t> class_codes(const Vector& targets, const char* side) {
  std::vector<std::int32_t> codes(static_cast<std::size_t>(targets.size()));
  for (Index i = 0; i < targets.size(); ++i) {
    const double target = targets(i);
    if (!(target >= 0 && target < 2147483647.0 && target == std::floor(target))) {
      throw UsageError(fmt::format("row {} has a target that is no class number", i), side);
    }
    codes[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(target);
  }
  return codes;
}

/// Values of a class that the other side has not would mean nothing: rows of it could only be in
/// the way, or nobody could be right. Training rows other than `rows` are not there.
void check_same_classes(const Dataset& training, const std::vector<std::int32_t>& codes,
                        std::span<const std::uint32_t> rows,
                        const std::vector<std::int32_t>& validation_codes) {
  const auto mark = [](std::vector<bool>& found, std::int32_t code) {
    const auto at = static_cast<std::size_t>(code);
    if (at >= found.size()) found.resize(at + 1);
    found[at] = true;
  };
  std::vector<bool> ours, theirs;
  for (const std::uint32_t row : rows) mark(ours, codes[row]);
  for (const std::int32_t code : validation_codes) mark(theirs, code);
  for (std::size_t code = 0; code < std::max(ours.size(), theirs.size()); ++code) {
    const bool here = code < ours.size() && ours[code];
    const bool there = code < theirs.size() && theirs[code];
    if (here && !there) {
      throw DataError(fmt::format("no row is of class {}, so no training row of that class could "
                                  "get a value above 0",
                                  class_text(training, static_cast<double>(code))),
                      "validation", "add rows of that class");
    }
    if (there && !here) {
      throw DataError(fmt::format("has rows of class {}, of which no training row is",
                                  class_text(training, static_cast<double>(code))),
                      "validation", "leave them out");
    }
  }
}

/// Of a target or the baseline: squares, and sums of these over all rows, stay finite.
constexpr double kLargestTarget = 1e140;

Vector moderate_targets(const Vector& targets, const char* side) {
  for (Index i = 0; i < targets.size(); ++i) {
    if (!(std::abs(targets(i)) <= kLargestTarget)) {
      throw DataError(
          fmt::format("row {} has a target that is not finite, or too large to square", i), side,
          "scale the targets");
    }
  }
  return targets;
}

/// K* of the truncated values, or all rows.
std::size_t rows_looked_at(const KnnShapleyOptions& options, std::size_t rows) {
  if (!options.truncate) return rows;
  const double wanted = std::max<double>(options.neighbors, std::ceil(1 / *options.truncate));
  // One more, of rank K* + 1, is the first that is given 0.
  return wanted + 1 < static_cast<double>(rows) ? static_cast<std::size_t>(wanted) + 1 : rows;
}

}  // namespace

KnnGame::KnnGame(KnnUtility utility, const Dataset& training, const Dataset& validation,
                 std::span<const std::uint32_t> rows, const KnnShapleyOptions& options)
    : utility_(utility), neighbors_(options.neighbors), ties_(options.ties), rows_(rows.size()) {
  validate(options);
  for (const std::uint32_t row : rows) {
    weights_differ_ |= training.weights(row) != training.weights(rows.front());
  }
  if (utility == KnnUtility::kVote) {
    if (options.truncate && ties_ == TieRule::kShared) {
      throw UsageError("truncated values are for ties by row number", "ties");
    }
    classes_ = class_codes(training.targets, "training");
    validation_classes_ = class_codes(validation.targets, "validation");
    check_same_classes(training, classes_, rows, validation_classes_);
  } else {
    if (options.truncate) throw UsageError("is for classification", "truncate");
    if (ties_ == TieRule::kShared) throw UsageError("shared ties are for classification", "ties");
    targets_ = moderate_targets(training.targets, "training");
    validation_targets_ = moderate_targets(validation.targets, "validation");
    double sum = 0;
    for (const std::uint32_t row : rows) sum += targets_(row);
    baseline_ = options.baseline.value_or(sum / static_cast<double>(rows_));
    if (options.baseline) check_between("baseline", baseline_, -kLargestTarget, kLargestTarget);
    targets_.array() -= baseline_;
    validation_targets_.array() -= baseline_;
  }
  nearest_ = rows_looked_at(options, rows_);
  reach_.resize(nearest_ + 1);
  for (std::size_t i = 0; i <= nearest_; ++i) {
    reach_[i] = 1 / std::max(static_cast<double>(i), static_cast<double>(neighbors_));
  }
}

KnnShapleyResult KnnGame::begin_result() const {
  KnnShapleyResult result;
  result.rows_valued = static_cast<Index>(rows_);
  result.weights_ignored = weights_differ_;
  if (nearest_ < rows_) result.error_bound = 1 / static_cast<double>(nearest_);
  if (utility_ == KnnUtility::kSquaredError) result.baseline = baseline_;
  return result;
}

KnnGame::Utilities KnnGame::play(Index validation_row, std::span<const RankedRow> ranks,
                                 std::span<double> values, std::vector<double>& scratch) const {
  const std::size_t voters = std::min(ranks.size(), static_cast<std::size_t>(neighbors_));
  const auto k = static_cast<double>(neighbors_);
  if (ranks.size() < values.size()) std::fill(values.begin(), values.end(), 0.0);
  if (utility_ == KnnUtility::kSquaredError) {
    const double wanted = validation_targets_(validation_row);
    double sum = 0;
    for (std::size_t i = 0; i < voters; ++i) sum += targets_(row_of(ranks[i]));
    squared_error(wanted, ranks, values, scratch);
    const double off = sum / k - wanted;
    return {-off * off, -wanted * wanted};
  }
  const std::int32_t wanted = validation_classes_[static_cast<std::size_t>(validation_row)];
  if (ties_ == TieRule::kRowNumber) {
    double matches = 0;
    for (std::size_t i = 0; i < voters; ++i) matches += classes_[row_of(ranks[i])] == wanted;
    vote(wanted, ranks, values);
    return {matches / k, 0};
  }
  vote_shared(wanted, ranks, values);
  // Of the last group of ties that votes, a fair share does.
  double matches = 0;
  for (std::size_t begin = 0; begin < voters;) {
    std::size_t end = begin + 1;
    while (end < ranks.size() && tied(ranks[end])) ++end;
    double group = 0;
    for (std::size_t i = begin; i < end; ++i) group += classes_[row_of(ranks[i])] == wanted;
    const auto size = static_cast<double>(end - begin);
    matches += group * static_cast<double>(std::min(end, voters) - begin) / size;
    begin = end;
  }
  return {matches / k, 0};
}

/// s_i = s_{i+1} + (m_i - m_{i+1}) / max(i, K), from a row beyond the last that matches nothing.
void KnnGame::vote(std::int32_t wanted, std::span<const RankedRow> ranks,
                   std::span<double> values) const {
  std::size_t i = ranks.size();
  double value = 0, match_behind = 0;
  if (nearest_ < rows_) {  // truncated: the last of the ranks is the first that is given 0
    match_behind = classes_[row_of(ranks[i - 1])] == wanted;
    values[row_of(ranks[i - 1])] = 0;
    --i;
  }
  for (; i > 0; --i) {
    const std::size_t row = row_of(ranks[i - 1]);
    const double match = classes_[row] == wanted;
    value += (match - match_behind) * reach_[i];
    values[row] = value;
    match_behind = match;
  }
}

/// The mean of vote() over all orders of rows at the same distance. With q_i = 1 / max(i, K),
/// s_i = m_i q_i - sum_{j > i} m_j (q_{j-1} - q_j); in a group of ranks a..b with `matches` of
/// `size`, a row is at each of the ranks with equal chances, and of the others behind it
/// (matches - m) / (size - 1) match.
void KnnGame::vote_shared(std::int32_t wanted, std::span<const RankedRow> ranks,
                          std::span<double> values) const {
  double behind = 0;  // sum over the groups behind of their m_j (q_{j-1} - q_j)
  for (std::size_t end = ranks.size(); end > 0;) {
    std::size_t begin = end - 1;
    while (tied(ranks[begin])) --begin;
    double matches = 0, reach = 0;
    for (std::size_t i = begin; i < end; ++i) {
      matches += classes_[row_of(ranks[i])] == wanted;
      reach += reach_[i + 1];
    }
    const auto size = static_cast<double>(end - begin);
    reach /= size;
    const double last = reach_[end];
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t row = row_of(ranks[i]);
      const double match = classes_[row] == wanted;
      const double others = size > 1 ? (matches - match) / (size - 1) * (reach - last) : 0;
      values[row] = match * reach - others - behind;
    }
    if (begin > 0) behind += matches / size * (reach_[begin] - last);
    end = begin;
  }
}

/// With z the targets less the baseline, c the wanted one less it, q_i = 1 / max(i, K) and
/// h_i = 1/K^2 for 2 <= i <= K, (K-1)/K / (i (i-1)) beyond (the chance, with a factor, that one
/// row in front of i votes while i may vote too):
///   s_i = s_{i+1} + (z_{i+1} - z_i) ( ((z_i + z_{i+1})/K - 2 c) q_i
///                                     + h_i sum_{l < i} z_l + sum_{l > i+1} h_{l-1} z_l )
/// from a row beyond the last with z = 0.
void KnnGame::squared_error(double wanted, std::span<const RankedRow> ranks,
                            std::span<double> values, std::vector<double>& before) const {
  const auto k = static_cast<double>(neighbors_);
  const auto votes_with = [&](std::size_t i) {
    const auto rank = static_cast<double>(i);
    return i < 2 ? 0 : rank <= k ? 1 / (k * k) : (k - 1) / k / (rank * (rank - 1));
  };
  before.resize(ranks.size());  // sum of z in front
  double sum = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    before[i] = sum;
    sum += targets_(row_of(ranks[i]));
  }
  double value = 0, z_behind = 0, further = 0;  // further: the last sum above
  for (std::size_t i = ranks.size(); i > 0; --i) {
    const std::size_t row = row_of(ranks[i - 1]);
    const double z = targets_(row), h = votes_with(i);
    value += (z_behind - z) *
             (((z + z_behind) / k - 2 * wanted) * reach_[i] + h * before[i - 1] + further);
    values[row] = value;
    further += h * z_behind;
    z_behind = z;
  }
}

KnnShapleyResult play_all(const KnnGame& game, Index training_rows, Index validation_rows,
                          std::size_t lanes, const RankSource& source,
                          const ProgressCallback& progress) {
  KnnShapleyResult result = game.begin_result();
  result.values = Vector::Zero(training_rows);
  std::vector<KnnGame::Utilities> utilities(static_cast<std::size_t>(validation_rows));
  std::vector<std::vector<double>> scratch(lanes);
  for (Index begin = 0; begin < validation_rows; begin += source.chunk_rows) {
    const RowBlock chunk{begin, std::min(validation_rows, begin + source.chunk_rows)};
    if (progress) {
      progress(
          {"validation rows", static_cast<double>(begin), static_cast<double>(validation_rows)});
    }
    source.prepare(chunk);
    parallel_for(static_cast<Index>(lanes), [&](Index lane) {
      const auto l = static_cast<std::size_t>(lane);
      for (Index v = begin + lane; v < chunk.end; v += static_cast<Index>(lanes)) {
        const auto ranks = source.ranks(v, l);
        utilities[static_cast<std::size_t>(v)] = game.play(v, ranks, source.column(v), scratch[l]);
      }
    });
    for_each_block(training_rows, [&](RowBlock block) {
      for (Index v = begin; v < chunk.end; ++v) {
        const double* values = source.column(v).data();
        for (Index i = block.begin; i < block.end; ++i) result.values(i) += values[i];
      }
    });
  }
  for (const KnnGame::Utilities& utility : utilities) {
    result.utility += utility.all;
    result.empty_utility += utility.none;
  }
  const auto count = static_cast<double>(validation_rows);
  result.values /= count;
  result.utility /= count;
  result.empty_utility /= count;
  return result;
}

}  // namespace recant
