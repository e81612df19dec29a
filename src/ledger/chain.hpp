// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sodium.h>

#include <cstdint>
#include <string_view>

#include "recant/core/digest.hpp"
#include "recant/ledger/ledger.hpp"
#include "storage.hpp"

namespace recant {

/// BLAKE2b-256 of a domain, a zero byte and parts: numbers as 8 bytes, little-endian; texts and
/// bytes with their length before them, digests without. No two lists of parts hash alike.
class DomainHash {
 public:
  explicit DomainHash(std::string_view domain);
  DomainHash& integer(std::int64_t number);
  DomainHash& bytes(ByteView bytes);
  DomainHash& text(std::string_view text) { return bytes(bytes_of(text)); }
  DomainHash& digest(const Digest& digest);
  [[nodiscard]] Digest finish();

 private:
  void update(const std::uint8_t* bytes, std::size_t size);
  crypto_generichash_state state_;
};

/// What the hash of an event is by definition; its own `hash` is not read.
[[nodiscard]] Digest event_hash(const LedgerEvent& event);

[[nodiscard]] std::string hexadecimal(const Digest& digest);

}  // namespace recant
