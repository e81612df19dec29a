// SPDX-License-Identifier: Apache-2.0
#include "flag_texts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "recant/core/error.hpp"

namespace recant::app {
namespace {

constexpr std::string_view kBlanks = " \t\n\v\f\r";

/// Where an empty text says something: that cells are missing which are empty.
bool may_be_empty(std::string_view flag) {
  return flag == "--na";
}

/// Those of a list: also the empty one behind the last comma.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (std::size_t comma = 0; comma != std::string::npos; start = comma + 1) {
    comma = text.find(',', start);
    parts.push_back(text.substr(start, comma - start));
  }
  return parts;
}

/// Digits after at most a minus; neither -0 nor 010, which many a program takes for 8.
bool is_whole(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  return digits && (text[0] != '0' || (text.size() == 1 && !negative));
}

bool is_decimal(std::string_view text) {
  return text.find_first_of("xX") == std::string_view::npos &&
         kBlanks.find(text.front()) == std::string_view::npos;
}

}  // namespace

CLI::Option* add_list(CLI::App& command, const std::string& flag, std::vector<std::string>& texts,
                      const std::string& help, const std::string& kind) {
  const auto take = [flag, &texts](const std::vector<std::string>& given) {
    texts.clear();
    for (const std::string& text : given) {
      for (std::string& part : split(text)) {
        if (part.empty() && !may_be_empty(flag)) {
          throw CLI::ValidationError(flag, "has an empty entry");
        }
        texts.push_back(std::move(part));
      }
    }
  };
  return command.add_option_function<std::vector<std::string>>(flag, take, help)
      ->option_text(fmt::format("{0}[,{0}]..", kind))
      ->allow_extra_args(false);
}

void forbid_loose_texts(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_items_expected_max() == 0) continue;  // takes no text
    const std::string flag = option->get_name(), type = option->get_type_name();
    const bool whole = type.starts_with("INT") || type.starts_with("UINT");
    const bool number = type.starts_with("FLOAT");
    // First of all: the others, and the conversion, see what passed.
    option->transform(CLI::Validator(
        [=](std::string& text) -> std::string {
          if (text.empty()) return may_be_empty(flag) ? "" : "must not be empty";
          if (whole && !is_whole(text)) {
            return "must be a whole number in decimal digits, without leading zeros";
          }
          return number && !is_decimal(text) ? "must be a decimal number" : "";
        },
        ""));
  }
}

void check_no_empty_value(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return;
    const std::size_t equals = word.find('=');
    const bool short_flag = word.size() == 3 && word[0] == '-';
    if (!(word.starts_with("--") || short_flag) || equals != word.size() - 1) continue;
    const std::string flag(word.substr(0, equals));
    if (may_be_empty(flag)) {
      throw UsageError("must not be empty behind =", flag, fmt::format("write {} ''", flag));
    }
    throw UsageError("must not be empty", flag);
  }
}

bool parse_row(const std::string& text, Index& row) {
  const char* const end = text.data() + text.size();
  const auto [stopped, code] = std::from_chars(text.data(), end, row);
  return code == std::errc() && stopped == end && !(row == 0 && text.starts_with('-'));
}

std::vector<Index> parse_rows(const std::vector<std::string>& texts, const std::string& flag) {
  std::vector<Index> rows(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (parse_row(texts[i], rows[i])) continue;
    throw UsageError(fmt::format("entry {} is no row number in decimal digits", i + 1), flag,
                     "rows count from 0");
  }
  return rows;
}

}  // namespace recant::app
