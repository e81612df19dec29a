// SPDX-License-Identifier: Apache-2.0
// Every kernel of the quadratic program, with every instruction set, next to its definition term by
// term: to the last bit.
#include "qp_kernels.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "instruction_sets.hpp"
#include "problems.hpp"

namespace recant::simd {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kAhead = 5;  // the rows of a block begin somewhere

/// Rounded by itself, on processors with fused multiply-adds as well.
double times(double x, double y) {
  const volatile double product = x * y;
  return product;
}

/// The sum of eight.
class Sum {
 public:
  void add(std::size_t i, double x) { of_[i % 8] += x; }
  [[nodiscard]] double total() const {
    return ((of_[0] + of_[4]) + (of_[2] + of_[6])) + ((of_[1] + of_[5]) + (of_[3] + of_[7]));
  }

 private:
  std::array<double, 8> of_{};
};

/// A block with fixed and unbounded unknowns and some that start at a bound, and constraints two of
/// which are the same.
struct Case {
  Case(std::size_t n, std::size_t q) : count(n), linear(n), lower(n), upper(n), e(n) {
    test::Random random(100 * n + q);
    for (std::size_t i = 0; i < n; ++i) {
      linear[i] = random.normal();
      lower[i] = random.below(5) == 0 ? -kInfinity : -random.uniform();
      upper[i] = random.below(5) == 0 ? kInfinity : random.uniform();
      if (random.below(6) == 0) upper[i] = lower[i] = 0;
      if (random.below(6) == 0) lower[i] = kFactor * linear[i];
      if (lower[i] > upper[i]) std::swap(lower[i], upper[i]);
      e[i] = std::min(std::max(random.normal(), lower[i]), upper[i]);
    }
    for (std::size_t k = 0; k < q; ++k) {
      std::vector<double> row(kAhead + n);
      for (double& x : row) x = random.below(7) == 0 ? 0 : random.normal();
      if (k == 3) row = values.front();
      values.push_back(row);
      weights.push_back(k == 0 ? 0 : random.normal());
      step.push_back(random.normal());
    }
    for (const auto& row : values) rows.push_back(row.data());
  }
  [[nodiscard]] QpBlock block() const {
    return {linear.data(), lower.data(), upper.data(), rows.data(), kAhead, count, rows.size()};
  }
  [[nodiscard]] double c(std::size_t k, std::size_t i) const { return values[k][kAhead + i]; }
  [[nodiscard]] double y(std::size_t i) const {
    double out = times(kFactor, linear[i]);
    for (std::size_t k = 0; k < rows.size(); ++k) out -= times(weights[k], c(k, i));
    return out;
  }
  [[nodiscard]] double clip(double value, std::size_t i) const {
    const double raised = value > lower[i] ? value : lower[i];
    return raised < upper[i] ? raised : upper[i];
  }
  [[nodiscard]] bool inside(double value, std::size_t i) const {
    return value > lower[i] && value < upper[i];
  }
  [[nodiscard]] double slope(const std::vector<double>& along, std::size_t i) const {
    double sum = 0, size = 0;
    for (std::size_t k = 0; k < rows.size(); ++k) {
      sum += times(along[k], c(k, i));
      size += std::abs(times(along[k], c(k, i)));
    }
    return std::abs(sum) <= 1e-14 * size ? 0 : sum;
  }

  static constexpr double kFactor = 1.7;
  std::size_t count;
  std::vector<double> linear, lower, upper, e, weights, step;
  std::vector<std::vector<double>> values;
  std::vector<const double*> rows;
};

void for_each_case(const std::function<void(const Case&)>& check) {
  for (const std::size_t q : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13}) {
    for (const std::size_t n : {8, 16, 24, 40, 72, 1024}) {
      SCOPED_TRACE(testing::Message() << n << " unknowns, " << q << " constraints");
      const Case input(n, q);
      for_each_instruction_set([&] { check(input); });
    }
  }
}

/// As add_qp_sums() says, of any e.
template <class At>
std::vector<double> naive_sums(const Case& input, At&& e) {
  const std::size_t q = input.rows.size();
  std::vector<Sum> sums(qp_sum_count(q));
  for (std::size_t i = 0; i < input.count; ++i) {
    const double value = e(i);
    sums[q].add(i, times(value, value));
    for (std::size_t k = 0, at = q + 1; k < q; ++k) {
      sums[k].add(i, times(input.c(k, i), value));
      for (std::size_t l = 0; l <= k; ++l, ++at) {
        if (input.inside(value, i)) sums[at].add(i, times(input.c(k, i), input.c(l, i)));
      }
    }
  }
  std::vector<double> out;
  for (const Sum& sum : sums) out.push_back(0.5 + sum.total());
  return out;
}

