// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/vault.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "compare.hpp"
#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/fit.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
void write(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

/// The bytes of every file below a folder, by relative path.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      all[fs::relative(entry.path(), folder).string()] = read(entry.path());
  }
  return all;
}

Index entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

FittedModel csv_model(const test::TemporaryFolder& folder, bool two_columns = false,
                      bool ids = true) {
  FitRequest request;
  request.rows.csv = folder.write("train.csv", test::small_csv(1, 80));
  request.table.target = "hired";
  request.table.positive = "yes";
  request.table.sensitive = {"sex"};
  if (two_columns) request.table.sensitive.emplace_back("region");
  if (ids)
    request.table.id = "id";
  else
    request.table.drop = {"id"};
  FittedModel fitted = fit(request).first;
  fs::remove(folder / "train.csv");
  return fitted;
}

FittedModel array_model(const test::TemporaryFolder& folder, LossKind kind) {
  test::Random random(2);
  FittedModel fitted;
  {
    const Dataset data = test::made_up_rows(random, 70, 3, Loss(kind, 3));
    test::write_arrays(folder, "a", data);
    FitRequest request;
    request.loss = kind;
    request.l2 = 0.1;
    request.rows.arrays = ArrayFiles{folder / "a_x.npy", folder / "a_y.npy", {}, {}};
    fitted = fit(request).first;
    fitted.rows.features = FeatureMatrix(RowMatrix(fitted.rows.features.view()));
  }
  fs::remove(folder / "a_x.npy");
  fs::remove(folder / "a_y.npy");
  return fitted;
}

void expect_same(const FittedModel& a, const FittedModel& b) {
  EXPECT_TRUE(test::same_bytes(a.model.theta, b.model.theta));
  EXPECT_TRUE(test::same_bytes(a.gradient, b.gradient));
  EXPECT_TRUE(
      test::same_bytes(RowMatrix(a.rows.features.view()), RowMatrix(b.rows.features.view())));
  EXPECT_TRUE(test::same_bytes(a.rows.targets, b.rows.targets));
  EXPECT_TRUE(test::same_bytes(a.rows.weights, b.rows.weights));
  EXPECT_EQ(a.model.loss.kind(), b.model.loss.kind());
  EXPECT_EQ(a.model.loss.outputs(), b.model.loss.outputs());
  EXPECT_EQ(a.model.intercept, b.model.intercept);
  EXPECT_EQ(a.model.features, b.model.features);
  EXPECT_EQ(a.l2, b.l2);
  EXPECT_EQ(a.tolerance, b.tolerance);
  EXPECT_EQ(a.label_type, b.label_type);
  EXPECT_EQ(a.optimal, b.optimal);
  EXPECT_EQ(a.rows.columns, b.rows.columns);
  EXPECT_EQ(a.rows.class_names, b.rows.class_names);
  EXPECT_EQ(a.rows.ids.texts, b.rows.ids.texts);
  EXPECT_EQ(a.rows.ids.numbers, b.rows.ids.numbers);
  ASSERT_EQ(a.rows.sensitive.size(), b.rows.sensitive.size());
  for (std::size_t c = 0; c < a.rows.sensitive.size(); ++c) {
    EXPECT_EQ(a.rows.sensitive[c].name, b.rows.sensitive[c].name);
    EXPECT_EQ(a.rows.sensitive[c].groups, b.rows.sensitive[c].groups);
    EXPECT_EQ(a.rows.sensitive[c].codes, b.rows.sensitive[c].codes);
  }
  EXPECT_EQ(a.settings.privileged, b.settings.privileged);
  EXPECT_EQ(a.settings.positive_class, b.settings.positive_class);
  EXPECT_EQ(a.settings.threshold, b.settings.threshold);
  ASSERT_EQ(a.encoder.has_value(), b.encoder.has_value());
  if (a.encoder) {
    EXPECT_EQ(a.encoder->to_json(), b.encoder->to_json());
  }
}

class VaultTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.rct";
};

TEST_F(VaultTest, WhatIsOpenedIsWhatWasCreated) {
  std::vector<FittedModel> models;
  models.push_back(csv_model(folder_));
  models.push_back(csv_model(folder_, true, false));
  models.push_back(array_model(folder_, LossKind::kSoftmax));
  models.push_back(array_model(folder_, LossKind::kSquared));
  models.push_back(models.front());
  models.back().optimal = false;
  models.back().l2 = 0.1 + 0.2;
  models.back().rows.weights(3) = 0;
  models.back().settings.threshold = 1.0 / 3;
  for (std::size_t m = 0; m < models.size(); ++m) {
    SCOPED_TRACE(m);
    Vault::create(path_, models[m], m > 0);
    const FittedModel opened = Vault::open(path_);
    expect_same(opened, models[m]);
    Vault::create(folder_ / "again.rct", opened, m > 0);
    EXPECT_EQ(contents(folder_ / "again.rct"), contents(path_)) << "the same bytes";
  }
  EXPECT_EQ(entries(folder_.path()), 2) << "nothing is left beside";
}

