// SPDX-License-Identifier: Apache-2.0
#include "forget_request.hpp"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {

void check_request(const ForgetRequest& request, const Loss& loss, Index rows) {
  if (request.rows.empty() == request.ids.empty()) {
    throw UsageError(request.rows.empty() ? "names no row" : "names rows both by position and id",
                     "forget", "give either rows or ids");
  }
  const std::set<Index> positions(request.rows.begin(), request.rows.end());
  const std::set<std::string> ids(request.ids.begin(), request.ids.end());
  if (positions.size() != request.rows.size() || ids.size() != request.ids.size()) {
    throw UsageError("a row is asked for twice", "forget", "name every row once");
  }
  if (!positions.empty() && (*positions.begin() < 0 || *positions.rbegin() >= rows)) {
    throw NotFoundError(fmt::format("a position is not among the training rows, 0 to {}", rows - 1),
                        "rows");
  }
  if (ids.contains("")) throw UsageError("an id is empty", "ids");
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
  if (request.third_derivative && !loss.bounds_fourth_derivative()) {
    throw UsageError("the third derivative serves losses of one score", "third_derivative",
                     "leave it out for softmax");
  }
  if (request.method == ForgetMethod::kAscent && request.holdout == nullptr) {
    throw UsageError("gradient ascent needs rows never seen, to know when to stop", "validation",
                     "give --validation");
  }
}

std::string refusal_of(const Dataset& data, std::span<const Index> rows) {
  Vector weights = data.weights;
  for (const Index row : rows) weights[row] = 0;
  if (!(weights.maxCoeff() > 0)) return "every_row";
  const auto last = [&](std::size_t kinds, auto kind_of) {
    std::vector<bool> before(kinds, false), after(kinds, false);
    for (Index i = 0; i < data.rows(); ++i) {
      if (data.weights[i] > 0) before[kind_of(i)] = true;
      if (weights[i] > 0) after[kind_of(i)] = true;
    }
    return before != after;
  };
  if (!data.class_names.empty() && last(data.class_names.size(), [&](Index i) {
        return static_cast<std::size_t>(data.targets[i]);
      })) {
    return "last_of_class";
  }
  for (const SensitiveColumn& column : data.sensitive) {
    if (last(column.groups.size(), [&](Index i) {
          return static_cast<std::size_t>(column.codes[static_cast<std::size_t>(i)]);
        })) {
      return "last_of_group";
    }
  }
  return {};
}

}  // namespace recant
