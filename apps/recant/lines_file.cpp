// SPDX-License-Identifier: Apache-2.0
#include "lines_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string_view>

#include "recant/core/error.hpp"

namespace recant::app {

std::vector<FileLine> read_lines(const std::string& path) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : path;
  std::ifstream file;
  if (!standard) {
    if (!std::filesystem::exists(path)) throw NotFoundError("does not exist", name);
    if (std::filesystem::is_directory(path)) {
      throw DataError("is a folder", name, "name a file in it");
    }
    file.open(path, std::ios::binary);
    if (!file) throw DataError("cannot be read", name);
  }
  std::istream& in = standard ? std::cin : file;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::vector<FileLine> lines;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    if (++number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back({line, fmt::format("{}, line {}", name, number)});
  }
  if (in.bad()) throw DataError("cannot be read", name);
  return lines;
}

}  // namespace recant::app
