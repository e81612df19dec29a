// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/row_kernels.hpp"

#include <cmath>
#include <limits>

#include "simd_kernels.hpp"

namespace recant {
namespace {

std::size_t size(Index value) {
  return static_cast<std::size_t>(value);
}

/// From here on squares too small for a double are nothing beside rounding.
constexpr double kSmallNorm = 0x1p-480;

/// |x| of a row whose squares vanish: of x 2^600 they do not. Rounded up where it is hardly a
/// number.
double norm_of_small(ConstVectorRef x) {
  const double scaled = (x * 0x1p600).norm();
  return scaled > 0 ? scaled * 0x1p-600 + std::numeric_limits<double>::denorm_min() : 0;
}

}  // namespace

void row_scores(RowsView rows, bool intercept, ConstMatrixRef coefficients,
                Eigen::Ref<Matrix> scores, AfterScores next) {
  if (rows.rows() == 0) return;
  simd::scores(rows.data(), size(rows.rows()), size(rows.cols()), intercept, coefficients.data(),
               size(coefficients.outerStride()), size(coefficients.cols()),
               next == AfterScores::kAddSameRows, scores.data(), size(scores.outerStride()));
}

void expect(ConstVectorRef values) {
  simd::expect(values.data(), size(values.size()));
}

void row_norms(RowsView rows, bool intercept, VectorRef norms) {
  simd::squared_norms(rows.data(), size(rows.rows()), size(rows.cols()), norms.data());
  norms = (norms.array() + (intercept ? 1.0 : 0.0)).sqrt();
  for (Index i = 0; i < norms.size(); ++i) {
    if (norms(i) < kSmallNorm) norms(i) = norm_of_small(rows.row(i).transpose());
  }
}

void add_weighted_rows(RowsView rows, bool intercept, ConstMatrixRef factors,
                       Eigen::Ref<Matrix> sums) {
  if (rows.rows() == 0) return;
  simd::add_weighted(rows.data(), size(rows.rows()), size(rows.cols()), intercept, factors.data(),
                     size(factors.outerStride()), size(factors.cols()), sums.data(),
                     size(sums.outerStride()));
}

double largest_size(ConstVectorRef values, ConstVectorRef weights) {
  return simd::largest_size(values.data(), weights.data(), size(values.size()));
}

WeightedSums weigh(ConstVectorRef weights, ConstVectorRef norms, ConstVectorRef values,
                   VectorRef residuals) {
  return simd::weigh(size(residuals.size()), weights.data(), norms.data(),
                     values.size() == 0 ? nullptr : values.data(), residuals.data());
}

void PackedPanels::begin(std::size_t width, std::size_t most) {
  const std::size_t n = simd::panel_width(), panels = (width + n - 1) / n;
  // One line more than they need, or all panels would start in the same set of the cache.
  panel_ = most * n + kLineValues;
  const std::size_t lines = panels * panel_ / kLineValues;
  if (lines <= count_) return;
  count_ = 0;
  lines_.reset();
  lines_ = std::make_unique_for_overwrite<Line[]>(lines);
  count_ = lines;
}

void GramScratch::begin(Index p, Index most) {
  rows_ = 0;
  width_ = p;
  packed_.begin(size(p), size(most));
}

void GramScratch::append(RowsView rows, bool intercept, std::span<const double> weights) {
  roots_.resize(weights.size());
  std::transform(weights.begin(), weights.end(), roots_.begin(),
                 [](double weight) { return std::sqrt(weight); });
  if (width_ > 0) {
    simd::pack(rows.data(), size(rows.rows()), size(rows.cols()), size(rows.cols()), intercept,
               roots_.data(), packed_.data(), packed_.panel(), size(rows_));
  }
  rows_ += rows.rows();
}

void GramScratch::append_columns(ConstMatrixRef u) {
  roots_.assign(size(u.cols()), 1.0);
  if (width_ > 0) {
    simd::pack(u.data(), size(u.cols()), size(u.rows()), size(u.outerStride()), false,
               roots_.data(), packed_.data(), packed_.panel(), size(rows_));
  }
  rows_ += u.cols();
}

void GramScratch::add_gram(double sign, Eigen::Ref<Matrix> gram, RowsView next) const {
  if (width_ == 0 || rows_ == 0) return;
  simd::add_gram(packed_.data(), packed_.panel(), size(rows_), size(width_), sign, gram.data(),
                 size(gram.outerStride()), 0, size(width_), next.data(), size(next.size()));
}

void GramScratch::add_gram_part(double sign, Eigen::Ref<Matrix> gram, Index part,
                                Index parts) const {
  // Row i costs i + 1 multiply-adds a row appended: a share of them ends at the root of the shares.
  const auto border = [&](Index shares) {
    const auto strip = static_cast<Index>(simd::gram_strip());
    const double share = static_cast<double>(shares) / static_cast<double>(parts);
    const auto row = static_cast<Index>(static_cast<double>(width_) * std::sqrt(share));
    return shares == parts ? width_ : row / strip * strip;
  };
  if (width_ == 0 || rows_ == 0) return;
  simd::add_gram(packed_.data(), packed_.panel(), size(rows_), size(width_), sign, gram.data(),
                 size(gram.outerStride()), size(border(part)), size(border(part + 1)), nullptr, 0);
}

}  // namespace recant