TEST_F(VaultTest, NobodyElseEntersRowsAndStateOfAModelOrOfItsBackup) {
  Vault::create(path_, csv_model(folder_), false);
  Vault::backup(path_, folder_ / "backup.rct");
  for (const char* model : {"model.rct", "backup.rct"}) {
    for (const char* part : {"rows", "state"}) {
      EXPECT_EQ(fs::status(folder_ / model / part).permissions(), fs::perms::owner_all)
          << model << "/" << part;
    }
  }
}

TEST_F(VaultTest, ReplacesOnlyModelsAndOnlyWhenAsked) {
  const FittedModel model = csv_model(folder_);
  FittedModel other = model;
  other.l2 = 7;
  Vault::create(path_, model, false);
  const auto before = contents(path_);
  test::expect_error<UsageError>(
      [&] {
        Vault::create(path_, other, false);
        return 0;
      },
      {"exists", "--force"});
  EXPECT_EQ(contents(path_), before);
  Vault::create(fs::path(path_.string() + "/"), other, true);
  EXPECT_EQ(Vault::open(path_).l2, 7);

  const fs::path photos = folder_ / "photos";
  fs::create_directory(photos);
  write(photos / "cat.jpg", "meow");
  test::expect_error<UsageError>(
      [&] {
        Vault::create(photos, model, true);
        return 0;
      },
      {"photos", "not a model"});
  EXPECT_EQ(read(photos / "cat.jpg"), "meow");
  const fs::path file = folder_.write("notes.txt", "keep me");
  for (const bool replace : {false, true}) {
    test::expect_error<UsageError>(
        [&] {
          Vault::create(file, model, replace);
          return 0;
        },
        {"notes.txt", "exists"});
    EXPECT_EQ(read(file), "keep me");
  }
  test::expect_error<DataError>(
      [&] {
        Vault::create(folder_ / "no/such/folder/m.rct", model, false);
        return 0;
      },
      {"m.rct"});
  EXPECT_EQ(entries(folder_.path()), 3);
}

TEST_F(VaultTest, WhatIsNotThereIsNotFound) {
  test::expect_error<NotFoundError>([&] { return Vault::open(path_); }, {"model.rct", "not exist"});
  fs::create_directory(path_);
  test::expect_error<NotFoundError>([&] { return Vault::open(path_); }, {"not a model folder"});
}

/// Opens a model and says how that ended; only these ends are allowed.
std::string outcome(const fs::path& path) {
  try {
    static_cast<void>(Vault::open(path));
    return "opened";
  } catch (const DamagedError&) {
    return "damaged";
  } catch (const NotFoundError&) {
    return "not found";
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error: " << error.what();
    return "other";
  }
}

TEST_F(VaultTest, EveryDamagedFileIsNoticed) {
  Vault::create(path_, csv_model(folder_, true), false);
  const auto whole = contents(path_);
  ASSERT_EQ(whole.size(), 8U);
  test::Random random(3);
  for (const auto& [name, bytes] : whole) {
    const fs::path file = path_ / name;
    const bool hashed = name != "manifest.json";
    SCOPED_TRACE(name);
    for (int trial = 0; trial < 40; ++trial) {
      std::string damaged = bytes;
      const auto at =
          trial < 2 ? (trial == 0 ? 0 : bytes.size() - 1)
                    : static_cast<std::size_t>(random.below(static_cast<Index>(bytes.size())));
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
      write(file, damaged);
      const std::string end = outcome(path_);
      if (hashed) {
        EXPECT_EQ(end, "damaged") << "byte " << at;
      }
    }
    for (const std::size_t length : {std::size_t{0}, bytes.size() / 2, bytes.size() - 1}) {
      write(file, bytes.substr(0, length));
      if (name == "manifest.json" && length == bytes.size() - 1) continue;  // its last line end
      EXPECT_EQ(outcome(path_), "damaged") << "cut to " << length;
    }
    if (name != "manifest.json") {
      write(file, bytes + "x");
      EXPECT_EQ(outcome(path_), "damaged") << "a byte too long";
    }
    fs::remove(file);
    EXPECT_NE(outcome(path_), "opened") << "removed";
    write(file, bytes);
    EXPECT_EQ(outcome(path_), "opened") << "restored";
  }
}

