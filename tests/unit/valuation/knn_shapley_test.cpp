// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/knn_shapley.hpp"

#include <gtest/gtest.h>

#include <map>

#include "compare.hpp"
#include "expect_error.hpp"
#include "golden.hpp"
#include "knn_cases.hpp"
#include "recant/core/error.hpp"
#include "recant/data/arrays.hpp"
#include "recant/valuation/knn_ranks.hpp"

namespace recant {
namespace {

using test::enumerate_knn;
using test::expect_close;
using test::knn_rows;
using test::Random;

/// Training and validation rows of the same classes.
struct Case {
  Dataset training, validation;
};
Case made_up(std::uint64_t seed, Index n, Index validation_rows, Index d, Index classes,
             bool grid = false) {
  Random random(seed);
  Case made{knn_rows(random, n, d, classes, grid),
            knn_rows(random, validation_rows, d, classes, grid)};
  return made;
}

TEST(KnnShapley, IsTheShapleyValueOfTheVoteByEnumeration) {
  for (Index n = 1; n <= 12; ++n) {
    for (const bool grid : {false, true}) {
      const Index classes = std::min<Index>(n, 3), validation_rows = n < 10 ? 5 : 3;
      const Case c = made_up(static_cast<std::uint64_t>(n), n, validation_rows, 2, classes, grid);
      for (int k = 1; k <= n; k += n > 8 ? 3 : 1) {
        const KnnShapleyResult found = knn_shapley(c.training, c.validation, {.neighbors = k});
        expect_close(found.values, enumerate_knn(c.training, c.validation, k, true), 0, 1e-13,
                     "n " + std::to_string(n) + " K " + std::to_string(k));
        EXPECT_NEAR(found.values.sum(), found.total(), 1e-13);
        EXPECT_EQ(found.empty_utility, 0);
      }
    }
  }
}

TEST(KnnShapley, IsTheShapleyValueOfTheSquaredErrorByEnumeration) {
  for (Index n = 1; n <= 11; ++n) {
    for (const bool grid : {false, true}) {
      const Case c = made_up(static_cast<std::uint64_t>(n) + 50, n, 3, 2, 0, grid);
      for (int k = 1; k <= n; k += n > 8 ? 3 : 1) {
        for (const std::optional<double> baseline :
             {std::optional<double>(), std::optional<double>(0.0), std::optional<double>(-2.5)}) {
          const double used = baseline.value_or(test::mean_target(c.training));
          const KnnShapleyResult found = knn_shapley_regression(
              c.training, c.validation, {.neighbors = k, .baseline = baseline});
          expect_close(found.values, enumerate_knn(c.training, c.validation, k, false, used), 1e-12,
                       1e-12, "n " + std::to_string(n) + " K " + std::to_string(k));
          EXPECT_NEAR(found.values.sum(), found.total(), 1e-11);
          EXPECT_NEAR(*found.baseline, used, 1e-14);
          double none = 0;
          for (Index v = 0; v < 3; ++v) none -= std::pow(used - c.validation.targets(v), 2) / 3;
          EXPECT_NEAR(found.empty_utility, none, 1e-11);
        }
      }
    }
  }
}

/// Every order of the rows decides ties once; the mean over them is what is shared.
TEST(KnnShapley, SharedTiesAreTheMeanOverAllOrders) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Index n = 6;
    const Case c = made_up(seed + 90, n, 3, 1, 2, true);
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    for (int k = 1; k <= 5; k += 2) {
      Vector sum = Vector::Zero(n);
      double utility = 0, count = 0;
      do {
        const KnnShapleyResult one =
            knn_shapley(test::pick_rows(c.training, order), c.validation, {.neighbors = k});
        for (std::size_t i = 0; i < order.size(); ++i) {
          sum(order[i]) += one.values(static_cast<Index>(i));
        }
        utility += one.utility;
        ++count;
      } while (std::next_permutation(order.begin(), order.end()));
      const KnnShapleyResult shared =
          knn_shapley(c.training, c.validation, {.neighbors = k, .ties = TieRule::kShared});
      expect_close(shared.values, Vector(sum / count), 0, 1e-12, "K " + std::to_string(k));
      EXPECT_NEAR(shared.utility, utility / count, 1e-12);
      EXPECT_NEAR(shared.values.sum(), shared.total(), 1e-13);
    }
  }
}

