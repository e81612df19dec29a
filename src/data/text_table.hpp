// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recant/core/blocks.hpp"

namespace recant {

/// Distinct texts, each with a code: 0, 1, ... in order of appearance.
/// Texts come from CsvReader, which lets the 16 bytes behind a cell be read.
class TextTable {
 public:
  /// Of a text of up to 16 bytes, as categories mostly are, everything: a look at the text itself
  /// is spared. Of longer ones a hash.
  struct Key {
    std::uint64_t first = 0, second = 0, size = 0;
    [[nodiscard]] friend bool operator==(const Key&, const Key&) = default;
  };

  TextTable() : slots_(16) {}
  explicit TextTable(const std::vector<std::string>& texts);

  /// The code of a text, new if it has none yet; counts it.
  std::int32_t add(std::string_view text);
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view text) const;

  [[nodiscard]] const std::vector<std::string>& texts() const noexcept { return texts_; }
  [[nodiscard]] const std::vector<Index>& counts() const noexcept { return counts_; }
  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }

 private:
  static Key key_of(std::string_view text) noexcept;
  struct Slot {
    Key key;
    std::int32_t code = -1;
  };
  [[nodiscard]] bool holds(const Slot& slot, const Key& key, std::string_view text) const noexcept;
  [[nodiscard]] const Slot& slot(const Key& key, std::string_view text) const;
  void grow();

  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  std::vector<std::string> texts_;
  std::vector<Index> counts_;
};

/// Texts in order, and where each of them went.
struct SortedTexts {
  std::vector<std::string> texts;
  std::vector<std::int32_t> rank;  ///< by old code
};
using TextOrder = bool (*)(const std::string&, const std::string&);
[[nodiscard]] bool by_bytes(const std::string& a, const std::string& b);
/// Sorts by `less`, but leaves the first `fixed` texts where they are.
[[nodiscard]] SortedTexts sort_texts(const std::vector<std::string>& texts, std::size_t fixed = 0,
                                     TextOrder less = by_bytes);

}  // namespace recant
