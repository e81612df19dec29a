// SPDX-License-Identifier: Apache-2.0
// Any bytes as ledger.sqlite: they are opened and checked, or damage is named. Bytes that do not
// begin as such a file does are edits of a sound one, each three bytes of place and one of value.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "ledger_life.hpp"
#include "page_sums.hpp"
#include "recant/core/error.hpp"
#include "recant/ledger/ledger.hpp"
#include "scratch_folder.hpp"

namespace {

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
    try {
      static_cast<void>(ledger.rows_of_batch(batch->number));
      static_cast<void>(ledger.chunks_of_batch(batch->number));
    } catch (const recant::NotFoundError&) {  // asked for by number, and not everywhere there
    }
  }
}

/// The bytes of a ledger with something of everything in it. Its header says that there is no -wal
/// file, which spares SQLite making one, and an index of it, for every input.
std::string sound_ledger(const std::filesystem::path& path) {
  static_cast<void>(recant::test::lively_ledger(path));
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  constexpr std::size_t kWriteVersion = 18, kReadVersion = 19;
  bytes.at(kWriteVersion) = bytes.at(kReadVersion) = 1;  // edited() makes the sums
  return bytes;
}

std::string edited(std::string file, const std::uint8_t* bytes, std::size_t size) {
  for (std::size_t i = 0; i + 4 <= size; i += 4) {
    const std::size_t place =
        bytes[i] | std::size_t{bytes[i + 1]} << 8 | std::size_t{bytes[i + 2]} << 16;
    file[place % file.size()] = static_cast<char>(bytes[i + 3]);
  }
  return recant::test::with_page_sums(file);  // else no more would be read than that they differ
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  // SQLite wants names, and puts files beside the ledger.
  static const recant::fuzz::ScratchFolder scratch;
  static const std::filesystem::path path = scratch.path() / "ledger.sqlite";
  static const std::string sound = sound_ledger(path);
  const std::string raw(reinterpret_cast<const char*>(bytes), size);
  const std::string file = raw.starts_with("SQLite format 3") ? raw : edited(sound, bytes, size);
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(file.data(), static_cast<std::streamsize>(file.size()));
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
