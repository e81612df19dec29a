// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "batch_finisher.hpp"
#include "categories_left.hpp"
#include "deletion_step.hpp"
#include "model_folder.hpp"
#include "recant/engine/vault.hpp"
#include "vault_secrets.hpp"
#include "writer_lock.hpp"

namespace recant {

/// Makes keys and ledger in a folder that has rows and state, and publishes the fit.
void start_ledger(const ModelFolder& folder, const std::string& location, const FittedModel& fitted,
                  const EnrolmentPlan* enrolment);
/// Its parts: a ledger with nothing in it, and batch 0, from wherever it stands.
[[nodiscard]] Ledger create_ledger(const ModelFolder& folder, const std::string& location,
                                   const EnrolmentPlan* enrolment);
/// Closes a ledger with everything in its own file, which is about to get another name.
/// @throws BusyError while somebody reads it.
void gather(Ledger ledger);
/// Where a writer left something in the -wal: reads all of the ledger, which is open for reading.
/// @throws DamagedError naming the first thing that does not fit
void check_what_was_left(const ModelFolder& folder, const Ledger& ledger);
void publish_fit(ModelFolder folder, const VaultSecrets& secrets, Ledger& ledger,
                 const FittedModel& fitted, const EnrolmentPlan* enrolment);

/// The rows of a request, found in the vault.
struct FoundRows {
  std::vector<Index> rows;      ///< that are there, in order
  std::vector<Digest> digests;  ///< of all that were asked for
  bool missing = false;         ///< one is nowhere
  bool erased = false;          ///< one was erased before
};

/// The one writer of a vault.
class Vault::Impl {
 public:
  Impl(const std::filesystem::path& path, const WriteOptions& options);

  [[nodiscard]] ForgetReport forget(const ForgetRequest& request, const ProgressCallback& progress);
  [[nodiscard]] std::vector<ForgetReport> forget(std::span<const ForgetRequest> requests,
                                                 const ProgressCallback& progress);
  [[nodiscard]] ForgetReport outcome(const std::string& key) const;
  [[nodiscard]] const FittedModel& model() const noexcept { return fitted_; }
  [[nodiscard]] std::int64_t rebuilds() const noexcept { return mover_->bases(); }
  [[nodiscard]] const std::vector<std::string>& recovered() const noexcept { return recovered_; }

 private:
  ModelFolder folder_;
  std::optional<WriterLock> lock_;
  std::optional<VaultSecrets> secrets_;
  std::optional<std::string> ledger_wanted_;  // where it is made, if not in the folder
  std::optional<Ledger> ledger_;              // none before the first deletion
  bool ledger_begun_ = false;                 // by an attempt at it, which may have failed since
  std::optional<BatchFinisher> finisher_;
  FittedModel fitted_;
  std::int64_t batch_ = 0;  // that made it
  std::optional<Objective> objective_;
  std::optional<ModelMover> mover_;
  std::optional<CategoriesLeft> categories_;          // counted by the first deletion
  std::unordered_map<std::string, Index> row_of_id_;  // filled when first asked
  std::vector<std::string> recovered_;
  struct BatchReport {
    std::int64_t batch = 0;
    ForgetReport report;
  };
  mutable std::optional<BatchReport> batch_report_;  // of the batch that was last asked for

  /// A request that is in the ledger and neither done nor decided.
  struct Waiting {
    std::int64_t id = 0;
    RequestState state = RequestState::kReceived;
    FoundRows found;
  };

  // Opening.
  /// Of a model that has none the first deletion makes it, once nothing speaks against its
  /// settings.
  void ensure_ledger();
  void open_ledger();
  void make_ledger_here();
  void make_ledger_on_server(const std::string& address);
  void require(const std::filesystem::path& checkpoint) const;
  void finish_open_batch();
  void write_missing_certificates(std::int64_t before);
  void load();
  void finish_requests();
  [[nodiscard]] std::string_view cannot_finish(const Request& request) const;
  [[nodiscard]] std::vector<Digest> rows_of(const Request& request) const;
  void find_by_digest(std::vector<Waiting>& waiting) const;
  void check_ledger_if_gone(const std::vector<Waiting>& waiting) const;

  // Requests.
  /// @throws UsageError in a forked process; BusyError if folder or ledger have moved on without
  /// us.
  void require_current() const;
  [[nodiscard]] Digest digest_of(const std::string& id) const;
  [[nodiscard]] FoundRows find(const ForgetRequest& request);
  [[nodiscard]] bool present(Index row) const;
  [[nodiscard]] Digest content_of(const ForgetRequest& request) const;
  [[nodiscard]] Digest key_of(const std::string& key) const;
  [[nodiscard]] std::string parameters_of(const ForgetRequest& settings) const;
  /// What differs now from what a request was received under: the reason, or nothing.
  [[nodiscard]] std::string_view changed_since(const std::string& parameters) const;
  [[nodiscard]] Submission submission(const ForgetRequest& request, const FoundRows& found,
                                      const std::string& parameters) const;
  void require_budget_for(const ForgetRequest& request) const;
  [[nodiscard]] std::optional<std::int64_t> known(const ForgetRequest& request) const;
  [[nodiscard]] std::optional<ForgetReport> answer(const ForgetRequest& request,
                                                   const FoundRows& found) const;
  [[nodiscard]] ForgetReport report(std::int64_t id, bool repeated) const;
  [[nodiscard]] const ForgetReport& report_of_batch(std::int64_t number) const;

  void submit(std::span<const ForgetRequest> requests,
              std::vector<std::optional<ForgetReport>>& answers, std::vector<FoundRows>& found,
              std::vector<Submission>& submissions, std::vector<std::size_t>& submitted);

  // Carrying them out. `settings`: method, weighting and tier of all.
  void carry_out(std::span<const Submission> submissions, const std::vector<std::size_t>& submitted,
                 std::vector<FoundRows>& found, const ForgetRequest& settings,
                 const ProgressCallback& progress,
                 std::vector<std::optional<ForgetReport>>& answers);
  void carry_out(std::vector<Waiting> waiting, const ForgetRequest& settings,
                 const ProgressCallback& progress);
  [[nodiscard]] std::string_view fault_of_budget(const ForgetRequest& settings) const;
  [[nodiscard]] std::vector<Waiting> choose_batch(std::vector<Waiting>& waiting,
                                                  const ForgetRequest& settings,
                                                  std::vector<Waiting>& later);
  void decide_all(const std::vector<Waiting>& batch, RequestEvent event, const std::string& reason);
  void carry_out_batch(const std::vector<Waiting>& batch, const ForgetRequest& settings,
                       const ProgressCallback& progress);
  void release(const std::vector<std::int64_t>& ids, const std::vector<Index>& rows,
               DeletionStep step, bool retrain);
  void forget_in_memory(const std::vector<Index>& rows, const DeletionStep& step);
};

}  // namespace recant