TEST_F(VaultTest, KeepsInTheManifestWhatTheLabelsWere) {
  FittedModel fitted = csv_model(folder_);
  for (const char* type : {"bool", "float32", ""}) {
    fitted.label_type = type;
    Vault::create(path_, fitted, true);
    const Json model = Json::parse(read(path_ / "manifest.json")).at("model");
    EXPECT_EQ(model.value("label_type", "absent"), *type == '\0' ? "absent" : type);
    EXPECT_EQ(Vault::open(path_).label_type, type);
  }
}

TEST_F(VaultTest, ANewerFormatAsksForANewerRecant) {
  Vault::create(path_, csv_model(folder_), false);
  Json manifest = Json::parse(read(path_ / "manifest.json"));
  manifest["format_version"] = 4;
  write(path_ / "manifest.json", manifest.dump());
  test::expect_error<DamagedError>([&] { return Vault::open(path_); },
                                   {"format version 4", "up to 3", "newer recant"});
}

TEST_F(VaultTest, HostileManifestsAreRefused) {
  Vault::create(path_, csv_model(folder_, true), false);
  const Json good = Json::parse(read(path_ / "manifest.json"));
  const auto refused = [&](const std::string& text, const std::string& what) {
    write(path_ / "manifest.json", text);
    EXPECT_EQ(outcome(path_), "damaged") << what;
  };
  refused("", "empty");
  refused("null", "null");
  refused("[]", "array");
  refused("{}", "empty object");
  refused("{\"format\": \"recant.model\"", "cut");
  refused(std::string(1 << 16, '['), "deep");
  refused(std::string("\0\xff\xfe", 3), "binary");
  const auto changed = [&](const char* pointer, const Json& value) {
    Json manifest = good;
    manifest[Json::json_pointer(pointer)] = value;
    refused(manifest.dump(), std::string(pointer) + " = " + value.dump());
  };
  changed("/format", "other.model");
  changed("/format", 3);
  changed("/format_version", "1");
  changed("/files/state~10~1theta.npy", std::string(64, '0'));
  changed("/files/state~10~1theta.npy", 5);
  changed("/files/..~1..~1secret", std::string(64, '0'));
  changed("/files", 3);
  changed("/encoder", "text");
  changed("/encoder", Json::object());
  changed("/encoder", Json::array());
  for (const char* key : {"rows", "features"}) {
    for (const Json& value : {Json(-1), Json(0), Json(1e300), Json(std::int64_t{1} << 62),
                              Json("80"), Json(nullptr), Json(79)}) {
      changed((std::string("/model/") + key).c_str(), value);
    }
  }
  changed("/model/loss", "hinge");
  changed("/model/loss", "softmax");
  changed("/model/loss", 1);
  changed("/model/intercept", false);
  changed("/model/intercept", "yes");
  changed("/model/columns", 5);
  changed("/model/l2", "1");
  changed("/model/optimal", nullptr);
  changed("/model/sensitive", "sex");
  changed("/model/sensitive/0/groups", Json::array({"f"}));
  changed("/model/sensitive/1", Json::object());
  changed("/model/row_ids", "numbers");
  changed("/model/privileged", 4);
  Json missing = good;
  for (const auto& item : good.at("model").items()) {
    missing = good;
    missing.at("model").erase(item.key());
    refused(missing.dump(), "without " + item.key());
  }
  write(path_ / "manifest.json", good.dump());
  EXPECT_EQ(outcome(path_), "opened");
}

/// Writing fails after `bytes` of any one file, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST_F(VaultTest, AFullDiskLeavesNothingAndKeepsTheOldModel) {
  const FittedModel model = csv_model(folder_);
  Vault::create(path_, model, false);
  const auto before = contents(path_);
  FittedModel other = model;
  other.l2 = 3;
  int failed = 0;
  for (const rlim_t bytes : {0, 100, 200, 500, 900, 2000, 5000, 100000}) {
    for (const bool replace : {true, false}) {
      const fs::path target = replace ? path_ : folder_ / "new.rct";
      bool threw = false;
      {
        const FileSizeLimit limit(bytes);
        try {
          Vault::create(target, other, replace);
        } catch (const DataError&) {
          threw = true;
        }
      }
      failed += threw;
      if (threw) {
        EXPECT_EQ(contents(path_), before) << bytes;
        EXPECT_FALSE(fs::exists(folder_ / "new.rct")) << bytes;
        EXPECT_EQ(entries(folder_.path()), 1) << bytes;
      } else {
        EXPECT_EQ(bytes, rlim_t{100000});
        EXPECT_EQ(Vault::open(target).l2, 3);
      }
    }
  }
  EXPECT_EQ(failed, 14);
}

}  // namespace
}  // namespace recant
