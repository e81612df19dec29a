// SPDX-License-Identifier: Apache-2.0
#include "recant/model/loss.hpp"

#include <fmt/format.h>

#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

/// 1/(1+e^-t), accurate in both tails.
double sigmoid(double t) {
  const double e = std::exp(-std::abs(t));
  return t >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/// p(1-p) from e^-|t| alone, so that it keeps its digits where p is near 0 or 1.
double sigmoid_slope(double t) {
  const double e = std::exp(-std::abs(t));
  return e / ((1 + e) * (1 + e));
}

/// log(1 + e) for e in [0, 1]: log u with what rounding 1 + e to u has taken away put back, to
/// first order. As accurate as std::log1p, which takes twice as long on the scores of rows.
double log_of_one_plus(double e) {
  const double u = 1 + e;
  return std::log(u) + (e - (u - 1)) / u;
}

/// Softmax of one row of scores, shifted by its maximum; returns logsumexp.
template <class Scores, class Probabilities>
double softmax(const Scores& scores, Probabilities&& probabilities) {
  const double top = scores.maxCoeff();
  probabilities = (scores.array() - top).exp().matrix();
  const double sum = probabilities.sum();
  probabilities /= sum;
  return top + std::log(sum);
}

/// 1 - p_k as the sum of the others: exact to rounding where p_k is near 1.
template <class Probabilities>
double rest(const Probabilities& p, Index k) {
  double sum = 0;
  for (Index c = 0; c < p.size(); ++c) {
    if (c != k) sum += p(c);
  }
  return sum;
}

}  // namespace

std::string_view name(LossKind kind) noexcept {
  switch (kind) {
    case LossKind::kLogistic:
      return "logistic";
    case LossKind::kSquared:
      return "squared";
    case LossKind::kSoftmax:
      return "softmax";
  }
  return "logistic";
}

LossKind loss_kind(std::string_view text) {
  for (const LossKind kind : {LossKind::kLogistic, LossKind::kSquared, LossKind::kSoftmax}) {
    if (text == name(kind)) return kind;
  }
  throw UsageError(fmt::format("loss must be logistic, squared or softmax, but is '{}'", text));
}

Loss::Loss(LossKind kind, Index classes)
    : kind_(kind), outputs_(kind == LossKind::kSoftmax ? classes : 1) {
  if (kind == LossKind::kSoftmax) check_at_least("classes", classes, 2);
}

void Loss::evaluate(ConstMatrixRef scores, ConstVectorRef targets, VectorRef values,
                    Eigen::Ref<Matrix> residuals) const {
  switch (kind_) {
    case LossKind::kLogistic:
      for (Index i = 0; i < scores.rows(); ++i) {
        // With margin m = (2y-1)t:  phi = log(1 + e^-m),  phi' = -(2y-1)/(1 + e^m).
        const double side = targets(i) > 0.5 ? 1 : -1, margin = side * scores(i, 0);
        const double e = std::exp(-std::abs(margin));
        values(i) = std::max(-margin, 0.0) + log_of_one_plus(e);
        residuals(i, 0) = -side * (margin >= 0 ? e : 1) / (1 + e);
      }
      break;
    case LossKind::kSquared:
      residuals.col(0) = scores.col(0) - targets;
      values = residuals.col(0).array().square() / 2;
      break;
    case LossKind::kSoftmax: {
      Vector p(outputs_);
      for (Index i = 0; i < scores.rows(); ++i) {
        const auto k = static_cast<Index>(targets(i));
        const double log_sum = softmax(scores.row(i).transpose(), p);
        const double others = rest(p, k);
        // -log p_k; where p_k is near 1 from the others, or small losses would be lost.
        values(i) = others < 0.5 ? -std::log1p(-others) : log_sum - scores(i, k);
        residuals.row(i) = p.transpose();
        residuals(i, k) = -others;
      }
      break;
    }
  }
}

void Loss::residuals(ConstMatrixRef scores, ConstVectorRef targets,
                     Eigen::Ref<Matrix> residuals) const {
  switch (kind_) {
    case LossKind::kLogistic: {
      // -(2y-1)/(1 + e^m), as in evaluate(); accurate in both tails as it stands.
      const Eigen::ArrayXd side = (targets.array() > 0.5).select(Vector::Ones(targets.size()), -1);
      for (Index c = 0; c < scores.cols(); ++c) {
        residuals.col(c) = -side / (1 + (side * scores.col(c).array()).exp());
      }
      break;
    }
    case LossKind::kSquared:
      residuals = scores.colwise() - targets;
      break;
    case LossKind::kSoftmax: {
      Vector p(outputs_);
      for (Index first = 0; first < scores.cols(); first += outputs_) {
        for (Index i = 0; i < scores.rows(); ++i) {
          const auto k = static_cast<Index>(targets(i));
          softmax(scores.row(i).segment(first, outputs_).transpose(), p);
          residuals.row(i).segment(first, outputs_) = p.transpose();
          residuals(i, first + k) = -rest(p, k);
        }
      }
      break;
    }
  }
}

void Loss::curvatures(ConstMatrixRef scores, Index k, Index l, std::span<double> curvatures) const {
  Vector p(outputs_);
  for (Index i = 0; i < scores.rows(); ++i) {
    double& value = curvatures[static_cast<std::size_t>(i)];
    switch (kind_) {
      case LossKind::kLogistic:
        value = sigmoid_slope(scores(i, 0));
        break;
      case LossKind::kSquared:
        value = 1;
        break;
      case LossKind::kSoftmax:
        softmax(scores.row(i).transpose(), p);
        value = p(k) * (k == l ? rest(p, k) : p(l));
        break;
    }
  }
}

void Loss::curvature_products(ConstMatrixRef scores, ConstMatrixRef directions,
                              Eigen::Ref<Matrix> out) const {
  Vector p(outputs_);
  for (Index i = 0; i < scores.rows(); ++i) {
    switch (kind_) {
      case LossKind::kLogistic:
        out(i, 0) = sigmoid_slope(scores(i, 0)) * directions(i, 0);
        break;
      case LossKind::kSquared:
        out(i, 0) = directions(i, 0);
        break;
      case LossKind::kSoftmax: {
        softmax(scores.row(i).transpose(), p);
        const double mean = directions.row(i).dot(p);
        out.row(i) = (p.array() * (directions.row(i).transpose().array() - mean)).transpose();
        break;
      }
    }
  }
}

void Loss::probabilities(ConstMatrixRef scores, Eigen::Ref<Matrix> probabilities) const {
  Vector p(outputs_);
  for (Index i = 0; i < scores.rows(); ++i) {
    switch (kind_) {
      case LossKind::kLogistic:
        probabilities(i, 0) = sigmoid(scores(i, 0));
        break;
      case LossKind::kSquared:
        probabilities(i, 0) = scores(i, 0);
        break;
      case LossKind::kSoftmax:
        softmax(scores.row(i).transpose(), p);
        probabilities.row(i) = p.transpose();
        break;
    }
  }
}

}  // namespace recant
