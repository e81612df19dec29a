// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/fit.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"

namespace recant {
namespace {

TargetKind target_kind(LossKind loss) {
  switch (loss) {
    case LossKind::kLogistic:
      return TargetKind::kBinary;
    case LossKind::kSquared:
      return TargetKind::kNumeric;
    case LossKind::kSoftmax:
      return TargetKind::kClasses;
  }
  return TargetKind::kBinary;
}

double number(const std::string& text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) {
    throw UsageError("the positive value of an array of targets must be a number", "positive");
  }
  return value;
}

void check_source(const RowSource& source) {
  if (source.csv.has_value() == source.arrays.has_value()) {
    throw UsageError("give either a CSV file or arrays (--features and --targets)", "rows");
  }
}

double l2_strength(const FitRequest& request, Index rows) {
  if (request.l2 && request.l2_per_row) throw UsageError("give l2 or l2_per_row, not both", "l2");
  if (request.l2_per_row) {
    check_positive("l2_per_row", *request.l2_per_row);
    return *request.l2_per_row * static_cast<double>(rows);
  }
  const double l2 = request.l2.value_or(1);
  check_positive("l2", l2);
  return l2;
}

/// The privileged group of each column of two groups that has none: the sign of a gap must not
/// depend on what it is measured on.
std::vector<std::optional<std::string>> privileged_groups(const Dataset& rows,
                                                          const FittedModel& fitted) {
  std::vector<std::optional<std::string>> groups(rows.sensitive.size());
  for (std::size_t c = 0; c < groups.size(); ++c) {
    if (rows.sensitive[c].groups.size() != 2) continue;
    groups[c] =
        fitted.model.loss.kind() == LossKind::kSquared
            ? rows.sensitive[c].groups.back()
            : highest_positive_rate(rows, static_cast<Index>(c), fitted.settings.positive_class);
  }
  return groups;
}

struct Loaded {
  Dataset data;
  std::optional<Encoder> encoder;
  Index rows_dropped = 0;
};

Loaded load_training(const FitRequest& request) {
  check_source(request.rows);
  if (request.rows.arrays) {
    ArrayOptions options;
    options.target_kind = target_kind(request.loss);
    if (request.table.positive && request.loss == LossKind::kLogistic) {
      options.positive = number(*request.table.positive);
    }
    return {read_arrays(*request.rows.arrays, options), {}, 0};
  }
  TableOptions table = request.table;
  table.target_kind = target_kind(request.loss);
  if (request.loss != LossKind::kLogistic) table.positive.reset();
  LoadedTable loaded = read_training_csv(*request.rows.csv, table);
  return {std::move(loaded.data), std::move(loaded.encoder), loaded.rows_dropped};
}

}  // namespace

void set_privileged(FittedModel& fitted, const std::vector<std::string>& privileged) {
  auto& columns = fitted.rows.sensitive;
  fitted.settings.privileged.resize(columns.size());
  for (const std::string& text : privileged) {
    const auto equals = text.find('=');
    const std::string column = equals == std::string::npos ? "" : text.substr(0, equals);
    const std::string group = equals == std::string::npos ? text : text.substr(equals + 1);
    std::size_t at = 0;
    // A lone column needs no name, and one from an array has none.
    const bool lone =
        columns.size() == 1 && (equals == std::string::npos || columns.front().name.empty());
    if (!lone) {
      at = static_cast<std::size_t>(std::find_if(columns.begin(), columns.end(),
                                                 [&](const auto& c) { return c.name == column; }) -
                                    columns.begin());
    }
    if (at >= columns.size()) {
      throw UsageError(fmt::format("'{}' names no sensitive column", text), "privileged",
                       "write COLUMN=GROUP");
    }
    const auto& groups = columns[at].groups;
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) {
      throw UsageError(fmt::format("'{}' is not a group", group), "privileged",
                       fmt::format("groups are {}", fmt::join(groups, ", ")));
    }
    fitted.settings.privileged[at] = group;
  }
}

