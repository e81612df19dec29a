// SPDX-License-Identifier: Apache-2.0
#include "generation.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/core/regular_file.hpp"
#include "recant/data/npy.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSealedRows = "rows.sealed";

std::string domain_of(std::int64_t generation) {
  return fmt::format("rows of generation {}", generation);
}

/// Overwrites all files of a folder, or a file, and removes it.
void destroy(const fs::path& path) {
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) overwrite_file(entry.path());
    }
  } else {
    overwrite_file(path);
  }
  fs::remove_all(path);
}

bool is_partial(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with('.') && name.find(".partial") != std::string::npos;
}

}  // namespace

void sync_folder(const fs::path& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int code = folder < 0 || ::fsync(folder) != 0 ? errno : 0;
  if (folder >= 0) ::close(folder);
  if (code != 0) {
    throw DataError(fmt::format("cannot be written to disk: {}", std::strerror(code)),
                    path.string());
  }
}

HashesByFile write_generation(const fs::path& vault, std::int64_t generation, ConstVectorRef theta,
                              std::span<const Index> rows, const VaultKey& key,
                              const std::optional<Vector>& trained_weights) {
  const std::string name = fmt::format("state/{}", generation);
  StagedFolder folder(vault / name, true);
  const Vector values = theta;
  write_staged_npy(folder.path() / "theta.npy", values);
  const std::string_view positions(reinterpret_cast<const char*>(rows.data()), rows.size_bytes());
  folder.write(kSealedRows, key.seal(domain_of(generation), positions), FileReaders::kOwner);
  HashesByFile hashes;
  hashes[name + "/theta.npy"] = hash_file(folder.path() / "theta.npy");
  if (trained_weights) {
    write_staged_npy(folder.path() / "trained_weights.npy", *trained_weights);
    hashes[name + "/trained_weights.npy"] = hash_file(folder.path() / "trained_weights.npy");
  }
  folder.commit();
  return hashes;
}

std::vector<Index> rows_to_erase(const fs::path& vault, std::int64_t generation,
                                 const VaultKey& key) {
  const fs::path file = vault / "state" / std::to_string(generation) / kSealedRows;
  require_regular_file(file);
  std::ifstream in(file, std::ios::binary);
  const std::string sealed(std::istreambuf_iterator<char>(in), {});
  const std::string bytes = key.unseal(domain_of(generation), sealed, file.string());
  std::vector<Index> rows(bytes.size() / sizeof(Index));
  std::memcpy(rows.data(), bytes.data(), rows.size() * sizeof(Index));
  return rows;
}

void destroy_other_generations(const fs::path& vault, std::int64_t kept) {
  const fs::path state = vault / "state";
  bool changed = false;
  std::vector<fs::path> others;
  for (const auto& entry : fs::directory_iterator(state)) {
    if (entry.path().filename() != std::to_string(kept)) others.push_back(entry.path());
  }
  for (const fs::path& path : others) destroy(path);
  changed = !others.empty();
  const fs::path folder = state / std::to_string(kept);
  if (fs::exists(folder / kSealedRows)) {
    destroy(folder / kSealedRows);
    sync_folder(folder);
  }
  if (changed) sync_folder(state);
}

void remove_partial_files(const fs::path& vault) {
  std::vector<fs::path> partial;
  for (auto entry = fs::recursive_directory_iterator(vault);
       entry != fs::recursive_directory_iterator(); ++entry) {
    if (!is_partial(entry->path())) continue;
    partial.push_back(entry->path());
    entry.disable_recursion_pending();
  }
  for (const fs::path& path : partial) destroy(path);
}

}  // namespace recant
