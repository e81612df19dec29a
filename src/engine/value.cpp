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
#include "recant/engine/output_place.hpp"
#include "recant/valuation/model_utility.hpp"
#include "recant/valuation/neighbor_utility.hpp"

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

std::vector<Index> counted_rows(const Vector& weights) {
  std::vector<Index> rows;
  for (Index i = 0; i < weights.size(); ++i) {
    if (weights(i) != 0) rows.push_back(i);
  }
  return rows;
}

MethodValues value_by_neighbors(const Task& task) {
  const bool vote = task.fitted.model.loss.kind() != LossKind::kSquared;
  if (vote && task.request.knn.baseline) {
    throw UsageError("is for numeric targets: a missing neighbour has no vote", "baseline");
  }
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

std::string what(const std::string& metric) {
  return metric == "utility" ? "loss" : metric;
}

/// The one metric that was asked for.
std::vector<Metric> asked_metric(const Task& task) {
  const std::string& name = task.request.metric;
  auto metrics = resolve_metric(name, task.validation, task.fitted.model, task.fitted.settings);
  if (metrics.size() > 1) {
    throw UsageError(fmt::format("{} is {} metrics, and a row has one value", name, metrics.size()),
                     "metric",
                     name.starts_with("equalized_odds")
                         ? "write equal_opportunity"
                         : fmt::format("write {}:COLUMN=GROUP", name.substr(0, name.find(':'))));
  }
  return metrics;
}

/// Of one metric, at the optimum of the objective, per unit of weight.
Vector influence_on(const std::vector<Metric>& metric, const Task& task, const Objective& objective,
                    const Vector& theta) {
  const FittedModel& fitted = task.fitted;
  const auto hessian = factor_hessian(objective, theta, fitted.rows.weights);
  if (!hessian) {
    throw DataError("the Hessian has no factor: some row weights are negative", "model");
  }
  const Matrix gradients =
      metric_gradients(metric, task.validation, fitted.model.at(theta), fitted.settings);
  return influences(objective, theta, *hessian, gradients).col(0);
}

MethodValues value_by_influence(const Task& task) {
  const auto metric = asked_metric(task);
  return {.values = influence_on(metric, task, task.fitted.objective(), task.fitted.model.theta),
          .standard_errors = {},
          .utility = what(task.request.metric)};
}

MethodValues value_by_leaving_out(const Task& task) {
  const FittedModel& fitted = task.fitted;
  const auto metric = asked_metric(task);
  const Objective objective = fitted.objective();
  const Measures measures = [&](ConstMatrixRef thetas) {
    return metric_values_of_models(metric, task.validation, fitted.model, thetas, fitted.settings,
                                   &fitted.model);
  };
  LeaveOneOut found = leave_one_out(objective, fitted.model.theta, fitted.rows.weights, measures,
                                    task.request.leave_one_out, task.progress);
  const Vector values = found.changes.col(0);
  const Vector predicted =
      influence_on(metric, task, objective, found.theta).cwiseProduct(fitted.rows.weights);
  const auto rows = counted_rows(fitted.rows.weights);
  Agreement same = agreement(predicted(rows), values(rows));
  same.worst = rows[static_cast<std::size_t>(same.worst)];
  return {.values = values,
          .standard_errors = {},
          .utility = what(task.request.metric),
          .leave_one_out = LeaveOneOutReport{.passes = found.passes,
                                             .refits = found.refits,
                                             .not_converged = std::move(found.not_converged),
                                             .last_of_class = std::move(found.last_of_class),
                                             .gradient_norm_max = found.gradient_norms.maxCoeff(),
                                             .influence = std::move(same)}};
}

/// Among the rows that count.
bool weights_differ(const Vector& weights) {
  const Vector counted = weights(counted_rows(weights));
  return counted.maxCoeff() != counted.minCoeff();
}

std::unique_ptr<SubsetUtility> utility_of_sets(const Task& task) {
  const ValueRequest& request = task.request;
  if (request.utility == SetUtility::kVote) {
    if (task.fitted.model.loss.kind() == LossKind::kSquared) {
      throw UsageError("numeric targets have no vote", "utility", "write --utility log_loss");
    }
    return neighbor_utility(task.training, task.validation, request.knn.neighbors);
  }
  return model_utility(
      task.fitted.objective(), task.fitted.rows.weights, task.validation,
      request.utility == SetUtility::kAccuracy ? ModelScore::kAccuracy : ModelScore::kLogLoss);
}

MethodValues value_by_sampling(const Task& task) {
  const Semivalue kind = semivalue(task.request.method);
  SamplingOptions options = task.request.sampling;
  options.seed = task.request.seed;
  const auto utility = utility_of_sets(task);
  SampledValues found = sample_values(*utility, kind, options, task.progress);
  const bool adds_up = kind == Semivalue::kDataShapley && found.truncated == 0;
  return {.values = std::move(found.values),
          .standard_errors = std::move(found.standard_errors),
          .utility = std::string(name(task.request.utility)),
          .total = adds_up ? std::optional(found.all - found.none) : std::nullopt,
          .weights_ignored =
              task.request.utility == SetUtility::kVote && weights_differ(task.training.weights),
          .sampling = SamplingReport{.samples = found.samples,
                                     .resumed = found.resumed,
                                     .evaluations = found.evaluations,
                                     .truncated = found.truncated,
                                     .truncation = found.truncation,
                                     .precise = found.precise}};
}

struct Entry {
  ListedValueMethod method;
  MethodValues (*run)(const Task&);
};

/// Every method there is: the command, its help and its errors read this list.
const std::array kMethods = {
    Entry{{.name = "knn_shapley",
           .help = "Shapley values of the vote (squared loss: the mean) of the nearest rows, exact",
           .ranks = true,
           .neighbors = true},
          value_by_neighbors},
    Entry{{.name = "influence",
           .help = "what more weight on a row takes off the metric, to first order",
           .reads_model = true,
           .any_metric = true},
          value_by_influence},
    Entry{
        {.name = "leave_one_out",
         .help = "what the metric gains when a row is left out and the model trained again, exact",
         .reads_model = true,
         .any_metric = true,
         .leaves_out = true},
        value_by_leaving_out},
    Entry{{.name = "data_shapley",
           .help = "mean of what a row adds to sets of others, every size alike; sampled",
           .neighbors = true,
           .samples = true},
          value_by_sampling},
    Entry{{.name = "beta_shapley",
           .help = "the same with small sets (or large ones) counting more; sampled",
           .neighbors = true,
           .samples = true},
          value_by_sampling},
    Entry{{.name = "data_banzhaf",
           .help = "the same with every set alike; sampled",
           .neighbors = true,
           .samples = true},
          value_by_sampling}};

const Entry& find_method(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Entry& entry : kMethods) {
    if (entry.method.name == name) return entry;
    names.push_back(entry.method.name);
  }
  throw UsageError(fmt::format("'{}' is not a method", name), "method",
                   fmt::format("methods are {}", fmt::join(names, ", ")));
}

