// SPDX-License-Identifier: Apache-2.0
#include "release_check.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "recant/core/error.hpp"
#include "small_vault.hpp"
#include "vault_writer.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using test::read_bytes, test::write_bytes;

/// A vault with a budget and two deletions, and its ledger as it was before the second.
class ReleaseCheckTest : public testing::Test {
 protected:
  void SetUp() override {
    test::create_enrolled(path_, test::small_model(folder_, 40));
    forget(3);
    former_ledger_ = read_bytes(path_ / "ledger.sqlite");
    forget(17);
  }

  void forget(Index row) {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(test::asked({row})).done());
  }
  /// The line that a writer is refused with, none if it is not; a refusal leaves the ledger and
  /// what is published alone.
  [[nodiscard]] std::string refusal() const {
    const std::string ledger = read_bytes(path_ / "ledger.sqlite");
    const std::string published = read_bytes(path_ / "published/parameters.npy");
    std::string line;
    try {
      static_cast<void>(Vault::open_for_writing(path_));
    } catch (const DamagedError& error) {
      line = error.what();
    }
    if (line.empty()) return line;
    EXPECT_TRUE(read_bytes(path_ / "ledger.sqlite") == ledger);
    EXPECT_TRUE(read_bytes(path_ / "published/parameters.npy") == published);
    return line;
  }

  test::TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.rct";
  std::string former_ledger_;
};

TEST_F(ReleaseCheckTest, ALedgerThatHasLostWhatWasPublishedIsNotWrittenTo) {
  EXPECT_EQ(refusal(), "");
  write_bytes(path_ / "ledger.sqlite", former_ledger_);
  const std::string line = refusal();
  EXPECT_EQ(line.find((path_ / "ledger.sqlite").string()), 0U) << line;
  EXPECT_NE(line.find("certificates/000003"), std::string::npos) << line;
}

TEST_F(ReleaseCheckTest, APublishedReleaseIsEnoughToTell) {
  write_bytes(path_ / "ledger.sqlite", former_ledger_);
  for (const char* name : {"000003.json", "000003.annex.json"}) {
    fs::remove(path_ / "certificates" / name);
  }
  const std::string line = refusal();
  EXPECT_EQ(line.find((path_ / "ledger.sqlite").string()), 0U) << line;
  EXPECT_NE(line.find("what is published"), std::string::npos) << line;
}

/// Of another vault, of a copy that went a way of its own, or of before.
TEST_F(ReleaseCheckTest, AStatusIsNotThatOfAnotherLedger) {
  const fs::path file = path_ / "ledger.sqlite";
  const std::string own = read_bytes(file);
  const VaultStatus status = Vault::status(path_);
  const fs::path copy = folder_ / "copy.rct", other = folder_ / "other.rct";
  Vault::backup(path_, copy);
  EXPECT_EQ(Vault::status(copy).model_id, status.model_id);
  test::create_enrolled(other, test::small_model(folder_, 50));
  for (const fs::path& path : {copy, other}) {
    Vault vault = Vault::open_for_writing(path);
    ASSERT_TRUE(vault.forget(test::asked({5})).done());
  }
  for (const std::string& ledger :
       {former_ledger_, read_bytes(copy / "ledger.sqlite"), read_bytes(other / "ledger.sqlite")}) {
    write_bytes(file, ledger);
    test::expect_error<DamagedError>([&] { return Vault::status(path_); },
                                     {file.string(), "restore"});
  }
  write_bytes(file, own);
  EXPECT_EQ(Vault::status(path_).model_id, status.model_id);
}

TEST_F(ReleaseCheckTest, FilesThatTheNextReleaseRestsOnAreCompared) {
  test::Random random(5);
  for (const char* name :
       {"secret/signing.key", "secret/vault.key", "public-key.json", "certificates/000003.json",
        "certificates/000003.annex.json", "certificates/000002.json", "published/certificate.json",
        "published/parameters.json", "published/public-key.json", "published/parameters.npy"}) {
    const fs::path file = path_ / name;
    const std::string whole = read_bytes(file);
    for (int trial = 0; trial < 25; ++trial) {
      const auto at = static_cast<std::size_t>(random.below(static_cast<Index>(whole.size())));
      SCOPED_TRACE(std::string(name) + ", byte " + std::to_string(at));
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
      write_bytes(file, damaged);
      EXPECT_NE(refusal().find(file.filename().string()), std::string::npos);
    }
    write_bytes(file, whole);
  }
  EXPECT_EQ(refusal(), "");
}

