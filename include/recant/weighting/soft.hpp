// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <tuple>

#include "recant/core/options.hpp"
#include "recant/weighting/reweighting.hpp"

/// Soft weights in closed form: one gap, no bounds. docs/mathematics.md section 4.2.
namespace recant {

/// Which promises the weights are at the limit of.
enum class ActivePromises { kNone, kGap, kUtility, kBoth };
/// "none", "gap", "utility", "both".
[[nodiscard]] std::string_view name(ActivePromises active) noexcept;

struct SoftOptions {
  std::optional<double> kappa;  ///< price of |e|^2 as in the formula; if set, kappa_rel is not used
  double kappa_rel = 1;  ///< 2 kappa |gap| / a^T a: at 1 the unconstrained e just closes the gap
  bool keep_utility = true;  ///< demand u^T e >= 0

  static constexpr auto fields() {
    return std::tuple{
        Field{"kappa", &SoftOptions::kappa, "price of the squared size of the change",
              Accept::kPositive},
        Field{"kappa_rel", &SoftOptions::kappa_rel,
              "the same, relative: at 1 the change that nothing holds back just closes the gap",
              Accept::kPositive},
        Field{"keep_utility", &SoftOptions::keep_utility,
              "demand that the utility loss does not rise, to first order"}};
  }
};

/// Why e is 0 although nothing is wrong.
enum class SoftDegeneracy {
  kNone,
  kNoGap,        ///< the gap is 0: nothing to close
  kNoInfluence,  ///< no row influences the gap
  kOpposed,      ///< every step that narrows the gap raises the utility loss: u is along -a
};
/// "none", "no_gap", "no_influence", "opposed".
[[nodiscard]] std::string_view name(SoftDegeneracy degeneracy) noexcept;

struct SoftWeights {
  Reweighting change;  ///< e
  ActivePromises active = ActivePromises::kNone;
  double gap_multiplier = 0, utility_multiplier = 0;  ///< >= 0: the price of each promise
  double kappa = 0, kappa_rel = 0;                    ///< as used
  double objective = 0;                               ///< -a^T e + kappa |e|^2
  double a_dot_e = 0;  ///< predicted fall of |gap|; a_dot_e / |gap| is the share closed
  double u_dot_e = 0;  ///< predicted fall of the utility loss
  SoftDegeneracy degeneracy = SoftDegeneracy::kNone;
};

/// The weights that narrow one gap most for their size.
///
///   minimise -a^T e + kappa |e|^2   subject to   u^T e >= 0,   a^T e <= |gap|,   a = sign(gap) I_m
///
/// Shapes: gap_influence (I_m) and utility_influence (u) are n. Without keep_utility u may be
/// empty; if it is not, u_dot_e is still reported.
/// Assumes: first order only, and no bounds: some w + e may be negative, which summarize() counts;
/// soft_weights_bounded() forbids it.
/// Errs: to rounding. When a and u are antiparallel to within 64 * 2^-52 * sqrt(n A), e = 0.
/// Fails: never to converge; see `degeneracy`.
/// Cost: three passes over 2 n doubles, two where the utility does not bind, and one vector of n.
/// The same bytes for any number of threads. Source: arXiv 2505.18783; unlike its published code we
/// carry the sign of the gap.
/// @throws UsageError for sizes that differ, numbers that are not finite, options out of range;
/// DataError where influences are so small that no finite weights close the gap.
[[nodiscard]] SoftWeights soft_weights(ConstVectorRef gap_influence,
                                       ConstVectorRef utility_influence, double gap,
                                       const SoftOptions& options = {});

}  // namespace recant
