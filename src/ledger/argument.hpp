// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "recant/ledger/ledger.hpp"

/// Checks of what callers give; each @throws UsageError. What they let pass fits the tables.
namespace recant {

void check_enrolment(const EnrolmentRecord& enrolment);
/// `where` says which of several.
void check_submission(const Submission& submission, std::string_view where);
/// A code: it has no room for contents or names.
void check_reason(std::string_view reason);
void check_plan(const BatchPlan& plan);
void check_release(const SealedRelease& release);

}  // namespace recant
