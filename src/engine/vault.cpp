// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/vault.hpp"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "file_hash.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;
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

std::vector<std::string> write_rows_and_state(const fs::path& folder, const FittedModel& fitted) {
  fs::create_directory(folder / "rows");
  fs::create_directory(folder / "state");
  std::vector<std::string> files;
  const auto write = [&](const char* file, const NpyView& values) {
    write_staged_npy(folder / file, values);
    files.emplace_back(file);
  };
  const Dataset& rows = fitted.rows;
  write(kFeatures, rows.features.view());
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
  write("state/theta.npy", fitted.model.theta);
  write("state/gradient.npy", fitted.gradient);
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
  return {{"loss", name(fitted.model.loss.kind())},
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
}

/// Everything else decides the id, so that the same model has the same one, and a changed
/// manifest another.
std::string id_of(Json manifest) {
  manifest["model_id"] = "";
  return text_hash(manifest.dump()).substr(0, 32);
}

std::string read_text(const fs::path& path) {
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

void check_hashes(const fs::path& folder, const Json& files) {
  for (const char* file : {kFeatures, "rows/targets.npy", "rows/weights.npy", "rows/ids.npy",
                           "state/theta.npy", "state/gradient.npy"}) {
    require(files.contains(file), "has no hash in the manifest", folder / file);
  }
  for (const auto& [file, hash] : files.items()) {
    require(file_hash(folder / file) == hash.get<std::string>(),
            "does not have the bytes that were written", folder / file);
  }
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

Dataset read_rows(const fs::path& folder, const Json& model) {
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

FittedModel read_model(const fs::path& folder, const Json& manifest) {
  const Json& model = manifest.at("model");
  FittedModel fitted;
  fitted.rows = read_rows(folder, model);
  const Loss loss(loss_kind(model.at("loss").get<std::string>()),
                  std::max<Index>(2, static_cast<Index>(fitted.rows.class_names.size())));
  fitted.model = {loss, model.at("intercept"), model.at("features"),
                  read_npy_vector(folder / "state/theta.npy")};
  fitted.gradient = read_npy_vector(folder / "state/gradient.npy");
  const Index parameters = fitted.model.width() * loss.outputs();
  require(fitted.model.theta.size() == parameters && fitted.gradient.size() == parameters,
          "does not have the model's shape", folder / "state");
  if (!manifest.at("encoder").is_null()) {
    fitted.encoder =
        Encoder::from_json(manifest.at("encoder").dump(), (folder / "manifest.json").string());
  }
  fitted.l2 = model.at("l2");
  fitted.tolerance = model.at("tolerance");
  fitted.optimal = model.at("optimal");
  fitted.settings.positive_class = model.at("positive_class");
  require(fitted.settings.positive_class >= 0 &&
              fitted.settings.positive_class < std::max<Index>(2, loss.outputs()),
          "names a class that the model does not have", folder / "manifest.json");
  fitted.settings.threshold = model.at("threshold");
  for (const Json& group : model.at("privileged")) {
    fitted.settings.privileged.push_back(group.is_null() ? std::nullopt
                                                         : std::optional(group.get<std::string>()));
  }
  return fitted;
}

}  // namespace

void Vault::check_replaceable(const fs::path& path) {
  if (fs::exists(path) && !fs::exists(path / "manifest.json")) {
    throw UsageError("exists and is not a model, so it is not replaced", path.string(),
                     "choose another name");
  }
}

void Vault::create(const fs::path& path, const FittedModel& fitted, bool replace) {
  if (replace) check_replaceable(path);
  StagedFolder folder(path, replace);
  Json hashes = Json::object();
  for (const std::string& file : write_rows_and_state(folder.path(), fitted)) {
    hashes[file] = file_hash(folder.path() / file);
  }
  Json manifest = {
      {"format", kFormat},
      {"format_version", kFormatVersion},
      {"model_id", ""},
      {"model", describe_model(fitted)},
      {"encoder", fitted.encoder ? Json::parse(fitted.encoder->to_json()) : Json(nullptr)},
      {"files", hashes}};
  manifest["model_id"] = id_of(manifest);
  write_file(folder.path() / "manifest.json", manifest.dump(1) + "\n");
  folder.commit();
}

FittedModel Vault::open(const fs::path& path) {
  if (!fs::exists(path)) throw NotFoundError("does not exist", path.string());
  const fs::path file = path / "manifest.json";
  const std::string text = read_text(file);
  try {
    const Json manifest = Json::parse(text);
    require(manifest.at("format") == kFormat, "is not the manifest of a recant model", file);
    const int version = manifest.at("format_version");
    if (version > kFormatVersion) {
      throw DamagedError(fmt::format("has format version {}, but this recant reads up to {}",
                                     version, kFormatVersion),
                         file.string(), "use a newer recant");
    }
    require(manifest.at("model_id") == id_of(manifest), "does not have the bytes that were written",
            file);
    check_hashes(path, manifest.at("files"));
    return read_model(path, manifest);
  } catch (const nlohmann::json::exception&) {
    throw DamagedError("is not the manifest of a recant model", file.string());
  } catch (const UsageError& error) {
    throw DamagedError(error.message(), file.string());
  } catch (const DataError& error) {
    throw DamagedError(error.message(), error.where());
  } catch (const NotFoundError& error) {
    throw DamagedError(error.message(), error.where());
  }
}

}  // namespace recant
