// SPDX-License-Identifier: Apache-2.0
#include "neighbor_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "radix_sort.hpp"
#include "recant/core/error.hpp"
#include "recant/core/threads.hpp"
#include "recant/linalg/row_kernels.hpp"

namespace recant {
namespace {

constexpr Index kPieceRows = 256;  // of a block, so that a centred copy stays in cache

/// Of |x - mu|^2. Then every distance, at most 2 |x - mu|^2 + 2 |v - mu|^2, is at most half of what
/// a double holds, and so is every part of the sum that it is made from.
constexpr double kLargestNorm = std::numeric_limits<double>::max() / 8;

/// Least and largest distance of the rows; four at a time, as each comparison waits for the last.
std::pair<double, double> range_of(const double* distances,
                                   const std::vector<std::uint32_t>& rows) {
  std::array<double, 4> low, high;
  low.fill(INFINITY);
  high.fill(-INFINITY);
  const auto meet = [&](std::size_t k, std::size_t i) {
    low[k] = std::min(low[k], distances[rows[i]]);
    high[k] = std::max(high[k], distances[rows[i]]);
  };
  std::size_t i = 0;
  for (; i + 4 <= rows.size(); i += 4) {
    for (std::size_t k = 0; k < 4; ++k) meet(k, i + k);
  }
  for (; i < rows.size(); ++i) meet(0, i);
  return {*std::min_element(low.begin(), low.end()), *std::max_element(high.begin(), high.end())};
}

/// Drops what is certainly not among the nearest: beyond the bin that holds the last of them.
void keep_nearest(std::vector<std::uint64_t>& items, std::size_t nearest, std::uint64_t slack) {
  std::array<std::uint32_t, 4096> bins{};  // by the upper 12 of the 32 bits of steps
  for (const std::uint64_t item : items) ++bins[item >> 52];
  std::size_t bin = 0;
  for (std::size_t count = bins[0]; count < nearest; count += bins[bin]) ++bin;
  const std::uint64_t last = ((static_cast<std::uint64_t>(bin) + 1) << 20) + slack;
  std::erase_if(items, [&](std::uint64_t item) { return item >> 32 > last; });
}

Vector mean_row(const FeatureMatrix& features) {
  const Index d = features.columns();
  Matrix sums = reduce_rows(
      features.rows(), 16, Matrix(Matrix::Zero(d, 1)),
      [&](Matrix& sum, RowBlock block) {
        add_weighted_rows(features.block(block), false, Matrix::Ones(block.size(), 1), sum);
      },
      [](Matrix& into, const Matrix& from) { into += from; });
  return sums.col(0) / static_cast<double>(features.rows());
}

/// |x - center|^2 of every row.
Vector centred_norms(const FeatureMatrix& features, const Vector& center, const char* side) {
  Vector norms(features.rows());
  for_each_block(features.rows(), [&](RowBlock block) {
    for (Index i = block.begin; i < block.end; ++i) {
      norms(i) = (features.row(i) - center.transpose()).squaredNorm();
    }
  });
  for (Index i = 0; i < norms.size(); ++i) {
    if (!(norms(i) <= kLargestNorm)) {
      throw DataError(fmt::format("{} row {} has features that are not finite, or too large for "
                                  "squared distances",
                                  side, i),
                      "features", "scale the features");
    }
  }
  return norms;
}

}  // namespace

// Four partial sums, added in pairs: the same for a row wherever it stands.
double squared_distance(const double* x, const double* v, Index d) {
  double sums[4] = {0, 0, 0, 0};
  Index j = 0;
  for (; j + 4 <= d; j += 4) {
    for (Index k = 0; k < 4; ++k) {
      const double difference = x[j + k] - v[j + k];
      sums[k] += difference * difference;
    }
  }
  for (; j < d; ++j) sums[0] += (x[j] - v[j]) * (x[j] - v[j]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

Index validation_rows_at_once(Index training_rows, Index validation_rows) {
  constexpr Index kDoubles = Index{1} << 22;
  const Index least = std::max<Index>(16, threads());
  return std::min(validation_rows,
                  std::clamp(kDoubles / training_rows, least, std::max<Index>(least, 256)));
}

std::vector<std::uint32_t> rows_that_count(const Dataset& training) {
  const Index n = training.rows();
  if (n >= Index{kTied}) throw UsageError("more than 2^31 - 1 training rows", "training");
  std::vector<std::uint32_t> rows;
  rows.reserve(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    const double weight = training.weights(i);
    if (!(std::isfinite(weight) && weight >= 0)) {
      throw UsageError(fmt::format("row {} has a weight that is not >= 0, so no set of rows that "
                                   "has it or has it not stands for the weights",
                                   i),
                       "training", "value the model it was corrected from, or correct with bounds");
    }
    if (weight > 0) rows.push_back(static_cast<std::uint32_t>(i));
  }
  if (rows.empty()) throw UsageError("no training row has a weight above 0", "training");
  return rows;
}

NeighborOrder::NeighborOrder(const FeatureMatrix& training, const std::vector<std::uint32_t>& rows,
                             const FeatureMatrix& validation)
    : training_(training), validation_(validation), rows_(rows) {
  if (validation.rows() == 0) throw DataError("there is no validation row", "validation");
  if (training.columns() != validation.columns()) {
    throw UsageError(fmt::format("have {} columns, but those of training have {}",
                                 validation.columns(), training.columns()),
                     "validation features");
  }
  chunk_rows_ = validation_rows_at_once(training.rows(), validation.rows());
  center_ = mean_row(training);
  norms_ = centred_norms(training, center_, "training");
  static_cast<void>(centred_norms(validation, center_, "validation"));
}

void NeighborOrder::measure(RowBlock chunk) {
  chunk_ = chunk;
  const Index d = training_.columns(), count = chunk.size();
  Matrix points = RowsView(validation_.block(chunk)).transpose();
  points.colwise() -= center_;
  const Vector point_norms = points.colwise().squaredNorm().transpose();
  points *= -2;
  chunk_norms_.assign(point_norms.data(), point_norms.data() + count);
  distances_.resize(training_.rows(), count);
  for_each_block(training_.rows(), [&](RowBlock block) {
    RowMatrix centred(std::min(kPieceRows, block.size()), d);
    for (Index begin = block.begin; begin < block.end; begin += kPieceRows) {
      const Index size = std::min(kPieceRows, block.end - begin);
      centred.topRows(size) =
          RowsView(training_.block({begin, begin + size})).rowwise() - center_.transpose();
      auto piece = distances_.middleRows(begin, size);
      row_scores(RowsView(centred.data(), size, d), false, points, piece);
      for (Index c = 0; c < count; ++c) {
        piece.col(c).array() += norms_.segment(begin, size).array() + point_norms(c);
      }
    }
  });
}

std::span<double> NeighborOrder::column(Index validation_row) {
  return {distances_.col(validation_row - chunk_.begin).data(),
          static_cast<std::size_t>(distances_.rows())};
}

std::span<const RankedRow> NeighborOrder::ranks(Index validation_row, std::size_t nearest,
                                                Scratch& scratch) const {
  const Index c = validation_row - chunk_.begin;
  const double* distances = distances_.col(c).data();
  const auto [low, high] = range_of(distances, rows_);
  // What rounding can do to one distance: d + 8 roundings of (|x| + |v|)^2, at most
  // (2 |v| + sqrt(D))^2, and twice that for good measure.
  const double reach =
      2 * std::sqrt(chunk_norms_[static_cast<std::size_t>(c)]) + std::sqrt(std::max(high, 0.0));
  const double error = static_cast<double>(2 * training_.columns() + 32) *
                       (std::numeric_limits<double>::epsilon() / 2) * reach * reach;
  // The distances as whole steps of the range / 2^32, to be sorted without comparisons. Rows more
  // than `slack` steps apart are in their order whatever was rounded.
  // Below 2^32, and no whole number: distances that are regular fractions of the range, as of
  // categories, would all be at the edge of a step, where rounding takes them to either side.
  constexpr double kSteps = 4294967038.618;
  const double scale = high - low > 1e-250 ? kSteps / (high - low) : 0;
  const auto slack = static_cast<std::uint64_t>(std::min(3 + std::ceil(2 * error * scale), kSteps));

  auto& items = scratch.items;
  items.resize(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const auto steps = static_cast<std::int64_t>((distances[rows_[i]] - low) * scale);
    items[i] = static_cast<std::uint64_t>(steps) << 32 | rows_[i];
  }
  nearest = std::min(nearest, rows_.size());
  if (nearest < rows_.size()) keep_nearest(items, nearest, slack);
  sort_by_upper_half(items, scratch.spare);

  scratch.ranks.resize(items.size());
  for (std::size_t begin = 0; begin < items.size();) {
    std::size_t end = begin + 1;
    while (end < items.size() && (items[end] >> 32) - (items[end - 1] >> 32) <= slack) ++end;
    if (end - begin == 1) {
      scratch.ranks[begin] = static_cast<RankedRow>(items[begin]);
    } else {
      scratch.close.clear();
      for (std::size_t i = begin; i < end; ++i) {
        const auto row = static_cast<RankedRow>(items[i]);
        scratch.close.emplace_back(distances[row], row);
      }
      settle(validation_row, 2 * error, scratch.close);
      for (std::size_t i = begin; i < end; ++i) scratch.ranks[i] = scratch.close[i - begin].second;
    }
    begin = end;
  }
  return {scratch.ranks.data(), nearest};
}

void NeighborOrder::settle(Index validation_row, double uncertain,
                           std::vector<std::pair<double, RankedRow>>& close) const {
  const auto sort = [](auto first, auto last) {
    if (!std::is_sorted(first, last)) std::sort(first, last);
  };
  // Rows at one distance come in row order, but for rounding: then there is nothing to sort.
  const auto [least, most] = std::minmax_element(close.begin(), close.end());
  if (most->first - least->first > uncertain) sort(close.begin(), close.end());
  const double* point = validation_.row(validation_row).data();
  for (auto begin = close.begin(); begin != close.end();) {
    auto end = begin + 1;
    while (end != close.end() && std::abs(end->first - (end - 1)->first) <= uncertain) ++end;
    if (end - begin > 1) {
      for (auto at = begin; at != end; ++at) {
        at->first = squared_distance(training_.row(at->second).data(), point, training_.columns());
      }
      sort(begin, end);
      for (auto at = end - 1; at != begin; --at) {
        if (at->first == (at - 1)->first) at->second |= kTied;
      }
    }
    begin = end;
  }
}

}  // namespace recant
