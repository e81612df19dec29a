// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "checkpoint_signature.hpp"
#include "generation.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "release_check.hpp"
#include "vault_writer.hpp"

/// Opening a vault for writing: whatever was interrupted is finished before anything else.
namespace recant {
namespace {

namespace fs = std::filesystem;

/// Whoever wrote last died, or a reader kept the -wal from being moved into the ledger's file.
bool left_unfinished(const ModelFolder& folder) {
  std::error_code code;
  const auto size = fs::file_size(folder.ledger_location() + "-wal", code);
  return !folder.ledger && !code && size > 0;
}

/// Reads all of it. @throws DamagedError naming the first thing that does not fit.
void check_ledger(const ModelFolder& folder, const Ledger& ledger) {
  const LedgerCheck check = ledger.check();
  if (!check.fault) return;
  throw DamagedError(*check.fault, folder.ledger_location(), "restore the model from a backup");
}

}  // namespace

void check_what_was_left(const ModelFolder& folder, const Ledger& ledger) {
  if (left_unfinished(folder)) check_ledger(folder, ledger);
}

Vault::Impl::Impl(const fs::path& path, const WriteOptions& options)
    : folder_(read_model_folder(path)) {
  if (options.ledger) Ledger::check_address(*options.ledger);
  lock_.emplace(path, options.wait);
  folder_ = read_model_folder(path);  // under the lock
  if (folder_.format_version < kFormatVersion) folder_ = migrate(folder_);
  remove_partial_files(path);
  remove_abandoned(path);
  ledger_wanted_ = options.ledger;
  if (folder_.has_ledger()) {
    if (ledger_wanted_ && folder_.ledger != ledger_wanted_) {
      throw UsageError("this model has its ledger already, in another place", folder_.path.string(),
                       "leave --ledger out");
    }
    open_ledger();
  }
  if (options.require_checkpoint) require(*options.require_checkpoint);
  if (ledger_) finish_open_batch();
  load();
  if (ledger_) finish_requests();
}

void Vault::Impl::ensure_ledger() {
  if (ledger_) return;
  lock_->require_held();
  // What is in memory was read without a ledger to say which state it is: the folder must still be
  // that one, and a ledger that is there now be from an attempt of ours.
  const ModelFolder now = read_model_folder(folder_.path);
  if (now.manifest != folder_.manifest || (now.has_ledger() && !ledger_begun_)) {
    throw BusyError("has changed since it was opened for writing here", folder_.path.string(),
                    "open it again");
  }
  ledger_begun_ = true;
  try {
    if (!folder_.has_ledger()) {
      if (!VaultSecrets::exist(folder_.path)) VaultSecrets::create(folder_.path);
      ledger_wanted_ ? make_ledger_on_server(*ledger_wanted_) : make_ledger_here();
    }
    open_ledger();
    finish_open_batch();
    batch_ = ledger_->last_batch()->number;
  } catch (...) {  // then the next deletion begins with it again
    finisher_.reset();
    ledger_.reset();
    throw;
  }
}

void Vault::Impl::open_ledger() {
  secrets_ = VaultSecrets::load(folder_.path);
  try {
    {
      // Through a reader: a writer would write what is left of a damaged -wal back, and end it.
      const Ledger left = Ledger::open(folder_.ledger_location(), LedgerAccess::kRead);
      check_releases(folder_, left, secrets_->signing);
      check_what_was_left(folder_, left);
    }
    ledger_ = Ledger::open(folder_.ledger_location(), LedgerAccess::kWrite);
  } catch (const NotFoundError& error) {
    throw DamagedError("the ledger of this model is missing", error.where(),
                       "restore it from a backup");
  }
  ledger_->acquire();
  finisher_.emplace(folder_, *ledger_, *secrets_);
}

/// Under another name until the enrolment is in it: a ledger is there whole or not at all.
void Vault::Impl::make_ledger_here() {
  const fs::path partial = folder_.path / ".ledger.partial";
  gather(create_ledger(folder_, partial.string(), nullptr));
  fs::rename(partial, folder_.ledger_location());
  sync_folder(folder_.path);
}

/// Then the manifest says where it is. A process that dies between the two leaves a ledger with
/// nothing in it but this model's id.
void Vault::Impl::make_ledger_on_server(const std::string& address) {
  const ModelFolder moved = with_ledger_at(folder_, address);
  try {
    const Ledger left = Ledger::open(address, LedgerAccess::kWrite);
    if (left.last_batch() || left.budget().model_id != moved.model_id) {
      throw UsageError("holds the ledger of another model", "--ledger",
                       "give every model a schema of its own");
    }
  } catch (const NotFoundError&) {
    static_cast<void>(create_ledger(moved, address, nullptr));
  }
  write_manifest(moved);
  folder_ = moved;
}

void Vault::Impl::require(const fs::path& file) const {
  if (!ledger_ && !fs::exists(file)) throw NotFoundError("does not exist", file.string());
  if (ledger_ && ledger_->contains(read_kept_checkpoint(file, folder_.path))) return;
  throw DamagedError(
      "the ledger does not contain the checkpoint: this model comes from an older backup, and "
      "deletions since then are not in it",
      file.string(), "recant forget --from-ledger NEWER.sqlite makes them again");
}

/// The first batch is the fit; one that was interrupted is finished.
void Vault::Impl::finish_open_batch() {
  if (!ledger_->last_batch()) {
    if (fitted_.rows.rows() == 0) fitted_ = read_fitted(folder_, {});
    return publish_fit(folder_, *secrets_, *ledger_, fitted_, nullptr);
  }
  if (const std::optional<Batch> batch = ledger_->open_batch()) {
    write_missing_certificates(batch->number);
    finisher_->finish(*batch);
    recovered_.push_back(
        fmt::format("finished batch {}, which was {}", batch->number, name(batch->stage)));
  }
  const std::optional<Batch> last = ledger_->last_batch();
  destroy_other_generations(folder_.path, last ? last->number : 0);
}

/// A restored backup has a newer ledger before it has what that certified.
void Vault::Impl::write_missing_certificates(std::int64_t before) {
  for (std::int64_t batch = 0; batch < before; ++batch) {
    const fs::path file = certificate_file(folder_.path, batch);
    const fs::path annex = certificate_file(folder_.path, batch, true);
    if (fs::exists(file) && fs::exists(annex)) continue;
    const std::optional<Release> release = ledger_->release_of_batch(batch);
    if (!release) continue;
    write_file(file, release->certificate);
    write_file(annex, release->annex, FileReaders::kOwner);
  }
}

void Vault::Impl::load() {
  // Of a model that was published a moment ago the files have been checked and read.
  if (fitted_.rows.rows() == 0) {
    fitted_ = read_fitted(folder_, ledger_ ? read_view(*ledger_) : VaultView());
  }
  if (ledger_) batch_ = ledger_->last_batch()->number;
  objective_.emplace(fitted_.objective());
  mover_.emplace(fitted_, *objective_);
}

/// Why a request that was taken in cannot be carried out as it was asked for; empty: it can.
std::string_view Vault::Impl::cannot_finish(const Request& request) const {
  if (!read_pinned_parameters(request.parameters, folder_.ledger_location()).plain) {
    return "interrupted";  // its values, its hold-out are not in the ledger
  }
  return changed_since(request.parameters);
}

/// The keyed hashes of the rows that a request of the ledger names: it has some.
std::vector<Digest> Vault::Impl::rows_of(const Request& request) const {
  try {
    return ledger_->rows_of_request(request.id);
  } catch (const NotFoundError&) {
    throw DamagedError(fmt::format("holds request {} and not its rows", request.id),
                       folder_.ledger_location(), "restore the model from a backup");
  }
}

/// Requests that were taken in and not begun: all together, as they may have been asked for.
void Vault::Impl::finish_requests() {
  std::vector<Waiting> waiting;
  for (const RequestState state : {RequestState::kReceived, RequestState::kValidated}) {
    std::int64_t after = 0;
    while (true) {
      const std::vector<Request> some = ledger_->requests(state, after, 1000);
      if (some.empty()) break;
      for (const Request& one : some) {
        after = one.id;
        if (const std::string_view why = cannot_finish(one); !why.empty()) {
          const Decision failed{one.id, RequestEvent::kFailed, std::string(why)};
          ledger_->decide(std::span(&failed, 1));
          recovered_.push_back(
              fmt::format("did not begin request {}: it {}", one.id, describe_reason(why)));
          continue;
        }
        waiting.push_back({one.id, state, {.digests = rows_of(one)}});
        recovered_.push_back(fmt::format("finished request {}, which was {}", one.id, name(state)));
      }
    }
  }
  if (waiting.empty()) return;
  std::sort(waiting.begin(), waiting.end(),
            [](const Waiting& a, const Waiting& b) { return a.id < b.id; });
  find_by_digest(waiting);
  check_ledger_if_gone(waiting);
  carry_out(std::move(waiting), {}, {});
}

/// Rows of a request that is not done may be gone because another took them, or because the ledger
/// has lost that this one did: a crash while SQLite writes its -wal back, and damage to that.
void Vault::Impl::check_ledger_if_gone(const std::vector<Waiting>& waiting) const {
  if (std::none_of(waiting.begin(), waiting.end(),
                   [](const Waiting& one) { return one.found.erased || one.found.missing; })) {
    return;
  }
  check_ledger(folder_, *ledger_);
}

/// The rows behind keyed hashes.
void Vault::Impl::find_by_digest(std::vector<Waiting>& waiting) const {
  std::map<Digest, std::optional<Index>> row_of;
  for (const Waiting& one : waiting) {
    for (const Digest& digest : one.found.digests) row_of.try_emplace(digest);
  }
  for (Index row = 0; row < fitted_.rows.rows(); ++row) {
    if (!present(row)) continue;
    const auto at = row_of.find(digest_of(fitted_.rows.ids.text(row)));
    if (at != row_of.end()) at->second = row;
  }
  for (Waiting& one : waiting) {
    for (const Digest& digest : one.found.digests) {
      if (const std::optional<Index> row = row_of.at(digest)) {
        one.found.rows.push_back(*row);
      } else {
        (ledger_->erased(digest) ? one.found.erased : one.found.missing) = true;
      }
    }
    std::sort(one.found.rows.begin(), one.found.rows.end());
  }
}

Vault::Vault(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Vault::Vault(Vault&&) noexcept = default;
Vault& Vault::operator=(Vault&&) noexcept = default;
Vault::~Vault() = default;

Vault Vault::open_for_writing(const fs::path& path, const WriteOptions& options) {
  return Vault(std::make_unique<Impl>(path, options));
}
ForgetReport Vault::forget(const ForgetRequest& request, const ProgressCallback& progress) {
  return impl_->forget(request, progress);
}
std::vector<ForgetReport> Vault::forget(std::span<const ForgetRequest> requests,
                                        const ProgressCallback& progress) {
  return impl_->forget(requests, progress);
}
ForgetReport Vault::outcome(const std::string& key) const {
  return impl_->outcome(key);
}
const FittedModel& Vault::model() const noexcept {
  return impl_->model();
}
std::int64_t Vault::rebuilds() const noexcept {
  return impl_->rebuilds();
}
const std::vector<std::string>& Vault::recovered() const noexcept {
  return impl_->recovered();
}

}  // namespace recant
