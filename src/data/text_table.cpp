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

std::uint64_t load(const char* from) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Categories are short: two overlapping words and the length hold all of up to 16 bytes.
std::uint64_t hash_of(std::string_view text) noexcept {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio
  if (text.size() > 16) return std::hash<std::string_view>{}(text);
  std::uint64_t words = text.size() * kOdd;
  if (text.size() >= 8) {
    words ^= load(text.data()) * kOdd;
    words = std::rotl(words, 32) ^ load(text.data() + text.size() - 8);
  } else if (!text.empty()) {
    words ^= load(text.data()) << (64 - 8 * text.size());
  }
  words *= kOdd;
  return words ^ (words >> 32);
}

bool same(const std::string& a, std::string_view b) noexcept {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), b.size()) == 0;
}

}  // namespace

TextTable::TextTable(const std::vector<std::string>& texts) : TextTable() {
  for (const std::string& text : texts) {
    std::string padded = text + std::string(8, '\0');
    add({padded.data(), text.size()});
  }
  std::fill(counts_.begin(), counts_.end(), 0);
}

const TextTable::Slot& TextTable::slot(std::uint64_t hash, std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& at = slots_[i];
    if (at.code < 0 || (at.hash == hash && same(texts_[static_cast<std::size_t>(at.code)], text))) {
      return at;
    }
  }
}

std::optional<std::int32_t> TextTable::find(std::string_view text) const {
  const Slot& found = slot(hash_of(text), text);
  if (found.code < 0) return std::nullopt;
  return found.code;
}

std::int32_t TextTable::add(std::string_view text) {
  const std::uint64_t hash = hash_of(text);
  const Slot& found = slot(hash, text);
  if (found.code >= 0) {
    ++counts_[static_cast<std::size_t>(found.code)];
    return found.code;
  }
  if (texts_.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw DataError("a column has more than 2^31 - 1 distinct texts");
  }
  const auto code = static_cast<std::int32_t>(texts_.size());
  slots_[static_cast<std::size_t>(&found - slots_.data())] = {hash, code};
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
    std::size_t i = entry.hash & mask;
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
