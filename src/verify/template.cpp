// SPDX-License-Identifier: Apache-2.0
#include "template.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace recant::verification {
namespace {

constexpr std::size_t kMostEntries = 1'000'000, kMostTextBytes = 4096;

using Json = nlohmann::json;
using Template = nlohmann::ordered_json;  // keeps the order of members, in which they are written

/// No control character, in a text that is known to be UTF-8.
bool printable(const std::string& text) {
  unsigned char before = 0;
  return std::all_of(text.begin(), text.end(), [&](char next) {
    const auto byte = static_cast<unsigned char>(next);
    const bool control = byte < 0x20 || byte == 0x7F || (before == 0xC2 && byte < 0xA0);
    before = byte;
    return !control;
  });
}

double value_of(const std::string& digits) {
  double number = -1;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

/// A finite number >= 0 in its one form.
bool is_real(const std::string& digits) {
  const double number = value_of(digits);
  char again[40];
  const auto end = std::to_chars(again, std::end(again), number, std::chars_format::scientific);
  return digits == std::string_view(again, end.ptr) && std::isfinite(number) &&
         !std::signbit(number);
}

/// Collects the values of a file and writes it anew.
class Reader {
 public:
  Fields fields;
  std::string written;

  void read(const Template& format, const Json& value, const std::string& name) {
    const auto need = [&](bool good, const std::string& what) {
      require(good, name + ": expected is " + what);
    };
    if (format.is_object()) {
      need(value.is_object(), "an object");
      members(format, value);
    } else if (format.is_array() && format[0].is_null()) {
      if (!value.is_null()) return read(format[1], value, name);
      written += "null";
    } else if (format.is_array()) {
      need(value.is_array() && value.size() <= kMostEntries, "a list of at most 1000000 entries");
      written += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (i > 0) written += ',';
        read(format[0], value[i], name);
      }
      written += ']';
    } else {
      const auto kind = format.get<std::string>();
      const bool whole = kind == "integer";
      need(whole ? value.is_number_integer() : value.is_string(),
           whole ? "a whole number" : "a text");
      const std::string text = whole ? value.dump() : value.get<std::string>();
      need(text.size() <= kMostTextBytes && printable(text), "at most 4096 printable bytes");
      need(kind != "real" || is_real(text), "a finite number >= 0 in its one form");
      need(kind[0] != '=' || (text.find(' ') == std::string::npos &&
                              (kind + ' ').find(' ' + text + ' ') != std::string::npos),
           "one of" + kind.substr(1));
      need(!kind.starts_with("hex ") ||
               (text.size() == 2 * std::stoul(kind.substr(4)) &&
                text.find_first_not_of("0123456789abcdef") == std::string::npos),
           kind.substr(4) + " bytes in lowercase hexadecimal digits");
      fields.values[name].push_back(text);
      written += value.dump();
    }
  }

 private:
  void members(const Template& format, const Json& value) {
    char before = '{';
    for (const auto& [key, inner] : format.items()) {
      const std::string name = key.substr(0, key.find('?'));
      if (!value.contains(name) && name != key) continue;
      require(value.contains(name), name + " is missing");
      written += before + Json(name).dump() + ':';
      read(inner, value[name], name);
      before = ',';
    }
    written += '}';
  }
};

}  // namespace

double Fields::real(const std::string& name) const {
  return has(name) ? value_of(text(name)) : 0;
}

std::int64_t Fields::integer(const std::string& name, std::int64_t low, std::int64_t high) const {
  const std::string& digits = text(name);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  require(
      std::to_string(number) == digits && number >= low && number <= high,
      name + " is not a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return number;
}

Fields match(std::string_view format, std::string_view file) {
  const Json value = Json::parse(file, nullptr, false);
  require(value.is_object(), "this is not a JSON object");
  Reader reader;
  reader.read(Template::parse(format), value, "the file");
  reader.written += '\n';
  const auto off = std::ranges::mismatch(file, reader.written);
  require(off.in1 == file.end() && off.in2 == reader.written.end(),
          "byte " + std::to_string(off.in1 - file.begin()) +
              " is not as the format spells these members");
  return std::move(reader.fields);
}

}  // namespace recant::verification
