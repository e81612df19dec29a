// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "qp_kernels.hpp"
#include "recant/linalg/qp.hpp"

namespace recant::qp {

/// Groups of blocks, each summed by itself. Few unknowns are summed by one thread: waiting for
/// others takes longer.
[[nodiscard]] constexpr Index groups(Index n) {
  constexpr Index kUnknowns = 32768, kMost = 64;
  return std::clamp<Index>(n / kUnknowns, 1, kMost);
}

/// The unknowns of a program as the kernels take them, in multiples of eight: the last few are a
/// block of their own, filled up with unknowns that are 0.
class Blocks {
 public:
  /// Sizes as they must be. Refers to the numbers of the problem.
  explicit Blocks(const QpProblem& problem);
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  [[nodiscard]] Index n() const { return n_; }
  [[nodiscard]] const double* linear() const { return linear_; }
  [[nodiscard]] const double* lower() const { return lower_; }
  [[nodiscard]] const double* upper() const { return upper_; }
  /// Other numbers for the linear term.
  void set_linear(const double* linear);

  /// task(block for a kernel, first unknown, their number without what fills it up).
  template <class Task>
  void for_each(RowBlock rows, Task&& task) const {
    const Index rest = rows.size() % kOctet, whole = rows.size() - rest;
    if (whole > 0) {
      const auto begin = static_cast<std::size_t>(rows.begin);
      task(simd::QpBlock{linear_ + begin, lower_ + begin, upper_ + begin, rows_.data(), begin,
                         static_cast<std::size_t>(whole), rows_.size()},
           rows.begin, whole);
    }
    if (rest > 0) {
      task(simd::QpBlock{rest_linear_.data(), rest_lower_.data(), rest_upper_.data(),
                         rest_rows_.data(), 0, kOctet, rows_.size()},
           rows.end - rest, rest);
    }
  }

 private:
  static constexpr Index kOctet = 8;
  using Octet = std::array<double, kOctet>;

  [[nodiscard]] Octet rest_of(const double* values) const;

  const double *linear_, *lower_, *upper_;
  Index n_;
  std::vector<const double*> rows_, rest_rows_;
  Octet rest_linear_, rest_lower_, rest_upper_;
  std::vector<Octet> rest_values_;
};

}  // namespace recant::qp
