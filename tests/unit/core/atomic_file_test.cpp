// SPDX-License-Identifier: Apache-2.0
#include "recant/core/atomic_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "recant/core/error.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AtomicFile : public testing::Test {
 protected:
  AtomicFile() {
    std::string name = (fs::temp_directory_path() / "recant-test-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~AtomicFile() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  [[nodiscard]] fs::path at(const char* name) const { return folder_ / name; }

  /// Every name in the test's folder, sorted: anything left behind shows here.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      result.push_back(entry.path().lexically_relative(folder_).string());
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  fs::path folder_;
};

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void put(const fs::path& path, std::string_view text) {
  std::ofstream(path) << text;
}

TEST_F(AtomicFile, WritesBytesAsTheyAre) {
  const std::string bytes("a\0\r\n\xff", 5);
  write_file(at("f"), bytes);
  EXPECT_EQ(content(at("f")), bytes);
  write_file(at("empty"), "");
  EXPECT_EQ(content(at("empty")), "");
  EXPECT_THAT(names(), ElementsAre("empty", "f"));
}

TEST_F(AtomicFile, ReplacesAFileThatIsThere) {
  write_file(at("f"), "a longer text");
  write_file(at("f"), "new");
  EXPECT_EQ(content(at("f")), "new");
  EXPECT_THAT(names(), ElementsAre("f"));
}

TEST_F(AtomicFile, WhatIsReplacedIsOverwrittenToo) {
  const std::string large(200'000, 'x');
  write_file(at("f"), large);
  fs::create_hard_link(at("f"), at("other name"));  // of the bytes that were there
  replace_file(at("f"), "new");
  EXPECT_EQ(content(at("f")), "new");
  EXPECT_EQ(content(at("other name")), std::string(large.size(), '\0'));
  overwrite_file(at("f"));
  EXPECT_EQ(content(at("f")), std::string(3, '\0'));
  EXPECT_THAT(names(), ElementsAre("f", "other name"));
  overwrite_file(at("none"));
  EXPECT_THROW(replace_file(at("none"), "x"), DataError);
  EXPECT_THAT(names(), ElementsAre("f", "other name"));
}

TEST_F(AtomicFile, AThrowWhileWritingLeavesTheOldContent) {
  write_file(at("f"), "old");
  const auto half = [](std::ostream& out) {
    out << "half" << std::flush;
    throw std::runtime_error("stop");
  };
  EXPECT_THROW(write_file(at("f"), half), std::runtime_error);
  EXPECT_THROW(write_file(at("g"), half), std::runtime_error);
  EXPECT_EQ(content(at("f")), "old");
  EXPECT_THAT(names(), ElementsAre("f"));
}

TEST_F(AtomicFile, AProcessKilledWhileWritingLeavesTheOldContent) {
  write_file(at("f"), "old");
  const pid_t child = ::fork();
  if (child == 0) {
    write_file(at("f"), [](std::ostream& out) {
      out << "half" << std::flush;
      ::kill(::getpid(), SIGKILL);
    });
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(content(at("f")), "old");
}

TEST_F(AtomicFile, AWriteThatDoesNotFitSaysSoAndLeavesTheOldContent) {
  write_file(at("f"), "old");
  // A limit on the size of files stands in for a full disk: it needs no privilege.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit former{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &former), 0);
  const rlimit limit{.rlim_cur = 4096, .rlim_max = former.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::string message;
  try {
    write_file(at("f"), std::string(100'000, 'x'));
  } catch (const DataError& error) {
    message = error.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &former), 0);
  std::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(message, at("f").string() + ": cannot be written: File too large");
  EXPECT_EQ(content(at("f")), "old");
  EXPECT_THAT(names(), ElementsAre("f"));
}

TEST_F(AtomicFile, AStreamThatFailedIsNotTakenForWritten) {
  write_file(at("f"), "old");
  EXPECT_THROW(write_file(at("f"), [](std::ostream& out) { out.setstate(std::ios::failbit); }),
               DataError);
  EXPECT_EQ(content(at("f")), "old");
  EXPECT_THAT(names(), ElementsAre("f"));
}

TEST_F(AtomicFile, AFolderThatIsNotThereIsNamed) {
  try {
    write_file(at("none") / "f", "x");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.where(), (at("none") / "f").string());
    EXPECT_THAT(error.what(), HasSubstr("No such file or directory"));
  }
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(AtomicFile, AFolderUnderTheNameOfTheFileIsNotTouched) {
  fs::create_directory(at("f"));
  EXPECT_THROW(write_file(at("f"), "x"), DataError);
  EXPECT_TRUE(fs::is_directory(at("f")));
  EXPECT_THAT(names(), ElementsAre("f"));
}

TEST_F(AtomicFile, ARelativeNameIsWrittenInTheCurrentFolder) {
  const fs::path former = fs::current_path();
  fs::current_path(folder_);
  write_file("f", "x");
  fs::current_path(former);
  EXPECT_THAT(names(), ElementsAre("f"));
}

using StagedFolderTest = AtomicFile;

TEST_F(StagedFolderTest, AppearsWholeAtCommit) {
  StagedFolder folder(at("m.rct"), false);
  fs::create_directory(folder.path() / "rows");
  put(folder.path() / "rows" / "a", "1");
  EXPECT_FALSE(fs::exists(at("m.rct")));
  folder.commit();
  EXPECT_EQ(content(at("m.rct") / "rows" / "a"), "1");
  EXPECT_THAT(names(), ElementsAre("m.rct", "m.rct/rows", "m.rct/rows/a"));
}

TEST_F(StagedFolderTest, WritesItsFilesForTheirReaders) {
  StagedFolder folder(at("m.rct"), false);
  folder.write("open", "for all");
  folder.write("private", "for its owner", FileReaders::kOwner);
  EXPECT_THROW(folder.write("none/f", "x"), DataError);
  folder.commit();
  EXPECT_EQ(content(at("m.rct") / "open"), "for all");
  EXPECT_EQ(content(at("m.rct") / "private"), "for its owner");
  EXPECT_EQ(fs::status(at("m.rct") / "private").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(StagedFolderTest, WithoutCommitNothingIsLeft) {
  fs::create_directory(at("m.rct"));
  put(at("m.rct") / "a", "old");
  {
    StagedFolder folder(at("m.rct"), true);
    put(folder.path() / "a", "new");
  }
  EXPECT_EQ(content(at("m.rct") / "a"), "old");
  EXPECT_THAT(names(), ElementsAre("m.rct", "m.rct/a"));
}

TEST_F(StagedFolderTest, ATrailingSlashIsTheSameTarget) {
  StagedFolder folder(at("m.rct/"), false);
  folder.commit();
  EXPECT_THAT(names(), ElementsAre("m.rct"));
}

TEST_F(StagedFolderTest, AnExistingTargetIsRefusedUnlessReplaced) {
  fs::create_directory(at("m.rct"));
  put(at("m.rct") / "old", "1");
  EXPECT_THROW(StagedFolder(at("m.rct"), false), UsageError);
  StagedFolder folder(at("m.rct"), true);
  put(folder.path() / "new", "2");
  folder.commit();
  EXPECT_THAT(names(), ElementsAre("m.rct", "m.rct/new"));
}

/// What it leads to would stay, with its rows, when it is replaced.
TEST_F(StagedFolderTest, ASymbolicLinkIsNoTarget) {
  fs::create_directory(at("m.rct"));
  put(at("m.rct") / "old", "1");
  fs::create_directory_symlink(at("m.rct"), at("link"));
  fs::create_directory_symlink(at("nowhere"), at("dangling"));
  for (const char* link : {"link", "link/", "dangling"}) {
    EXPECT_THROW(StagedFolder(at(link), true), UsageError) << link;
    EXPECT_THROW(StagedFolder(at(link), false), UsageError) << link;
  }
  EXPECT_THAT(names(), ElementsAre("dangling", "link", "m.rct", "m.rct/old"));
}

TEST_F(StagedFolderTest, WhatWasReplacedIsThereUntilItHasBeenSeenTo) {
  fs::create_directory(at("m.rct"));
  put(at("m.rct") / "a", "old");
  fs::path former;
  {
    StagedFolder folder(at("m.rct"), true);
    put(folder.path() / "a", "new");
    const auto fails = [&](const fs::path& replaced) {
      former = replaced;
      throw std::runtime_error("stop");
    };
    EXPECT_THROW(folder.commit(fails), std::runtime_error);
  }
  EXPECT_EQ(content(at("m.rct") / "a"), "new");
  EXPECT_EQ(content(former / "a"), "old");
  EXPECT_THAT(former.filename().string(), HasSubstr(".partial"));
  StagedFolder folder(at("m.rct"), true);
  std::string seen;
  folder.commit([&](const fs::path& replaced) { seen = content(replaced / "a"); });
  EXPECT_EQ(seen, "new");
}

TEST_F(StagedFolderTest, ReplacingReplacesAFileToo) {
  put(at("m.rct"), "a file");
  StagedFolder folder(at("m.rct"), true);
  put(folder.path() / "new", "2");
  folder.commit();
  EXPECT_THAT(names(), ElementsAre("m.rct", "m.rct/new"));
}

TEST_F(StagedFolderTest, ATargetThatAppearedMeanwhileIsNotLost) {
  {
    StagedFolder folder(at("m.rct"), false);
    put(folder.path() / "a", "mine");
    fs::create_directory(at("m.rct"));
    put(at("m.rct") / "b", "theirs");
    EXPECT_THROW(folder.commit(), UsageError);
  }
  EXPECT_EQ(content(at("m.rct") / "b"), "theirs");
  EXPECT_THAT(names(), ElementsAre("m.rct", "m.rct/b"));
}

TEST_F(StagedFolderTest, AMissingParentIsNamed) {
  try {
    StagedFolder folder(at("none") / "m.rct", false);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_EQ(error.where(), (at("none") / "m.rct").string());
  }
}

TEST_F(StagedFolderTest, LeftoversUnderTheSameNameAreCleared) {
  fs::path staging;
  {
    StagedFolder first(at("m.rct"), false);
    staging = first.path();
  }
  fs::create_directory(staging);
  put(staging / "stale", "1");
  StagedFolder folder(at("m.rct"), false);
  folder.commit();
  EXPECT_THAT(names(), ElementsAre("m.rct"));
}

/// As a process that died leaves them: nobody holds their locks.
TEST_F(StagedFolderTest, WhatOthersAbandonedIsRemovedAndWhatTheyFillIsNot) {
  const StagedFolder alive(at("m.rct"), false);
  put(alive.path() / "rows", "1");
  const std::vector<std::string> abandoned = {".m.rct.1.partial", ".m.rct.123456.partial",
                                              ".m.rct.77-2.partial"};
  const std::vector<std::string> others = {".m.rct.1.partial.old", ".m.rct.x.partial",
                                           ".m.rct..partial", ".other.rct.1.partial",
                                           "m.rct.1.partial"};
  for (const auto& some : {abandoned, others}) {
    for (const std::string& name : some) {
      fs::create_directory(folder_ / name);
      put(folder_ / name / "rows", "1");
    }
  }
  remove_abandoned(at("m.rct/"));
  for (const std::string& name : abandoned) EXPECT_FALSE(fs::exists(folder_ / name)) << name;
  for (const std::string& name : others) EXPECT_TRUE(fs::exists(folder_ / name)) << name;
  EXPECT_EQ(content(alive.path() / "rows"), "1");
  {
    StagedFolder second(at("m.rct"), false);
    EXPECT_NE(second.path(), alive.path()) << "the same process, or one of the same number";
    EXPECT_EQ(content(alive.path() / "rows"), "1");
    second.commit();
  }
  remove_abandoned(at("m.rct"));
  EXPECT_FALSE(fs::exists(at(".m.rct.1.partial.old")))
      << "the model it was the old one of is there";
}

TEST_F(AtomicFile, AFileThatIsBeingWrittenIsNotTakenForAbandoned) {
  put(at(".a.csv.1.partial"), "1");
  write_file(at("a.csv"), [&](std::ostream& out) {
    out << "2";
    remove_abandoned(at("a.csv"));
  });
  EXPECT_EQ(content(at("a.csv")), "2");
  EXPECT_THAT(names(), ElementsAre("a.csv"));
}

TEST_F(AtomicFile, ThatCannotBeWrittenIsToldBeforeTheWork) {
  check_writable(at("new.csv"));
  EXPECT_THAT(names(), IsEmpty()) << "nothing is left";
  write_file(at("old.csv"), "kept");
  check_writable(at("old.csv"));
  EXPECT_EQ(fs::file_size(at("old.csv")), 4U);
  EXPECT_THROW(check_writable(at("none") / "x.csv"), DataError);
}

}  // namespace
}  // namespace recant
