// SPDX-License-Identifier: Apache-2.0
#include "vault_key.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

TEST(VaultKey, HashesDependOnKeyDomainAndText) {
  const VaultKey key = VaultKey::generate(), other = VaultKey::generate();
  const Digest hash = key.keyed_hash("a", "text");
  EXPECT_EQ(hash, key.keyed_hash("a", "text"));
  EXPECT_NE(hash, other.keyed_hash("a", "text"));
  EXPECT_NE(hash, key.keyed_hash("b", "text"));
  EXPECT_NE(hash, key.keyed_hash("a", "texts"));
}

TEST(VaultKey, ComesBackFromItsFileWhichOnlyTheOwnerReads) {
  const test::TemporaryFolder folder;
  const VaultKey key = VaultKey::generate();
  key.save(folder / "vault.key");
  struct stat status {};
  ASSERT_EQ(::stat((folder / "vault.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(VaultKey::load(folder / "vault.key").keyed_hash("a", "b"), key.keyed_hash("a", "b"));
  ASSERT_EQ(::chmod((folder / "vault.key").c_str(), 0640), 0);
  test::expect_error<DataError>([&] { return VaultKey::load(folder / "vault.key"); },
                                {"vault.key", "others"});
  test::expect_error<DamagedError>([&] { return VaultKey::load(folder / "none"); }, {"missing"});
}

TEST(VaultKey, AnyOtherByteInItsFileIsDamage) {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "vault.key";
  VaultKey::generate().save(file);
  std::ifstream in(file, std::ios::binary);
  const std::string whole(std::istreambuf_iterator<char>(in), {});
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string changed = whole;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    std::ofstream(file, std::ios::binary) << changed;
    EXPECT_THROW(static_cast<void>(VaultKey::load(file)), DamagedError) << bit;
  }
}

TEST(VaultKey, WhatIsSealedIsOpenedByTheSameKeyAndDomainAlone) {
  const VaultKey key = VaultKey::generate();
  for (const std::string& text : {std::string(), std::string("x"), std::string(1000, '\0')}) {
    const std::string sealed = key.seal("a", text);
    EXPECT_EQ(key.unseal("a", sealed, "w"), text);
    EXPECT_NE(sealed, key.seal("a", text)) << "a nonce each";
    for (std::size_t bit = 0; bit < 8 * std::min<std::size_t>(sealed.size(), 50); ++bit) {
      std::string changed = sealed;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_THROW(static_cast<void>(key.unseal("a", changed, "w")), DamagedError);
    }
    EXPECT_THROW(static_cast<void>(key.unseal("b", sealed, "w")), DamagedError);
    EXPECT_THROW(static_cast<void>(VaultKey::generate().unseal("a", sealed, "w")), DamagedError);
    EXPECT_THROW(static_cast<void>(key.unseal("a", sealed.substr(1), "w")), DamagedError);
  }
  EXPECT_THROW(static_cast<void>(key.unseal("a", "", "w")), DamagedError);
}

}  // namespace
}  // namespace recant
