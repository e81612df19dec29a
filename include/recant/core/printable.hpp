// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace recant {

/// What `text` looks like on one line of a terminal that nothing in it can steer: names of columns,
/// groups and files come from anyone. Control characters become \n, \t, \r, \x1b, \u0085, and bytes
/// that are no UTF-8 \xff; all else stays as it is. Lines of a text that is several: see `but`.
/// @param but a control character that stays, for a text of several lines '\n'
[[nodiscard]] std::string printable(std::string_view text, char but = '\0');

}  // namespace recant
