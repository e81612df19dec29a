// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>

/// The passes of qp_dual.hpp over one block of unknowns, compiled for several instruction sets and
/// chosen at run time. Every sum is of eight: terms i, i + 8, ... each by itself, then
/// ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)), and nothing is fused, so that the result is the same
/// to the last bit on all of them. A block has a multiple of eight unknowns; what is less is filled
/// up with unknowns that are 0, fixed there and in no constraint.
namespace recant::simd {

inline constexpr std::size_t kMostOfQpBlock = 1024;

/// y = factor * linear - sum_k weights_k c_k, the terms of the sum taken away one after another.
struct QpBlock {
  const double *linear, *lower, *upper;  ///< of its `count` unknowns
  const double* const* rows;             ///< whole, q of them: those of the block are at `begin`
  std::size_t begin, count, q;
};

/// c_k^T e for every k, |e|^2, and the lower triangle of C_F C_F^T row by row, F the unknowns
/// strictly inside their bounds.
[[nodiscard]] constexpr std::size_t qp_sum_count(std::size_t q) {
  return q + 1 + q * (q + 1) / 2;
}

/// Adds the sums at e = clip(y, lower, upper).
void add_qp_sums(const QpBlock& block, double factor, const double* weights, double* sums);

/// Adds them at a given e, which lies inside the bounds.
void add_qp_sums_at(const QpBlock& block, const double* e, double* sums);

/// The change of e that repairs the constraints, and what is measured of the new e.
struct QpShift {
  double factor;          ///< of linear
  const double* weights;  ///< of y
  const double* step;     ///< of e_F += C_F^T step
  bool first;             ///< from e = clip(y), else from the e that is given
};
struct QpMeasured {
  double stationarity = 0;                 ///< max |projected gradient| / (2 kappa)
  double linear_e = 0;                     ///< linear^T e
  std::size_t at_lower = 0, at_upper = 0;  ///< a fixed unknown is at its lower bound

  QpMeasured& operator+=(const QpMeasured& from) {
    stationarity = std::max(stationarity, from.stationarity);
    linear_e += from.linear_e;
    at_lower += from.at_lower;
    at_upper += from.at_upper;
    return *this;
  }
};
/// e = clip(e + [in F] sum_k step_k c_k), from the first k to the last; measured is added to.
void shift_qp(const QpBlock& block, const QpShift& shift, double* e, QpMeasured& measured);

/// y.
void unclipped_qp(const QpBlock& block, double factor, const double* weights, double* y);

/// s = sum_k along_k c_k, where what is left of a cancellation counts as 0. On the way from y(t) =
/// y - t s an unknown comes to the first of its bounds at `enter` and to the second at `leave`.
struct QpWay {
  double factor;
  const double *weights, *along;  ///< of y and of s
  double begin, end;              ///< of t
};
/// Those of enter and leave that are inside the way, each with s^2, in the order of the unknowns.
struct QpBreakpoints {
  double enter[kMostOfQpBlock], enter_s2[kMostOfQpBlock];
  double leave[kMostOfQpBlock], leave_s2[kMostOfQpBlock];
  std::size_t enters = 0, leaves = 0;
  double curvature = 0;  ///< sum of s^2 over the unknowns between their bounds where it begins
};
void find_qp_breakpoints(const QpBlock& block, const QpWay& way, QpBreakpoints& found);

/// Adds the least of lower_j s_j and upper_j s_j, and their sizes; 0 times infinity is 0.
struct QpRecession {
  double value = 0, scale = 0;

  QpRecession& operator+=(const QpRecession& from) {
    value += from.value;
    scale += from.scale;
    return *this;
  }
};
void add_qp_recession(const QpBlock& block, const double* weights, QpRecession& sums);

/// What is found of the linear term and the box before anything is solved.
struct QpBoxSurvey {
  double largest = 0, squares = 0;  ///< of linear
  double nothing = 0;               ///< linear - linear: NaN unless all are finite
  bool box = true;                  ///< lower <= upper, lower < infinity, upper > -infinity

  QpBoxSurvey& operator+=(const QpBoxSurvey& from) {
    largest = std::max(largest, from.largest);
    squares += from.squares;
    nothing += from.nothing;
    box = box && from.box;
    return *this;
  }
};
void survey_qp_box(const QpBlock& block, QpBoxSurvey& found);

/// The same of row k, and the least and greatest c_k^T e over the box.
struct QpRowSurvey {
  double largest = 0, nothing = 0, least = 0, greatest = 0;

  QpRowSurvey& operator+=(const QpRowSurvey& from) {
    largest = std::max(largest, from.largest);
    nothing += from.nothing;
    least += from.least;
    greatest += from.greatest;
    return *this;
  }
};
void survey_qp_row(const QpBlock& block, std::size_t k, QpRowSurvey& found);

}  // namespace recant::simd
