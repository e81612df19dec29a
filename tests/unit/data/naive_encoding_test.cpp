// SPDX-License-Identifier: Apache-2.0
// The encoded matrix against a plain encoding of the cells that a file was written from.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "problems.hpp"
#include "recant/data/table.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

/// What a cell means; no value: missing.
struct Cell {
  std::string text;
  std::optional<double> number;
};
struct Rows {
  std::vector<std::vector<std::optional<Cell>>> cells;  // by row, by feature
  std::vector<int> targets;
};

/// How a feature's cells come about.
enum class Kind { kNumbers, kConstant, kTexts, kMixed, kTextLast };
constexpr Kind kFeatures[] = {Kind::kTextLast, Kind::kNumbers, Kind::kTexts,
                              Kind::kConstant, Kind::kMixed,   Kind::kNumbers};
constexpr std::size_t kCount = std::size(kFeatures);
std::string name_of(std::size_t feature) {
  return fmt::format("f{}", feature);
}

Cell made_number(test::Random& random) {
  static const std::vector<Cell> some = {
      {"0", 0},   {"-0", -0.0}, {"+.5", 0.5},     {"1e3", 1000}, {"1E-2", 0.01},
      {"007", 7}, {"12.", 12},  {"-3.25", -3.25}, {"1e-999", 0}, {"123456789", 123456789}};
  return some[static_cast<std::size_t>(random.below(static_cast<Index>(some.size())))];
}

/// Texts with whatever needs quotes, whose order by bytes is not that of any language.
Cell made_text(test::Random& random, bool unseen) {
  static const std::vector<std::string> some = {
      "b", "B", "a,b", "say \"x\"", "two\nlines", "Zo\u00eb", "_", "z z", " led", "?z", "nan", "-"};
  if (unseen && random.below(3) == 0) return {fmt::format("never {}", random.below(9)), {}};
  return {some[static_cast<std::size_t>(random.below(static_cast<Index>(some.size())))], {}};
}

Rows made_rows(test::Random& random, Index n, bool training) {
  Rows rows;
  for (Index i = 0; i < n; ++i) {
    auto& row = rows.cells.emplace_back();
    for (const Kind kind : kFeatures) {
      const bool text = kind == Kind::kTexts || (kind == Kind::kMixed && random.below(2) == 0) ||
                        (kind == Kind::kTextLast && i == n - 1);
      Cell cell = text ? made_text(random, !training) : made_number(random);
      if (kind == Kind::kConstant) cell = {"4.5", 4.5};
      const bool missing = i > 1 && i < n - 1 && random.below(25) == 0;
      row.push_back(missing ? std::nullopt : std::optional(std::move(cell)));
    }
    rows.targets.push_back(i < 2 ? static_cast<int>(i) : static_cast<int>(random.below(2)));
  }
  return rows;
}

/// As programs write it: with quotes where they must be or may be, blanks, each kind of line end.
std::string written(test::Random& random, const Rows& rows, const std::vector<std::size_t>& order) {
  const std::string end = random.below(2) == 0 ? "\r\n" : "\n";
  std::string text = random.below(2) == 0 ? "\xEF\xBB\xBF" : "";
  text += "\"y\"";
  for (const std::size_t f : order) text += fmt::format(", {}", name_of(f));
  for (std::size_t i = 0; i < rows.cells.size(); ++i) {
    text += fmt::format("{}{}", end, rows.targets[i]);
    for (const std::size_t f : order) {
      text += random.below(4) == 0 ? ", " : ",";
      const auto& cell = rows.cells[i][f];
      static const std::string missing[] = {"", "?", "NA", "\"\"", "\"?\"", " "};
      if (!cell) {
        text += missing[random.below(6)];
        continue;
      }
      if (cell->text.find_first_of(",\"\n") == std::string::npos && cell->text.front() != ' ' &&
          random.below(3) != 0) {
        text += cell->text;
        continue;
      }
      text += '"';
      for (const char c : cell->text) text += c == '"' ? std::string("\"\"") : std::string(1, c);
      text += '"';
    }
  }
  return text + (random.below(2) == 0 ? end : "");
}

bool whole(const std::vector<std::optional<Cell>>& row) {
  return std::all_of(row.begin(), row.end(), [](const auto& cell) { return cell.has_value(); });
}

/// The columns of the training rows that are whole, before they are standardised, and their names.
struct Naive {
  struct Feature {
    bool numeric = true;
    std::set<std::string> seen;
    std::vector<std::string> categories;  // those that get a column
  };
  std::vector<Feature> features;
  std::vector<std::string> names;
  Vector mean, scale;

