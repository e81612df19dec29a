// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/membership.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/linalg/row_kernels.hpp"

// docs/mathematics.md section 6.3.
namespace recant {
namespace {

struct Halves {
  Vector set, measure;
};

Halves split(ConstVectorRef scores, SeededRandom& random) {
  std::vector<double> shuffled(scores.begin(), scores.end());
  random.shuffle(std::span(shuffled));
  const Eigen::Map<const Vector> all(shuffled.data(), scores.size());
  const Index half = scores.size() / 2;
  return {all.head(half), all.tail(scores.size() - half)};
}

Rate above(const Vector& scores, double threshold, double confidence) {
  return rate((scores.array() > threshold).count(), scores.size(), confidence);
}

OperatingPoint measure(double aimed, double threshold, const Halves& members, const Halves& others,
                       double confidence) {
  return {.aimed_fpr = aimed,
          .threshold = threshold,
          .tpr = above(members.measure, threshold, confidence),
          .fpr = above(others.measure, threshold, confidence),
          .resolved = aimed * static_cast<double>(others.set.size()) >= 1};
}

/// The lowest threshold with at most aimed * n false positives on the first half.
OperatingPoint at_rate(double aimed, const std::vector<RocPoint>& curve, const Halves& members,
                       const Halves& others, double confidence) {
  const double allowed = aimed * static_cast<double>(others.set.size()) * (1 + 1e-12);
  double threshold = others.set.maxCoeff();
  for (const RocPoint& point : curve) {
    if (static_cast<double>(point.false_positives) > allowed) break;
    threshold = point.threshold;
  }
  return measure(aimed, threshold, members, others, confidence);
}

double best_threshold(const std::vector<RocPoint>& curve, Index members, Index others) {
  double best = -std::numeric_limits<double>::infinity(), threshold = 0;
  for (const RocPoint& point : curve) {
    const double advantage =
        static_cast<double>(point.true_positives) / static_cast<double>(members) -
        static_cast<double>(point.false_positives) / static_cast<double>(others);
    if (!(advantage > best)) continue;
    best = advantage;
    threshold = point.threshold;
  }
  return threshold;
}

Vector losses(const Objective& objective, ConstVectorRef theta) {
  const Loss& loss = objective.loss();
  const Eigen::Map<const Matrix> coefficients(theta.data(), objective.width(), loss.outputs());
  Vector out(objective.rows());
  for_each_block(objective.rows(), [&](RowBlock block) {
    Matrix scores(block.size(), loss.outputs()), residuals(block.size(), loss.outputs());
    row_scores(objective.features().block(block), objective.intercept(), coefficients, scores);
    loss.evaluate(scores, objective.targets().segment(block.begin, block.size()),
                  out.segment(block.begin, block.size()), residuals);
  });
  return out;
}

/// The scores of one model.
struct Scores {
  Vector deleted, retained, unseen;
};

struct Rows {
  std::vector<Index> deleted, retained;
};

Rows rows_of(std::span<const Index> deleted, ConstVectorRef weights) {
  Rows rows{.deleted = {deleted.begin(), deleted.end()}};
  std::vector<char> gone(static_cast<std::size_t>(weights.size()), 0);
  for (const Index row : deleted) {
    if (!(row >= 0 && row < weights.size())) {
      throw UsageError(
          fmt::format("row must be between 0 and {}, but is {}", weights.size() - 1, row));
    }
    if (gone[static_cast<std::size_t>(row)]++) {
      throw UsageError(fmt::format("row {} is listed twice", row));
    }
  }
  for (Index i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0 && !gone[static_cast<std::size_t>(i)]) rows.retained.push_back(i);
  }
  return rows;
}

void check(const Objective& objective, ConstVectorRef weights, const AuditedModels& models,
           const Dataset& unseen, const MembershipOptions& options) {
  validate(options);
  check_size("row weights", weights.size(), objective.rows());
  for (const auto* theta : {&models.original, &models.unlearned, &models.retrained}) {
    check_size("theta", theta->size(), objective.parameters());
  }
  if (!(options.false_alarm > 0 && options.false_alarm < 1)) {
    throw UsageError(
        fmt::format("false_alarm must be between 0 and 1, but is {}", options.false_alarm));
  }
  if (unseen.features.columns() != objective.features().columns()) {
    throw DataError(fmt::format("the unseen rows have {} features, but the training rows {}",
                                unseen.features.columns(), objective.features().columns()));
  }
}

void check_enough(std::size_t deleted, std::size_t retained, Index unseen) {
  const auto check_one = [](std::string_view what, std::size_t rows) {
    if (rows >= 2) return;
    throw DataError(
        fmt::format("membership inference needs at least 2 {} rows, but there are {}", what, rows));
  };
  check_one("deleted", deleted);
  check_one("retained", retained);
  check_one("unseen", static_cast<std::size_t>(unseen));
}

ForgettingVerdict judge(const AucDifference& difference, Index deleted, Index unseen,
                        double tolerance) {
  if (std::min(deleted, unseen) < kFewestRows) return ForgettingVerdict::kTooFewRows;
  if (difference.low > tolerance) return ForgettingVerdict::kUnderForgotten;
  if (difference.high < -tolerance) return ForgettingVerdict::kOverForgotten;
  return ForgettingVerdict::kAsRetrained;
}

/// Scores by one attack under one model: of the rows of the objective, and of those outside it.
struct AllScores {
  Vector training, outside;
};

/// The rows of both, one after the other: features, targets and weights.
Dataset stacked(const Dataset& first, const Dataset& second) {
  Dataset out;
  RowMatrix x(first.rows() + second.rows(), first.features.columns());
  for (Index i = 0; i < first.rows(); ++i) x.row(i) = first.features.row(i);
  for (Index i = 0; i < second.rows(); ++i) x.row(first.rows() + i) = second.features.row(i);
  out.features = FeatureMatrix(std::move(x));
  out.targets.resize(out.rows());
  out.targets << first.targets, second.targets;
  out.weights = Vector::Ones(out.rows());
  return out;
}

AttackAudit attack_one(MembershipAttack kind, const Scores& original, const Scores& after,
                       const Scores& truth, const MembershipOptions& options) {
  const double attacks = options.shadows ? 2 : 1;
  const auto attacked = [&](const Scores& of) {
    return ModelUnderAttack{
        .deleted = attack(of.deleted, of.unseen, options.confidence, options.seed),
        .retained = attack(of.retained, of.unseen, options.confidence, options.seed)};
  };
  AttackAudit audit{.attack = kind,
                    .original = attacked(original),
                    .unlearned = attacked(after),
                    .retrained = attacked(truth),
                    .difference_confidence = 1 - options.false_alarm / attacks};
  audit.difference = auc_difference(truth.deleted, truth.unseen, after.deleted, after.unseen,
                                    audit.difference_confidence);
  audit.verdict =
      judge(audit.difference, after.deleted.size(), after.unseen.size(), options.tolerance);
  return audit;
}

/// by_rows(scores) tells the three kinds of rows apart.
template <class ByRows>
MembershipAudit attack_all(const Objective& objective, ConstVectorRef weights,
                           const Objective& others, const AuditedModels& models,
                           const ByRows& by_rows, const MembershipOptions& options,
                           const ProgressCallback& progress) {
  MembershipAudit out;
  const auto run = [&](MembershipAttack kind, const auto& score) {
    out.attacks.push_back(attack_one(kind, by_rows(score(models.original)),
                                     by_rows(score(models.unlearned)),
                                     by_rows(score(models.retrained)), options));
  };
  run(MembershipAttack::kLoss, [&](ConstVectorRef theta) {
    return AllScores{-losses(objective, theta), -losses(others, theta)};
  });
  if (!options.shadows) return out;
  const ShadowReferences shadows =
      train_shadows(objective, weights, others, *options.shadows, progress);
  out.shadows_not_converged = shadows.training.not_converged;
  run(MembershipAttack::kLira, [&](ConstVectorRef theta) {
    return AllScores{shadows.training.scores(confidences(objective, theta)),
                     shadows.unseen.scores(confidences(others, theta))};
  });
  return out;
}

}  // namespace

