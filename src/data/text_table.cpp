// SPDX-License-Identifier: Apache-2.0
#include "text_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>

#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::size_t kShort = 16;                  // bytes that a key holds
constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio

/// The first `count` of 0 to 8 bytes from here, before zeros.
std::uint64_t load_first(const char* from, std::size_t count) noexcept {
  static constexpr std::uint64_t kMasks[] = {0,
                                             0xFF,
                                             0xFFFF,
                                             0xFFFFFF,
                                             0xFFFFFFFF,
                                             0xFFFFFFFFFF,
                                             0xFFFFFFFFFFFF,
                                             0xFFFFFFFFFFFFFF,
                                             ~std::uint64_t{0}};
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, from, sizeof bytes);
  return bytes & kMasks[count];
}

std::size_t place_of(const TextTable::Key& key) noexcept {
  std::uint64_t words = (key.first ^ key.size) * kOdd;
  words = (std::rotl(words, 32) ^ key.second) * kOdd;
  words = (words ^ (words >> 32)) * kOdd;  // or the last bytes of a text reach high bits alone
  return words ^ (words >> 32);
}

}  // namespace

TextTable::Key TextTable::key_of(std::string_view text) noexcept {
  const std::size_t size = text.size();
  if (size > kShort) return {std::hash<std::string_view>{}(text), 0, size};
  return {load_first(text.data(), std::min<std::size_t>(size, 8)),
          load_first(text.data() + 8, std::max<std::size_t>(size, 8) - 8), size};
}

TextTable::TextTable(const std::vector<std::string>& texts) : TextTable() {
  for (const std::string& text : texts) {
    const std::string padded = text + std::string(kShort, '\0');
    add({padded.data(), text.size()});
  }
  std::fill(counts_.begin(), counts_.end(), 0);
}

bool TextTable::holds(const Slot& slot, const Key& key, std::string_view text) const noexcept {
  return slot.key == key &&
         (key.size <= kShort || texts_[static_cast<std::size_t>(slot.code)] == text);
}

const TextTable::Slot& TextTable::slot(const Key& key, std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = place_of(key) & mask;; i = (i + 1) & mask) {
    const Slot& at = slots_[i];
    if (at.code < 0 || holds(at, key, text)) return at;
  }
}

std::optional<std::int32_t> TextTable::find(std::string_view text) const {
  const Slot& found = slot(key_of(text), text);
  if (found.code < 0) return std::nullopt;
  return found.code;
}

std::int32_t TextTable::add(std::string_view text) {
  const Key key = key_of(text);
  const Slot& found = slot(key, text);
  if (found.code >= 0) {
    ++counts_[static_cast<std::size_t>(found.code)];
    return found.code;
  }
  if (texts_.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw DataError("a column has more than 2^31 - 1 distinct texts");
  }
  const auto code = static_cast<std::int32_t>(texts_.size());
  slots_[static_cast<std::size_t>(&found - slots_.data())] = {key, code};
  texts_.emplace_back(text);
  counts_.push_back(1);
  if (2 * texts_.size() > slots_.size()) grow();
  return code;
}

void TextTable::grow() {
  std::vector<Slot> old(2 * slots_.size());
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& entry : old) {
    if (entry.code < 0) continue;
    std::size_t i = place_of(entry.key) & mask;
    while (slots_[i].code >= 0) i = (i + 1) & mask;
    slots_[i] = entry;
  }
}

bool by_bytes(const std::string& a, const std::string& b) {
  return a < b;
}

SortedTexts sort_texts(const std::vector<std::string>& texts, std::size_t fixed, TextOrder less) {
  std::vector<std::int32_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  const auto text = [&](std::int32_t code) -> const std::string& {
    return texts[static_cast<std::size_t>(code)];
  };
  std::sort(order.begin() + static_cast<std::ptrdiff_t>(fixed), order.end(),
            [&](std::int32_t a, std::int32_t b) { return less(text(a), text(b)); });
  SortedTexts sorted{{}, std::vector<std::int32_t>(texts.size())};
  sorted.texts.reserve(texts.size());
  for (std::size_t place = 0; place < order.size(); ++place) {
    sorted.rank[static_cast<std::size_t>(order[place])] = static_cast<std::int32_t>(place);
    sorted.texts.push_back(text(order[place]));
  }
  return sorted;
}

}  // namespace recant
