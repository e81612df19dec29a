// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "recant/certify/bounds.hpp"
#include "recant/certify/certificate.hpp"

namespace recant {

/// What a bound was computed from and everything that was computed on the way, by name: enough to
/// compute it again without this library. Names and formulas:
/// docs/algorithms/certified_deletion.md, "The terms". A figure that is infinite or unknown is left
/// out; `statement` is 2, 3 or 4, and left out where the bound is infinite.
[[nodiscard]] std::vector<BoundTerm> terms_of(const DistanceBound& bound);

}  // namespace recant
