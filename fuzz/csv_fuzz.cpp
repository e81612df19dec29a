// SPDX-License-Identifier: Apache-2.0
// Any bytes are a table or an error with a line. The first byte chooses the options.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "memory_file.hpp"
#include "recant/core/error.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/table.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// A column name that the fuzzer finds easily in files with and without a header.
recant::TableOptions options_of(unsigned bits) {
  recant::TableOptions options;
  options.header = (bits & 1U) == 0;
  const auto column = [&](const char* name, const char* number) {
    return std::string(options.header ? name : number);
  };
  options.target = column("y", "1");
  options.target_kind = static_cast<recant::TargetKind>((bits >> 1U) % 3);
  if ((bits & 8U) != 0) options.encoding = recant::Encoding::kReference;
  if ((bits & 16U) != 0) options.sensitive = {column("s", "2")};
  if ((bits & 32U) != 0) options.id = column("i", "3");
  if ((bits & 64U) != 0) options.weight = column("w", "4");
  if ((bits & 128U) != 0) options.missing = recant::MissingPolicy::kError;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  recant::set_threads(1);
  const recant::fuzz::MemoryFile file(bytes + 1, size - 1);
  try {
    const auto table = read_training_csv(file.path(), options_of(bytes[0]));
    require(table.data.features.view().allFinite());
    require(table.data.rows() == table.rows_read - table.rows_dropped);
    require(table.data.rows() == table.data.ids.size());
    require(table.data.features.columns() == static_cast<recant::Index>(table.data.columns.size()));

    const auto encoder = recant::Encoder::from_json(table.encoder.to_json());
    const auto again = read_csv(file.path(), encoder);
    require(again.unseen.empty());
    require(again.data.features.view() == table.data.features.view());
    require(again.data.targets == table.data.targets);
  } catch (const recant::DataError&) {
  } catch (const recant::UsageError&) {
  }
  return 0;
}
