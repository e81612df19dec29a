// SPDX-License-Identifier: Apache-2.0
// Durable requests a second in batches, rows in bulk, and opening and checking a long ledger. The
// floor of what must be durable is one page written and synced there for each sync that was asked
// for, counted; that of a check, hashing the bytes of the ledger; others are said where they are.
#include <benchmark/benchmark.h>

#include <sodium.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "cases.hpp"
#include "disk.hpp"
#include "ledger_life.hpp"
#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/ledger/ledger.hpp"
#include "temporary_folder.hpp"

namespace recant::bench {
namespace {

std::vector<Submission> submissions(std::uint64_t first, std::int64_t count, std::uint64_t rows) {
  std::vector<Submission> all;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    all.push_back(test::submission(first + i, (first + i) * rows, rows));
  }
  return all;
}

void report_syncs(benchmark::State& state, const Syncs& syncs) {
  const auto iterations = static_cast<double>(state.iterations());
  report(state, {.floor_seconds = syncs.floor_seconds() / iterations});
  state.counters["syncs"] = static_cast<double>(syncs.asked()) / iterations;
}

void require_sound(const Ledger& ledger) {
  require(!ledger.check(test::is_signature).fault.has_value(), "check");
}

/// state.range(0) requests of one row in a transaction.
void receive(benchmark::State& state) {
  const test::TemporaryFolder folder;
  Ledger ledger = Ledger::create(folder / "ledger.sqlite", test::enrolment());
  require(ledger.receive(submissions(1, 1, 1)).size() == 1, "a receipt");
  require_sound(ledger);
  std::uint64_t next = 2;
  const Syncs asked(folder.path());
  for (auto _ : state) {
    state.PauseTiming();
    const auto all = submissions(next, state.range(0), 1);
    next += all.size();
    state.ResumeTiming();
    benchmark::DoNotOptimize(ledger.receive(all).data());
  }
  report_syncs(state, asked);
  require_sound(ledger);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// A batch of state.range(0) requests of one row, from receipt to certificate.
void certify(benchmark::State& state) {
  const test::TemporaryFolder folder;
  Ledger ledger = Ledger::create(folder / "ledger.sqlite", test::enrolment(1'000'000));
  ledger.acquire();
  const auto batch = [&](const std::vector<Submission>& all) {
    std::vector<Decision> decisions;
    std::vector<std::int64_t> ids;
    for (const Receipt& receipt : ledger.receive(all)) {
      decisions.push_back({.request = receipt.request});
      ids.push_back(receipt.request);
    }
    ledger.decide(decisions);
    test::run_batch(ledger, ids);
  };
  batch(submissions(1, 1, 1));
  require(ledger.statistics().rows_erased == 1, "a row is certified");
  require_sound(ledger);
  std::uint64_t next = 2;
  const Syncs asked(folder.path());
  for (auto _ : state) {
    state.PauseTiming();
    const auto all = submissions(next, state.range(0), 1);
    next += all.size();
    state.ResumeTiming();
    batch(all);
  }
  report_syncs(state, asked);
  require_sound(ledger);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// One request of state.range(0) rows, from receipt to certificate.
void certify_in_bulk(benchmark::State& state) {
  const test::TemporaryFolder folder;
  Ledger ledger = Ledger::create(folder / "ledger.sqlite", test::enrolment(1'000'000));
  ledger.acquire();
  const auto rows = static_cast<std::uint64_t>(state.range(0));
  std::uint64_t next = 1;
  const auto request = [&] {
    test::run_batch(ledger, {test::validated(ledger, next, next * rows, rows)});
    ++next;
  };
  request();
  require(ledger.statistics().rows_erased == state.range(0), "the rows are certified");
  require_sound(ledger);
  const Syncs asked(folder.path());
  for (auto _ : state) request();
  report_syncs(state, asked);
  require_sound(ledger);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// A ledger of a million events, made once.
const std::string& long_ledger() {
  static const test::TemporaryFolder folder;
  static const std::string path = [] {
    std::string made = folder / "ledger.sqlite";
    Ledger ledger = Ledger::create(made, test::enrolment());
    ledger.acquire();
    test::run_batch(ledger, {});
    for (std::uint64_t first = 1; ledger.statistics().events < 1'000'000; first += 20'000) {
      ledger.receive(submissions(first, 20'000, 1));
    }
    return made;
  }();
  return path;
}

/// The file of a ledger, by SQLite alone.
class PlainFile {
 public:
  explicit PlainFile(const std::string& path) {
    require(sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK,
            "SQLite opens the file");
  }
  ~PlainFile() { sqlite3_close(database_); }
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  [[nodiscard]] std::int64_t number(const char* query) const {
    sqlite3_stmt* statement = nullptr;
    require(sqlite3_prepare_v2(database_, query, -1, &statement, nullptr) == SQLITE_OK &&
                sqlite3_step(statement) == SQLITE_ROW,
            query);
    const std::int64_t found = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return found;
  }

 private:
  sqlite3* database_ = nullptr;
};

template <class Task>
double median_seconds(Task&& task) {
  std::array<double, 21> seconds;
  for (double& one : seconds) {
    Stopwatch watch;
    benchmark::DoNotOptimize(task());
    one = watch.lap();
  }
  std::ranges::nth_element(seconds, seconds.begin() + seconds.size() / 2);
  return seconds[seconds.size() / 2];
}

/// Opening and reading the budget. The floor is SQLite that opens the file and reads one row.
void open_long(benchmark::State& state) {
  const std::string& path = long_ledger();
  const auto access = state.range(0) == 0 ? LedgerAccess::kRead : LedgerAccess::kWrite;
  const auto used = [&] { return Ledger::open(path, access).budget().used; };
  require(used() == 1, "budget");
  for (auto _ : state) benchmark::DoNotOptimize(used());
  report(state, {.floor_seconds = median_seconds(
                     [&] { return PlainFile(path).number("SELECT max(seq) FROM events"); })});
  state.SetLabel(state.range(0) == 0 ? "for reading" : "for writing");
}

/// What a status shows. The floor is SQLite that counts the requests.
void status_of_long(benchmark::State& state) {
  const Ledger ledger = Ledger::open(long_ledger(), LedgerAccess::kRead);
  const PlainFile file(long_ledger());
  const auto count = [&] { return file.number("SELECT count(*) FROM requests"); };
  const LedgerStatistics found = ledger.statistics();
  require(found.events >= 1'000'000, "events");
  require(std::accumulate(found.requests.begin(), found.requests.end(), std::int64_t{0}) == count(),
          "requests");
  for (auto _ : state) benchmark::DoNotOptimize(ledger.statistics().events);
  report(state, {.floor_seconds = median_seconds(count)});
}

/// Hashing the ledger's bytes, in one piece; the least of three.
double hash_seconds(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  unsigned char digest[32];
  double least = 1e9;
  for (int round = 0; round < 3; ++round) {
    Stopwatch watch;
    crypto_generichash(digest, sizeof digest, reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size(), nullptr, 0);
    least = std::min(least, watch.lap());
  }
  return least;
}

void check_long(benchmark::State& state) {
  const Ledger ledger = Ledger::open(long_ledger(), LedgerAccess::kRead);
  require_sound(ledger);
  for (auto _ : state) benchmark::DoNotOptimize(ledger.check(test::is_signature).fault.has_value());
  report(state, {.floor_seconds = hash_seconds(long_ledger())});
}

BENCHMARK(receive)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseRealTime()->Unit(
    benchmark::kMillisecond);
BENCHMARK(certify)->Arg(1)->Arg(100)->Arg(1000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(certify_in_bulk)->Arg(10'000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(open_long)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(status_of_long)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(check_long)->UseRealTime()->Unit(benchmark::kSecond)->Iterations(1);

}  // namespace
}  // namespace recant::bench
