// SPDX-License-Identifier: Apache-2.0
#include "recant/data/csv.hpp"

#include <csv.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "input_file.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 17;
constexpr std::size_t kPadding = 8;  // what may be read behind a cell
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

const char* find(const char* begin, const char* end, char byte) {
  const auto* at = std::memchr(begin, byte, static_cast<std::size_t>(end - begin));
  return at == nullptr ? end : static_cast<const char*>(at);
}

bool is_blank(const char* begin, const char* end) {
  return std::all_of(begin, end,
                     [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
}

}  // namespace

/// libcsv pushes cells, and says nothing of lines. Here it is fed one line at a time, so that
/// lines can be counted and one feed ends at most one record, which can then be pulled.
class CsvReader::Parser {
 public:
  Parser(const std::filesystem::path& path, Reading reading)
      : file_(path, reading == Reading::kTwice), buffer_(kBufferBytes), text_(4096) {
    if (csv_init(&csv_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw std::bad_alloc();
  }
  ~Parser() { csv_free(&csv_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  bool next() {
    ends_.clear();
    used_ = 0;
    complete_ = false;
    while (!complete_ && !at_end_) {
      if (position_ == filled_ && !fill()) {
        at_end_ = true;
        if (csv_fini(&csv_, on_cell, on_record, this) != 0) {
          throw DataError("a quote that opens in this record is never closed", where());
        }
      } else {
        feed_line();
      }
    }
    if (!complete_) return false;
    in_record_ = false;
    record_bytes_ = 0;
    publish();
    return true;
  }

  void rewind() {
    file_.rewind();
    csv_fini(&csv_, nullptr, nullptr, nullptr);
    position_ = filled_ = line_feed_ = zero_ = buffer_.data();
    line_ = record_line_ = 1;
    width_ = record_bytes_ = 0;
    started_ = at_end_ = in_record_ = after_return_ = false;
  }

  std::span<const std::string_view> cells() const noexcept { return cells_; }
  std::int64_t line() const noexcept { return record_line_; }
  const std::string& name() const noexcept { return file_.name(); }
  std::string where() const { return at_line(record_line_); }

 private:
  std::string at_line(std::int64_t line) const { return fmt::format("{}, line {}", name(), line); }

  /// The next bytes of the file; false at its end.
  bool fill() {
    std::size_t got = file_.read(buffer_.data(), buffer_.size());
    std::size_t skip = 0;
    if (!started_) {
      started_ = true;
      while (got > 0 && got < kByteOrderMark.size()) {  // a pipe may give single bytes
        const std::size_t more = file_.read(buffer_.data() + got, buffer_.size() - got);
        if (more == 0) break;
        got += more;
      }
      if (std::string_view(buffer_.data(), got).starts_with(kByteOrderMark)) {
        skip = kByteOrderMark.size();
      }
    }
    position_ = buffer_.data() + skip;
    filled_ = buffer_.data() + got;
    line_feed_ = find(position_, filled_, '\n');
    zero_ = find(position_, filled_, '\0');
    return got > skip || (skip > 0 && fill());
  }

  /// Feeds the rest of the line, or of the buffer if it ends before the line.
  void feed_line() {
    if (line_feed_ < position_) line_feed_ = find(position_, filled_, '\n');
    const char* const at = find(position_, line_feed_, '\r');
    const bool second_half = after_return_ && *position_ == '\n';  // of a CRLF counted already
    const bool ends_line = at != filled_ && !second_half;
    const char* end = at != filled_ ? at + 1 : at;
    if (at != filled_ && *at == '\r' && end == line_feed_ && end != filled_) ++end;
    after_return_ = end == filled_ && end[-1] == '\r';
    feed(end);
    if (ends_line) ++line_;
  }

  void feed(const char* end) {
    if (end > zero_) {
      throw DataError("holds a zero byte", at_line(line_),
                      "save the file as UTF-8 text (it may be UTF-16 or no text)");
    }
    if (!in_record_ && !is_blank(position_, end)) {
      in_record_ = true;
      record_line_ = line_;
    }
    const auto size = static_cast<std::size_t>(end - position_);
    record_bytes_ += in_record_ ? size : 0;
    if (record_bytes_ > kMaximumRecordBytes) {
      throw DataError(fmt::format("the record that begins here is longer than {} MiB",
                                  kMaximumRecordBytes >> 20),
                      where(), "look for a quote that is never closed");
    }
    // libcsv lets its cell grow by this much; as much as there is keeps the copying linear.
    csv_set_blk_size(&csv_, std::max<std::size_t>(record_bytes_, 4096));
    if (csv_parse(&csv_, position_, size, on_cell, on_record, this) != size) {
      if (csv_error(&csv_) != CSV_EPARSE) throw std::bad_alloc();
      throw DataError("has a quote inside an unquoted cell or text after a closing quote",
                      at_line(line_), "quote the whole cell and double the quotes inside it");
    }
    position_ = end;
  }

  static void on_cell(void* text, std::size_t size, void* self) {
    static_cast<Parser*>(self)->add_cell(static_cast<const char*>(text), size);
  }
  static void on_record(int /*line_end*/, void* self) {
    static_cast<Parser*>(self)->complete_ = true;
  }

  void add_cell(const char* text, std::size_t size) {
    if (used_ + size + kPadding > text_.size()) text_.resize(2 * (used_ + size + kPadding));
    std::memcpy(text_.data() + used_, text, size);
    used_ += size;
    ends_.push_back(used_);
  }

  /// Turns the ends of the cells into views, now that the text does not move any more.
  void publish() {
    if (width_ == 0) width_ = ends_.size();
    if (ends_.size() != width_) {
      throw DataError(
          fmt::format("has {} cells, but the first record has {}", ends_.size(), width_), where());
    }
    cells_.resize(width_);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < width_; ++i) {
      cells_[i] = {text_.data() + begin, ends_[i] - begin};
      begin = ends_[i];
    }
  }

  InputFile file_;
  csv_parser csv_{};
  std::vector<char> buffer_;                // bytes of the file
  const char* position_ = buffer_.data();   // next byte to feed
  const char* filled_ = buffer_.data();     // end of the bytes read
  const char* line_feed_ = buffer_.data();  // the first line feed at or after position_, or filled_
  const char* zero_ = buffer_.data();       // the first zero byte, or filled_
  bool started_ = false, at_end_ = false;

  std::vector<char> text_;  // the cells of the record, one behind the other
  std::size_t used_ = 0;
  std::vector<std::size_t> ends_;
  std::vector<std::string_view> cells_;
  std::size_t width_ = 0, record_bytes_ = 0;
  bool complete_ = false, in_record_ = false, after_return_ = false;
  std::int64_t line_ = 1, record_line_ = 1;
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
