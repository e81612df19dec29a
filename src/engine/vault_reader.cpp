// SPDX-License-Identifier: Apache-2.0
#include "vault_reader.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "categories_left.hpp"
#include "generation.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"
#include "row_eraser.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// The rows that the batch under way erases.
std::vector<Index> rows_under_way(const ModelFolder& folder, const VaultView& view) {
  if (view.pending.empty()) return {};
  const fs::path file = folder.path / "secret/vault.key";
  if (!fs::exists(file)) throw DamagedError("is missing", file.string());
  return rows_to_erase(folder.path, view.generation, VaultKey::load(file));
}

/// The rows whose ids are zeros by now.
std::vector<Index> rows_without_id(const ModelFolder& folder) {
  const fs::path file = folder.path / "rows/ids.npy";
  const NpyHeader header = read_npy_header(file);
  std::ifstream in(file, std::ios::binary);
  in.seekg(header.data_offset);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  const auto size = static_cast<std::size_t>(header.item_bytes);
  std::vector<Index> rows;
  for (std::size_t at = 0; at + size <= bytes.size(); at += size) {
    const auto item = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    if (std::all_of(item, item + static_cast<std::ptrdiff_t>(size),
                    [](char byte) { return byte == 0; })) {
      rows.push_back(static_cast<Index>(at / size));
    }
  }
  return rows;
}

/// The files of rows, hashed once; later only what the writer has changed since.
class CheckedRows {
 public:
  explicit CheckedRows(const ModelFolder& folder) : folder_(folder) {
    for (const auto& [file, hashes] : folder.files) {
      if (file.starts_with("rows/")) found_[file] = hash_file(folder.path / file);
    }
  }

  /// @throws DamagedError naming a file that is not as the view has it.
  void check(const VaultView& view, const std::vector<Index>& under_way) {
    for (auto& [file, found] : found_) {
      const FileHashes expected = expected_hashes(folder_, view, file);
      if (found.bytes != expected.bytes) other_bytes(folder_.path / file);
      const auto pending = view.pending.find(file);
      for (std::size_t at = 0; at < expected.chunks.size(); ++at) {
        const auto chunk = static_cast<std::int64_t>(at);
        if (pending != view.pending.end() && pending->second.contains(chunk)) continue;
        if (found.chunks[at] == expected.chunks[at]) continue;
        found.chunks[at] = hash_chunk(folder_.path / file, chunk, expected.bytes);
        if (found.chunks[at] != expected.chunks[at]) other_bytes(folder_.path / file);
      }
    }
    if (!view.pending.empty()) check_under_way(view, under_way);
  }

 private:
  /// Pieces whose rows are being zeroed hash, without these rows, to what they will.
  void check_under_way(const VaultView& view, const std::vector<Index>& rows) const {
    auto left = view.pending;
    for (const ChunkHash& will :
         RowEraser(folder_.path, folder_.row_files(), folder_.rows).hashes_after(rows)) {
      auto& chunks = left[will.file];
      const auto said = chunks.find(will.chunk);
      if (said == chunks.end() || said->second != will.hash) other_bytes(folder_.path / will.file);
      chunks.erase(said);
    }
    for (const auto& [file, chunks] : left) {
      if (!chunks.empty()) other_bytes(folder_.path / file);
    }
  }

  const ModelFolder& folder_;
  HashesByFile found_;
};

/// What is not as the ledger says is damage, whatever reading it calls it.
template <class Work>
auto or_damaged(Work work) {
  try {
    return work();
  } catch (const DataError& error) {
    throw DamagedError(error.message(), error.where());
  } catch (const NotFoundError& error) {
    throw DamagedError(error.message(), error.where());
  } catch (const UsageError& error) {
    throw DamagedError(error.message(), error.where().empty() ? "ledger" : error.where());
  }
}

/// None: the writer went on meanwhile.
std::optional<FittedModel> read_at(const VaultView& view, const ModelFolder& folder,
                                   CheckedRows& checked, std::optional<Dataset>& rows,
                                   const std::function<void()>& rows_were_read) {
  const std::vector<Index> under_way = rows_under_way(folder, view);
  checked.check(view, under_way);
  check_state(folder, view);
  if (!rows) {
    rows = read_rows(folder);
    if (rows_were_read) rows_were_read();
  }
  mark_erased(*rows, under_way);
  mark_erased(*rows, rows_without_id(folder));
  FittedModel fitted = read_model(folder, view, *std::move(rows));
  // The manifest may name them still.
  if (view.record) erase_names(fitted, view.record->emptied);
  // Whatever is gone by now is gone by this batch, or by one before.
  if (read_moment(folder).same_batch(view)) return fitted;
  rows = std::move(fitted.rows);
  return std::nullopt;
}

/// None: the folder is no longer what its manifest said.
std::optional<FittedModel> read_folder(const ModelFolder& folder,
                                       const std::function<void()>& rows_were_read) {
  const auto same_manifest = [&] {
    return read_model_folder(folder.path).manifest == folder.manifest;
  };
  if (folder.format_version == 1) {
    try {
      FittedModel fitted = read_fitted(folder, {});
      if (same_manifest()) return fitted;
    } catch (const DamagedError&) {
      if (same_manifest()) throw;
    }
    return std::nullopt;
  }
  CheckedRows checked(folder);
  std::optional<Dataset> rows;
  while (same_manifest()) {
    const VaultView view = read_view(folder);
    try {
      std::optional<FittedModel> fitted =
          or_damaged([&] { return read_at(view, folder, checked, rows, rows_were_read); });
      if (fitted) return fitted;
    } catch (const DamagedError&) {
      if (read_moment(folder).same_batch(view) && same_manifest()) throw;
    }
  }
  return std::nullopt;
}

}  // namespace

FittedModel read_beside_writer(const fs::path& path, const std::function<void()>& rows_were_read) {
  while (true) {
    const ModelFolder folder = read_model_folder(path);
    if (std::optional<FittedModel> fitted = read_folder(folder, rows_were_read)) {
      complete_gradient(*fitted);  // now that no batch can come between any more
      return *std::move(fitted);
    }
  }
}

void check_published_beside_writer(const ModelFolder& folder, const Ledger& ledger) {
  const VaultMoment moment = read_moment(ledger);
  try {
    check_published(folder, ledger, moment);
  } catch (const DamagedError&) {
    if (read_moment(ledger).same_moment(moment)) throw;
  }
}

}  // namespace recant
