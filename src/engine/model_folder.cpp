// SPDX-License-Identifier: Apache-2.0
#include "model_folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "file_hash.hpp"
#include "generation.hpp"
#include "hashes_json.hpp"
#include "recant/certify/signing_key.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/core/regular_file.hpp"
#include "recant/data/npy.hpp"
#include "strict_json.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using Json = StrictJson;

constexpr const char* kFormat = "recant.model";
constexpr const char* kFeatures = "rows/features.npy";

/// Group codes of all sensitive columns, n x columns.
using CodeMatrix = Eigen::Matrix<std::int32_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
CodeMatrix group_codes(const Dataset& rows) {
  CodeMatrix codes(rows.rows(), static_cast<Index>(rows.sensitive.size()));
  for (Index c = 0; c < codes.cols(); ++c) {
    const auto& column = rows.sensitive[static_cast<std::size_t>(c)].codes;
    for (Index i = 0; i < codes.rows(); ++i) codes(i, c) = column[static_cast<std::size_t>(i)];
  }
  return codes;
}

/// Rows are people's, and the state is the model without noise: nobody else enters these folders.
void keep_to_owner(const fs::path& folder) {
  for (const char* name : {"rows", "state"}) fs::permissions(folder / name, fs::perms::owner_all);
}

std::vector<std::string> write_rows_and_state(const fs::path& folder, const FittedModel& fitted) {
  // One by one: parents that an interrupt has taken away (abandon_unfinished) must not come back.
  for (const char* name : {"rows", "state", "state/0"}) fs::create_directory(folder / name);
  keep_to_owner(folder);
  std::vector<std::string> files;
  const auto write = [&](const char* file, const NpyView& values) {
    write_staged_npy(folder / file, values);
    files.emplace_back(file);
  };
  const Dataset& rows = fitted.rows;
  write(kFeatures, rows.features);
  write("rows/targets.npy", rows.targets);
  write("rows/weights.npy", rows.weights);
  if (rows.ids.texts.empty()) {
    write("rows/ids.npy", std::span<const std::int64_t>(rows.ids.numbers));
  } else {
    write("rows/ids.npy", std::span<const std::string>(rows.ids.texts));
  }
  if (!rows.sensitive.empty()) {
    const CodeMatrix codes = group_codes(rows);
    write("rows/groups.npy", NpyView::IntegerRows(codes.data(), codes.rows(), codes.cols()));
  }
  write("state/0/theta.npy", fitted.model.theta);
  write("state/0/gradient.npy", fitted.gradient);
  if (fitted.trained_weights) write("state/0/trained_weights.npy", *fitted.trained_weights);
  return files;
}

Json privileged_json(const MetricSettings& settings) {
  Json list = Json::array();
  for (const auto& group : settings.privileged)
    list.push_back(group ? Json(*group) : Json(nullptr));
  return list;
}

Json describe_model(const FittedModel& fitted) {
  Json sensitive = Json::array();
  for (const SensitiveColumn& column : fitted.rows.sensitive) {
    sensitive.push_back({{"name", column.name}, {"groups", column.groups}});
  }
  Json model = {{"loss", name(fitted.model.loss.kind())},
                {"classes", fitted.rows.class_names},
                {"intercept", fitted.model.intercept},
                {"features", fitted.model.features},
                {"columns", fitted.rows.columns},
                {"rows", fitted.rows.rows()},
                {"l2", fitted.l2},
                {"tolerance", fitted.tolerance},
                {"optimal", fitted.optimal},
                {"sensitive", sensitive},
                {"positive_class", fitted.settings.positive_class},
                {"privileged", privileged_json(fitted.settings)},
                {"threshold", fitted.settings.threshold},
                {"row_ids", fitted.rows.ids.texts.empty() ? "numbers" : "texts"}};
  if (!fitted.label_type.empty()) model["label_type"] = fitted.label_type;
  return model;
}

/// Everything else decides the id, so that the same model has the same one, and a changed
/// manifest another.
std::string id_of(Json manifest) {
  manifest["model_id"] = "";
  return text_hash(manifest.dump()).substr(0, 32);
}

std::string text_of_manifest(const Json& manifest) {
  return manifest.dump(1) + "\n";
}