TEST(KnnShapley, WithoutTiesSharingChangesNothing) {
  const Case c = made_up(7, 300, 40, 4, 3);
  const Vector a = knn_shapley(c.training, c.validation).values;
  const Vector b = knn_shapley(c.training, c.validation, {.ties = TieRule::kShared}).values;
  expect_close(b, a, 1e-13, 0, "values");
}

/// What symmetry is true. Rows of the same features and class: shared ties give them one value to
/// the last bit, always. By row number they get one value where no row of another class at the same
/// distance stands between them.
TEST(KnnShapley, IdenticalRows) {
  Random random(3);
  Dataset once = knn_rows(random, 400, 5, 3, false);
  const Dataset validation = knn_rows(random, 60, 5, 3, false);
  std::vector<Index> twice = random.permutation(400);
  const std::vector<Index> again = random.permutation(400);
  twice.insert(twice.end(), again.begin(), again.end());
  const Dataset doubled = test::pick_rows(once, twice);
  for (const TieRule ties : {TieRule::kRowNumber, TieRule::kShared}) {
    const Vector values = knn_shapley(doubled, validation, {.neighbors = 4, .ties = ties}).values;
    std::map<Index, double> first;
    for (Index i = 0; i < 800; ++i) {
      const auto [at, is_new] = first.emplace(twice[static_cast<std::size_t>(i)], values(i));
      if (!is_new) {
        EXPECT_EQ(at->second, values(i)) << i;
      }
    }
  }
  // The counterexample by row number: another class between them.
  Dataset three;
  three.features = FeatureMatrix(RowMatrix(RowMatrix::Zero(3, 1)));
  three.targets = Vector::Zero(3);
  three.targets(1) = 1;
  three.weights = Vector::Ones(3);
  Dataset two = three;
  two.features = FeatureMatrix(RowMatrix(RowMatrix::Ones(2, 1)));
  two.targets = three.targets.head(2);
  const Vector by_number = knn_shapley(three, two, {.neighbors = 1}).values;
  EXPECT_NE(by_number(0), by_number(2));
  const Vector shared = knn_shapley(three, two, {.neighbors = 1, .ties = TieRule::kShared}).values;
  EXPECT_EQ(shared(0), shared(2));
}

/// Permuting rows permutes values: without ties by row number, with ties by sharing them. The
/// rounded distances of the matrix product differ between places, the values do not.
TEST(KnnShapley, FollowsTheRowsWhenTheyAreReordered) {
  for (const bool grid : {false, true}) {
    const Case c = made_up(11, 1500, 50, 7, 2, grid);
    const KnnShapleyOptions options{.ties = grid ? TieRule::kShared : TieRule::kRowNumber};
    Random random(12);
    const auto order = random.permutation(1500);
    const Vector here = knn_shapley(c.training, c.validation, options).values;
    const Vector there =
        knn_shapley(test::pick_rows(c.training, order), c.validation, options).values;
    EXPECT_TRUE(test::same_bytes(there, test::pick(here, order)));
  }
}

/// A row behind all others that does not match is a null player: 19 of 20 games give it 0.
TEST(KnnShapley, ANullRowIsWorthNothing) {
  Case c = made_up(13, 40, 20, 2, 2);
  RowMatrix x(41, 2);
  x.topRows(40) = c.training.features.view();
  x.row(40).setConstant(1e6);
  c.training.features = FeatureMatrix(x);
  c.training.targets.conservativeResize(41);
  c.training.targets(40) = 2;  // a class that nobody has: it only ever stands behind all others
  c.training.weights = Vector::Ones(41);
  c.validation.targets(0) = 2;  // far from everything, so that the class is not missing
  const KnnShapleyResult all = knn_shapley(c.training, c.validation, {.neighbors = 3});
  c.training.weights(40) = 0;
  c.validation.targets(0) = 1;  // with the row, its class is gone
  const KnnShapleyResult without = knn_shapley(c.training, c.validation, {.neighbors = 3});
  EXPECT_EQ(without.values(40), 0);
  EXPECT_EQ(without.rows_valued, 40);
  // It matches the first validation row alone, from the last rank: 1/41 of its game of 20.
  EXPECT_NEAR(all.values(40), 1.0 / 41 / 20, 1e-15);
}

