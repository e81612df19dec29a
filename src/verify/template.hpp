// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace recant::verification {

/// The first thing that does not fit.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void require(bool condition, const std::string& what) {
  if (!condition) throw Mismatch(what);
}

/// A finite number >= 0 in its one form. @throws Mismatch that names it.
[[nodiscard]] double real_number(const std::string& name, const std::string& digits);

/// The values of a file by the name of their member; null has none, a list may have many.
struct Fields {
  std::map<std::string, std::vector<std::string>> values;

  [[nodiscard]] bool has(const std::string& name) const { return values.contains(name); }
  [[nodiscard]] const std::string& text(const std::string& name) const {
    return values.at(name).front();
  }
  [[nodiscard]] double real(const std::string& name) const { return real_number(name, text(name)); }
  /// @throws Mismatch that names it unless it is in the range and in its one form.
  [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t low,
                                     std::int64_t high) const;
};

/// Reads a file by the template of its format, byte for byte:
///
///   %t  a text      %i  a whole number      %r  a text that is a real number
///   %h  lowercase hexadecimal digits in quotes, as many as the two digits that follow say bytes
///   %( x %)  x, or null      %[ x %]  a list of x      %{ x %}  x, or nothing at all
///
/// All else stands for itself.
///
/// A value is kept under the last name before it. @throws Mismatch with the first byte that is off.
[[nodiscard]] Fields match(std::string_view format, std::string_view file);

}  // namespace recant::verification
