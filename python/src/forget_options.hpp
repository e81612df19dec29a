// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bind.hpp"
#include "recant/engine/forget.hpp"

namespace recant::python {

/// How rows are asked for and weighted; shared by models in memory and on disk.
struct ForgetOptions {
  std::string method, weighting;  ///< weighting: "uniform", "retained" or a form
  std::optional<double> alpha;    ///< none: auto
  std::optional<NumberArray> values;
  std::optional<std::string> tier_at_most;
};

/// `ascent`: fields of GradientAscentOptions. Looks at `holdout`, which must outlive the request.
[[nodiscard]] ForgetRequest forget_request(const ForgetOptions& options, const Rows* holdout,
                                           const Named& ascent);

}  // namespace recant::python
