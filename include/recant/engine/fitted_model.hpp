// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "recant/data/dataset.hpp"
#include "recant/data/encoder.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/model/linear_model.hpp"
#include "recant/model/objective.hpp"
#include "recant/model/trainer.hpp"

namespace recant {

/// A fitted model with everything its later life needs: the rows it was trained on, how they
/// were encoded, and how the fit ended.
struct FittedModel {
  LinearModel model;
  Dataset rows;                    ///< weights: those the model was trained with
  std::optional<Encoder> encoder;  ///< none when the rows came as arrays
  MetricSettings settings;
  double l2 = 1;
  double tolerance = 1e-10;  ///< of the fit: see TrainerOptions
  Vector gradient;           ///< the leftover of the fit, C*p
  /// n, where the last deletion trained the model with other weights than `rows` have (weights of
  /// retained rows by value, docs/mathematics.md section 4.5): what it is to be compared with.
  std::optional<Vector> trained_weights;
  bool optimal = true;     ///< theta minimises F to the tolerance; else it is approximate
  std::string label_type;  ///< what the classes were before they became texts, in the words of
                           ///< whoever trained the model; empty: texts

  [[nodiscard]] Objective objective() const { return {rows, model.loss, model.intercept, l2}; }
};

/// Whether a row was erased by a deletion: its id is gone, its weight 0 and the rest zero too.
[[nodiscard]] bool is_erased(const RowIds& ids, Index row) noexcept;

/// Makes it so. The features are shared and stay.
void mark_erased(Dataset& data, std::span<const Index> rows);

/// The features with zeros for rows that were erased: what may be written down.
[[nodiscard]] FeatureMatrix features_without_erased(const Dataset& data);

/// The model without rows that were erased: those after them move up. For whatever would otherwise
/// count them or give them a weight again. The features are shared.
[[nodiscard]] FittedModel without_erased_rows(const FittedModel& model);

}  // namespace recant
