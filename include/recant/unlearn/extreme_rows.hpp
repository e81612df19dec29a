// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "recant/linalg/unit_rows.hpp"

namespace recant {

/// The rows that can move furthest, kept aside so that rho(v) needs no pass. Of a row whose weight
/// becomes 0 nothing stays here.
struct ExtremeRows {
  static constexpr Index kForgotten = -1;
  std::vector<Index> rows;    ///< largest first
  std::vector<double> sizes;  ///< of the rows kept
  UnitRows values;            ///< [x_i 1]
  double next = 0;            ///< no row left out is larger
  /// Rows that are not kept are passed over. Cost: a walk through the list for each.
  void forget(std::span<const Index> gone);
};

}  // namespace recant