TEST(QpKernels, SumsOfTheClipped) {
  for_each_case([](const Case& input) {
    std::vector<double> sums(qp_sum_count(input.rows.size()), 0.5);  // they are added to
    add_qp_sums(input.block(), Case::kFactor, input.weights.data(), sums.data());
    EXPECT_EQ(sums, naive_sums(input, [&](std::size_t i) { return input.clip(input.y(i), i); }));
  });
}

TEST(QpKernels, SumsOfWhatIsGiven) {
  for_each_case([](const Case& input) {
    std::vector<double> sums(qp_sum_count(input.rows.size()), 0.5);
    add_qp_sums_at(input.block(), input.e.data(), sums.data());
    EXPECT_EQ(sums, naive_sums(input, [&](std::size_t i) { return input.e[i]; }));
  });
}

TEST(QpKernels, NoNumberIsAtTheLowerBound) {
  for_each_instruction_set([] {
    for (const std::size_t q : {2, 5}) {
      Case input(8, q);
      input.linear[3] = kNaN;
      input.lower[3] = -2;
      input.upper[3] = 2;
      std::vector<double> sums(qp_sum_count(q), 0.5);
      add_qp_sums(input.block(), Case::kFactor, input.weights.data(), sums.data());
      EXPECT_EQ(sums, naive_sums(input, [&](std::size_t i) { return input.clip(input.y(i), i); }));
      EXPECT_TRUE(std::isfinite(sums[q]));
    }
  });
}

TEST(QpKernels, Unclipped) {
  for_each_case([](const Case& input) {
    std::vector<double> y(input.count, kNaN), wanted;
    unclipped_qp(input.block(), Case::kFactor, input.weights.data(), y.data());
    for (std::size_t i = 0; i < input.count; ++i) wanted.push_back(input.y(i));
    EXPECT_EQ(y, wanted);
  });
}

void check_shift(const Case& input, bool first) {
  std::vector<double> e = input.e, wanted = input.e;
  if (first) e.assign(input.count, kNaN);  // what is there is not read
  QpMeasured measured{.stationarity = 0.001, .linear_e = 0.5, .at_lower = 2, .at_upper = 3};
  QpMeasured naive = measured;
  Sum linear_e;
  for (std::size_t i = 0; i < input.count; ++i) {
    double value = first ? input.clip(input.y(i), i) : input.e[i];
    if (input.inside(value, i)) {
      for (std::size_t k = 0; k < input.rows.size(); ++k) {
        value += times(input.step[k], input.c(k, i));
      }
    }
    wanted[i] = value = input.clip(value, i);
    linear_e.add(i, times(input.linear[i], value));
    const bool low = value == input.lower[i], high = value == input.upper[i];
    naive.at_lower += low;
    naive.at_upper += high && !low;
    const double slope = value - input.y(i);
    const bool held = (low && high) || (low && slope >= 0) || (high && slope <= 0);
    if (!held) naive.stationarity = std::max(naive.stationarity, std::abs(slope));
  }
  naive.linear_e += linear_e.total();
  shift_qp(input.block(),
           {.factor = Case::kFactor,
            .weights = input.weights.data(),
            .step = input.step.data(),
            .first = first},
           e.data(), measured);
  EXPECT_EQ(e, wanted);
  EXPECT_EQ(measured.stationarity, naive.stationarity);
  EXPECT_EQ(measured.linear_e, naive.linear_e);
  EXPECT_EQ(measured.at_lower, naive.at_lower);
  EXPECT_EQ(measured.at_upper, naive.at_upper);
}

TEST(QpKernels, Shift) {
  for_each_case([](const Case& input) {
    check_shift(input, true);
    check_shift(input, false);
  });
}

TEST(QpKernels, Breakpoints) {
  std::size_t seen = 0;
  for_each_case([&](const Case& input) {
    const QpWay way{.factor = Case::kFactor,
                    .weights = input.weights.data(),
                    .along = input.step.data(),
                    .begin = 0.1,
                    .end = 0.6};
    std::vector<double> enter, enter_s2, leave, leave_s2;
    Sum curvature;
    for (std::size_t i = 0; i < input.count; ++i) {
      const double s = input.slope(input.step, i), y = input.y(i);
      if (s == 0 || input.lower[i] == input.upper[i]) continue;
      const double low = (y - input.lower[i]) / s, high = (y - input.upper[i]) / s;
      const double from = std::min(low, high), to = std::max(low, high);
      if (from <= way.begin && way.begin < to) curvature.add(i, times(s, s));
      if (from > way.begin && from < way.end) {
        enter.push_back(from);
        enter_s2.push_back(times(s, s));
      }
      if (to > way.begin && to < way.end) {
        leave.push_back(to);
        leave_s2.push_back(times(s, s));
      }
    }
    QpBreakpoints found;
    find_qp_breakpoints(input.block(), way, found);
    const auto list = [](const double* values, std::size_t size) {
      return std::vector<double>(values, values + size);
    };
    EXPECT_EQ(list(found.enter, found.enters), enter);
    EXPECT_EQ(list(found.enter_s2, found.enters), enter_s2);
    EXPECT_EQ(list(found.leave, found.leaves), leave);
    EXPECT_EQ(list(found.leave_s2, found.leaves), leave_s2);
    EXPECT_EQ(found.curvature, curvature.total());
    seen += std::min(found.enters, found.leaves);
  });
  EXPECT_GT(seen, 1000U);
}

