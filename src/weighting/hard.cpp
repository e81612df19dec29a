// SPDX-License-Identifier: Apache-2.0
#include "recant/weighting/hard.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "vectors.hpp"

// docs/mathematics.md section 4.1.
namespace recant {
namespace {

struct Candidate {
  double score = 0;
  Index row = 0;
};

bool goes_first(const Candidate& x, const Candidate& y) {
  return x.score > y.score || (x.score == y.score && x.row < y.row);
}

/// Rows with weight, with score_j = -sign(value) w_j I_m(j).
std::vector<Candidate> candidates(ConstVectorRef influence, double value, ConstVectorRef weights) {
  const double sign = value > 0 ? 1 : -1;
  std::vector<Candidate> out;
  for (Index j = 0; j < weights.size(); ++j) {
    if (weights[j] > 0) out.push_back({-sign * weights[j] * influence[j], j});
  }
  return out;
}

/// Puts the first `count` of the order in front, sorted; the rest stays as it is.
/// `sorted` of them already are.
void sort_front(std::vector<Candidate>& rows, std::size_t sorted, std::size_t count) {
  const auto from = rows.begin() + static_cast<std::ptrdiff_t>(sorted);
  const auto to = rows.begin() + static_cast<std::ptrdiff_t>(count);
  if (to != rows.end()) std::nth_element(from, to, rows.end(), goes_first);
  std::sort(from, to, goes_first);
}

void take(const Candidate& candidate, ConstVectorRef weights, HardWeights& out) {
  out.rows.push_back(candidate.row);
  out.change.delta[candidate.row] = -weights[candidate.row];
  out.predicted_reduction += candidate.score;
}

void take_count(std::vector<Candidate> rows, std::size_t count, ConstVectorRef weights,
                HardWeights& out) {
  out.stop = count > rows.size() ? HardStop::kNoRows : HardStop::kCount;
  count = std::min(count, rows.size());
  sort_front(rows, 0, count);
  for (std::size_t i = 0; i < count; ++i) take(rows[i], weights, out);
}

void take_while_within(std::vector<Candidate> rows, double total, ConstVectorRef weights,
                       HardWeights& out) {
  std::erase_if(rows, [](const Candidate& candidate) { return !(candidate.score > 0); });
  // Sorted in growing pieces: few rows are taken as a rule, and n may be millions.
  std::size_t sorted = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == sorted) {
      const std::size_t next = std::min(rows.size(), std::max<std::size_t>(1024, 2 * sorted));
      sort_front(rows, sorted, next);
      sorted = next;
    }
    if (!(out.predicted_reduction + rows[i].score <= total)) {
      out.stop = HardStop::kReached;
      return;
    }
    take(rows[i], weights, out);
  }
  out.stop = HardStop::kNoGain;
}

std::size_t rows_of_share(double share, Index n) {
  // 0.29 * 100 is a little less than 29.
  const double wanted = std::floor(share * static_cast<double>(n) * (1 + 1e-12));
  return static_cast<std::size_t>(std::max(wanted, 1.0));
}

void check(ConstVectorRef influence, double value, ConstVectorRef weights,
           const HardOptions& options) {
  validate(options);
  const int given =
      options.count.has_value() + options.share.has_value() + options.predicted_total.has_value();
  if (given != 1) {
    throw UsageError(fmt::format(
        "exactly one of count, share and predicted_total must be set, but {} are", given));
  }
  if (options.count) check_at_least("count", *options.count, 1);
  if (options.share) {
    check_positive("share", *options.share);
    check_between("share", *options.share, 0, 1);
  }
  check_finite("value", value);
  check_size("influence", influence.size(), weights.size());
  check_entries_finite("influence", influence);
  check_entries_non_negative("weights", weights);
}

}  // namespace

std::string_view name(HardStop stop) noexcept {
  constexpr std::array<std::string_view, 5> kNames = {"count", "no_rows", "reached", "no_gain",
                                                      "no_metric"};
  return kNames[static_cast<std::size_t>(stop)];
}

HardWeights hard_weights(ConstVectorRef influence, double value, ConstVectorRef weights,
                         const HardOptions& options) {
  check(influence, value, weights, options);
  HardWeights out{.change = {.delta = Vector::Zero(weights.size())}, .predicted_value = value};
  std::vector<Candidate> rows = candidates(influence, value, weights);
  if (options.count && *options.count > static_cast<Index>(rows.size())) {
    throw UsageError(fmt::format("count must be at most {}, the rows that have weight, but is {}",
                                 rows.size(), *options.count));
  }
  if (value == 0) {
    out.stop = HardStop::kNoMetric;
    return out;
  }
  if (options.count) {
    take_count(std::move(rows), static_cast<std::size_t>(*options.count), weights, out);
  } else if (options.share) {
    take_count(std::move(rows), rows_of_share(*options.share, weights.size()), weights, out);
  } else {
    take_while_within(std::move(rows), *options.predicted_total * std::abs(value), weights, out);
  }
  out.predicted_value = value - (value > 0 ? 1 : -1) * out.predicted_reduction;
  return out;
}

Reweighting delete_rows(std::span<const Index> rows, ConstVectorRef weights) {
  check_entries_non_negative("weights", weights);
  Reweighting out{.delta = Vector::Zero(weights.size())};
  for (const Index row : rows) {
    if (!(row >= 0 && row < weights.size())) {
      throw UsageError(
          fmt::format("row must be between 0 and {}, but is {}", weights.size() - 1, row));
    }
    if (out.delta[row] != 0) throw UsageError(fmt::format("row {} is listed twice", row));
    if (weights[row] == 0) throw UsageError(fmt::format("row {} has no weight to delete", row));
    out.delta[row] = -weights[row];
  }
  return out;
}

}  // namespace recant
