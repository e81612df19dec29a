// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "recant/core/error.hpp"
#include "recant/engine/adopt.hpp"
#include "recant/engine/compare.hpp"
#include "recant/engine/correct.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/forget.hpp"
#include "recant/engine/influence.hpp"
#include "recant/engine/status.hpp"
#include "recant/engine/value.hpp"
#include "recant/verify/verify.hpp"

/// Every result as one JSON object: "schema": "recant.<name>/1", "version", "seconds". Doubles
/// come back to the last bit; what is unknown is null. docs/formats/json.md lists the members.
namespace recant {

/// The version of this library, "0.1.0".
[[nodiscard]] const char* version() noexcept;

/// `enrolment`: none without a budget.
[[nodiscard]] std::string to_json(const FittedModel& fitted, const FitReport& report,
                                  const EnrolmentPlan* enrolment = nullptr);

[[nodiscard]] std::string to_json(const FittedModel& fitted, const AdoptionReport& report);

[[nodiscard]] std::string to_json(const Evaluation& evaluation, const MeasuredRows& rows,
                                  double seconds);

[[nodiscard]] std::string to_json(const InfluenceReport& report);

[[nodiscard]] std::string to_json(const ValueReport& report, const RowIds& ids);

[[nodiscard]] std::string to_json(const FittedModel& fitted, const CorrectionReport& report,
                                  const CorrectionRequest& request);

[[nodiscard]] std::string to_json(const CompareReport& report, double seconds);

[[nodiscard]] std::string to_json(const ForgetReport& report);
/// Several requests: "deletions", a list of the above.
[[nodiscard]] std::string to_json(std::span<const ForgetReport> reports);

/// `check`: none unless it was asked for.
[[nodiscard]] std::string to_json(const VaultStatus& status, const VaultCheck* check = nullptr);

/// A backup, by what stands in `destination` now.
[[nodiscard]] std::string backup_json(const std::string& destination, const VaultStatus& copy,
                                      double seconds);

[[nodiscard]] std::string to_json(const Verification& verification, double seconds);

[[nodiscard]] std::string to_json(const Error& error);

}  // namespace recant
