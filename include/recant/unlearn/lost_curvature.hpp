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
  double total = 0;         ///< at least tr G
  double known = 0;         ///< lambda_max(G) when it was last computed
  double since = 0;         ///< at least lambda_max of what came after
  double before = 0;        ///< of all of that but columns that are kept aside
  Index known_columns = 0;  ///< of pending, in what is known

  /// U leaves. `columns`: L^{-1} U if `solved`, else U, which is solved when it is needed. `trace`:
  /// at least |L^{-1} U|^2. `rounding`: of a product of so many columns, relative to `total`.
  void add(const Cholesky& base, const Matrix& columns, bool solved, double trace, double rounding);
  void solve(const Cholesky& base);
  [[nodiscard]] double largest() const noexcept { return known + since; }

  /// Traces cost nothing. Once they have grown too loose, which is also half of the way from what
  /// is known to one half, where a base ends, the columns that are kept aside are
  /// looked at, which take the share `kept`; else all since the last look, or everything, which
  /// costs P^3 and takes the columns into gram once they are many.
  [[nodiscard]] bool loose() const noexcept {
    return !(largest() <= std::max(0.25, std::min(2 * known, (known + 0.5) / 2)));
  }
  void look_at_kept(double kept) noexcept { since = std::min(since, before + kept); }
  void look(const Cholesky& base, double rounding);
  /// The columns kept aside, which take the share `kept`, are no longer.
  void none_kept(double kept) noexcept {
    look_at_kept(kept);
    before = since;
  }

 private:
  void look_at_all(const Cholesky& base, double rounding);
};

}  // namespace recant
