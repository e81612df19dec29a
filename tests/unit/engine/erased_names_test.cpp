// SPDX-License-Identifier: Apache-2.0
// A category that no row holds any more is named nowhere in the folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "compare.hpp"
#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "file_hash.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/forget_rows.hpp"
#include "recant/engine/vault.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using test::read_bytes;
using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::IsEmpty;

/// Rows 0 to 9 have a city of their own, 10 and 11 share one; all others are of three cities.
constexpr Index kOwn = 10;
std::string city(Index row) {
  return row < kOwn ? fmt::format("Canary-{}-4711", row) : "Canary-shared-4711";
}

class ErasedNames : public testing::Test {
 protected:
  ErasedNames() {
    std::string text = test::small_csv(1, kRows);
    for (Index row = 0; row < kOwn + 2; ++row) {
      const std::string id = fmt::format("p1-{},", row);
      std::size_t at = text.find("\n" + id) + 1 + id.size();
      at = text.find(',', at) + 1;  // behind the age
      text.replace(at, text.find(',', at) - at, city(row));
    }
    csv_ = folder_.write("train.csv", text);
    fitted_ = fit(request()).first;
  }

  [[nodiscard]] FitRequest request() const {
    FitRequest request;
    request.rows.csv = csv_;
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.sensitive = {"sex"};
    request.table.id = "id";
    return request;
  }
  void create_enrolled(EnrolmentRequest enrolment = {}) const {
    enrolment.epsilon = 1;
    enrolment.delta = 1e-5;
    enrolment.sigma = 1;
    const EnrolmentPlan plan = plan_enrolment(fitted_, enrolment, nullptr);
    ASSERT_FALSE(plan.refusal.has_value()) << plan.refusal->text;
    Vault::create(path_, fitted_, false, &plan);
  }
  static ForgetRequest rows(std::vector<Index> positions) {
    ForgetRequest request;
    request.rows = std::move(positions);
    return request;
  }
  void forget(std::vector<Index> positions) const {
    Vault vault = Vault::open_for_writing(path_);
    const ForgetReport report = vault.forget(rows(std::move(positions)));
    ASSERT_TRUE(report.done()) << report.reason;
  }
  /// The rows whose city can be read somewhere in the folder.
  [[nodiscard]] std::vector<Index> named(const fs::path& path) const {
    std::string all;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) all += read_bytes(entry.path());
    }
    std::vector<Index> found;
    for (Index row = 0; row <= kOwn; ++row) {
      if (all.find(city(row)) != std::string::npos) found.push_back(row);
    }
    return found;
  }
  void expect_sound(const fs::path& path) const {
    const VaultCheck check = Vault::check(path);
    EXPECT_FALSE(check.fault.has_value()) << *check.fault;
  }

  static constexpr Index kRows = 150;
  test::TemporaryFolder folder_;
  fs::path csv_;
  const fs::path path_ = folder_ / "model.rct";
  FittedModel fitted_;
};

TEST_F(ErasedNames, AreReadFromTheFolderUntilTheLastRowIsDeleted) {
  create_enrolled();
  ASSERT_EQ(named(path_).size(), 11U) << "else this test sees nothing";
  const Json before = Json::parse(read_bytes(path_ / "manifest.json"));
  forget({3, 10, 50});
  EXPECT_THAT(named(path_), ElementsAre(0, 1, 2, 4, 5, 6, 7, 8, 9, 10)) << "11 has that of 10";
  forget({0, 11, 1});
  EXPECT_THAT(named(path_), ElementsAre(2, 4, 5, 6, 7, 8, 9));
  expect_sound(path_);

  // Everything else stands as it did.
  const FittedModel opened = Vault::open(path_);
  EXPECT_TRUE(test::same_bytes(opened.encoder->mean, fitted_.encoder->mean));
  EXPECT_TRUE(test::same_bytes(opened.encoder->scale, fitted_.encoder->scale));
  EXPECT_EQ(opened.encoder->groups, fitted_.encoder->groups);
  const auto& was = fitted_.encoder->features[1].categories;
  const auto& is = opened.encoder->features[1].categories;
  ASSERT_EQ(is.size(), was.size());
  for (std::size_t k = 0; k < is.size(); ++k) {
    const bool gone =
        was[k] == city(0) || was[k] == city(1) || was[k] == city(3) || was[k] == city(kOwn);
    EXPECT_EQ(is[k], gone ? std::nullopt : was[k]) << k;
  }
  EXPECT_EQ(opened.rows.columns, opened.encoder->column_names());
  EXPECT_EQ(opened.rows.columns.size(), fitted_.rows.columns.size());
  Json after = Json::parse(read_bytes(path_ / "manifest.json"));
  EXPECT_EQ(after.at("files"), before.at("files"));
  EXPECT_NE(after.at("enrolment"), before.at("enrolment"))
      << "or the model's id in the certificates would confirm a guess";
  EXPECT_EQ(Json::parse(read_bytes(path_ / "published/parameters.json")).at("encoder"),
            after.at("encoder"));
}

