// SPDX-License-Identifier: Apache-2.0
#include "recant/ledger/request.hpp"

#include <array>
#include <cstddef>

namespace recant {
namespace {

constexpr std::array<std::string_view, kRequestStates> kStateNames = {
    "received", "validated", "applied",        "noised",    "released",         "certified",
    "rejected", "not_found", "already_erased", "cancelled", "failed_retryable", "failed_final"};

constexpr std::array<std::string_view, kRequestEvents> kEventNames = {
    "validated", "applied",        "noised",    "released", "certified", "rejected",
    "not_found", "already_erased", "cancelled", "failed",   "given_up",  "retried"};

using State = RequestState;
using Event = RequestEvent;

struct Transition {
  State from;
  Event event;
  State to;
};

/// Everything that can happen. A validated request may still turn out to be erased, by a batch that
/// came in between, but its rows cannot become unknown.
constexpr Transition kTransitions[] = {
    {State::kReceived, Event::kValidated, State::kValidated},
    {State::kReceived, Event::kRejected, State::kRejected},
    {State::kReceived, Event::kNotFound, State::kNotFound},
    {State::kReceived, Event::kAlreadyErased, State::kAlreadyErased},
    {State::kReceived, Event::kCancelled, State::kCancelled},
    {State::kReceived, Event::kFailed, State::kFailedRetryable},
    {State::kReceived, Event::kGivenUp, State::kFailedFinal},

    {State::kValidated, Event::kApplied, State::kApplied},
    {State::kValidated, Event::kRejected, State::kRejected},
    {State::kValidated, Event::kAlreadyErased, State::kAlreadyErased},
    {State::kValidated, Event::kCancelled, State::kCancelled},
    {State::kValidated, Event::kFailed, State::kFailedRetryable},
    {State::kValidated, Event::kGivenUp, State::kFailedFinal},

    {State::kFailedRetryable, Event::kRetried, State::kReceived},
    {State::kFailedRetryable, Event::kCancelled, State::kCancelled},
    {State::kFailedRetryable, Event::kGivenUp, State::kFailedFinal},

    {State::kApplied, Event::kNoised, State::kNoised},
    {State::kNoised, Event::kReleased, State::kReleased},
    {State::kReleased, Event::kCertified, State::kCertified},
};

}  // namespace

std::string_view name(RequestState state) noexcept {
  return kStateNames[static_cast<std::size_t>(state)];
}

std::string_view name(RequestEvent event) noexcept {
  return kEventNames[static_cast<std::size_t>(event)];
}

std::optional<RequestState> next_state(RequestState state, RequestEvent event) noexcept {
  for (const Transition& transition : kTransitions) {
    if (transition.from == state && transition.event == event) return transition.to;
  }
  return std::nullopt;
}

bool is_final(RequestState state) noexcept {
  for (const Transition& transition : kTransitions) {
    if (transition.from == state) return false;
  }
  return true;
}

}  // namespace recant
