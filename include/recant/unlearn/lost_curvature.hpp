// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "recant/linalg/cholesky.hpp"

namespace recant {

/// The share of a base's curvature that has left it: at least lambda_max(G), G = L^{-1} U U^T
/// L^{-T}, L the base's factor and U all columns that left. docs/mathematics.md section 5.3.
struct LostCurvature {
  /// Rows whose columns are in memory at once, and columns that `pending` has place for.
  static constexpr Index kRows = 256;
  [[nodiscard]] static Index room(Index size, Index outputs) noexcept {
    return size + kRows * outputs;
  }

  // G = gram + V V^T, V the first solved_columns of pending and L^{-1} times the others, which are
  // U.
  Matrix gram, pending;
  Index pending_columns = 0, solved_columns = 0;
  double total = 0;   ///< at least tr G
  double known = 0;   ///< lambda_max(G) at the last look
  double since = 0;   ///< at least lambda_max of what came after
  double before = 0;  ///< of all of that but columns that are kept aside

  /// U leaves. `columns`: L^{-1} U if `solved`, else U, which is solved when it is needed. `trace`:
  /// at least |L^{-1} U|^2.
  void add(const Cholesky& base, const Matrix& columns, bool solved, double trace);
  void solve(const Cholesky& base);
  [[nodiscard]] double largest() const noexcept { return known + since; }

  /// Traces cost nothing. They are too loose also before they reach one half, where a base ends,
  /// though not for every few columns there.
  [[nodiscard]] bool loose() const noexcept {
    return !(largest() <= std::max(0.25, std::min(2 * known, std::max(0.45, known + 0.1))));
  }
  /// What to do first: the columns kept aside that came after the last look take the share `kept`.
  void look_at_kept(double kept) noexcept { since = std::min(since, before + kept); }
  /// And then: at everything. `rounding`: of a product of so many columns, relative to `total`.
  /// Cost: P^3/6, with P^2/2 for each column since the last look.
  void look(const Cholesky& base, double rounding);
  /// The columns kept aside, which take the share `kept`, are no longer.
  void none_kept(double kept) noexcept {
    look_at_kept(kept);
    before = since;
  }

 private:
  void fold(const Cholesky& base);
};

}  // namespace recant
