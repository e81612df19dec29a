// SPDX-License-Identifier: Apache-2.0
#include "recant/data/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace std::string_literals;
using test::expect_error;
using Records = std::vector<std::vector<std::string>>;

Records read_all(CsvReader& csv, std::vector<std::int64_t>* lines = nullptr) {
  Records records;
  while (csv.next()) {
    records.emplace_back(csv.cells().begin(), csv.cells().end());
    if (lines != nullptr) lines->push_back(csv.line());
  }
  return records;
}

struct Quirk {
  std::string name, text;
  Records records;
  std::vector<std::int64_t> lines;
};

class CsvQuirks : public testing::TestWithParam<Quirk> {};

TEST_P(CsvQuirks, AreRead) {
  const test::TemporaryFolder folder;
  CsvReader csv(folder.write("x.csv", GetParam().text));
  std::vector<std::int64_t> lines;
  EXPECT_EQ(read_all(csv, &lines), GetParam().records);
  EXPECT_EQ(lines, GetParam().lines);
  EXPECT_FALSE(csv.next()) << "the end stays the end";
  csv.rewind();
  EXPECT_EQ(read_all(csv), GetParam().records);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, CsvQuirks,
    testing::Values(
        Quirk{"line_feed", "a,b\n1,2\n", {{"a", "b"}, {"1", "2"}}, {1, 2}},
        Quirk{"no_last_line_end", "a,b\n1,2", {{"a", "b"}, {"1", "2"}}, {1, 2}},
        Quirk{"carriage_return_line_feed", "a\r\n1\r\n2\r\n", {{"a"}, {"1"}, {"2"}}, {1, 2, 3}},
        Quirk{"carriage_return", "a\r1\r\r2", {{"a"}, {"1"}, {"2"}}, {1, 2, 4}},
        Quirk{"mixed_line_ends", "a\r1\n2\r\n3", {{"a"}, {"1"}, {"2"}, {"3"}}, {1, 2, 3, 4}},
        Quirk{"byte_order_mark", "\xEF\xBB\xBF\"a\",b\n1,2\n", {{"a", "b"}, {"1", "2"}}, {1, 2}},
        Quirk{"only_byte_order_mark", "\xEF\xBB\xBF", {}, {}}, Quirk{"empty", "", {}, {}},
        Quirk{"blank_lines", "\n \t\na\n\n\r\n1\n\n", {{"a"}, {"1"}}, {3, 6}},
        Quirk{"blanks", " a ,\tb\t\n 1 2 , \"x \" \n", {{"a", "b"}, {"1 2", "x "}}, {1, 2}},
        Quirk{
            "quotes", "\"a,b\",\"c\"\"d\"\n\"\",\"\"\"\"\n", {{"a,b", "c\"d"}, {"", "\""}}, {1, 2}},
        Quirk{"quoted_lines", "a,\"b\nc\r\nd\"\n\n1,2\n", {{"a", "b\nc\r\nd"}, {"1", "2"}}, {1, 5}},
        Quirk{"quoted_first", "\"\n\nx\",y\n1,2", {{"\n\nx", "y"}, {"1", "2"}}, {1, 4}},
        Quirk{"empty_cells", ",\n,b\n", {{"", ""}, {"", "b"}}, {1, 2}},
        Quirk{"one_empty_cell", "a\n\"\"\n", {{"a"}, {""}}, {1, 2}},
        Quirk{"bytes", "\xFF\x01,\xE4\n", {{"\xFF\x01", "\xE4"}}, {1}}),
    [](const auto& tested) { return tested.param.name; });

TEST(Csv, NamesWhatIsWrongAndItsLine) {
  const test::TemporaryFolder folder;
  const auto fails = [&](const std::string& text, const std::vector<std::string>& parts) {
    expect_error<DataError>(
        [&] {
          CsvReader csv(folder.write("x.csv", text));
          read_all(csv);
        },
        parts);
  };
  fails("a,b\n\n1,2,3\n", {"x.csv, line 3", "3 cells", "first record has 2"});
  fails("a,b\n\"x\ny\",2\n1\n", {"line 4", "1 cells"});
  fails("a,b\n1,\"2\n3,4\n", {"line 2", "never closed"});
  fails("a,b\n1,x\"y\"\n", {"line 2", "quote"});
  fails("a,b\n1,\"x\"y\n", {"line 2", "quote"});
  fails("a,b\n1,\"x\n\"y\n", {"line 3", "quote"});
  fails("a,b\n1,2\n\0,3\n"s, {"line 3", "zero byte"});
  fails(
      "\xFF\xFE"
      "a\0\n\0"s,
      {"line 1", "zero byte", "UTF-16"});
  fails("a\n\"" + std::string(CsvReader::kMaximumRecordBytes, 'x') + "\"\n",
        {"line 2", "longer than 64 MiB"});
}