void set_positive_class(FittedModel& fitted, const std::string& class_name) {
  if (fitted.model.loss.kind() != LossKind::kSoftmax) {
    throw UsageError("only softmax has a choice of positive class after fitting", "positive");
  }
  const auto& names = fitted.rows.class_names;
  const auto at = std::find(names.begin(), names.end(), class_name);
  if (at == names.end()) {
    throw UsageError(fmt::format("'{}' is not a class", class_name), "positive",
                     fmt::format("classes are {}", fmt::join(names, ", ")));
  }
  fitted.settings.positive_class = at - names.begin();
}

void default_privileged(FittedModel& fitted, const Dataset& measured) {
  if (fitted.rows.sensitive.empty()) {
    fitted.settings.privileged = privileged_groups(measured, fitted);
  }
}

std::pair<FittedModel, FitReport> fit_rows(Dataset rows, const FitRequest& request,
                                           const ProgressCallback& progress,
                                           std::optional<Vector> start) {
  FitReport report;
  FittedModel fitted;
  fitted.rows = std::move(rows);
  report.rows = fitted.rows.rows();
  const auto classes = static_cast<Index>(fitted.rows.class_names.size());
  const Loss loss(request.loss, std::max<Index>(2, classes));
  fitted.model = {loss, request.intercept, fitted.rows.features.columns(), {}};
  fitted.settings.positive_class = request.loss == LossKind::kSoftmax ? classes - 1 : 1;
  fitted.l2 = l2_strength(request, fitted.rows.rows());
  fitted.tolerance = request.trainer.tolerance;
  if (request.loss == LossKind::kSoftmax && request.table.positive) {
    set_positive_class(fitted, *request.table.positive);
  }
  fitted.settings.privileged = privileged_groups(fitted.rows, fitted);
  set_privileged(fitted, request.privileged);

  const Objective objective = fitted.objective();
  if (!start) start = Vector::Zero(objective.parameters());
  report.training =
      train_from(objective, fitted.rows.weights, *std::move(start), request.trainer, progress);
  fitted.model.theta = report.training.theta;
  fitted.gradient = report.training.gradient;
  fitted.optimal = report.training.converged;
  return {std::move(fitted), std::move(report)};
}

std::pair<FittedModel, FitReport> fit(const FitRequest& request, const ProgressCallback& progress) {
  Stopwatch watch;
  if (request.l2) check_positive("l2", *request.l2);
  if (request.l2_per_row) check_positive("l2_per_row", *request.l2_per_row);
  validate(request.trainer);
  Loaded loaded = load_training(request);
  const double load_seconds = watch.lap();

  auto [fitted, report] = fit_rows(std::move(loaded.data), request, progress);
  fitted.encoder = std::move(loaded.encoder);
  report.rows_dropped = loaded.rows_dropped;
  report.load_seconds = load_seconds;
  watch.lap();
  report.evaluation = evaluate(fitted.rows, fitted.model, fitted.settings);
  report.evaluate_seconds = watch.lap();
  return {std::move(fitted), std::move(report)};
}

MeasuredRows load_rows(const FittedModel& fitted, const RowSource& source) {
  check_source(source);
  if (source.csv) {
    if (!fitted.encoder) {
      throw UsageError("the model was trained on arrays, so it cannot read a CSV file",
                       source.csv->string(), "give arrays with the same columns");
    }
    LoadedTable table = read_csv(*source.csv, *fitted.encoder);
    return {std::move(table.data), table.rows_dropped, std::move(table.unseen)};
  }
  ArrayOptions options;
  options.target_kind = target_kind(fitted.model.loss.kind());
  options.training = false;
  options.class_names = fitted.rows.class_names;
  for (const SensitiveColumn& column : fitted.rows.sensitive)
    options.groups.push_back(column.groups);
  MeasuredRows rows{read_arrays(*source.arrays, options), 0, {}};
  if (rows.data.features.columns() != fitted.model.features) {
    throw DataError(fmt::format("has {} columns, but the model has {} features",
                                rows.data.features.columns(), fitted.model.features),
                    source.arrays->features.string());
  }
  // Arrays of groups have no name: they are the model's columns, in their order.
  for (std::size_t c = 0; c < rows.data.sensitive.size() && c < fitted.rows.sensitive.size(); ++c) {
    rows.data.sensitive[c].name = fitted.rows.sensitive[c].name;
  }
  return rows;
}

}  // namespace recant
