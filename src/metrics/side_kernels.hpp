// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// What a gap needs of many rows at once, compiled for several instruction sets and chosen at run
/// time. Without branches: groups and labels come in no order that a processor could guess.
namespace recant::simd {

/// The rows that a gap compares: those of the group and the others, all or those of one label.
struct Sides {
  const std::int32_t* codes = nullptr;  ///< groups of the rows
  const double* targets = nullptr;
  std::int32_t group = 0;
  double label = 0;
  unsigned labels = 0b11;  ///< bit 1: rows of the label count, bit 0: the others
};

/// Sums of h and numbers of rows on either side.
struct SideSums {
  double here = 0, there = 0, rows_here = 0, rows_there = 0;

  SideSums& operator+=(const SideSums& from) {
    here += from.here;
    there += from.there;
    rows_here += from.rows_here;
    rows_there += from.rows_there;
    return *this;
  }
};

/// Adds h_i of the rows `begin` to `begin + count` to the sums of their sides; h starts at `begin`.
/// Without h (null) the rows are only counted.
void add_side_sums(const Sides& sides, std::size_t begin, std::size_t count, const double* h,
                   SideSums& sums);

/// out[i] = h[i] times `here` for rows in the group, `there` for the others, and 0 for those that
/// do not count; h and `out` start at `begin`.
void side_products(const Sides& sides, std::size_t begin, std::size_t count, double here,
                   double there, const double* h, double* out);

/// here[i] = h[i] for rows in the group, there[i] = h[i] for the others, and 0 where a row is on
/// the other side or does not count; h, `here` and `there` start at `begin`. Without h (null) it
/// is 1.
void split_sides(const Sides& sides, std::size_t begin, std::size_t count, const double* h,
                 double* here, double* there);

}  // namespace recant::simd
