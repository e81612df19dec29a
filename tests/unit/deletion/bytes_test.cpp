// SPDX-License-Identifier: Apache-2.0
// A deletion state that was stored goes on as one that was not, with the rows that left zeroed in
// the meantime; and no bytes do harm.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "compare.hpp"
#include "expect_error.hpp"
#include "problems.hpp"
#include "recant/certify/bounds.hpp"
#include "recant/core/error.hpp"
#include "recant/core/fingerprint.hpp"
#include "recant/model/trainer.hpp"
#include "recant/unlearn/deletion.hpp"

namespace recant::test {
namespace {

struct Case {
  explicit Case(LossKind kind, Index n = 1500) {
    Random random(11);
    const Loss loss(kind, 3);
    data = made_up_rows(random, n, 3, loss);
    RowMatrix x = data.features.view();
    x.row(5) *= 5;  // among the extreme rows
    data.features = FeatureMatrix(std::move(x));
    objective.emplace(data, loss, true, 2);
    theta = train(*objective, data.weights).theta;
  }
  Dataset data;
  std::optional<Objective> objective;
  Vector theta;

  [[nodiscard]] DeletionState state() const {
    return {*objective,
            theta,
            data.weights,
            {.third_derivative = objective->loss().kind() == LossKind::kLogistic}};
  }
  /// The same rows, those without weight zeroed.
  [[nodiscard]] Objective zeroed(const Vector& weights) const {
    Dataset rest = data;
    RowMatrix x = data.features.view();
    for (Index i = 0; i < weights.size(); ++i) {
      if (weights(i) > 0) continue;
      x.row(i).setZero();
      rest.targets(i) = 0;
    }
    rest.features = FeatureMatrix(std::move(x));
    return {rest, objective->loss(), true, objective->l2()};
  }
};

std::vector<Index> rows_from(Index first, Index count) {
  std::vector<Index> rows;
  for (Index i = 0; i < count; ++i) rows.push_back(first + i);
  return rows;
}

void expect_same_bounds(const DeletionState& a, const DeletionState& b) {
  const Vector theta = a.newton_point();
  EXPECT_TRUE(same_bytes(theta, b.newton_point()));
  for (const FrameKind kind : {FrameKind::kDowndated, FrameKind::kBase}) {
    const DistanceBound step = bound_from_step(a.frame(kind), a.measure_step(theta, kind));
    EXPECT_EQ(step.value, bound_from_step(b.frame(kind), b.measure_step(theta, kind)).value);
  }
  EXPECT_EQ(bound_from_residual(a.frame(), a.measure_residual(theta)).value,
            bound_from_residual(b.frame(), b.measure_residual(theta)).value);
  ASSERT_EQ(a.keeps_third_derivative(), b.keeps_third_derivative());
  if (!a.keeps_third_derivative()) return;
  EXPECT_EQ(bound_from_residual(a.frame(), a.expanded_residual(theta)).value,
            bound_from_residual(b.frame(), b.expanded_residual(theta)).value);
}

class DeletionBytes : public testing::TestWithParam<LossKind> {};
INSTANTIATE_TEST_SUITE_P(Losses, DeletionBytes,
                         testing::Values(LossKind::kLogistic, LossKind::kSquared,
                                         LossKind::kSoftmax));

TEST_P(DeletionBytes, GoesOnAsIfItHadNeverBeenStored) {
  const Case input(GetParam());
  DeletionState state = input.state();
  for (const auto& [first, count] : {std::pair{Index{0}, Index{1}}, {4, 2}, {20, 270}}) {
    ASSERT_EQ(state.delete_rows(rows_from(first, count)), DeletionStatus::kDone);
    state.settle();  // as to_bytes() does for what it writes
    const std::string bytes = state.to_bytes();
    const Objective rest = input.zeroed(state.weights());
    DeletionState again = DeletionState::from_bytes(rest, state.weights(), bytes);
    EXPECT_TRUE(again.to_bytes() == bytes);
    EXPECT_TRUE(same_bytes(again.weights(), state.weights()));
    expect_same_bounds(state, again);
    // And it goes on alike.
    DeletionState further = state;
    const std::vector<Index> next = rows_from(600, 3);
    EXPECT_EQ(further.reweight(next, Vector{{-1, -0.25, 0.5}}),
              again.reweight(next, Vector{{-1, -0.25, 0.5}}));
    EXPECT_TRUE(again.to_bytes() == further.to_bytes());
    expect_same_bounds(further, again);
    EXPECT_TRUE(again.rebuilt_at(input.theta).to_bytes() ==
                further.rebuilt_at(input.theta).to_bytes());
  }
}

/// What a pass told is not stored: with or without it, a state is written as the same bytes.
TEST_P(DeletionBytes, HoldNothingOfAPassThatWasKept) {
  const Case input(GetParam());
  DeletionState state = input.state(), without = input.state();
  static_cast<void>(state.measure_and_keep(state.newton_point()));
  ASSERT_EQ(state.delete_rows(rows_from(4, 3)), DeletionStatus::kDone);
  ASSERT_EQ(without.delete_rows(rows_from(4, 3)), DeletionStatus::kDone);
  ASSERT_TRUE(state.keeps_pass());
  const std::string bytes = state.to_bytes();
  EXPECT_TRUE(bytes == without.to_bytes());
  EXPECT_TRUE(state.keeps_pass());
  const DeletionState again = DeletionState::from_bytes(*input.objective, state.weights(), bytes);
  EXPECT_FALSE(again.keeps_pass());
  state.settle();
  EXPECT_FALSE(state.keeps_pass());
  expect_same_bounds(state, again);
}

TEST_P(DeletionBytes, KeepAStateThatNeedsANewBase) {
  const Case input(GetParam());
  DeletionState state = input.state();
  ASSERT_EQ(state.delete_rows(rows_from(0, 1490)), DeletionStatus::kRebuild);
  const Objective rest = input.zeroed(state.weights());
  const DeletionState again = DeletionState::from_bytes(rest, state.weights(), state.to_bytes());
  EXPECT_EQ(again.status(), DeletionStatus::kRebuild);
  EXPECT_TRUE(again.to_bytes() == state.to_bytes());
  expect_same_bounds(state.rebuilt_at(input.theta), again.rebuilt_at(input.theta));
}

TEST(DeletionBytes, HoldNothingOfARowThatLeft) {
  const Case input(LossKind::kLogistic);
  DeletionState state = input.state();
  // Rows are kept as a direction in single precision, and a length.
  const auto holds = [&](Index row, Index column) {
    const double length = input.objective->row_norms()(row);
    const auto value = static_cast<float>(input.data.features.row(row)(column) / length);
    const std::string_view wanted(reinterpret_cast<const char*>(&value), sizeof value);
    return state.to_bytes().find(wanted) != std::string::npos;
  };
  for (Index column = 0; column < 3; ++column) EXPECT_TRUE(holds(5, column));
  const double before = state.measure_step(Vector::Ones(4)).range;
  ASSERT_EQ(state.delete_rows(rows_from(5, 1)), DeletionStatus::kDone);
  for (Index column = 0; column < 3; ++column) EXPECT_FALSE(holds(5, column));
  EXPECT_LT(state.measure_step(Vector::Ones(4)).range, before);
  expect_error<UsageError>([&] { return state.reweight(rows_from(5, 1), Vector{{1}}); },
                           {"no weight"});
}

TEST(DeletionBytes, RefuseAnotherModelAndOtherWeights) {
  const Case input(LossKind::kLogistic), squared(LossKind::kSquared),
      fewer(LossKind::kLogistic, 1499);
  const std::string bytes = input.state().to_bytes();
  const auto refuses = [&](const Objective& objective, const Vector& weights) {
    expect_error<DamagedError>([&] { return DeletionState::from_bytes(objective, weights, bytes); },
                               {"deletion state"});
  };
  refuses(*squared.objective, input.data.weights);
  refuses(*fewer.objective, fewer.data.weights);
  refuses(Objective(input.data, Loss(), true, 3), input.data.weights);
  refuses(Objective(input.data, Loss(), false, 2), input.data.weights);
  Vector other = input.data.weights;
  other(7) = 0.5;
  refuses(*input.objective, other);
  other(7) = std::numeric_limits<double>::quiet_NaN();
  refuses(*input.objective, other);
  expect_error<UsageError>(
      [&] { return DeletionState::from_bytes(*input.objective, Vector::Ones(3), bytes); },
      {"row weights"});
}

TEST(DeletionBytes, AnyFlipOrCutIsNoticed) {
  const Case input(LossKind::kSoftmax, 40);
  DeletionState state = input.state();
  ASSERT_EQ(state.delete_rows(rows_from(5, 2)), DeletionStatus::kDone);
  const std::string bytes = state.to_bytes();
  const auto refused = [&](const std::string& damaged) {
    try {
      static_cast<void>(DeletionState::from_bytes(*input.objective, state.weights(), damaged));
      return false;
    } catch (const DamagedError&) {
      return true;
    }
  };
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    ASSERT_TRUE(refused(damaged)) << at;
    ASSERT_TRUE(refused(bytes.substr(0, at))) << at;
  }
  EXPECT_TRUE(refused(bytes + std::string(8, '\0')));
}

TEST(DeletionBytes, MadeUpWithARightCheckSumDoNoHarm) {
  const Case input(LossKind::kLogistic, 40);
  DeletionState state = input.state();
  ASSERT_EQ(state.delete_rows(rows_from(5, 2)), DeletionStatus::kDone);
  const std::string bytes = state.to_bytes();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::uint64_t hostile[] = {
      0,
      1,
      39,
      40,
      std::uint64_t{1} << 32,
      std::uint64_t{1} << 61,
      (std::uint64_t{1} << 63) - 1,
      std::uint64_t{1} << 63,
      ~std::uint64_t{0},
      std::bit_cast<std::uint64_t>(nan),
      std::bit_cast<std::uint64_t>(std::numeric_limits<double>::infinity()),
      std::bit_cast<std::uint64_t>(-1.0)};
  int refused = 0, taken = 0;
  for (std::size_t at = 24; at + 16 <= bytes.size(); at += 8) {
    for (const std::uint64_t word : hostile) {
      std::string made_up = bytes;
      std::memcpy(made_up.data() + at, &word, sizeof word);
      Fingerprint check;
      for (std::size_t i = 0; i + 8 < made_up.size(); i += 8) {
        std::uint64_t part = 0;
        std::memcpy(&part, made_up.data() + i, sizeof part);
        check.add(part);
      }
      const std::uint64_t sum = check.value();
      std::memcpy(made_up.data() + made_up.size() - 8, &sum, sizeof sum);
      try {
        DeletionState odd = DeletionState::from_bytes(*input.objective, state.weights(), made_up);
        ++taken;
        if (odd.delete_rows(rows_from(9, 2)) != DeletionStatus::kDone) continue;
        const Vector theta = odd.newton_point();
        EXPECT_FALSE(std::isnan(bound_from_step(odd.frame(), odd.measure_step(theta)).value));
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(taken, 100);
}

}  // namespace
}  // namespace recant::test
