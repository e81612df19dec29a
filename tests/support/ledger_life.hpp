// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recant/ledger/ledger.hpp"

/// The life of a ledger in few words, for tests and benchmarks.
namespace recant::test {

/// Different numbers give different digests.
[[nodiscard]] inline Digest digest_of(std::uint64_t number, std::uint8_t kind = 0) {
  Digest digest{};
  digest[31] = kind;
  // Spread like hashes: databases keep rows in their order.
  std::uint64_t z = (number + 1) * 0x9E3779B97F4A7C15U;
  z ^= z >> 29;
  for (std::size_t i = 0; i < 8; ++i) digest[i] = static_cast<std::uint8_t>(z >> (8 * i));
  for (std::size_t i = 0; i < 8; ++i) digest[8 + i] = static_cast<std::uint8_t>(number >> (8 * i));
  return digest;
}
[[nodiscard]] inline Digest key_of(std::uint64_t number) {
  return digest_of(number, 1);
}
[[nodiscard]] inline Digest row_of(std::uint64_t number) {
  return digest_of(number, 2);
}

[[nodiscard]] inline EnrolmentRecord enrolment(std::optional<std::int64_t> releases = 100,
                                               char digit = 'a') {
  return {.model_id = std::string(32, digit), .releases = releases, .statement = "{\"epsilon\":1}"};
}

/// Request `number`, for rows first .. first + count - 1.
[[nodiscard]] inline Submission submission(std::uint64_t number, std::uint64_t first,
                                           std::uint64_t count = 1) {
  Submission made{.key = key_of(number),
                  .content = digest_of(first * 1000 + count, 3),
                  .parameters = "{\"weighting\":\"uniform\"}",
                  .rows = {}};
  for (std::uint64_t i = 0; i < count; ++i) made.rows.push_back(row_of(first + i));
  return made;
}

inline std::int64_t receive(Ledger& ledger, const Submission& one) {
  return ledger.receive(std::span(&one, 1)).front().request;
}

inline void decide(Ledger& ledger, std::int64_t request, RequestEvent event,
                   std::string reason = {}) {
  const Decision decision{.request = request, .event = event, .reason = std::move(reason)};
  ledger.decide(std::span(&decision, 1));
}

/// A request received and validated.
inline std::int64_t validated(Ledger& ledger, std::uint64_t number, std::uint64_t first,
                              std::uint64_t count = 1) {
  const std::int64_t id = receive(ledger, submission(number, first, count));
  decide(ledger, id, RequestEvent::kValidated);
  return id;
}

/// Not a signature: it says of which statement it is.
[[nodiscard]] inline std::vector<std::uint8_t> sign(std::string_view statement) {
  std::vector<std::uint8_t> signature(64, 0x5A);
  for (std::size_t i = 0; i < statement.size(); ++i) {
    signature[i % 64] = static_cast<std::uint8_t>(signature[i % 64] * 31 + statement[i]);
  }
  return signature;
}
[[nodiscard]] inline bool is_signature(std::string_view statement,
                                       const std::vector<std::uint8_t>& signature) {
  return sign(statement) == signature;
}

[[nodiscard]] inline SealedRelease sealed_release(std::int64_t batch) {
  const std::string number = std::to_string(batch);
  return {.parameters_hash = digest_of(static_cast<std::uint64_t>(batch), 4),
          .certificate = "certificate " + number,
          .annex = "annex " + number,
          .noise = "sealed noise of batch " + number};
}

[[nodiscard]] inline BatchPlan plan_of(std::vector<std::int64_t> requests) {
  const auto salt = static_cast<std::uint64_t>(requests.empty() ? 0 : requests.front());
  return {.requests = std::move(requests),
          .chunks = {{.file = "rows/features.npy", .chunk = 1, .hash = digest_of(salt, 5)},
                     {.file = "rows/features.npy", .chunk = 0, .hash = digest_of(salt, 6)}},
          .plan = "plan " + std::to_string(salt),
          .enrolment = {}};
}

/// Carries the open batch on, from wherever it stands, until it is certified.
inline void finish(Ledger& ledger) {
  while (const auto batch = ledger.open_batch()) {
    switch (batch->stage) {
      case BatchStage::kPrepared:
        ledger.mark_applied(batch->number);
        break;
      case BatchStage::kApplied:
        ledger.seal(batch->number, sealed_release(batch->number));
        break;
      case BatchStage::kNoised:
        ledger.mark_released(batch->number);
        break;
      case BatchStage::kReleased:
        ledger.mark_certified(batch->number, sign);
        break;
      case BatchStage::kCertified:
        return;
    }
  }
}

/// A whole batch; its number.
inline std::int64_t run_batch(Ledger& ledger, std::vector<std::int64_t> requests) {
  const std::int64_t number = ledger.prepare(plan_of(std::move(requests)));
  finish(ledger);
  return number;
}

/// A ledger with something of everything in it: the fit, two batches, each exit, an open batch
/// whose noise is sealed, a validated and a received request.
inline Ledger lively_ledger(const std::string& location) {
  Ledger ledger = Ledger::create(location, enrolment());
  ledger.acquire();
  run_batch(ledger, {});
  run_batch(ledger, {validated(ledger, 1, 10, 3), validated(ledger, 2, 20)});
  decide(ledger, receive(ledger, submission(3, 30)), RequestEvent::kNotFound);
  decide(ledger, receive(ledger, submission(4, 20)), RequestEvent::kAlreadyErased);
  decide(ledger, receive(ledger, submission(5, 40)), RequestEvent::kCancelled);
  decide(ledger, validated(ledger, 6, 50), RequestEvent::kRejected, "budget_spent");
  const std::int64_t retried = receive(ledger, submission(7, 60, 2));
  decide(ledger, retried, RequestEvent::kFailed, "disk_full");
  decide(ledger, retried, RequestEvent::kRetried);
  decide(ledger, retried, RequestEvent::kValidated);
  run_batch(ledger, {retried});
  const std::int64_t open = ledger.prepare(plan_of({validated(ledger, 8, 70, 2)}));
  ledger.mark_applied(open);
  ledger.seal(open, sealed_release(open));
  validated(ledger, 9, 80);
  receive(ledger, submission(10, 90));
  return ledger;
}

}  // namespace recant::test
