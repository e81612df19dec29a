// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace recant {

/// ChaCha20's key stream in words of 64 bits, wiped at the end of its life.
///
/// It lives no longer than one call that draws, so that there is no state of it to be copied by a
/// fork or a snapshot between calls.
class RandomStream {
 public:
  using Key = std::array<unsigned char, 32>;

  /// Under a fresh key from the system. @throws DataError when the system gives no random bytes.
  [[nodiscard]] static RandomStream secure();
  /// Under a key made of the seed: repeatable, certifies nothing.
  [[nodiscard]] static RandomStream seeded(std::uint64_t seed);

  ~RandomStream();
  RandomStream(const RandomStream&) = delete;
  RandomStream& operator=(const RandomStream&) = delete;

  std::uint64_t next() {
    if (used_ == words_.size()) refill();
    return words_[used_++];
  }

 private:
  explicit RandomStream(const Key& key) : key_(key) {}
  void refill();

  Key key_;
  std::uint64_t block_ = 0;               // the nonce: one for every refill
  std::array<std::uint64_t, 512> words_;  // uninitialised until the first refill
  std::size_t used_ = 512;
};

}  // namespace recant
