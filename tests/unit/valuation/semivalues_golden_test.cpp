// SPDX-License-Identifier: Apache-2.0
// The neighbor utility and its values against exact fractions of another program
// (RECANT_SHARED_DIR/oracle).
#include <gtest/gtest.h>

#include "compare.hpp"
#include "exact_values.hpp"
#include "golden.hpp"
#include "recant/data/npy.hpp"
#include "recant/valuation/neighbor_utility.hpp"
#include "recant/valuation/semivalues.hpp"

namespace recant {
namespace {

class SemivaluesGolden : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
    golden_ = test::load_golden(GetParam());
    const auto rows = [&](const std::string& part) {
      const auto& files = golden_.at("data");
      Dataset data;
      data.features =
          read_npy_matrix(test::golden_folder() / files.at("X_" + part).get<std::string>());
      data.targets =
          read_npy_vector(test::golden_folder() / files.at("y_" + part).get<std::string>());
      data.weights = Vector::Ones(data.rows());
      return data;
    };
    utility_ = neighbor_utility(rows("train"), rows("val"), golden_.at("K").get<Index>());
  }
  [[nodiscard]] Vector wanted(const std::string& name) const {
    const auto values = test::numbers(golden_.at(name));
    return Eigen::Map<const Vector>(values.data(), std::ssize(values));
  }
  nlohmann::json golden_;
  std::unique_ptr<SubsetUtility> utility_;
};
INSTANTIATE_TEST_SUITE_P(Cases, SemivaluesGolden,
                         testing::Values("semivalues_n8_k5", "semivalues_n10_k3"));

TEST_P(SemivaluesGolden, EverySetIsWorthWhatItShould) {
  const std::vector<double> found = test::all_utilities(*utility_);
  test::expect_close(Eigen::Map<const Vector>(found.data(), std::ssize(found)),
                     wanted("utility_by_mask"), 0, 1e-14, "v");
}

TEST_P(SemivaluesGolden, SizeProbabilitiesGiveTheReferenceValues) {
  const std::vector<double> v = test::all_utilities(*utility_);
  const Index n = utility_->rows();
  const auto expect = [&](const std::string& name, const Vector& q) {
    test::expect_close(test::exact_values(v, q), wanted(name), 0, 1e-13, name);
  };
  expect("shapley", beta_size_probabilities(n, 1, 1));
  expect("beta_4_1", beta_size_probabilities(n, 4, 1));
  expect("beta_16_1", beta_size_probabilities(n, 16, 1));
  expect("beta_1_16", beta_size_probabilities(n, 1, 16));
  expect("banzhaf", test::banzhaf_size_probabilities(n));
}

/// 4 methods of 18 rows in all: beyond 4 standard errors by chance in 0.5% of seeds.
TEST_P(SemivaluesGolden, SampledValuesAreWithinFourStandardErrors) {
  const auto expect = [&](const std::string& name, Semivalue kind, SamplingOptions options) {
    options.max_samples = 3000;
    const SampledValues found = sample_values(*utility_, kind, options);
    const Vector exact = wanted(name);
    for (Index i = 0; i < exact.size(); ++i) {
      EXPECT_LE(std::abs(found.values(i) - exact(i)), 4 * found.standard_errors(i) + 1e-13)
          << name << ", row " << i;
      EXPECT_LT(found.standard_errors(i), 0.02);
    }
  };
  expect("shapley", Semivalue::kDataShapley, {});
  expect("beta_16_1", Semivalue::kBetaShapley, {});
  expect("beta_4_1", Semivalue::kBetaShapley, {.alpha = 4, .beta = 1});
  expect("banzhaf", Semivalue::kDataBanzhaf, {});
}

}  // namespace
}  // namespace recant
