// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/shadow_models.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "recant/core/check.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/core/threads.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "recant/model/linear_model.hpp"

// docs/mathematics.md section 6.3.
namespace recant {
namespace {

/// 1 for a random half of the listed rows (one more out than in if odd), 0 for the others.
Vector random_half(SeededRandom& random, std::vector<Index> rows, Index n) {
  random.shuffle(std::span(rows));
  Vector half = Vector::Zero(n);
  for (std::size_t i = 0; i < rows.size() / 2; ++i) half[rows[i]] = 1;
  return half;
}

std::vector<Index> rows_with_weight(ConstVectorRef weights) {
  std::vector<Index> rows;
  for (Index i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) rows.push_back(i);
  }
  return rows;
}

/// Mean and sum of squared deviations of each row over the models that describe it ([Welford1962]).
struct Moments {
  explicit Moments(Index n) : count(Vector::Zero(n)), mean(count), squares(count) {}

  void add(const Vector& values, const Vector& describes) {
    for (Index i = 0; i < values.size(); ++i) {
      if (describes[i] == 0) continue;
      count[i] += 1;
      const double from = values[i] - mean[i];
      mean[i] += from / count[i];
      squares[i] += from * (values[i] - mean[i]);
    }
  }
  Vector count, mean, squares;
};

/// One spread for all, of training and unseen rows alike: another for either would tell them apart.
double shared_spread(const Moments& a, const Moments& b) {
  double squares = 0, freedom = 0;
  for (const Moments* side : {&a, &b}) {
    for (Index i = 0; i < side->count.size(); ++i) {
      if (side->count[i] < 2) continue;
      squares += side->squares[i];
      freedom += side->count[i] - 1;
    }
  }
  return freedom > 0 && squares > 0 ? std::sqrt(squares / freedom) : 1;
}

ShadowReference reference(const Moments& moments, double shared, bool own_spread) {
  constexpr double kLeastSpread = 1e-9;
  const Index n = moments.count.size();
  ShadowReference out{.mean = moments.mean, .spread = Vector::Constant(n, shared)};
  const double described = (moments.count.array() >= 2).cast<double>().sum();
  const double mean =
      described > 0 ? (moments.count.array() >= 2).select(moments.mean, 0).sum() / described : 0;
  for (Index i = 0; i < n; ++i) {
    if (moments.count[i] < 2) {
      out.mean[i] = mean;
    } else if (own_spread) {
      out.spread[i] =
          std::max(std::sqrt(moments.squares[i] / (moments.count[i] - 1)), kLeastSpread * shared);
    }
  }
  return out;
}

struct Shadow {
  Vector training, unseen;                // confidences
  Vector out_of_training, out_of_unseen;  // 1 where this shadow describes the row
  bool converged = true;
};

}  // namespace

Vector confidences(const Objective& objective, ConstVectorRef theta) {
  check_size("theta", theta.size(), objective.parameters());
  const Loss& loss = objective.loss();
  const Eigen::Map<const Matrix> coefficients(theta.data(), objective.width(), loss.outputs());
  Vector out(objective.rows());
  for_each_block(objective.rows(), [&](RowBlock block) {
    Matrix t(block.size(), loss.outputs());
    row_scores(objective.features().block(block), objective.intercept(), coefficients, t);
    for (Index i = 0; i < block.size(); ++i) {
      const double y = objective.targets()[block.begin + i];
      double& value = out[block.begin + i];
      if (loss.kind() == LossKind::kLogistic) {
        value = (2 * y - 1) * t(i, 0);
      } else if (loss.kind() == LossKind::kSquared) {
        value = -(t(i, 0) - y) * (t(i, 0) - y) / 2;
      } else {
        // log(p_y / (1 - p_y)) = t_y - logsumexp of the others.
        const double own = t(i, static_cast<Index>(y));
        t(i, static_cast<Index>(y)) = -std::numeric_limits<double>::infinity();
        const double most = t.row(i).maxCoeff();
        value = own - most - std::log((t.row(i).array() - most).exp().sum());
      }
    }
  });
  return out;
}

ShadowReferences train_shadows(const Objective& objective, ConstVectorRef weights,
                               const Objective& unseen, const ShadowOptions& options,
                               const ProgressCallback& progress) {
  validate(options);
  check_at_least("count of shadow models", options.count, 4);
  check_size("row weights", weights.size(), objective.rows());
  const std::vector<Index> rows = rows_with_weight(weights);
  std::vector<Index> unseen_rows(static_cast<std::size_t>(unseen.rows()));
  for (Index i = 0; i < unseen.rows(); ++i) unseen_rows[static_cast<std::size_t>(i)] = i;

  const auto train_one = [&](Index s) {
    SeededRandom random(options.seed, static_cast<std::uint64_t>(s));
    const Vector in = random_half(random, rows, objective.rows());
    const TrainerResult trained = train(objective, 2 * in.cwiseProduct(weights), options.trainer);
    return Shadow{.training = confidences(objective, trained.theta),
                  .unseen = confidences(unseen, trained.theta),
                  .out_of_training = 1 - in.array(),
                  .out_of_unseen = random_half(random, unseen_rows, unseen.rows()),
                  .converged = trained.converged};
  };
  Moments training(objective.rows()), others(unseen.rows());
  int not_converged = 0;
  // A few at a time, added in order: memory stays small and sums the same.
  const Index together = threads();
  for (Index first = 0; first < options.count; first += together) {
    if (progress) {
      progress({"shadow models", static_cast<double>(first), static_cast<double>(options.count)});
    }
    std::vector<Shadow> shadows(
        static_cast<std::size_t>(std::min<Index>(together, options.count - first)));
    parallel_for(static_cast<Index>(shadows.size()),
                 [&](Index k) { shadows[static_cast<std::size_t>(k)] = train_one(first + k); });
    for (const Shadow& shadow : shadows) {
      training.add(shadow.training, shadow.out_of_training);
      others.add(shadow.unseen, shadow.out_of_unseen);
      not_converged += !shadow.converged;
    }
  }
  const double shared = shared_spread(training, others);
  const bool own = options.count >= options.own_spread_from;
  ShadowReferences out{reference(training, shared, own), reference(others, shared, own)};
  out.training.not_converged = out.unseen.not_converged = not_converged;
  return out;
}

}  // namespace recant
