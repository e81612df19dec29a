// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "recant/engine/forget.hpp"
#include "recant/model/loss.hpp"

namespace recant {

/// That a request is sound for a model of this loss and so many rows.
/// @throws UsageError for no row, a row twice, rows and ids together, values or a hold-out that are
/// missing, a third derivative with softmax; NotFoundError for a position that is out of range.
void check_request(const ForgetRequest& request, const Loss& loss, Index rows);

/// The reason of a no to deletions that no model outlives, or not this one: the last row of all, of
/// a class or of a group. Empty: none.
[[nodiscard]] std::string refusal_of(const Dataset& data, std::span<const Index> rows);

}  // namespace recant
