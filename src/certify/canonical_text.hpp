// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Canonical JSON, docs/formats/certificate.md: every value has one spelling, so that whoever reads
/// and writes a file again has the same bytes. Writer and reader have the same members, and a file
/// is one function of either: its list of members is written once.
namespace recant {

constexpr std::size_t kMostEntries = 1'000'000;  ///< of a list
constexpr std::size_t kMostTextBytes = 4096;

/// Printable UTF-8 of at most kMostTextBytes: no control characters.
[[nodiscard]] bool is_canonical_text(std::string_view text);
/// `count` lowercase hexadecimal digits.
[[nodiscard]] bool is_hexadecimal(std::string_view text, std::size_t count);
[[nodiscard]] std::string hexadecimal(std::span<const std::uint8_t> bytes);

/// @throws UsageError, naming the member, for a value that the format has no spelling for.
class CanonicalWriter {
 public:
  void begin_object(std::string_view name);
  void end_object() { out_ += '}'; }
  void begin_list(std::string_view name);
  /// True while there is one more entry; `index` counts them.
  bool next_entry(std::size_t index, std::size_t size);
  /// An object inside a list.
  void begin_entry() { out_ += '{'; }
  /// Writes null unless `present`; and says whether it is.
  bool present(std::string_view name, bool present);
  /// A member that is left out where there is none: writes nothing, says whether it is there.
  static bool follows(std::string_view, bool present) { return present; }
  void constant(std::string_view name, std::string_view value) { text(name, value); }
  void text(std::string_view name, std::string_view value);
  void hex_text(std::string_view name, const std::string& value, std::size_t digits);
  void bytes(std::string_view name, std::span<const std::uint8_t> value);
  void integer(std::string_view name, std::int64_t value, std::int64_t low, std::int64_t high);
  void real(std::string_view name, double value);  ///< finite, >= 0
  void day(std::string_view name, std::chrono::sys_days value);
  void choice(std::string_view name, std::size_t index, std::span<const std::string_view> names);
  void text_entry(std::string_view name, std::string_view value);
  void bytes_entry(std::span<const std::uint8_t> value);

  /// The whole file: the object and a line feed.
  [[nodiscard]] std::string finish() const { return out_ + "}\n"; }

 private:
  void key(std::string_view name);
  void quoted(std::string_view name, std::string_view value);
  std::string out_ = "{";
};

/// @throws DamagedError, naming place and member, for anything that CanonicalWriter does not write.
class CanonicalReader {
 public:
  CanonicalReader(std::string_view bytes, std::string_view what);
  void begin_object(std::string_view name);
  void end_object() { expect("}", "the end of an object"); }
  void begin_list(std::string_view name);
  bool next_entry(std::size_t index);
  void begin_entry();
  bool present(std::string_view name);
  bool follows(std::string_view name) const;
  void constant(std::string_view name, std::string_view value);
  void text(std::string_view name, std::string& value);
  void hex_text(std::string_view name, std::string& value, std::size_t digits);
  void bytes(std::string_view name, std::span<std::uint8_t> value);
  void integer(std::string_view name, std::int64_t& value, std::int64_t low, std::int64_t high);
  void real(std::string_view name, double& value);
  void day(std::string_view name, std::chrono::sys_days& value);
  [[nodiscard]] std::size_t choice(std::string_view name, std::span<const std::string_view> names);
  [[nodiscard]] std::string text_entry(std::string_view name);
  void bytes_entry(std::span<std::uint8_t> value);
  void finish();

  /// Where the member that was read last begins, with the comma before it.
  [[nodiscard]] std::size_t member_begin() const noexcept { return member_begin_; }
  [[noreturn]] void fail(std::string_view why) const;

 private:
  void key(std::string_view name);
  void expect(std::string_view literal, std::string_view what);
  [[nodiscard]] std::string quoted();
  [[nodiscard]] std::string_view rest() const { return bytes_.substr(at_); }

  std::string_view bytes_;
  std::string what_, member_;
  std::size_t at_ = 0, member_begin_ = 0;
};

}  // namespace recant
