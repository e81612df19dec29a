// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/json.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <limits>
#include <nlohmann/json.hpp>

#include "compare.hpp"
#include "recant/engine/correct.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

using Json = nlohmann::ordered_json;

/// Parses a result and checks what every one of them has.
Json parse(const std::string& text, const std::string& name) {
  const Json object = Json::parse(text);
  EXPECT_EQ(object.at("schema"), "recant." + name + "/1");
  EXPECT_EQ(object.at("version"), version());
  EXPECT_TRUE(object.at("seconds").is_object());
  for (const auto& [part, seconds] : object.at("seconds").items()) {
    EXPECT_TRUE(seconds.is_number()) << part;
    EXPECT_GE(seconds.get<double>(), 0) << part;
  }
  // Not one NaN or infinity as text; Json::parse would refuse them unquoted.
  std::string lower = text;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  EXPECT_EQ(lower.find("\"nan\""), std::string::npos);
  EXPECT_EQ(lower.find("\"inf\""), std::string::npos);
  return object;
}

void expect_members(const Json& object, const std::vector<std::string>& names) {
  for (const std::string& name : names) EXPECT_TRUE(object.contains(name)) << name;
}

/// The members of "metrics" in an evaluation.
void expect_metrics(const Json& metrics) {
  expect_members(
      metrics, {"log_loss_sum", "log_loss_mean", "accuracy", "transferred_robust_loss",
                "robust_loss", "demographic_parity", "equal_opportunity", "equal_opportunity_loss",
                "equalized_odds", "demographic_parity_hard", "equal_opportunity_hard", "groups"});
}

class JsonTest : public testing::Test {
 protected:
  std::pair<FittedModel, FitReport> fit_csv(std::vector<std::string> sensitive) const {
    FitRequest request;
    request.rows.csv = folder_.write("train.csv", test::small_csv(1, 300, 30));
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.sensitive = std::move(sensitive);
    request.table.drop = {"id"};
    return fit(request);
  }
  MeasuredRows rows(const FittedModel& fitted, std::uint64_t seed) const {
    return load_rows(fitted, {folder_.write("rows.csv", test::small_csv(seed, 200)), {}});
  }
  test::TemporaryFolder folder_;
};

TEST_F(JsonTest, FitHasItsMembersAndEveryDigit) {
  const auto [fitted, report] = fit_csv({"sex"});
  const Json object = parse(to_json(fitted, report), "fit");
  expect_members(object,
                 {"rows", "rows_dropped", "features", "columns", "l2", "loss", "gradient_norm",
                  "iterations", "converged", "coefficients", "intercept", "metrics"});
  expect_metrics(object.at("metrics"));
  EXPECT_EQ(object.at("rows"), 290);
  EXPECT_EQ(object.at("rows_dropped"), 10);
  EXPECT_EQ(object.at("features").get<Index>(), fitted.model.features);
  EXPECT_EQ(object.at("columns").get<std::vector<std::string>>(), fitted.rows.columns);
  EXPECT_EQ(object.at("loss").get<double>(), report.training.value) << "to the last bit";
  EXPECT_EQ(object.at("gradient_norm").get<double>(), report.training.gradient_norm);
  EXPECT_EQ(object.at("intercept").get<double>(), fitted.model.theta(fitted.model.features));
  const auto coefficients = object.at("coefficients").get<std::vector<double>>();
  ASSERT_EQ(static_cast<Index>(coefficients.size()), fitted.model.features);
  for (std::size_t j = 0; j < coefficients.size(); ++j)
    EXPECT_EQ(coefficients[j], fitted.model.theta(static_cast<Index>(j)));
  EXPECT_TRUE(object.at("converged").get<bool>());
}

TEST_F(JsonTest, SeveralColumnsMakeTheGapsObjects) {
  const auto [fitted, report] = fit_csv({"sex", "region"});
  const MeasuredRows measured = rows(fitted, 5);
  const Evaluation e = evaluate(measured.data, fitted.model, fitted.settings);
  const Json object = parse(to_json(e, measured, 0.25), "evaluation");
  EXPECT_EQ(object.at("rows"), 200);
  const Json& metrics = object.at("metrics");
  expect_metrics(metrics);
  for (const char* gap : {"demographic_parity", "equal_opportunity", "equalized_odds"}) {
    ASSERT_TRUE(metrics.at(gap).is_object()) << gap;
    expect_members(metrics.at(gap), {"sex", "region"});
  }
  EXPECT_EQ(metrics.at("demographic_parity").at("region").get<double>(),
            e.gaps[1].demographic_parity.value());
  for (const char* group : {"north", "south", "west"}) {
    expect_members(metrics.at("groups").at("region").at(group),
                   {"rows", "positives", "positive_rate", "mean_score", "accuracy"});
  }
  const auto [one, one_report] = fit_csv({"sex"});
  const MeasuredRows again = rows(one, 5);
  const Json single =
      parse(to_json(evaluate(again.data, one.model, one.settings), again, 0.1), "evaluation");
  EXPECT_TRUE(single.at("metrics").at("demographic_parity").is_number());
  EXPECT_TRUE(single.at("metrics").at("groups").contains("f"));
}

