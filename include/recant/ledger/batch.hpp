// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recant/core/digest.hpp"

/// A batch carries out requests together and makes one release. Batch 0 is the fit. Preparing it is
/// the point of no return: from then on everything needed to finish it is in the ledger, or in
/// files whose hashes its plan holds, and whoever opens the ledger next goes on where it stands.
///
///   prepared -> applied -> noised -> released -> certified
namespace recant {

enum class BatchStage {
  kPrepared,   ///< will happen; its files lie aside
  kApplied,    ///< the rows' bytes are zeroed and synced
  kNoised,     ///< noise and certificate are sealed, the budget is charged
  kReleased,   ///< the parameters are published
  kCertified,  ///< done; the sealed noise is wiped
};
/// "prepared", "applied", "noised", "released", "certified".
[[nodiscard]] std::string_view name(BatchStage stage) noexcept;

/// What is fixed when a model is enrolled; releases are counted per enrolment.
struct EnrolmentRecord {
  std::string model_id;                  ///< 32 hexadecimal digits; of this enrolment alone
  std::optional<std::int64_t> releases;  ///< T, how many the budget covers; none: no budget
  std::string statement;                 ///< kept as it is: epsilon, delta, sigma ..
};

/// The hash of one piece of a file of rows.
struct ChunkHash {
  std::string file;  ///< its name in the vault, printable ASCII
  std::int64_t chunk = 0;
  Digest hash{};
};

/// What a batch will do.
struct BatchPlan {
  std::vector<std::int64_t> requests;  ///< validated ones; may be empty
  std::vector<ChunkHash> chunks;       ///< of every piece that zeroing the rows changes
  std::string plan;                    ///< kept as it is: hashes of the new state, tier, bound ..
  std::optional<EnrolmentRecord> enrolment;  ///< set: the release is the first of a new one
  std::optional<std::int64_t> after{};       ///< the batch whose model it starts from
};

/// What is sealed before anything is published.
struct SealedRelease {
  Digest parameters_hash{};        ///< of what will be published
  std::string certificate, annex;  ///< their bytes
  std::string noise;               ///< encrypted under a key outside the ledger; empty: none drawn
};

/// A release as the ledger has it; `noise` is empty once it is wiped.
struct Release : SealedRelease {
  std::int64_t batch = 0;
  std::int64_t enrolment = 1;
  std::int64_t release = 1;  ///< the how manieth of the enrolment
};

/// A batch as the ledger has it.
struct Batch {
  std::int64_t number = 0;
  BatchStage stage = BatchStage::kPrepared;
  std::int64_t enrolment = 1;
  std::string plan;
  std::vector<std::int64_t> requests;
};

/// How much of the current enrolment's budget is used.
struct BudgetUse {
  std::int64_t enrolment = 1;
  std::string model_id;
  std::string statement;
  std::int64_t used = 0;                 ///< releases sealed
  std::optional<std::int64_t> releases;  ///< T; none: no budget
  [[nodiscard]] bool spent() const noexcept { return releases.has_value() && used >= *releases; }
};

}  // namespace recant
