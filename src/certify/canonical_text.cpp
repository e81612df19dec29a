// SPDX-License-Identifier: Apache-2.0
#include "canonical_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "recant/core/error.hpp"

namespace recant {
namespace {

/// The bytes of the UTF-8 character that `text` begins with; 0 for none that is allowed.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7F ? 1 : 0;
  const std::size_t size = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < size) return 0;
  std::uint32_t code = byte(0) & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code < 0xE000;
  // U+0080..U+009F are control characters too.
  return code >= kLeast[size] && code >= 0xA0 && code <= 0x10FFFF && !surrogate ? size : 0;
}

/// One spelling: d[.ddd]e+-dd, the fewest digits that come back to the same double.
std::string spelling(double value) {
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  return {buffer.data(), end.ptr};
}

bool is_real(double value) {
  return std::isfinite(value) && value >= 0 && !std::signbit(value);
}

std::string spelling(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

bool is_day(std::chrono::sys_days day) {
  using namespace std::chrono;
  return day >= sys_days(year{1970} / 1 / 1) && day <= sys_days(year{9999} / 12 / 31);
}

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw UsageError(fmt::format("{} {}", name, why), "certificate");
}

}  // namespace

bool is_canonical_text(std::string_view text) {
  if (text.size() > kMostTextBytes) return false;
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

bool is_hexadecimal(std::string_view text, std::size_t count) {
  return text.size() == count &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

void CanonicalWriter::key(std::string_view name) {
  if (out_.back() != '{') out_ += ',';
  fmt::format_to(std::back_inserter(out_), "\"{}\":", name);
}

void CanonicalWriter::quoted(std::string_view name, std::string_view value) {
  if (!is_canonical_text(value)) {
    refuse(name, fmt::format("must be printable UTF-8 of at most {} bytes", kMostTextBytes));
  }
  out_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out_ += '\\';
    out_ += c;
  }
  out_ += '"';
}

void CanonicalWriter::begin_object(std::string_view name) {
  key(name);
  out_ += '{';
}

void CanonicalWriter::begin_list(std::string_view name) {
  key(name);
  out_ += '[';
}

bool CanonicalWriter::next_entry(std::size_t index, std::size_t size) {
  if (size > kMostEntries) refuse("a list", fmt::format("has more than {} entries", kMostEntries));
  if (index == size) {
    out_ += ']';
    return false;
  }
  if (index > 0) out_ += ',';
  return true;
}

bool CanonicalWriter::present(std::string_view name, bool present) {
  if (!present) {
    key(name);
    out_ += "null";
  }
  return present;
}

void CanonicalWriter::text(std::string_view name, std::string_view value) {
  key(name);
  quoted(name, value);
}

void CanonicalWriter::hex_text(std::string_view name, const std::string& value,
                               std::size_t digits) {
  if (!is_hexadecimal(value, digits)) {
    refuse(name, fmt::format("must be {} lowercase hexadecimal digits", digits));
  }
  text(name, value);
}

void CanonicalWriter::bytes(std::string_view name, std::span<const std::uint8_t> value) {
  text(name, hexadecimal(value));
}

void CanonicalWriter::integer(std::string_view name, std::int64_t value, std::int64_t low,
                              std::int64_t high) {
  if (value < low || value > high) {
    refuse(name, fmt::format("must be from {} to {}, but is {}", low, high, value));
  }
  key(name);
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void CanonicalWriter::real(std::string_view name, double value) {
  if (!is_real(value)) refuse(name, fmt::format("must be finite and >= 0, but is {}", value));
  text(name, spelling(value));
}

void CanonicalWriter::day(std::string_view name, std::chrono::sys_days value) {
  if (!is_day(value)) refuse(name, "must be a day of the years 1970 to 9999");
  text(name, spelling(value));
}

void CanonicalWriter::choice(std::string_view name, std::size_t index,
                             std::span<const std::string_view> names) {
  text(name, names[index]);
}

void CanonicalWriter::text_entry(std::string_view name, std::string_view value) {
  quoted(name, value);
}

void CanonicalWriter::bytes_entry(std::span<const std::uint8_t> value) {
  quoted("bytes", hexadecimal(value));
}

CanonicalReader::CanonicalReader(std::string_view bytes, std::string_view what)
    : bytes_(bytes), what_(what) {
  expect("{", "an object");
}

void CanonicalReader::fail(std::string_view why) const {
  throw DamagedError(fmt::format("byte {}{}{}: {}", at_, member_.empty() ? "" : ", ", member_, why),
                     what_);
}

void CanonicalReader::expect(std::string_view literal, std::string_view what) {
  if (!rest().starts_with(literal)) fail(fmt::format("{} is expected", what));
  at_ += literal.size();
}

void CanonicalReader::key(std::string_view name) {
  member_begin_ = at_;
  const bool first = bytes_[at_ - 1] == '{';
  const std::string literal = fmt::format("{}\"{}\":", first ? "" : ",", name);
  expect(literal, fmt::format("the member {}", name));
  member_ = name;
}

std::string CanonicalReader::quoted() {
  expect("\"", "a text");
  std::string value;
  while (at_ < bytes_.size() && bytes_[at_] != '"') {
    if (bytes_[at_] == '\\') {
      ++at_;
      if (!rest().starts_with('"') && !rest().starts_with('\\')) fail("only \\\" and \\\\ exist");
    }
    if (at_ < bytes_.size()) value += bytes_[at_++];
    if (value.size() > kMostTextBytes) fail("the text is too long");
  }
  expect("\"", "the end of a text");
  if (!is_canonical_text(value)) fail("the text is not printable UTF-8");
  return value;
}

void CanonicalReader::begin_object(std::string_view name) {
  key(name);
  expect("{", "an object");
}

void CanonicalReader::begin_entry() {
  expect("{", "an object");
}

void CanonicalReader::begin_list(std::string_view name) {
  key(name);
  expect("[", "a list");
}

bool CanonicalReader::next_entry(std::size_t index) {
  if (rest().starts_with(']')) {
    ++at_;
    return false;
  }
  if (index >= kMostEntries) fail("the list is too long");
  if (index > 0) expect(",", "a comma or the end of the list");
  return true;
}

bool CanonicalReader::present(std::string_view name) {
  const std::size_t before = at_;
  key(name);
  if (rest().starts_with("null")) {
    at_ += 4;
    return false;
  }
  at_ = before;
  return true;
}

bool CanonicalReader::follows(std::string_view name) const {
  return rest().starts_with(fmt::format(",\"{}\":", name));
}

void CanonicalReader::constant(std::string_view name, std::string_view value) {
  std::string found;
  text(name, found);
  if (found != value) fail(fmt::format("must be {}", value));
}

void CanonicalReader::text(std::string_view name, std::string& value) {
  key(name);
  value = quoted();
}

void CanonicalReader::hex_text(std::string_view name, std::string& value, std::size_t digits) {
  text(name, value);
  if (!is_hexadecimal(value, digits)) {
    fail(fmt::format("must be {} lowercase hexadecimal digits", digits));
  }
}

void CanonicalReader::bytes(std::string_view name, std::span<std::uint8_t> value) {
  key(name);
  bytes_entry(value);
}

void CanonicalReader::integer(std::string_view name, std::int64_t& value, std::int64_t low,
                              std::int64_t high) {
  key(name);
  const auto [end, code] =
      std::from_chars(bytes_.data() + at_, bytes_.data() + bytes_.size(), value);
  const auto size = static_cast<std::size_t>(end - (bytes_.data() + at_));
  if (code != std::errc() || rest().substr(0, size) != fmt::format("{}", value)) {
    fail("a whole number in its shortest form is expected");
  }
  if (value < low || value > high) fail(fmt::format("must be from {} to {}", low, high));
  at_ += size;
}

void CanonicalReader::real(std::string_view name, double& value) {
  key(name);
  const std::string found = quoted();
  const char* last = found.data() + found.size();
  const auto [end, code] = std::from_chars(found.data(), last, value);
  if (code != std::errc() || end != last || !is_real(value) || spelling(value) != found) {
    fail("a finite number >= 0 in its canonical form is expected");
  }
}

void CanonicalReader::day(std::string_view name, std::chrono::sys_days& value) {
  key(name);
  const std::string found = quoted();
  int year = 0;
  unsigned month = 0, day = 0;
  const auto part = [&](std::size_t begin, std::size_t size, auto& number) {
    if (found.size() == 10)
      std::from_chars(found.data() + begin, found.data() + begin + size, number);
  };
  part(0, 4, year);
  part(5, 2, month);
  part(8, 2, day);
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{day}};
  if (date.ok()) value = date;
  if (!date.ok() || !is_day(value) || spelling(value) != found) {
    fail("a day as YYYY-MM-DD is expected");
  }
}

std::size_t CanonicalReader::choice(std::string_view name,
                                    std::span<const std::string_view> names) {
  key(name);
  const std::string found = quoted();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == found) return i;
  }
  fail(fmt::format("must be one of {}", fmt::join(names, ", ")));
}

std::string CanonicalReader::text_entry(std::string_view) {
  return quoted();
}

void CanonicalReader::bytes_entry(std::span<std::uint8_t> value) {
  const std::string found = quoted();
  if (!is_hexadecimal(found, 2 * value.size())) {
    fail(fmt::format("must be {} lowercase hexadecimal digits", 2 * value.size()));
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::from_chars(found.data() + 2 * i, found.data() + 2 * i + 2, value[i], 16);
  }
}

void CanonicalReader::finish() {
  expect("}", "the end of the object");
  if (rest() != "\n") fail("a line feed and then the end of the file are expected");
}

}  // namespace recant
