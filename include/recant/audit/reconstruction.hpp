// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/model/objective.hpp"

/// Rebuilding a deleted row from the models released before and after. docs/mathematics.md
/// section 6.4.
namespace recant {

/// What an attacker makes of two releases.
struct Reconstruction {
  Vector direction;                ///< d, norm 1; without an intercept its sign is a guess
  std::optional<Vector> features;  ///< with an intercept: the row itself, scale and sign
  std::optional<double> target;    ///< with an intercept: the class; not for squared loss
  /// Softmax: share of the squared gradient that one row explains; 1 for other losses, 0 where the
  /// releases do not differ and direction is 0.
  double rank_one_share = 0;
};

/// The row whose deletion moved `before` to `after`:
///
///   grad F_R(after) - grad F_R(before) = omega phi' x      if R are the other rows, exactly
///
/// and otherwise the Hessian of R, averaged over the way, times the difference of the releases:
/// what an attacker has who knows only rows R of the same source. With an intercept the last entry
/// is omega phi' itself, which gives the scale of x and the class (phi' < 0 for the row's own).
/// Softmax gives a p x C matrix x phi'^T, whose leading direction is taken.
/// `reference`, `reference_weights`: R; let the weights add up to those of the rows it stands for.
/// Assumes: both are optima (exact ones: exact recovery); one row was deleted. With several rows
/// it is their sum weighted by phi'.
/// Cost: two passes over R. Source: [Bertran2024]; docs/mathematics.md section 6.4.
/// @throws UsageError for sizes that differ.
[[nodiscard]] Reconstruction reconstruct_row(const Objective& reference,
                                             ConstVectorRef reference_weights,
                                             ConstVectorRef before, ConstVectorRef after);

struct ReconstructionOptions {
  std::vector<double> sigmas;  ///< of noise N(0, sigma^2) on every parameter of both releases
  int draws = 100;             ///< a sigma
  std::uint64_t seed = 0;

  static constexpr auto fields() {
    using O = ReconstructionOptions;
    return std::tuple{
        Field{"draws", &O::draws, "pairs of noisy releases a sigma", Accept::kPositive},
        Field{"seed", &O::seed, "of the noise"}};
  }
};

/// How near the guesses are under noise.
struct NoisyReconstruction {
  double sigma = 0;
  double cosine_low = 0, cosine_median = 0, cosine_high = 0;  ///< 5 %, 50 % and 95 % of draws
};

/// The attack beside the truth. A cosine is |cos| of the angle to the true features.
struct ReconstructionAudit {
  Reconstruction found;  ///< from the releases as given
  double cosine = 0;
  std::optional<double> relative_error;  ///< |features - x| / |x|, with an intercept
  std::optional<bool> target_right;
  double blind_cosine = 0;  ///< of the mean reference row: what a guess without releases reaches
  std::vector<NoisyReconstruction> noisy;  ///< by sigma
};

/// Attacks with the truth at hand. x, y: the deleted row, d features without the intercept.
/// The noise is seeded and for this audit only: draw t of sigma s is from stream (s, t).
/// The same bytes for any number of threads. Cost: two passes over R, and two a draw.
/// @throws UsageError as above, options out of range, x = 0.
[[nodiscard]] ReconstructionAudit audit_reconstruction(const Objective& reference,
                                                       ConstVectorRef reference_weights,
                                                       ConstVectorRef before, ConstVectorRef after,
                                                       ConstVectorRef x, double y,
                                                       const ReconstructionOptions& options = {},
                                                       const ProgressCallback& progress = {});

}  // namespace recant
