// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "audit_sentences.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/fingerprint.hpp"
#include "recant/core/stopwatch.hpp"

namespace recant {
namespace {

constexpr double kExact = 1e-13;  // tolerance of everything that is trained for an audit

void check_shapes(const FittedModel& audited, const Dataset* deleted, const FittedModel* before,
                  const Dataset* test) {
  const auto fits = [&](const Dataset& rows, const char* what) {
    if (rows.rows() == 0) throw DataError("has no row", what);
    check_size(what, rows.features.columns(), audited.model.features);
  };
  if (deleted != nullptr) fits(*deleted, "features of a deleted row");
  if (test != nullptr) fits(*test, "features of a test row");
  if (before == nullptr) return;
  const LinearModel &a = audited.model, &b = before->model;
  if (a.loss.kind() != b.loss.kind() || a.loss.outputs() != b.loss.outputs() ||
      a.features != b.features || a.intercept != b.intercept ||
      audited.rows.class_names != before->rows.class_names) {
    throw DataError("is not the audited model before a deletion: loss, classes or features differ",
                    "before");
  }
}

/// The optimum on the rows that count and the deleted ones, without forming their union: its
/// gradient is theirs added, so it is found from the retrained model by Newton steps.
class WithDeletedRows {
 public:
  WithDeletedRows(const FittedModel& audited, const Dataset& deleted)
      : kept_(audited.objective()),
        weights_(audited.rows.weights),
        gone_(deleted, audited.model.loss, audited.model.intercept, audited.l2),
        ones_(Vector::Ones(deleted.rows())) {}

  [[nodiscard]] Vector minimise(Vector theta) const {
    constexpr int kMostSteps = 200;
    Value at = value(theta);
    for (int step = 0; step < kMostSteps && at.gradient.norm() > kExact * at.gross; ++step) {
      const Vector direction = solve(theta, at.gradient);
      double size = 1;
      Value next = value(theta - direction);
      // Backtracking as in training; near the optimum a rise within rounding is none.
      while (!(next.value <=
               at.value - 1e-4 * size * direction.dot(at.gradient) + 1e-13 * std::abs(at.value)) &&
             size > 1e-10) {
        size /= 2;
        next = value(theta - size * direction);
      }
      if (!(next.gradient.norm() < at.gradient.norm()) && !(next.value < at.value)) break;
      theta -= size * direction;
      at = std::move(next);
    }
    return theta;
  }

 private:
  struct Value {
    double value = 0, gross = 0;
    Vector gradient;
  };
  [[nodiscard]] Value value(ConstVectorRef theta) const {
    const auto kept = kept_.evaluate(theta, weights_);
    const auto gone = gone_.evaluate(theta, ones_);
    const double l2 = kept_.l2();
    return {kept.value + gone.data_loss, std::max(1.0, kept.gross + gone.gross),
            kept.gradient + gone.gradient - l2 * theta};
  }
  [[nodiscard]] Vector solve(ConstVectorRef theta, ConstVectorRef gradient) const {
    Matrix hessian = kept_.hessian(theta, weights_) + gone_.hessian(theta, ones_);
    hessian.diagonal().array() -= kept_.l2();  // counted twice
    const auto factor = Cholesky::factor(hessian);
    if (!factor) throw DataError("the Hessian has no factor in double precision", "audit");
    return factor->solve(gradient);
  }

