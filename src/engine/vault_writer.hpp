// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "batch_finisher.hpp"
#include "deletion_step.hpp"
#include "model_folder.hpp"
#include "recant/engine/vault.hpp"
#include "vault_key.hpp"
#include "writer_lock.hpp"

namespace recant {

/// Makes keys and ledger in a folder that has rows and state, and publishes the fit.
void start_ledger(const ModelFolder& folder, const std::string& location, const FittedModel& fitted,
                  const EnrolmentPlan* enrolment);

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
  [[nodiscard]] ForgetReport outcome(const std::string& key) const;
  [[nodiscard]] const FittedModel& model() const noexcept { return fitted_; }
  [[nodiscard]] std::int64_t rebuilds() const noexcept { return mover_->bases(); }
  [[nodiscard]] const std::vector<std::string>& recovered() const noexcept { return recovered_; }

 private:
  ModelFolder folder_;
  WriterLock lock_;
  std::optional<VaultSecrets> secrets_;
  std::optional<Ledger> ledger_;
  std::optional<BatchFinisher> finisher_;
  FittedModel fitted_;
  std::optional<Objective> objective_;
  std::optional<ModelMover> mover_;
  std::unordered_map<std::string, Index> row_of_id_;  // filled when first asked
  std::vector<std::string> recovered_;

  void open_ledger();
  void require(const std::filesystem::path& checkpoint) const;
  void finish_open_batch();
  void load();
  void finish_requests();

  [[nodiscard]] Digest digest_of(const std::string& id) const;
  [[nodiscard]] FoundRows find(const ForgetRequest& request);
  [[nodiscard]] FoundRows find_digests(const std::vector<Digest>& digests) const;
  [[nodiscard]] bool present(Index row) const;
  [[nodiscard]] std::optional<ForgetReport> answered(const ForgetRequest& request) const;
  [[nodiscard]] Digest content_of(const ForgetRequest& request) const;
  [[nodiscard]] Digest key_of(const std::string& key) const;
  [[nodiscard]] Submission submission(const ForgetRequest& request, const FoundRows& found) const;

  /// Validates, moves the model and releases it. What is decided is in the ledger.
  void carry_out(std::int64_t id, const FoundRows& found, const ForgetRequest& request,
                 const ProgressCallback& progress);
  void release(std::int64_t id, const std::vector<Index>& rows, DeletionStep step, bool retrain);
  void decide(std::int64_t id, RequestEvent event, const std::string& reason = {});
  void forget_in_memory(const std::vector<Index>& rows, const DeletionStep& step);
  [[nodiscard]] ForgetReport report(std::int64_t id, bool repeated) const;
};

}  // namespace recant