std::string_view name(MembershipAttack attack) noexcept {
  return attack == MembershipAttack::kLoss ? "loss" : "lira";
}

std::string_view name(ForgettingVerdict verdict) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"as_retrained", "under_forgotten",
                                                      "over_forgotten", "too_few_rows"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::string_view describe(ForgettingVerdict verdict) noexcept {
  constexpr std::array<std::string_view, 4> kTexts = {
      "the attack tells deleted rows from unseen ones no better and no worse than after "
      "retraining, "
      "as far as these rows show",
      "deleted rows look more like members than after retraining: they are not forgotten",
      "deleted rows look less like members than after retraining: they stand out as removed",
      "there are too few rows for a verdict, deleted or unseen"};
  return kTexts[static_cast<std::size_t>(verdict)];
}

AttackResult attack(ConstVectorRef members, ConstVectorRef others, double confidence,
                    std::uint64_t seed) {
  check_at_least("number of members", members.size(), 2);
  check_at_least("number of others", others.size(), 2);
  AttackResult out{.rows = members.size(),
                   .unseen_rows = others.size(),
                   .auc = auc(members, others, confidence)};
  SeededRandom random(seed, 0);
  const Halves in = split(members, random), rest = split(others, random);
  const auto curve = roc_curve(in.set, rest.set);
  out.at_one_in_thousand = at_rate(0.001, curve, in, rest, confidence);
  out.at_one_percent = at_rate(0.01, curve, in, rest, confidence);
  const double threshold = best_threshold(curve, in.set.size(), rest.set.size());
  const double each = 1 - (1 - confidence) / 2;
  const OperatingPoint best = measure(0, threshold, in, rest, each);
  out.advantage = best.tpr.value - best.fpr.value;
  out.advantage_low = best.tpr.low - best.fpr.high;
  out.advantage_high = best.tpr.high - best.fpr.low;
  return out;
}

