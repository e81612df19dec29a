// SPDX-License-Identifier: Apache-2.0
#include "words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>

#include "recant/core/error.hpp"

namespace recant::app {
namespace {

/// Letters to insert, drop or replace (Levenshtein's distance).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

[[noreturn]] void refuse(std::string_view word, const std::vector<std::string_view>& commands) {
  if (word.starts_with('-')) {
    throw UsageError("is no option of recant itself", std::string(word),
                     "those of a command stand behind it; see recant --help");
  }
  std::string hint = "see recant --help";
  const auto nearest = std::min_element(commands.begin(), commands.end(), [&](auto a, auto b) {
    return distance(word, a) < distance(word, b);
  });
  // With half of its letters changed a short word is any other.
  const std::size_t changed = distance(word, *nearest);
  if (changed <= 2 && 2 * changed < std::max(word.size(), nearest->size())) {
    hint = fmt::format("is {} meant? {}", *nearest, hint);
  }
  throw UsageError("is not a command", std::string(word), hint);
}

}  // namespace

std::vector<const char*> read_words(int argc, const char* const* argv,
                                    const std::vector<std::string_view>& commands) {
  std::vector<const char*> words(argv, argv + argc);
  const auto is_json = [](std::string_view word) { return word == "--json"; };
  if (std::all_of(words.begin() + 1, words.end(), is_json)) {
    throw UsageError("a command is required", "command line", "see recant --help");
  }
  const auto is_command = [&](std::string_view word) {
    return std::find(commands.begin(), commands.end(), word) != commands.end();
  };
  if (words[1] == std::string_view("help")) {
    std::erase_if(words, is_json);  // errors are told so, help is not
    if (words.size() > 3) {
      throw UsageError("explains one command at a time", "help", "see recant --help");
    }
    if (words.size() == 3 && !is_command(words[2])) refuse(words[2], commands);
    words.erase(words.begin() + 1);
    words.push_back("--help");
    return words;
  }
  for (const std::string_view own : {"-h", "--help", "--version"}) {
    if (words[1] == own) return words;
  }
  if (!is_command(words[1])) refuse(words[1], commands);
  return words;
}

}  // namespace recant::app
