// SPDX-License-Identifier: Apache-2.0
// The tests of the ledger on a PostgreSQL server, which this program starts once for all of them.
#include <gtest/gtest.h>

#include <cstdio>

#include "ledger_place.hpp"
#include "postgresql_server.hpp"

namespace recant::test {
namespace {

PostgresqlServer* server = nullptr;

class PostgresqlPlace final : public LedgerPlace {
 public:
  ~PostgresqlPlace() override { server->drop_schema(location_); }
  [[nodiscard]] std::string location() const override { return location_; }

 private:
  std::string location_ = server->make_schema();
};

}  // namespace

std::unique_ptr<LedgerPlace> make_ledger_place() {
  return std::make_unique<PostgresqlPlace>();
}

}  // namespace recant::test

int main(int count, char** arguments) {
  constexpr int kSkipped = 77;
  testing::InitGoogleTest(&count, arguments);
  const auto programs = recant::test::PostgresqlServer::programs();
  if (!programs) {
    std::puts("SKIPPED: there is no PostgreSQL server here (package postgresql)");
    return kSkipped;
  }
  recant::test::PostgresqlServer server(*programs);
  recant::test::server = &server;
  return RUN_ALL_TESTS();
}
