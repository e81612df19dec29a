// SPDX-License-Identifier: Apache-2.0
// Kernels of vectors, with every instruction set, next to their definitions: to the last bit.
#include "recant/linalg/vector_kernels.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "instruction_sets.hpp"
#include "problems.hpp"

namespace recant {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Rounded by itself, on processors with fused multiply-adds as well.
double times(double x, double y) {
  const volatile double product = x * y;
  return product;
}

/// Eight sums of the whole octets, and the entries behind them by themselves.
class Sum {
 public:
  explicit Sum(Index count) : whole_(count / 8 * 8) {}
  void add(Index i, double x) { of_[i < whole_ ? 0 : 1][static_cast<std::size_t>(i % 8)] += x; }
  [[nodiscard]] double total() const { return sum(of_[0]) + sum(of_[1]); }

 private:
  using Octet = std::array<double, 8>;
  static double sum(const Octet& v) {
    return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
  }
  Index whole_;
  std::array<Octet, 2> of_{};
};

/// Two vectors, at addresses that no vector of the processor is aligned to.
struct Case {
  explicit Case(Index n, Index offset = 0) : x(n), y(n), shifted_x(n + offset) {
    test::Random random(static_cast<std::uint64_t>(n + 1));
    x = random.normals(n);
    y = random.normals(n);
    for (Index i = 0; i < n; i += 5) x[i] = 0;
    shifted_x.tail(n) = x;
  }
  Vector x, y, shifted_x;
  [[nodiscard]] ConstVectorRef shifted() const { return shifted_x.tail(x.size()); }
};

void for_each_case(const std::function<void(const Case&)>& check) {
  for (Index n = 0; n <= 72; ++n) {
    SCOPED_TRACE(n);
    for (const Index offset : {0, 1, 3}) {
      const Case input(n, offset);
      for_each_instruction_set([&] { check(input); });
    }
  }
  for (const Index n : {1000, 1023, 1024}) {
    const Case input(n);
    for_each_instruction_set([&] { check(input); });
  }
}

TEST(VectorKernels, Dot) {
  for_each_case([](const Case& input) {
    Sum sum(input.x.size());
    for (Index i = 0; i < input.x.size(); ++i) sum.add(i, times(input.x[i], input.y[i]));
    EXPECT_EQ(dot_of_block(input.shifted(), input.y), sum.total());
    EXPECT_EQ(dot_of_block(input.y, input.shifted()), sum.total());
  });
}

TEST(VectorKernels, Extent) {
  for_each_case([](const Case& input) {
    const Extent found = extent_of_block(input.shifted());
    double largest = 0, least = 0;
    for (const double x : input.x) {
      largest = std::max(largest, std::abs(x));
      least = std::min(least, x);
    }
    EXPECT_EQ(found.largest, largest);
    EXPECT_EQ(found.least, least);
    EXPECT_TRUE(found.finite());
  });
}

TEST(VectorKernels, ExtentWithWhatIsNoNumberWhereverItStands) {
  for_each_instruction_set([] {
    for (const Index n : {1, 7, 8, 9, 24, 29}) {
      for (Index at = 0; at < n; ++at) {
        Case input(n);
        input.x[n / 2] = -17;
        for (const double bad : {kNaN, kInfinity, -kInfinity}) {
          const double before = std::exchange(input.x[at], bad);
          EXPECT_FALSE(extent_of_block(input.x).finite()) << n << " " << at;
          input.x[at] = before;
        }
        EXPECT_TRUE(extent_of_block(input.x).finite());
        EXPECT_EQ(extent_of_block(input.x).least, -17);
        EXPECT_EQ(extent_of_block(-input.x).least, n == 1 ? 0 : (-input.x).minCoeff());
      }
    }
  });
}

constexpr Remainder kRemainder{.to_x = -0.25, .to_y = 4, .first = 0.3, .again = 1e-9};

double remainder_at(const Case& input, Index i) {
  const double y = times(input.y[i], kRemainder.to_y);
  double v = times(input.x[i], kRemainder.to_x);
  v -= times(kRemainder.first, y);
  v -= times(kRemainder.again, y);
  return v;
}

TEST(VectorKernels, RemainderSums) {
  for_each_case([](const Case& input) {
    const Index n = input.x.size();
    Sum vv(n), vy(n), yy(n);
    for (Index i = 0; i < n; ++i) {
      const double v = remainder_at(input, i), y = times(input.y[i], kRemainder.to_y);
      vv.add(i, times(v, v));
      vy.add(i, times(v, y));
      yy.add(i, times(y, y));
    }
    const RemainderSums found = remainder_sums(kRemainder, input.shifted(), input.y);
    EXPECT_EQ(found.vv, vv.total());
    EXPECT_EQ(found.vy, vy.total());
    EXPECT_EQ(found.yy, yy.total());
  });
}

TEST(VectorKernels, WriteMultiple) {
  for_each_case([](const Case& input) {
    const Index n = input.x.size();
    constexpr double kFactor = 1.7;
    Sum ee(n), ex(n), ey(n);
    Vector wanted(n + 1), e = Vector::Constant(n + 1, kNaN);
    wanted[n] = e[n] = -5;  // behind it nothing is written
    for (Index i = 0; i < n; ++i) {
      wanted[i] = times(remainder_at(input, i), kFactor);
      ee.add(i, times(wanted[i], wanted[i]));
      ex.add(i, times(wanted[i], input.x[i]));
      ey.add(i, times(wanted[i], input.y[i]));
    }
    const MultipleSums found =
        write_multiple(kRemainder, kFactor, input.shifted(), input.y, e.head(n));
    EXPECT_EQ(e, wanted);
    EXPECT_EQ(found.ee, ee.total());
    EXPECT_EQ(found.ex, ex.total());
    EXPECT_EQ(found.ey, ey.total());
  });
}

}  // namespace
}  // namespace recant
