// SPDX-License-Identifier: Apache-2.0
// A file that this user may not read is not a damaged one.
#include "vault_file.hpp"

#include <gtest/gtest.h>

#include <array>

#include "chunk_hashes.hpp"
#include "file_hash.hpp"
#include "plain_user.hpp"
#include "recant/core/error.hpp"
#include "temporary_folder.hpp"

namespace recant::test {
namespace {

namespace fs = std::filesystem;

/// 0 if it says what is wanted.
template <class Wanted>
int failures(const fs::path& file) {
  int failed = 0;
  const auto throws = [&](const auto& read) {
    try {
      read();
      ++failed;
    } catch (const Wanted&) {
    }
  };
  throws([&] { static_cast<void>(read_vault_file(file)); });
  throws([&] { static_cast<void>(file_hash(file)); });
  throws([&] { static_cast<void>(hash_file(file)); });
  throws([&] { static_cast<void>(hash_chunk(file, 0, 3)); });
  return failed;
}

TEST(VaultFile, ThatMayNotBeReadIsNotDamaged) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("rows.npy", "abc");
  const auto status = run_as_plain_user(std::array<fs::path, 2>{folder.path(), file}, [&] {
    fs::permissions(file, fs::perms::none);
    if (const int failed = failures<DataError>(file); failed > 0) return failed;
    fs::permissions(file, fs::perms::owner_all);
    fs::permissions(folder.path(), fs::perms::none);  // a folder on the way to it
    const int failed = failures<DataError>(file);
    fs::permissions(folder.path(), fs::perms::owner_all);
    return failed;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(failures<DamagedError>(folder / "missing"), 0);
}

}  // namespace
}  // namespace recant::test
