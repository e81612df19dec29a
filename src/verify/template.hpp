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

/// The values of a file by the name of their member; null has none, a list may have many.
struct Fields {
  std::map<std::string, std::vector<std::string>> values;

  [[nodiscard]] bool has(const std::string& name) const { return values.contains(name); }
  [[nodiscard]] const std::string& text(const std::string& name) const {
    return values.at(name).front();
  }
  /// Of a member that the template has as a real number; 0 where the file has none.
  [[nodiscard]] double real(const std::string& name) const;
  /// @throws Mismatch that names it unless it is in the range.
  [[nodiscard]] std::int64_t integer(const std::string& name, std::int64_t low,
                                     std::int64_t high) const;
};

/// Reads a file by the template of its format, which is JSON with a word for each value:
///
///   "text"  "integer"  "real"   "hex N": N bytes in lowercase hexadecimal digits
///   [null, x]  x, or null       [x]  a list of x       {...}  an object of these members
///   "name?": x  a member that may be left out          "= x y"  one of the texts x and y
///
/// The file has to be what its values give when they are written anew in this order, byte for byte.
/// @throws Mismatch that names the member or the first byte that is off.
[[nodiscard]] Fields match(std::string_view format, std::string_view file);

}  // namespace recant::verification
