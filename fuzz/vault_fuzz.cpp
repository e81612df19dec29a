// SPDX-License-Identifier: Apache-2.0
// A vault in which one thing is hostile: a file, a cell of its ledger, a record that came into the
// ledger by its front door, or the checkpoint that somebody holds against it. It is read, checked,
// written to and caught up with, or is damaged.
//
// Of an input the first three bytes say which vault, what is hostile and how; the rest are the
// bytes that it gets, or edits: each two bytes of place and one of value.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>

#include "hostile_cells.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/vault.hpp"
#include "vault_situations.hpp"

namespace {

namespace fs = std::filesystem;
using recant::fuzz::HostileCells;
using recant::fuzz::Situation;
using recant::fuzz::Situations;

class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size) : left_(bytes, size) {}

  std::size_t take() {
    if (left_.empty()) return 0;
    const std::size_t byte = left_.front();
    left_ = left_.subspan(1);
    return byte;
  }
  [[nodiscard]] std::string rest() const { return {left_.begin(), left_.end()}; }
  /// Something else in the place of `before`.
  [[nodiscard]] std::string instead_of(std::string before, std::size_t how) const {
    if (how % 3 == 0) return rest();
    if (before.empty()) return before;
    if (how % 3 == 1) return before.substr(0, place(0) % before.size());
    for (std::size_t i = 0; i + 3 <= left_.size(); i += 3) {
      before[place(i) % before.size()] = static_cast<char>(left_[i + 2]);
    }
    return before;
  }
  /// The number of so many bytes, with its sign.
  [[nodiscard]] std::int64_t number() const {
    std::uint64_t bits = 0;
    const std::size_t size = std::min<std::size_t>(left_.size(), 8);
    for (std::size_t i = 0; i < size; ++i) bits |= std::uint64_t{left_[i]} << (8 * i);
    if (size == 0) return 0;
    const auto shift = 64 - 8 * size;
    return static_cast<std::int64_t>(bits << shift) >> shift;
  }

 private:
  std::span<const std::uint8_t> left_;

  [[nodiscard]] std::size_t place(std::size_t at) const {
    return at + 2 <= left_.size() ? left_[at] | std::size_t{left_[at + 1]} << 8 : 0;
  }
};

template <class Work>
void work_or_damaged(Work work) {
  try {
    work();
  } catch (const recant::DamagedError&) {
  }
}

/// A file, by its number: of the vault, or the newer ledger beside it.
void change_file(const fs::path& vault, const Situation& situation, const fs::path& newer,
                 Input input) {
  const std::size_t number = input.take(), how = input.take();
  fs::path file = newer;
  if (situation.newer_ledger.empty()) {
    auto named = situation.files.begin();
    std::advance(named, number % situation.files.size());
    file = vault / named->first;
  }
  recant::test::write_bytes(file, input.instead_of(recant::test::read_bytes(file), how));
}

void change_cell(const fs::path& ledger, Input input) {
  const std::size_t column = input.take(), row = input.take(), how = input.take();
  HostileCells cells(ledger);
  cells.change(column % cells.columns(), row, [&](const std::string& before, bool number) {
    return number ? std::to_string(input.number()) : input.instead_of(before, how);
  });
}

/// What a writer may put into a ledger whose chain is then right.
void put_record(recant::Ledger& ledger, const fs::path& vault, Input input) {
  const std::size_t what = input.take();
  const std::string hostile = input.rest();
  const auto rows = [&](const std::string& parameters) {
    return recant::test::receive_rows(vault, ledger, {11}, parameters);
  };
  if (const std::optional<recant::Batch> open = ledger.open_batch()) {
    if (open->stage != recant::BatchStage::kPrepared) return;
    const recant::ModelFolder folder = recant::read_model_folder(vault);
    recant::RowEraser(vault, folder.row_files(), folder.rows).erase(Situations::kRowsUnderWay);
    ledger.mark_applied(open->number);
    recant::SealedRelease release{.certificate = "c", .annex = "a", .noise = "n"};
    (what % 3 == 0 ? release.certificate : what % 3 == 1 ? release.annex : release.noise) = hostile;
    ledger.seal(open->number, release);
    return;
  }
  if (what % 3 == 0) {
    rows(hostile);
    return;
  }
  const std::int64_t request = rows("{}");
  const recant::Decision validated{request, recant::RequestEvent::kValidated, {}};
  ledger.decide(std::span(&validated, 1));
  recant::BatchPlan plan{.requests = {request}, .chunks = {}, .plan = hostile, .enrolment = {}};
  if (what % 3 == 2) {
    plan.plan = "{}";
    plan.enrolment = recant::EnrolmentRecord{std::string(32, 'a'), 3, hostile};
  }
  ledger.prepare(plan);
}

/// A checkpoint of the vault that somebody changed.
void write_kept(const fs::path& vault, const fs::path& kept, Input input) {
  const std::size_t how = input.take();
  fs::remove(kept);
  recant::Vault::write_checkpoint(vault, kept);
  recant::test::write_bytes(kept, input.instead_of(recant::test::read_bytes(kept), how));
}

void use(const fs::path& vault, const Situation& situation, const fs::path& newer,
         const std::optional<fs::path>& kept) {
  recant::Vault::WriteOptions at_once;
  at_once.wait.seconds = 0;
  at_once.require_checkpoint = kept;
  work_or_damaged([&] { static_cast<void>(recant::Vault::status(vault)); });
  work_or_damaged([&] { static_cast<void>(recant::Vault::open(vault)); });
  work_or_damaged([&] { static_cast<void>(recant::Vault::check(vault)); });
  work_or_damaged([&] {
    if (situation.newer_ledger.empty()) {
      static_cast<void>(recant::Vault::open_for_writing(vault, at_once));
    } else {
      try {
        static_cast<void>(recant::Vault::catch_up(vault, newer.string(), kept, at_once.wait));
      } catch (const recant::UsageError&) {  // of another model
      }
    }
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const recant::test::TemporaryFolder scratch;
  static const fs::path vault = scratch / "model.rct", newer = scratch / "newer.sqlite",
                        kept = scratch / "checkpoint.json";
  static const Situations situations(vault);
  Input input(bytes, size);
  const Situation& situation = situations.all()[input.take() % situations.all().size()];
  recant::fuzz::put(vault, situation.files);
  recant::test::write_bytes(newer, situation.newer_ledger);
  const bool restored = !situation.newer_ledger.empty();
  const fs::path ledger = restored ? newer : vault / "ledger.sqlite";
  std::optional<fs::path> required;
  switch (input.take() % 4) {
    case 0:
      change_file(vault, situation, newer, input);
      break;
    case 1:
      change_cell(ledger, input);
      break;
    case 2: {
      recant::Ledger written = recant::Ledger::open(ledger.string(), recant::LedgerAccess::kWrite);
      written.acquire();
      put_record(written, vault, input);
      break;
    }
    default:
      write_kept(vault, kept, input);
      required = kept;
  }
  use(vault, situation, newer, required);
  for (const char* const suffix : {"-wal", "-shm"}) {
    std::error_code ignored;
    fs::remove(newer.string() + suffix, ignored);
  }
  return 0;
}
