// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/status.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <set>
#include <thread>

#include "batch_finisher.hpp"
#include "checkpoint_signature.hpp"
#include "model_folder.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/output_place.hpp"
#include "recant/engine/vault.hpp"
#include "tree_copy.hpp"
#include "vault_file.hpp"
#include "vault_reader.hpp"
#include "vault_secrets.hpp"
#include "writer_lock.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

Ledger open_ledger(const ModelFolder& folder) {
  try {
    return Ledger::open(folder.ledger_location(), LedgerAccess::kRead);
  } catch (const NotFoundError& error) {
    throw DamagedError("the ledger of this model is missing", error.where(),
                       "restore it from a backup");
  }
}

void require(bool good, const std::string& what, const fs::path& where) {
  if (!good) throw DamagedError(what, where.string(), "restore it from a backup");
}

constexpr const char* kOtherBytes = "does not have the bytes that were written";

/// Every release has its certificate, to the byte, and there are no others. While a batch is
/// unfinished some may still be to be written.
std::int64_t check_certificates(const ModelFolder& folder, const Ledger& ledger,
                                const VaultMoment& moment) {
  std::int64_t matched = 0;
  std::set<fs::path> known;
  const auto compare = [&](const fs::path& file, const std::string& bytes, const char* what) {
    known.insert(file);
    if (moment.stage != BatchStage::kCertified && !fs::exists(file)) return;
    require(read_vault_file(file) == bytes, what, file);
    ++matched;
  };
  for (std::int64_t batch = 0; moment.last_batch && batch <= *moment.last_batch; ++batch) {
    const std::optional<Release> release = ledger.release_of_batch(batch);
    if (!release) continue;
    compare(certificate_file(folder.path, batch), release->certificate,
            "is not the certificate of the ledger");
    compare(certificate_file(folder.path, batch, true), release->annex,
            "is not the annex of the ledger");
  }
  const fs::path place = folder.path / "certificates";
  bool unknown = false;
  if (fs::exists(place)) {
    for (const auto& entry : fs::directory_iterator(place)) {
      // What a writer that died left half-written has a dot in front.
      const bool begun = entry.path().filename().string().starts_with('.');
      unknown = unknown || (!begun && !known.contains(entry.path()));
    }
  }
  // A certificate is written after the ledger has gone on to the stage in which it has it.
  require(!unknown || !read_moment(ledger).same_moment(moment),
          "holds a certificate that the ledger does not know", place);
  return matched / 2;
}

}  // namespace

/// published/ is what the last certificate is about, to the byte.
void check_published(const ModelFolder& folder, const Ledger& ledger, const VaultMoment& moment) {
  if (!moment.last_batch || moment.stage < BatchStage::kReleased) return;
  const std::optional<Release> release = ledger.release_of_batch(*moment.last_batch);
  require(release.has_value(), "has no release for what was published", folder.path);
  const fs::path published = folder.path / "published";
  const fs::path file = published / "parameters.npy";
  // The bytes first, which waits for no pipe.
  const std::string bytes = read_vault_file(file);
  Vector parameters;
  try {
    parameters = read_npy_vector(file);
  } catch (const Error& error) {
    throw DamagedError(error.message(), file.string());
  }
  require(parameters_hash({parameters.data(), static_cast<std::size_t>(parameters.size())}) ==
              release->parameters_hash,
          "are not the parameters that were certified", file);
  // The same shape, and so the same header, as the state that it was made from.
  const std::string state = read_vault_file(folder.generation(moment.generation) / "theta.npy");
  const auto header = bytes.size() - 8 * static_cast<std::size_t>(parameters.size());
  require(bytes.size() == state.size() && bytes.compare(0, header, state, 0, header) == 0,
          kOtherBytes, file);
  require(read_vault_file(published / "certificate.json") == release->certificate,
          "is not the certificate of the ledger", published / "certificate.json");
  require(read_vault_file(published / "parameters.json") == describe_parameters(folder, *release),
          kOtherBytes, published / "parameters.json");
  require(read_vault_file(published / "public-key.json") ==
              read_vault_file(folder.path / "public-key.json"),
          kOtherBytes, published / "public-key.json");
}

