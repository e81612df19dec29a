// SPDX-License-Identifier: Apache-2.0
// Any bytes as ledger.sqlite: they are opened and checked, or damage is named.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "recant/core/error.hpp"
#include "recant/ledger/ledger.hpp"

namespace {

/// A folder in memory where there is one: SQLite wants names, and puts files beside the ledger.
std::filesystem::path folder() {
  std::string pattern = std::filesystem::exists("/dev/shm") ? "/dev/shm/" : "/tmp/";
  pattern += "recant-ledger-fuzz-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  return pattern;
}

/// Everything that can be read.
void read(const recant::Ledger& ledger) {
  static_cast<void>(ledger.statistics());
  static_cast<void>(ledger.erased_rows());
  static_cast<void>(ledger.chunks());
  static_cast<void>(ledger.last_checkpoint());
  static_cast<void>(ledger.events(0, 100));
  for (std::size_t s = 0; s < recant::kRequestStates; ++s) {
    static_cast<void>(ledger.requests(static_cast<recant::RequestState>(s), 0, 100));
  }
  if (const auto batch = ledger.last_batch()) {
    static_cast<void>(ledger.release_of_batch(batch->number));
    static_cast<void>(ledger.rows_of_batch(batch->number));
    static_cast<void>(ledger.chunks_of_batch(batch->number));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const std::filesystem::path path = folder() / "ledger.sqlite";
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  try {
    const recant::Ledger ledger = recant::Ledger::open(path, recant::LedgerAccess::kRead);
    static_cast<void>(ledger.check());
    read(ledger);
  } catch (const recant::DamagedError&) {
  }
  for (const char* const suffix : {"-wal", "-shm", "-journal"}) {
    std::error_code ignored;
    std::filesystem::remove(path.string() + suffix, ignored);
  }
  return 0;
}
