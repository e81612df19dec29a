// SPDX-License-Identifier: Apache-2.0
#include "chain.hpp"

#include <array>

#include "recant/core/entropy.hpp"
#include "recant/core/error.hpp"

namespace recant {

DomainHash::DomainHash(std::string_view domain) {
  start_sodium();
  crypto_generichash_init(&state_, nullptr, 0, Digest().size());
  update(bytes_of(domain).data(), domain.size());
  const std::uint8_t zero = 0;
  update(&zero, 1);
}

void DomainHash::update(const std::uint8_t* bytes, std::size_t size) {
  crypto_generichash_update(&state_, bytes, size);
}

DomainHash& DomainHash::integer(std::int64_t number) {
  std::array<std::uint8_t, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(number) >> (8 * i));
  }
  update(bytes.data(), bytes.size());
  return *this;
}

DomainHash& DomainHash::bytes(ByteView bytes) {
  integer(static_cast<std::int64_t>(bytes.size()));
  update(bytes.data(), bytes.size());
  return *this;
}

DomainHash& DomainHash::digest(const Digest& digest) {
  update(digest.data(), digest.size());
  return *this;
}

Digest DomainHash::finish() {
  Digest digest;
  crypto_generichash_final(&state_, digest.data(), digest.size());
  return digest;
}

Digest event_hash(const LedgerEvent& event) {
  return DomainHash("recant.event/1")
      .digest(event.former)
      .integer(event.seq)
      .integer(event.at.time_since_epoch().count())
      .text(event.kind)
      .integer(event.subject)
      .text(event.payload)
      .finish();
}

std::string hexadecimal(const Digest& digest) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace recant
