// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "recant/engine/enrolment.hpp"
#include "recant/engine/fitted_model.hpp"
#include "recant/engine/forget.hpp"
#include "recant/engine/status.hpp"
#include "recant/engine/writer_wait.hpp"

namespace recant {

/// A model on disk, NAME.rct/ (docs/formats/vault.md), and its whole life:
///
///   manifest.json    format version, model id, encoder, options, hashes of the rows
///   rows/            features.npy targets.npy weights.npy ids.npy [groups.npy]
///   state/GEN/       theta.npy, secret where noise is on; GEN counts the batches of deletions
///   published/       what may leave the house: parameters, their description, certificate, key
///   ledger.sqlite    what happened: requests, batches, releases, budget, certificates, events
///   certificates/    every certificate, and its annex for requester and auditor
///   secret/          keys, readable by the owner alone
///
/// A model that was fitted without a budget has only the first three until its first deletion.
///
/// Static members read, and write new folders: whole or not at all, from any thread. An object is
/// the one writer of a folder that exists, for as long as it lives; it belongs to one thread at a
/// time, and to the process that opened it: in a process that is forked from that its functions
/// throw UsageError. Every batch of deletions is decided by one commit of the ledger; what a crash
/// interrupts is finished, or was never begun, when the folder is next opened for writing
/// (docs/formats/vault.md has the proof).
class Vault {
 public:
  /// Without `enrolment` deletions promise no epsilon and delta. With it the fit is published, with
  /// noise and certificate, as release 1, and its ledger is made at `ledger`, postgresql://..;
  /// none: in the folder. A process that dies may leave tables there, but no folder.
  /// @throws UsageError if `path` exists and !replace, is not a model or lies in one, or for an
  /// enrolment that was refused; DataError if it cannot be written; BusyError if it is to be
  /// replaced and still in use when the wait is over.
  static void create(const std::filesystem::path& path, const FittedModel& model, bool replace,
                     const EnrolmentPlan* enrolment = nullptr,
                     const std::optional<std::string>& ledger = std::nullopt,
                     const WriterWait& wait = {});

  /// @throws UsageError if something stands at `path` that is not a model.
  static void check_replaceable(const std::filesystem::path& path);

  /// Reads the model as the last deletion left it; its features are mapped. Every file is checked
  /// against its hash, which reads it once. Never waits for a writer. Rows that were erased are
  /// still counted: they have weight 0, and zeros for features and target.
  /// @throws NotFoundError; DamagedError for a folder that does not check or is of a newer format.
  [[nodiscard]] static FittedModel open(const std::filesystem::path& path);

  /// By what whoever has read the model sees that its folder has moved on: another text for another
  /// manifest and for another batch of deletions. Costs a look at the folder.
  [[nodiscard]] static std::string mark(const std::filesystem::path& path);

  struct WriteOptions {
    /// A checkpoint that the ledger must contain: else it comes from an older backup, and is not
    /// written to.
    std::optional<std::filesystem::path> require_checkpoint;
    /// Where the first deletion makes the ledger if there is none yet, postgresql://..; none: in
    /// the folder.
    std::optional<std::string> ledger;
    WriterWait wait;
  };
  /// Locks the folder, and finishes or rolls back what was interrupted. A folder of format 1 is
  /// brought to format 3. Ledger and keys are made by the first deletion, once nothing speaks
  /// against its settings.
  /// @throws as open(); BusyError if another process still writes when the wait is over; DataError
  /// for a folder that cannot be written; DamagedError if the ledger does not contain the
  /// checkpoint; UsageError if the model has its ledger elsewhere.
  [[nodiscard]] static Vault open_for_writing(const std::filesystem::path& path,
                                              const WriteOptions& options);
  [[nodiscard]] static Vault open_for_writing(const std::filesystem::path& path) {
    return open_for_writing(path, {});
  }

