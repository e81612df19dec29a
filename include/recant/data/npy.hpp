// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recant/data/dataset.hpp"

/// Arrays in NumPy's NPY format: versions 1 to 3 are read, version 1 is written.
/// Read are bool, (u)int8 to (u)int64, float32, float64 and bytes ('S'), little- or big-endian,
/// in C order with one or two dimensions.
/// @throws NotFoundError, or DataError naming the file: not NPY, cut short, too long, another
///   type, Fortran order, a shape that is wrong or too large.
namespace recant {

/// What the header of an NPY file says.
struct NpyHeader {
  char kind = 'f';                  ///< 'b' bool, 'i', 'u', 'f', 'S' bytes
  std::int64_t item_bytes = 8;      ///< bytes of one value
  bool swapped = false;             ///< big-endian
  std::vector<std::int64_t> shape;  ///< one or two sizes
  std::int64_t data_offset = 0;     ///< bytes before the first value
};

[[nodiscard]] NpyHeader read_npy_header(const std::filesystem::path& path);

/// Two-dimensional numbers. A little-endian float64 file is mapped and must not shrink while the
/// matrix lives; anything else is converted (64-bit integers to the nearest double).
[[nodiscard]] FeatureMatrix read_npy_matrix(const std::filesystem::path& path);

/// One-dimensional numbers, converted likewise.
[[nodiscard]] Vector read_npy_vector(const std::filesystem::path& path);

/// One-dimensional integers or bools. @throws DataError also for a value beyond int64.
[[nodiscard]] std::vector<std::int64_t> read_npy_integers(const std::filesystem::path& path);

/// One- or two-dimensional integers, row-major, `columns` of them in a row (1 if one-dimensional).
struct IntegerTable {
  Index rows = 0, columns = 0;
  std::vector<std::int64_t> values;
};
/// Floats are accepted if they are whole numbers. @throws DataError with row and column if not.
[[nodiscard]] IntegerTable read_npy_integer_table(const std::filesystem::path& path);

/// One-dimensional bytes without their trailing zeros, or integers as text.
[[nodiscard]] std::vector<std::string> read_npy_texts(const std::filesystem::path& path);

/// @throws DataError with row and column, both from 1, of the first NaN or infinity.
void require_finite(const RowsView& values, std::string_view where);

/// A look at values to be written; they must outlive it. Nothing is copied.
class NpyView {
 public:
  using IntegerRows = Eigen::Map<
      const Eigen::Matrix<std::int32_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

  NpyView(const RowsView& values);          // NOLINT(google-explicit-constructor) float64, 2-D
  NpyView(const FeatureMatrix& values);     // NOLINT(google-explicit-constructor) float64, 2-D
  NpyView(const Vector& values);            // NOLINT(google-explicit-constructor) float64, 1-D
  NpyView(std::span<const double> values);  // NOLINT(google-explicit-constructor) float64, 1-D
  NpyView(std::span<const std::int64_t> values);  // NOLINT(google-explicit-constructor) int64, 1-D
  NpyView(const IntegerRows& values);             // NOLINT(google-explicit-constructor) int32, 2-D
  /// Bytes padded with zeros to the longest, 1-D. @throws DataError if a text ends in a zero byte.
  NpyView(std::span<const std::string> texts);  // NOLINT(google-explicit-constructor)

  void write(std::ostream& out) const;

 private:
  const void* values_ = nullptr;
  const FeatureMatrix* features_ = nullptr;
  std::span<const std::string> texts_;
  std::string header_;
  std::size_t item_bytes_ = 0, bytes_ = 0;
};

/// Writes a lone file, there wholly or not at all (see write_file).
void write_npy(const std::filesystem::path& path, const NpyView& values);

/// Writes a file inside a StagedFolder, whose commit() syncs it. Not atomic by itself.
void write_staged_npy(const std::filesystem::path& path, const NpyView& values);

}  // namespace recant
