// SPDX-License-Identifier: Apache-2.0
// Many processes at one ledger.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <set>

#include "forked.hpp"
#include "ledger_life.hpp"
#include "ledger_place.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/ledger/ledger.hpp"
#include "storage.hpp"

namespace recant {
namespace {

using namespace test;

constexpr int kProcesses = 32;
constexpr int kBatches = 4, kPerBatch = 10;

/// The submissions of a process: 30% are one that it, or another, sends too.
std::vector<Submission> submissions_of(int process) {
  SeededRandom random(1, static_cast<std::uint64_t>(process));
  std::vector<Submission> all;
  for (int i = 0; i < kBatches * kPerBatch; ++i) {
    const bool shared = random.below(10) < 3;
    const std::uint64_t number =
        shared ? random.below(100) : 1000 + static_cast<std::uint64_t>(process * 1000 + i);
    all.push_back(submission(number, 10 * number, 1 + number % 3));
  }
  return all;
}

/// What a child tells of each receipt.
struct Told {
  int process = 0, index = 0;
  std::int64_t request = 0;
  bool first = false;
};

/// Runs body(i) in a process each; how many did not end well.
int run_processes(int count, const std::function<void(int)>& body) {
  std::vector<int> children;
  for (int i = 0; i < count; ++i) {
    const int child = ::fork();
    if (child == 0) {
      try {
        body(i);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "process %d: %s\n", i, error.what());
        ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  int failed = 0;
  for (const int child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    failed += status == 0 ? 0 : 1;
  }
  return failed;
}

TEST(SeveralProcesses, EachRequestIsTakenInOnce) {
  const auto place = make_ledger_place();
  const std::string location = place->location();
  static_cast<void>(Ledger::create(location, enrolment()));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto submit = [&](int process) {
    Ledger ledger = Ledger::open(location, LedgerAccess::kWrite);
    const auto all = submissions_of(process);
    for (int b = 0; b < kBatches; ++b) {
      const auto receipts = ledger.receive(std::span(all).subspan(
          static_cast<std::size_t>(b * kPerBatch), static_cast<std::size_t>(kPerBatch)));
      for (int i = 0; i < kPerBatch; ++i) {
        const Receipt& receipt = receipts[static_cast<std::size_t>(i)];
        const Told told{process, b * kPerBatch + i, receipt.request, receipt.first};
        if (::write(ends[1], &told, sizeof told) != sizeof told) ::_exit(2);
      }
    }
  };
  // One process more reads all the while, and sees a whole number of requests each time.
  const auto read = [&] {
    const Ledger ledger = Ledger::open(location, LedgerAccess::kRead);
    for (int i = 0; i < 50; ++i) {
      const LedgerStatistics seen = ledger.statistics();
      if (seen.events != 1 + seen.requests[0]) ::_exit(3);
    }
  };
  const int failed = run_processes(
      kProcesses + 1, [&](int process) { process < kProcesses ? submit(process) : read(); });
  ::close(ends[1]);
  EXPECT_EQ(failed, 0);

  std::map<Digest, std::set<std::int64_t>> requests_by_key;
  std::map<Digest, int> firsts_by_key;
  std::map<Digest, Submission> model;
  Told told;
  int count = 0;
  while (::read(ends[0], &told, sizeof told) == sizeof told) {
    const Submission sent = submissions_of(told.process)[static_cast<std::size_t>(told.index)];
    requests_by_key[sent.key].insert(told.request);
    firsts_by_key[sent.key] += told.first ? 1 : 0;
    model.emplace(sent.key, sent);
    ++count;
  }
  ::close(ends[0]);
  EXPECT_EQ(count, kProcesses * kBatches * kPerBatch);
  EXPECT_LT(model.size(), static_cast<std::size_t>(count) * 8 / 10);

  const Ledger ledger = Ledger::open(location, LedgerAccess::kRead);
  EXPECT_EQ(ledger.check().fault, std::nullopt);
  EXPECT_EQ(ledger.statistics().requests[0], static_cast<std::int64_t>(model.size()));
  std::set<std::int64_t> ids;
  for (auto& [key, sent] : model) {
    EXPECT_EQ(firsts_by_key[key], 1);
    ASSERT_EQ(requests_by_key[key].size(), 1U);
    const std::int64_t id = *requests_by_key[key].begin();
    EXPECT_TRUE(ids.insert(id).second);
    EXPECT_EQ(ledger.find(key)->id, id);
    EXPECT_EQ(ledger.find(key)->content, sent.content);
    std::sort(sent.rows.begin(), sent.rows.end());
    EXPECT_EQ(ledger.rows_of_request(id), sent.rows);
  }
}

/// Whoever becomes the writer fences off the others: of many that try to carry the same batch on,
/// each step is done once.
TEST(SeveralProcesses, EachStepOfABatchIsDoneOnce) {
  const auto place = make_ledger_place();
  const std::string location = place->location();
  {
    Ledger ledger = Ledger::create(location, enrolment());
    ledger.acquire();
    static_cast<void>(ledger.prepare(plan_of({validated(ledger, 1, 1, 3)})));
  }
  const int failed = run_processes(8, [&](int) {
    Ledger ledger = Ledger::open(location, LedgerAccess::kWrite);
    try {
      ledger.acquire();
      finish(ledger);
    } catch (const BusyError&) {  // another became the writer
    }
  });
  EXPECT_EQ(failed, 0);
  Ledger ledger = Ledger::open(location, LedgerAccess::kWrite);
  ledger.acquire();
  finish(ledger);
  EXPECT_EQ(ledger.check(is_signature).fault, std::nullopt);
  EXPECT_EQ(ledger.budget().used, 1);
  EXPECT_EQ(ledger.statistics().rows_erased, 3);
}

/// Opened in the middle of a transaction that writes, and before it.
TEST(SeveralProcesses, AReaderNeitherWaitsForAWriterNorSeesWhatItDidNotCommit) {
  const auto place = make_ledger_place();
  const std::string location = place->location();
  {
    Ledger ledger = Ledger::create(location, enrolment());
    receive(ledger, submission(1, 1));
  }
  const auto received = [](const Ledger& reader) { return reader.statistics().requests[0]; };
  const Ledger before = Ledger::open(location, LedgerAccess::kRead);
  const auto writer = open_storage(location, StorageMode::kWrite);
  {
    Transaction transaction(*writer, LedgerAccess::kWrite);
    writer->run("UPDATE requests SET state = $1", {std::string_view("cancelled")});
    Stopwatch watch;
    EXPECT_EQ(received(before), 1);
    EXPECT_EQ(received(Ledger::open(location, LedgerAccess::kRead)), 1);
    EXPECT_LT(watch.lap(), 5) << "a writer waits 10 s for another";
    transaction.commit();
  }
  EXPECT_EQ(received(before), 0);
}

/// The child has what the parent has, its token too, and may use nothing of it.
TEST(SeveralProcesses, AForkedProcessUsesNothingOfItsParents) {
  const auto place = make_ledger_place();
  const std::string location = place->location();
  std::optional<Ledger> ledger = Ledger::create(location, enrolment());
  ledger->acquire();
  EXPECT_TRUE(in_forked_child([&] {
    return refuses<UsageError>([&] { receive(*ledger, submission(9, 90)); }) &&
           refuses<UsageError>([&] { ledger->acquire(); }) &&
           refuses<UsageError>([&] { static_cast<void>(ledger->prepare(plan_of({}))); }) &&
           refuses<UsageError>([&] { static_cast<void>(ledger->statistics()); }) &&
           refuses<UsageError>([&] { static_cast<void>(ledger->check()); }) &&
           refuses<UsageError>([&] { ledger->read_together([] {}); });
  }));
  EXPECT_TRUE(in_forked_child([&] {  // nor does it end what the parent has
    ledger.reset();
    return true;
  }));
  run_batch(*ledger, {validated(*ledger, 1, 1)});
  EXPECT_EQ(ledger->statistics().requests[0], 0);
  EXPECT_EQ(ledger->check(is_signature).fault, std::nullopt);
}

TEST(SeveralProcesses, AForkedProcessOpensItsOwn) {
  const auto place = make_ledger_place();
  const std::string location = place->location();
  Ledger ledger = Ledger::create(location, enrolment());
  ledger.acquire();
  EXPECT_TRUE(in_forked_child([&] {
    Ledger own = Ledger::open(location, LedgerAccess::kWrite);
    own.acquire();
    run_batch(own, {validated(own, 1, 1)});
    return own.check(is_signature).fault == std::nullopt;
  }));
  EXPECT_EQ(ledger.budget().used, 1);
  EXPECT_THROW(receive(ledger, submission(2, 2)), BusyError) << "the child is the writer";
}

/// What a child knows of locks that its parent had when it was forked is not so: unless it forgets
/// it, it writes to a -wal that the parent has removed, and nobody sees it.
TEST(SeveralProcesses, AForkedProcessIsSeenByOthersWhenItsParentHasClosed) {
  const auto place = make_ledger_place();
  const std::string location = place->location();
  std::optional<Ledger> ledger = Ledger::create(location, enrolment());
  int to_child[2], to_parent[2];
  ASSERT_EQ(::pipe(to_child), 0);
  ASSERT_EQ(::pipe(to_parent), 0);
  const auto tell = [](const int* ends) { return ::write(ends[1], "x", 1) == 1; };
  const auto wait = [](const int* ends) {
    char one = 0;
    return ::read(ends[0], &one, 1) == 1;
  };
  const int child = ::fork();
  if (child == 0) {
    ::alarm(100);
    try {
      Ledger own = Ledger::open(location, LedgerAccess::kWrite);
      bool well = own.statistics().requests[0] == 0 && tell(to_parent) && wait(to_child);
      receive(own, submission(1, 1));
      well = well && tell(to_parent) && wait(to_child);
      ::_exit(well ? 0 : 1);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      ::_exit(2);
    }
  }
  ASSERT_TRUE(wait(to_parent));
  ledger.reset();
  ledger = Ledger::open(location, LedgerAccess::kWrite);
  ASSERT_TRUE(tell(to_child));
  ASSERT_TRUE(wait(to_parent));
  EXPECT_EQ(ledger->statistics().requests[0], 1);
  receive(*ledger, submission(2, 2));
  ASSERT_TRUE(tell(to_child));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  ledger.reset();
  const Ledger last = Ledger::open(location, LedgerAccess::kRead);
  EXPECT_EQ(last.statistics().requests[0], 2);
  EXPECT_EQ(last.check().fault, std::nullopt);
  for (const int end : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) ::close(end);
}

/// As by another thread that is writing: the child has a copy of the transaction.
TEST(SeveralProcesses, AForkInTheMiddleOfATransactionEndsNothing) {
  const auto place = make_ledger_place();
  const std::string location = place->location();
  {
    Ledger ledger = Ledger::create(location, enrolment());
    receive(ledger, submission(1, 1));
  }
  const auto writer = open_storage(location, StorageMode::kWrite);
  {
    std::optional<Transaction> transaction;
    transaction.emplace(*writer, LedgerAccess::kWrite);
    writer->run("UPDATE requests SET state = $1", {std::string_view("cancelled")});
    EXPECT_TRUE(in_forked_child([&] {
      transaction.reset();
      // SQLite has no way to tell how much of it there is.
      const auto open = [&] { static_cast<void>(Ledger::open(location, LedgerAccess::kRead)); };
      if (!Ledger::on_server(location)) return refuses<UsageError>(open);
      open();
      return true;
    }));
    transaction->commit();
  }
  EXPECT_EQ(Ledger::open(location, LedgerAccess::kRead).statistics().requests[0], 0);
}

}  // namespace
}  // namespace recant
