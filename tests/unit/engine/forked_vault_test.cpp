// SPDX-License-Identifier: Apache-2.0
// Two that could take themselves for the one writer of a vault: a process and its fork, and one
// that others have written behind.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "expect_error.hpp"
#include "forked.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/audit.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using test::asked;

class ForkedVaultTest : public testing::Test {
 protected:
  ForkedVaultTest() { test::create_enrolled(path_, test::small_model(folder_, 300)); }

  static Vault open(const fs::path& path, double wait = 0) {
    return Vault::open_for_writing(path, {.wait = {.seconds = wait}});
  }
  static bool forgets(Vault& vault, Index row) { return vault.forget(asked({row})).done(); }
  [[nodiscard]] double distance_from_retraining() const {
    const AuditRequest request{.membership = false, .reconstruction = false};
    return audit(Vault::open(path_), nullptr, nullptr, nullptr, request).retraining.distance;
  }
  void expect_sound() const {
    const VaultCheck check = Vault::check(path_);
    EXPECT_FALSE(check.fault.has_value()) << *check.fault;
  }

  test::TemporaryFolder folder_;
  fs::path path_ = folder_ / "v.rct";
};

/// Both have the lock, the token and the model of before the fork: what one deletes the other would
/// put back, and certify it.
TEST_F(ForkedVaultTest, AForkDeletesNothingThroughItsParentsVault) {
  Vault vault = open(path_);
  ASSERT_TRUE(forgets(vault, 299));
  const std::string before = Vault::mark(path_);
  EXPECT_TRUE(test::in_forked_child([&] {
    test::expect_error<UsageError>(
        [&] {
          return vault.forget(asked({1, 2, 3, 4, 5}));
        },
        {"v.rct: was opened in the process that this one was forked from; open it in this "
         "process"});
    test::expect_error<UsageError>([&] { return vault.forget(asked({6}, "key")); }, {"v.rct: was"});
    test::expect_error<UsageError>([&] { return vault.outcome("key"); }, {"v.rct: was"});
    return !testing::Test::HasFailure();
  }));
  EXPECT_EQ(Vault::mark(path_), before);
  const ForgetReport report = vault.forget(asked({298}));
  ASSERT_TRUE(report.done());
  EXPECT_LE(distance_from_retraining(), report.distance.value());
  expect_sound();
}

TEST_F(ForkedVaultTest, AForkThatEndsItsCopyEndsNothing) {
  std::optional<Vault> vault = open(path_);
  ASSERT_TRUE(forgets(*vault, 299));
  EXPECT_TRUE(test::in_forked_child([&] {
    vault.reset();
    return test::refuses<BusyError>([&] { static_cast<void>(open(path_)); });
  }));
  EXPECT_TRUE(forgets(*vault, 298));
  vault.reset();
  expect_sound();
}

/// A lock is its file's, which the child has open as well.
TEST_F(ForkedVaultTest, AForkKeepsNobodyOutWhenItsParentIsDone) {
  std::optional<Vault> vault = open(path_);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int child = ::fork();
  if (child == 0) {
    char one = 0;
    ::close(ends[1]);
    ::alarm(100);
    ::_exit(::read(ends[0], &one, 1) == 0 ? 0 : 1);
  }
  ::close(ends[0]);
  vault.reset();
  vault = open(path_);
  EXPECT_TRUE(forgets(*vault, 1));
  ::close(ends[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(ForkedVaultTest, ForksThatOpenTheirOwnTakeTurns) {
  std::optional<Vault> vault = open(path_);
  ASSERT_TRUE(forgets(*vault, 299));
  std::vector<std::thread> parents;
  for (Index row = 0; row < 4; ++row) {
    const int child = ::fork();
    if (child == 0) {
      ::alarm(100);
      try {
        Vault own = open(path_, 60);
        ::_exit(forgets(own, row) ? 0 : 1);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "child: %s\n", error.what());
        ::_exit(2);
      }
    }
    parents.emplace_back([child] {
      int status = 0;
      ::waitpid(child, &status, 0);
      EXPECT_EQ(status, 0);
    });
  }
  EXPECT_TRUE(forgets(*vault, 298));
  vault.reset();
  for (std::thread& parent : parents) parent.join();
  expect_sound();
  EXPECT_EQ(Vault::status(path_).ledger->rows_erased, 6);
}

/// However it came to that: the lock's file was taken away, and put back when another had written.
TEST_F(ForkedVaultTest, AWriterWhoseModelIsNotTheLastMovesNothing) {
  const fs::path lock = path_ / "lock", aside = folder_ / "lock";
  Vault vault = open(path_);
  ASSERT_TRUE(forgets(vault, 299));
  fs::rename(lock, aside);
  test::expect_error<BusyError>([&] { return vault.forget(asked({298})); },
                                {"v.rct: is not the folder any more that was opened"});
  {
    Vault other = open(path_);
    ASSERT_TRUE(other.forget(asked({1, 2, 3, 4, 5})).done());
  }
  fs::rename(aside, lock);
  const std::string before = Vault::mark(path_);
  test::expect_error<BusyError>(
      [&] { return vault.forget(asked({298})); },
      {"v.rct: has changed since it was opened for writing here; open it again"});
  EXPECT_EQ(Vault::mark(path_), before);
  EXPECT_EQ(
      Vault::status(path_).ledger->requests[static_cast<std::size_t>(RequestState::kReceived)], 0);
  expect_sound();
}

}  // namespace
}  // namespace recant
