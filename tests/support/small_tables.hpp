// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "problems.hpp"
#include "recant/data/npy.hpp"
#include "temporary_folder.hpp"

/// Small CSV files and arrays to fit models on, the same in every run.
namespace recant::test {

/// id, age, city (three values), sex (f, m), region (north, south, west), hired (yes, no). Every
/// `missing_every`-th row has "?" for its age (never with 0).
inline std::string small_csv(std::uint64_t seed, Index rows, Index missing_every = 0) {
  Random random(seed);
  std::string text = "id,age,city,sex,region,hired\n";
  const char* cities[] = {"Oslo", "Bergen", "Tromsø"};
  const char* regions[] = {"north", "south", "west"};
  for (Index i = 0; i < rows; ++i) {
    const auto city = random.below(3), region = random.below(3);
    const bool male = random.uniform() < 0.6;
    const auto age = 18 + random.below(50);
    const double t = 0.05 * static_cast<double>(age - 40) + (male ? 0.8 : -0.4) +
                     0.5 * static_cast<double>(city - 1) + 0.4 * static_cast<double>(region - 1);
    const bool hired = random.uniform() < 1 / (1 + std::exp(-t));
    const bool missing = missing_every > 0 && i % missing_every == missing_every - 1;
    text += fmt::format("p{}-{},{},{},{},{},{}\n", seed, i, missing ? "?" : std::to_string(age),
                        cities[city], male ? "m" : "f", regions[region], hired ? "yes" : "no");
  }
  return text;
}

/// Writes NAME_x.npy, NAME_y.npy and, with groups, NAME_s.npy into the folder.
inline void write_arrays(const TemporaryFolder& folder, const std::string& name,
                         const Dataset& data) {
  write_npy(folder / (name + "_x.npy"), data.features.view());
  write_npy(folder / (name + "_y.npy"), data.targets);
  if (data.sensitive.empty()) return;
  std::vector<std::int64_t> codes;
  for (const std::int32_t code : data.sensitive[0].codes) codes.push_back(code);
  write_npy(folder / (name + "_s.npy"), std::span<const std::int64_t>(codes));
}

}  // namespace recant::test
