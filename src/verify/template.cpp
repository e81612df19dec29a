// SPDX-License-Identifier: Apache-2.0
#include "template.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace recant::verification {
namespace {

constexpr std::size_t kMostEntries = 1'000'000, kMostTextBytes = 4096;

/// Decodes and asks what the code points are: none may be a control character or a surrogate.
bool printable_utf8(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    const auto lead = static_cast<unsigned char>(s[i++]);
    const int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    constexpr std::uint32_t kMarks[] = {0, 0xC0, 0xE0, 0xF0},
                            kLeast[] = {0x20, 0xA0, 0x800, 0x10000};
    if (lead < kMarks[more]) return false;
    std::uint32_t code = lead - kMarks[more];
    for (int k = 0; k < more; ++k) {
      if (i == s.size() || (s[i] & '\xC0') != '\x80') return false;
      code = 64 * code + static_cast<std::uint32_t>(s[i++] & '\x3F');
    }
    if (code < kLeast[more] || code > 0x10FFFF || code == 0x7F || code >> 11 == 0x1B) return false;
  }
  return true;
}

class Matcher {
 public:
  explicit Matcher(std::string_view file) : file_(file) {}

  /// All of `format`, which ends in this file or in this entry of a list.
  void match(std::string_view format) {
    while (!format.empty()) {
      if (format[0] != '%') {
        literal(format);
        continue;
      }
      const char kind = format[1];
      format.remove_prefix(2);
      if (kind == '(' || kind == '[' || kind == '{') {
        const char* end = kind == '(' ? "%)" : kind == '[' ? "%]" : "%}";
        const std::string_view inner = format.substr(0, format.find(end));
        format.remove_prefix(inner.size() + 2);
        if (kind == '[') list(inner);
        if (kind == '(' && !take("null")) match(inner);
        const std::string_view first = inner.substr(0, inner.find('%'));
        if (kind == '{' && file_.substr(at_).starts_with(first)) match(inner);
      } else if (kind == 'h') {
        const std::size_t bytes = (format[0] - '0') * 10U + (format[1] - '0') * 1U;
        format.remove_prefix(2);
        const std::string value = text();
        need(value.size() == 2 * bytes &&
                 value.find_first_not_of("0123456789abcdef") == std::string::npos,
             std::to_string(2 * bytes) + " lowercase hexadecimal digits");
        keep(value);
      } else {
        keep(kind == 'i' ? digits() : text());
      }
    }
  }

  [[nodiscard]] Fields finish() {
    need(at_ == file_.size(), "the end of the file");
    return std::move(fields_);
  }

 private:
  /// Up to the next %, remembering the name that ends it.
  void literal(std::string_view& format) {
    const std::string_view all = format.substr(0, format.find('%'));
    format.remove_prefix(all.size());
    need(take(all), std::string(all));
    if (!all.ends_with("\":")) return;
    const std::size_t quote = all.rfind('"', all.size() - 3) + 1;
    name_ = all.substr(quote, all.size() - 2 - quote);
  }
  void list(std::string_view format) {
    need(take("["), "a list");
    if (take("]")) return;
    const std::string name = name_;
    std::size_t entries = 0;
    do {
      need(++entries <= kMostEntries, "a list of at most 1000000 entries");
      name_ = name;
      match(format);
    } while (take(","));
    need(take("]"), "the end of the list");
  }
  std::string text() {
    need(take("\""), "a text");
    std::string value;
    while (!take("\"")) {
      if (take("\\"))
        need(at_ < file_.size() && (file_[at_] == '"' || file_[at_] == '\\'), "\" or \\");
      need(at_ < file_.size(), "the end of the text");
      value += file_[at_++];
    }
    need(value.size() <= kMostTextBytes && printable_utf8(value), "printable UTF-8 before this");
    return value;
  }
  std::string digits() {
    const std::size_t begin = at_;
    at_ = std::min(file_.find_first_of(",}", at_), file_.size());
    return std::string(file_.substr(begin, at_ - begin));
  }
  bool take(std::string_view token) {
    if (!file_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void need(bool good, const std::string& what) const {
    if (!good)
      throw Mismatch("byte " + std::to_string(at_) + (name_.empty() ? "" : ", " + name_) +
                     ": expected is " + what);
  }
  void keep(std::string value) { fields_.values[name_].push_back(std::move(value)); }

  std::string_view file_;
  std::size_t at_ = 0;
  std::string name_;
  Fields fields_;
};

}  // namespace

std::int64_t Fields::integer(const std::string& name, std::int64_t low, std::int64_t high) const {
  const std::string& digits = text(name);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  require(std::to_string(number) == digits && number >= low && number <= high,
          name + " is not a whole number from " + std::to_string(low) + " to " +
              std::to_string(high) + " in its one form");
  return number;
}

double real_number(const std::string& name, const std::string& digits) {
  double number = -1;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  char again[40];
  const auto written =
      std::to_chars(again, again + sizeof again, number, std::chars_format::scientific);
  require(digits == std::string_view(again, static_cast<std::size_t>(written.ptr - again)) &&
              std::isfinite(number) && !std::signbit(number),
          name + " is not a finite number >= 0 in its one form");
  return number;
}

Fields match(std::string_view format, std::string_view file) {
  Matcher matcher(file);
  matcher.match(format);
  return matcher.finish();
}

}  // namespace recant::verification
