// SPDX-License-Identifier: Apache-2.0
// Reading a CSV file takes the encoded matrix and little besides.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "peak_memory.hpp"
#include "recant/data/table.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

/// A line of /proc/self/status, in bytes.
std::size_t process_bytes(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return 1024 * std::stoull(line.substr(name.size() + 1));
  }
  return 0;
}

/// Makes VmHWM, the most memory that the process had, start anew. False where there is no such
/// thing.
bool forget_resident_peak() {
  std::ofstream("/proc/self/clear_refs") << 5 << std::flush;
  return process_bytes("VmHWM") < process_bytes("VmRSS") + (std::size_t{1} << 20);
}

/// The matrix lies in pages of its own, of which a reader maps more than it writes while it does
/// not know how many rows will come. So the rest is what the allocator counts, and the most that is
/// resident holds the matrix to its size.
class PeakMemoryOfReading : public testing::Test {
 protected:
  static constexpr Index kRows = 60'000;
  static constexpr std::size_t kVector = 8 * kRows;

  struct Peaks {
    std::size_t allocated = 0, resident = 0;
    bool resident_known = false;
    Index columns = 0;
  };
  static Peaks peaks_of(const std::function<LoadedTable()>& read) {
    Peaks peaks;
    peaks.resident_known = forget_resident_peak();
    const std::size_t before = process_bytes("VmRSS");
    const std::size_t heap = test::heap_bytes();
    test::forget_allocation_peaks();
    {
      const LoadedTable table = read();
      EXPECT_EQ(table.data.rows(), kRows);
      peaks.columns = table.data.features.columns();
    }
    peaks.allocated = test::heap_peak() - heap;
    peaks.resident = process_bytes("VmHWM") - before;
    return peaks;
  }

  /// `vectors` of a number per row, buffers, and the matrix once.
  static void expect_little(const Peaks& peaks, std::size_t file_bytes, std::size_t vectors,
                            const char* what) {
    constexpr std::size_t kBuffers = std::size_t{1} << 20, kPages = std::size_t{4} << 20;
    const std::size_t matrix = kVector * static_cast<std::size_t>(peaks.columns);
    const std::size_t little = vectors * kVector + kBuffers;
    ASSERT_LT(2 * (little + kPages), matrix) << "half a copy of the matrix would not be seen";
    ASSERT_LT(little, file_bytes) << "a copy of the text would not be seen";
    EXPECT_LE(peaks.allocated, little) << what << ": beside a matrix of " << matrix;
    EXPECT_GT(peaks.allocated, 0U);
    if (!peaks.resident_known) GTEST_SKIP() << "SKIPPED: this kernel tells no peak of memory";
    EXPECT_LE(peaks.resident, matrix + little + kPages) << what << ": a matrix of " << matrix;
    EXPECT_GE(peaks.resident + kPages, matrix) << "the matrix was not seen";
  }

  test::TemporaryFolder folder_;
};

TEST_F(PeakMemoryOfReading, CategoriesBecomeManyColumns) {
  SeededRandom random(32, 0);
  std::string text = "y,group,a,b,c,number,note\n";
  const std::string note(200, 'x');
  for (Index i = 0; i < kRows; ++i) {
    const auto category = [&] { return static_cast<int>(40 * random.uniform()); };
    text += fmt::format("{},g{},a{},b{},c{},{:.3f},{}\n", i % 2, i % 3, category(), category(),
                        category(), random.uniform(), note);
  }
  const auto file = folder_.write("train.csv", text);
  const std::size_t bytes = text.size();
  text = {};
  TableOptions options{.target = "y", .sensitive = {"group"}, .drop = {"note"}};
  expect_little(peaks_of([&] { return read_training_csv(file, options); }), bytes, 8, "training");
  const Encoder encoder = read_training_csv(file, options).encoder;
  expect_little(peaks_of([&] { return read_csv(file, encoder); }), bytes, 8, "other rows");
}

/// Text in the last row makes a column categorical, and the file is read again.
TEST_F(PeakMemoryOfReading, TextThatComesLate) {
  constexpr int kNumbers = 60;
  SeededRandom random(33, 0);
  std::string text = "y,late";
  for (int j = 0; j < kNumbers; ++j) text += fmt::format(",x{}", j);
  for (Index i = 0; i < kRows; ++i) {
    text += fmt::format("\n{},{}", i % 2, i == kRows - 1 ? "text" : std::to_string(i % 5));
    for (int j = 0; j < kNumbers; ++j) text += fmt::format(",{:.3f}", random.uniform());
  }
  const auto file = folder_.write("train.csv", text);
  const std::size_t bytes = text.size();
  text = {};
  const TableOptions options{.target = "y"};
  expect_little(peaks_of([&] { return read_training_csv(file, options); }), bytes, 8, "training");
}

}  // namespace
}  // namespace recant
