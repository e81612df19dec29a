// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/lost_curvature.hpp"

#include <algorithm>

#include "recant/linalg/eigenvalues.hpp"
#include "recant/linalg/symmetric.hpp"

namespace recant {

void LostCurvature::add(const Cholesky& base, const Matrix& columns, bool solved, double trace) {
  if (pending_columns + columns.cols() > pending.cols()) fold(base);
  if (solved) solve(base);
  pending.middleCols(pending_columns, columns.cols()) = columns;
  pending_columns += columns.cols();
  if (solved) solved_columns = pending_columns;
  total += trace;
  since += trace;
}

void LostCurvature::solve(const Cholesky& base) {
  if (solved_columns == pending_columns) return;
  auto columns = pending.middleCols(solved_columns, pending_columns - solved_columns);
  columns = base.half_solve(columns);
  solved_columns = pending_columns;
}

void LostCurvature::fold(const Cholesky& base) {
  solve(base);
  if (gram.size() == 0) gram = Matrix::Zero(base.size(), base.size());
  add_outer_products(gram, pending.leftCols(pending_columns));
  pending_columns = solved_columns = 0;
}

void LostCurvature::look(const Cholesky& base, double rounding) {
  double found = 0;
  if (gram.size() == 0 && pending_columns < base.size() / 4) {
    solve(base);
    found = largest_eigenvalue_bound(inner_products(pending.leftCols(pending_columns)));
  } else {
    fold(base);
    found = largest_eigenvalue_bound(gram);
  }
  known = std::min(largest(), found + rounding * total);
  since = before = 0;
}

}  // namespace recant
