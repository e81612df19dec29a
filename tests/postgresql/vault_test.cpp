// SPDX-License-Identifier: Apache-2.0
// A vault whose ledger is on a server.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "ledger_place.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/vault.hpp"
#include "recant/ledger/ledger.hpp"
#include "small_vault.hpp"
#include "vault_writer.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using test::read_bytes;

class ServerVault : public testing::Test {
 protected:
  ServerVault() { fitted_ = test::small_model(folder_, 100); }
  void create_enrolled() const {
    const EnrolmentPlan enrolment = plan_enrolment(fitted_, test::small_budget(), nullptr);
    Vault::create(path_, fitted_, false, &enrolment, address());
  }
  [[nodiscard]] std::string address() const { return place_->location(); }
  [[nodiscard]] static ForgetRequest row(Index position, std::string key = {}) {
    ForgetRequest request;
    request.rows = {position};
    request.key = std::move(key);
    return request;
  }
  static void expect_sound(const fs::path& path) {
    const VaultCheck check = Vault::check(path);
    EXPECT_FALSE(check.fault.has_value()) << *check.fault;
  }

  const std::unique_ptr<test::LedgerPlace> place_ = test::make_ledger_place();
  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.rct";
  FittedModel fitted_;
};

TEST_F(ServerVault, AnEnrolledModelKeepsItsLedgerThere) {
  create_enrolled();
  EXPECT_FALSE(fs::exists(path_ / "ledger.sqlite"));
  EXPECT_EQ(Vault::status(path_).ledger_address, address());
  expect_sound(path_);
  {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(row(3, "k")).done());
    EXPECT_TRUE(vault.forget(row(3, "k")).repeated);
  }
  Vault vault = Vault::open_for_writing(path_);
  EXPECT_TRUE(vault.recovered().empty());
  EXPECT_TRUE(vault.forget(row(3, "k")).repeated);
  ASSERT_TRUE(vault.forget(row(4)).done());
  EXPECT_EQ(Vault::status(path_).rows_left, 98);
  EXPECT_EQ(Vault::status(path_).ledger->budget.used, 3);
  expect_sound(path_);
  EXPECT_THROW(static_cast<void>(Vault::open_for_writing(path_, {.wait = {.seconds = 0}})),
               BusyError);
}

TEST_F(ServerVault, APlainModelGetsItsLedgerThereByItsFirstDeletion) {
  Vault::create(path_, fitted_, false);
  const Vault::WriteOptions options{.ledger = address()};
  {
    Vault vault = Vault::open_for_writing(path_, options);
    EXPECT_EQ(vault.forget(row(3, "k")).level, CertificateLevel::kExact);
  }
  expect_sound(path_);
  EXPECT_EQ(Vault::status(path_).ledger_address, address());
  {
    Vault vault = Vault::open_for_writing(path_, options);
    EXPECT_TRUE(vault.forget(row(3, "k")).repeated) << "the same command again";
  }
  test::expect_error<UsageError>(
      [&] { return Vault::open_for_writing(path_, {.ledger = address() + "x"}); },
      {"another place"});
  const fs::path local = folder_ / "local.rct";
  Vault::create(local, fitted_, false);
  ASSERT_TRUE(Vault::open_for_writing(local).forget(row(3)).done());
  test::expect_error<UsageError>([&] { return Vault::open_for_writing(local, options); },
                                 {"another place"});
}

TEST_F(ServerVault, WhatADeadProcessLeftThereIsTakenUpByItsOwnModelAlone) {
  Vault::create(path_, fitted_, false);
  const std::string manifest = read_bytes(path_ / "manifest.json");
  const fs::path other = folder_ / "other.rct";
  fs::copy(path_, other, fs::copy_options::recursive);
  const Vault::WriteOptions options{.ledger = address()};
  // As if it had died before the manifest said where the ledger is.
  const ModelFolder moved = with_ledger_at(read_model_folder(path_), address());
  static_cast<void>(create_ledger(moved, address(), nullptr));
  EXPECT_EQ(read_bytes(path_ / "manifest.json"), manifest);
  {
    Vault vault = Vault::open_for_writing(path_, options);
    ASSERT_TRUE(vault.forget(row(5)).done());
  }
  test::expect_error<UsageError>(
      [&] { return Vault::open_for_writing(other, options).forget(row(5)); }, {"another model"});
  EXPECT_EQ(Vault::status(path_).ledger->batches, 2) << "the fit once";
  expect_sound(path_);
}

