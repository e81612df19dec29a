// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace recant {

/// Parses JSON and gives it to read(json); whatever is wrong with it becomes an ErrorType that
/// says what, without the text itself.
template <class ErrorType, class Read>
auto read_json(std::string_view text, std::string_view where, Read read) {
  try {
    return read(nlohmann::json::parse(text));
  } catch (const nlohmann::json::parse_error& error) {
    throw ErrorType(fmt::format("is not JSON (byte {})", error.byte), std::string(where));
  } catch (const nlohmann::json::out_of_range& error) {
    // "key 'name' not found", behind the library's own prefix in brackets
    const std::string_view what = error.what();
    throw ErrorType(fmt::format("lacks a member: {}", what.substr(what.find("] ") + 2)),
                    std::string(where));
  } catch (const nlohmann::json::exception&) {
    throw ErrorType("has a member of the wrong type", std::string(where));
  }
}

}  // namespace recant
