// SPDX-License-Identifier: Apache-2.0
#include "recant/data/encoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "expect_error.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

using Json = nlohmann::json;
using test::expect_error;
using testing::ElementsAre;

Encoder example() {
  Encoder encoder;
  encoder.options = {.target = "y",
                     .positive = "yes",
                     .sensitive = {"sex"},
                     .id = "who",
                     .drop = {"note"},
                     .missing_values = {"", "Zoë"},
                     .missing = MissingPolicy::kError,
                     .header = false,
                     .encoding = Encoding::kReference};
  encoder.features = {{"age", ColumnType::kNumeric, {}},
                      {"sex", ColumnType::kCategorical, {"f", "m", "x\"y"}},
                      {"only", ColumnType::kCategorical, {"one"}}};
  encoder.mean = Vector{{0.1, 1.0 / 3, 5e-324}};
  encoder.scale = Vector{{std::numeric_limits<double>::max(), 0.3, 1}};
  encoder.class_names = {"no", "yes"};
  encoder.groups = {{"f", "m", "x\"y"}};
  return encoder;
}

TEST(Encoder, NamesItsColumns) {
  Encoder encoder = example();
  EXPECT_EQ(encoder.width(), 3);
  EXPECT_THAT(encoder.column_names(), ElementsAre("age", "sex=m", "sex=x\"y"));
  encoder.options.encoding = Encoding::kFull;
  EXPECT_EQ(encoder.width(), 5);
  EXPECT_THAT(encoder.column_names(), ElementsAre("age", "sex=f", "sex=m", "sex=x\"y", "only=one"));
}

TEST(Encoder, ComesBackFromJson) {
  const Encoder encoder = example();
  const Encoder again = Encoder::from_json(encoder.to_json());
  EXPECT_EQ(again.to_json(), encoder.to_json());
  EXPECT_EQ(again.mean, encoder.mean);
  EXPECT_EQ(again.scale, encoder.scale);
  EXPECT_EQ(again.options.target, "y");
  EXPECT_EQ(again.options.positive, "yes");
  EXPECT_EQ(again.options.id, "who");
  EXPECT_EQ(again.options.weight, std::nullopt);
  EXPECT_THAT(again.options.missing_values, ElementsAre("", "Zoë"));
  EXPECT_EQ(again.options.missing, MissingPolicy::kError);
  EXPECT_FALSE(again.options.header);
  EXPECT_EQ(again.features.at(1).categories, encoder.features.at(1).categories);
  EXPECT_EQ(again.groups, encoder.groups);
  EXPECT_EQ(again.class_names, encoder.class_names);
}

TEST(Encoder, ForgetsNamesButNotColumns) {
  Encoder encoder = example();
  encoder.erase_names(std::vector<CategoryPlace>{{1, 1}, {2, 0}});
  EXPECT_EQ(encoder.width(), 3);
  EXPECT_THAT(encoder.column_names(), ElementsAre("age", "sex=(erased 2)", "sex=x\"y"));
  const std::string text = encoder.to_json();
  EXPECT_EQ(Json::parse(text).at("features")[1].at("categories"), Json({"f", nullptr, "x\"y"}));
  EXPECT_EQ(Json::parse(text).at("schema"), "recant.encoder/2") << "a reader must know of it";
  EXPECT_EQ(Json::parse(example().to_json()).at("schema"), "recant.encoder/1");
  const Encoder again = Encoder::from_json(text);
  EXPECT_EQ(again.to_json(), text);
  EXPECT_EQ(again.features.at(1).categories, encoder.features.at(1).categories);
  for (const CategoryPlace place :
       {CategoryPlace{3, 0}, CategoryPlace{0, 0}, CategoryPlace{1, 3}}) {
    expect_error<UsageError>(
        [&] {
          encoder.erase_names(std::vector{place});
          return 0;
        },
        {"category"});
  }
}

struct Damage {
  const char* name;
  std::function<void(Json&)> change;
};

class DamagedEncoder : public testing::TestWithParam<Damage> {};

TEST_P(DamagedEncoder, IsRefused) {
  Json json = Json::parse(example().to_json());
  GetParam().change(json);
  expect_error<DamagedError>([&] { return Encoder::from_json(json.dump(), "m.json"); }, {"m.json"});
}

