// SPDX-License-Identifier: Apache-2.0
// The reader against a plain one that looks at one byte after another, on texts full of whatever
// could go wrong, with every instruction set.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "instruction_sets.hpp"
#include "problems.hpp"
#include "recant/core/error.hpp"
#include "recant/data/csv.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace std::string_literals;

/// What a file is: its records with their lines, and how reading ends.
struct Reading {
  std::vector<std::vector<std::string>> records;
  std::vector<std::int64_t> lines;
  std::string error;  // a word of its text and the line; empty at the end of the file
  friend bool operator==(const Reading&, const Reading&) = default;
};

std::string error_text(const std::string& word, std::int64_t line) {
  return fmt::format("{} in line {}", word, line);
}

class NaiveReader {
 public:
  explicit NaiveReader(std::string text) : text_(std::move(text)) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  Reading read() {
    try {
      while (read_record()) {
      }
    } catch (const std::string& error) {
      reading_.error = error;
    }
    return reading_;
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  [[nodiscard]] bool at_line_end() const {
    return at_end() || text_[at_] == '\n' || text_[at_] == '\r';
  }
  [[nodiscard]] bool at_blank() const {
    return !at_end() && (text_[at_] == ' ' || text_[at_] == '\t');
  }
  [[nodiscard]] std::int64_t line() const {
    std::int64_t line = 1;
    for (std::size_t i = 0; i < at_; ++i) {
      line += text_[i] == '\r' || (text_[i] == '\n' && (i == 0 || text_[i - 1] != '\r'));
    }
    return line;
  }
  /// What is wrong where the reader stands; a zero byte in the rest of the line goes before.
  [[noreturn]] void fail_here(const std::string& word) const {
    const std::size_t end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    const bool zero = text_.substr(at_, end - at_).find('\0') != std::string::npos;
    throw error_text(zero ? "zero byte" : word, line());
  }

  bool read_record() {
    while (at_blank() || (!at_end() && at_line_end())) ++at_;
    if (at_end()) return false;
    const std::int64_t begun = line();
    std::vector<std::string> cells;
    while (true) {
      cells.push_back(read_cell(begun));
      if (at_line_end()) break;
      ++at_;  // the comma
    }
    if (!reading_.records.empty() && cells.size() != reading_.records[0].size()) {
      throw error_text("cells", begun);
    }
    reading_.records.push_back(cells);
    reading_.lines.push_back(begun);
    return true;
  }

  /// Stops at a comma or where the line ends.
  std::string read_cell(std::int64_t begun) {
    while (at_blank()) ++at_;
    std::string cell;
    if (!at_end() && text_[at_] == '"') {
      ++at_;
      while (true) {
        if (at_end()) throw error_text("never closed", begun);
        if (text_[at_] == '\0') fail_here("zero byte");
        if (text_[at_] == '"') {
          ++at_;
          if (at_end() || text_[at_] != '"') break;
        }
        cell += text_[at_++];
      }
      while (at_blank()) ++at_;
      if (!at_line_end() && text_[at_] != ',') fail_here("quote");
      return cell;
    }
    while (!at_line_end() && text_[at_] != ',') {
      if (text_[at_] == '\0') fail_here("zero byte");
      if (text_[at_] == '"') fail_here("quote");
      cell += text_[at_++];
    }
    while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t')) cell.pop_back();
    return cell;
  }

  std::string text_;
  std::size_t at_ = 0;
  Reading reading_;
};

Reading read(const std::filesystem::path& path) {
  Reading reading;
  CsvReader csv(path);
  try {
    while (csv.next()) {
      reading.records.emplace_back(csv.cells().begin(), csv.cells().end());
      reading.lines.push_back(csv.line());
    }
    EXPECT_FALSE(csv.next());
  } catch (const DataError& error) {
    const std::string text = error.what();
    const std::size_t place = text.find(", line ");
    for (const std::string word : {"zero byte", "never closed", "quote", "cells"}) {
      if (text.find(word) == std::string::npos) continue;
      reading.error = error_text(word, std::stoll(text.substr(place + 7)));
      break;
    }
  }
  return reading;
}

std::string pick(test::Random& random, const std::vector<std::string>& from) {
  return from[static_cast<std::size_t>(random.below(std::ssize(from)))];
}

const std::vector<std::string> kLineEnds = {"\n", "\r\n", "\r"};

/// Bytes in any order.
std::string noise(test::Random& random) {
  static const std::vector<std::string> some = {
      "a",    ",",   ",",   "\"",   "\"",           " ",   "\t",  "\n", "\r", "\r\n",
      "\"\"", "\",", ",\"", "\n\"", "\xEF\xBB\xBF", "1.5", "\xE4"};
  std::string text;
  for (Index parts = random.below(40); parts > 0; --parts) {
    text += random.below(150) == 0 ? "\0"s : pick(random, some);
  }
  return text;
}

/// A table as programs write it, with cells of up to so many bytes.
std::string table(test::Random& random, Index rows, Index longest) {
  static const std::vector<std::string> inside = {"\"\"", ",", "\n", "\r", "\r\n", "q", " "};
  const Index width = 1 + random.below(4);
  std::string text = random.below(3) == 0 ? "\xEF\xBB\xBF" : "";
  const std::string usual_end = pick(random, kLineEnds);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < width; ++j) {
      if (j > 0) text += ',';
      for (Index k = random.below(3); k > 0; --k) text += random.below(2) == 0 ? ' ' : '\t';
      const Index size = random.below(longest + 1);
      if (random.below(2) == 0) {
        text += std::string(static_cast<std::size_t>(size), 'x');
      } else {
        text += '"';
        for (Index k = size; k > 0; --k) text += random.below(9) == 0 ? pick(random, inside) : "q";
        text += '"';
      }
      if (random.below(3) == 0) text += ' ';
    }
    text += random.below(8) == 0 ? pick(random, kLineEnds) : usual_end;
    if (random.below(9) == 0) text += pick(random, kLineEnds);
  }
  return text;
}

