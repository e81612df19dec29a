// SPDX-License-Identifier: Apache-2.0
// Jobs on a model on disk: whole jobs of the command, without reading files of rows.
#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "peak_memory.hpp"
#include "recant/engine/audit.hpp"
#include "recant/engine/correct.hpp"
#include "recant/engine/influence.hpp"
#include "recant/engine/value.hpp"
#include "recant/engine/vault.hpp"
#include "recant/metrics/evaluation.hpp"
#include "recant/verify/verify.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

class PeakMemoryOfVault : public PeakMemory {
 protected:
  PeakMemoryOfVault() : few_(made_rows(500, kColumns)) {
    fitted_.model = model_;
    fitted_.rows = data_;
    fitted_.l2 = 100;
    fitted_.gradient = objective_.evaluate(model_.theta, data_.weights).gradient;
  }

  [[nodiscard]] EnrolmentPlan plan() const {
    EnrolmentRequest request;
    request.epsilon = 1;
    request.delta = 1e-5;
    request.sigma = 64;
    return plan_enrolment(fitted_, request, nullptr);
  }

  /// A model on disk, with a budget.
  void create() const {
    const EnrolmentPlan enrolment = plan();
    ASSERT_FALSE(enrolment.refusal.has_value());
    Vault::create(path_, fitted_, false, &enrolment);
  }

  [[nodiscard]] static ForgetRequest rows(Index first, Index count) {
    ForgetRequest request;
    for (Index row = first; row < first + count; ++row) request.rows.push_back(row);
    return request;
  }

  [[nodiscard]] static std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  FittedModel fitted_;
  Dataset few_;
  test::TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.rct";
};

TEST_F(PeakMemoryOfVault, Create) {
  expect_at_most(peak_of([&] { create(); }), 16, "create, with a budget");
  const fs::path plain = folder_ / "plain.rct";
  expect_at_most(peak_of([&] { Vault::create(plain, fitted_, false); }), 16, "create");
}

TEST_F(PeakMemoryOfVault, Open) {
  create();
  expect_at_most(peak_of([&] { EXPECT_EQ(Vault::open(path_).rows.rows(), kRows); }), 12, "open");
}

/// In its own folder each time, so that every one of them opens, builds a base and releases.
TEST_F(PeakMemoryOfVault, Forget) {
  create();
  const auto forget = [&](ForgetRequest request) {
    return peak_of([&] {
      Vault vault = Vault::open_for_writing(path_);
      const ForgetReport report = vault.forget(request);
      EXPECT_TRUE(report.done()) << report.reason;
      EXPECT_EQ(report.tier, "0");
    });
  };
  expect_at_most(forget(rows(10, 1)), 24, "forget a row");
  expect_at_most(forget(rows(100, 1000)), 24, "forget many rows");
  expect_at_most(peak_of([&] {
                   Vault vault = Vault::open_for_writing(path_);
                   std::vector<ForgetRequest> requests;
                   for (Index i = 0; i < 300; ++i) requests.push_back(rows(2000 + i, 1));
                   for (const ForgetReport& report : vault.forget(requests)) {
                     EXPECT_TRUE(report.done()) << report.reason;
                   }
                 }),
                 24, "forget a batch of requests");
}

/// A deletion that tier 0 has no finite bound for: a pass, or a new base, comes to it.
TEST_F(PeakMemoryOfVault, ForgetByAPass) {
  EnrolmentRequest request;
  request.epsilon = 1;
  request.delta = 1e-5;
  request.allowance = 1e-10;  // tier 0 says more than this of 2,000 rows
  const EnrolmentPlan enrolment = plan_enrolment(fitted_, request, nullptr);
  ASSERT_FALSE(enrolment.refusal.has_value()) << enrolment.refusal->text;
  Vault::create(path_, fitted_, false, &enrolment);
  const std::size_t found = peak_of([&] {
    Vault vault = Vault::open_for_writing(path_);
    const ForgetReport report = vault.forget(rows(100, 2000));
    EXPECT_TRUE(report.done()) << report.reason;
    EXPECT_NE(report.tier, "0");
  });
  expect_at_most(found, 32, "forget, beyond tier 0");
}

TEST_F(PeakMemoryOfVault, StatusCheckBackupCheckpoint) {
  create();
  {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(rows(10, 3)).done());
  }
  expect_at_most(peak_of([&] { EXPECT_EQ(Vault::status(path_).rows_left, kRows - 3); }), 8,
                 "status");
  expect_at_most(peak_of([&] { EXPECT_FALSE(Vault::check(path_).fault.has_value()); }), 16,
                 "status --check");
  const fs::path copy = folder_ / "copy.rct", checkpoint = folder_ / "checkpoint.json";
  expect_at_most(peak_of([&] { Vault::backup(path_, copy); }), 16, "backup");
  expect_at_most(peak_of([&] { Vault::write_checkpoint(path_, checkpoint); }), 8, "checkpoint");
  {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(rows(20, 3)).done());
  }
  expect_at_most(peak_of([&] {
                   EXPECT_EQ(Vault::catch_up(copy, (path_ / "ledger.sqlite").string()).rows, 3);
                 }),
                 32, "forget --from-ledger");
}

