// SPDX-License-Identifier: Apache-2.0
// Megabytes of CSV a second, for a file with numbers and categories as census data have them.
// times_floor: over reading the text once from memory and writing the matrix once. times_scan: over
// a look at every byte of the text in one thread, one after another, and writing the matrix.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "machine.hpp"
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
  [[nodiscard]] std::string text() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
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

recant::Index columns_of_all() {
  recant::Index columns = kNumeric;
  for (const int levels : kLevels) columns += levels;
  return columns;
}

/// Stops the program if the encoded table is not what the file says.
void check(const recant::LoadedTable& table) {
  const recant::Index columns = columns_of_all();
  const recant::RowsView rows = table.data.features.view();
  const double norm2 = static_cast<double>(kRows) * static_cast<double>(columns);
  const bool right = rows.rows() == kRows && rows.cols() == columns &&
                     std::abs(rows.squaredNorm() - norm2) < 1e-9 * norm2 &&
                     table.data.targets.sum() == kRows / 2;
  recant::bench::require(right, "the encoded table");
}

/// Bytes a second, and how far from the least that this many threads could take: for the text, and
/// for a matrix of so many columns where one is made.
void report(benchmark::State& state, recant::Index columns, int threads) {
  using benchmark::Counter;
  static const double scan = recant::bench::scan_seconds(file().text());
  static const double stream[] = {recant::bench::stream_bytes_per_second(1),
                                  recant::bench::stream_bytes_per_second(2)};
  const double matrix = 8.0 * kRows * static_cast<double>(columns);
  const double writing = matrix > 0 ? recant::bench::write_seconds(matrix, threads) : 0;
  const double reading = static_cast<double>(file().bytes()) / stream[threads - 1];
  const auto times = [&](double floor) {
    return Counter(floor * static_cast<double>(state.iterations()),
                   Counter::kIsRate | Counter::kInvert);
  };
  state.counters["times_floor"] = times(reading + writing);
  state.counters["times_scan"] = times(scan + writing);
  state.SetBytesProcessed(state.iterations() * file().bytes());
}

void records(benchmark::State& state) {
  const auto cells_of_file = [] {
    recant::CsvReader csv(file().path());
    std::size_t cells = 0;
    while (csv.next()) cells += csv.cells().size();
    return cells;
  };
  recant::bench::require(cells_of_file() == (kRows + 1) * (kNumeric + std::size(kLevels) + 1),
                         "the count of cells");
  for (auto _ : state) benchmark::DoNotOptimize(cells_of_file());
  report(state, 0, 1);
}
BENCHMARK(records)->Unit(benchmark::kMillisecond)->UseRealTime();

void training_rows(benchmark::State& state) {
  recant::set_threads(static_cast<int>(state.range(0)));
  check(read_training_csv(file().path(), options()));
  for (auto _ : state) {
    benchmark::DoNotOptimize(read_training_csv(file().path(), options()).data.features.rows());
  }
  report(state, columns_of_all(), static_cast<int>(state.range(0)));
}
BENCHMARK(training_rows)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

void other_rows(benchmark::State& state) {
  recant::set_threads(1);
  const recant::Encoder encoder = read_training_csv(file().path(), options()).encoder;
  check(read_csv(file().path(), encoder));
  for (auto _ : state) {
    benchmark::DoNotOptimize(read_csv(file().path(), encoder).data.features.rows());
  }
  report(state, columns_of_all(), 1);
}
BENCHMARK(other_rows)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
