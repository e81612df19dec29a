// SPDX-License-Identifier: Apache-2.0
// Any text as the manifest of a folder whose other files are sound: it is a manifest, which says
// the same when it is written and read again, or a DamagedError; and so is the model that it
// describes. Once as it is, and once with the hashes and the id that it should have, without which
// none would be read far.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "file_hash.hpp"
#include "model_folder.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/vault.hpp"
#include "scratch_folder.hpp"

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// A model of six rows with groups and a class, as recant fit leaves it.
fs::path sound_folder(const fs::path& scratch) {
  recant::Dataset rows;
  recant::RowMatrix features(6, 2);
  features << 1, 0, 0, 1, 2, 1, 1, 2, 0, 0, 3, 1;
  rows.features = recant::FeatureMatrix(std::move(features));
  rows.columns = {"a", "b"};
  rows.targets = recant::Vector(6);
  rows.targets << 0, 1, 0, 1, 1, 0;
  rows.class_names = {"no", "yes"};
  rows.weights = recant::Vector::Ones(6);
  rows.sensitive = {{"sex", {"f", "m"}, {0, 1, 0, 1, 1, 0}}};
  rows.ids.numbers = {1, 2, 3, 4, 5, 6};
  const fs::path path = scratch / "model.rct";
  recant::Vault::create(path, recant::fit_rows(std::move(rows), {}).first, false);
  return path;
}

void read(const fs::path& path, const std::string& text) {
  try {
    const recant::ModelFolder folder = recant::parse_manifest(path, text);
    const recant::ModelFolder again = recant::parse_manifest(path, folder.manifest);
    if (again.manifest != folder.manifest || again.model_id != folder.model_id) std::abort();
    static_cast<void>(recant::read_fitted(folder, {}));
  } catch (const recant::DamagedError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const recant::fuzz::ScratchFolder scratch;
  static const fs::path path = sound_folder(scratch.path());
  static const Json files = Json::parse(recant::read_model_folder(path).manifest).at("files");
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  read(path, text);
  Json manifest = Json::parse(text, nullptr, false);
  if (!manifest.is_object()) return 0;
  try {
    manifest["files"] = files;
    manifest["model_id"] = "";
    manifest["model_id"] = recant::text_hash(manifest.dump()).substr(0, 32);
  } catch (const Json::exception&) {  // not UTF-8
    return 0;
  }
  read(path, manifest.dump());
  return 0;
}