  Naive(const Rows& training, Encoding encoding) {
    for (std::size_t f = 0; f < kCount; ++f) {
      Feature& feature = features.emplace_back();
      for (const auto& row : training.cells) {
        if (!whole(row)) continue;
        feature.numeric = feature.numeric && row[f]->number.has_value();
        feature.seen.insert(row[f]->text);
      }
      const std::string name = name_of(f);
      if (feature.numeric) names.push_back(name);
      if (feature.numeric) continue;
      feature.categories.assign(feature.seen.begin(), feature.seen.end());
      if (encoding == Encoding::kReference) feature.categories.erase(feature.categories.begin());
      for (const std::string& text : feature.categories)
        names.push_back(fmt::format("{}={}", name, text));
    }
    const RowMatrix x = plain(training);
    mean = x.colwise().mean();
    scale = Vector::Ones(x.cols());
    for (Index j = 0; j < x.cols(); ++j) {
      if ((x.col(j).array() != x(0, j)).any())
        scale(j) = std::sqrt((x.col(j).array() - mean(j)).square().mean());
    }
  }

  [[nodiscard]] RowMatrix plain(const Rows& rows) const {
    const auto kept = std::count_if(rows.cells.begin(), rows.cells.end(), whole);
    RowMatrix x(kept, static_cast<Index>(names.size()));
    Index i = 0;
    for (const auto& row : rows.cells) {
      if (!whole(row)) continue;
      Index j = 0;
      for (std::size_t f = 0; f < kCount; ++f) {
        if (features[f].numeric) x(i, j++) = row[f]->number.value();
        for (const std::string& text : features[f].categories) x(i, j++) = row[f]->text == text;
      }
      ++i;
    }
    return x;
  }
  [[nodiscard]] RowMatrix encoded(const Rows& rows) const {
    RowMatrix x = plain(rows);
    for (Index j = 0; j < x.cols(); ++j) x.col(j) = (x.col(j).array() - mean(j)) / scale(j);
    return x;
  }
};

void expect_encoded(const LoadedTable& table, const Naive& naive, const Rows& rows) {
  EXPECT_EQ(table.data.columns, naive.names);
  const RowMatrix wanted = naive.encoded(rows);
  ASSERT_EQ(table.data.rows(), wanted.rows());
  ASSERT_EQ(table.data.features.columns(), wanted.cols());
  for (Index j = 0; j < wanted.cols(); ++j) {
    const Vector found = table.data.features.view().col(j);
    EXPECT_LE((found - wanted.col(j)).cwiseAbs().maxCoeff(),
              1e-12 * std::max(1.0, wanted.col(j).cwiseAbs().maxCoeff()))
        << naive.names[static_cast<std::size_t>(j)];
  }
  std::vector<std::int64_t> numbers;
  std::vector<double> targets;
  for (std::size_t i = 0; i < rows.cells.size(); ++i) {
    if (!whole(rows.cells[i])) continue;
    numbers.push_back(static_cast<std::int64_t>(i) + 1);
    targets.push_back(rows.targets[i]);
  }
  EXPECT_EQ(table.data.ids.numbers, numbers) << "rows that are dropped keep their numbers";
  EXPECT_EQ(std::vector<double>(table.data.targets.begin(), table.data.targets.end()), targets);
  EXPECT_EQ(table.rows_read, static_cast<Index>(rows.cells.size()));
  EXPECT_EQ(table.rows_dropped, static_cast<Index>(rows.cells.size() - numbers.size()));
}

class NaiveEncoding : public testing::TestWithParam<Index> {};

TEST_P(NaiveEncoding, GivesTheSameMatrix) {
  const test::TemporaryFolder folder;
  const Index n = GetParam();
  for (std::uint64_t seed = 0; seed < (n < 1000 ? 20 : 2); ++seed) {
    for (const Encoding encoding : {Encoding::kFull, Encoding::kReference}) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", " << name(encoding));
      test::Random random(100 * seed + 7);
      std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5};
      TableOptions options;
      options.target = "y";
      options.encoding = encoding;
      const Rows training = made_rows(random, n, true);
      const Naive naive(training, encoding);
      const LoadedTable table =
          read_training_csv(folder.write("train.csv", written(random, training, order)), options);
      expect_encoded(table, naive, training);

      // Other rows: columns in another order, categories that training has not seen.
      Rows other = made_rows(random, n, false);
      std::vector<std::pair<std::string, Index>> unseen(kCount), counted;
      for (auto& row : other.cells) {
        for (std::size_t f = 0; f < kCount; ++f) {
          if (!row[f]) continue;
          if (naive.features[f].numeric && !row[f]->number) row[f] = Cell{"2", 2};
        }
        if (!whole(row)) continue;
        for (std::size_t f = 0; f < kCount; ++f) {
          unseen[f].first = name_of(f);
          unseen[f].second +=
              !naive.features[f].numeric && !naive.features[f].seen.contains(row[f]->text);
        }
      }
      std::erase_if(unseen, [](const auto& column) { return column.second == 0; });
      std::reverse(order.begin(), order.end());
      const LoadedTable read =
          read_csv(folder.write("other.csv", written(random, other, order)), table.encoder);
      expect_encoded(read, naive, other);
      for (const UnseenCategories& column : read.unseen) {
        counted.emplace_back(column.column, column.rows);
      }
      EXPECT_EQ(counted, unseen);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, NaiveEncoding, testing::Values(2, 3, 5, 40, 257, 5000),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace recant