namespace {

void check_all(const fs::path& path, VaultCheck& result) {
  const auto passed = [&](std::string line) { result.checked.push_back(std::move(line)); };
  const ModelFolder folder = read_model_folder(path);
  require(folder.as_written, kOtherBytes, path / "manifest.json");
  passed("manifest: fits its id");
  if (!folder.has_ledger()) {
    static_cast<void>(read_beside_writer(path));
    passed("files: have the bytes that were written");
    passed("ledger: none yet, no deletion was asked for");
    return;
  }
  static_cast<void>(VaultSecrets::load(path));
  passed("keys: are there and belong together");
  const Ledger ledger = open_ledger(folder);
  const LedgerCheck chain = ledger.check(verifier_of(path));
  if (chain.fault) throw DamagedError(*chain.fault, folder.ledger_location());
  passed(
      fmt::format("ledger: {} events, {} requests, {} batches, {} checkpoints follow from each "
                  "other; the budget is what they use",
                  chain.events, chain.requests, chain.batches, chain.checkpoints));
  const VaultMoment moment = read_moment(ledger);
  static_cast<void>(read_beside_writer(path));
  passed("files: have the bytes that manifest and ledger say");
  passed(fmt::format("certificates: {}, as the ledger has them",
                     check_certificates(folder, ledger, moment)));
  check_published_beside_writer(folder, ledger);
  passed("published: what the last certificate is about");
}

/// Where the vault stands; none if that cannot be said.
std::optional<VaultMoment> moment_of(const fs::path& path) {
  try {
    return read_moment(read_model_folder(path));
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Waits for a moment between two batches; finishes one that its writer left.
VaultMoment quiet_moment(const ModelFolder& folder, const WriterWait& wait) {
  using namespace std::chrono_literals;
  const auto deadline = std::chrono::steady_clock::now() + 1s;
  while (true) {
    const VaultMoment moment = read_moment(folder);
    if (moment.stage == BatchStage::kCertified) return moment;
    if (std::chrono::steady_clock::now() > deadline) {
      static_cast<void>(Vault::open_for_writing(folder.path, {.wait = wait}));
    }
    std::this_thread::sleep_for(20ms);
  }
}

/// From then on nobody else writes, and no batch is under way.
void lock_between_batches(const ModelFolder& folder, const WriterWait& wait,
                          std::optional<WriterLock>& lock) {
  lock.emplace(folder.path, wait);
  while (read_moment(folder).stage != BatchStage::kCertified) {  // its writer died
    lock.reset();
    static_cast<void>(Vault::open_for_writing(folder.path, {.wait = wait}));
    lock.emplace(folder.path, wait);
  }
}

void copy_folder(const fs::path& from, const fs::path& to) {
  for (const char* name :
       {"public-key.json", "rows", "state", "published", "certificates", "secret"}) {
    fs::remove_all(to / name);
    if (fs::exists(from / name)) copy_tree(from / name, to / name);
  }
}

}  // namespace

namespace {

/// What is published is the last release of its own ledger. While a batch is under way it may be of
/// any before.
void check_is_own(const ModelFolder& folder, const Ledger& ledger, const VaultMoment& moment) {
  if (!moment.last_batch || moment.stage < BatchStage::kReleased) return;
  const std::optional<Release> release = ledger.release_of_batch(*moment.last_batch);
  const fs::path published = folder.path / "published/certificate.json";
  if (release && read_vault_file(published) == release->certificate) return;
  throw DamagedError(
      "its last certificate is not published/certificate.json: one of the two is "
      "damaged, older or of another model",
      folder.ledger_location(), "restore the whole model from a backup");
}

void check_is_own_beside_writer(const ModelFolder& folder, const Ledger& ledger,
                                const VaultMoment& moment) {
  try {
    check_is_own(folder, ledger, moment);
  } catch (const DamagedError&) {
    const ModelFolder now = read_model_folder(folder.path);
    if (now.manifest == folder.manifest && read_moment(now).same_moment(moment)) throw;
  }
}

}  // namespace

VaultStatus Vault::status(const fs::path& path) {
  const ModelFolder folder = read_model_folder(path);
  VaultStatus status;
  status.model_id = folder.model_id;
  status.format_version = folder.format_version;
  status.rows = status.rows_left = folder.rows;
  if (!folder.has_ledger()) return status;
  const Ledger ledger = open_ledger(folder);
  VaultMoment moment;
  ledger.read_together([&] {
    moment = read_moment(ledger);
    status.ledger = ledger.statistics();
  });
  check_is_own_beside_writer(folder, ledger, moment);
  status.generation = moment.generation;
  status.rows_left = folder.rows - status.ledger->rows_erased;
  status.ledger_address = folder.ledger;
  const BudgetUse& use = status.ledger->budget;
  status.model_id = use.model_id;
  const EnrolmentStatement enrolment = read_enrolment_statement(use.statement, "ledger");
  if (enrolment.budget) {
    require(use.used <= enrolment.budget->releases, "holds more releases than its budget has",
            folder.ledger_location());
    status.budget = enrolment.budget;
    status.spent = budget_status(*enrolment.budget, use.used);
    status.when_spent = enrolment.when_spent;
  }
  if (moment.stage != BatchStage::kCertified) status.unfinished = std::string(name(moment.stage));
  return status;
}

VaultCheck Vault::check(const fs::path& path) {
  while (true) {
    const std::optional<VaultMoment> before = moment_of(path);
    VaultCheck result;
    try {
      check_all(path, result);
    } catch (const DamagedError& error) {
      // A writer may have gone on in the meantime: then look again.
      const std::optional<VaultMoment> after = moment_of(path);
      if (before && after && !after->same_moment(*before)) continue;
      result.fault = error.what();
    }
    return result;
  }
}

namespace {

/// Everything by which a reader would know damage. It was in the model, most likely, whose file is
/// named then.
void check_copy(const ModelFolder& copy, const ModelFolder& original) {
  try {
    check_files(copy, read_view(copy));
    if (!copy.has_ledger()) return;
    const Ledger ledger = open_ledger(copy);
    check_published(copy, ledger, read_moment(ledger));
  } catch (const DamagedError&) {
    static_cast<void>(Vault::open(original.path));
    throw;
  }
}

}  // namespace

void Vault::backup(const fs::path& path, const fs::path& destination, const WriterWait& wait) {
  const ModelFolder folder = read_model_folder(path);
  if (fs::exists(destination)) {  // a backup replaces nothing, so nobody is told how to
    throw UsageError("exists already", destination.string(), "choose another name");
  }
  check_outside_models(destination);
  StagedFolder staged(destination, false);
  std::optional<WriterLock> lock;  // from when on a writer was in the way, so that none is again
  while (true) {
    const VaultMoment before = lock ? read_moment(folder) : quiet_moment(folder, wait);
    try {
      copy_folder(path, staged.path());
      if (folder.has_ledger()) {
        fs::remove(staged.path() / kLedgerFile);
        open_ledger(folder).backup_to(staged.path() / kLedgerFile);
      }
      // A backup is whole without the server that the ledger is on.
      ModelFolder copy = read_model_folder(path);
      copy.path = staged.path();
      if (copy.ledger) copy = with_ledger_at(copy, std::nullopt);
      write_file(copy.path / "manifest.json", copy.manifest);
      if (read_moment(folder).same_moment(before)) {
        check_copy(copy, folder);
        break;
      }
    } catch (const fs::filesystem_error&) {
      if (lock) throw;  // else a file went with its generation, or was a writer's own
    }
    if (!lock) lock_between_batches(folder, wait, lock);
  }
  staged.commit();
}

namespace {

/// A file of the operator's that somebody named by mistake stays.
void check_checkpoint_output(const fs::path& file) {
  check_outside_models(file);
  if (!fs::exists(fs::symlink_status(file))) return;
  constexpr std::uintmax_t kMost = 1 << 16;  // bytes: a checkpoint has some hundred
  try {
    if (fs::is_regular_file(file) && fs::file_size(file) <= kMost) {
      static_cast<void>(read_checkpoint(read_vault_file(file)));
      return;
    }
  } catch (const DamagedError&) {
  }
  throw UsageError("exists and is not a checkpoint, so it is not replaced", file.string(),
                   "choose another name");
}

}  // namespace

void Vault::write_checkpoint(const fs::path& path, const fs::path& file) {
  check_checkpoint_output(file);
  const ModelFolder folder = read_model_folder(path);
  std::optional<Checkpoint> checkpoint;
  if (folder.has_ledger()) checkpoint = open_ledger(folder).last_checkpoint();
  if (!checkpoint) throw UsageError("has no checkpoint: nothing was released yet", path.string());
  write_file(file, checkpoint_text(*checkpoint));
}

}  // namespace recant
