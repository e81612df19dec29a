// SPDX-License-Identifier: Apache-2.0
// Durable requests a second in batches, rows in bulk, and opening and checking a long ledger. The
// floor of what must be durable is one page written and synced there for each sync that was asked
// for, counted; that of a check, hashing the bytes of the ledger.
#include <benchmark/benchmark.h>

#include <sodium.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

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

/// Counts the syncs from here on, and says what they take at least.
class Syncs {
 public:
  explicit Syncs(const std::filesystem::path& folder) : seconds_(sync_seconds(folder)) {}
  void report_to(benchmark::State& state) const {
    const auto asked = static_cast<double>(syncs() - before_);
    const double each = asked / static_cast<double>(state.iterations());
    report(state, {.floor_seconds = each * seconds_});
    state.counters["syncs"] = each;
  }

 private:
  double seconds_;
  long before_ = syncs();
};

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
  asked.report_to(state);
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
  asked.report_to(state);
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
  asked.report_to(state);
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

/// Opening, and what a status shows.
void open_long(benchmark::State& state) {
  const std::string& path = long_ledger();
  const auto access = state.range(0) == 0 ? LedgerAccess::kRead : LedgerAccess::kWrite;
  const auto used = [&] { return Ledger::open(path, access).budget().used; };
  require(used() == 1, "budget");
  for (auto _ : state) benchmark::DoNotOptimize(used());
  state.SetLabel(state.range(0) == 0 ? "for reading" : "for writing");
}

void status_of_long(benchmark::State& state) {
  const Ledger ledger = Ledger::open(long_ledger(), LedgerAccess::kRead);
  require(ledger.statistics().events >= 1'000'000, "events");
  for (auto _ : state) benchmark::DoNotOptimize(ledger.statistics().events);
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
