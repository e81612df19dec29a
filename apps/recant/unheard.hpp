// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace recant::app {

/// Flags that nothing listens to, as things stand: whoever gives one is mistaken about what is
/// going to happen, and is told so before it does.
struct Unheard {
  bool here;                       ///< whether things stand so
  std::vector<std::string> flags;  ///< "--flag"
  std::string to;                  ///< what they say nothing to
  std::string hint = {};           ///< what to do
};

/// @throws UsageError for the first of these that was given.
void refuse_unheard(const CLI::App& command, const std::vector<Unheard>& rules);

/// Whether a metric compares groups, and so may depend on which is privileged or positive.
[[nodiscard]] bool is_gap_name(const std::string& metric);

/// The flags that add_rows() makes of a prefix.
[[nodiscard]] std::vector<std::string> row_flags(const std::string& prefix);

}  // namespace recant::app
