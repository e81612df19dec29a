// SPDX-License-Identifier: Apache-2.0
// Every call that SQLite makes to the system fails in turn, the process dies at each of them, and
// power fails at each sync. After each: the ledger is sound, and goes on to the same end.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "fault_vfs.hpp"
#include "file_bytes.hpp"
#include "ledger_life.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/ledger/ledger.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace test;
namespace fs = std::filesystem;

/// What a writer does that finds a ledger in any state: finishes what is open, takes three requests
/// in (again), and carries out what is validated. As often as it is cut short, the end is the same.
void work(const std::string& location) {
  Ledger ledger = Ledger::open(location, LedgerAccess::kWrite);
  ledger.acquire();
  finish(ledger);
  const std::vector<Submission> submissions = {submission(1, 10, 2), submission(2, 20),
                                               submission(3, 30)};
  ledger.receive(submissions);
  std::vector<Decision> decisions;
  for (const Request& request : ledger.requests(RequestState::kReceived, 0, 10)) {
    decisions.push_back({.request = request.id});
  }
  ledger.decide(decisions);
  std::vector<std::int64_t> validated;
  for (const Request& request : ledger.requests(RequestState::kValidated, 0, 10)) {
    validated.push_back(request.id);
  }
  if (!validated.empty()) run_batch(ledger, validated);
}

/// Everything but times and how often a writer began.
std::string outcome(const std::string& location) {
  const Ledger ledger = Ledger::open(location, LedgerAccess::kRead);
  EXPECT_EQ(ledger.check(is_signature).fault, std::nullopt);
  std::string text;
  for (const LedgerEvent& event : ledger.events(0, 1000)) {
    if (event.kind == "acquired" || event.kind == "checkpoint") continue;
    text += event.kind + std::to_string(event.subject) + event.payload + "\n";
  }
  text += "rows " + std::to_string(ledger.statistics().rows_erased);
  text += " used " + std::to_string(ledger.budget().used);
  text += " noise " + ledger.release_of_batch(1)->noise;
  return text;
}

class SqliteFaults : public testing::Test {
 protected:
  SqliteFaults() {
    {
      Ledger ledger = Ledger::create(location_, enrolment());
      ledger.acquire();
      run_batch(ledger, {});
    }
    fs::copy_file(location_, folder_ / "fresh");
    vfs_.points.disarm();
    work(location_);
    calls_ = vfs_.points.count();
    wanted_ = outcome(location_);
  }
  ~SqliteFaults() override { vfs_.points.disarm(); }

  void begin_anew() {
    for (const char* const suffix : {"", "-wal", "-shm"}) fs::remove(location_ + suffix);
    fs::copy_file(folder_ / "fresh", location_);
  }
  /// Whether work() came to its end under the plan.
  bool work_under(const FaultPlan& plan) {
    vfs_.points.arm(plan);
    bool done = true;
    try {
      work(location_);
    } catch (const DataError& error) {
      done = false;
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
    allocations_ = vfs_.points.count();
    vfs_.points.disarm();
    return done;
  }
  void expect_same_end(const FaultPlan& plan) {
    EXPECT_EQ(Ledger::open(location_, LedgerAccess::kWrite).check(is_signature).fault, std::nullopt)
        << "call " << plan.at;
    work(location_);
    EXPECT_EQ(outcome(location_), wanted_) << "call " << plan.at;
  }

  FaultVfs& vfs_ = FaultVfs::install();
  TemporaryFolder folder_;
  std::string location_ = folder_ / "ledger.sqlite";
  std::int64_t calls_ = 0;
  std::int64_t allocations_ = 0;  ///< in the last run under a plan that counts them
  std::string wanted_;
};

TEST_F(SqliteFaults, EveryCallFailsOnceOrForGood) {
  std::int64_t runs = 0, failed = 0;
  for (const Failure failure : {Failure::kNoSpace, Failure::kIoError, Failure::kHalfWrite}) {
    for (const bool for_good : {false, true}) {
      for (std::int64_t call = 0; call < calls_; ++call) {
        begin_anew();
        const FaultPlan plan{.at = call, .failure = failure, .for_good = for_good, .only = {}};
        failed += work_under(plan) ? 0 : 1;
        ++runs;
        expect_same_end(plan);
        if (HasFailure()) return;
      }
    }
  }
  std::printf("%lld calls, %lld runs with a failure, %lld of them given up\n",
              static_cast<long long>(calls_), static_cast<long long>(runs),
              static_cast<long long>(failed));
  EXPECT_GT(failed, runs / 2);
}

TEST_F(SqliteFaults, RecoveryFailsToo) {
  SeededRandom random(7, 0);
  for (int run = 0; run < 200; ++run) {
    begin_anew();
    FaultPlan plan;
    for (int interruption = 0; interruption < 3; ++interruption) {
      plan = {.at = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(calls_))),
              .failure = random.below(2) == 0 ? Failure::kNoSpace : Failure::kHalfWrite,
              .for_good = random.below(2) == 0,
              .only = {}};
      work_under(plan);
    }
    expect_same_end(plan);
    if (HasFailure()) return;
  }
}

