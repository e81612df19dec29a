// SPDX-License-Identifier: Apache-2.0
// Megabytes of CSV a second, for a file with numbers and categories as census data have them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>

#include "recant/core/threads.hpp"
#include "recant/data/csv.hpp"
#include "recant/data/table.hpp"

namespace {

constexpr int kRows = 200'000;
constexpr int kNumeric = 6;
constexpr int kLevels[] = {7, 16, 7, 14, 6, 5, 2, 41};  // categories of each other column

/// A file that lives as long as the program.
class GeneratedCsv {
 public:
  GeneratedCsv()
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("recant-bench-{}.csv", ::getpid())) {
    std::mt19937_64 random(7);
    std::ofstream out(path_, std::ios::binary);
    for (int j = 0; j < kNumeric; ++j) out << "number" << j << ',';
    for (std::size_t j = 0; j < std::size(kLevels); ++j) out << "category" << j << ',';
    out << "target\n";
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kNumeric; ++j) out << random() % (j == 2 ? 1'000'000 : 100) << ',';
      for (const int levels : kLevels) {
        // Every level occurs: the first rows count through them.
        const auto level = i < levels ? i : static_cast<int>(random() % levels);
        out << "Some-level-" << level << ',';
      }
      out << (i % 2 == 0 ? "<=50K\n" : ">50K\n");
    }
  }
  ~GeneratedCsv() { std::filesystem::remove(path_); }
  GeneratedCsv(const GeneratedCsv&) = delete;
  GeneratedCsv& operator=(const GeneratedCsv&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] auto bytes() const {
    return static_cast<std::int64_t>(std::filesystem::file_size(path_));
  }

 private:
  std::filesystem::path path_;
};

const GeneratedCsv& file() {
  static const GeneratedCsv generated;
  return generated;
}

recant::TableOptions options() {
  return {.target = "target", .positive = ">50K", .sensitive = {"category6"}};
}

/// Stops the program if the encoded table is not what the file says.
void check(const recant::LoadedTable& table) {
  recant::Index columns = kNumeric;
  for (const int levels : kLevels) columns += levels;
  const recant::RowsView rows = table.data.features.view();
  const double norm2 = static_cast<double>(kRows) * static_cast<double>(columns);
  const bool right = rows.rows() == kRows && rows.cols() == columns &&
                     std::abs(rows.squaredNorm() - norm2) < 1e-9 * norm2 &&
                     table.data.targets.sum() == kRows / 2;
  if (!right) {
    std::cerr << "the table is encoded wrongly\n";
    std::exit(1);
  }
}

void records(benchmark::State& state) {
  for (auto _ : state) {
    recant::CsvReader csv(file().path());
    std::size_t cells = 0;
    while (csv.next()) cells += csv.cells().size();
    if (cells != (kRows + 1) * (kNumeric + std::size(kLevels) + 1)) state.SkipWithError("wrong");
  }
  state.SetBytesProcessed(state.iterations() * file().bytes());
}
BENCHMARK(records)->Unit(benchmark::kMillisecond);

void training_rows(benchmark::State& state) {
  recant::set_threads(static_cast<int>(state.range(0)));
  check(read_training_csv(file().path(), options()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(read_training_csv(file().path(), options()).data.features.rows());
  }
  state.SetBytesProcessed(state.iterations() * file().bytes());
}
BENCHMARK(training_rows)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

void other_rows(benchmark::State& state) {
  const recant::Encoder encoder = read_training_csv(file().path(), options()).encoder;
  check(read_csv(file().path(), encoder));
  for (auto _ : state) {
    benchmark::DoNotOptimize(read_csv(file().path(), encoder).data.features.rows());
  }
  state.SetBytesProcessed(state.iterations() * file().bytes());
}
BENCHMARK(other_rows)->Unit(benchmark::kMillisecond);

}  // namespace
