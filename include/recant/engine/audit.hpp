// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "recant/audit/membership.hpp"
#include "recant/audit/reconstruction.hpp"
#include "recant/audit/retrain.hpp"
#include "recant/core/progress.hpp"
#include "recant/engine/vault.hpp"

namespace recant {

/// What to ask of a model that claims to have forgotten rows.
struct AuditRequest {
  bool membership = true, reconstruction = true;  ///< beside the distance to retraining
  std::optional<double> bound;                    ///< claimed distance to retraining
  std::vector<double> sigmas;  ///< of noise on both releases, for the reconstruction
  MembershipOptions attack;
  int draws = 100;         ///< pairs of noisy releases a sigma
  std::uint64_t seed = 1;  ///< of halves, shadow models and noise
};

/// Where the model before the deletion came from.
enum class OriginalModel {
  kGiven,    ///< a model folder from before the deletion
  kTrained,  ///< trained for the audit, on the rows with the deleted ones among them
};
/// "given", "trained".
[[nodiscard]] std::string_view name(OriginalModel original) noexcept;

/// The attack on the difference of the two models.
struct ReconstructionFinding {
  ReconstructionAudit audit;  ///< beside the deleted row that the guess is nearest to
  Index rows = 0;             ///< deleted rows whose traces the difference mixes
};

struct AuditReport {
  Index rows = 0, deleted_rows = 0;  ///< rows that count; rows that were deleted
  /// Deleted rows that have a twin among the rows that count: the same features and target. Unset
  /// where their content is not there.
  std::optional<Index> twins;
  /// Unset: nobody has that model, as it takes the deleted rows; or nothing that was asked needs
  /// it.
  std::optional<OriginalModel> original;
  RetrainAudit retraining;
  std::optional<double> bound;  ///< claimed
  Index test_rows = 0;          ///< 0: utilities and agreement were not measured
  std::optional<MembershipAudit> membership;
  std::optional<ReconstructionFinding> reconstruction;
  std::vector<std::string> sentences;  ///< one a finding, to be quoted
  double original_seconds = 0, membership_seconds = 0, reconstruction_seconds = 0;
};

/// The rows a folder holds that no longer count: those of weight 0 or, with the model from before,
/// those that counted there. @throws DataError if there are none, or if their content has been
/// erased, with what to give instead.
[[nodiscard]] Dataset deleted_rows(const FittedModel& audited, const FittedModel* before);

/// Whether that content has been erased, so that only an audit without it is possible. @throws
/// DataError where there are no such rows.
[[nodiscard]] bool deleted_rows_erased(const FittedModel& audited, const FittedModel* before);

/// Audits a model: trains it again on the rows that count in its folder, and compares; attacks it
/// as the options say. docs/mathematics.md section 6, docs/algorithms/audit.md.
///
/// `deleted`: the rows that are said to be forgotten, encoded like the folder's. Without them
/// (nullptr) neither membership nor reconstruction may be asked for; retraining needs none of them.
/// `before`: the model before the deletion; without one it is trained where what is asked takes it,
/// each deleted row at weight 1. `test`: rows that no model was trained on; needed for membership,
/// and for utilities.
/// Assumes: as the parts do; that `deleted` are the rows of the request is the auditor's part.
/// Cost: one or two cold fits, and that of the attacks. The same bytes for any number of threads.
/// @throws UsageError, DataError as the parts; DataError for a `before` of another shape.
[[nodiscard]] AuditReport audit(const FittedModel& audited, const Dataset* deleted,
                                const FittedModel* before, const Dataset* test,
                                const AuditRequest& request, const ProgressCallback& progress = {});

/// recant.audit/1, docs/formats/json.md.
[[nodiscard]] std::string to_json(const AuditReport& report);

}  // namespace recant
