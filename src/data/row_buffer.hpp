// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "recant/data/dataset.hpp"

namespace recant {

/// A matrix that grows row by row. It lies in pages of its own, which the kernel moves instead of
/// copying when they do not suffice, and which take memory only once they are written.
class RowBuffer {
 public:
  explicit RowBuffer(Index columns);
  ~RowBuffer();
  RowBuffer(RowBuffer&& other) noexcept;
  RowBuffer& operator=(RowBuffer&& other) noexcept;

  /// A new last row, zeros, valid until the next one.
  double* append();

  [[nodiscard]] Index rows() const noexcept { return rows_; }
  [[nodiscard]] double* data() noexcept { return data_; }
  [[nodiscard]] RowsView view() const noexcept { return {data_, rows_, columns_}; }

  /// Makes room for rows() rows of `columns`; the values stay where they are in memory.
  /// @throws DataError when there is no memory for it.
  void set_columns(Index columns);

  /// The matrix, in no more memory than it needs.
  [[nodiscard]] FeatureMatrix release() &&;

 private:
  void resize(std::size_t bytes);

  Index rows_ = 0, columns_ = 0;
  double* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace recant
