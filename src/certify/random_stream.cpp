// SPDX-License-Identifier: Apache-2.0
#include "random_stream.hpp"

#include <sodium.h>

#include <cstring>

#include "faults.hpp"
#include "recant/core/error.hpp"

namespace recant {

/// sodium_init() fails when there is no source of entropy. Once it has succeeded, libsodium would
/// rather stop the process than return bytes that are not random.
void require_entropy() {
  if (sodium_init() < 0 || faults.entropy_fails) {
    throw DataError("the system gives no random bytes, so nothing was drawn", {},
                    "make getrandom() or /dev/urandom available to this process");
  }
}

RandomStream RandomStream::secure() {
  require_entropy();
  Key key{};
  if (!faults.noise_reused) randombytes_buf(key.data(), key.size());
  // Returned in place: there is no second copy of the key but this one.
  struct Wipe {
    Key& key;
    ~Wipe() { sodium_memzero(key.data(), key.size()); }
  } wipe{key};
  return RandomStream(key);
}

RandomStream RandomStream::seeded(std::uint64_t seed) {
  require_entropy();  // chooses the implementation of ChaCha20, too
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