TEST(KnnShapley, OneValidationRowAfterTheOtherIsTheMean) {
  const Case c = made_up(17, 500, 33, 3, 0);
  const Vector all = knn_shapley_regression(c.training, c.validation).values;
  Vector sum = Vector::Zero(500);
  for (Index v = 0; v < 33; ++v) {
    sum += knn_shapley_regression(c.training, slice(c.validation, {v, v + 1})).values;
  }
  EXPECT_TRUE(test::same_bytes(all, Vector(sum / 33)));
}

TEST(KnnShapley, SameBytesForAnyThreads) {
  for (const bool grid : {false, true}) {
    const Case c = made_up(19, 3000, 300, 6, 3, grid);
    Vector one, one_regression, one_truncated;
    for (const int count : {1, 2, 5}) {
      const test::WithThreads threads(count);
      const Vector now = knn_shapley(c.training, c.validation).values;
      const Vector regression = knn_shapley_regression(c.training, c.validation).values;
      const Vector truncated = knn_shapley(c.training, c.validation, {.truncate = 0.01}).values;
      if (count == 1) {
        one = now;
        one_regression = regression;
        one_truncated = truncated;
      }
      EXPECT_TRUE(test::same_bytes(now, one)) << count;
      EXPECT_TRUE(test::same_bytes(regression, one_regression)) << count;
      EXPECT_TRUE(test::same_bytes(truncated, one_truncated)) << count;
    }
  }
}

/// The recursion over a plain sort.
Vector plainly(const Case& c, int k) {
  const Index n = c.training.rows(), count = c.validation.rows();
  Vector values = Vector::Zero(n);
  for (Index v = 0; v < count; ++v) {
    const auto order = test::naive_order(c.training, c.validation, v);
    double value = 0, behind = 0;
    for (Index i = n; i > 0; --i) {
      const Index row = order[static_cast<std::size_t>(i - 1)];
      const double match = c.training.targets(row) == c.validation.targets(v);
      value += (match - behind) / k * static_cast<double>(std::min<Index>(k, i)) /
               static_cast<double>(i);
      behind = match;
      values(row) += value / static_cast<double>(count);
    }
  }
  return values;
}