  /// Counts, states, times, budget; never contents. Never waits for a writer. @throws DamagedError
  /// too where the ledger's last certificate is not the one that is published.
  [[nodiscard]] static VaultStatus status(const std::filesystem::path& path);
  /// Re-derives chain, budget and hashes of all files, and names the first thing that does not fit.
  [[nodiscard]] static VaultCheck check(const std::filesystem::path& path);
  /// A consistent copy, while others write. It needs no server: a ledger that is on one comes with
  /// it as a file. Where a writer comes in the way it waits, and goes on as the writer.
  /// @throws UsageError if `destination` exists or lies in a model folder; BusyError when the wait
  /// is over.
  static void backup(const std::filesystem::path& path, const std::filesystem::path& destination,
                     const WriterWait& wait = {});
  /// The newest checkpoint as a file, to be kept elsewhere; replaces a checkpoint, and nothing
  /// else.
  /// @throws UsageError if there is none, or `file` is something else or lies in a model folder.
  static void write_checkpoint(const std::filesystem::path& path,
                               const std::filesystem::path& file);

  struct CaughtUp {
    std::int64_t rows = 0;               ///< that were deleted again
    std::string reason;                  ///< why not, see describe_reason(); empty: it is done
    std::vector<std::string> recovered;  ///< what was begun there, and what became of it
  };
  /// For a vault that was restored from an older backup: takes the newer ledger in the place of its
  /// own, erases the rows that were erased since, publishes the model without them as one more
  /// release, and carries out the requests that were received. 0 rows too if all is done already.
  /// `newer_ledger` is a path or postgresql://..; a release that was under way there counts as
  /// made. The ledger is checked before anything is changed. @throws DamagedError for one that does
  /// not check or lacks the checkpoint, or for a vault that was copied in the middle of a deletion;
  /// UsageError for one that does not continue this one; NotFoundError; BusyError when the wait is
  /// over.
  static CaughtUp catch_up(
      const std::filesystem::path& path, const std::string& newer_ledger,
      const std::optional<std::filesystem::path>& require_checkpoint = std::nullopt,
      const WriterWait& wait = {});

  Vault(Vault&&) noexcept;
  Vault& operator=(Vault&&) noexcept;
  ~Vault();

  /// Deletes rows and publishes what is left of the model: receives, validates, moves the model,
  /// bounds how far it is from retraining, erases the rows, draws noise, certifies, publishes.
  /// When it returns a report that is done(), all of that is on disk.
  /// Failure outcomes: `state` and `reason` of the report: not_found, already_erased, rejected.
  /// Cost: at tier 0 O(P^2) and the commits; the first call builds the base, O(n P^2).
  /// @throws UsageError for no row, a row twice, rows and ids together, a key that was used for
  /// something else, what weighting or method refuse, a process that only inherited it; DataError
  /// when disk or ledger fail, BusyError when others have written in spite of the lock: then the
  /// vault must be opened anew.
  [[nodiscard]] ForgetReport forget(const ForgetRequest& request,
                                    const ProgressCallback& progress = {});

  /// Several requests as one batch: one step, one release, one certificate for all that can be
  /// done. They share method, weighting and tier; values are read from the first. Each has its own
  /// report, in order, and what is wrong with one is said in its report and holds up no other:
  /// reason row_twice, row_unknown, no_row, key_used. A request for a row that an earlier one
  /// deletes is already_erased.
  /// @throws as above for what is wrong with all of them.
  [[nodiscard]] std::vector<ForgetReport> forget(std::span<const ForgetRequest> requests,
                                                 const ProgressCallback& progress = {});

  /// What came of the request with this key. @throws NotFoundError
  [[nodiscard]] ForgetReport outcome(const std::string& key) const;

  /// The model as it is now.
  [[nodiscard]] const FittedModel& model() const noexcept;
  /// How many new bases were built since it was opened; the first is one.
  [[nodiscard]] std::int64_t rebuilds() const noexcept;
  /// What opening found unfinished, and what it did with it: a line each.
  [[nodiscard]] const std::vector<std::string>& recovered() const noexcept;

 private:
  class Impl;
  explicit Vault(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace recant
