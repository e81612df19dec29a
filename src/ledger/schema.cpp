// SPDX-License-Identifier: Apache-2.0
#include "schema.hpp"

#include <fmt/format.h>

#include <array>

#include "recant/core/error.hpp"

namespace recant {

std::span<const std::string_view> schema_steps() {
  // Version 2 gave the pages of an SQLite file their sums, and changed no table.
  static const std::array kSteps = {kSchemaSql, std::string_view()};
  return kSteps;
}

std::int64_t format_version() {
  return static_cast<std::int64_t>(schema_steps().size());
}

void migrate(Storage& storage, std::span<const std::string_view> steps) {
  const auto newest = static_cast<std::int64_t>(steps.size());
  const std::int64_t version = storage.format_version();
  if (version > newest) {
    throw DamagedError(fmt::format("the ledger has format version {}, and this program knows none "
                                   "above {}",
                                   version, newest),
                       storage.where(), "use a newer recant");
  }
  if (version == newest) return;
  for (std::int64_t done = version; done < newest; ++done) {
    const std::string_view step = steps[static_cast<std::size_t>(done)];
    if (!step.empty()) storage.run_schema(step);
  }
  storage.set_format_version(newest);
}

}  // namespace recant