/// At sizes around those of blocks, pieces and sorts.
TEST(KnnShapley, IsTheRecursionOverAPlainSort) {
  for (const Index n : {255, 256, 257, 1023, 1024, 1025, 2500}) {
    for (const Index d : {1, 3, 8, 21}) {
      const Case c = made_up(static_cast<std::uint64_t>(n * d), n, 9, d, 2, d == 3);
      expect_close(knn_shapley(c.training, c.validation, {.neighbors = 7}).values, plainly(c, 7),
                   1e-12, 0, std::to_string(n) + " x " + std::to_string(d));
    }
  }
  for (const bool grid : {false, true}) {  // many rows are sorted in other digits
    const Case c = made_up(22, 150'000, 2, 2, 2, grid);
    expect_close(knn_shapley(c.training, c.validation, {.neighbors = 7}).values, plainly(c, 7),
                 1e-12, 0, "many");
  }
}

/// Features far from 0 and close together: |x|^2 - 2 x^T v + |v|^2 keeps no digit of the distance
/// unless rows are centred, and an outlier takes all steps of the sort to itself.
TEST(KnnShapley, DistancesThatRoundingWouldHide) {
  for (const bool outlier : {false, true}) {
    Case c = made_up(23, 700, 12, 3, 2);
    const auto moved = [&](const Dataset& data) {
      RowMatrix x = data.features.view();
      for (Index i = 0; i < x.rows(); ++i) x(i, 1) += 1e9;
      if (outlier && x.rows() > 100) x.row(50).setConstant(1e12);
      return FeatureMatrix(std::move(x));
    };
    c.training.features = moved(c.training);
    c.validation.features = moved(c.validation);
    expect_close(knn_shapley(c.training, c.validation).values, plainly(c, 5), 1e-12, 0, "values");
  }
}

/// A power of two scales every distance exactly: the values keep their bits up to where a distance
/// might overflow, and from there on there are none. Signs vary, so that distances exceed |x -
/// mu|^2 four times.
TEST(KnnShapley, FeaturesAreRefusedBeforeTheirDistancesOverflow) {
  Case c = made_up(46, 60, 25, 3, 2);
  const auto scaled = [](const Dataset& data, double scale) {
    Dataset out = data;
    RowMatrix x = data.features.view();
    for (Index i = 0; i < x.rows(); ++i) x.row(i) *= i % 2 == 0 ? scale : -scale;
    out.features = FeatureMatrix(std::move(x));
    return out;
  };
  const Vector wanted = knn_shapley(scaled(c.training, 1), scaled(c.validation, 1)).values;
  int valued = 0, refused = 0;
  for (int power = 500; power < 516; ++power) {
    const double scale = std::ldexp(1.0, power);
    const Dataset training = scaled(c.training, scale), validation = scaled(c.validation, scale);
    try {
      const Vector found = knn_shapley(training, validation).values;
      EXPECT_TRUE(test::same_bytes(found, wanted)) << "2^" << power;
      EXPECT_EQ(refused, 0) << "2^" << power;
      ++valued;
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find("too large"), std::string::npos) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(valued, 5);
  EXPECT_GT(refused, 3);
  // Of one side alone, at 1e153 of single features.
  for (const bool ours : {true, false}) {
    test::expect_error<DataError>(
        [&] {
          return knn_shapley(scaled(c.training, ours ? 9e153 : 1),
                             scaled(c.validation, ours ? 1 : 9e153));
        },
        {"features", ours ? "training row" : "validation row", "scale the features"});
  }
}

TEST(KnnShapley, TruncationKeepsItsPromise) {
  double worst = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    const Index n = 2 + random.below(60), k = 1 + random.below(std::min<Index>(n, 9));
    const double eps = 1 / random.between(1, 30);
    Dataset training = knn_rows(random, n, 1, 2, seed % 3 == 0);
    const Dataset validation = knn_rows(random, 2, 1, 2, seed % 3 == 0);
    const KnnShapleyOptions exact{.neighbors = static_cast<int>(k)};
    KnnShapleyOptions rough = exact;
    rough.truncate = eps;
    const KnnShapleyResult found = knn_shapley(training, validation, rough);
    const Vector error = found.values - knn_shapley(training, validation, exact).values;
    ASSERT_LE(test::largest(error), found.error_bound * (1 + 1e-12) + 1e-15) << seed;
    ASSERT_LT(found.error_bound, eps) << seed;
    if (found.error_bound > 0) worst = std::max(worst, test::largest(error) / found.error_bound);
    if (found.error_bound == 0) {
      ASSERT_EQ(test::largest(error), 0) << seed;
    }
  }
  EXPECT_GT(worst, 0.5) << "the bound is not reached anywhere: it says too little";
}

TEST(KnnShapley, TruncatedValuesBeyondTheLastRankAreZero) {
  const Case c = made_up(29, 2000, 1, 3, 1);
  const KnnShapleyResult found = knn_shapley(c.training, c.validation, {.truncate = 0.02});
  EXPECT_EQ((found.values.array() != 0).count(), 0) << "one class: every match stands before one";
  const Case two = made_up(31, 2000, 2, 3, 2);
  const KnnShapleyResult more = knn_shapley(two.training, two.validation, {.truncate = 0.02});
  EXPECT_LE((more.values.array() != 0).count(), 100);
  EXPECT_GT((more.values.array() != 0).count(), 20);
  EXPECT_EQ(more.error_bound, 1.0 / 51);
}

/// A class whose rows all weigh 0 is not there: nothing is missing on the other side.
TEST(KnnShapley, AClassOfWeightZeroIsNotLookedFor) {
  test::Random random(31);
  Dataset training = test::knn_rows(random, 20, 2, 3, false);
  const Dataset validation = test::knn_rows(random, 6, 2, 2, false);
  for (Index i = 0; i < 20; ++i) training.weights(i) = training.targets(i) != 2;
  const KnnShapleyResult found = knn_shapley(training, validation);
  EXPECT_NEAR(found.values.sum(), found.utility - found.empty_utility, 1e-13);
  training.weights.setOnes();
  test::expect_error<DataError>([&] { return knn_shapley(training, validation); }, {"class 2"});
  // Wanted, but there only with weight 0.
  Dataset without = training;
  for (Index i = 0; i < 20; ++i) without.weights(i) = without.targets(i) != 1;
  test::expect_error<DataError>(
      [&] { return knn_shapley(without, test::knn_rows(random, 6, 2, 3, false)); },
      {"class 1", "no training row"});
}

TEST(KnnShapley, RowsOfWeightZeroTakeNoPart) {
  for (const bool grid : {false, true}) {
    Case c = made_up(37, 600, 30, 4, 2, grid);
    std::vector<Index> kept;
    for (Index i = 0; i < 600; ++i) {
      if (i % 7 == 3)
        c.training.weights(i) = 0;
      else
        kept.push_back(i);
    }
    const Dataset smaller = test::pick_rows(c.training, kept);
    const KnnShapleyResult here = knn_shapley(c.training, c.validation);
    EXPECT_TRUE(
        test::same_bytes(test::pick(here.values, kept), knn_shapley(smaller, c.validation).values));
    EXPECT_FALSE(here.weights_ignored);
    c.training.weights(0) = 2;
    EXPECT_TRUE(knn_shapley(c.training, c.validation).weights_ignored);
  }
}

TEST(KnnShapley, AddingANumberToEveryTargetChangesNothing) {
  Case c = made_up(41, 200, 20, 3, 0);
  const Vector here = knn_shapley_regression(c.training, c.validation).values;
  c.training.targets.array() += 1000;
  c.validation.targets.array() += 1000;
  expect_close(knn_shapley_regression(c.training, c.validation).values, here, 1e-9, 0, "moved");
}

TEST(KnnShapley, ErrorsNameWhatIsWrong) {
  const Case c = made_up(43, 12, 6, 2, 2);
  const auto with = [&](const KnnShapleyOptions& options) {
    return [&, options] { return knn_shapley(c.training, c.validation, options); };
  };
  test::expect_error<UsageError>(with({.neighbors = 0}), {"neighbors", "0"});
  test::expect_error<UsageError>(with({.neighbors = -1}), {"neighbors", "-1"});
  test::expect_error<UsageError>(with({.neighbors = 13}),
                                 {"neighbors must be at most the 12", "13"});
  EXPECT_NO_THROW(with({.neighbors = 12})());
  for (const double bad : {0.0, -1.0, std::nan(""), static_cast<double>(INFINITY)}) {
    test::expect_error<UsageError>(with({.truncate = bad}), {"truncate"});
  }
  test::expect_error<UsageError>(with({.truncate = 0.1, .ties = TieRule::kShared}), {"ties"});
  EXPECT_NO_THROW(with({.truncate = 1e-300})());
  const auto regression = [&](const KnnShapleyOptions& options) {
    return [&, options] { return knn_shapley_regression(c.training, c.validation, options); };
  };
  test::expect_error<UsageError>(regression({.truncate = 0.1}), {"truncate", "classification"});
  test::expect_error<UsageError>(regression({.ties = TieRule::kShared}),
                                 {"ties", "classification"});
  for (const double bad : {std::nan(""), 1e200, -1e200}) {
    test::expect_error<UsageError>(regression({.baseline = bad}), {"baseline"});
    for (const bool ours : {true, false}) {
      test::expect_error<DataError>(
          [&] {
            Dataset training = c.training, validation = c.validation;
            (ours ? training : validation).targets(3) = bad;
            return knn_shapley_regression(training, validation);
          },
          {ours ? "training" : "validation", "row 3", "target"});
    }
  }
  test::expect_error<UsageError>([] { return tie_rule("random"); }, {"row_number", "random"});
  EXPECT_EQ(tie_rule(name(TieRule::kShared)), TieRule::kShared);

  const auto broken = [&](const std::function<void(Dataset&, Dataset&)>& change) {
    return [&, change] {
      Dataset training = c.training, validation = c.validation;
      change(training, validation);
      return knn_shapley(training, validation);
    };
  };
  using D = Dataset;
  test::expect_error<DataError>(broken([](D&, D& v) {
                                  v = slice(v, {0, 0});
                                }),
                                {"no validation row"});
  test::expect_error<DataError>(broken([](D&, D& v) { v.targets.setZero(); }),
                                {"validation", "class 1"});
  test::expect_error<DataError>(broken([](D& t, D& v) {
                                  t.class_names = {"no", "yes"};
                                  v.targets.setZero();
                                }),
                                {"'yes'"});
  test::expect_error<DataError>(broken([](D&, D& v) { v.targets(2) = 2; }), {"class 2"});
  test::expect_error<UsageError>(broken([](D& t, D&) { t.targets(2) = 0.5; }),
                                 {"training", "row 2"});
  test::expect_error<UsageError>(broken([](D&, D& v) { v.targets(2) = NAN; }),
                                 {"validation", "row 2"});
  const auto set = [](D& data, double value) {
    RowMatrix x = data.features.view();
    x(3, 1) = value;
    data.features = FeatureMatrix(std::move(x));
  };
  for (const double bad : {std::nan(""), static_cast<double>(INFINITY), 1e200}) {
    test::expect_error<DataError>(broken([&](D& t, D&) { set(t, bad); }), {"features", "training"});
    test::expect_error<DataError>(broken([&](D&, D& v) { set(v, bad); }),
                                  {"features", "validation row 3"});
  }
  test::expect_error<UsageError>(
      broken([](D&, D& v) { v.features = FeatureMatrix(RowMatrix(RowMatrix::Zero(6, 3))); }),
      {"3 columns", "2"});
  for (const double bad : {-1.0, std::nan("")}) {
    test::expect_error<UsageError>(broken([&](D& t, D&) { t.weights(4) = bad; }), {"row 4"});
  }
  test::expect_error<UsageError>(broken([](D& t, D&) { t.weights.setZero(); }), {"weight"});
}

TEST(KnnShapley, ProgressMayStopIt) {
  const Case c = made_up(47, 100, 40, 2, 2);
  EXPECT_THROW(
      static_cast<void>(knn_shapley(c.training, c.validation, {},
                                    [](const Progress&) { throw std::runtime_error("stop"); })),
      std::runtime_error);
}

class KnnGolden : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Cases, KnnGolden,
                         testing::Values("knn_shapley_k5", "semivalues_n10_k3", "semivalues_n8_k5"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST_P(KnnGolden, IsTheReferenceValue) {
  if (!test::golden_available()) GTEST_SKIP() << test::kNoGolden;
  const auto golden = test::load_golden(GetParam());
  const auto read = [&](const std::string& part) {
    const auto file = [&](const std::string& key) {
      return test::golden_folder() / golden.at("data").at(key + "_" + part).get<std::string>();
    };
    return read_arrays(
        {.features = file("X"), .targets = file("y"), .groups = {}, .row_weights = {}});
  };
  const KnnShapleyOptions options{.neighbors = golden.at("K").get<int>()};
  const bool large = golden.contains("knn_shapley");
  const auto wanted = test::numbers(golden.at(large ? "knn_shapley" : "shapley"));
  for (const TieRule ties : {TieRule::kRowNumber, TieRule::kShared}) {
    KnnShapleyOptions ruled = options;
    ruled.ties = ties;
    const KnnShapleyResult found = knn_shapley(read("train"), read("val"), ruled);
    expect_close(found.values, Eigen::Map<const Vector>(wanted.data(), std::ssize(wanted)), 0,
                 1e-13, GetParam());
    if (large) {
      EXPECT_NEAR(found.total(), golden.at("sum").get<double>(), 1e-13);
    }
  }
}

}  // namespace
}  // namespace recant
