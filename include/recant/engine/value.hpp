// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recant/core/progress.hpp"
#include "recant/data/table.hpp"
#include "recant/engine/flip_check.hpp"
#include "recant/engine/vault.hpp"
#include "recant/influence/influence.hpp"
#include "recant/valuation/agreement.hpp"
#include "recant/valuation/knn_shapley.hpp"
#include "recant/valuation/leave_one_out.hpp"
#include "recant/valuation/semivalues.hpp"

namespace recant {

/// A way to say what training rows are worth; value.cpp has the one list of them.
struct ListedValueMethod {
  std::string_view name, help;
  bool reads_model = false;  ///< a model is fitted anew where labels change
  bool ranks = false;        ///< takes the options of KNN-Shapley that are not K
  bool neighbors = false;    ///< may look at distances: takes K and the feature files
  bool any_metric = false;   ///< takes a metric, else it is about utility alone
  bool leaves_out = false;   ///< takes the options of leave_one_out
  bool samples = false;      ///< takes a utility of sets and the options of sampling
};
[[nodiscard]] std::vector<ListedValueMethod> value_methods();
/// @throws UsageError naming all.
[[nodiscard]] ListedValueMethod value_method(std::string_view name);

/// What a set of rows is worth to a sampled method: the vote of its nearest rows, or a score of the
/// model trained on it.
enum class SetUtility { kVote, kAccuracy, kLogLoss };
/// "vote", "accuracy", "log_loss".
[[nodiscard]] std::string_view name(SetUtility utility) noexcept;
/// @throws UsageError naming the three.
[[nodiscard]] SetUtility set_utility(std::string_view name);

struct ValueRequest {
  std::string method = "knn_shapley";
  KnnShapleyOptions knn;
  std::string metric = "utility";
  LeaveOneOutOptions leave_one_out;
  SetUtility utility = SetUtility::kVote;
  SamplingOptions sampling;  ///< its seed is `seed`
  /// Embeddings to measure distances in, n x d and V x d: as they are, or NPY files; both or none.
  std::optional<FeatureMatrix> features, validation_features;
  std::optional<std::filesystem::path> features_file, validation_features_file;
  Index top = 0;                     ///< so many rows of highest and of lowest value
  std::optional<double> flip_check;  ///< share of labels to flip
  std::uint64_t seed = 1;            ///< of the flips and of the samples
};

/// How a sampled method came by its values.
struct SamplingReport {
  std::int64_t samples = 0, resumed = 0, evaluations = 0, truncated = 0;
  double truncation = 0;
  bool precise = false;  ///< the standard error that was asked for was reached
};

/// How exact leave-one-out is, and what influences would have said.
struct LeaveOneOutReport {
  Index passes = 0, refits = 0;
  std::vector<Index> not_converged, last_of_class;
  double gradient_norm_max = 0;
  Agreement influence;  ///< of influences times row weights with the values
};

/// What a method found. Positive: the row helps (for a metric: without the row it is higher).
struct MethodValues {
  Vector values;                   ///< n, in training row order
  Vector standard_errors;          ///< n, or empty when the values are exact
  std::string utility;             ///< what they are values of: "vote", "loss", a metric ...
  std::optional<double> total;     ///< what the values add up to, v(all) - v(none), where they do
  std::optional<double> baseline;  ///< of the squared error of neighbours
  double error_bound = 0;          ///< of truncated values
  bool weights_ignored = false;    ///< row weights differ, and the method does not look at them
  std::optional<SamplingReport> sampling;
  std::optional<LeaveOneOutReport> leave_one_out;
};

struct RowValue {
  Index row = 0;
  double value = 0;
};

struct ValueReport {
  std::string method;
  Index validation_rows = 0, validation_rows_dropped = 0;
  std::vector<UnseenCategories> unseen;  ///< of the validation rows: as in MeasuredRows
  MethodValues found;
  InfluenceSummary summary;               ///< of the values
  std::vector<RowValue> highest, lowest;  ///< `top` of each, rows of weight 0 left out
  std::optional<FlipCheck> flip_check;
  double value_seconds = 0, flip_check_seconds = 0;
};

/// Values the rows a model was trained on by `validation`. With `flip_check` once more with labels
/// flipped on a copy of the targets; methods that read the model get one fitted to that copy.
/// `found` is called with the report of the values, before the flip check: whatever happens to
/// that, they are there. Rows of weight 0 have value 0 and are in no summary.
/// @throws UsageError for an unknown method and what its options refuse, flips of numeric targets,
/// flips that leave a class without rows, a flip check of a gap; DataError as the method, and for
/// feature files of another shape; NotFoundError
[[nodiscard]] ValueReport value(const FittedModel& fitted, const Dataset& validation,
                                const ValueRequest& request, const ProgressCallback& progress = {},
                                const std::function<void(const ValueReport&)>& found = {});

}  // namespace recant
