// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recant/certify/privacy_budget.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/ledger/ledger.hpp"

/// What a vault can say about itself.
namespace recant {

struct VaultStatus {
  std::string model_id;
  int format_version = 0;
  std::int64_t rows = 0, rows_left = 0;       ///< at the fit, and with their bytes still there
  std::int64_t generation = 0;                ///< batches applied
  std::optional<LedgerStatistics> ledger;     ///< none before the first deletion without a budget
  std::optional<std::string> ledger_address;  ///< on a server; none: in the folder
  std::optional<PrivacyBudget> budget;        ///< none without an enrolment
  std::optional<BudgetStatus> spent;
  std::optional<WhenSpent> when_spent;
  std::optional<std::string> unfinished;  ///< stage of a batch that was interrupted
};

struct VaultCheck {
  std::vector<std::string> checked;  ///< what fits, a line each
  std::optional<std::string> fault;  ///< the first thing that does not
};

}  // namespace recant