TEST(QpKernels, Recession) {
  for_each_case([](const Case& input) {
    Sum value, scale;
    const auto product = [](double x, double s) { return s == 0 ? 0 : times(x, s); };
    for (std::size_t i = 0; i < input.count; ++i) {
      const double s = input.slope(input.step, i);
      const double least = std::min(product(input.lower[i], s), product(input.upper[i], s));
      value.add(i, least);
      scale.add(i, std::abs(least));
    }
    QpRecession sums{.value = 0.5, .scale = 0.5};
    add_qp_recession(input.block(), input.step.data(), sums);
    EXPECT_EQ(sums.value, 0.5 + value.total());
    EXPECT_EQ(sums.scale, 0.5 + scale.total());
  });
}

// Twice the same row, one way and back: what rounding leaves of it counts as nothing.
TEST(QpKernels, WhatIsLeftOfACancellationIsNothing) {
  for_each_instruction_set([] {
    Case input(64, 3);
    input.values[1] = input.values[0];
    for (double& x : input.values[2]) x = -0.3 * x;
    input.values[2] = input.values[0];
    input.rows = {input.values[0].data(), input.values[1].data(), input.values[2].data()};
    input.lower.assign(64, -kInfinity);
    input.upper.assign(64, kInfinity);
    const std::vector<double> along = {0.1, 0.2, -0.3};
    QpRecession sums;
    add_qp_recession(input.block(), along.data(), sums);
    EXPECT_EQ(sums.value, 0);
    EXPECT_EQ(sums.scale, 0);
  });
}

TEST(QpKernels, Survey) {
  for_each_case([](const Case& input) {
    QpBoxSurvey box;
    Sum squares;
    double largest = 0;
    for (std::size_t i = 0; i < input.count; ++i) {
      squares.add(i, times(input.linear[i], input.linear[i]));
      largest = std::max(largest, std::abs(input.linear[i]));
    }
    survey_qp_box(input.block(), box);
    EXPECT_EQ(box.largest, largest);
    EXPECT_EQ(box.squares, squares.total());
    EXPECT_EQ(box.nothing, 0);
    EXPECT_TRUE(box.box);
    const auto product = [](double x, double c) { return c == 0 ? 0 : times(x, c); };
    for (std::size_t k = 0; k < input.rows.size(); ++k) {
      Sum least, greatest;
      double most = 0;
      for (std::size_t i = 0; i < input.count; ++i) {
        const double down = product(input.lower[i], input.c(k, i));
        const double up = product(input.upper[i], input.c(k, i));
        least.add(i, std::min(down, up));
        greatest.add(i, std::max(down, up));
        most = std::max(most, std::abs(input.c(k, i)));
      }
      QpRowSurvey row;
      survey_qp_row(input.block(), k, row);
      EXPECT_EQ(row.largest, most);
      EXPECT_EQ(row.nothing, 0);
      EXPECT_EQ(row.least, least.total());
      EXPECT_EQ(row.greatest, greatest.total());
    }
  });
}

TEST(QpKernels, SurveyFindsWhatIsNotAcceptedWhereverItStands) {
  for_each_instruction_set([] {
    for (std::size_t at = 0; at < 24; ++at) {
      for (const double bad : {kNaN, kInfinity, -kInfinity}) {
        Case input(24, 2);
        input.linear[at] = bad;
        QpBoxSurvey box;
        survey_qp_box(input.block(), box);
        EXPECT_TRUE(std::isnan(box.nothing)) << at;
        EXPECT_TRUE(box.box);
        input.values[1][kAhead + at] = bad;
        QpRowSurvey row;
        survey_qp_row(input.block(), 1, row);
        EXPECT_TRUE(std::isnan(row.nothing)) << at;
      }
      using Bounds = std::pair<double, double>;
      for (const auto& [low, high] :
           {Bounds(1, 0), Bounds(kNaN, 0), Bounds(0, kNaN), Bounds(kInfinity, kInfinity),
            Bounds(-kInfinity, -kInfinity)}) {
        Case input(24, 0);
        input.lower[at] = low;
        input.upper[at] = high;
        QpBoxSurvey box;
        survey_qp_box(input.block(), box);
        EXPECT_FALSE(box.box) << at << " " << low << " " << high;
        EXPECT_EQ(box.nothing, 0);
      }
    }
  });
}

}  // namespace
}  // namespace recant::simd
