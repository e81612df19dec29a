// SPDX-License-Identifier: Apache-2.0
#include "recant/unlearn/near_norm.hpp"

#include <algorithm>
#include <cmath>

#include "deletion_faults.hpp"
#include "deletion_parts.hpp"

namespace recant {

std::optional<double> NearNorm::of(const Vector& v, const Vector& a_v, double scale) const {
  constexpr double kLooser = 0.02;
  if (!(share > 0)) return std::nullopt;
  const Vector d = v - at;
  const double start = at.dot(in_h) + 2 * d.dot(in_h);
  const double way = std::max(d.dot(a_v - in_a), 0.0);
  // v is beside v_0 + d by the last digit of d.
  const double lengths[] = {norm_above(at), norm_above(d), norm_above(v)};
  const double rounding =
      product_gamma(v.size()) * scale *
      (lengths[0] * (lengths[0] + 2 * lengths[1]) + (lengths[0] + lengths[2]) * lengths[1] / share);
  const double least = start + way - rounding;
  const double squared = start + (deletion_faults.share_forgotten ? way : way / share) + rounding;
  if (!(squared <= (1 + kLooser) * least)) return std::nullopt;
  return std::sqrt(squared) * (1 + 8 * kUnit) + std::sqrt(scale) * 2 * kUnit * lengths[1] +
         (1 + std::sqrt(scale)) * vanished_norm(v.size());
}

}  // namespace recant
