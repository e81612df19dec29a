// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "batch_record.hpp"
#include "chunk_hashes.hpp"
#include "recant/engine/fitted_model.hpp"
#include "recant/ledger/ledger.hpp"

/// The files of a model folder and what its manifest says: docs/formats/vault.md.
namespace recant {

inline constexpr int kFormatVersion = 3;
inline constexpr const char* kLedgerFile = "ledger.sqlite";

/// A manifest, read and checked against its own id.
struct ModelFolder {
  std::filesystem::path path;
  int format_version = kFormatVersion;
  std::string manifest;    ///< as it would be written, whatever was read
  bool as_written = true;  ///< what was read has just these bytes
  std::string model_id;
  std::string description;                          ///< the member `model`, and `encoder`, as JSON
  HashesByFile files;                               ///< from format 2 on, as of the fit
  std::map<std::string, std::string> whole_hashes;  ///< format 1
  bool enrolled = false;
  std::optional<std::string> ledger;  ///< where it is, if not beside the manifest
  Index rows = 0;

  [[nodiscard]] std::string ledger_location() const;
  /// One must be there for an enrolled model; otherwise the first deletion makes it.
  [[nodiscard]] bool has_ledger() const;
  /// The files of rows, ids last: they go last when a row is erased.
  [[nodiscard]] std::vector<std::string> row_files() const;
  [[nodiscard]] std::filesystem::path generation(std::int64_t number) const;
};

/// @throws NotFoundError; DamagedError for anything but the manifest of a format up to this one.
[[nodiscard]] ModelFolder read_model_folder(const std::filesystem::path& path);
/// The same of the text of its manifest. @throws DamagedError
[[nodiscard]] ModelFolder parse_manifest(const std::filesystem::path& path,
                                         const std::string& text);

/// The folder as it would be with its ledger at `ledger`, none: beside the manifest. The place is
/// part of the manifest, so the model's id is another.
[[nodiscard]] ModelFolder with_ledger_at(const ModelFolder& folder,
                                         const std::optional<std::string>& ledger);
/// The folder as it would be without the names of these categories. What made its enrolment unlike
/// any other is replaced by what `renew` makes of it: else the model's id, which certificates have,
/// would confirm a guess of the names. The folder as it is if they are gone already. @throws
/// DamagedError for a place that is none.
[[nodiscard]] ModelFolder without_names(
    const ModelFolder& folder, std::span<const CategoryPlace> places,
    const std::function<std::string(const std::string&)>& renew);
/// Writes the manifest of such a folder over the old one, whose bytes are overwritten.
void write_manifest(const ModelFolder& folder);

/// Rewrites a folder of an older format as one of this, in place: for format 1 the files of the
/// state under their new names first; then the manifest, which makes it so in one step; rows stay
/// where they are. What had the old names goes with the first batch, and so do the names of
/// categories that format 2 kept. Under the writer's lock. @throws DamagedError
ModelFolder migrate(const ModelFolder& folder);

/// Where the ledger stands. A batch that is prepared will happen: from then on the state is its.
struct VaultMoment {
  std::int64_t generation = 0;
  std::optional<std::int64_t> last_batch;
  BatchStage stage = BatchStage::kCertified;  ///< of the last batch

  /// Then rows and state are the same.
  [[nodiscard]] bool same_batch(const VaultMoment& other) const {
    return last_batch == other.last_batch;
  }
  [[nodiscard]] bool same_moment(const VaultMoment& other) const {
    return last_batch == other.last_batch && stage == other.stage;
  }
};
/// What it says about the files at that moment.
struct VaultView : VaultMoment {
  std::optional<BatchRecord> record;  ///< of the generation, if it is not the fit's
  std::map<std::string, std::map<std::int64_t, Digest>> current;
  std::map<std::string, std::map<std::int64_t, Digest>> pending;  ///< while rows are being zeroed
};
[[nodiscard]] VaultMoment read_moment(const Ledger& ledger);
[[nodiscard]] VaultView read_view(const Ledger& ledger);
/// Of a folder whose ledger may not be there yet.
[[nodiscard]] VaultMoment read_moment(const ModelFolder& folder);
[[nodiscard]] VaultView read_view(const ModelFolder& folder);

/// Checks every file that the manifest or the ledger names, and reads the model, while nobody
/// writes and no batch is under way. @throws DamagedError
[[nodiscard]] FittedModel read_fitted(const ModelFolder& folder, const VaultView& view);
void check_files(const ModelFolder& folder, const VaultView& view);
/// Their parts. What a file should hash to, but for pieces whose rows are being zeroed.
[[nodiscard]] FileHashes expected_hashes(const ModelFolder& folder, const VaultView& view,
                                         const std::string& file);
/// The state of the view's generation.
void check_state(const ModelFolder& folder, const VaultView& view);
[[nodiscard]] Dataset read_rows(const ModelFolder& folder);
/// Without the gradient, unless it is the fit's. Where it throws, `rows` are still there.
[[nodiscard]] FittedModel read_model(const ModelFolder& folder, const VaultView& view,
                                     Dataset&& rows);
/// Of a state that a deletion left the gradient is not kept: it would have cost a pass.
void complete_gradient(FittedModel& fitted);

/// Writes rows, state and manifest into an empty folder; the model's id.
std::string write_model(const std::filesystem::path& folder, const FittedModel& fitted,
                        bool enrolled, const std::optional<std::string>& ledger);

}  // namespace recant
