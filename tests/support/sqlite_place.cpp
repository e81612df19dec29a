// SPDX-License-Identifier: Apache-2.0
#include "ledger_place.hpp"
#include "temporary_folder.hpp"

namespace recant::test {
namespace {

class SqlitePlace final : public LedgerPlace {
 public:
  [[nodiscard]] std::string location() const override { return folder_ / "ledger.sqlite"; }

 private:
  TemporaryFolder folder_;
};

}  // namespace

std::unique_ptr<LedgerPlace> make_ledger_place() {
  return std::make_unique<SqlitePlace>();
}

}  // namespace recant::test
