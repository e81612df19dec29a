// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/model_utility.hpp"

#include <fmt/format.h>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/model/linear_model.hpp"
#include "recant/model/trainer.hpp"
#include "rowless_optimum.hpp"

namespace recant {
namespace {

struct ModelProblem {
  Objective objective;
  Vector rowless;  ///< the optimum without any row
  Vector weights;
  Dataset validation;
  ModelScore score;
};

double accuracy(const Matrix& scores, const Vector& targets) {
  Index right = 0;
  for (Index i = 0; i < scores.rows(); ++i) {
    Index label = scores(i, 0) > 0;  // logistic; softmax: the class of largest score
    if (scores.cols() > 1) scores.row(i).maxCoeff(&label);
    right += static_cast<double>(label) == targets(i);
  }
  return static_cast<double>(right) / static_cast<double>(scores.rows());
}

class ModelSet final : public GrowingSet {
 public:
  explicit ModelSet(const ModelProblem& problem) : problem_(problem) { clear(); }

  // Back to where no row is, so that what a set is trained from depends on its own growth alone.
  void clear() override {
    weights_ = Vector::Zero(problem_.objective.rows());
    theta_ = problem_.rowless;
    trained_ = true;
  }
  void add(Index row) override {
    if (problem_.weights(row) == 0) return;
    weights_(row) = problem_.weights(row);
    trained_ = false;
  }
  double value() override {
    if (!trained_) {
      TrainerResult result =
          train_from(problem_.objective, weights_, std::move(theta_), {.refine = false});
      if (!result.converged) {
        throw UsageError("training on a subset of the rows did not converge", "l2",
                         "give a larger l2 or scale the features");
      }
      theta_ = std::move(result.theta);
      trained_ = true;
    }
    const Objective& objective = problem_.objective;
    const LinearModel model{objective.loss(), objective.intercept(), objective.features().columns(),
                            theta_};
    const Matrix t = scores(model, problem_.validation.features);
    if (problem_.score == ModelScore::kAccuracy) return accuracy(t, problem_.validation.targets);
    Vector losses(t.rows());
    Matrix residuals(t.rows(), t.cols());
    objective.loss().evaluate(t, problem_.validation.targets, losses, residuals);
    return -losses.mean();
  }

 private:
  const ModelProblem& problem_;
  Vector weights_, theta_;
  bool trained_ = true;
};

class ModelUtility final : public SubsetUtility {
 public:
  explicit ModelUtility(ModelProblem problem) : problem_(std::move(problem)) {}
  [[nodiscard]] Index rows() const noexcept override { return problem_.objective.rows(); }
  [[nodiscard]] std::unique_ptr<GrowingSet> empty_set() const override {
    return std::make_unique<ModelSet>(problem_);
  }
  [[nodiscard]] bool counts(Index row) const override { return problem_.weights(row) > 0; }
  void add_to(Fingerprint& fingerprint) const override {
    const Objective& objective = problem_.objective;
    const auto add = [&](const double* values, Index count) {
      fingerprint.add(std::span<const double>(values, static_cast<std::size_t>(count)));
    };
    fingerprint.add(name(problem_.score));
    fingerprint.add(name(objective.loss().kind()));
    fingerprint.add(objective.loss().outputs());
    fingerprint.add(static_cast<std::int64_t>(objective.intercept()));
    fingerprint.add(objective.l2());
    if (objective.linear_term().size() > 0) {
      fingerprint.add(std::string_view("linear term"));
      add(objective.linear_term().data(), objective.linear_term().size());
    }
    for (const FeatureMatrix* features : {&objective.features(), &problem_.validation.features}) {
      fingerprint.add(features->columns());
      fingerprint.add(features->rows() * features->columns());
      for (Index i = 0; i < features->rows(); ++i) {
        for (const double value : features->row(i).row(0)) fingerprint.add(value);
      }
    }
    for (const Vector* values :
         {&objective.targets(), &problem_.weights, &problem_.validation.targets}) {
      add(values->data(), values->size());
    }
  }

 private:
  ModelProblem problem_;
};

}  // namespace

std::string_view name(ModelScore score) noexcept {
  return score == ModelScore::kAccuracy ? "accuracy" : "log_loss";
}

ModelScore model_score(std::string_view text) {
  for (const ModelScore score : {ModelScore::kAccuracy, ModelScore::kLogLoss}) {
    if (text == name(score)) return score;
  }
  throw UsageError(fmt::format("score must be accuracy or log_loss, but is '{}'", text));
}

std::unique_ptr<SubsetUtility> model_utility(const Objective& objective, ConstVectorRef weights,
                                             const Dataset& validation, ModelScore score) {
  check_size("row weights", weights.size(), objective.rows());
  if (!(weights.minCoeff() >= 0 && weights.allFinite())) {
    throw UsageError("must be finite and >= 0 to train", "row weights");
  }
  if (validation.rows() == 0) throw UsageError("there is no validation row to score on");
  check_size("columns of the validation rows", validation.features.columns(),
             objective.features().columns());
  if (score == ModelScore::kAccuracy && objective.loss().kind() == LossKind::kSquared) {
    throw UsageError("squared loss has no accuracy", "score", "use log_loss");
  }
  Vector rowless = rowless_optimum(objective);
  if (!rowless.allFinite()) {
    throw UsageError("the linear term is too large for the optimum without any row", "l2",
                     "give a larger l2");
  }
  return std::make_unique<ModelUtility>(
      ModelProblem{objective, std::move(rowless), weights, validation, score});
}

}  // namespace recant
