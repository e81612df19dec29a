// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/ledger/ledger.hpp"

namespace recant {

/// Which of two ledgers says something that the other does not know. That somebody opened one to
/// write (`acquired`) says nothing.
struct LedgerParting {
  bool first_went_on = false, second_went_on = false;
};

/// Two ledgers whose chains agree on an event agree on all before it: it is searched for where they
/// part, at a cost of O(log n), and then read on to the ends.
[[nodiscard]] LedgerParting part(const Ledger& first, const Ledger& second);

}  // namespace recant
