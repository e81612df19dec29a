// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compare.hpp"
#include "golden.hpp"
#include "recant/data/npy.hpp"
#include "recant/data/table.hpp"
#include "recant/model/linear_model.hpp"
#include "recant/model/objective.hpp"

/// The reference cases of models: their data as recant reads it, and comparisons within the
/// tolerances that come with them (oracle/README.md section 10 in RECANT_SHARED_DIR).
namespace recant::test {

using Json = nlohmann::json;

inline Vector vector_of(const Json& array) {
  Vector v(static_cast<Index>(array.size()));
  for (Index i = 0; i < v.size(); ++i) v(i) = array[static_cast<std::size_t>(i)].get<double>();
  return v;
}
inline Matrix matrix_of(const Json& rows) {
  Matrix m(static_cast<Index>(rows.size()), static_cast<Index>(rows.at(0).size()));
  for (Index i = 0; i < m.rows(); ++i)
    m.row(i) = vector_of(rows[static_cast<std::size_t>(i)]).transpose();
  return m;
}
inline std::vector<Index> indices_of(const Json& array) {
  return array.get<std::vector<Index>>();
}

struct GoldenCase {
  std::string name;
  Json json;
  Loss loss;
  bool intercept = false;
  double l2 = 1;
  Dataset train, val;
  std::optional<Dataset> test;
  std::int32_t privileged = 1;  ///< code of the privileged group

  [[nodiscard]] Objective objective() const { return {train, loss, intercept, l2}; }
  [[nodiscard]] LinearModel model(Vector theta) const {
    return {loss, intercept, train.features.columns(), std::move(theta)};
  }
  [[nodiscard]] Vector theta_hat() const { return vector_of(json.at("theta_hat")); }
};

namespace detail {

inline Dataset npy_part(const Json& files, const std::string& part) {
  Dataset data;
  data.features = read_npy_matrix(golden_folder() / files.at("X_" + part).get<std::string>());
  data.targets = read_npy_vector(golden_folder() / files.at("y_" + part).get<std::string>());
  data.weights = Vector::Ones(data.rows());
  if (files.contains("s_" + part)) {
    const Vector s = read_npy_vector(golden_folder() / files.at("s_" + part).get<std::string>());
    SensitiveColumn column{"", {"0", "1"}, {}};
    for (const double code : s) column.codes.push_back(static_cast<std::int32_t>(code));
    data.sensitive.push_back(std::move(column));
  }
  return data;
}

inline Dataset digits(const std::string& part) {
  const auto folder = shared_folder() / "data" / "mnist38";
  Dataset data;
  data.features =
      FeatureMatrix(RowMatrix(read_npy_matrix(folder / (part + "_x.npy")).view() / 255.0));
  const Vector digit = read_npy_vector(folder / (part + "_y.npy"));
  data.targets = (digit.array() == 8).cast<double>();
  data.weights = Vector::Ones(data.rows());
  return data;
}

inline void halve(const Dataset& rows, GoldenCase& golden) {
  const Index half = rows.rows() / 2;
  golden.val = slice(rows, {0, half});
  golden.test = slice(rows, {half, rows.rows()});
}

}  // namespace detail

inline GoldenCase load_case(const std::string& name) {
  GoldenCase golden;
  golden.name = name;
  golden.json = load_golden(name);
  const Json& data = golden.json.at("data");
  const auto family = golden.json.at("family").get<std::string>();
  golden.loss = family == "ridge"     ? Loss(LossKind::kSquared)
                : family == "softmax" ? Loss(LossKind::kSoftmax, golden.json.at("classes"))
                                      : Loss(LossKind::kLogistic);
  golden.intercept = golden.json.value("intercept", false);
  golden.l2 = golden.json.at("lambda");
  if (data.at("kind") == "npy") {
    golden.train = detail::npy_part(data, "train");
    golden.val = detail::npy_part(data, "val");
  } else if (data.at("kind") == "mnist38") {
    golden.train = detail::digits("train");
    detail::halve(detail::digits("test"), golden);
  } else {
    const auto folder = csv_folder(golden.json);
    TableOptions options;
    options.schema = read_schema(folder / "schema.json");
    options.target = options.schema->target.value();
    options.positive = options.schema->positive;
    options.sensitive = {data.at("sensitive").get<std::string>()};
    options.missing_values = options.schema->missing_values.value();
    LoadedTable train = read_training_csv(folder / "train.csv", options);
    detail::halve(read_csv(folder / "test.csv", train.encoder).data, golden);
    golden.train = std::move(train.data);
    const auto& groups = golden.train.sensitive.at(0).groups;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (groups[g] == data.at("privileged")) golden.privileged = static_cast<std::int32_t>(g);
    }
  }
  return golden;
}

