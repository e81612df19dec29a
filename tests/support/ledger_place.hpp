// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

namespace recant::test {

/// Where a test may make a ledger; whatever is there goes with it. The tests of the ledger are
/// compiled once for each database, with another make_ledger_place().
class LedgerPlace {
 public:
  virtual ~LedgerPlace() = default;
  [[nodiscard]] virtual std::string location() const = 0;
};
[[nodiscard]] std::unique_ptr<LedgerPlace> make_ledger_place();

}  // namespace recant::test
