// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/value.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/data/npy.hpp"

namespace recant {
namespace {

/// What a method is given. The rows are fitted.rows, but with embeddings as features where the
/// method looks at distances and they were given.
struct Task {
  const FittedModel& fitted;
  const Dataset &training, &validation;
  const ValueRequest& request;
  const ProgressCallback& progress;
};

MethodValues value_by_neighbors(const Task& task) {
  const bool vote = task.fitted.model.loss.kind() != LossKind::kSquared;
  KnnShapleyResult found =
      vote
          ? knn_shapley(task.training, task.validation, task.request.knn, task.progress)
          : knn_shapley_regression(task.training, task.validation, task.request.knn, task.progress);
  return {.values = std::move(found.values),
          .standard_errors = {},
          .utility = vote ? "vote" : "squared_error",
          .total = found.error_bound == 0 ? std::optional(found.total()) : std::nullopt,
          .baseline = found.baseline,
          .error_bound = found.error_bound,
          .weights_ignored = found.weights_ignored};
}

MethodValues value_by_influence(const Task& task) {
  const FittedModel& fitted = task.fitted;
  const Objective objective = fitted.objective();
  const auto hessian = factor_hessian(objective, fitted.model.theta, fitted.rows.weights);
  if (!hessian) {
    throw DataError("the Hessian has no factor: some row weights are negative", "model");
  }
  const auto utility = resolve_metric("utility", task.validation, fitted.model, fitted.settings);
  const Matrix influence =
      influences(objective, fitted.model.theta, *hessian,
                 metric_gradients(utility, task.validation, fitted.model, fitted.settings));
  return {.values = influence.col(0), .standard_errors = {}, .utility = "loss"};
}

struct Entry {
  ValueMethod method;
  MethodValues (*run)(const Task&);
};

/// Every method there is: the command, its help and its errors read this list.
const std::array kMethods = {
    Entry{{.name = "knn_shapley",
           .help = "Shapley values of the vote (squared loss: the mean) of the nearest rows, exact",
           .neighbors = true},
          value_by_neighbors},
    Entry{{.name = "influence",
           .help = "what more weight on a row takes off the loss, to first order",
           .reads_model = true},
          value_by_influence}};

const Entry& find_method(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Entry& entry : kMethods) {
    if (entry.method.name == name) return entry;
    names.push_back(entry.method.name);
  }
  throw UsageError(fmt::format("'{}' is not a method", name), "method",
                   fmt::format("methods are {}", fmt::join(names, ", ")));
}

FeatureMatrix read_features(const std::filesystem::path& path, Index rows, const char* of) {
  FeatureMatrix features = read_npy_matrix(path);
  if (features.rows() != rows) {
    throw DataError(fmt::format("has {} rows, but {} {}", features.rows(), of, rows),
                    path.string());
  }
  require_finite(features.view(), path.string());
  return features;
}

/// Puts embeddings in place of the features.
void use_feature_files(const ValueRequest& request, Dataset& training, Dataset& validation) {
  if (!request.features_file && !request.validation_features_file) return;
  if (!request.features_file || !request.validation_features_file) {
    throw UsageError("feature files are needed of both the training and the validation rows",
                     "features_file");
  }
  training.features =
      read_features(*request.features_file, training.rows(), "the training rows of the model are");
  validation.features = read_features(*request.validation_features_file, validation.rows(),
                                      "the validation rows are");
  if (validation.features.columns() != training.features.columns()) {
    throw DataError(fmt::format("has {} columns, but that of the training rows has {}",
                                validation.features.columns(), training.features.columns()),
                    request.validation_features_file->string());
  }
}

/// The model with flipped targets; fitted to them if the method reads it.
FittedModel with_targets(const FittedModel& fitted, const Vector& targets, bool refit,
                         const ProgressCallback& progress) {
  FittedModel other = fitted;
  other.rows.targets = targets;
  if (!refit) return other;
  const TrainerResult training =
      train(other.objective(), other.rows.weights, {.tolerance = fitted.tolerance}, progress);
  if (!training.converged) {
    throw DataError("the fit to flipped labels did not converge", "flip_check");
  }
  other.model.theta = training.theta;
  return other;
}

/// The `count` rows that count whose values come first in the order given.
template <class Before>
std::vector<RowValue> first_rows(const Vector& values, const Vector& weights, Index count,
                                 Before before) {
  std::vector<RowValue> rows;
  for (Index i = 0; i < values.size(); ++i) {
    if (weights(i) != 0) rows.push_back({i, values(i)});
  }
  const auto end = rows.begin() + std::min<Index>(count, std::ssize(rows));
  std::partial_sort(rows.begin(), end, rows.end(), [&](const RowValue& a, const RowValue& b) {
    return a.value == b.value ? a.row < b.row : before(a.value, b.value);
  });
  return {rows.begin(), end};
}

}  // namespace

std::vector<ValueMethod> value_methods() {
  std::vector<ValueMethod> methods;
  for (const Entry& entry : kMethods) methods.push_back(entry.method);
  return methods;
}

ValueMethod value_method(std::string_view name) {
  return find_method(name).method;
}

ValueReport value(const FittedModel& fitted, const Dataset& validation, const ValueRequest& request,
                  const ProgressCallback& progress) {
  const Entry& entry = find_method(request.method);
  check_at_least("top", request.top, 0);
  Dataset training = fitted.rows, measured = validation;
  if (request.features_file || request.validation_features_file) {
    if (!entry.method.neighbors) {
      throw UsageError(fmt::format("{} looks at no distances", request.method), "features_file");
    }
    use_feature_files(request, training, measured);
  }
  // Before the work, so that a wrong share is not told after it.
  Dataset flipped = training;
  std::vector<Index> flips;
  if (request.flip_check) flips = flip_labels(flipped, *request.flip_check, request.seed);

  Stopwatch watch;
  ValueReport report{.method = request.method, .validation_rows = validation.rows()};
  report.found = entry.run({fitted, training, measured, request, progress});
  report.summary = summarize(report.found.values);
  report.highest = first_rows(report.found.values, training.weights, request.top, std::greater<>());
  report.lowest = first_rows(report.found.values, training.weights, request.top, std::less<>());
  report.value_seconds = watch.lap();
  if (request.flip_check) {
    const FittedModel other =
        with_targets(fitted, flipped.targets, entry.method.reads_model, progress);
    const MethodValues again = entry.run({other, flipped, measured, request, progress});
    report.flip_check = check_flips(again.values, training.weights, flips);
    report.flip_check_seconds = watch.lap();
  }
  return report;
}

}  // namespace recant
