// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "recant/ledger/ledger.hpp"

/// What an event says about the rows of other tables that were written with it: JSON with the
/// members in alphabetical order, without spaces. Whoever changes such a row has to change the
/// event too, and so the chain. Writing and checking make the payload by the same function.
namespace recant {

inline constexpr std::string_view kEnrolled = "enrolled", kAcquired = "acquired",
                                  kReceived = "received", kPrepared = "prepared",
                                  kCheckpoint = "checkpoint";
/// Of events that say no more than what happened.
inline constexpr std::string_view kEmptyPayload = "{}";

[[nodiscard]] std::string enrolled_payload(const EnrolmentRecord& enrolment);
/// `rows` sorted.
[[nodiscard]] std::string received_payload(const Digest& key, const Digest& content,
                                           std::string_view parameters,
                                           std::span<const Digest> rows);
[[nodiscard]] std::string decision_payload(std::string_view reason);
/// `requests` sorted, `chunks` sorted by file and chunk.
[[nodiscard]] std::string prepared_payload(std::int64_t enrolment, std::string_view plan,
                                           std::span<const std::int64_t> requests,
                                           std::span<const ChunkHash> chunks);
/// `rows` sorted.
[[nodiscard]] std::string applied_payload(std::span<const Digest> rows);
[[nodiscard]] std::string noised_payload(const Release& release, const Digest& noise_hash);
[[nodiscard]] std::string checkpoint_payload(const Checkpoint& checkpoint);

/// What stands for the sealed noise once it is wiped.
[[nodiscard]] Digest noise_hash(std::string_view noise);

}  // namespace recant
