// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "recant/engine/compare.hpp"
#include "recant/engine/correct.hpp"

/// Results as text that a person reads in ten seconds.
namespace recant::app {

/// Rows of cells in columns; the first column is left-aligned, the others right-aligned.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows, int indent = 2);

[[nodiscard]] std::string describe_evaluation(const Evaluation& evaluation,
                                              const LinearModel& model);

[[nodiscard]] std::string describe_correction(const CorrectionReport& report,
                                              const CorrectionOptions& options,
                                              const LinearModel& model);

[[nodiscard]] std::string describe_comparison(const CompareReport& report);

}  // namespace recant::app
