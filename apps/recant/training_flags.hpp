// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "command.hpp"

namespace recant::app {

/// Everything that says what to train, for the subcommands that train.
struct TrainingFlags {
  RowFlags rows;
  FitRequest request;
  std::string loss = "logistic", missing = "drop", encoding = "full", positive, id, weight, schema;
  bool no_intercept = false, no_header = false;
  std::vector<std::string> missing_values;

  /// The request as all flags together, and the schema file, say. @throws UsageError
  [[nodiscard]] FitRequest make_request(const CLI::App& command) const;
};
void add_training(CLI::App& command, TrainingFlags& flags);

}  // namespace recant::app
