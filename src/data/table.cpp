// SPDX-License-Identifier: Apache-2.0
#include "recant/data/table.hpp"

#include <cmath>
#include <utility>

#include "layout.hpp"
#include "number.hpp"
#include "recant/core/error.hpp"
#include "role_columns.hpp"
#include "row_buffer.hpp"
#include "row_encoder.hpp"
#include "scaling.hpp"
#include "table_rows.hpp"
#include "text_table.hpp"

namespace recant {
namespace {

/// One pass over training rows, which keeps a number or a code of every feature.
class TrainingPass {
 public:
  TrainingPass(TableRows& rows, const Layout& layout, const TableOptions& options,
               std::vector<ColumnType>& types)
      : rows_(rows),
        layout_(layout),
        types_(types),
        cells_(static_cast<Index>(types.size())),
        categories_(types.size()),
        roles_(layout, options, nullptr) {}

  /// With `types_are_given`, text in a numeric column is an error. Otherwise the column becomes
  /// categorical; false if that came too late for what has been kept, so that another pass is
  /// needed. Then no type is wrong any more.
  [[nodiscard]] bool run(bool types_are_given) {
    while (rows_.next()) {
      if (!types_hold_) {
        look_for_text();
        continue;
      }
      double* const cells = cells_.append();
      for (std::size_t f = 0; f < types_.size(); ++f) keep(f, cells[f], types_are_given);
      if (types_hold_) roles_.add(rows_);
    }
    return types_hold_;
  }

  LoadedTable finish(const TableOptions& options) && {
    if (cells_.rows() == 0) {
      throw DataError(rows_.read() == 0
                          ? "has no rows"
                          : "has a missing value in each of its rows, so none is left",
                      rows_.file());
    }
    LoadedTable table;
    table.rows_read = rows_.read();
    table.rows_dropped = rows_.dropped();
    table.encoder.options = options;
    table.encoder.options.schema.reset();
    std::move(roles_).finish(rows_, table.data, table.encoder);
    const auto counts = finish_categories(table.encoder);
    if (table.encoder.width() == 0) {
      throw DataError("has no column that differs between rows", rows_.file());
    }
    fit_scaling(cells_.view(), counts, rows_.file(), table.encoder);
    encode_in_place(cells_, RowEncoder(table.encoder));
    table.data.features = std::move(cells_).release();
    table.data.columns = table.encoder.column_names();
    return table;
  }

 private:
  void keep(std::size_t f, double& cell, bool types_are_given) {
    const std::size_t column = layout_.features[f];
    if (types_[f] == ColumnType::kNumeric) {
      if (parse_number(rows_.cell(column), cell)) return;
      if (types_are_given) rows_.fail_not_a_number(column);
      types_[f] = ColumnType::kCategorical;
      types_hold_ = types_hold_ && cells_.rows() == 1;
    }
    const std::size_t before = categories_[f].size();
    cell = categories_[f].add(rows_.cell(column));
    if (categories_[f].size() != before) rows_.require_utf8(column);
  }

  void look_for_text() {
    for (std::size_t f = 0; f < types_.size(); ++f) {
      double number = 0;
      if (types_[f] == ColumnType::kNumeric &&
          !parse_number(rows_.cell(layout_.features[f]), number)) {
        types_[f] = ColumnType::kCategorical;
      }
    }
  }

  /// Sorts the categories of every feature; gives how many rows have each.
  std::vector<std::vector<Index>> finish_categories(Encoder& encoder) {
    std::vector<std::vector<Index>> counts(types_.size());
    std::vector<std::pair<std::size_t, std::vector<std::int32_t>>> ranks;
    for (std::size_t f = 0; f < types_.size(); ++f) {
      SortedTexts sorted = sort_texts(categories_[f].texts());
      counts[f].resize(sorted.texts.size());
      for (std::size_t code = 0; code < sorted.texts.size(); ++code) {
        counts[f][static_cast<std::size_t>(sorted.rank[code])] = categories_[f].counts()[code];
      }
      encoder.features.push_back({rows_.names()[layout_.features[f]],
                                  types_[f],
                                  {sorted.texts.begin(), sorted.texts.end()}});
      if (types_[f] == ColumnType::kCategorical) ranks.emplace_back(f, std::move(sorted.rank));
    }
    const Index stride = static_cast<Index>(types_.size());
    for_each_block(cells_.rows(), [&](RowBlock block) {
      for (Index i = block.begin; i < block.end; ++i) {
        double* const row = cells_.data() + i * stride;
        for (const auto& [f, rank] : ranks) row[f] = rank[static_cast<std::size_t>(row[f])];
      }
    });
    return counts;
  }

