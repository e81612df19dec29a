// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "recant/linalg/types.hpp"

/// Which texts a flag takes. CLI11 alone would read an empty text as a flag that was not given, or
/// as the number 0, 010 as 8, 0x10 as 16, and 5,,6 as 5,6: what was to protect would be gone
/// unseen, or another row be deleted.
namespace recant::app {

/// Adds a flag of several texts with a comma between two.
CLI::Option* add_list(CLI::App& command, const std::string& flag, std::vector<std::string>& texts,
                      const std::string& help, const std::string& kind = "TEXT");

/// From now on every flag and positional of `command` refuses an empty text and an empty entry
/// between two commas, except --na, where it stands for the empty cell; whole numbers are decimal
/// digits without leading zeros, and no number is hexadecimal. To be called once all are added.
void forbid_loose_texts(CLI::App& command);

/// CLI11 would take the word behind "--flag=" for its value. @throws UsageError
void check_no_empty_value(int argc, const char* const* argv);

/// The row numbers of a flag. Does not repeat what it refuses: it may be an id.
/// @throws UsageError
std::vector<Index> parse_rows(const std::vector<std::string>& texts, const std::string& flag);

/// Whether `text` is a whole number in decimal digits, which then is in `row`; -0 is none.
bool parse_row(const std::string& text, Index& row);

}  // namespace recant::app
