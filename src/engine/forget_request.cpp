// SPDX-License-Identifier: Apache-2.0
#include "forget_request.hpp"

#include <fmt/format.h>

#include <set>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {

namespace {

void check_retained(const ForgetRequest& request) {
  const ForgetWeighting& weighting = request.weighting;
  if (weighting.by_value) {
    throw UsageError("weights either the rows that leave or those that stay", "weighting");
  }
  if (!weighting.alpha) {
    throw UsageError("weights of rows that stay cost no allowance, so none chooses alpha",
                     "weighting", "give a number");
  }
  static_cast<void>(value_factors(Vector::Zero(1), {weighting.form, *weighting.alpha}));
  if (request.method != ForgetMethod::kNewton) {
    throw UsageError("gradient ascent looks at no row that stays, so it cannot weight them",
                     "method", "use newton");
  }
  if (request.holdout == nullptr || request.holdout->rows() == 0) {
    throw UsageError("values of rows that stay are about validation rows", "validation",
                     "give --validation");
  }
}

}  // namespace

void check_settings(const ForgetRequest& request, const Loss& loss, Index rows) {
  if (request.weighting.by_value) {
    if (request.weighting.alpha) check_non_negative("alpha", *request.weighting.alpha);
    if (request.weighting.values.size() != rows) {
      throw UsageError(fmt::format("there are {} values for {} training rows",
                                   request.weighting.values.size(), rows),
                       "values");
    }
    if (request.weighting.alpha) {
      static_cast<void>(
          value_factors(Vector::Zero(1), {request.weighting.form, *request.weighting.alpha}));
    }
  }
  if (request.weighting.retained) check_retained(request);
  if (request.third_derivative && !loss.bounds_fourth_derivative()) {
    throw UsageError("the third derivative serves losses of one score", "third_derivative",
                     "leave it out for softmax");
  }
  if (request.method == ForgetMethod::kAscent) validate(request.ascent);
  if (request.method == ForgetMethod::kAscent && request.holdout == nullptr) {
    throw UsageError("gradient ascent needs rows never seen, to know when to stop", "validation",
                     "give --validation");
  }
}

RowFault fault_of_rows(const ForgetRequest& request, Index rows) {
  if (request.rows.empty() && request.ids.empty()) return {"no_row"};
  const std::set<Index> positions(request.rows.begin(), request.rows.end());
  const std::set<std::string_view> ids(request.ids.begin(), request.ids.end());
  if (positions.size() != request.rows.size() || ids.size() != request.ids.size()) {
    return {"row_twice"};
  }
  if (!positions.empty() && (*positions.begin() < 0 || *positions.rbegin() >= rows)) {
    return {"row_unknown", RequestState::kNotFound};
  }
  if (ids.contains("")) return {"no_row"};
  return {};
}

void check_request(const ForgetRequest& request, const Loss& loss, Index rows) {
  if (!request.rows.empty() && !request.ids.empty()) {
    throw UsageError("names rows both by position and id", "forget", "give either rows or ids");
  }
  const std::string_view reason = fault_of_rows(request, rows).reason;
  if (reason == "row_twice") {
    throw UsageError("a row is asked for twice", "forget", "name every row once");
  }
  if (reason == "row_unknown") {
    throw NotFoundError(fmt::format("a position is not among the training rows, 0 to {}", rows - 1),
                        "rows");
  }
  if (reason == "no_row") {
    throw UsageError(request.ids.empty() ? "names no row" : "an id is empty", "forget",
                     "give either rows or ids");
  }
  check_settings(request, loss, rows);
}

bool forbids_retraining(const ForgetRequest& request) noexcept {
  const ForgetWeighting& weighting = request.weighting;
  const bool by_value = weighting.by_value && weighting.alpha != 0.0;  // auto is any
  return by_value || request.method == ForgetMethod::kAscent ||
         request.tier_at_most.value_or(Tier::kRetrain) < Tier::kRetrain;
}

}  // namespace recant
