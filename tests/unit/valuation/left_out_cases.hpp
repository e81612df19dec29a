// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "problems.hpp"
#include "recant/model/trainer.hpp"
#include "recant/valuation/leave_one_out.hpp"

namespace recant::test {

/// Figures of a model without the metrics stage: the validation loss and two entries of theta.
inline Measures loss_and_entries(const Dataset& validation, Loss loss, bool intercept) {
  const Objective measure(validation, loss, intercept, 1);
  return [measure](ConstMatrixRef thetas) {
    Matrix figures(3, thetas.cols());
    for (Index k = 0; k < thetas.cols(); ++k) {
      const Vector ones = Vector::Ones(measure.rows());
      figures(0, k) = measure.evaluate(thetas.col(k), ones).data_loss;
      figures(1, k) = thetas(0, k);
      figures(2, k) = thetas(thetas.rows() - 1, k);
    }
    return figures;
  };
}

/// The same, every row refitted from 0.
inline Matrix refitted_changes(const Objective& objective, const Vector& weights,
                               const Measures& measures) {
  const Vector all = measures(train(objective, weights).theta).col(0);
  Matrix changes(objective.rows(), all.size());
  for (Index j = 0; j < objective.rows(); ++j) {
    Vector without = weights;
    without(j) = 0;
    changes.row(j) = (measures(train(objective, without).theta).col(0) - all).transpose();
  }
  return changes;
}

}  // namespace recant::test