TEST(Csv, ErrorsHoldNoCells) {
  const test::TemporaryFolder folder;
  CsvReader csv(folder.write("x.csv", "a,b\nsecret,\"secret\"secret\n"));
  try {
    read_all(csv);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("secret")));
  }
}

TEST(Csv, NamesFilesThatCannotBeRead) {
  const test::TemporaryFolder folder;
  expect_error<NotFoundError>([&] { CsvReader csv(folder / "none.csv"); }, {"none.csv", "no such"});
  expect_error<NotFoundError>([&] { CsvReader csv(folder / "none/x.csv"); }, {"none/x.csv"});
  expect_error<DataError>([&] { CsvReader csv(folder.path()); }, {"is a folder"});
}

/// Cells and line ends on both sides of the reader's buffer must not matter.
TEST(Csv, ReadsWhatCrossesItsBuffer) {
  const test::TemporaryFolder folder;
  std::mt19937 random(1);
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    std::string text;
    Records wanted;
    std::vector<std::int64_t> wanted_lines;
    std::int64_t line = 1;
    while (text.size() < 3'000'000) {
      const std::string cell(random() % 2000, 'x');
      const bool breaks = random() % 2 == 0;
      text += "1,\"" + cell + (breaks ? end : "") + "\"" + end;
      wanted.push_back({"1", cell + (breaks ? end : "")});
      wanted_lines.push_back(line);
      line += breaks ? 2 : 1;
    }
    CsvReader csv(folder.write("x.csv", text));
    std::vector<std::int64_t> lines;
    EXPECT_TRUE(read_all(csv, &lines) == wanted);
    EXPECT_TRUE(lines == wanted_lines);
  }
}

/// A pipe that gives a few bytes at a time.
class SlowPipe {
 public:
  SlowPipe(const std::filesystem::path& path, std::string text)
      : path_(path), writer_([path, text = std::move(text)] {
          std::ofstream out(path, std::ios::binary);
          for (std::size_t i = 0; i < text.size(); i += 2) out << text.substr(i, 2) << std::flush;
        }) {}
  ~SlowPipe() { writer_.join(); }

  static std::filesystem::path make(const test::TemporaryFolder& folder) {
    const auto path = folder / "pipe";
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return path;
  }

 private:
  std::filesystem::path path_;
  std::thread writer_;
};

TEST(Csv, ReadsPipesOnceOrTwice) {
  const Records wanted = {{"a", "b"}, {"1", "2"}};
  for (const auto reading : {CsvReader::Reading::kOnce, CsvReader::Reading::kTwice}) {
    const test::TemporaryFolder folder;
    const auto path = SlowPipe::make(folder);
    const SlowPipe pipe(path,
                        "\xEF\xBB\xBF"
                        "a,b\r\n1,2\r\n");
    CsvReader csv(path, reading);
    EXPECT_EQ(read_all(csv), wanted);
    if (reading == CsvReader::Reading::kTwice) {
      csv.rewind();
      EXPECT_EQ(read_all(csv), wanted);
    } else {
      EXPECT_THROW(csv.rewind(), InternalError);
    }
  }
}

TEST(Csv, ReadsStandardInput) {
  const int saved = ::dup(STDIN_FILENO);
  for (const auto reading : {CsvReader::Reading::kOnce, CsvReader::Reading::kTwice}) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::write(ends[1], "a\n1\nx,y\n", 8), 8);
    ::close(ends[1]);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    CsvReader csv("-", reading);
    EXPECT_TRUE(csv.next());
    EXPECT_TRUE(csv.next());
    expect_error<DataError>([&] { static_cast<void>(csv.next()); }, {"standard input, line 3"});
  }
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
}

}  // namespace
}  // namespace recant
