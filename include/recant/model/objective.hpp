// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/data/dataset.hpp"
#include "recant/linalg/types.hpp"
#include "recant/model/loss.hpp"

namespace recant {

/// The weighted regularised risk of a linear model over n rows,
///
///   F(theta; w) = sum_i w_i phi(y_i, x_i^T theta) + (l2/2) |theta|^2 ,
///
/// strongly convex with constant l2 while w >= 0. The row weights w are an argument of every
/// member: reweighting rows is what recant does. Each member is one pass over the rows.
/// Source: docs/mathematics.md section 1.
class Objective {
 public:
  /// Keeps a reference to nothing but the features and targets, which it shares.
  /// @throws UsageError for l2 that is not finite and > 0.
  Objective(const Dataset& data, Loss loss, bool intercept, double l2);

  /// F + b^T theta: value and gradient gain the term wherever it says F, curvature does not. For
  /// objective perturbation, docs/mathematics.md section 5.6. @throws UsageError for b of another
  /// size or not finite.
  [[nodiscard]] Objective with_linear_term(ConstVectorRef b) const;
  /// b; empty without one.
  [[nodiscard]] const Vector& linear_term() const noexcept { return linear_; }

  [[nodiscard]] const Loss& loss() const noexcept { return loss_; }
  [[nodiscard]] bool intercept() const noexcept { return intercept_; }
  [[nodiscard]] double l2() const noexcept { return l2_; }
  [[nodiscard]] Index rows() const noexcept { return features_.rows(); }
  [[nodiscard]] const FeatureMatrix& features() const noexcept { return features_; }
  [[nodiscard]] const Vector& targets() const noexcept { return targets_; }
  /// |x_i| with the intercept's 1.   n.
  [[nodiscard]] const Vector& row_norms() const noexcept { return row_norms_; }
  /// p = d + intercept.
  [[nodiscard]] Index width() const noexcept { return features_.columns() + (intercept_ ? 1 : 0); }
  /// C*p, the length of theta.
  [[nodiscard]] Index parameters() const noexcept { return loss_.outputs() * width(); }

  struct Evaluation {
    double value = 0;      ///< F
    double data_loss = 0;  ///< sum_i w_i phi_i
    Vector gradient;       ///< dF/dtheta, C*p
    double gross = 0;      ///< sum_i |w_i| |phi'_i| |x_i|: the gradient before anything cancels
  };
  [[nodiscard]] Evaluation evaluate(ConstVectorRef theta, ConstVectorRef weights) const;

  struct Residual {
    Vector gradient;    ///< dF/dtheta, C*p
    double gross = 0;   ///< as in Evaluation
    double spread = 0;  ///< max |x_i^T v| over rows of weight > 0; softmax: of x_i^T (v_k - v_l)
    Index depth = 0;    ///< sum_depth()
  };
  /// The gradient, and how far the direction v = `along` moves the scores. Cost: one read of X.
  [[nodiscard]] Residual residual(ConstVectorRef theta, ConstVectorRef weights,
                                  ConstVectorRef along) const;

  /// sum_i c_i g_i(theta), the gradients of single rows weighted by c; no penalty.
  [[nodiscard]] Vector weighted_gradients(ConstVectorRef theta, ConstVectorRef c) const;

  /// H(theta; w) = sum_i w_i phi''_i x_i x_i^T + l2 I, symmetric, both triangles filled.
  /// Weights of either sign. Cost: n p^2 C(C+1)/2 multiply-adds; memory O((Cp)^2) a group.
  [[nodiscard]] Matrix hessian(ConstVectorRef theta, ConstVectorRef weights) const;

  /// That and grad F(theta; w), whose rows are in the cache then. Of one score; of several, a pass.
  struct Expansion {
    Matrix hessian;
    Vector gradient;
  };
  [[nodiscard]] Expansion expand(ConstVectorRef theta, ConstVectorRef weights) const;

  /// phi'''_i / phi''_i at theta, of a loss of one score.   n.
  [[nodiscard]] Vector curvature_tilts(ConstVectorRef theta) const;

  /// Additions behind one another in any sum over rows of hessian().
  [[nodiscard]] Index hessian_depth() const noexcept;

  /// H(theta; w) v without forming H. Cost: one read of X.
  [[nodiscard]] Vector hessian_times(ConstVectorRef theta, ConstVectorRef weights,
                                     ConstVectorRef v) const;

  /// Additions behind one another in any sum over rows of residual() and hessian_times(), which are
  /// made in pieces and blocks: near 50 + n/65536 for a hundred features or more, 150 for few.
  [[nodiscard]] Index sum_depth() const noexcept;

  /// g_i(theta)^T s for every row and every column s of `directions` (C*p x q): n x q.
  /// The n x Cp matrix of row gradients is never formed.
  [[nodiscard]] Matrix row_gradient_products(ConstVectorRef theta, ConstMatrixRef directions) const;

 private:
  FeatureMatrix features_;
  Vector targets_;
  Loss loss_;
  bool intercept_;
  double l2_;
  Vector row_norms_;  // |x_i| with the intercept's 1
  Vector linear_;     // b, or empty

  Evaluation data_terms(ConstVectorRef theta, ConstVectorRef weights) const;  // no penalty
  /// Of one score the gradient too, where it has the size for it; no penalty in that.
  void add_expansion(ConstVectorRef theta, ConstVectorRef weights, Expansion& sum) const;
  void check_shapes(ConstVectorRef theta, ConstVectorRef weights) const;
};

}  // namespace recant
