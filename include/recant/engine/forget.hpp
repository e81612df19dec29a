// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recant/certify/certificate.hpp"
#include "recant/certify/privacy_budget.hpp"
#include "recant/certify/tiers.hpp"
#include "recant/ledger/request.hpp"
#include "recant/unlearn/gradient_ascent.hpp"
#include "recant/weighting/value_weighted.hpp"

/// Deletion requests and what comes of them: docs/algorithms/forget.md.
namespace recant {

enum class ForgetMethod {
  kNewton,  ///< one Newton step from the base, measured, more where the allowance asks for it
  kAscent,  ///< gradient ascent on the rows to be forgotten
};
/// "newton", "ascent".
[[nodiscard]] std::string_view name(ForgetMethod method) noexcept;
/// @throws UsageError naming the two.
[[nodiscard]] ForgetMethod forget_method(std::string_view name);

/// How rows are weighted by value (docs/mathematics.md section 4.5): those that leave against each
/// other, or those that stay.
struct ForgetWeighting {
  bool by_value = false;  ///< first form: the rows that leave
  /// Second form: the rows that stay, by their KNN-Shapley values on the hold-out, computed without
  /// those that leave. What the model is compared with is training on them so weighted.
  bool retained = false;
  std::optional<double> alpha;  ///< by value; none: the largest that costs half of the allowance
  ValueForm form = ValueForm::kSigmoid;
  Vector values;  ///< n, by training row; those of the request are read
  /// Where the values come from, so that the same request key with others is noticed: a method (its
  /// values may change with the model), or what tells given ones from others.
  std::string source;
};

/// `source` of values that somebody brings: known by all their bits.
[[nodiscard]] std::string source_of_given(ConstVectorRef values);

/// Rows to be deleted together: one unit, one release. Rows by position or by id, not both.
struct ForgetRequest {
  std::vector<Index> rows;       ///< positions among the training rows, from 0
  std::vector<std::string> ids;  ///< as RowIds::text() has them
  std::string key;               ///< the same key twice is one request; empty: a new one
  ForgetMethod method = ForgetMethod::kNewton;
  ForgetWeighting weighting;
  std::optional<Tier> tier_at_most;  ///< under a budget: look no closer, rather answer no
  /// Under a budget: keeps the third derivative with the base, and so has a tier "half". Not for
  /// softmax.
  bool third_derivative = false;
  const Dataset* holdout = nullptr;  ///< rows never seen: of gradient ascent, and of `retained`
  GradientAscentOptions ascent;
};

/// "uniform", "value", "retained".
[[nodiscard]] std::string_view name_of_weighting(const ForgetWeighting& weighting) noexcept;

/// A tier that was tried, and its bound; none: infinite.
struct TierBound {
  std::string tier;
  std::optional<double> bound;
};

/// How gradient ascent went.
struct AscentRun {
  StepRule rule = StepRule::kConstant;
  AscentStop stop = AscentStop::kSteps;
  std::int64_t steps = 0;  ///< that were made
};

/// What the operator gets to see. Bounds are private (docs/mathematics.md section 5.6): of all this
/// only the certificate and what it names may leave the house.
struct ForgetReport {
  std::string request_key;  ///< as it was given; empty without
  std::int64_t request = 0;
  RequestState state = RequestState::kReceived;
  std::string reason;     ///< of a no: "budget_spent", "last_of_class" ..
  bool repeated = false;  ///< the key was known: this is what came of the first
  std::int64_t rows = 0;

  // Of a release:
  std::string method, weighting;
  std::optional<AscentRun> ascent;
  CertificateLevel level = CertificateLevel::kHeuristic;
  std::optional<std::string> tier, cheaper, dearer;  ///< the last two: none without an allowance
  std::vector<TierBound> tried;
  std::optional<double> distance;  ///< the bound on the distance to retraining without the rows
  std::optional<double> residual_norm, residual_h_inverse_norm, step_norm;
  std::vector<BoundTerm> terms;
  std::optional<double> alpha, uniform_distance;  ///< by value, and what uniform would have cost
  std::optional<PrivacyBudget> budget;
  std::optional<double> allowance;  ///< that no budget stands behind: in memory
  std::int64_t release = 0;
  bool new_enrolment = false;         ///< the budget was spent: this is the first of a new one
  std::optional<BudgetStatus> spent;  ///< after this release
  std::filesystem::path certificate, annex;
  std::vector<std::string> assumptions;
  double step_seconds = 0, total_seconds = 0;

  [[nodiscard]] bool done() const noexcept { return state == RequestState::kCertified; }
  /// How much of the step limit V of difference protection the model's step took, 0 to 1; none
  /// without that protection.
  [[nodiscard]] std::optional<double> share_of_difference_step() const noexcept {
    if (!budget || !budget->difference || !step_norm) return std::nullopt;
    return *step_norm / budget->difference->step;
  }
};

/// One sentence for the `reason` of a request that was rejected or failed.
[[nodiscard]] std::string_view describe_reason(std::string_view reason) noexcept;

}  // namespace recant
