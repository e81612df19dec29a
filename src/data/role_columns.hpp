// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layout.hpp"
#include "recant/data/encoder.hpp"
#include "table_rows.hpp"
#include "text_table.hpp"

namespace recant {

/// Gathers what is in a row besides its features: target, groups, weight, id.
class RoleColumns {
 public:
  /// `known`, for other than training data: classes and groups are those of the encoder.
  RoleColumns(const Layout& layout, const TableOptions& options, const Encoder* known);

  /// Takes the row that `rows` stands at. @throws DataError
  void add(const TableRows& rows);

  /// Sets everything but the features of `data`, and in training the encoder's classes and groups.
  /// @throws DataError, UsageError for what is wrong with a column as a whole
  void finish(const TableRows& rows, Dataset& data, Encoder& encoder) &&;

 private:
  void add_target(const TableRows& rows);
  void add_weight(const TableRows& rows);
  void add_id(const TableRows& rows);
  void finish_target(const std::string& where, Dataset& data, Encoder& encoder);
  void finish_weights(const std::string& where, Dataset& data) const;
  void finish_groups(const TableRows& rows, Dataset& data, Encoder& encoder);
  void require_distinct_ids(const TableRows& rows) const;

  const Layout& layout_;
  const TableOptions& options_;
  bool training_;

  TextTable classes_;
  std::vector<double> targets_;  // numbers, or codes of classes_
  struct Groups {
    TextTable names;
    std::size_t known = 0;
    std::vector<std::int32_t> codes;
  };
  std::vector<Groups> groups_;
  std::vector<double> weights_;
  RowIds ids_;
  std::vector<std::int64_t> id_lines_;  // in training, to name two lines of one id
};

}  // namespace recant
