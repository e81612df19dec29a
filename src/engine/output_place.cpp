// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/output_place.hpp"

#include <string>
#include <system_error>

#include "recant/core/error.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// Without links and .., as far as it exists.
fs::path resolved(const fs::path& path) {
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed);
  fs::path found = fs::weakly_canonical(whole, failed);
  return failed ? whole.lexically_normal() : found;
}

/// Also one that lost a part: what is left of it may be all that is left.
bool is_model(const fs::path& folder) {
  const auto has = [&](const char* name) {
    std::error_code ignored;
    return fs::exists(folder / name, ignored);
  };
  return (has("manifest.json") && has("rows")) || (has("state") && has("rows/features.npy")) ||
         has("secret/vault.key");
}

void check_folders_of(const fs::path& path, const fs::path& given) {
  for (fs::path folder = path.parent_path();; folder = folder.parent_path()) {
    if (is_model(folder)) {
      throw UsageError("lies in the model folder " + folder.string() + ", which is kept as it is",
                       given.string(), "choose a place outside");
    }
    if (folder == folder.parent_path()) return;
  }
}

}  // namespace

void check_outside_models(const fs::path& given) {
  const fs::path path = given.has_filename() ? given : given.parent_path();
  // The name that is written, and what it is a link to.
  check_folders_of(resolved(path.parent_path()) / path.filename(), given);
  check_folders_of(resolved(path), given);
}

}  // namespace recant
