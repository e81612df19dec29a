// SPDX-License-Identifier: Apache-2.0
#include "recant/core/file_removal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "recant/core/atomic_file.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSecret = "the key of a vault";

class FileRemoval : public testing::Test {
 protected:
  FileRemoval() {
    std::string name = (fs::temp_directory_path() / "recant-test-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~FileRemoval() override { fs::remove_all(folder_); }

  /// A model with a key.
  fs::path model(const char* name) const {
    fs::create_directories(folder_ / name / "secret");
    const fs::path key = folder_ / name / "secret/vault.key";
    std::ofstream(key) << kSecret;
    return key;
  }

  fs::path folder_;
};

/// What is left of a file when its name is gone: whoever has it mapped sees its bytes.
class Mapped {
 public:
  explicit Mapped(const fs::path& path) : size_(fs::file_size(path)) {
    const int file = ::open(path.c_str(), O_RDONLY);
    bytes_ = static_cast<const char*>(::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0));
    ::close(file);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() { ::munmap(const_cast<char*>(bytes_), size_); }
  [[nodiscard]] std::string bytes() const { return {bytes_, size_}; }

 private:
  std::size_t size_;
  const char* bytes_;
};

/// The blocks of a file, whatever its names are; it does not count as open.
class Blocks {
 public:
  explicit Blocks(const fs::path& path) : file_(::open(path.c_str(), O_PATH)) {}
  ~Blocks() { ::close(file_); }
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  [[nodiscard]] std::string bytes() const {
    std::ifstream in("/proc/self/fd/" + std::to_string(file_));
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  int file_;
};

const std::string kZeros(std::string(kSecret).size(), '\0');

TEST_F(FileRemoval, ZerosAreWrittenOverEveryFile) {
  const Blocks blocks(model("m.rct"));
  ASSERT_EQ(blocks.bytes(), kSecret);
  remove_overwritten(folder_ / "m.rct");
  EXPECT_FALSE(fs::exists(folder_ / "m.rct"));
  EXPECT_EQ(blocks.bytes(), kZeros);
}

TEST_F(FileRemoval, AFileThatCannotBeWrittenToIsOverwritten) {
  const fs::path key = model("m.rct");
  const Blocks blocks(key);
  fs::permissions(key, fs::perms::owner_read);
  remove_overwritten(key);
  EXPECT_EQ(blocks.bytes(), kZeros);
}

TEST_F(FileRemoval, AModelThatIsReplacedIsOverwritten) {
  const Blocks blocks(model("m.rct"));
  StagedFolder folder(folder_ / "m.rct", true);
  folder.commit();
  EXPECT_EQ(blocks.bytes(), kZeros);
}

TEST_F(FileRemoval, WhatIsAbandonedIsOverwritten) {
  const Blocks folder(model(".m.rct.1.partial"));
  std::ofstream(folder_ / ".m.rct.2.partial") << kSecret;
  const Blocks file(folder_ / ".m.rct.2.partial");
  remove_abandoned(folder_ / "m.rct");
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_EQ(folder.bytes(), kZeros);
  EXPECT_EQ(file.bytes(), kZeros);
}

TEST_F(FileRemoval, AFolderThatWasNotFinishedIsOverwritten) {
  std::optional<StagedFolder> folder(std::in_place, folder_ / "m.rct", false);
  folder->write("key", kSecret);
  const Blocks blocks(folder->path() / "key");
  folder.reset();
  EXPECT_TRUE(fs::is_empty(folder_));
  EXPECT_EQ(blocks.bytes(), kZeros);
}

TEST_F(FileRemoval, WhoHasAFileMappedKeepsWhatItReads) {
  const fs::path key = model("m.rct");
  const Mapped mapped(key);
  remove_overwritten(folder_ / "m.rct");
  EXPECT_FALSE(fs::exists(folder_ / "m.rct"));
  EXPECT_EQ(mapped.bytes(), kSecret);
}

TEST_F(FileRemoval, ACopyUnderAnotherNameStays) {
  const fs::path key = model("m.rct");
  fs::create_hard_link(key, folder_ / "backup");
  fs::create_symlink(folder_ / "backup", folder_ / "m.rct/link");
  remove_overwritten(folder_ / "m.rct");
  EXPECT_FALSE(fs::exists(folder_ / "m.rct"));
  EXPECT_EQ(Blocks(folder_ / "backup").bytes(), kSecret);
}

}  // namespace
}  // namespace recant
