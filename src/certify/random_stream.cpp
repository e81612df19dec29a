// SPDX-License-Identifier: Apache-2.0
#include "random_stream.hpp"

#include <sodium.h>

#include <cstring>

#include "faults.hpp"
#include "recant/core/entropy.hpp"

namespace recant {

RandomStream RandomStream::secure() {
  start_sodium();
  Key key{};
  if (!faults.noise_reused) draw_entropy(key);
  // Returned in place: there is no second copy of the key but this one.
  struct Wipe {
    Key& key;
    ~Wipe() { sodium_memzero(key.data(), key.size()); }
  } wipe{key};
  return RandomStream(key);
}

RandomStream RandomStream::seeded(std::uint64_t seed) {
  start_sodium();  // chooses the implementation of ChaCha20, too
  Key key = {'u', 'n', 'c', 'e', 'r', 't', 'i', 'f', 'i', 'e', 'd'};
  std::memcpy(key.data() + 24, &seed, sizeof seed);
  return RandomStream(key);
}

RandomStream::~RandomStream() {
  sodium_memzero(key_.data(), sizeof key_);
  sodium_memzero(words_.data(), sizeof words_);
}

void RandomStream::refill() {
  static_assert(crypto_stream_chacha20_KEYBYTES == sizeof(Key));
  static_assert(crypto_stream_chacha20_NONCEBYTES == sizeof block_);
  unsigned char nonce[sizeof block_];
  std::memcpy(nonce, &block_, sizeof nonce);
  ++block_;
  crypto_stream_chacha20(reinterpret_cast<unsigned char*>(words_.data()), sizeof words_, nonce,
                         key_.data());
  used_ = 0;
}

}  // namespace recant
