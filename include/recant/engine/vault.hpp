// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

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
  bool optimal = true;       ///< theta minimises F to the tolerance; else it is approximate

  [[nodiscard]] Objective objective() const { return {rows, model.loss, model.intercept, l2}; }
};

/// A model on disk, NAME.rct/ (docs/formats/model-folder.md):
///
///   manifest.json   format version, model id, encoder, options, hashes of the other files
///   rows/           features.npy targets.npy weights.npy ids.npy [groups.npy]
///   state/          theta.npy gradient.npy
///
/// Written aside and renamed: the folder is there wholly or not at all.
class Vault {
 public:
  /// @throws UsageError if `path` exists and !replace, or is not a model; DataError if it cannot
  /// be written.
  static void create(const std::filesystem::path& path, const FittedModel& model, bool replace);

  /// @throws UsageError if something stands at `path` that is not a model.
  static void check_replaceable(const std::filesystem::path& path);

  /// Opens a model; its features are mapped. Every file is checked against its hash, which reads
  /// it once.
  /// @throws NotFoundError; DamagedError for a folder that does not check or is of a newer format.
  [[nodiscard]] static FittedModel open(const std::filesystem::path& path);
};

}  // namespace recant
