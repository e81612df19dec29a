// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant {

/// Mistakes that would break the guarantee without breaking anything else. The library is compiled
/// with none of them; the tests compile it once more with RECANT_FAULTS, switch each on, and show
/// that a check notices.
struct Faults {
  bool sigma_halved = false;
  bool rounding_forgotten = false;  ///< h sqrt(d) left out of the sensitivity
  bool noise_reused = false;        ///< two releases draw the same noise
  bool off_the_grid = false;        ///< the noise is added to parameters that are not rounded
  bool continuous_noise = false;    ///< a double normal of that sigma, in place of the grid's
  bool alpha_leaked = false;        ///< alpha of the annex stands among the public assumptions
};

#ifdef RECANT_FAULTS
inline Faults faults;
#else
inline constexpr Faults faults;
#endif

}  // namespace recant
