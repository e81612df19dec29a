#include <cstdio>

#include "recant/engine/fit.hpp"
#include "recant/engine/vault.hpp"
#include "recant/linalg/cholesky.hpp"

/// Three rows with one feature.
recant::Dataset three_rows() {
  recant::Dataset rows;
  rows.features = recant::FeatureMatrix(recant::RowMatrix{{-1}, {0.5}, {1}});
  rows.targets = recant::Vector{{0, 1, 1}};
  rows.weights = recant::Vector::Ones(3);
  rows.class_names = {"no", "yes"};
  rows.ids.numbers = {1, 2, 3};
  return rows;
}

/// Through the engine, which takes every stage and whatever they are linked with in private.
/// Argument: where to write a model.
int main(int, char** arguments) {
  const auto factor = recant::Cholesky::factor(4 * recant::Matrix::Identity(3, 3));
  const bool solves = factor && factor->solve(recant::Vector::Constant(3, 2)).isConstant(0.5);

  const auto [fitted, report] = recant::fit_rows(three_rows(), {});
  recant::Vault::create(arguments[1], fitted, false);
  const recant::FittedModel again = recant::Vault::open(arguments[1]);
  const bool fits = report.training.converged && again.model.theta(0) > 0;
  std::printf("%d %d\n", solves, fits);
  return solves && fits ? 0 : 1;
}
