// SPDX-License-Identifier: Apache-2.0
#include "row_values.hpp"

#include <fmt/format.h>

#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"

namespace recant::app {
namespace {

/// Quoted where RFC 4180 asks for it.
std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

void check_row_values_output(const std::filesystem::path& path) {
  if (path.extension() != ".npy" && path.extension() != ".csv") {
    throw UsageError("must end in .npy or .csv", path.string());
  }
  if (std::filesystem::exists(path) && !std::filesystem::is_regular_file(path)) {
    throw UsageError("exists and is not a file, so it is not replaced", path.string(),
                     "choose another name");
  }
  check_writable(path);
}

void write_row_values(const std::filesystem::path& path, const std::string& title,
                      const Vector& values, const RowIds& ids, const Vector& standard_errors) {
  if (path.extension() == ".npy") {
    write_npy(path, values);
    return;
  }
  write_file(path, [&](std::ostream& out) {
    const bool errors = standard_errors.size() > 0;
    out << fmt::format("row,id,{}{}\n", title, errors ? ",standard_error" : "");
    for (Index i = 0; i < values.size(); ++i) {
      out << fmt::format("{},{},{:.17g}", i, cell(ids.text(i)), values(i));
      if (errors) out << fmt::format(",{:.17g}", standard_errors(i));
      out << '\n';
    }
  });
}

}  // namespace recant::app
