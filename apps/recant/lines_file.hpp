// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace recant::app {

/// A line of a file, and where it stands: "FILE, line N".
struct FileLine {
  std::string text, where;
};

/// The lines of a file that are not empty; - is standard input. A byte order mark and the ends that
/// Windows writes are no part of them. @throws NotFoundError, DataError
[[nodiscard]] std::vector<FileLine> read_lines(const std::string& path);

}  // namespace recant::app