TEST_F(ErasedNames, AreCategoriesThatTrainingHasNotSeen) {
  create_enrolled();
  const RowSource source{.csv = csv_};
  const MeasuredRows before = load_rows(fitted_, source);
  EXPECT_THAT(before.unseen, IsEmpty());
  forget({3, 4});
  const MeasuredRows after = load_rows(Vault::open(path_), source);
  ASSERT_EQ(after.unseen.size(), 1U);
  EXPECT_EQ(after.unseen[0].column, "city");
  EXPECT_EQ(after.unseen[0].rows, 2);
  RowMatrix expected = before.data.features.view();
  for (const Index row : {3, 4}) {
    for (Index j = 0; j < expected.cols(); ++j) {
      if (fitted_.rows.columns[static_cast<std::size_t>(j)] != "city=" + city(row)) continue;
      expected(row, j) = (0 - fitted_.encoder->mean[j]) / fitted_.encoder->scale[j];
    }
  }
  EXPECT_TRUE(test::same_bytes(RowMatrix(after.data.features.view()), expected));
}

TEST_F(ErasedNames, OfOneBatchAndOfManyByTheSameVault) {
  create_enrolled();
  {
    Vault vault = Vault::open_for_writing(path_);
    std::vector<ForgetRequest> requests = {rows({0, 1}), rows({2}), rows({10}), rows({2})};
    const auto reports = vault.forget(requests);
    EXPECT_EQ(reports[3].state, RequestState::kAlreadyErased);
    EXPECT_THAT(named(path_), ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));
    for (const Index row : {3, 4, 11}) ASSERT_TRUE(vault.forget(rows({row})).done());
    EXPECT_THAT(named(path_), ElementsAre(5, 6, 7, 8, 9));
    EXPECT_EQ(vault.model().rows.columns, vault.model().encoder->column_names());
  }
  EXPECT_EQ(Vault::open(path_).encoder->to_json(),
            Json::parse(read_bytes(path_ / "manifest.json")).at("encoder").dump(1));
  expect_sound(path_);
}

TEST_F(ErasedNames, OnEveryWayADeletionCanGo) {
  EnrolmentRequest few;
  few.releases = 2;
  few.when_spent = WhenSpent::kRetrain;
  create_enrolled(few);
  forget({0});
  forget({1});
  EXPECT_EQ(Vault::status(path_).ledger->budget.used, 1) << "trained again, in a new enrolment";
  EXPECT_THAT(named(path_), ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10));
  expect_sound(path_);

  fs::remove_all(path_);
  Vault::create(path_, fitted_, false);  // without a budget
  forget({2});
  {
    Vault vault = Vault::open_for_writing(path_);
    ForgetRequest by_value = rows({3});
    by_value.weighting = {.by_value = true, .alpha = 1, .values = Vector::Ones(kRows)};
    ASSERT_TRUE(vault.forget(by_value).done());
    ForgetRequest ascent = rows({4});
    ascent.method = ForgetMethod::kAscent;
    ascent.holdout = &fitted_.rows;
    ascent.ascent.max_steps = 3;
    ASSERT_TRUE(vault.forget(ascent).done());
  }
  EXPECT_THAT(named(path_), ElementsAre(0, 1, 5, 6, 7, 8, 9, 10));
  expect_sound(path_);
}

