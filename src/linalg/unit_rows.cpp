// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/unit_rows.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "recant/core/check.hpp"
#include "simd_kernels.hpp"

namespace recant {
namespace {

constexpr auto kPanel = static_cast<Index>(simd::kUnitRowsPanel);

Index panels_of(Index rows) {
  return (rows + kPanel - 1) / kPanel;
}

/// |x|, whatever the size of its numbers: squares neither vanish nor overflow.
double length(ConstVectorRef x) {
  const double most = x.size() == 0 ? 0 : x.cwiseAbs().maxCoeff<Eigen::PropagateNaN>();
  return most > 0 && std::isfinite(most) ? most * (x / most).norm() : most;
}

/// What a product of two unit vectors in single precision may be off by: both are rounded, then so
/// are the additions; the hundredth covers what is too small for a float.
double product_error(Index width) {
  const double lost = (static_cast<double>(width) + 8) * 0x1p-24;
  return lost < 0.5 ? 1.01 * lost / (1 - lost) : 1;
}

/// What a number between -1 and 1 is in 16 bits.
constexpr double kCoarse = 32767;

std::int16_t coarse(double value) {
  return static_cast<std::int16_t>(std::lrint(kCoarse * value));
}

/// What a product of two unit vectors in whole numbers may be off by, over kCoarse^2: each is off
/// by half at most in every place, and one has been in single precision.
double coarse_error(Index width) {
  const auto places = static_cast<double>(width);
  return 1.01 * (std::sqrt(places) / kCoarse + places / (4 * kCoarse * kCoarse) + 0x1p-23);
}

Index pairs_of(Index width) {
  return (width + 1) / 2;
}

}  // namespace

UnitRows::UnitRows(Index rows, Index width)
    : width_(width),
      lengths_(Vector::Zero(rows)),
      directions_(static_cast<std::size_t>(panels_of(rows) * kPanel * width)),
      coarse_(static_cast<std::size_t>(panels_of(rows) * pairs_of(width)), Pairs{}) {
  static_assert(simd::kUnitRowsPanel == std::extent_v<decltype(Pairs::of_rows)>);
}

std::size_t UnitRows::at(Index row, Index column) const noexcept {
  return static_cast<std::size_t>((row / kPanel * width_ + column) * kPanel + row % kPanel);
}

void UnitRows::set(Index i, ConstVectorRef x) {
  check_size("values of the row", x.size(), width_);
  lengths_(i) = length(x);
  for (Index j = 0; j < width_; ++j) {
    directions_[at(i, j)] = lengths_(i) > 0 ? static_cast<float>(x(j) / lengths_(i)) : 0.0F;
  }
  set_coarse(i);
}

void UnitRows::set_coarse(Index row) {
  for (Index j = 0; j < width_; ++j) {
    const auto pair = static_cast<std::size_t>(row / kPanel * pairs_of(width_) + j / 2);
    coarse_[pair].of_rows[row % kPanel][j % 2] =
        coarse(std::clamp(static_cast<double>(directions_[at(row, j)]), -1.0, 1.0));
  }
}

void UnitRows::clear(Index i) {
  lengths_(i) = 0;
  for (Index j = 0; j < width_; ++j) directions_[at(i, j)] = 0;
  set_coarse(i);
}

double UnitRows::largest_spread(ConstMatrixRef v) const {
  check_size("rows of the columns", v.rows(), width_);
  double longest = 0;
  for (Index c = 0; c < v.cols(); ++c) {
    const double size = length(v.col(c));
    if (std::isnan(size)) return size;
    longest = std::max(longest, size);
  }
  if (longest == 0 || !std::isfinite(longest) || rows() == 0) return longest;
  const Eigen::MatrixXf columns = (v / longest).cast<float>();
  Eigen::VectorXf spreads(panels_of(rows()) * kPanel);
  simd::unit_row_spreads(directions_.data(), static_cast<std::size_t>(panels_of(rows())),
                         static_cast<std::size_t>(width_), columns.data(),
                         static_cast<std::size_t>(v.cols()), spreads.data());
  // Of unit vectors: no product is above 1, no difference of two above 2.
  const double ends = v.cols() > 1 ? 2 : 1, error = ends * product_error(width_);
  const auto bounds = (spreads.head(rows()).cast<double>().array() + error).min(ends);
  return longest * (bounds * lengths_.array()).maxCoeff() *
         (1 + (4 * static_cast<double>(width_) + 40) * 0x1p-53);
}

bool UnitRows::is_spread_at_most(ConstVectorRef v, double limit) const {
  check_size("rows of the column", v.size(), width_);
  const double longest = length(v);
  if (!std::isfinite(longest) || !(limit > 0)) return false;
  std::vector<std::int16_t> column(static_cast<std::size_t>(2 * pairs_of(width_)));
  for (Index j = 0; j < width_ && longest > 0; ++j) {
    column[static_cast<std::size_t>(j)] = coarse(v(j) / longest);
  }
  const Index panels = panels_of(rows());
  std::vector<std::int32_t> largest(static_cast<std::size_t>(panels));
  if (panels == 0 || width_ == 0) return true;
  simd::largest_coarse_products(&coarse_.front().of_rows[0][0], static_cast<std::size_t>(panels),
                                static_cast<std::size_t>(pairs_of(width_)), column.data(),
                                largest.data());
  const double error = coarse_error(width_);
  double bound = 0;
  for (Index panel = 0; panel < panels; ++panel) {
    const Index first = panel * kPanel;
    const double product = largest[static_cast<std::size_t>(panel)] / (kCoarse * kCoarse) + error;
    const auto lengths = lengths_.segment(first, std::min(kPanel, rows() - first));
    bound = std::max(bound, std::min(product, 1.0) * lengths.maxCoeff());
  }
  // Halved, so that no product of lengths is out of range where the limit is not.
  return longest / 2 * bound * (1 + 0x1p-40) <= limit / 2;
}

bool UnitRows::restore(Vector lengths, std::vector<float> directions) {
  const bool shaped = lengths.size() == rows() && directions.size() == directions_.size();
  if (!shaped || !lengths.allFinite() || !(lengths.array() >= 0).all()) return false;
  // Products of longer ones could leave the range of 32 bits; places without a row are 0.
  for (Index i = 0; i < panels_of(rows()) * kPanel; ++i) {
    double squared = 0;
    for (Index j = 0; j < width_; ++j) {
      const double part = directions[at(i, j)];
      squared += part * part;
    }
    if (!(squared <= (i < rows() ? 1.001 : 0))) return false;
  }
  lengths_ = std::move(lengths);
  directions_ = std::move(directions);
  for (Index i = 0; i < rows(); ++i) set_coarse(i);
  return true;
}

}  // namespace recant