TEST_F(SqliteFaults, MemoryRunsOut) {
  begin_anew();
  EXPECT_TRUE(work_under({.only = Operation::kAllocate}));
  const auto allocations = static_cast<std::uint64_t>(allocations_);
  SeededRandom random(13, 0);
  int failed = 0;
  for (int run = 0; run < 400; ++run) {
    begin_anew();
    const FaultPlan plan{.at = static_cast<std::int64_t>(random.below(allocations)),
                         .for_good = run % 2 == 0,
                         .only = Operation::kAllocate};
    failed += work_under(plan) ? 0 : 1;
    expect_same_end(plan);
    if (HasFailure()) return;
  }
  std::printf("%lld allocations, %d of 400 runs given up\n", static_cast<long long>(allocations_),
              failed);
  EXPECT_GT(failed, 100);
}

TEST_F(SqliteFaults, TheProcessIsKilledAtEveryCall) {
  std::int64_t killed = 0;
  for (std::int64_t call = 0; call < calls_; ++call) {
    begin_anew();
    const FaultPlan plan{.at = call, .failure = Failure::kKill, .only = {}};
    const int child = ::fork();
    if (child == 0) {
      vfs_.points.arm(plan);
      work(location_);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    killed += WIFSIGNALED(status) ? 1 : 0;
    expect_same_end(plan);
    if (HasFailure()) return;
  }
  EXPECT_EQ(killed, calls_);
}

/// Where noise of many pages is wiped: the end of the file is overwritten, and then cut off.
TEST_F(SqliteFaults, TheProcessIsKilledAtEveryCallWhileTheFileShrinks) {
  {
    Ledger ledger = Ledger::open(location_, LedgerAccess::kWrite);
    ledger.acquire();
    const std::int64_t batch = ledger.prepare(plan_of({}));
    ledger.mark_applied(batch);
    SealedRelease release = sealed_release(batch);
    release.noise.assign(30'000, 'N');
    ledger.seal(batch, release);
    ledger.mark_released(batch);
    ASSERT_TRUE(ledger.scrub());
  }
  fs::copy_file(location_, folder_ / "fresh", fs::copy_options::overwrite_existing);
  const std::uintmax_t long_size = fs::file_size(location_);
  const auto end = [&] {
    Ledger ledger = Ledger::open(location_, LedgerAccess::kWrite);
    ledger.acquire();
    finish(ledger);
  };
  vfs_.points.disarm();
  end();
  const std::int64_t calls = vfs_.points.count();
  const std::uintmax_t short_size = fs::file_size(location_);
  ASSERT_LT(short_size, long_size - 20'000);
  int overwritten = 0;
  for (std::int64_t call = 0; call < calls; ++call) {
    begin_anew();
    const int child = ::fork();
    if (child == 0) {
      vfs_.points.arm({.at = call, .failure = Failure::kKill, .only = {}});
      end();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const std::string left = read_bytes(location_);
    overwritten += left.size() == long_size && left.ends_with(std::string(20'000, '\0')) ? 1 : 0;
    EXPECT_EQ(Ledger::open(location_, LedgerAccess::kRead).check(is_signature).fault, std::nullopt)
        << "call " << call;
    end();
    EXPECT_EQ(Ledger::open(location_, LedgerAccess::kRead).check(is_signature).fault, std::nullopt)
        << "call " << call;
    EXPECT_EQ(fs::file_size(location_), short_size) << "call " << call;
    EXPECT_EQ(read_bytes(location_).find(std::string(100, 'N')), std::string::npos);
    if (HasFailure()) return;
  }
  std::printf("%lld calls, killed %d times between overwriting and cutting off\n",
              static_cast<long long>(calls), overwritten);
  EXPECT_GT(overwritten, 0);
}

/// At each sync, several of the disks that a power failure may leave. What had returned before is
/// there on each.
TEST_F(SqliteFaults, PowerFailsAtEverySync) {
  SeededRandom random(11, 0);
  std::int64_t syncs = 0, disks = 0;
  begin_anew();
  std::vector<std::string> images;
  vfs_.record(location_, [&] {
    ++syncs;
    for (int i = 0; i < 8; ++i) {
      const fs::path disk = folder_ / ("disk" + std::to_string(disks++));
      fs::create_directory(disk);
      vfs_.unsynced().crash(disk, random);
      images.push_back(disk);
    }
  });
  Ledger ledger = Ledger::open(location_, LedgerAccess::kWrite);
  struct Promise {
    std::size_t images;
    std::int64_t events;
    Digest head;
  };
  std::vector<Promise> promises;
  const auto step = [&](const std::function<void()>& call) {
    const LedgerStatistics before = ledger.statistics();
    promises.push_back({images.size(), before.events, before.head});
    call();
  };
  step([&] { ledger.acquire(); });
  step([&] { receive(ledger, submission(1, 10, 2)); });
  step([&] { decide(ledger, 1, RequestEvent::kValidated); });
  step([&] { static_cast<void>(ledger.prepare(plan_of({1}))); });
  step([&] { ledger.mark_applied(1); });
  step([&] { ledger.seal(1, sealed_release(1)); });
  step([&] { ledger.mark_released(1); });
  step([&] { ledger.mark_certified(1, sign); });
  vfs_.stop_recording();
  std::size_t step_of = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    while (step_of + 1 < promises.size() && promises[step_of + 1].images <= i) ++step_of;
    const Ledger found = Ledger::open(images[i] + "/ledger.sqlite", LedgerAccess::kWrite);
    EXPECT_EQ(found.check(is_signature).fault, std::nullopt) << images[i];
    const auto last = found.events(promises[step_of].events - 1, 1);
    ASSERT_EQ(last.size(), 1U) << "lost at step " << step_of;
    EXPECT_EQ(last[0].hash, promises[step_of].head);
  }
  std::printf("%lld syncs, %lld disks\n", static_cast<long long>(syncs),
              static_cast<long long>(disks));
  EXPECT_GE(syncs, 8);
}

TEST_F(SqliteFaults, ACreationThatFailsLeavesNothing) {
  const std::string location = folder_ / "new.sqlite";
  vfs_.points.disarm();
  static_cast<void>(Ledger::create(location, enrolment()));
  const std::int64_t calls = vfs_.points.count();
  fs::remove(location);
  for (std::int64_t call = 0; call < calls; ++call) {
    vfs_.points.arm({.at = call, .failure = Failure::kNoSpace, .for_good = true, .only = {}});
    bool made = true;
    try {
      static_cast<void>(Ledger::create(location, enrolment()));
    } catch (const DataError&) {
      made = false;
    }
    vfs_.points.disarm();
    EXPECT_EQ(fs::exists(location), made) << "call " << call;
    EXPECT_FALSE(!made && fs::exists(location + "-wal"));
    for (const char* const suffix : {"", "-wal", "-shm"}) fs::remove(location + suffix);
  }
}

TEST_F(SqliteFaults, ABackupThatFailsLeavesNothing) {
  const Ledger ledger = Ledger::open(location_, LedgerAccess::kRead);
  vfs_.points.disarm();
  ledger.backup_to(folder_ / "copy");
  const std::int64_t calls = vfs_.points.count();
  fs::remove(folder_ / "copy");
  for (std::int64_t call = 0; call < calls; ++call) {
    vfs_.points.arm({.at = call, .failure = Failure::kNoSpace, .for_good = true, .only = {}});
    bool made = true;
    try {
      ledger.backup_to(folder_ / "copy");
    } catch (const DataError&) {
      made = false;
    }
    vfs_.points.disarm();
    EXPECT_EQ(fs::exists(folder_ / "copy"), made) << "call " << call;
    fs::remove(folder_ / "copy");
  }
}

}  // namespace
}  // namespace recant