TEST_F(ErasedNames, UnderReferenceEncodingTheFirstToo) {
  FitRequest asked = request();
  asked.table.encoding = Encoding::kReference;
  asked.table.missing_values = {""};
  std::string text = read_bytes(csv_);
  text.replace(text.find(city(5)), city(5).size(), "AAA-4711");  // before "Bergen"
  fitted_ = fit([&] {
              asked.rows.csv = folder_.write("reference.csv", text);
              return asked;
            }())
                .first;
  ASSERT_EQ(fitted_.encoder->features[1].categories[0], "AAA-4711");
  create_enrolled();
  forget({5});
  EXPECT_EQ(read_bytes(path_ / "manifest.json").find("AAA-4711"), std::string::npos);
  EXPECT_EQ(read_bytes(path_ / "published/parameters.json").find("AAA-4711"), std::string::npos);
  expect_sound(path_);
}

TEST_F(ErasedNames, AreNotThoseOfRowsWithoutWeight) {
  fitted_.rows.weights[6] = 0;
  Vault::create(path_, fitted_, false);
  forget({7});
  EXPECT_THAT(named(path_), ElementsAre(0, 1, 2, 3, 4, 5, 6, 8, 9, 10));
  forget({6});
  EXPECT_THAT(named(path_), ElementsAre(0, 1, 2, 3, 4, 5, 8, 9, 10));
  expect_sound(path_);
}

TEST_F(ErasedNames, InMemoryAndInWhatIsWrittenOfIt) {
  const FittedModel left = forget_rows(fitted_, rows({0, 10})).first;
  EXPECT_EQ(left.rows.columns, left.encoder->column_names());
  Vault::create(path_, without_erased_rows(left), false);
  EXPECT_THAT(named(path_), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  const FittedModel less = forget_rows(Vault::open(path_), rows({9})).first;
  EXPECT_EQ(std::count(less.encoder->features[1].categories.begin(),
                       less.encoder->features[1].categories.end(), std::nullopt),
            2)
      << "10 has left, 11 has gone by its new position";
}

TEST_F(ErasedNames, ABackupBroughtUpToDateForgetsThem) {
  create_enrolled();
  const fs::path backup = folder_ / "backup.rct";
  forget({0});
  Vault::backup(path_, backup);
  EXPECT_THAT(named(backup), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  expect_sound(backup);
  forget({1, 2, 10, 11});
  EXPECT_EQ(Vault::catch_up(backup, (path_ / "ledger.sqlite").string()).rows, 4);
  EXPECT_THAT(named(backup), ElementsAre(3, 4, 5, 6, 7, 8, 9));
  expect_sound(backup);
}

/// A folder as version 2 left it: with the names, whoever left.
void make_format_two(const fs::path& path, const FittedModel& fitted) {
  for (const char* file : {"manifest.json", "published/parameters.json"}) {
    if (!fs::exists(path / file)) continue;
    Json object = Json::parse(read_bytes(path / file));
    object["encoder"] = Json::parse(fitted.encoder->to_json());
    (object.contains("model") ? object["model"] : object)["columns"] = fitted.rows.columns;
    if (object.contains("model")) {
      object["format_version"] = 2;
      object["model_id"] = "";
      object["model_id"] = text_hash(object.dump()).substr(0, 32);
    }
    std::ofstream(path / file) << object.dump(1) << "\n";
  }
}

TEST_F(ErasedNames, WhatAFolderOfFormatTwoKeptGoesWithItsNextDeletion) {
  create_enrolled();
  forget({0, 1});
  make_format_two(path_, fitted_);
  EXPECT_EQ(named(path_).size(), 11U);
  EXPECT_EQ(Vault::status(path_).format_version, 2);
  expect_sound(path_);
  static_cast<void>(Vault::open(path_));
  static_cast<void>(Vault::open_for_writing(path_));
  EXPECT_EQ(Vault::status(path_).format_version, 3);
  expect_sound(path_);
  forget({100});
  EXPECT_THAT(named(path_), ElementsAre(2, 3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_EQ(Vault::status(path_).rows_left, 147);
  expect_sound(path_);
}

TEST_F(ErasedNames, APlanThatNamesACategoryThatIsNoneIsDamaged) {
  Vault::create(path_, fitted_, false);
  Json manifest = Json::parse(read_bytes(path_ / "manifest.json"));
  for (const Json& categories : {Json({nullptr, "Oslo"}), Json::array({Json::array()})}) {
    manifest["encoder"]["features"][1]["categories"] = categories;
    std::ofstream(path_ / "manifest.json") << manifest.dump();
    EXPECT_THROW(static_cast<void>(Vault::open(path_)), DamagedError);
  }
}

}  // namespace
}  // namespace recant
