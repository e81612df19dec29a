// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "recant/linalg/types.hpp"

namespace recant {

enum class LossKind { kLogistic, kSquared, kSoftmax };

/// "logistic", "squared", "softmax".
[[nodiscard]] std::string_view name(LossKind kind) noexcept;
/// @throws UsageError naming the three.
[[nodiscard]] LossKind loss_kind(std::string_view name);

/// The loss phi(y, t) of one row as a function of its score t = theta^T x.
///
///   logistic   y in {0,1}        phi = log(1 + e^t) - y t          C = 1 score
///   squared    y real            phi = (t - y)^2 / 2               C = 1
///   softmax    y in {0..K-1}     phi = logsumexp(t) - t_y          C = K, t = (t_1 .. t_K)
///
/// Everything is evaluated for m rows at once: scores are m x C, one row of scores a data row.
/// Derivatives of the logistic loss are signed probabilities, -1/(1+e^t) for y = 1 and
/// 1/(1+e^-t) for y = 0: p - y would lose every digit where p is near 1.
/// Source: docs/mathematics.md section 1.
class Loss {
 public:
  /// `classes` is read for softmax only. @throws UsageError if it has fewer than 2.
  explicit Loss(LossKind kind = LossKind::kLogistic, Index classes = 2);

  [[nodiscard]] LossKind kind() const noexcept { return kind_; }
  /// C: scores a row has.
  [[nodiscard]] Index outputs() const noexcept { return outputs_; }

  /// values(i) = phi(y_i, t_i), residuals(i, c) = d phi / d t_c.   m and m x C.
  void evaluate(ConstMatrixRef scores, ConstVectorRef targets, VectorRef values,
                Eigen::Ref<Matrix> residuals) const;

  /// The residuals alone, of k models at once: scores and residuals are m x kC, one model after
  /// another. Several times faster than evaluate().
  void residuals(ConstMatrixRef scores, ConstVectorRef targets, Eigen::Ref<Matrix> residuals) const;

  /// The residuals as above, of one model, and with them slopes(i, c) = d p_k / d t_c of the
  /// probability p_k (squared loss: of the score itself, 1), from the same exponentials.
  /// All three m x C.
  void residuals_and_slopes(ConstMatrixRef scores, ConstVectorRef targets, Index k,
                            Eigen::Ref<Matrix> residuals, Eigen::Ref<Matrix> slopes) const;

  /// curvatures(i) = |d^2 phi / d t_k d t_l|; the sign is curvature_sign(k, l) for every row.
  void curvatures(ConstMatrixRef scores, Index k, Index l, std::span<double> curvatures) const;
  [[nodiscard]] double curvature_sign(Index k, Index l) const noexcept { return k == l ? 1 : -1; }

  /// out = (d^2 phi / dt^2) directions, row by row.   m x C each.
  void curvature_products(ConstMatrixRef scores, ConstMatrixRef directions,
                          Eigen::Ref<Matrix> out) const;

  /// probabilities(i, c): p = 1/(1+e^-t) for logistic, softmax(t) for softmax, t itself for
  /// squared.
  void probabilities(ConstMatrixRef scores, Eigen::Ref<Matrix> probabilities) const;

  /// M of generalised self-concordance: moving the score by s changes phi'' by a factor within
  /// [e^{-M|s|}, e^{M|s|}]; softmax: |s| is the spread max - min of the K changes.
  /// Source: docs/mathematics.md section 5.3, [Bach2010].
  [[nodiscard]] double self_concordance() const noexcept;
  /// Whether |phi''''| <= M^2 phi'' is known, so that an expansion of the gradient to second order
  /// has a bounded remainder: of the losses of one score. Source: docs/mathematics.md section 5.3.
  [[nodiscard]] bool bounds_fourth_derivative() const noexcept { return outputs_ == 1; }
  /// tilts(i) = phi'''(t_i) / phi''(t_i) of a loss of one score, in [-M, M]: 1 - 2p; squared loss:
  /// 0. scores is m x 1.
  void curvature_tilts(ConstMatrixRef scores, VectorRef tilts) const;
  /// The supremum of the largest eigenvalue of phi''.
  [[nodiscard]] double largest_curvature() const noexcept;
  /// The spread of K scores is at most this times their Euclidean norm; 1 with one score.
  [[nodiscard]] double spread_factor() const noexcept;

 private:
  LossKind kind_;
  Index outputs_;
};

}  // namespace recant
