// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <tuple>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/model/objective.hpp"
#include "recant/model/trainer.hpp"

namespace recant {

/// Models of random halves of the training rows, for LiRA.
struct ShadowOptions {
  int count = 16;  ///< k
  /// From this many on each row has its own standard deviation; below, all share one.
  int own_spread_from = 64;
  TrainerOptions trainer;
  std::uint64_t seed = 0;

  static constexpr auto fields() {
    using O = ShadowOptions;
    return std::tuple{
        Field{"count", &O::count, "shadow models, at least 4", Accept::kPositive},
        Field{"own_spread_from", &O::own_spread_from,
              "shadow models from which each row has its own spread", Accept::kPositive},
        Field{"seed", &O::seed, "of the halves"}};
  }
};

/// How sure a model is of a row's target, on a scale where it is about normal over models:
/// logistic and softmax log(p_y / (1 - p_y)), squared -phi. n values. One pass.
[[nodiscard]] Vector confidences(const Objective& objective, ConstVectorRef theta);

/// What models that did not see a row say of it: mean and spread of its confidence.
struct ShadowReference {
  Vector mean, spread;    ///< n
  int not_converged = 0;  ///< models
  /// (confidence - mean) / spread: how much surer than models that never saw the row.
  [[nodiscard]] Vector scores(ConstVectorRef confidences) const {
    return (confidences - mean).cwiseQuotient(spread);
  }
};
struct ShadowReferences {
  ShadowReference training, unseen;
};

/// Trains k models on halves of the training rows that have weight, drawn without replacement;
/// shadow s draws from SeededRandom(seed, s). A row's weight is doubled, so that the penalty
/// weighs what it weighs in the audited models. A training row is described by the shadows whose
/// half it is not in, an unseen row by a random half of all shadows, so that both kinds rest on
/// equally many.
/// A row that fewer than 2 shadows describe takes mean and spread of all rows. Spread is at least
/// 1e-9 of the mean spread.
/// Shapes: weights n. Memory: O(k p + n). Cost: k cold fits and 2k passes, side by side.
/// Source: [Carlini2022], offline variant; docs/mathematics.md section 6.3.
/// @throws UsageError for options out of range or fewer than 4 shadows.
[[nodiscard]] ShadowReferences train_shadows(const Objective& objective, ConstVectorRef weights,
                                             const Objective& unseen, const ShadowOptions& options,
                                             const ProgressCallback& progress = {});

}  // namespace recant
