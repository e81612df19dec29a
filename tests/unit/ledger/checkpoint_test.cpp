// SPDX-License-Identifier: Apache-2.0
#include "recant/ledger/checkpoint.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

Checkpoint sample() {
  Checkpoint checkpoint{.model_id = "000102030405060708090a0b0c0d0e0f",
                        .event = 17,
                        .releases = 3,
                        .signature = std::vector<std::uint8_t>(64, 0xC3)};
  checkpoint.hash.fill(0x1F);
  return checkpoint;
}

TEST(Checkpoint, TextIsTheStatementAndTheSignature) {
  const std::string statement = checkpoint_statement(sample());
  EXPECT_EQ(statement,
            "{\"schema\":\"recant.checkpoint/1\",\"model_id\":\"000102030405060708090a0b0c0d0e0f\","
            "\"event\":17,\"hash\":"
            "\"1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f\",\"releases\":3}");
  const std::string text = checkpoint_text(sample());
  EXPECT_EQ(text.find(statement.substr(0, statement.size() - 1)), 0U);
  EXPECT_EQ(text.substr(text.size() - 5), "c3\"}\n");
}

TEST(Checkpoint, IsReadAsWritten) {
  const Checkpoint read = read_checkpoint(checkpoint_text(sample()));
  EXPECT_EQ(read.model_id, sample().model_id);
  EXPECT_EQ(read.event, 17);
  EXPECT_EQ(read.hash, sample().hash);
  EXPECT_EQ(read.releases, 3);
  EXPECT_EQ(read.signature, sample().signature);
}

TEST(Checkpoint, EveryOtherSpellingIsDamaged) {
  const std::string text = checkpoint_text(sample());
  const auto expect_damaged = [](const std::string& bytes) {
    test::expect_error<DamagedError>([&] { return read_checkpoint(bytes); },
                                     {"is not a checkpoint"});
  };
  for (std::size_t size = 0; size < text.size(); ++size) expect_damaged(text.substr(0, size));
  expect_damaged(text + "\n");
  expect_damaged(" " + text);
  expect_damaged("[]\n");
  expect_damaged(std::string(5000, '['));
  std::string upper = text;
  upper[upper.size() - 4] = 'C';
  expect_damaged(upper);
  for (const char* digits : {"1.7e1", "2.2e125", "-1e300", "18446744073709551615", "true"}) {
    std::string number = text;
    number.replace(number.find("17"), 2, digits);
    expect_damaged(number);
  }
  std::string negative = text;
  negative.replace(negative.find(":3,"), 3, ":-3,");
  expect_damaged(negative);
}

/// A bit is never flipped unnoticed: the text is refused, or it says something else.
TEST(Checkpoint, AFlippedBitIsRefusedOrSaysSomethingElse) {
  const std::string text = checkpoint_text(sample());
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    try {
      const Checkpoint read = read_checkpoint(flipped);
      EXPECT_EQ(checkpoint_text(read), flipped) << "bit " << bit;
    } catch (const DamagedError&) {
    }
  }
}

}  // namespace
}  // namespace recant