TEST_F(PeakMemoryOfVault, Verify) {
  create();
  const std::size_t found = peak_of([&] {
    const VerificationFiles files{.certificate = read(path_ / "published/certificate.json"),
                                  .public_key = read(path_ / "published/public-key.json"),
                                  .parameters = read(path_ / "published/parameters.npy"),
                                  .annex = {},
                                  .previous = {}};
    const Verification verification = verify(files);
    EXPECT_EQ(verification.failure(), nullptr);
    EXPECT_FALSE(verification.members.empty());
  });
  expect_at_most(found, 0, "verify");
}

TEST_F(PeakMemoryOfVault, Measuring) {
  Vault::create(path_, fitted_, false);
  std::size_t found = peak_of([&] {
    const FittedModel opened = Vault::open(path_);
    EXPECT_EQ(evaluate(few_, opened.model, opened.settings).rows, few_.rows());
  });
  expect_at_most(found, 12, "evaluate");
  found = peak_of([&] {
    EXPECT_EQ(influence(Vault::open(path_), few_, "demographic_parity").first.size(), kRows);
  });
  expect_at_most(found, 16, "influence");
  found = peak_of([&] {
    CorrectionRequest request;
    request.goals = {"demographic_parity"};
    request.options.rounds = 2;
    const auto [corrected, report] = correct(Vault::open(path_), few_, &few_, request);
    EXPECT_EQ(corrected.rows.rows(), kRows);
    Vault::create(folder_ / "corrected.rct", corrected, false);
  });
  expect_at_most(found, 40, "correct");
}

/// Rows that have left are passed over where they were, and those that stay are not moved up.
TEST_F(PeakMemoryOfVault, CorrectAfterADeletion) {
  Vault::create(path_, fitted_, false);  // without a budget: what it leaves is an optimum
  {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(rows(10, 3)).done());
  }
  const std::size_t found = peak_of([&] {
    CorrectionRequest request;
    request.goals = {"demographic_parity"};
    request.options.rounds = 2;
    const auto [corrected, report] =
        correct(without_erased_rows(Vault::open(path_)), few_, &few_, request);
    EXPECT_EQ(corrected.rows.rows(), kRows - 3);
    Vault::create(folder_ / "corrected.rct", corrected, false);
  });
  expect_at_most(found, 44, "correct, after a deletion");
}

TEST_F(PeakMemoryOfVault, Audit) {
  std::vector<Index> deleted;
  for (Index row = 100; row < 200; ++row) deleted.push_back(row);
  FittedModel audited = fitted_;
  for (const Index row : deleted) audited.rows.weights(row) = 0;
  AuditRequest request;
  request.attack.shadows->count = 4;
  const std::size_t found = peak_of([&] {
    const Dataset gone = deleted_rows(audited, &fitted_);
    EXPECT_EQ(audit(audited, &gone, &fitted_, &few_, request).deleted_rows, 100);
  });
  expect_at_most(found, 48, "audit");
}

/// Every method, of models on rows of which few count where each of them takes a model of its own.
TEST_F(PeakMemoryOfVault, Values) {
  FittedModel of_few = fitted_;
  of_few.rows.weights.tail(kRows - 6).setZero();
  const Dataset validation = made_rows(20, kColumns);
  for (const ListedValueMethod& method : value_methods()) {
    for (const SetUtility utility : {SetUtility::kVote, SetUtility::kLogLoss}) {
      if (utility == SetUtility::kVote && !method.samples) continue;  // they have no choice
      const bool by_votes = method.samples && utility == SetUtility::kVote;
      ValueRequest request;
      request.method = method.name;
      request.sampling.max_samples = by_votes ? 40 : 16;  // that every row has a value
      request.sampling.alpha = request.sampling.beta = 1;
      request.utility = utility;
      const bool model_of_each = method.leaves_out || (method.samples && !by_votes);
      const FittedModel& model = model_of_each ? of_few : fitted_;
      const std::size_t found =
          peak_of([&] { EXPECT_EQ(value(model, validation, request).found.values.size(), kRows); });
      // Distances to the validation rows: 20 vectors of n. Samples side by side: up to 32.
      const std::size_t vectors = method.ranks ? 40 : by_votes ? 60 : 48;
      expect_at_most(found, vectors, fmt::format("value --method {}", method.name).c_str());
    }
  }
}

}  // namespace
}  // namespace recant
