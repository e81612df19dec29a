// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/annex_claim.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/error.hpp"
#include "small_vault.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

class AnnexClaim : public testing::Test {
 protected:
  AnnexClaim() : fitted_(test::small_model(folder_, 60)) {
    for (const fs::path& path : {path_, other_}) {
      test::create_enrolled(path, fitted_);
      EXPECT_TRUE(Vault::open_for_writing(path).forget(test::asked({3})).done());
    }
  }
  [[nodiscard]] static fs::path annex(const fs::path& vault, int release) {
    return vault / "certificates" / ("00000" + std::to_string(release) + ".annex.json");
  }
  void expect_refused(const fs::path& file, const std::string& why) const {
    test::expect_error<DamagedError>([&] { return claimed_bound(file, path_); },
                                     {file.string(), why, "take the annex of release 2 in"});
  }

  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "m.rct", other_ = folder_ / "other.rct";
  FittedModel fitted_;
};

TEST_F(AnnexClaim, IsWhatTheAnnexOfTheNewestCertificateStates) {
  const std::optional<double> bound = read_annex(test::read_bytes(annex(path_, 2))).bound;
  ASSERT_TRUE(bound.has_value());
  EXPECT_EQ(claimed_bound(annex(path_, 2), path_), bound);
}

TEST_F(AnnexClaim, OfAnotherModelIsRefused) {
  expect_refused(annex(other_, 2), "is the annex of another model");
}

TEST_F(AnnexClaim, OfAnotherReleaseIsRefused) {
  expect_refused(annex(path_, 1), "is the annex of release 1, but the model is release 2");
}

TEST_F(AnnexClaim, ThatWasEditedIsRefused) {
  std::string text = test::read_bytes(annex(path_, 2));
  const auto at = text.find("\"bound\":\"") + 9;
  text.replace(at, text.find('"', at) - at, "9e+99");
  ASSERT_EQ(read_annex(text).bound, 9e99);
  test::write_bytes(folder_ / "annex.json", text);
  expect_refused(folder_ / "annex.json", "is not the annex that the certificate is bound to");
}

TEST_F(AnnexClaim, ThatIsNoneIsRefused) {
  test::expect_error<DamagedError>(
      [&] { return claimed_bound(folder_.write("annex.json", "x"), path_); }, {"annex.json"});
  test::expect_error<NotFoundError>([&] { return claimed_bound(folder_ / "none.json", path_); },
                                    {"none.json: does not exist"});
  test::expect_error<DataError>([&] { return claimed_bound(path_, path_); }, {"is a folder"});
}

TEST_F(AnnexClaim, OfAModelThatReleasedNothingThereIsNone) {
  const fs::path fresh = folder_ / "fresh.rct";
  Vault::create(fresh, fitted_, false);
  test::expect_error<UsageError>([&] { return claimed_bound(annex(path_, 2), fresh); },
                                 {"fresh.rct: has no certificate: nothing was released yet"});
}

}  // namespace
}  // namespace recant
