// SPDX-License-Identifier: Apache-2.0
// A writer died while SQLite moved its -wal into the ledger's file, and then the -wal was cut off:
// pages of before lie beside pages of after. Or nothing was moved, and the -wal was damaged.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>

#include "dead_writer.hpp"
#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "page_sums.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/engine/json.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using test::read_bytes, test::write_bytes;

constexpr std::size_t kHeader = 32, kFrameHeader = 24;  // sqlite.org/fileformat2.html, section 4

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

/// The pages of a -wal by number, each as its last frame has it.
std::map<std::uint32_t, std::string> pages_of(const std::string& wal) {
  const std::size_t page = big_endian(wal, 8);
  std::map<std::uint32_t, std::string> pages;
  for (std::size_t at = kHeader; at + kFrameHeader + page <= wal.size();
       at += kFrameHeader + page) {
    pages[big_endian(wal, at)] = wal.substr(at + kFrameHeader, page);
  }
  return pages;
}

/// A vault in which requests were received, and the process died.
class MixedLedgerTest : public testing::Test {
 protected:
  void SetUp() override {
    test::create_enrolled(path_, test::small_model(folder_, 40));
    {
      Vault vault = Vault::open_for_writing(path_);
      ASSERT_TRUE(vault.forget(test::asked({3})).done());
    }
    Ledger writer = test::ledger_of(path_);
    before_ = read_bytes(ledger_);
    // Of another version: whoever opens the vault does not begin them.
    std::string parameters = writer.request(1).parameters;
    const std::string ours = version();
    parameters.replace(parameters.find(ours), ours.size(), "another");
    for (Index i = 0; i < 60; ++i) {
      static_cast<void>(test::receive_rows(path_, writer, {10 + i % 20}, parameters));
    }
    wal_ = read_bytes(wal_file_);
    ASSERT_TRUE(read_bytes(ledger_) == before_) << "nothing was moved yet";
    fs::copy(path_, died_, fs::copy_options::recursive);
  }

  void put(const std::string& ledger, const std::string& wal) {
    fs::remove_all(path_);
    fs::copy(died_, path_, fs::copy_options::recursive);
    fs::remove(ledger_.string() + "-shm");
    write_bytes(ledger_, ledger);
    write_bytes(wal_file_, wal);
  }

  [[nodiscard]] std::string with_pages(const std::set<std::uint32_t>& chosen) const {
    std::string mixed = before_;  // with sums, as whoever moved its pages made them
    for (const auto& [number, bytes] : pages_of(wal_)) {
      if (!chosen.contains(number)) continue;
      const std::size_t at = (number - 1) * bytes.size();
      if (mixed.size() < at + bytes.size()) mixed.resize(at + bytes.size(), '\0');
      mixed.replace(at, bytes.size(), bytes);
    }
    return test::with_page_sums(mixed);
  }

  test::TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.rct", died_ = folder_ / "died.rct";
  fs::path ledger_ = path_ / "ledger.sqlite", wal_file_ = path_ / "ledger.sqlite-wal";
  std::string before_, wal_;
};

TEST_F(MixedLedgerTest, AWholeWalIsTakenUp) {
  put(before_, wal_);
  {
    const Vault vault = Vault::open_for_writing(path_);
    EXPECT_EQ(vault.recovered().size(), 60U);
  }
  EXPECT_FALSE(Vault::check(path_).fault.has_value());
}

TEST_F(MixedLedgerTest, IsRefusedOrSound) {
  SeededRandom random(7, 0);
  std::set<std::string> faults;
  int sound = 0;
  for (int trial = 0; trial < 120; ++trial) {
    std::set<std::uint32_t> chosen;
    const std::uint64_t share = 1 + random.below(7);
    for (const auto& [number, bytes] : pages_of(wal_)) {
      if (random.below(8) < share) chosen.insert(number);
    }
    // What comes before the cut holds, and mends.
    const std::string wal = wal_.substr(0, random.below(wal_.size() / 20));
    const std::string mixed = with_pages(chosen);
    put(mixed, wal);
    SCOPED_TRACE("trial " + std::to_string(trial));
    try {
      static_cast<void>(Vault::open_for_writing(path_));
      const VaultCheck check = Vault::check(path_);
      EXPECT_FALSE(check.fault.has_value()) << *check.fault;
      ++sound;
    } catch (const DamagedError& error) {
      EXPECT_EQ(error.where(), ledger_.string());
      EXPECT_TRUE(read_bytes(ledger_) == mixed && read_bytes(wal_file_) == wal)
          << "a refusal leaves the ledger alone";
      faults.insert(error.message());
    }
  }
  std::printf("%d sound, refused for %zu different reasons\n", sound, faults.size());
  EXPECT_GT(faults.size(), 2U);
}

/// Requests that were answered would be gone, and the rest would hold together.
TEST_F(MixedLedgerTest, AWalThatIsDamagedInTheMiddleIsRefused) {
  SeededRandom random(11, 0);
  for (int trial = 0; trial < 40; ++trial) {
    std::string wal = wal_;
    const std::size_t at = kHeader + random.below(wal.size() - wal.size() / 10);
    wal[at] = static_cast<char>(wal[at] ^ (1 << random.below(8)));
    put(before_, wal);
    SCOPED_TRACE("byte " + std::to_string(at));
    const VaultCheck check = Vault::check(path_);
    ASSERT_TRUE(check.fault.has_value());
    EXPECT_NE(check.fault->find("ledger.sqlite-wal is damaged: frame"), std::string::npos);
    test::expect_error<DamagedError>([&] { return Vault::open_for_writing(path_); },
                                     {"ledger.sqlite-wal is damaged: frame"});
    EXPECT_TRUE(read_bytes(ledger_) == before_ && read_bytes(wal_file_) == wal)
        << "a refusal leaves the ledger alone";
  }
}

}  // namespace
}  // namespace recant
