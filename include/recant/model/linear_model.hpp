// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/data/dataset.hpp"
#include "recant/linalg/types.hpp"
#include "recant/model/loss.hpp"

namespace recant {

/// A fitted linear model: scores t = [X 1] Theta.
///
/// theta holds the parameters class after class: theta[c*p + j] is feature j of output c, and
/// with an intercept j = p - 1 is the intercept. p = d + intercept, C = loss.outputs().
struct LinearModel {
  Loss loss;
  bool intercept = true;
  Index features = 0;  ///< d
  Vector theta;        ///< C*p

  [[nodiscard]] Index width() const noexcept { return features + (intercept ? 1 : 0); }
  /// p x C view of theta.
  [[nodiscard]] Eigen::Map<const Matrix> coefficients() const noexcept {
    return {theta.data(), width(), loss.outputs()};
  }
  /// The same model at other parameters.
  [[nodiscard]] LinearModel at(Vector other) const {
    return {loss, intercept, features, std::move(other)};
  }
};

/// n x C scores. One pass over the rows.
[[nodiscard]] Matrix scores(const LinearModel& model, const FeatureMatrix& features);

/// n x C probabilities (squared loss: the predictions themselves).
[[nodiscard]] Matrix probabilities(const LinearModel& model, const FeatureMatrix& features);

}  // namespace recant
