// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "recant/linalg/types.hpp"

/// The kernels of a pass over vectors with one entry a row. Each works on one block in the calling
/// thread, compiled for several instruction sets and chosen at run time. Sums are of eight side by
/// side and nothing is fused: the same bytes with every instruction set.
namespace recant {

/// x^T y.
[[nodiscard]] double dot_of_block(ConstVectorRef x, ConstVectorRef y);

struct Extent {
  double largest = 0;  ///< max |x_j|
  double least = 0;    ///< min x_j, at most 0
  double nothing = 0;  ///< sum of x_j - x_j: NaN once an entry is infinite or no number
  [[nodiscard]] bool finite() const noexcept { return nothing == 0; }

  Extent& operator+=(const Extent& from) {
    largest = std::max(largest, from.largest);
    least = std::min(least, from.least);
    nothing += from.nothing;
    return *this;
  }
};
[[nodiscard]] Extent extent_of_block(ConstVectorRef x);

/// What is left of x without its part along y: v = to_x x - first (to_y y) - again (to_y y). Taken
/// away twice, since the first time leaves rounding of x along y.
/// Source: Gram-Schmidt with one reorthogonalisation.
struct Remainder {
  double to_x = 1, to_y = 1, first = 0, again = 0;
};
struct RemainderSums {
  double vv = 0, vy = 0, yy = 0;  ///< of v and to_y y

  RemainderSums& operator+=(const RemainderSums& from) {
    vv += from.vv;
    vy += from.vy;
    yy += from.yy;
    return *this;
  }
};
[[nodiscard]] RemainderSums remainder_sums(const Remainder& remainder, ConstVectorRef x,
                                           ConstVectorRef y);

struct MultipleSums {
  double ee = 0, ex = 0, ey = 0;

  MultipleSums& operator+=(const MultipleSums& from) {
    ee += from.ee;
    ex += from.ex;
    ey += from.ey;
    return *this;
  }
};
/// e = factor v, and its products with itself, x and y.
MultipleSums write_multiple(const Remainder& remainder, double factor, ConstVectorRef x,
                            ConstVectorRef y, VectorRef e);

}  // namespace recant
