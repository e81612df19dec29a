// SPDX-License-Identifier: Apache-2.0
// What is particular about a ledger on a server.
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "expect_error.hpp"
#include "ledger_life.hpp"
#include "ledger_place.hpp"
#include "recant/core/error.hpp"
#include "schema.hpp"
#include "storage.hpp"
#include "write_transaction.hpp"

namespace recant {
namespace {

using namespace test;

TEST(PostgresqlAddress, APasswordIsRefusedAndNotRepeated) {
  for (const char* const address :
       {"postgresql://anna:swordfish@localhost/db", "postgresql://localhost/db?password=swordfish",
        "postgresql://localhost/db?sslpassword=swordfish"}) {
    EXPECT_THROW(Ledger::check_address(address), UsageError);
    try {
      static_cast<void>(Ledger::open(address, LedgerAccess::kRead));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("must not hold a password"));
      EXPECT_THAT(error.what(), testing::HasSubstr("PGPASSWORD"));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("swordfish")));
    }
  }
}

TEST(PostgresqlAddress, OnesThatAreNoneAreNamed) {
  EXPECT_THROW(static_cast<void>(Ledger::open("postgresql://[", LedgerAccess::kRead)), UsageError);
  for (const char* const address : {"postgresql://[", "/a/file", "mysql://host/db", ""}) {
    EXPECT_THROW(Ledger::check_address(address), UsageError) << address;
  }
  Ledger::check_address("postgresql://host/db?options=-csearch_path%3Dmodel1");
  expect_error<DataError>(
      [] { return Ledger::open("postgresql:///db?host=/no/such/folder", LedgerAccess::kRead); },
      {"PostgreSQL database db at /no/such/folder"});
}

TEST(PostgresqlAddress, AnotherTableOfThatNameIsNotALedger) {
  const auto place = make_ledger_place();
  open_storage(place->location(), StorageMode::kWrite)->run("CREATE TABLE ledger (x TEXT)", {});
  EXPECT_THROW(static_cast<void>(Ledger::open(place->location(), LedgerAccess::kRead)),
               DamagedError);
  EXPECT_THROW(static_cast<void>(Ledger::create(place->location(), enrolment())), DamagedError);
}

TEST(PostgresqlAddress, ALedgerThatIsBeingMadeIsWaitedFor) {
  const auto place = make_ledger_place();
  const auto storage = open_storage(place->location(), StorageMode::kCreate);
  std::future<std::int64_t> version;
  {
    WriteTransaction maker(*storage, WriteTransaction::NewLedger());
    version = std::async(std::launch::async, [&] {
      return open_storage(place->location(), StorageMode::kWrite)->format_version();
    });
    EXPECT_EQ(version.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
    maker.commit();
  }
  EXPECT_EQ(version.get(), format_version());
}

TEST(PostgresqlAddress, ANewerFormatIsNamed) {
  const auto place = make_ledger_place();
  static_cast<void>(lively_ledger(place->location()));
  open_storage(place->location(), StorageMode::kWrite)
      ->run("COMMENT ON TABLE ledger IS 'recant ledger 99'", {});
  expect_error<DamagedError>([&] { return Ledger::open(place->location(), LedgerAccess::kWrite); },
                             {"99", "newer"});
}

TEST(PostgresqlAddress, AMissingTableIsDamage) {
  const auto place = make_ledger_place();
  static_cast<void>(lively_ledger(place->location()));
  open_storage(place->location(), StorageMode::kWrite)->run("DROP TABLE checkpoints", {});
  EXPECT_TRUE(Ledger::open(place->location(), LedgerAccess::kRead).check().fault.has_value());
}

}  // namespace
}  // namespace recant
