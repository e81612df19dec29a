// SPDX-License-Identifier: Apache-2.0
// A request is carried out as it was received, or not at all.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dead_writer.hpp"
#include "recant/engine/json.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

using Json = nlohmann::ordered_json;
using test::asked;

class PinnedParametersTest : public testing::Test {
 protected:
  PinnedParametersTest() {
    test::create_enrolled(path_, test::small_model(folder_, 100, {}));
    // What a writer leaves that dies right after it took the request in.
    static_cast<void>(Vault::open_for_writing(path_).forget(asked({9}, "sample")));
    const Ledger ledger = read_ledger();
    pinned_ = Json::parse(ledger.request(1).parameters);
  }
  [[nodiscard]] Ledger read_ledger() const {
    return Ledger::open((path_ / "ledger.sqlite").string(), LedgerAccess::kRead);
  }
  /// Received, and never begun; with a key that nobody knows.
  std::int64_t receive(Index row, const Json& parameters) const {
    Ledger ledger = test::ledger_of(path_);
    return test::receive_rows(path_, ledger, {row}, parameters.dump());
  }
  [[nodiscard]] Request request(std::int64_t id) const { return read_ledger().request(id); }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "model.rct";
  Json pinned_;
};

TEST_F(PinnedParametersTest, WhatWasReceivedIsFinishedUnderTheSame) {
  const std::int64_t id = receive(3, pinned_);
  const Vault vault = Vault::open_for_writing(path_);
  EXPECT_EQ(vault.recovered(), std::vector<std::string>{"finished request " + std::to_string(id) +
                                                        ", which was received"});
  EXPECT_EQ(request(id).state, RequestState::kCertified);
}

TEST_F(PinnedParametersTest, AnotherVersionOrBudgetLeavesItUndoneAndSaysSo) {
  struct Case {
    const char* reason;
    Json parameters;
    const char* said;
  };
  Case version{"other_version", pinned_, "another version"},
      none = version, enrolment{"other_enrolment", pinned_, "another budget"};
  version.parameters["version"] = "0.0.1";
  none.parameters.erase("version");
  enrolment.parameters["enrolment"]["budget"]["epsilon"] = 2;
  Index row = 10;
  for (const Case& one : {version, none, enrolment}) {
    const std::int64_t id = receive(row, one.parameters);
    {
      const Vault vault = Vault::open_for_writing(path_);
      ASSERT_EQ(vault.recovered().size(), 1U);
      EXPECT_TRUE(vault.recovered()[0].starts_with("did not begin request " + std::to_string(id)));
      EXPECT_NE(vault.recovered()[0].find(one.said), std::string::npos) << vault.recovered()[0];
    }
    EXPECT_EQ(request(id).state, RequestState::kFailedRetryable);
    EXPECT_EQ(request(id).reason, one.reason);
    EXPECT_EQ(Vault::status(path_).rows_left, 99)
        << "nothing was deleted, and is not the next time";
    static_cast<void>(Vault::open_for_writing(path_));
    EXPECT_EQ(request(id).state, RequestState::kFailedRetryable);
    ++row;
  }
  EXPECT_EQ(Vault::check(path_).fault, std::nullopt);
}

/// Asked for again, it is done, and the ledger keeps that it is not under what was pinned.
TEST_F(PinnedParametersTest, AskedForAgainItIsDoneAndTheLedgerTells) {
  pinned_["version"] = "0.0.1";
  std::int64_t id = 0;
  {
    const VaultSecrets secrets = VaultSecrets::load(path_);
    const ForgetRequest wanted = asked({3}, "mine");
    // The content that the vault makes of it: from a request that it took in itself.
    Ledger ledger = test::ledger_of(path_);
    const Digest key = secrets.key.keyed_hash("recant.request_key/1", wanted.key);
    const Json settings = {{"method", "newton"},      {"weighting", "uniform"},
                           {"alpha", nullptr},        {"form", nullptr},
                           {"tier_at_most", nullptr}, {"third_derivative", false}};
    const Digest content = secrets.key.keyed_hash("recant.content/1", settings.dump() + " 3");
    const std::string row = Vault::open(path_).rows.ids.text(3);
    const Submission submission{
        key, content, pinned_.dump(), {secrets.key.keyed_hash("recant.row/1", row)}};
    id = ledger.receive(std::span(&submission, 1)).front().request;
  }
  static_cast<void>(Vault::open_for_writing(path_));
  EXPECT_EQ(request(id).reason, "other_version");
  Vault vault = Vault::open_for_writing(path_);
  const ForgetReport report = vault.forget(asked({3}, "mine"));
  EXPECT_TRUE(report.done());
  EXPECT_EQ(report.request, id);
  bool told = false;
  for (const LedgerEvent& event : read_ledger().events(0, 1000)) {
    if (event.kind == "retried" && event.subject == id) {
      told = event.payload.find("other_version") != std::string::npos;
    }
  }
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace recant
