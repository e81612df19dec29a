// SPDX-License-Identifier: Apache-2.0
#include "unheard.hpp"

#include "recant/core/error.hpp"

namespace recant::app {

void refuse_unheard(const CLI::App& command, const std::vector<Unheard>& rules) {
  for (const Unheard& rule : rules) {
    if (!rule.here) continue;
    for (const std::string& flag : rule.flags) {
      if (command.count(flag) > 0) throw UsageError("says nothing to " + rule.to, flag, rule.hint);
    }
  }
}

bool is_gap_name(const std::string& metric) {
  return metric != "utility" && metric != "robust_loss" && metric != "transferred_robust_loss";
}

std::vector<std::string> row_flags(const std::string& prefix) {
  std::vector<std::string> flags;
  for (const char* part : {"", "-features", "-targets", "-groups"}) {
    flags.push_back("--" + prefix + part);
  }
  return flags;
}

}  // namespace recant::app
