// SPDX-License-Identifier: Apache-2.0
#include "recant/data/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "input_file.hpp"
#include "recant/core/error.hpp"
#include "special_bytes.hpp"

namespace recant {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 17;
constexpr std::size_t kPadding = 64;  // zeros behind the text, which may be read
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(char byte) {
  return byte == ' ' || byte == '\t';
}

bool is_blank(const char* begin, const char* end) {
  return std::all_of(begin, end, [](char byte) { return is_blank(byte); });
}

std::string_view without_blanks(const char* begin, const char* end) {
  while (begin != end && is_blank(*begin)) ++begin;
  while (begin != end && is_blank(end[-1])) --end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

/// Makes one quote of two, in place: the cell lies in the buffer, and grows shorter.
std::string_view with_single_quotes(std::string_view cell) {
  char* const begin =
      const_cast<char*>(cell.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  char* to = begin;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    *to++ = cell[i];
    if (cell[i] == '"') ++i;
  }
  return {begin, static_cast<std::size_t>(to - begin)};
}

/// Gives the special bytes of a text one after another, by a word of marks at a time.
class Marks {
 public:
  Marks() = default;
  /// From `place` on.
  Marks(const std::uint64_t* words, std::size_t place)
      : words_(words), at_(place / 64), rest_(words[at_] & ~std::uint64_t{0} << place % 64) {}

  std::size_t next() {
    while (rest_ == 0) rest_ = words_[++at_];
    const std::size_t place = 64 * at_ + static_cast<std::size_t>(std::countr_zero(rest_));
    rest_ &= rest_ - 1;
    return place;
  }

 private:
  const std::uint64_t* words_ = nullptr;
  std::size_t at_ = 0;
  std::uint64_t rest_ = 0;  // of the word, what has not been given
};

}  // namespace

/// Walks from one special byte to the next; cells are views into the buffer, which holds the whole
/// record. Of one that ends behind the buffer nothing is kept: it is walked again when it is there.
class CsvReader::Parser {
 public:
  Parser(const std::filesystem::path& path, Reading reading)
      : file_(path, reading == Reading::kTwice), buffer_(kBufferBytes + kPadding) {
    clear();
  }

  bool next() {
    while (true) {
      if (begin_ == end_ && at_end_) return false;
      const Walk walk = begin_ == end_ ? Walk::kCut : walk_line();
      if (walk == Walk::kRecord) break;
      if (walk == Walk::kCut) fill();
    }
    if (width_ == 0) width_ = count_;
    if (count_ != width_) {
      throw DataError(fmt::format("has {} cells, but the first record has {}", count_, width_),
                      where());
    }
    for (const std::size_t i : doubled_) cells_[i] = with_single_quotes(cells_[i]);
    return true;
  }

  void rewind() {
    file_.rewind();
    clear();
  }

  std::span<const std::string_view> cells() const noexcept { return cells_; }
  std::int64_t line() const noexcept { return record_line_; }
  const std::string& name() const noexcept { return file_.name(); }
  std::string where() const { return at_line(record_line_); }

 private:
  enum class Walk { kBlankLine, kRecord, kCut };

  std::string at_line(std::int64_t line) const { return fmt::format("{}, line {}", name(), line); }
  char* text(std::size_t place) noexcept { return buffer_.data() + place; }

  void clear() {
    begin_ = end_ = 1;
    buffer_[0] = '\0';
    started_ = at_end_ = false;
    line_ = record_line_ = 1;
    width_ = 0;
    cells_.clear();
  }

  /// Moves what has not been read to the front of the buffer and fills the rest of it.
  void fill() {
    const std::size_t kept = end_ - begin_;
    require_length(kept);
    std::size_t room = buffer_.size() - kPadding;
    if (kept > room / 2) {  // a long record is walked again only when the buffer has doubled
      room *= 2;
      buffer_.resize(room + kPadding);
    }
    std::memmove(text(0), text(begin_ - 1), kept + 1);  // and the byte before it
    begin_ = 1;
    end_ = begin_ + kept;
    while (end_ < room && !at_end_) {  // a pipe may give single bytes
      const std::size_t got = file_.read(text(end_), room - end_);
      end_ += got;
      at_end_ = got == 0;
    }
    if (!std::exchange(started_, true) &&
        std::string_view(text(begin_), end_ - begin_).starts_with(kByteOrderMark)) {
      begin_ += kByteOrderMark.size();
    }
    std::fill_n(text(end_), kPadding, '\0');  // so that the text ends with a special byte
    const std::size_t words = end_ / 64 + 1;
    if (words_.size() < words) words_.resize(words);
    simd::mark_special_bytes(text(0), words, words_.data());
    marks_ = Marks(words_.data(), begin_);
  }

