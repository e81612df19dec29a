// SPDX-License-Identifier: Apache-2.0
// What a model folder keeps out: everybody's output but its own.
#include "recant/engine/output_place.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/value.hpp"
#include "small_vault.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

class OutputPlace : public testing::Test {
 protected:
  OutputPlace() : fitted_(test::small_model(folder_, 60)) {
    test::create_enrolled(path_, fitted_);
    fs::create_directory(folder_ / "other");
    fs::create_directory_symlink(path_ / "rows", folder_ / "link");
    fs::create_symlink(path_ / "rows/ids.npy", folder_ / "ids.npy");
  }

  /// Places in the folder, by all the ways that lead there.
  [[nodiscard]] std::vector<fs::path> inside() const {
    return {path_ / "x",           path_ / "manifest.json",       path_ / "secret/vault.key",
            path_ / "published/x", folder_ / "other/../m.rct/x",  path_ / "rows/../x",
            folder_ / "link/x",    path_ / "nothing/there/yet/x", folder_ / "ids.npy"};
  }

  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "m.rct";
  FittedModel fitted_;
};

TEST_F(OutputPlace, IsOutsideOfModels) {
  for (const fs::path& place : inside()) {
    test::expect_error<UsageError>(
        [&] {
          check_outside_models(place);
          return 0;
        },
        {place.string(), "lies in the model folder", "m.rct", "choose a place outside"});
  }
  for (const fs::path& place : {path_, path_ / "", folder_ / "x", folder_ / "m.rct.csv",
                                path_ / "../x", folder_ / "other/x", fs::path("x")}) {
    EXPECT_NO_THROW(check_outside_models(place)) << place;
  }
}

TEST_F(OutputPlace, ADamagedModelIsOneStill) {
  const auto expect_kept = [&] {
    EXPECT_THROW(check_outside_models(path_ / "ledger.sqlite"), UsageError);
  };
  fs::remove(path_ / "manifest.json");
  expect_kept();
  fs::remove_all(path_ / "rows");
  expect_kept();
  fs::remove_all(path_ / "secret");
  EXPECT_NO_THROW(check_outside_models(path_ / "ledger.sqlite"));
}

TEST_F(OutputPlace, NothingIsWrittenIntoAModel) {
  const std::string ledger = test::read_bytes(path_ / "ledger.sqlite");
  for (const fs::path& place : inside()) {
    EXPECT_THROW(Vault::backup(path_, place), UsageError) << place;
    EXPECT_THROW(Vault::create(place, fitted_, true), UsageError) << place;
    EXPECT_THROW(Vault::write_checkpoint(path_, place), UsageError) << place;
  }
  EXPECT_THROW(Vault::write_checkpoint(path_, path_ / "ledger.sqlite"), UsageError);
  EXPECT_EQ(test::read_bytes(path_ / "ledger.sqlite"), ledger);
  EXPECT_EQ(Vault::check(path_).fault, std::nullopt);
  ValueRequest request;
  request.method = "data_shapley";
  request.sampling.max_samples = 200;
  request.sampling.state_file = path_ / "state/samples";
  EXPECT_THROW(static_cast<void>(value(fitted_, fitted_.rows, request)), UsageError);
}

TEST_F(OutputPlace, ACheckpointReplacesACheckpointAlone) {
  const fs::path kept = folder_ / "checkpoint.json";
  Vault::write_checkpoint(path_, kept);
  const std::string first = test::read_bytes(kept);
  EXPECT_TRUE(Vault::open_for_writing(path_).forget(test::asked({3})).done());
  Vault::write_checkpoint(path_, kept);
  EXPECT_NE(test::read_bytes(kept), first);
  for (const std::string& text : {std::string(), std::string("{}"), std::string(1 << 20, 'x')}) {
    test::write_bytes(kept, text);
    test::expect_error<UsageError>(
        [&] {
          Vault::write_checkpoint(path_, kept);
          return 0;
        },
        {"exists and is not a checkpoint, so it is not replaced"});
    EXPECT_EQ(test::read_bytes(kept), text);
  }
}

}  // namespace
}  // namespace recant