/// theta and what is solved for: 1e-8 of the largest entry, and what a leftover gradient allows.
inline void expect_theta(const Vector& found, const Json& wanted, double leftover,
                         const std::string& what) {
  if (wanted.is_array()) {
    expect_close(found, vector_of(wanted), 1e-8, leftover, what);
    return;
  }
  const Vector first = vector_of(wanted.at("first10"));
  const double norm = wanted.at("norm");
  const double root = std::sqrt(static_cast<double>(found.size()));
  expect_close(found.head(10), first, 0, 1e-8 * norm + leftover, what + " first10");
  EXPECT_NEAR(found.norm(), norm, 1e-8 * norm + leftover) << what << " norm";
  EXPECT_NEAR(found.sum(), wanted.at("sum").get<double>(), root * (1e-8 * norm + leftover))
      << what << " sum";
}

/// A vector over rows: all of it, or "first50", "sum", "norm", "min", "argmin", "max", "argmax".
inline void expect_rows(const Vector& found, const Json& wanted, double relative,
                        const std::string& what) {
  if (wanted.is_array()) {
    expect_close(found, vector_of(wanted), relative, 0, what);
    return;
  }
  const double least = wanted.at("min"), most = wanted.at("max");
  const double scale = std::max(std::abs(least), std::abs(most)) * relative;
  const Vector first = vector_of(wanted.at("first50"));
  expect_close(found.head(first.size()), first, 0, scale, what + " first50");
  EXPECT_NEAR(found.sum(), wanted.at("sum").get<double>(),
              scale * static_cast<double>(found.size()))
      << what << " sum";
  expect_close(found.norm(), wanted.at("norm").get<double>(), relative, 0, what + " norm");
  Index at_least = 0, at_most = 0;
  EXPECT_NEAR(found.minCoeff(&at_least), least, scale) << what;
  EXPECT_NEAR(found.maxCoeff(&at_most), most, scale) << what;
  // Another row may hold the extreme only where it is the same to rounding (rows at a bound).
  EXPECT_NEAR(found(wanted.at("argmin").get<Index>()), least, scale) << what << " argmin";
  EXPECT_NEAR(found(wanted.at("argmax").get<Index>()), most, scale) << what << " argmax";
}

inline const std::vector<std::string>& small_logistic_cases() {
  static const std::vector<std::string> names = {
      "synth_d5_l05_b0", "synth_d5_l05_b1", "synth_d20_l1_b0", "synth_d20_l1_b1",
      "german_l1_b0",    "german_l1_b1",    "german_l001n_b0", "german_l001n_b1",
      "compas_l1_b0",    "compas_l1_b1",    "compas_l001n_b0", "compas_l001n_b1"};
  return names;
}
inline const std::vector<std::string>& large_logistic_cases() {
  static const std::vector<std::string> names = {"adult_l1_b0", "adult_l1_b1", "adult_l001n_b0",
                                                 "adult_l001n_b1"};
  return names;
}
inline std::vector<std::string> with(std::vector<std::string> names,
                                     const std::vector<std::string>& more) {
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

}  // namespace recant::test
