// SPDX-License-Identifier: Apache-2.0
#include "tree_copy.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "recant/core/interrupt.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Of three pieces, the last shorter, that differ.
std::string some_pieces() {
  std::string bytes((std::size_t{5} << 19) + 7, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i % 251);
  return bytes;
}

TEST(TreeCopy, HasTheBytesAndWhoMayReadThem) {
  const test::TemporaryFolder folder;
  const fs::path from = folder / "from", to = folder / "to";
  fs::create_directories(from / "a/b");
  fs::permissions(from / "a", fs::perms::owner_all);
  write(from / "large", some_pieces());
  write(from / "a/b/secret", "x");
  write(from / "a/empty", "");
  fs::permissions(from / "a/b/secret", fs::perms::owner_read);
  copy_tree(from, to);
  EXPECT_TRUE(read(to / "large") == some_pieces());
  EXPECT_EQ(read(to / "a/b/secret"), "x");
  EXPECT_TRUE(fs::exists(to / "a/empty"));
  for (const char* name : {"a", "a/b", "a/b/secret", "large"}) {
    EXPECT_EQ(fs::status(to / name).permissions(), fs::status(from / name).permissions()) << name;
  }
}

TEST(TreeCopy, WritesOverNothingAndSaysWhatCannotBeCopied) {
  const test::TemporaryFolder folder;
  write(folder / "a", "1");
  write(folder / "b", "2");
  EXPECT_THROW(copy_tree(folder / "a", folder / "b"), fs::filesystem_error);
  EXPECT_EQ(read(folder / "b"), "2");
  EXPECT_THROW(copy_tree(folder / "none", folder / "c"), fs::filesystem_error);
}

TEST(TreeCopy, StopsInTheMiddleOfAFile) {
  const test::TemporaryFolder folder;
  write(folder / "large", some_pieces());
  struct Stopped {};
  int looks = 0;
  const InterruptCheck check([&] {
    if (++looks == 2) throw Stopped();
  });
  EXPECT_THROW(copy_tree(folder / "large", folder / "copy"), Stopped);
  EXPECT_EQ(fs::file_size(folder / "copy"), std::size_t{2} << 20);
}

}  // namespace
}  // namespace recant