  Objective kept_;
  const Vector& weights_;
  Objective gone_;
  Vector ones_;
};

std::uint64_t fingerprint(const Dataset& data, Index row) {
  Fingerprint print;
  print.add(
      std::span(data.features.row(row).data(), static_cast<std::size_t>(data.features.columns())));
  print.add(data.targets[row]);
  return print.value();
}

/// How many deleted rows stand, to the last bit, among the rows that count.
Index twins(const FittedModel& audited, const Dataset& deleted) {
  std::unordered_set<std::uint64_t> gone;
  for (Index i = 0; i < deleted.rows(); ++i) gone.insert(fingerprint(deleted, i));
  std::unordered_set<std::uint64_t> both;
  for (Index i = 0; i < audited.rows.rows(); ++i) {
    if (!(audited.rows.weights[i] > 0)) continue;
    const std::uint64_t print = fingerprint(audited.rows, i);
    if (gone.contains(print)) both.insert(print);
  }
  Index count = 0;
  for (Index i = 0; i < deleted.rows(); ++i) count += both.contains(fingerprint(deleted, i));
  return count;
}

/// The deleted row whose direction the guess comes nearest to.
Index nearest(const Reconstruction& guess, const Dataset& deleted) {
  Index best = 0;
  double most = -1;
  for (Index i = 0; i < deleted.rows(); ++i) {
    const Vector x = deleted.features.row(i).transpose();
    const double norm = x.norm();
    const double cosine = norm > 0 ? std::abs(x.dot(guess.direction)) / norm : -1;
    if (cosine > most) {
      most = cosine;
      best = i;
    }
  }
  return best;
}

std::optional<ReconstructionFinding> rebuild(const FittedModel& audited, const Dataset& deleted,
                                             ConstVectorRef original, const AuditRequest& request,
                                             const ProgressCallback& progress) {
  const Objective kept = audited.objective();
  const Vector& weights = audited.rows.weights;
  const Reconstruction guess = reconstruct_row(kept, weights, original, audited.model.theta);
  const Index row = nearest(guess, deleted);
  const Vector x = deleted.features.row(row).transpose();
  if (!(x.norm() > 0)) return std::nullopt;  // a row of zeros has no direction to be rebuilt
  ReconstructionOptions options{.sigmas = request.sigmas, .draws = request.draws};
  options.seed = request.seed;
  return ReconstructionFinding{audit_reconstruction(kept, weights, original, audited.model.theta, x,
                                                    deleted.targets[row], options, progress),
                               deleted.rows()};
}

/// What is asked must be possible with the rows that are there.
void check_parts(const Dataset* deleted, const Dataset* test, const AuditRequest& request) {
  if (deleted == nullptr && (request.membership || request.reconstruction)) {
    throw UsageError("membership inference and reconstruction need the deleted rows", "deleted",
                     "give them with --deleted, or leave both out");
  }
  if (request.membership && deleted->rows() < 2) {
    throw DataError(
        fmt::format("membership inference needs at least 2 deleted rows, but there are {}",
                    deleted->rows()),
        "deleted rows");
  }
  if (request.membership && test == nullptr) {
    throw UsageError("membership inference needs rows that no model was trained on", "test",
                     "give them with --test");
  }
}

/// Rows that no longer count: of weight 0, and not so before.
std::vector<Index> positions_of_deleted(const FittedModel& audited, const FittedModel* before) {
  const Vector& now = audited.rows.weights;
  if (before != nullptr && before->rows.rows() != now.size()) {
    throw DataError("holds another number of rows, so it does not say which were deleted", "before",
                    "give the deleted rows with --deleted");
  }
  std::vector<Index> rows;
  for (Index i = 0; i < now.size(); ++i) {
    if (now[i] == 0 && (before == nullptr || before->rows.weights[i] > 0)) rows.push_back(i);
  }
  if (rows.empty()) {
    throw DataError("no row of weight 0 is in the model folder: nothing was deleted from it",
                    "deleted rows", "give rows that were deleted otherwise with --deleted");
  }
  return rows;
}

Index erased_rows(const FittedModel& audited) {
  Index count = 0;
  for (Index row = 0; row < audited.rows.rows(); ++row) {
    count += is_erased(audited.rows.ids, row) ? 1 : 0;
  }
  return count;
}

}  // namespace

std::string_view name(OriginalModel original) noexcept {
  return original == OriginalModel::kGiven ? "given" : "trained";
}

Dataset deleted_rows(const FittedModel& audited, const FittedModel* before) {
  if (deleted_rows_erased(audited, before)) {
    throw DataError("the deleted rows' content has been erased from the model folder",
                    "deleted rows",
                    "give the rows with --deleted, or a model from before with --before");
  }
  return pick_rows(before != nullptr ? before->rows : audited.rows,
                   positions_of_deleted(audited, before));
}

bool deleted_rows_erased(const FittedModel& audited, const FittedModel* before) {
  const std::vector<Index> rows = positions_of_deleted(audited, before);
  const RowIds& ids = before != nullptr ? before->rows.ids : audited.rows.ids;
  return std::any_of(rows.begin(), rows.end(), [&](Index row) { return is_erased(ids, row); });
}

AuditReport audit(const FittedModel& audited, const Dataset* deleted, const FittedModel* before,
                  const Dataset* test, const AuditRequest& request,
                  const ProgressCallback& progress) {
  check_shapes(audited, deleted, before, test);
  check_parts(deleted, test, request);
  AuditReport report{.rows = (audited.rows.weights.array() > 0).count(),
                     .deleted_rows = deleted != nullptr ? deleted->rows() : erased_rows(audited),
                     .bound = request.bound,
                     .test_rows = test == nullptr ? 0 : test->rows()};
  if (deleted != nullptr) report.twins = twins(audited, *deleted);
  const Objective objective = audited.objective();
  const Vector& weights = audited.trained_weights ? *audited.trained_weights : audited.rows.weights;
  const Vector& unlearned = audited.model.theta;

  RetrainAuditOptions options{.trainer = {.tolerance = kExact}, .bound = request.bound};
  options.confidence = request.attack.confidence;
  Stopwatch watch;
  report.retraining = audit_by_retraining(objective, weights, unlearned, options, progress);
  watch.lap();
  Vector original;
  if (before != nullptr) {
    report.original = OriginalModel::kGiven;
    original = before->model.theta;
  } else if (deleted != nullptr && (test != nullptr || request.reconstruction)) {
    report.original = OriginalModel::kTrained;
    original = WithDeletedRows(audited, *deleted).minimise(report.retraining.retrained.theta);
  }
  report.original_seconds = watch.lap();
  if (test != nullptr) {
    measure_utilities(objective, report.original ? &original : nullptr, unlearned, *test,
                      audited.settings, options.confidence, report.retraining);
  }
  if (request.membership) {
    MembershipOptions attack = request.attack;
    attack.seed = request.seed;
    if (attack.shadows) attack.shadows->seed = request.seed;
    watch.lap();
    report.membership = audit_membership(objective, weights,
                                         {original, unlearned, report.retraining.retrained.theta},
                                         *deleted, *test, attack, progress);
    report.membership_seconds = watch.lap();
  }
  if (request.reconstruction) {
    report.reconstruction = rebuild(audited, *deleted, original, request, progress);
    report.reconstruction_seconds = watch.lap();
  }
  report.sentences = audit_sentences(report, request);
  return report;
}

}  // namespace recant
