// SPDX-License-Identifier: Apache-2.0
#include "recant/data/arrays.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "class_order.hpp"
#include "number.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"

namespace recant {
namespace {

void require_rows(Index found, Index needed, const std::filesystem::path& file,
                  const ArrayFiles& files) {
  if (found != needed) {
    throw DataError(
        fmt::format("has {} rows, but {} has {}", found, files.features.string(), needed), file);
  }
}

std::string row_of(const std::filesystem::path& file, Index row) {
  return fmt::format("{}, row {}", file.string(), row + 1);
}

Vector read_finite_vector(const std::filesystem::path& file) {
  Vector values = read_npy_vector(file);
  require_finite(RowsView(values.data(), values.size(), 1), file.string());
  return values;
}

/// The two values of a binary target in training: {other, positive}.
std::pair<double, double> binary_values(const std::filesystem::path& file,
                                        const ArrayOptions& options, const Vector& targets) {
  const double positive = options.positive.value_or(1);
  const std::set<double> values(targets.begin(), targets.end());
  if (values.size() != 2) {
    throw DataError(
        fmt::format("has {} distinct values, but a binary model needs 2", values.size()), file,
        "choose another loss, or another target");
  }
  if (!values.contains(positive) || (!options.positive && !values.contains(0))) {
    throw UsageError(options.positive ? "the positive value never occurs"
                                      : "it is not said which of the two values is positive",
                     file, "name it with --positive");
  }
  return {*values.begin() == positive ? *values.rbegin() : *values.begin(), positive};
}

/// The number that a class of the training data is in an array; models that Python saved know
/// booleans by Python's texts. @throws UsageError if it is none
double class_number(const std::string& name) {
  double value = 0;
  if (name == "False") return 0;
  if (name == "True") return 1;
  const std::string padded = name + std::string(8, '\0');
  if (!parse_number({padded.data(), name.size()}, value)) {
    throw UsageError("the classes of the training data are texts, which no array can hold", "",
                     "give a CSV file");
  }
  return value;
}

/// 0 for the other value, 1 for the positive one.
void code_binary(const std::filesystem::path& file, const ArrayOptions& options, Dataset& data) {
  double other = 0, positive = 1;
  if (options.training) {
    std::tie(other, positive) = binary_values(file, options, data.targets);
    // Adding 0 turns -0 into 0.
    data.class_names = {fmt::format("{}", other + 0.0), fmt::format("{}", positive + 0.0)};
  } else {
    check_size("class_names", static_cast<Index>(options.class_names.size()), 2);
    data.class_names = options.class_names;
    other = class_number(data.class_names[0]);
    positive = class_number(data.class_names[1]);
  }
  for (Index i = 0; i < data.targets.size(); ++i) {
    if (data.targets[i] != other && data.targets[i] != positive) {
      throw DataError("is a class that the training data had not", row_of(file, i));
    }
    data.targets[i] = data.targets[i] == positive ? 1 : 0;
  }
}

/// The text of a whole number, which Python writes as 1.0 where labels are floats.
std::string without_fraction(const std::string& text) {
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

/// Codes of integers: `known` texts first, then the others in order of value or of bytes.
std::map<std::int64_t, std::int32_t> codes_of(const std::set<std::int64_t>& values, bool by_value,
                                              std::vector<std::string>& names) {
  const std::size_t known = names.size();
  std::map<std::string, std::int32_t> places;
  for (const std::string& text : names) {
    places.emplace(by_value ? without_fraction(text) : text,
                   static_cast<std::int32_t>(places.size()));
  }
  for (const std::int64_t value : values) {
    const std::string text = std::to_string(value);
    if (!places.contains(text)) names.push_back(text);
  }
  if (!by_value) std::sort(names.begin() + static_cast<std::ptrdiff_t>(known), names.end());
  for (std::size_t i = known; i < names.size(); ++i) {
    places[names[i]] = static_cast<std::int32_t>(i);
  }
  std::map<std::int64_t, std::int32_t> codes;
  for (const std::int64_t value : values) codes[value] = places.at(std::to_string(value));
  return codes;
}

void code_classes(const std::filesystem::path& file, const ArrayOptions& options, Dataset& data) {
  const IntegerTable table = read_npy_integer_table(file);
  const std::set<std::int64_t> values(table.values.begin(), table.values.end());
  if (!options.training) data.class_names = options.class_names;
  const std::size_t known = data.class_names.size();
  const auto codes = codes_of(values, true, data.class_names);
  if (data.class_names.size() < 2) {
    throw DataError("has the same value in every row, so there is nothing to learn", file);
  }
  if (options.training)
    require_repeated_classes(data.class_names.size(), table.rows, file.string());
  for (Index i = 0; i < table.rows; ++i) {
    const std::int32_t code = codes.at(table.values[static_cast<std::size_t>(i)]);
    if (!options.training && code >= static_cast<Index>(known)) {
      throw DataError("is a class that the training data had not", row_of(file, i));
    }
    data.targets[i] = code;
  }
}

void read_targets(const ArrayFiles& files, const ArrayOptions& options, Dataset& data) {
  data.targets = read_finite_vector(files.targets);
  require_rows(data.targets.size(), data.rows(), files.targets, files);
  switch (options.target_kind) {
    case TargetKind::kBinary:
      return code_binary(files.targets, options, data);
    case TargetKind::kClasses:
      return code_classes(files.targets, options, data);
    case TargetKind::kNumeric:
      if (options.training && !((data.targets.array() != data.targets[0]).any())) {
        throw DataError("has the same value in every row, so there is nothing to learn",
                        files.targets);
      }
  }
}

void read_groups(const ArrayFiles& files, const ArrayOptions& options, Dataset& data) {
  const IntegerTable table = read_npy_integer_table(*files.groups);
  require_rows(table.rows, data.rows(), *files.groups, files);
  if (table.columns == 0) throw DataError("has no columns", *files.groups);
  if (!options.training && !options.groups.empty() &&
      static_cast<Index>(options.groups.size()) != table.columns) {
    throw DataError(fmt::format("has {} group columns, but the training data had {}", table.columns,
                                options.groups.size()),
                    *files.groups);
  }
  for (Index j = 0; j < table.columns; ++j) {
    const auto value = [&](Index i) {
      return table.values[static_cast<std::size_t>(i * table.columns + j)];
    };
    std::set<std::int64_t> values;
    for (Index i = 0; i < table.rows; ++i) values.insert(value(i));
    SensitiveColumn column;
    if (table.columns > 1) column.name = std::to_string(j + 1);
    if (!options.training && !options.groups.empty()) {
      column.groups = options.groups[static_cast<std::size_t>(j)];
    }
    const auto codes = codes_of(values, false, column.groups);
    for (Index i = 0; i < table.rows; ++i) column.codes.push_back(codes.at(value(i)));
    data.sensitive.push_back(std::move(column));
  }
}

void read_weights(const ArrayFiles& files, Dataset& data) {
  data.weights = Vector::Ones(data.rows());
  if (!files.row_weights) return;
  data.weights = read_finite_vector(*files.row_weights);
  require_rows(data.weights.size(), data.rows(), *files.row_weights, files);
  for (Index i = 0; i < data.weights.size(); ++i) {
    if (!(data.weights[i] >= 0)) {
      throw DataError("is a negative weight", row_of(*files.row_weights, i));
    }
  }
  if (!(data.weights.maxCoeff() > 0)) throw DataError("is 0 in every row", *files.row_weights);
}

}  // namespace

Dataset read_arrays(const ArrayFiles& files, const ArrayOptions& options) {
  if (options.positive && options.target_kind != TargetKind::kBinary) {
    throw UsageError("a positive value is given, but the target is not binary");
  }
  Dataset data;
  data.features = read_npy_matrix(files.features);
  if (data.rows() == 0) throw DataError("has no rows", files.features);
  if (data.features.columns() == 0) throw DataError("has no columns", files.features);
  require_finite(data.features.view(), files.features.string());
  read_targets(files, options, data);
  if (files.groups) read_groups(files, options, data);
  read_weights(files, data);
  data.ids.numbers.resize(static_cast<std::size_t>(data.rows()));
  std::iota(data.ids.numbers.begin(), data.ids.numbers.end(), 1);
  return data;
}

}  // namespace recant
