// SPDX-License-Identifier: Apache-2.0
// The eraser is private to the stage; its header is reached by path.
#include "row_eraser.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using test::read_bytes;

class RowEraserTest : public testing::Test {
 protected:
  // 90 columns: a row of 720 bytes, so that pieces of 256 KiB end within rows.
  static constexpr Index kRows = 1500, kColumns = 90;
  RowEraserTest() {
    test::Random random(5);
    values_.resize(kRows, kColumns);
    for (Index i = 0; i < kRows; ++i) {
      for (Index j = 0; j < kColumns; ++j) values_(i, j) = 1 + random.uniform();
      names_.push_back("name-" + std::to_string(i));
    }
    write_npy(folder_ / "x.npy", RowsView(values_.data(), kRows, kColumns));
    write_npy(folder_ / "ids.npy", std::span<const std::string>(names_));
  }
  [[nodiscard]] RowEraser eraser() const { return {folder_.path(), {"x.npy", "ids.npy"}, kRows}; }
  test::TemporaryFolder folder_;
  RowMatrix values_;
  std::vector<std::string> names_;
};

TEST_F(RowEraserTest, ZeroesTheRowsAndNothingElse) {
  const FeatureMatrix mapped = read_npy_matrix(folder_ / "x.npy");
  const std::vector<Index> rows = {0, 363, 364, 700, kRows - 1};
  eraser().erase(rows);
  RowMatrix expected = values_;
  for (const Index row : rows) expected.row(row).setZero();
  EXPECT_TRUE(RowMatrix(read_npy_matrix(folder_ / "x.npy").view()) == expected);
  EXPECT_TRUE(RowMatrix(mapped.view()) == expected) << "whoever has it mapped sees it";
  const std::vector<std::string> ids = read_npy_texts(folder_ / "ids.npy");
  for (Index i = 0; i < kRows; ++i) {
    const bool erased = std::find(rows.begin(), rows.end(), i) != rows.end();
    EXPECT_EQ(ids[static_cast<std::size_t>(i)],
              erased ? std::string() : names_[static_cast<std::size_t>(i)]);
  }
}

TEST_F(RowEraserTest, KnowsTheHashesBeforehand) {
  HashesByFile hashes;
  for (const char* file : {"x.npy", "ids.npy"}) hashes[file] = hash_file(folder_ / file);
  // Row 364 begins in the first piece of x.npy and ends in the second.
  for (const std::vector<Index>& rows :
       {std::vector<Index>{364}, std::vector<Index>{3, 364, 800, 1499}, std::vector<Index>{0}}) {
    for (const ChunkHash& changed : eraser().hashes_after(rows)) {
      hashes[changed.file].chunks.at(static_cast<std::size_t>(changed.chunk)) = changed.hash;
    }
    eraser().erase(rows);
    for (const auto& [file, expected] : hashes) check_file(folder_ / file, expected);
  }
  EXPECT_EQ(hashes["x.npy"].chunks.size(), 5U);
}

TEST_F(RowEraserTest, ErasingTwiceIsErasingOnce) {
  const std::vector<Index> rows = {17, 1000};
  eraser().erase(rows);
  const std::string once = read_bytes(folder_ / "x.npy") + read_bytes(folder_ / "ids.npy");
  eraser().erase(rows);
  EXPECT_EQ(read_bytes(folder_ / "x.npy") + read_bytes(folder_ / "ids.npy"), once);
}

TEST_F(RowEraserTest, AFileOfOtherRowsIsDamaged) {
  test::expect_error<DamagedError>(
      [&] {
        return RowEraser(folder_.path(), {"x.npy"}, kRows + 1).hashes_after(std::vector<Index>{0});
      },
      {"x.npy", "rows"});
}

TEST_F(RowEraserTest, AnErasedPieceHasTheHashThatWasSaid) {
  const FileHashes before = hash_file(folder_ / "x.npy");
  const std::vector<Index> rows = {1};
  FileHashes after = before;
  for (const ChunkHash& hash : eraser().hashes_after(rows)) {
    if (hash.file == "x.npy") after.chunks[static_cast<std::size_t>(hash.chunk)] = hash.hash;
  }
  check_file(folder_ / "x.npy", before);
  eraser().erase(rows);
  check_file(folder_ / "x.npy", after);
  test::expect_error<DamagedError>(
      [&] {
        check_file(folder_ / "x.npy", before);
        return 0;
      },
      {"x.npy", "bytes that were written"});
}

}  // namespace
}  // namespace recant