TEST_F(ServerVault, ASchemaHoldsOneLedger) {
  create_enrolled();
  const fs::path other = folder_ / "other.rct";
  Vault::create(other, fitted_, false);
  test::expect_error<UsageError>(
      [&] { return Vault::open_for_writing(other, {.ledger = address()}).forget(row(5)); },
      {"another model"});
  EXPECT_FALSE(Vault::status(other).ledger.has_value());
}

TEST_F(ServerVault, ABackupNeedsNoServerAndIsBroughtUpToDateFromIt) {
  create_enrolled();
  {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(row(3)).done());
  }
  const fs::path backup = folder_ / "backup.rct";
  Vault::backup(path_, backup);
  EXPECT_TRUE(fs::exists(backup / "ledger.sqlite"));
  EXPECT_EQ(read_bytes(backup / "manifest.json").find("postgresql"), std::string::npos);
  EXPECT_FALSE(Vault::status(backup).ledger_address.has_value());
  expect_sound(backup);
  const fs::path checkpoint = folder_ / "checkpoint.json";
  {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(row(4)).done());
  }
  Vault::write_checkpoint(path_, checkpoint);
  test::expect_error<DamagedError>(
      [&] { return Vault::open_for_writing(backup, {.require_checkpoint = checkpoint}); },
      {"older backup"});
  EXPECT_EQ(Vault::catch_up(backup, address()).rows, 1);
  EXPECT_EQ(Vault::catch_up(backup, address()).rows, 0) << "done already";
  EXPECT_EQ(Vault::status(backup).rows_left, 98);
  EXPECT_EQ(read_bytes(backup / "rows/features.npy"), read_bytes(path_ / "rows/features.npy"));
  expect_sound(backup);
  static_cast<void>(Vault::open_for_writing(backup, {.require_checkpoint = checkpoint}));
}

TEST_F(ServerVault, AMissingLedgerIsDamage) {
  create_enrolled();
  const auto elsewhere = test::make_ledger_place();
  std::string manifest = read_bytes(path_ / "manifest.json");
  const std::size_t at = manifest.find(address());
  ASSERT_NE(at, std::string::npos);
  manifest.replace(at, address().size(), elsewhere->location());
  std::ofstream(path_ / "manifest.json") << manifest;
  test::expect_error<DamagedError>([&] { return Vault::open(path_); }, {"manifest.json"});
}

TEST_F(ServerVault, AServerThatIsNotThereLeavesNothing) {
  EnrolmentRequest request;
  request.epsilon = 1;
  request.delta = 1e-5;
  request.sigma = 1;
  const EnrolmentPlan enrolment = plan_enrolment(fitted_, request, nullptr);
  test::expect_error<DataError>(
      [&] {
        Vault::create(path_, fitted_, false, &enrolment, "postgresql:///db?host=/no/such/folder");
        return 0;
      },
      {"PostgreSQL database db"});
  EXPECT_FALSE(fs::exists(path_));
  Vault::create(path_, fitted_, false);
  {
    Vault vault =
        Vault::open_for_writing(path_, {.ledger = "postgresql:///db?host=/no/such/folder"});
    for (int time = 0; time < 2; ++time) {
      EXPECT_THROW(static_cast<void>(vault.forget(row(3))), DataError);
    }
  }
  EXPECT_FALSE(Vault::status(path_).ledger.has_value());
  EXPECT_TRUE(Vault::open_for_writing(path_).forget(row(3)).done());
}

}  // namespace
}  // namespace recant
