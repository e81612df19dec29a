// SPDX-License-Identifier: Apache-2.0
// Any bytes as what a vault and its ledger keep in texts: a plan, the statement of an enrolment, a
// checkpoint, secret keys. They are read, and written again say the same, or are damaged.
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "batch_record.hpp"
#include "memory_file.hpp"
#include "recant/certify/signing_key.hpp"
#include "recant/core/error.hpp"
#include "recant/ledger/checkpoint.hpp"
#include "vault_key.hpp"

namespace {

template <class Work>
void work_or_damaged(Work work) {
  try {
    work();
  } catch (const recant::DamagedError&) {
  }
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  work_or_damaged([&] {
    const std::string once = to_text(recant::read_batch_record(text, "ledger"));
    require(to_text(recant::read_batch_record(once, "ledger")) == once);
  });
  work_or_damaged([&] {
    const std::string once = to_text(recant::read_enrolment_statement(text, "ledger"));
    require(to_text(recant::read_enrolment_statement(once, "ledger")) == once);
  });
  work_or_damaged([&] { require(checkpoint_text(recant::read_checkpoint(text)) == text); });
  const recant::fuzz::MemoryFile file(bytes, size);
  require(::chmod(file.path().c_str(), S_IRUSR | S_IWUSR) == 0);
  work_or_damaged([&] { static_cast<void>(recant::VaultKey::load(file.path())); });
  work_or_damaged([&] { static_cast<void>(recant::SigningKey::load(file.path())); });
  return 0;
}