  TableRows& rows_;
  const Layout& layout_;
  std::vector<ColumnType>& types_;
  bool types_hold_ = true;
  RowBuffer cells_;
  std::vector<TextTable> categories_;
  RoleColumns roles_;
};

/// The features of rows that are not for training, encoded as they are read.
class EncodingPass {
 public:
  EncodingPass(const TableRows& rows, const Layout& layout, const Encoder& encoder)
      : rows_(rows),
        layout_(layout),
        encoder_(encoder),
        encode_(encoder),
        matrix_(encode_.width()),
        cells_(encoder.features.size()),
        unseen_(encoder.features.size()) {
    for (const FeatureColumn& feature : encoder.features) {
      std::vector<std::string> names;
      std::vector<double>& places = places_.emplace_back();
      for (std::size_t place = 0; place < feature.categories.size(); ++place) {
        if (!feature.categories[place]) continue;  // a text that nobody knows any more
        names.push_back(*feature.categories[place]);
        places.push_back(static_cast<double>(place));
      }
      categories_.emplace_back(names);
    }
  }

  /// Takes the row that the rows stand at.
  void add() {
    for (std::size_t f = 0; f < cells_.size(); ++f) {
      const std::size_t column = layout_.features[f];
      if (encoder_.features[f].type == ColumnType::kNumeric) {
        if (!parse_number(rows_.cell(column), cells_[f])) rows_.fail_not_a_number(column);
        continue;
      }
      const auto code = categories_[f].find(rows_.cell(column));
      cells_[f] = code ? places_[f][static_cast<std::size_t>(*code)] : RowEncoder::kUnseen;
      if (!code) ++unseen_[f];
    }
    double* const row = matrix_.append();
    encode_.encode(cells_.data(), row);
    for (std::size_t f = 0; f < cells_.size(); ++f) {
      if (encoder_.features[f].type == ColumnType::kNumeric &&
          !std::isfinite(row[encode_.column(f)])) {
        rows_.fail(layout_.features[f], "is too far from the training data to be standardised");
      }
    }
  }

  void finish(LoadedTable& table) && {
    for (std::size_t f = 0; f < unseen_.size(); ++f) {
      if (unseen_[f] > 0) table.unseen.push_back({encoder_.features[f].name, unseen_[f]});
    }
    table.data.features = std::move(matrix_).release();
    table.data.columns = encoder_.column_names();
  }

  [[nodiscard]] Index rows() const noexcept { return matrix_.rows(); }

 private:
  const TableRows& rows_;
  const Layout& layout_;
  const Encoder& encoder_;
  RowEncoder encode_;
  RowBuffer matrix_;
  std::vector<double> cells_;
  std::vector<TextTable> categories_;
  std::vector<std::vector<double>> places_;  // in the encoder, of the names in categories_
  std::vector<Index> unseen_;
};

}  // namespace

LoadedTable read_training_csv(const std::filesystem::path& path, const TableOptions& options) {
  check_options(options);
  const bool given = options.schema.has_value();
  TableRows rows(path, options, given ? CsvReader::Reading::kOnce : CsvReader::Reading::kTwice);
  const Layout layout = training_layout(rows.names(), options, rows.file());
  rows.use(layout.used());
  std::vector<ColumnType> types(layout.features.size(), ColumnType::kNumeric);
  if (given) types = schema_types(rows.names(), layout, *options.schema, rows.file());

  {
    TrainingPass first(rows, layout, options, types);
    if (first.run(given)) return std::move(first).finish(options);
  }  // what it kept would be in memory beside what the next one keeps
  rows.rewind();
  TrainingPass second(rows, layout, options, types);
  // Text in a numeric column would mean that the file has changed, and is an error.
  static_cast<void>(second.run(true));
  return std::move(second).finish(options);
}

LoadedTable read_csv(const std::filesystem::path& path, const Encoder& encoder) {
  TableRows rows(path, encoder.options, CsvReader::Reading::kOnce);
  const Layout layout = encoder_layout(rows.names(), encoder, rows.file());
  rows.use(layout.used());
  EncodingPass pass(rows, layout, encoder);
  RoleColumns roles(layout, encoder.options, &encoder);
  while (rows.next()) {
    pass.add();
    roles.add(rows);
  }
  if (pass.rows() == 0) {
    throw DataError(rows.read() == 0 ? "has no rows"
                                     : "has a missing value in each of its rows, so none is left",
                    rows.file());
  }
  LoadedTable table;
  table.encoder = encoder;
  table.rows_read = rows.read();
  table.rows_dropped = rows.dropped();
  std::move(roles).finish(rows, table.data, table.encoder);
  std::move(pass).finish(table);
  return table;
}

}  // namespace recant