MembershipAudit audit_membership(const Objective& objective, ConstVectorRef weights,
                                 const AuditedModels& models, std::span<const Index> deleted,
                                 const Dataset& unseen, const MembershipOptions& options,
                                 const ProgressCallback& progress) {
  check(objective, weights, models, unseen, options);
  const Rows rows = rows_of(deleted, weights);
  check_enough(rows.deleted.size(), rows.retained.size(), unseen.rows());
  const Objective others(unseen, objective.loss(), objective.intercept(), objective.l2());
  const auto by_rows = [&](const AllScores& all) {
    return Scores{all.training(rows.deleted), all.training(rows.retained), all.outside};
  };
  return attack_all(objective, weights, others, models, by_rows, options, progress);
}

MembershipAudit audit_membership(const Objective& objective, ConstVectorRef weights,
                                 const AuditedModels& models, const Dataset& deleted,
                                 const Dataset& unseen, const MembershipOptions& options,
                                 const ProgressCallback& progress) {
  check(objective, weights, models, unseen, options);
  check_size("features of a deleted row", deleted.features.columns(),
             objective.features().columns());
  const Rows rows = rows_of({}, weights);
  check_enough(static_cast<std::size_t>(deleted.rows()), rows.retained.size(), unseen.rows());
  const Objective others(stacked(deleted, unseen), objective.loss(), objective.intercept(),
                         objective.l2());
  const auto by_rows = [&](const AllScores& all) {
    return Scores{all.outside.head(deleted.rows()), all.training(rows.retained),
                  all.outside.tail(unseen.rows())};
  };
  return attack_all(objective, weights, others, models, by_rows, options, progress);
}

}  // namespace recant