/// The same but for a few bytes.
std::string damaged(test::Random& random, std::string text) {
  static const std::vector<std::string> some = {",", "\"", "\n", "\r", " ", "\"\"", "x", "\0"s};
  for (Index k = random.below(3); k > 0 && !text.empty(); --k) {
    const auto place = static_cast<std::size_t>(random.below(std::ssize(text)));
    text.replace(place, static_cast<std::size_t>(random.below(2)), pick(random, some));
  }
  return text;
}

class NaiveCsv : public testing::Test {
 protected:
  void expect_same(const std::string& text) {
    const auto file = folder_.write("x.csv", text);
    const Reading wanted = NaiveReader(text).read();
    for_each_instruction_set([&] {
      ASSERT_TRUE(read(file) == wanted)
          << testing::PrintToString(text.substr(0, 1000)) << "\nwanted " << wanted.records.size()
          << " records, " << wanted.error;
    });
    ++(wanted.error.empty() ? whole_ : wrong_);
  }

  test::TemporaryFolder folder_;
  int whole_ = 0, wrong_ = 0;
};

TEST_F(NaiveCsv, ReadsTheSameOfHostileTexts) {
  test::Random random(5);
  for (int i = 0; i < 6000 && !HasFatalFailure(); ++i) {
    const std::string text = i % 3 == 0 ? noise(random) : table(random, random.below(12), 40);
    expect_same(i % 3 == 2 ? damaged(random, text) : text);
  }
  EXPECT_GT(whole_, 1000);
  EXPECT_GT(wrong_, 1000);
}

/// The naive reader counts lines from the first byte on, which takes too long for long texts.
TEST_F(NaiveCsv, ReadsTheSameOfRecordsThatCrossTheBuffer) {
  test::Random random(6);
  for (const Index longest : {Index{60'000}, Index{200'000}, Index{900'000}}) {
    for (int i = 0; i < 8 && !HasFatalFailure(); ++i) {
      const std::string text = table(random, 6, longest);
      expect_same(i % 2 == 0 ? text : damaged(random, text));
    }
  }
  EXPECT_GT(whole_, 8);
}

}  // namespace
}  // namespace recant
