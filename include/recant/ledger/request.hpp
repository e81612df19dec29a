// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recant/core/digest.hpp"

/// A request to delete rows, and the states that it goes through:
///
///   received -> validated -> applied -> noised -> released -> certified
///
/// with the exits rejected, not_found, already_erased, cancelled and failed, all before applied:
/// once a row's bytes are gone, the request can only be finished. docs/formats/ledger.md.
namespace recant {

enum class RequestState {
  kReceived,         ///< stored durably; its parameters are pinned
  kValidated,        ///< all its rows are there
  kApplied,          ///< the rows' bytes are zeroed and synced
  kNoised,           ///< the noise of its release is drawn and sealed, never to be drawn again
  kReleased,         ///< the parameters are published
  kCertified,        ///< done
  kRejected,         ///< done: the answer is no, for a reason
  kNotFound,         ///< done: no row has one of the ids
  kAlreadyErased,    ///< done: one of the rows was erased before
  kCancelled,        ///< done: taken back
  kFailedRetryable,  ///< could not be worked on; `retried` begins again
  kFailedFinal,      ///< done: given up
};
inline constexpr std::size_t kRequestStates = 12;
/// "received", "validated", "applied", "noised", "released", "certified", "rejected", "not_found",
/// "already_erased", "cancelled", "failed_retryable", "failed_final".
[[nodiscard]] std::string_view name(RequestState state) noexcept;

enum class RequestEvent {
  kValidated,
  kApplied,
  kNoised,
  kReleased,
  kCertified,
  kRejected,
  kNotFound,
  kAlreadyErased,
  kCancelled,
  kFailed,   ///< for now
  kGivenUp,  ///< for good
  kRetried,
};
inline constexpr std::size_t kRequestEvents = 12;
/// "validated", "applied", "noised", "released", "certified", "rejected", "not_found",
/// "already_erased", "cancelled", "failed", "given_up", "retried".
[[nodiscard]] std::string_view name(RequestEvent event) noexcept;

/// The state machine: where `event` leads from `state`; none if it cannot happen there.
[[nodiscard]] std::optional<RequestState> next_state(RequestState state,
                                                     RequestEvent event) noexcept;

/// Whether no event leads on from `state`.
[[nodiscard]] bool is_final(RequestState state) noexcept;

/// UTC.
using LedgerTime = std::chrono::sys_time<std::chrono::microseconds>;

/// What is asked for. Nothing in it names a person: key and rows are hashes under a key that the
/// ledger does not have, so that without that key nobody can try identities out.
struct Submission {
  Digest key{};              ///< keyed hash of the idempotency key
  Digest content{};          ///< keyed hash of everything that was asked for
  std::string parameters;    ///< pinned as they are: epsilon, delta, sigma, weighting, version
  std::vector<Digest> rows;  ///< keyed hash of each row's id; at least one, none twice
};

/// What became of a submission.
struct Receipt {
  std::int64_t request = 0;  ///< from 1
  bool first = true;         ///< false: the key was there with the same content, nothing was done
  RequestState state = RequestState::kReceived;  ///< as it is now
};

/// What is decided about a request before its rows are touched.
struct Decision {
  std::int64_t request = 0;
  RequestEvent event = RequestEvent::kValidated;  ///< any that leads on, but those of a batch
  std::string reason;  ///< a code of a-z, 0-9 and _ such as "budget_spent", or empty
};

/// A request as the ledger has it; its rows are asked for apart.
struct Request {
  std::int64_t id = 0;
  Digest key{}, content{};
  std::string parameters;
  RequestState state = RequestState::kReceived;
  std::string reason;                 ///< of the last decision
  std::optional<std::int64_t> batch;  ///< set once the batch that erases its rows is prepared
  LedgerTime received_at{}, changed_at{};
};

}  // namespace recant
