// SPDX-License-Identifier: Apache-2.0
#include "chunk_hashes.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

constexpr auto kPiece = static_cast<std::size_t>(kChunkBytes);

/// More pieces than one thread hashes at a time, all different, the last one short.
class ChunkHashes : public testing::Test {
 protected:
  ChunkHashes() : bytes_(40 * kPiece + 5, '\0') {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<char>((i * 2654435761U) >> 13);
    }
    write();
  }
  void write() const { std::ofstream(path_, std::ios::binary) << bytes_; }

  test::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "file";
  std::string bytes_;
};

TEST_F(ChunkHashes, AreThoseOfThePiecesInOrder) {
  const FileHashes found = hash_file(path_);
  EXPECT_EQ(found.bytes, static_cast<std::int64_t>(bytes_.size()));
  ASSERT_EQ(found.chunks.size(), 41U);
  for (std::size_t i = 0; i < found.chunks.size(); ++i) {
    EXPECT_EQ(found.chunks[i], hash_bytes(std::string_view(bytes_).substr(i * kPiece, kPiece)))
        << i;
  }
  std::ofstream(path_, std::ios::binary | std::ios::trunc);
  EXPECT_TRUE(hash_file(path_).chunks.empty());
}

TEST_F(ChunkHashes, AnyByteThatIsAnotherIsFound) {
  const FileHashes expected = hash_file(path_);
  check_file(path_, expected);
  for (const std::size_t at :
       {std::size_t{0}, kPiece - 1, 15 * kPiece, 16 * kPiece, 33 * kPiece + 7, bytes_.size() - 1}) {
    bytes_[at] ^= 1;
    write();
    test::expect_error<DamagedError>(
        [&] {
          check_file(path_, expected);
          return 0;
        },
        {"file", "does not have the bytes"});
    const auto piece = static_cast<std::int64_t>(at / kPiece);
    EXPECT_EQ(hash_chunk(path_, piece, expected.bytes), hash_file(path_).chunks[at / kPiece]);
    EXPECT_NE(hash_chunk(path_, piece, expected.bytes), expected.chunks[at / kPiece]);
    bytes_[at] ^= 1;
  }
  bytes_.push_back('x');
  write();
  EXPECT_THROW(check_file(path_, expected), DamagedError);
  EXPECT_THROW(check_file(folder_ / "none", expected), DamagedError);
  EXPECT_THROW(static_cast<void>(hash_file(folder_ / "none")), DamagedError);
}

}  // namespace
}  // namespace recant