  /// Reads the record or the blank line at begin_, unless it is cut off.
  Walk walk_line() {
    record_line_ = walked_line_ = line_;
    count_ = 0;
    doubled_.clear();
    std::size_t cell = begin_;
    while (true) {
      std::size_t place = walk_plain_cells(cell);
      const bool quoted = *text(place) == '"';
      const std::string_view content =
          quoted ? walk_quotes(cell, place) : without_blanks(text(cell), text(place));
      if (*text(place) == ',') {
        add_cell(content);
        cell = place + 1;
        continue;
      }
      if (*text(place) == '\0' && place != end_) fail_zero_byte();
      if (place == end_ && !at_end_) return Walk::kCut;
      const bool blank = count_ == 0 && content.empty() && !quoted;
      if (!blank) {
        add_cell(content);
        require_length(place - begin_);
      }
      if (ends_line(place)) ++walked_line_;
      line_ = walked_line_;
      begin_ = std::min(place + 1, end_);
      return blank ? Walk::kBlankLine : Walk::kRecord;
    }
  }

  /// Adds cells without quotes that a comma ends, as many as are expected; gives where the next
  /// special byte is. `cell`: where the cell begins that it belongs to. Nearly all bytes come here.
  std::size_t walk_plain_cells(std::size_t& cell) {
    const char* const from = buffer_.data();
    std::string_view* const to = cells_.data();
    const std::size_t room = cells_.size();
    Marks marks = marks_;
    std::size_t count = count_, begin = cell, place = marks.next();
    for (; from[place] == ',' && count < room; place = marks.next()) {
      to[count++] = without_blanks(from + begin, from + place);
      begin = place + 1;
    }
    marks_ = marks;
    count_ = count;
    cell = begin;
    return place;
  }

  /// From the opening quote at `place` of a cell to the byte that ends the cell, or to end_.
  std::string_view walk_quotes(std::size_t cell, std::size_t& place) {
    if (!is_blank(text(cell), text(place))) fail_quote(place);
    const std::size_t open = place + 1;
    bool doubled = false;
    while (*text(place = marks_.next()) != '"' || *text(place + 1) == '"') {
      if (*text(place) == '"') {
        static_cast<void>(marks_.next());
        doubled = true;
      } else if (ends_line(place)) {
        ++walked_line_;
      } else if (*text(place) == '\0') {
        if (place != end_) fail_zero_byte();
        if (!at_end_) return {};
        begin_ = end_;  // who goes on all the same finds nothing more
        throw DataError("a quote that opens in this record is never closed", where());
      }
    }
    const std::size_t close = place;
    place = marks_.next();
    if (*text(place) == '"' || !is_blank(text(close + 1), text(place))) fail_quote(close);
    if (doubled) doubled_.push_back(count_);
    return {text(open), close - open};
  }

  /// Whether a line is over at this byte; of CRLF, at the first.
  bool ends_line(std::size_t place) {
    return *text(place) == '\r' || (*text(place) == '\n' && *text(place - 1) != '\r');
  }

  void add_cell(std::string_view content) {
    if (count_ < cells_.size()) {
      cells_[count_] = content;
    } else if (width_ == 0) {
      cells_.push_back(content);
    }
    ++count_;
  }

  void require_length(std::size_t bytes) const {
    if (bytes <= kMaximumRecordBytes) return;
    throw DataError(
        fmt::format("the record that begins here is longer than {} MiB", kMaximumRecordBytes >> 20),
        where(), "look for a quote that is never closed");
  }

  /// A quote at `place` that is not where one may be; unless the line shows that this is no text.
  [[noreturn]] void fail_quote(std::size_t place) {
    for (; place < end_ && *text(place) != '\n' && *text(place) != '\r'; ++place) {
      if (*text(place) == '\0') fail_zero_byte();
    }
    throw DataError("has a quote inside an unquoted cell or text after a closing quote",
                    at_line(walked_line_), "quote the whole cell and double the quotes inside it");
  }
  [[noreturn]] void fail_zero_byte() const {
    throw DataError("holds a zero byte", at_line(walked_line_),
                    "save the file as UTF-8 text (it may be UTF-16 or no text)");
  }

  InputFile file_;
  std::vector<char> buffer_;          // the byte before the text, the text, kPadding zeros
  std::size_t begin_ = 1, end_ = 1;   // of the text that has not been read
  std::vector<std::uint64_t> words_;  // where its special bytes are
  Marks marks_;                       // those from begin_ on
  bool started_ = false, at_end_ = false;

  std::vector<std::string_view> cells_;
  std::vector<std::size_t> doubled_;  // cells of the record with a doubled quote
  std::size_t count_ = 0, width_ = 0;
  std::int64_t line_ = 1;         // of begin_
  std::int64_t walked_line_ = 1;  // of the byte looked at
  std::int64_t record_line_ = 1;
};

CsvReader::CsvReader(const std::filesystem::path& path, Reading reading)
    : parser_(std::make_unique<Parser>(path, reading)) {}
CsvReader::~CsvReader() = default;
CsvReader::CsvReader(CsvReader&&) noexcept = default;
CsvReader& CsvReader::operator=(CsvReader&&) noexcept = default;

bool CsvReader::next() {
  return parser_->next();
}
std::span<const std::string_view> CsvReader::cells() const noexcept {
  return parser_->cells();
}
std::int64_t CsvReader::line() const noexcept {
  return parser_->line();
}
void CsvReader::rewind() {
  parser_->rewind();
}
const std::string& CsvReader::name() const noexcept {
  return parser_->name();
}
std::string CsvReader::where() const {
  return parser_->where();
}

}  // namespace recant
