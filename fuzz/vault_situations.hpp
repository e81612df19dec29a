// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "batch_finisher.hpp"
#include "dead_writer.hpp"
#include "file_bytes.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "small_vault.hpp"

/// Vaults as they may be found, as bytes.
namespace recant::fuzz {

using Files = std::map<std::filesystem::path, std::string>;

[[nodiscard]] inline Files files_in(const std::filesystem::path& folder) {
  Files files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::filesystem::path name = std::filesystem::relative(entry.path(), folder);
    const std::string kind = name.extension().string();
    if (entry.is_regular_file() && kind != ".sqlite-shm")
      files[name] = test::read_bytes(entry.path());
  }
  return files;
}

/// Makes the folder hold just these files, all of the owner alone.
inline void put(const std::filesystem::path& folder, const Files& files) {
  std::filesystem::remove_all(folder);
  for (const auto& [name, bytes] : files) {
    std::filesystem::create_directories((folder / name).parent_path());
    test::write_bytes(folder / name, bytes);
  }
}

struct Situation {
  Files files;
  /// Of a backup: a ledger that went on since, beside it.
  std::string newer_ledger = {};
};

class Situations {
 public:
  static inline const std::vector<Index> kRowsUnderWay = {7, 8};

  explicit Situations(const std::filesystem::path& path) : path_(path) {
    ::umask(S_IRWXG | S_IRWXO);
    const FittedModel fitted = test::small_model(folder_, 20);
    theta_ = fitted.model.theta;
    // Arithmetic of a budget takes longer than all the rest: only where noise is sealed.
    test::create_enrolled(path_, fitted);
    add_noised(with_a_deletion());
    Vault::create(path_, fitted, true);
    const Files backup = with_a_deletion();
    parameters_ =
        Ledger::open((path_ / "ledger.sqlite").string(), LedgerAccess::kRead).request(1).parameters;
    found_.push_back({backup});
    add_waiting(backup);
    add_prepared(backup);
    add_restored(backup);
  }
  [[nodiscard]] const std::vector<Situation>& all() const noexcept { return found_; }

 private:
  test::TemporaryFolder folder_;
  std::filesystem::path path_;
  Vector theta_;
  std::string parameters_;
  std::vector<Situation> found_;

  static void require(bool holds) {
    if (!holds) std::abort();
  }

  [[nodiscard]] Files with_a_deletion() const {
    {
      Vault vault = Vault::open_for_writing(path_);
      require(vault.forget(test::asked({3}, "first")).done());
    }
    return files_in(path_);
  }

  /// A request was received; the ledger has it in its -wal.
  void add_waiting(const Files& backup) {
    put(path_, backup);
    Ledger ledger = test::ledger_of(path_);
    test::receive_rows(path_, ledger, {5}, parameters_);
    found_.push_back({files_in(path_)});
    require(!found_.back().files.at("ledger.sqlite-wal").empty());
  }

  void add_prepared(const Files& before) {
    put(path_, before);
    test::prepare_batch(path_, test::record_by_hand(version()), theta_, kRowsUnderWay);
    found_.push_back({files_in(path_)});
  }

  /// A batch whose noise was sealed.
  void add_noised(const Files& before) {
    add_prepared(before);
    found_.pop_back();
    // What is published next has no place to go.
    const std::filesystem::path place = path_ / "certificates", aside = path_ / "aside";
    std::filesystem::rename(place, aside);
    test::write_bytes(place, "a file");
    {
      ModelFolder folder = read_model_folder(path_);
      const VaultSecrets secrets = VaultSecrets::load(path_);
      Ledger ledger = test::ledger_of(path_);
      try {
        BatchFinisher(folder, ledger, secrets).finish(*ledger.open_batch());
      } catch (const DataError&) {
      }
      require(ledger.open_batch()->stage == BatchStage::kNoised);
    }
    std::filesystem::remove(place);
    std::filesystem::rename(aside, place);
    found_.push_back({files_in(path_)});
  }

  /// A backup, and a ledger with another batch.
  void add_restored(const Files& backup) {
    put(path_, backup);
    {
      Vault vault = Vault::open_for_writing(path_);
      require(vault.forget(test::asked({9}, "second")).done());
    }
    found_.push_back({backup, test::read_bytes(path_ / "ledger.sqlite")});
  }
};

}  // namespace recant::fuzz
