// SPDX-License-Identifier: Apache-2.0
// Any bit of any file of a vault flipped, and any file cut off: a check finds it and names the
// file; a reader does too, or is told what it was told before.
#include <gtest/gtest.h>

#include <sstream>

#include "file_bytes.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using test::read_bytes, test::write_bytes;

constexpr int kTimes = 100;

/// A vault with two deletions, one whose first is still to come, and one whose rows are weighted.
class DamageTest : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    const FittedModel fitted = test::small_model(*folder_, 40);
    test::create_enrolled(*folder_ / "model.rct", fitted);
    {
      Vault vault = Vault::open_for_writing(*folder_ / "model.rct");
      for (const Index row : {3, 17}) {
        static_cast<void>(vault.forget(test::asked({row}, "row " + std::to_string(row))));
      }
    }
    Vault::create(*folder_ / "plain.rct", fitted, false);
    Vault::create(*folder_ / "weighted.rct", fitted, false);
    Vault weighted = Vault::open_for_writing(*folder_ / "weighted.rct");
    ForgetRequest request = test::asked({3});
    request.weighting.retained = true;
    request.weighting.alpha = 1;
    request.holdout = &fitted.rows;
    static_cast<void>(weighted.forget(request));
  }
  static void TearDownTestSuite() { delete folder_; }

  /// What a reader is told; "damaged" if it is told so, and by a line that names the file.
  static std::string answer(const fs::path& path, const fs::path& file) {
    try {
      const FittedModel model = Vault::open(path);
      std::ostringstream text;
      text.precision(17);
      text << model.model.theta.transpose() << model.rows.targets.transpose()
           << RowMatrix(model.rows.features.view()).sum() << model.rows.weights.transpose()
           << to_json(Vault::status(path));
      return text.str();
    } catch (const DamagedError& error) {
      expect_named(error.what(), file);
      return "damaged";
    }
  }
  static void expect_named(const std::string& line, const fs::path& file) {
    EXPECT_NE(line.find(file.filename().string()), std::string::npos) << line;
  }

  static test::TemporaryFolder* folder_;
};
test::TemporaryFolder* DamageTest::folder_ = nullptr;

TEST_P(DamageTest, IsNamed) {
  const std::string name = GetParam();
  const fs::path path = *folder_ / (name.starts_with("state/0/")   ? "plain.rct"
                                    : name.starts_with("state/1/") ? "weighted.rct"
                                                                   : "model.rct");
  const fs::path file = path / name;
  const std::string whole = read_bytes(file);
  ASSERT_FALSE(whole.empty());
  const std::string sound = answer(path, file);
  ASSERT_NE(sound, "damaged");
  test::Random random(7);
  int named_by_reader = 0;
  for (int trial = 0; trial < 2 * kTimes; ++trial) {
    const auto at = static_cast<std::size_t>(random.below(static_cast<Index>(whole.size())));
    const bool cut = trial >= kTimes;
    std::string damaged = cut ? whole.substr(0, at) : whole;
    if (!cut) damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
    SCOPED_TRACE((cut ? "cut to " : "a bit of byte ") + std::to_string(at));
    write_bytes(file, damaged);
    const std::string told = answer(path, file);
    named_by_reader += told == "damaged";
    EXPECT_TRUE(told == "damaged" || told == sound);
    const VaultCheck check = Vault::check(path);
    ASSERT_TRUE(check.fault.has_value());
    expect_named(*check.fault, file);
  }
  write_bytes(file, whole);
  EXPECT_EQ(answer(path, file), sound);
  EXPECT_FALSE(Vault::check(path).fault.has_value());
  // What opening finds.
  if (name.starts_with("rows/") || name.starts_with("state/") || name.starts_with("published/")) {
    EXPECT_EQ(named_by_reader, 2 * kTimes);
  }
  if (name == "ledger.sqlite") {
    EXPECT_GE(named_by_reader, kTimes)
        << "a ledger that is cut off; of bits, those of pages it reads";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, DamageTest,
    testing::Values("manifest.json", "rows/features.npy", "rows/targets.npy", "rows/weights.npy",
                    "rows/ids.npy", "rows/groups.npy", "state/2/theta.npy", "state/0/theta.npy",
                    "state/0/gradient.npy", "state/1/trained_weights.npy",
                    "published/parameters.npy", "published/parameters.json",
                    "published/certificate.json", "published/public-key.json",
                    "certificates/000002.json", "certificates/000002.annex.json", "ledger.sqlite",
                    "public-key.json", "secret/vault.key", "secret/signing.key"),
    [](const auto& parameter) {
      std::string name = parameter.param;
      for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
      }
      return name;
    });

}  // namespace
}  // namespace recant
