// SPDX-License-Identifier: Apache-2.0
#include "recant/data/schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using test::expect_error;

TEST(Schema, ReadsColumnsAndDefaults) {
  const Schema schema = parse_schema(R"({
      "name": "x", "missing": "?",
      "columns": [{"name": "age", "type": "numeric"}, {"name": "sex", "type": "categorical"}],
      "target": {"column": "income", "positive": ">50K"},
      "sensitive": {"column": "sex", "privileged": "Male"}})");
  ASSERT_EQ(schema.columns.size(), 2U);
  EXPECT_EQ(schema.columns[0].name, "age");
  EXPECT_EQ(schema.columns[0].type, ColumnType::kNumeric);
  EXPECT_EQ(schema.columns[1].type, ColumnType::kCategorical);
  EXPECT_EQ(schema.target, "income");
  EXPECT_EQ(schema.positive, ">50K");
  EXPECT_EQ(schema.sensitive, "sex");
  EXPECT_EQ(schema.privileged, "Male");
  EXPECT_EQ(schema.missing_values, std::vector<std::string>{"?"});
}

TEST(Schema, NeedsOnlyColumns) {
  const Schema schema = parse_schema(R"({"columns": []})");
  EXPECT_TRUE(schema.columns.empty());
  EXPECT_FALSE(schema.target || schema.positive || schema.sensitive || schema.missing_values);
  EXPECT_EQ(parse_schema(R"({"columns": [], "missing": ["", "-"]})").missing_values,
            (std::vector<std::string>{"", "-"}));
}

TEST(Schema, SaysWhatIsWrong) {
  const auto fails = [](const char* text, const std::vector<std::string>& parts) {
    expect_error<DataError>([&] { return parse_schema(text, "s.json"); }, parts);
  };
  fails("", {"s.json", "not JSON"});
  fails("{\"columns\": [}", {"not JSON", "byte 14"});
  fails("[]", {"wrong type"});
  fails("{}", {"columns"});
  fails(R"({"columns": [{"name": "a"}]})", {"type"});
  fails(R"({"columns": [{"name": 1, "type": "numeric"}]})", {"wrong type"});
  fails(R"({"columns": [{"name": "a", "type": "text"}]})", {"neither 'numeric' nor"});
  fails(R"({"columns": [{"name": "a", "type": "numeric"}, {"name": "a", "type": "numeric"}]})",
        {"'a' twice"});
  fails(R"({"columns": [], "target": {"column": 3}})", {"wrong type"});
  fails(R"({"columns": [], "missing": 3})", {"wrong type"});
}

TEST(Schema, IsReadFromAFile) {
  const test::TemporaryFolder folder;
  const auto path = folder.write("s.json", R"({"columns": [{"name": "a", "type": "numeric"}]})");
  EXPECT_EQ(read_schema(path).columns.size(), 1U);
  expect_error<DataError>([&] { return read_schema(folder.write("t.json", "{")); }, {"t.json"});
  expect_error<NotFoundError>([&] { return read_schema(folder / "none.json"); }, {"none.json"});
}

TEST(Schema, NamesItsTypes) {
  EXPECT_EQ(name(ColumnType::kNumeric), "numeric");
  EXPECT_EQ(name(ColumnType::kCategorical), "categorical");
}

}  // namespace
}  // namespace recant
