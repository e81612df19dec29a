// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "recant/linalg/row_kernels.hpp"

/// The inner loops of row_kernels.hpp, compiled for several instruction sets (Highway) and chosen
/// at run time, so that one binary is fast on old and new processors. Plain pointers: rows are
/// row-major and contiguous, m x d; vectors of columns are column-major.
namespace recant::simd {

/// scores[i + c*ld_scores] = sum_j rows(i, j) coefficients[j + c*ld] + offsets[c*ld], the offset
/// being coefficients[d + c*ld] if `intercept`, else 0. `added_next`: add_weighted() of the same
/// rows follows, and asks memory for half of the rows that come after them.
void scores(const double* rows, std::size_t m, std::size_t d, bool intercept,
            const double* coefficients, std::size_t ld, std::size_t columns, bool added_next,
            double* out, std::size_t ld_out);

/// Asks for values that are read soon.
void expect(const double* values, std::size_t count);

/// out[i] = sum_j rows(i, j)^2.
void squared_norms(const double* rows, std::size_t m, std::size_t d, double* out);

/// sums[j + c*ld] += sum_i rows(i, j) factors[i + c*ld_factors], and with `intercept`
/// sums[d + c*ld] += sum_i factors[i + c*ld_factors].
void add_weighted(const double* rows, std::size_t m, std::size_t d, bool intercept,
                  const double* factors, std::size_t ld_factors, std::size_t columns, double* sums,
                  std::size_t ld);

/// row_kernels.hpp; `values` may be null.
WeightedSums weigh(std::size_t count, const double* weights, const double* norms,
                   const double* values, double* residuals);

/// Values of a panel's row: columns are packed in panels of as many as a vector holds, the rows of
/// a panel one after the other, zeros beyond the last column.
std::size_t panel_width();

/// Packs roots[i] * [rows(i, :) 1] from row `first` on, `panel` values from one panel to the next.
/// From row to row it is `ld_rows` values.
void pack(const double* rows, std::size_t m, std::size_t d, std::size_t ld_rows, bool intercept,
          const double* roots, double* panels, std::size_t panel, std::size_t first);

/// How many rows of a Gram matrix are worked on at a time.
std::size_t gram_strip();

/// Lower triangle of gram (p x p, column-major) += sign * P^T P of the m rows packed: its rows from
/// `begin` to `end`, multiples of gram_strip() or p. What is above the diagonal is left alone. The
/// `ahead_count` values at `ahead` will be read next: they are brought to the cache meanwhile,
/// since memory idles during the multiplication.
void add_gram(const double* panels, std::size_t panel, std::size_t m, std::size_t p, double sign,
              double* gram, std::size_t ld, std::size_t begin, std::size_t end, const double* ahead,
              std::size_t ahead_count);

/// out (rows x columns, column-major) += sign * R^T L of the first m vectors packed in each: R of
/// `rows` values from a panel's first on, L of `columns`.
void add_products(const double* left, std::size_t left_panel, std::size_t columns,
                  const double* right, std::size_t right_panel, std::size_t rows, std::size_t m,
                  double sign, double* out, std::size_t ld);

/// Rows of a panel of unit_rows.hpp: panel after panel, of each the first number of all its rows,
/// then the second, ..., `width` of them.
inline constexpr std::size_t kUnitRowsPanel = 16;

/// max |values[i]| over i with weights[i] > 0, 0 without one; NaN if one of them is not finite.
double largest_size(const double* values, const double* weights, std::size_t count);

/// spreads[i] = |row_i^T v| for one column, else the largest less the smallest of row_i^T v_c.
/// Columns are one after another.
void unit_row_spreads(const float* rows, std::size_t panels, std::size_t width,
                      const float* columns, std::size_t count, float* spreads);

/// largest[k] = max |row^T column| of panel k, in whole numbers of which no sum is above 2^31. The
/// numbers of a panel stand in pairs, those of all its rows one after another, at a multiple of 64
/// bytes.
void largest_coarse_products(const std::int16_t* rows, std::size_t panels, std::size_t pairs,
                             const std::int16_t* column, std::int32_t* largest);

}  // namespace recant::simd
