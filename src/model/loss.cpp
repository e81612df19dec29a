// SPDX-License-Identifier: Apache-2.0
#include "recant/model/loss.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "logistic_kernels.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

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
      simd::logistic_loss(static_cast<std::size_t>(scores.rows()), scores.data(), targets.data(),
                          values.data(), residuals.data());
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
    case LossKind::kLogistic:
      for (Index c = 0; c < scores.cols(); ++c) {
        simd::logistic_loss(static_cast<std::size_t>(scores.rows()), scores.col(c).data(),
                            targets.data(), nullptr, residuals.col(c).data());
      }
      break;
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

void Loss::residuals_and_slopes(ConstMatrixRef scores, ConstVectorRef targets, Index k,
                                Eigen::Ref<Matrix> residuals, Eigen::Ref<Matrix> slopes) const {
  switch (kind_) {
    case LossKind::kLogistic:
      simd::logistic_slopes(static_cast<std::size_t>(scores.rows()), scores.data(), targets.data(),
                            residuals.data(), slopes.data());
      break;
    case LossKind::kSquared:
      residuals.col(0) = scores.col(0) - targets;
      slopes.setOnes();
      break;
    case LossKind::kSoftmax: {
      Vector p(outputs_);
      for (Index i = 0; i < scores.rows(); ++i) {
        const auto target = static_cast<Index>(targets(i));
        softmax(scores.row(i).transpose(), p);
        residuals.row(i) = p.transpose();
        residuals(i, target) = -rest(p, target);
        slopes.row(i) = -p(k) * p.transpose();
        slopes(i, k) = p(k) * rest(p, k);
      }
      break;
    }
  }
}

void Loss::curvatures(ConstMatrixRef scores, Index k, Index l, std::span<double> curvatures) const {
  switch (kind_) {
    case LossKind::kLogistic:
      simd::logistic_curvature(curvatures.size(), scores.data(), curvatures.data());
      break;
    case LossKind::kSquared:
      std::fill(curvatures.begin(), curvatures.end(), 1.0);
      break;
    case LossKind::kSoftmax: {
      Vector p(outputs_);
      for (Index i = 0; i < scores.rows(); ++i) {
        softmax(scores.row(i).transpose(), p);
        curvatures[static_cast<std::size_t>(i)] = p(k) * (k == l ? rest(p, k) : p(l));
      }
      break;
    }
  }
}

void Loss::curvature_tilts(ConstMatrixRef scores, VectorRef tilts) const {
  if (kind_ == LossKind::kLogistic) {
    tilts = -(scores.col(0).array() / 2).tanh();  // 1 - 2p
  } else {
    tilts.setZero();
  }
}

void Loss::curvature_products(ConstMatrixRef scores, ConstMatrixRef directions,
                              Eigen::Ref<Matrix> out) const {
  switch (kind_) {
    case LossKind::kLogistic: {
      simd::logistic_curvature_product(static_cast<std::size_t>(scores.rows()), scores.data(),
                                       directions.data(), out.data());
      break;
    }
    case LossKind::kSquared:
      out.col(0) = directions.col(0);
      break;
    case LossKind::kSoftmax: {
      Vector p(outputs_);
      for (Index i = 0; i < scores.rows(); ++i) {
        softmax(scores.row(i).transpose(), p);
        const double mean = directions.row(i).dot(p);
        out.row(i) = (p.array() * (directions.row(i).transpose().array() - mean)).transpose();
      }
      break;
    }
  }
}

void Loss::probabilities(ConstMatrixRef scores, Eigen::Ref<Matrix> probabilities) const {
  switch (kind_) {
    case LossKind::kLogistic:
      simd::logistic_probability(static_cast<std::size_t>(scores.rows()), scores.data(),
                                 probabilities.data());
      break;
    case LossKind::kSquared:
      probabilities.col(0) = scores.col(0);
      break;
    case LossKind::kSoftmax: {
      Vector p(outputs_);
      for (Index i = 0; i < scores.rows(); ++i) {
        softmax(scores.row(i).transpose(), p);
        probabilities.row(i) = p.transpose();
      }
      break;
    }
  }
}

double Loss::self_concordance() const noexcept {
  return kind_ == LossKind::kSquared ? 0 : 1;
}

double Loss::largest_curvature() const noexcept {
  switch (kind_) {
    case LossKind::kLogistic:
      return 0.25;
    case LossKind::kSquared:
      return 1;
    case LossKind::kSoftmax:
      return 0.5;
  }
  return 1;
}

double Loss::spread_factor() const noexcept {
  return kind_ == LossKind::kSoftmax ? std::sqrt(2.0) : 1;
}

}  // namespace recant
