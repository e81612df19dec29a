// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "recant/core/digest.hpp"

namespace recant {

/// A signed statement that a ledger had come so far: whoever holds it recognises a ledger that was
/// restored from an older backup, or whose end was cut off or rewritten.
struct Checkpoint {
  std::string model_id;
  std::int64_t event = 0;     ///< the last one it covers
  Digest hash{};              ///< of that event, and so of all before it
  std::int64_t releases = 0;  ///< of the model_id's enrolment until then
  std::vector<std::uint8_t> signature;
};

/// The bytes that are signed, with the domain "recant.checkpoint/1".
[[nodiscard]] std::string checkpoint_statement(const Checkpoint& checkpoint);

/// The bytes of a checkpoint file: the statement with the signature as its last member.
/// docs/formats/ledger.md.
[[nodiscard]] std::string checkpoint_text(const Checkpoint& checkpoint);

/// Reads what checkpoint_text() writes; the signature is not checked.
/// @throws DamagedError for every other text.
[[nodiscard]] Checkpoint read_checkpoint(std::string_view bytes);

/// Signs a checkpoint_statement(). The ledger has no key.
using CheckpointSigner = std::function<std::vector<std::uint8_t>(std::string_view statement)>;
/// Whether the signature is the owner's.
using CheckpointVerifier =
    std::function<bool(std::string_view statement, const std::vector<std::uint8_t>& signature)>;

}  // namespace recant