TEST_F(JsonTest, WhatIsUnknownIsNull) {
  test::Random random(1);
  for (const LossKind kind : {LossKind::kSquared, LossKind::kSoftmax}) {
    const Loss loss(kind, 3);
    test::write_arrays(folder_, "a", test::made_up_rows(random, 90, 2, loss, {2}));
    FitRequest request;
    request.loss = kind;
    request.rows.arrays =
        ArrayFiles{folder_ / "a_x.npy", folder_ / "a_y.npy", folder_ / "a_s.npy", {}};
    const auto [fitted, report] = fit(request);
    const Json object = parse(to_json(fitted, report), "fit");
    EXPECT_TRUE(object.at("columns").is_null());
    EXPECT_TRUE(object.at("metrics").at("robust_loss").is_null());
    EXPECT_EQ(object.at("metrics").at("accuracy").is_null(), kind == LossKind::kSquared);
    EXPECT_EQ(object.at("metrics").at("equal_opportunity").is_null(), kind == LossKind::kSquared);
    if (kind == LossKind::kSoftmax) {
      EXPECT_EQ(object.at("coefficients").size(), 3U);
      EXPECT_EQ(object.at("coefficients").at(0).size(), 2U);
      EXPECT_EQ(object.at("intercept").size(), 3U);
    }
  }
  Evaluation odd;
  odd.log_loss_sum = std::numeric_limits<double>::quiet_NaN();
  odd.log_loss_mean = std::numeric_limits<double>::infinity();
  const Json object = parse(to_json(odd, {}, 0), "evaluation");
  EXPECT_TRUE(object.at("metrics").at("log_loss_sum").is_null());
  EXPECT_TRUE(object.at("metrics").at("log_loss_mean").is_null());
  EXPECT_TRUE(object.at("metrics").at("demographic_parity").is_null());
}

TEST_F(JsonTest, InfluenceHasItsMembers) {
  const Json object = parse(to_json(InfluenceReport{.metric = "demographic_parity",
                                                    .metric_value = 0.1,
                                                    .summary = {3, -0.5, 2, -1, 0.7, 2, 1},
                                                    .curvature_seconds = 0.5,
                                                    .influence_seconds = 0.25}),
                            "influence");
  expect_members(object, {"metric", "metric_value", "group", "count", "sum", "norm2", "min", "max",
                          "argmin", "argmax"});
  EXPECT_EQ(object.at("argmin"), 2);
  EXPECT_EQ(object.at("argmax"), 1);
  EXPECT_EQ(object.at("metric_value"), 0.1);
}

TEST_F(JsonTest, CorrectionHasItsMembers) {
  const auto [fitted, report] = fit_csv({"sex"});
  const MeasuredRows validation = rows(fitted, 6), held_out = rows(fitted, 7);
  for (const Scheme scheme : {Scheme::kSoft, Scheme::kHard}) {
    for (const Dataset* test_rows : {&held_out.data, static_cast<const Dataset*>(nullptr)}) {
      CorrectionRequest request{{"demographic_parity"}, {}};
      request.options.scheme = scheme;
      const auto [corrected, correction] = correct(fitted, validation.data, test_rows, request);
      const Json object = parse(to_json(corrected, correction, request), "correction");
      expect_members(object, {"scheme", "update", "rounds", "kappa", "active", "multipliers",
                              "before", "after", "predicted_change", "actual_change", "weights"});
      expect_members(object.at("multipliers"), {"gap", "utility"});
      expect_members(object.at("weights"),
                     {"min", "max", "norm2", "nonzero", "negative_total_weight_rows"});
      for (const char* when : {"before", "after"}) {
        for (const char* split : {"train", "validation"})
          expect_metrics(object.at(when).at(split).at("metrics"));
        EXPECT_EQ(object.at(when).contains("test"), test_rows != nullptr);
      }
      EXPECT_TRUE(object.at("actual_change").at("demographic_parity").is_number());
      const double change =
          object.at("after").at("validation").at("metrics").at("demographic_parity").get<double>() -
          object.at("before").at("validation").at("metrics").at("demographic_parity").get<double>();
      EXPECT_NEAR(object.at("actual_change").at("demographic_parity").get<double>(), change, 1e-12);
      EXPECT_EQ(object.at("scheme"), name(scheme));
    }
  }
  // Nothing to close: no round, so nothing is known of kappa and the prices.
  CorrectionRequest request{{"demographic_parity"}, {}};
  request.options.target_gap = 1;
  const auto [same, none] = correct(fitted, validation.data, nullptr, request);
  const Json object = parse(to_json(same, none, request), "correction");
  EXPECT_EQ(object.at("rounds"), 0);
  EXPECT_TRUE(object.at("kappa").is_null());
  EXPECT_TRUE(object.at("multipliers").at("gap").is_null());
  EXPECT_EQ(object.at("active"), "none");
}

TEST_F(JsonTest, ErrorsSayWhatWhereAndWhatToDo) {
  const Json object = parse(to_json(DataError("is \"wrong\"\n", "a,b.csv", "")), "error");
  EXPECT_EQ(object.at("kind"), "data");
  EXPECT_EQ(object.at("message"), "is \"wrong\"\n");
  EXPECT_EQ(object.at("where"), "a,b.csv");
  EXPECT_TRUE(object.at("hint").is_null());
  for (const ErrorKind kind : {ErrorKind::kUsage, ErrorKind::kData, ErrorKind::kDamaged,
                               ErrorKind::kBusy, ErrorKind::kNotFound, ErrorKind::kInternal}) {
    EXPECT_EQ(parse(to_json(Error(kind, "m", "", "h")), "error").at("kind"), name(kind));
  }
}

/// File names need not be UTF-8.
TEST_F(JsonTest, AnErrorAboutAnyFileNameIsJson) {
  EXPECT_NO_THROW(parse(to_json(NotFoundError("does not exist", "caf\xe9.csv")), "error"));
}

}  // namespace
}  // namespace recant
