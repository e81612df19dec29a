// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace recant::app {

/// What the command line asks for: "help" and "help COMMAND" are --help and COMMAND --help. A first
/// word that is neither a command nor an option of recant itself is refused by its name, with the
/// command that is likely meant. @throws UsageError
[[nodiscard]] std::vector<const char*> read_words(int argc, const char* const* argv,
                                                  const std::vector<std::string_view>& commands);

}  // namespace recant::app