/// Its text, with its own id in it.
std::string with_id(Json manifest) {
  manifest["model_id"] = id_of(manifest);
  return text_of_manifest(manifest);
}

/// Which file has this name now.
std::pair<dev_t, ino_t> file_at(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

std::string read_text(const fs::path& path) {
  require_regular_file(path);
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw NotFoundError("is not a model folder (it has no manifest.json)",
                        path.parent_path().string());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void require(bool good, std::string_view what, const fs::path& where) {
  if (!good) throw DamagedError(std::string(what), where.string());
}

void read_sensitive(const fs::path& folder, const Json& model, Dataset& rows) {
  if (model.at("sensitive").empty()) return;
  const fs::path file = folder / "rows/groups.npy";
  const IntegerTable codes = read_npy_integer_table(file);
  require(codes.columns == static_cast<Index>(model.at("sensitive").size()) &&
              codes.rows == rows.rows(),
          "does not have the model's shape", file);
  for (const Json& column : model.at("sensitive")) {
    SensitiveColumn sensitive{column.at("name"), column.at("groups"), {}};
    const auto c = static_cast<Index>(rows.sensitive.size());
    for (Index i = 0; i < codes.rows; ++i) {
      const std::int64_t code = codes.values[static_cast<std::size_t>(i * codes.columns + c)];
      require(code >= 0 && code < static_cast<std::int64_t>(sensitive.groups.size()),
              "holds an unknown group", file);
      sensitive.codes.push_back(static_cast<std::int32_t>(code));
    }
    rows.sensitive.push_back(std::move(sensitive));
  }
}

Dataset rows_of(const fs::path& folder, const Json& model) {
  Dataset rows;
  rows.features = read_npy_matrix(folder / kFeatures);
  const auto n = model.at("rows").get<Index>();
  require(rows.features.rows() == n && rows.features.columns() == model.at("features").get<Index>(),
          "does not have the model's shape", folder / kFeatures);
  rows.targets = read_npy_vector(folder / "rows/targets.npy");
  rows.weights = read_npy_vector(folder / "rows/weights.npy");
  if (model.at("row_ids") == "texts") {
    rows.ids.texts = read_npy_texts(folder / "rows/ids.npy");
  } else {
    rows.ids.numbers = read_npy_integers(folder / "rows/ids.npy");
  }
  require(rows.targets.size() == n && rows.weights.size() == n && rows.ids.size() == n,
          "hold different numbers of rows", folder / "rows");
  rows.columns = model.at("columns").get<std::vector<std::string>>();
  rows.class_names = model.at("classes").get<std::vector<std::string>>();
  read_sensitive(folder, model, rows);
  return rows;
}

Json parse_description(const ModelFolder& folder) {
  return Json::parse(folder.description);
}

fs::path state_folder(const ModelFolder& folder, std::int64_t generation) {
  return folder.format_version == 1 ? folder.path / "state" : folder.generation(generation);
}

FittedModel model_of(const ModelFolder& folder, const VaultView& view, Dataset&& rows) {
  const Json description = parse_description(folder);
  const Json& model = description.at("model");
  const fs::path state = state_folder(folder, view.generation);
  FittedModel fitted;
  const Loss loss(loss_kind(model.at("loss").get<std::string>()),
                  std::max<Index>(2, static_cast<Index>(rows.class_names.size())));
  fitted.model = {loss, model.at("intercept"), model.at("features"),
                  read_npy_vector(state / "theta.npy")};
  const Index parameters = fitted.model.width() * loss.outputs();
  require(fitted.model.theta.size() == parameters, "does not have the model's shape", state);
  const std::string trained = fmt::format("state/{}/trained_weights.npy", view.generation);
  if ((view.record ? view.record->files : folder.files).contains(trained)) {
    fitted.trained_weights = read_npy_vector(folder.path / trained);
    require(fitted.trained_weights->size() == rows.rows(), "does not have the model's shape",
            state);
  }
  const fs::path manifest = folder.path / "manifest.json";
  if (!description.at("encoder").is_null()) {
    fitted.encoder = Encoder::from_json(description.at("encoder").dump(), manifest.string());
  }
  fitted.label_type = model.value("label_type", "");
  fitted.l2 = model.at("l2");
  fitted.tolerance = model.at("tolerance");
  fitted.optimal = view.record ? view.record->optimal : model.at("optimal").get<bool>();
  fitted.settings.positive_class = model.at("positive_class");
  require(fitted.settings.positive_class >= 0 &&
              fitted.settings.positive_class < std::max<Index>(2, loss.outputs()),
          "names a class that the model does not have", manifest);
  fitted.settings.threshold = model.at("threshold");
  for (const Json& group : model.at("privileged")) {
    fitted.settings.privileged.push_back(group.is_null() ? std::nullopt
                                                         : std::optional(group.get<std::string>()));
  }
  if (view.generation == 0) {
    fitted.gradient = read_npy_vector(state / "gradient.npy");
    require(fitted.gradient.size() == parameters, "does not have the model's shape", state);
  }
  fitted.rows = std::move(rows);
  return fitted;
}

/// Runs read() with every error that the files can cause as a DamagedError.
template <class Read>
auto reading(const fs::path& manifest, Read read) {
  try {
    return read();
  } catch (const nlohmann::json::exception&) {
    throw DamagedError("is not the manifest of a recant model", manifest.string());
  } catch (const UsageError& error) {
    throw DamagedError(error.message(), manifest.string());
  } catch (const DataError& error) {
    throw DamagedError(error.message(), error.where());
  } catch (const NotFoundError& error) {
    throw DamagedError(error.message(), error.where());
  }
}

/// A manifest of version 1 has the hash of each file, of version 2 those of its pieces.
void read_file_hashes(const Json& files, ModelFolder& folder) {
  const fs::path manifest = folder.path / "manifest.json";
  if (folder.format_version == 1) {
    folder.whole_hashes = files.get<std::map<std::string, std::string>>();
  } else {
    folder.files = read_hashes(files, manifest.string());
  }
  const auto inside = [&](const std::string& name) {
    require((name.starts_with("rows/") || name.starts_with("state/")) &&
                name.find("..") == std::string::npos,
            "names a file that is not of the model", manifest);
  };
  for (const auto& [file, hashes] : folder.files) inside(file);
  for (const auto& [file, hash] : folder.whole_hashes) inside(file);
  const std::string state = folder.format_version == 1 ? "state/" : "state/0/";
  for (const std::string& file :
       {std::string(kFeatures), std::string("rows/targets.npy"), std::string("rows/weights.npy"),
        std::string("rows/ids.npy"), state + "theta.npy", state + "gradient.npy"}) {
    require(folder.files.contains(file) || folder.whole_hashes.contains(file),
            "has no hash in the manifest", folder.path / file);
  }
}

}  // namespace

std::string ModelFolder::ledger_location() const {
  return ledger.value_or((path / kLedgerFile).string());
}

bool ModelFolder::has_ledger() const {
  return enrolled || ledger || fs::exists(path / kLedgerFile);
}

std::vector<std::string> ModelFolder::row_files() const {
  std::vector<std::string> names = {kFeatures, "rows/targets.npy", "rows/weights.npy"};
  if (files.contains("rows/groups.npy")) names.emplace_back("rows/groups.npy");
  names.emplace_back("rows/ids.npy");
  return names;
}

fs::path ModelFolder::generation(std::int64_t number) const {
  return path / "state" / std::to_string(number);
}

ModelFolder read_model_folder(const fs::path& path) {
  if (!fs::exists(path)) throw NotFoundError("does not exist", path.string());
  const fs::path manifest = path / "manifest.json";
  while (true) {
    const auto before = file_at(manifest);
    const std::string text = read_text(manifest);
    // One that was replaced while it was read has been overwritten, perhaps under our eyes.
    if (file_at(manifest) == before) return parse_manifest(path, text);
  }
}

ModelFolder parse_manifest(const fs::path& path, const std::string& text) {
  const fs::path file = path / "manifest.json";
  return reading(file, [&] {
    const Json manifest = Json::parse(text);
    require(manifest.at("format") == kFormat, "is not the manifest of a recant model", file);
    ModelFolder folder;
    folder.path = path;
    folder.manifest = text_of_manifest(manifest);
    folder.as_written = text == folder.manifest;
    folder.format_version = manifest.at("format_version");
    if (folder.format_version > kFormatVersion) {
      throw DamagedError(fmt::format("has format version {}, but this recant reads up to {}",
                                     folder.format_version, kFormatVersion),
                         file.string(), "use a newer recant");
    }
    require(folder.format_version >= 1, "is of no format version that there is", file);
    folder.model_id = manifest.at("model_id");
    require(folder.model_id == id_of(manifest), "does not have the bytes that were written", file);
    const Json description = {{"model", manifest.at("model")}, {"encoder", manifest.at("encoder")}};
    folder.description = description.dump();
    folder.rows = manifest.at("model").at("rows");
    if (folder.format_version > 1) {
      folder.enrolled = !manifest.at("enrolment").is_null();
      if (!manifest.at("ledger").is_null()) folder.ledger = manifest.at("ledger");
    }
    read_file_hashes(manifest.at("files"), folder);
    return folder;
  });
}

ModelFolder with_ledger_at(const ModelFolder& folder, const std::optional<std::string>& ledger) {
  Json manifest = Json::parse(folder.manifest);
  manifest["ledger"] = ledger ? Json(*ledger) : Json(nullptr);
  return parse_manifest(folder.path, with_id(manifest));
}

ModelFolder without_names(const ModelFolder& folder, std::span<const CategoryPlace> places,
                          const std::function<std::string(const std::string&)>& renew) {
  const fs::path file = folder.path / "manifest.json";
  return reading(file, [&] {
    Json manifest = Json::parse(folder.manifest);
    Encoder encoder = Encoder::from_json(manifest.at("encoder").dump(), file.string());
    const std::string before = encoder.to_json();
    encoder.erase_names(places);
    if (encoder.to_json() == before) return folder;
    manifest["encoder"] = Json::parse(encoder.to_json());
    manifest["model"]["columns"] = encoder.column_names();
    if (folder.enrolled) manifest["enrolment"] = renew(manifest.at("enrolment"));
    return parse_manifest(folder.path, with_id(manifest));
  });
}

void write_manifest(const ModelFolder& folder) {
  replace_file(folder.path / "manifest.json", folder.manifest);
}

namespace {

/// From format 2: a name of a category may be null from now on.
ModelFolder migrate_from_two(const ModelFolder& folder) {
  Json manifest = Json::parse(folder.manifest);
  manifest["format_version"] = kFormatVersion;
  const ModelFolder migrated = parse_manifest(folder.path, with_id(manifest));
  write_manifest(migrated);
  return migrated;
}

}  // namespace

ModelFolder migrate(const ModelFolder& folder) {
  if (folder.format_version == 2) return migrate_from_two(folder);
  check_files(folder, {});  // what is damaged must not get a hash that fits it
  fs::create_directory(folder.path / "state/0");
  keep_to_owner(folder.path);
  sync_folder(folder.path / "state");
  HashesByFile hashes;
  for (const auto& [file, hash] : folder.whole_hashes) {
    std::string name = file;
    if (file.starts_with("state/")) {
      name = "state/0/" + file.substr(std::string_view("state/").size());
      write_file(folder.path / name, read_text(folder.path / file));
      require(file_hash(folder.path / name) == hash, "does not have the bytes that were written",
              folder.path / name);
    }
    hashes[name] = hash_file(folder.path / name);
  }
  const Json old = Json::parse(folder.manifest);
  const Json manifest = {
      {"format", kFormat},        {"format_version", kFormatVersion}, {"model_id", ""},
      {"model", old.at("model")}, {"encoder", old.at("encoder")},     {"enrolment", nullptr},
      {"ledger", nullptr},        {"files", json_of_hashes(hashes)}};
  const ModelFolder migrated = parse_manifest(folder.path, with_id(manifest));
  write_manifest(migrated);
  return migrated;
}

namespace {

VaultMoment moment_of(const std::optional<Batch>& last) {
  if (!last) return {};
  return {.generation = last->number, .last_batch = last->number, .stage = last->stage};
}

Ledger open_to_read(const ModelFolder& folder) {
  try {
    return Ledger::open(folder.ledger_location(), LedgerAccess::kRead);
  } catch (const NotFoundError& error) {
    throw DamagedError("the ledger of this model is missing", error.where(),
                       "restore it from a backup");
  }
}

}  // namespace

VaultMoment read_moment(const Ledger& ledger) {
  return moment_of(ledger.last_batch());
}

VaultMoment read_moment(const ModelFolder& folder) {
  return folder.has_ledger() ? read_moment(open_to_read(folder)) : VaultMoment();
}

VaultView read_view(const Ledger& ledger) {
  VaultView view;
  ledger.read_together([&] {
    for (const ChunkHash& chunk : ledger.chunks())
      view.current[chunk.file][chunk.chunk] = chunk.hash;
    const std::optional<Batch> last = ledger.last_batch();
    static_cast<VaultMoment&>(view) = moment_of(last);
    if (!last) return;
    if (last->stage == BatchStage::kPrepared && last->number > 0) {
      for (const ChunkHash& chunk : ledger.chunks_of_batch(last->number)) {
        view.pending[chunk.file][chunk.chunk] = chunk.hash;
      }
    }
    if (view.generation > 0) view.record = read_batch_record(last->plan, "ledger");
  });
  return view;
}

VaultView read_view(const ModelFolder& folder) {
  return folder.has_ledger() ? read_view(open_to_read(folder)) : VaultView();
}

FileHashes expected_hashes(const ModelFolder& folder, const VaultView& view,
                           const std::string& file) {
  FileHashes expected = folder.files.at(file);
  if (const auto changed = view.current.find(file); changed != view.current.end()) {
    for (const auto& [chunk, hash] : changed->second) {
      require(chunk >= 0 && chunk < static_cast<std::int64_t>(expected.chunks.size()),
              "is shorter than the ledger says", folder.path / file);
      expected.chunks[static_cast<std::size_t>(chunk)] = hash;
    }
  }
  return expected;
}

void check_state(const ModelFolder& folder, const VaultView& view) {
  if (!view.record) {
    for (const auto& [file, hashes] : folder.files) {
      if (file.starts_with("state/")) check_file(folder.path / file, hashes);
    }
    return;
  }
  require(!view.record->files.empty(), "has no state", folder.path);
  for (const auto& [file, hashes] : view.record->files) check_file(folder.path / file, hashes);
}

void check_files(const ModelFolder& folder, const VaultView& view) {
  for (const auto& [file, hash] : folder.whole_hashes) {
    require(file_hash(folder.path / file) == hash, "does not have the bytes that were written",
            folder.path / file);
  }
  for (const auto& [file, hashes] : folder.files) {
    if (file.starts_with("state/")) continue;
    check_file(folder.path / file, expected_hashes(folder, view, file));
  }
  check_state(folder, view);
}

Dataset read_rows(const ModelFolder& folder) {
  return reading(folder.path / "manifest.json",
                 [&] { return rows_of(folder.path, parse_description(folder).at("model")); });
}

FittedModel read_model(const ModelFolder& folder, const VaultView& view, Dataset&& rows) {
  return reading(folder.path / "manifest.json",
                 [&] { return model_of(folder, view, std::move(rows)); });
}

FittedModel read_fitted(const ModelFolder& folder, const VaultView& view) {
  check_files(folder, view);
  FittedModel fitted = read_model(folder, view, read_rows(folder));
  complete_gradient(fitted);
  return fitted;
}

void complete_gradient(FittedModel& fitted) {
  if (fitted.gradient.size() > 0) return;
  fitted.gradient = fitted.objective().evaluate(fitted.model.theta, fitted.rows.weights).gradient;
}

std::string write_model(const fs::path& folder, const FittedModel& fitted, bool enrolled,
                        const std::optional<std::string>& ledger) {
  HashesByFile hashes;
  for (const std::string& file : write_rows_and_state(folder, fitted)) {
    hashes[file] = hash_file(folder / file);
  }
  Json manifest = {
      {"format", kFormat},
      {"format_version", kFormatVersion},
      {"model_id", ""},
      {"model", describe_model(fitted)},
      {"encoder", fitted.encoder ? Json::parse(fitted.encoder->to_json()) : Json(nullptr)},
      // Two enrolments of one model are two: each draws its own.
      {"enrolment", enrolled ? Json(hexadecimal_of(draw_salt())) : Json(nullptr)},
      {"ledger", ledger ? Json(*ledger) : Json(nullptr)},
      {"files", json_of_hashes(hashes)}};
  manifest["model_id"] = id_of(manifest);
  write_file(folder / "manifest.json", text_of_manifest(manifest));
  return manifest["model_id"];
}

}  // namespace recant
