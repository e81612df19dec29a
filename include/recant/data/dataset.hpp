// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "recant/linalg/types.hpp"

namespace recant {

/// Rows of a FeatureMatrix that follow each other: a view of its values or, where rows between them
/// are left out, a copy. A view of this object's own is good for as long as it is.
class FeatureRows {
 public:
  FeatureRows(RowsView rows) noexcept  // NOLINT(google-explicit-constructor)
      : values_(rows.data()), rows_(rows.rows()), columns_(rows.cols()) {}
  explicit FeatureRows(RowMatrix rows) noexcept
      : copy_(std::move(rows)),
        values_(copy_.data()),
        rows_(copy_.rows()),
        columns_(copy_.cols()) {}
  FeatureRows(const FeatureRows&) = delete;
  FeatureRows& operator=(const FeatureRows&) = delete;

  operator RowsView() const noexcept { return {values_, rows_, columns_}; }  // NOLINT

 private:
  RowMatrix copy_;
  const double* values_;
  Index rows_, columns_;
};

/// n x d features, row-major and contiguous, in memory or mapped from a file. Copies share the
/// values, which nobody changes.
class FeatureMatrix {
 public:
  FeatureMatrix() = default;
  /// Takes the values over.
  explicit FeatureMatrix(RowMatrix values);
  /// Looks at rows*columns doubles that live at least as long as `owner`.
  FeatureMatrix(const double* values, Index rows, Index columns, std::shared_ptr<const void> owner);

  [[nodiscard]] Index rows() const noexcept { return rows_; }
  [[nodiscard]] Index columns() const noexcept { return columns_; }
  /// Whether no rows are left out, so that there is a view() of all.
  [[nodiscard]] bool whole() const noexcept { return kept_ == nullptr; }
  /// @throws InternalError for a matrix that rows are left out of.
  [[nodiscard]] RowsView view() const;
  [[nodiscard]] FeatureRows block(RowBlock block) const {
    return kept_ == nullptr ? FeatureRows(stored(block)) : kept_block(block);
  }
  [[nodiscard]] RowsView row(Index i) const noexcept {
    const Index at = kept_ == nullptr ? i : (*kept_)[static_cast<std::size_t>(i)];
    return stored({at, at + 1});
  }

  /// Parts of it that share the values: rows one after another, and rows that ascend, in O(n).
  [[nodiscard]] FeatureMatrix slice(RowBlock rows) const;
  [[nodiscard]] FeatureMatrix only(std::vector<Index> rows) const;

 private:
  const double* values_ = nullptr;
  Index rows_ = 0, columns_ = 0;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const std::vector<Index>> kept_;  // where each row is stored; none: in its place

  [[nodiscard]] RowsView stored(RowBlock block) const noexcept {
    return {values_ + block.begin * columns_, block.size(), columns_};
  }
  [[nodiscard]] FeatureRows kept_block(RowBlock block) const;
};

/// One sensitive column: which group each row belongs to.
struct SensitiveColumn {
  std::string name;  ///< empty when it came from an array
  /// Names in order of their bytes, those that training has not seen last; a group may be empty.
  std::vector<std::string> groups;
  std::vector<std::int32_t> codes;  ///< n, an index into groups
};

/// What a row is called from outside: the values of the id column, or row numbers.
struct RowIds {
  std::vector<std::int64_t> numbers;  ///< n row numbers of the file, from 1; empty with texts
  std::vector<std::string> texts;     ///< n values of the id column; empty with numbers
  [[nodiscard]] Index size() const noexcept;
  [[nodiscard]] std::string text(Index row) const;
};

/// What a target value means.
enum class TargetKind { kBinary, kClasses, kNumeric };

/// Rows ready for training or measuring. Every member with a value per row has n of them.
struct Dataset {
  FeatureMatrix features;                ///< n x d, without the intercept's 1
  std::vector<std::string> columns;      ///< d names; empty when the features came from an array
  Vector targets;                        ///< n: 0/1, class index 0..K-1, or a real number
  std::vector<std::string> class_names;  ///< K names by index; for binary {negative, positive}
  Vector weights;                        ///< n, >= 0; ones when trained plainly
  std::vector<SensitiveColumn> sensitive;
  RowIds ids;

  [[nodiscard]] Index rows() const noexcept { return features.rows(); }
};

/// Of rows that were put together elsewhere: that every member with a value per row has n of them,
/// targets are numbers of classes where there are classes, groups are numbers of groups, and
/// weights are >= 0 and not all 0. Features are not read. @throws DataError naming the member.
void require_sound(const Dataset& data);

/// Rows first..last-1, sharing the features.
[[nodiscard]] Dataset slice(const Dataset& data, RowBlock rows);

/// Features and targets of these rows, in this order, each with weight 1; nothing else of them.
[[nodiscard]] Dataset pick_rows(const Dataset& data, std::span<const Index> rows);

}  // namespace recant