TEST_F(ReleaseCheckTest, ABackupNamesTheDamagedFileOfItsModel) {
  const fs::path backup = folder_ / "backup.rct";
  for (const char* name : {"rows/features.npy", "rows/ids.npy", "state/2/theta.npy",
                           "published/parameters.npy", "published/certificate.json"}) {
    SCOPED_TRACE(name);
    const fs::path file = path_ / name;
    const std::string whole = read_bytes(file);
    std::string damaged = whole;
    damaged[damaged.size() - 20] = static_cast<char>(damaged[damaged.size() - 20] ^ 1);
    write_bytes(file, damaged);
    try {
      Vault::backup(path_, backup);
      ADD_FAILURE() << "was backed up";
    } catch (const DamagedError& error) {
      EXPECT_EQ(error.where(), file.string());
    }
    EXPECT_FALSE(fs::exists(backup));
    write_bytes(file, whole);
  }
  Vault::backup(path_, backup);
}

TEST_F(ReleaseCheckTest, KeysOfAnotherVaultAreRefused) {
  const VaultSecrets own = VaultSecrets::load(path_);
  const SigningKey other = SigningKey::generate();
  fs::remove(path_ / "secret/signing.key");
  other.save(path_ / "secret/signing.key");
  write_bytes(path_ / "public-key.json", other.public_key_text());
  EXPECT_NE(refusal().find("signing.key: is not the key that signed"), std::string::npos);
}

/// The state of a fit is published as it is: not without its hash.
TEST_F(ReleaseCheckTest, AFitIsNotPublishedFromADamagedState) {
  const fs::path path = folder_ / "plain.rct";
  Vault::create(path, Vault::open(path_), false);
  const fs::path theta = path / "state/0/theta.npy";
  const std::string whole = read_bytes(theta);
  ModelFolder folder = read_model_folder(path);
  const VaultSecrets secrets = VaultSecrets::create(path);
  Ledger ledger = create_ledger(folder, folder.ledger_location(), nullptr);
  ledger.acquire();
  BatchRecord record;
  record.method = "fit";
  BatchPlan plan;
  plan.plan = to_text(record);
  const std::int64_t batch = ledger.prepare(plan);
  std::string damaged = whole;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write_bytes(theta, damaged);
  BatchFinisher finisher(folder, ledger, secrets);
  EXPECT_THROW(finisher.finish(ledger.batch(batch)), DamagedError);
  EXPECT_FALSE(ledger.release_of_batch(batch).has_value());
  write_bytes(theta, whole);
  finisher.finish(ledger.batch(batch));
  EXPECT_TRUE(ledger.release_of_batch(batch).has_value());
}

/// Nobody writes into it: whoever opened it to read would wait for ever.
TEST_F(ReleaseCheckTest, APipeInThePlaceOfAFileIsNotWaitedFor) {
  for (const char* name :
       {"manifest.json", "ledger.sqlite", "public-key.json", "secret/vault.key",
        "secret/signing.key", "certificates/000003.json", "published/certificate.json",
        "published/parameters.json", "published/parameters.npy", "published/public-key.json",
        "rows/features.npy", "rows/ids.npy", "state/2/theta.npy"}) {
    SCOPED_TRACE(name);
    const fs::path file = path_ / name;
    fs::rename(file, folder_ / "aside");
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    EXPECT_THROW(static_cast<void>(Vault::open_for_writing(path_)), DamagedError);
    EXPECT_THROW(Vault::backup(path_, folder_ / "copy"), DamagedError);
    EXPECT_FALSE(fs::exists(folder_ / "copy"));
    std::string fault;
    try {
      fault = Vault::check(path_).fault.value_or("");
    } catch (const DamagedError& error) {
      fault = error.what();
    }
    EXPECT_NE(fault.find(file.filename().string()), std::string::npos) << fault;
    fs::remove(file);
    fs::rename(folder_ / "aside", file);
  }
}

}  // namespace
}  // namespace recant
