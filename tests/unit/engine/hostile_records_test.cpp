// SPDX-License-Identifier: Apache-2.0
// Records of the ledger that no vault would have written, with the chain around them as it should
// be, and files that are damaged while a batch is under way: a writer names damage, and nothing
// else ends it. Found by fuzz/vault_fuzz.cpp.
#include <gtest/gtest.h>

#include "dead_writer.hpp"
#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

class HostileRecordsTest : public testing::Test {
 protected:
  HostileRecordsTest() : fitted_(test::small_model(folder_, 40)) {
    test::create_enrolled(path_, fitted_);
    EXPECT_TRUE(Vault::open_for_writing(path_).forget(test::asked({3})).done());
  }
  void expect_damaged(const std::string& where) const {
    test::expect_error<DamagedError>([&] { static_cast<void>(Vault::open_for_writing(path_)); },
                                     {where});
  }
  /// A batch that came into the ledger as any does.
  void prepare(BatchPlan plan) const {
    Ledger ledger = test::ledger_of(path_);
    const Decision validated{
        test::receive_rows(path_, ledger, {11}, "{}"), RequestEvent::kValidated, {}};
    ledger.decide(std::span(&validated, 1));
    plan.requests = {validated.request};
    ledger.prepare(plan);
  }

  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.rct";
  FittedModel fitted_;
};

TEST_F(HostileRecordsTest, ParametersOfARequest) {
  for (const char* parameters :
       {"", "{", "{}", "[]", "\"x\"",
        R"({"method":"newton","weighting":"uniform","tier_at_most":null,"third_derivative":3})",
        R"({"method":"newton","weighting":"uniform","tier_at_most":null,"version":1})"}) {
    SCOPED_TRACE(parameters);
    const std::string sound = test::read_bytes(path_ / "ledger.sqlite");
    {
      Ledger ledger = test::ledger_of(path_);
      static_cast<void>(test::receive_rows(path_, ledger, {11}, parameters));
    }
    expect_damaged("ledger");
    test::write_bytes(path_ / "ledger.sqlite", sound);
  }
}

TEST_F(HostileRecordsTest, APlanWhoseStateIsNotThere) {
  BatchRecord record = test::record_by_hand(version());
  record.generation = 99;
  BatchPlan plan;
  plan.plan = to_text(record);
  prepare(plan);
  expect_damaged("99");
}

TEST_F(HostileRecordsTest, AnEnrolmentUnderWhichNothingCanBeCertified) {
  // The plan is of a certified step; this enrolment makes no promise that it could be certified by.
  test::prepare_batch(
      path_, test::record_by_hand(version()), fitted_.model.theta, {7, 8},
      EnrolmentRecord{std::string(32, 'a'), std::nullopt, to_text(EnrolmentStatement())});
  expect_damaged("ledger");
}

TEST_F(HostileRecordsTest, ARowFileWhoseHeaderIsDamagedWhileRowsAreErased) {
  test::prepare_batch(path_, test::record_by_hand(version()), fitted_.model.theta, {7, 8});
  for (const char* name : {"features", "targets", "weights", "groups", "ids"}) {
    const fs::path file = path_ / "rows" / (std::string(name) + ".npy");
    const std::string whole = test::read_bytes(file);
    for (const std::size_t at : {0, 8, 30}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 4);
      test::write_bytes(file, damaged);
      expect_damaged(file.filename().string());
    }
    test::write_bytes(file, whole.substr(0, 5));
    expect_damaged(file.filename().string());
    test::write_bytes(file, whole);
  }
  EXPECT_EQ(Vault::open_for_writing(path_).recovered().size(), 1U);
}

}  // namespace
}  // namespace recant