INSTANTIATE_TEST_SUITE_P(
    Members, DamagedEncoder,
    testing::Values(
        Damage{"schema", [](Json& j) { j["schema"] = "recant.encoder/2"; }},
        Damage{"no_options", [](Json& j) { j.erase("options"); }},
        Damage{"empty_target", [](Json& j) { j["options"]["target"] = ""; }},
        Damage{"missing_number", [](Json& j) { j["options"]["missing"] = 1; }},
        Damage{"missing_unknown", [](Json& j) { j["options"]["missing"] = "keep"; }},
        Damage{"encoding", [](Json& j) { j["options"]["encoding"] = "half"; }},
        Damage{"header", [](Json& j) { j["options"]["header"] = "yes"; }},
        Damage{"roles", [](Json& j) { j["options"]["id"] = "y"; }},
        Damage{"kind", [](Json& j) { j["options"]["target_kind"] = "numeric"; }},
        Damage{"type", [](Json& j) { j["features"][0]["type"] = "text"; }},
        Damage{"no_features",
               [](Json& j) {
                 j["features"] = Json::array();
                 j["mean"] = j["scale"] = Json::array();
               }},
        Damage{"numeric_categories", [](Json& j) { j["features"][0]["categories"] = {"a"}; }},
        Damage{"no_categories", [](Json& j) { j["features"][1]["categories"] = Json::array(); }},
        Damage{"unsorted",
               [](Json& j) {
                 j["features"][1]["categories"] = {"m", "f", "x"};
               }},
        Damage{"repeated",
               [](Json& j) {
                 j["features"][1]["categories"] = {"f", "f", "x"};
               }},
        Damage{"null_in_version_1", [](Json& j) { j["features"][1]["categories"][0] = nullptr; }},
        Damage{"unsorted_beside_null",
               [](Json& j) {
                 j["schema"] = "recant.encoder/2";
                 j["features"][1]["categories"] = {"m", nullptr, "f"};
               }},
        Damage{"a_number_for_a_name", [](Json& j) { j["features"][1]["categories"][0] = 1; }},
        Damage{"same_name", [](Json& j) { j["features"][2]["name"] = "age"; }},
        Damage{"short_mean", [](Json& j) { j["mean"].erase(0); }},
        Damage{"text_mean", [](Json& j) { j["mean"][0] = "0"; }},
        Damage{"null_mean", [](Json& j) { j["mean"][0] = nullptr; }},
        Damage{"zero_scale", [](Json& j) { j["scale"][0] = 0; }},
        Damage{"negative_scale", [](Json& j) { j["scale"][0] = -1; }},
        Damage{"one_class", [](Json& j) { j["class_names"] = {"a"}; }},
        Damage{"same_class",
               [](Json& j) {
                 j["class_names"] = {"a", "a"};
               }},
        Damage{"no_groups", [](Json& j) { j["groups"] = Json::array(); }},
        Damage{"empty_groups", [](Json& j) { j["groups"][0] = Json::array(); }},
        Damage{"groups_unsorted",
               [](Json& j) {
                 j["groups"][0] = {"b", "a"};
               }},
        Damage{"array", [](Json& j) { j = Json::array(); }}),
    [](const auto& tested) { return tested.param.name; });

TEST(Encoder, RefusesWhatIsNoJson) {
  const std::string text = example().to_json();
  for (std::size_t size = 0; size + 1 < text.size(); size += 7) {
    expect_error<DamagedError>([&] { return Encoder::from_json(text.substr(0, size)); }, {"JSON"});
  }
  expect_error<DamagedError>([&] { return Encoder::from_json("{\"mean\": 1e999}"); }, {"encoder"});
  expect_error<DamagedError>([&] { return Encoder::from_json("\"\xFF\""); }, {"JSON"});
}

TEST(Encoder, NamesItsOptions) {
  EXPECT_EQ(name(MissingPolicy::kDrop), "drop");
  EXPECT_EQ(name(MissingPolicy::kError), "error");
  EXPECT_EQ(name(Encoding::kFull), "full");
  EXPECT_EQ(name(Encoding::kReference), "reference");
  EXPECT_EQ(name(TargetKind::kBinary), "binary");
  EXPECT_EQ(name(TargetKind::kClasses), "classes");
  EXPECT_EQ(name(TargetKind::kNumeric), "numeric");
}

}  // namespace
}  // namespace recant
