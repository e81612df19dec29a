// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/lost_curvature.hpp"

#include <algorithm>

#include "recant/linalg/eigenvalues.hpp"
#include "recant/linalg/symmetric.hpp"

namespace recant {

void LostCurvature::add(const Cholesky& base, const Matrix& columns, bool solved, double trace,
                        double rounding) {
  if (pending_columns + columns.cols() > pending.cols()) look_at_all(base, rounding);
  if (solved) solve(base);
  pending.middleCols(pending_columns, columns.cols()) = columns;
  pending_columns += columns.cols();
  if (solved) solved_columns = pending_columns;
  total += trace;
  since += trace;
}

void LostCurvature::look(const Cholesky& base, double rounding) {
  constexpr Index kFewColumns = 96;
  if (loose() && pending_columns - known_columns <= kFewColumns) {
    solve(base);
    const auto later = pending.middleCols(known_columns, pending_columns - known_columns);
    since = before =
        std::min(since, largest_eigenvalue_bound(inner_products(later)) + rounding * total);
  }
  if (loose()) look_at_all(base, rounding);
}

void LostCurvature::solve(const Cholesky& base) {
  if (solved_columns == pending_columns) return;
  auto columns = pending.middleCols(solved_columns, pending_columns - solved_columns);
  columns = base.half_solve(columns);
  solved_columns = pending_columns;
}

void LostCurvature::look_at_all(const Cholesky& base, double rounding) {
  solve(base);
  const auto all = pending.leftCols(pending_columns);
  double found = 0;
  if (gram.size() == 0 && pending_columns < base.size() / 4) {
    found = largest_eigenvalue_bound(inner_products(all));
  } else {
    if (gram.size() == 0) gram = Matrix::Zero(base.size(), base.size());
    add_outer_products(gram, all);
    pending_columns = solved_columns = 0;
    found = largest_eigenvalue_bound(gram);
  }
  known = std::min(largest(), found + rounding * total);
  since = before = 0;
  known_columns = pending_columns;
}

}  // namespace recant
