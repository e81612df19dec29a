// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "recant/core/progress.hpp"
#include "recant/data/arrays.hpp"
#include "recant/data/table.hpp"
#include "recant/engine/vault.hpp"
#include "recant/metrics/evaluation.hpp"

namespace recant {

/// Where rows come from: a CSV file ("-" is standard input) or arrays; exactly one.
struct RowSource {
  std::optional<std::filesystem::path> csv;
  std::optional<ArrayFiles> arrays;
};

/// What to train.
struct FitRequest {
  RowSource rows;
  TableOptions table;  ///< of a CSV file; its target_kind follows from `loss`
  LossKind loss = LossKind::kLogistic;
  std::optional<double> l2;          ///< of the sum form; 1 if neither is given
  std::optional<double> l2_per_row;  ///< l2 = this times the number of rows
  bool intercept = true;
  TrainerOptions trainer;
  /// COLUMN=VALUE, or VALUE with a single sensitive column; of arrays the part before = is free.
  std::vector<std::string> privileged;
};

/// What came of it.
struct FitReport {
  Index rows = 0, rows_dropped = 0;
  TrainerResult training;
  Evaluation evaluation;  ///< on the training rows
  double load_seconds = 0, evaluate_seconds = 0;
};

/// Loads, encodes and trains. The model is whole even when training did not converge:
/// `report.training.converged` says so, and such a model should not be kept.
/// @throws UsageError, DataError, NotFoundError
[[nodiscard]] std::pair<FittedModel, FitReport> fit(const FitRequest& request,
                                                    const ProgressCallback& progress = {});

/// Trains on rows that are loaded, and measures nothing: `report.evaluation` is empty. Of the
/// request everything but `rows` and `table` counts; of those the positive class of softmax. Starts
/// at `start`, or at 0. Shares the features of `rows`.
/// @throws UsageError
[[nodiscard]] std::pair<FittedModel, FitReport> fit_rows(Dataset rows, const FitRequest& request,
                                                         const ProgressCallback& progress = {},
                                                         std::optional<Vector> start = {});

/// Rows that a model is measured on, encoded as it needs them.
struct MeasuredRows {
  Dataset data;
  Index rows_dropped = 0;
  std::vector<UnseenCategories> unseen;
};
/// @throws as fit(); UsageError for a CSV file with a model that was trained on arrays, or the
/// other way round.
[[nodiscard]] MeasuredRows load_rows(const FittedModel& model, const RowSource& source);

/// Sets the privileged group of sensitive columns: COLUMN=VALUE as in FitRequest.
void set_privileged(FittedModel& model, const std::vector<std::string>& privileged);

/// Where the training rows have no groups, takes those of `measured`, so that its gaps have a sign:
/// that of two groups with the higher positive rate there is the privileged one. Elsewhere nothing.
void default_privileged(FittedModel& model, const Dataset& measured);

/// Sets which class p is, by name. @throws UsageError unless the loss is softmax.
void set_positive_class(FittedModel& model, const std::string& class_name);

}  // namespace recant
