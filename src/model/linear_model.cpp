// SPDX-License-Identifier: Apache-2.0
#include "recant/model/linear_model.hpp"

#include "recant/core/check.hpp"
#include "recant/linalg/row_kernels.hpp"

namespace recant {

Matrix scores(const LinearModel& model, const FeatureMatrix& features) {
  check_size("columns of the features", features.columns(), model.features);
  Matrix out(features.rows(), model.loss.outputs());
  for_each_block(features.rows(), [&](RowBlock block) {
    row_scores(features.block(block), model.intercept, model.coefficients(),
               out.middleRows(block.begin, block.size()));
  });
  return out;
}

Matrix probabilities(const LinearModel& model, const FeatureMatrix& features) {
  Matrix out = scores(model, features);
  for_each_block(features.rows(), [&](RowBlock block) {
    Matrix part = out.middleRows(block.begin, block.size());
    model.loss.probabilities(part, part);
    out.middleRows(block.begin, block.size()) = part;
  });
  return out;
}

}  // namespace recant
