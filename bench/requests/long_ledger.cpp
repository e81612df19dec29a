// SPDX-License-Identifier: Apache-2.0
// Makes the ledger of a model long, and measures how long opening takes then and took before.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ledger_life.hpp"
#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/vault.hpp"
#include "recant/ledger/ledger.hpp"

namespace {

using recant::bench::require;
namespace fs = std::filesystem;

/// Of nine, and one before.
template <class Work>
double median_seconds(Work work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < 9; ++i) {
    recant::Stopwatch watch;
    work();
    seconds.push_back(watch.lap());
  }
  std::nth_element(seconds.begin(), seconds.begin() + 4, seconds.end());
  return seconds[4];
}

nlohmann::ordered_json measured(const fs::path& model) {
  const double read = median_seconds([&] { static_cast<void>(recant::Vault::open(model)); });
  const double write =
      median_seconds([&] { static_cast<void>(recant::Vault::open_for_writing(model)); });
  const double status = median_seconds([&] { static_cast<void>(recant::Vault::status(model)); });
  const recant::LedgerStatistics ledger = *recant::Vault::status(model).ledger;
  return {{"events", ledger.events},
          {"batches", ledger.batches},
          {"open_seconds", read},
          {"open_for_writing_seconds", write},
          {"status_seconds", status}};
}

/// One row after another, each a batch.
void forget(const fs::path& model, std::int64_t first, std::int64_t last) {
  recant::Vault vault = recant::Vault::open_for_writing(model);
  for (std::int64_t row = first; row < last; ++row) {
    recant::ForgetRequest request;
    request.rows = {row};
    require(vault.forget(request).done(), "forget");
  }
}

/// Requests for rows that are not there: of each the receipt and the answer.
void ask_in_vain(const fs::path& model, std::int64_t events) {
  constexpr std::uint64_t kTogether = 20'000;
  recant::Ledger ledger =
      recant::Ledger::open((model / "ledger.sqlite").string(), recant::LedgerAccess::kWrite);
  ledger.acquire();
  for (std::uint64_t first = 1; ledger.statistics().events < events; first += kTogether) {
    std::vector<recant::Submission> submissions;
    for (std::uint64_t i = first; i < first + kTogether; ++i) {
      submissions.push_back(recant::test::submission(i, i));
    }
    std::vector<recant::Decision> decisions;
    for (const recant::Receipt& receipt : ledger.receive(submissions)) {
      decisions.push_back(
          {.request = receipt.request, .event = recant::RequestEvent::kNotFound, .reason = {}});
    }
    ledger.decide(decisions);
  }
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app("makes the ledger of a model long");
  fs::path model;
  std::int64_t events = 1'000'000, batches = 1'000;
  app.add_option("MODEL", model)->required();
  app.add_option("--events", events);
  app.add_option("--batches", batches);
  CLI11_PARSE(app, count, arguments);
  nlohmann::ordered_json found;
  forget(model, 0, 1);
  found["short"] = measured(model);
  forget(model, 1, batches);
  ask_in_vain(model, events);
  found["long"] = measured(model);
  std::printf("%s\n", found.dump().c_str());
  return EXIT_SUCCESS;
}