/// Embeddings of rows, and where they come from.
struct Embeddings {
  std::optional<FeatureMatrix> given;
  std::optional<std::filesystem::path> file;
  const char* name;

  [[nodiscard]] bool there() const { return given || file; }
  [[nodiscard]] std::string where() const { return given ? name : file->string(); }
  [[nodiscard]] FeatureMatrix of_rows(Index rows, const char* of) const {
    FeatureMatrix features = given ? *given : read_npy_matrix(*file);
    if (features.rows() != rows) {
      throw DataError(fmt::format("has {} rows, but {} {}", features.rows(), of, rows), where());
    }
    require_finite(features.view(), where());
    return features;
  }
};

/// Puts embeddings in place of the features.
void use_embeddings(const Embeddings& of_training, const Embeddings& of_validation,
                    Dataset& training, Dataset& validation) {
  if (!of_training.there() || !of_validation.there()) {
    throw UsageError("feature files are needed of both the training and the validation rows",
                     "features_file");
  }
  training.features = of_training.of_rows(training.rows(), "the training rows of the model are");
  validation.features = of_validation.of_rows(validation.rows(), "the validation rows are");
  if (validation.features.columns() != training.features.columns()) {
    throw DataError(fmt::format("has {} columns, but that of the training rows has {}",
                                validation.features.columns(), training.features.columns()),
                    of_validation.where());
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

/// Of the rows whose weight is not 0; argmin and argmax are rows of the whole.
InfluenceSummary summarize_counted(const Vector& values, const Vector& weights) {
  const auto rows = counted_rows(weights);
  InfluenceSummary summary = summarize(values(rows));
  summary.argmin = rows[static_cast<std::size_t>(summary.argmin)];
  summary.argmax = rows[static_cast<std::size_t>(summary.argmax)];
  return summary;
}

/// The `count` rows that count whose values come first in the order given.
template <class Before>
std::vector<RowValue> first_rows(const Vector& values, const Vector& weights, Index count,
                                 Before before) {
  std::vector<RowValue> rows;
  for (const Index i : counted_rows(weights)) rows.push_back({i, values(i)});
  const auto end = rows.begin() + std::min<Index>(count, std::ssize(rows));
  std::partial_sort(rows.begin(), end, rows.end(), [&](const RowValue& a, const RowValue& b) {
    return a.value == b.value ? a.row < b.row : before(a.value, b.value);
  });
  return {rows.begin(), end};
}

}  // namespace

std::string_view name(SetUtility utility) noexcept {
  switch (utility) {
    case SetUtility::kVote:
      return "vote";
    case SetUtility::kAccuracy:
      return "accuracy";
    case SetUtility::kLogLoss:
      return "log_loss";
  }
  return "vote";
}

SetUtility set_utility(std::string_view text) {
  for (const auto utility : {SetUtility::kVote, SetUtility::kAccuracy, SetUtility::kLogLoss}) {
    if (text == name(utility)) return utility;
  }
  throw UsageError(fmt::format("must be vote, accuracy or log_loss, but is '{}'", text), "utility");
}

std::vector<ListedValueMethod> value_methods() {
  std::vector<ListedValueMethod> methods;
  for (const Entry& entry : kMethods) methods.push_back(entry.method);
  return methods;
}

ListedValueMethod value_method(std::string_view name) {
  return find_method(name).method;
}

ValueReport value(const FittedModel& fitted, const Dataset& validation, const ValueRequest& request,
                  const ProgressCallback& progress,
                  const std::function<void(const ValueReport&)>& found) {
  const Entry& entry = find_method(request.method);
  check_at_least("top", request.top, 0);
  if (!request.sampling.state_file.empty()) check_outside_models(request.sampling.state_file);
  Dataset training = fitted.rows, measured = validation;
  const Embeddings of_training{request.features, request.features_file, "features"};
  const Embeddings of_validation{request.validation_features, request.validation_features_file,
                                 "validation_features"};
  if (of_training.there() || of_validation.there()) {
    if (!entry.method.neighbors) {
      throw UsageError(fmt::format("{} looks at no distances", request.method), "features_file");
    }
    if (entry.method.samples && request.utility != SetUtility::kVote) {
      throw UsageError(fmt::format("{} of a set looks at no distances", name(request.utility)),
                       "features_file", "write --utility vote");
    }
    use_embeddings(of_training, of_validation, training, measured);
  }
  // Before the work, so that a wrong share is not told after it.
  Dataset flipped = training;
  std::vector<Index> flips;
  if (request.flip_check) {
    if (entry.method.any_metric && request.metric != "utility") {
      throw UsageError("values of a metric other than utility say nothing of wrong labels",
                       "flip_check");
    }
    flips = flip_labels(flipped, *request.flip_check, request.seed);
  }

  Stopwatch watch;
  ValueReport report{.method = request.method, .validation_rows = validation.rows()};
  report.found = entry.run({fitted, training, measured, request, progress});
  report.summary = summarize_counted(report.found.values, training.weights);
  report.highest = first_rows(report.found.values, training.weights, request.top, std::greater<>());
  report.lowest = first_rows(report.found.values, training.weights, request.top, std::less<>());
  report.value_seconds = watch.lap();
  if (found) found(report);
  if (request.flip_check) {
    const FittedModel other =
        with_targets(fitted, flipped.targets, entry.method.reads_model, progress);
    ValueRequest anew = request;
    anew.sampling.state_file.clear();  // that one belongs to the labels as they are
    const MethodValues again = entry.run({other, flipped, measured, anew, progress});
    report.flip_check = check_flips(again.values, training.weights, flips);
    report.flip_check_seconds = watch.lap();
  }
  return report;
}

}  // namespace recant
