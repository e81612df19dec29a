// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "recant/engine/forget.hpp"
#include "recant/model/loss.hpp"

/// What a deletion request must have to be taken in, for a model of this loss and so many rows.
namespace recant {

/// What no request of its kind can do without, whatever rows it names.
/// @throws UsageError for values or a hold-out that are missing, a third derivative with softmax.
void check_settings(const ForgetRequest& request, const Loss& loss, Index rows);

/// What is wrong with the rows that a request names; no reason: nothing.
struct RowFault {
  std::string_view reason;
  RequestState state = RequestState::kRejected;
};
[[nodiscard]] RowFault fault_of_rows(const ForgetRequest& request, Index rows);

/// Of a single request what is wrong is an error.
/// @throws UsageError as check_settings(), for no row, a row twice, rows and ids together;
/// NotFoundError for a position that is out of range.
void check_request(const ForgetRequest& request, const Loss& loss, Index rows);

/// Whether it asks for something that training again undoes (weights by value, gradient ascent), or
/// for less than training again.
[[nodiscard]] bool forbids_retraining(const ForgetRequest& request) noexcept;

}  // namespace recant
