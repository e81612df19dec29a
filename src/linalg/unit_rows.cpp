// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/unit_rows.hpp"

#include <algorithm>
#include <cmath>
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

}  // namespace

UnitRows::UnitRows(Index rows, Index width)
    : width_(width),
      lengths_(Vector::Zero(rows)),
      directions_(static_cast<std::size_t>(panels_of(rows) * kPanel * width)) {}

std::size_t UnitRows::at(Index row, Index column) const noexcept {
  return static_cast<std::size_t>((row / kPanel * width_ + column) * kPanel + row % kPanel);
}

void UnitRows::set(Index i, ConstVectorRef x) {
  check_size("values of the row", x.size(), width_);
  lengths_(i) = length(x);
  for (Index j = 0; j < width_; ++j) {
    directions_[at(i, j)] = lengths_(i) > 0 ? static_cast<float>(x(j) / lengths_(i)) : 0.0F;
  }
}

void UnitRows::clear(Index i) {
  lengths_(i) = 0;
  for (Index j = 0; j < width_; ++j) directions_[at(i, j)] = 0;
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

bool UnitRows::restore(Vector lengths, std::vector<float> directions) {
  const bool shaped = lengths.size() == rows() && directions.size() == directions_.size();
  const auto unit = [](float value) { return std::abs(value) <= 1.001F; };
  if (!shaped || !lengths.allFinite() || !(lengths.array() >= 0).all() ||
      !std::all_of(directions.begin(), directions.end(), unit)) {
    return false;
  }
  lengths_ = std::move(lengths);
  directions_ = std::move(directions);
  return true;
}

}  // namespace recant
