// SPDX-License-Identifier: Apache-2.0
#include "recant/core/printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "recant/core/utf8.hpp"

namespace recant {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

/// Bytes of the character that begins there; 0 if none does.
std::size_t length_at(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  return is_utf8(text.substr(at, length)) ? std::min(length, text.size() - at) : 0;
}

std::string escaped(unsigned control) {
  switch (control) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      return fmt::format("\\x{:02x}", control);
  }
}

}  // namespace

std::string printable(std::string_view text, char but) {
  std::string line;
  line.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const unsigned lead = byte_at(text, at);
    const std::size_t length = length_at(text, at);
    const bool control = lead < 0x20 || lead == 0x7F;
    const bool kept = but != '\0' && text[at] == but;
    if (length == 0 || (control && !kept)) {
      line += escaped(lead);
    } else if (length == 2 && lead == 0xC2 && byte_at(text, at + 1) < 0xA0) {
      line += fmt::format("\\u{:04x}", byte_at(text, at + 1));  // U+0080 to U+009F
    } else {
      line += text.substr(at, length);
    }
    at += std::max<std::size_t>(1, length);
  }
  return line;
}

}  // namespace recant
