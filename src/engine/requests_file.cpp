// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/requests_file.hpp"

#include <charconv>
#include <string>
#include <system_error>
#include <unordered_map>

#include "recant/core/error.hpp"
#include "recant/data/csv.hpp"

namespace recant {

std::vector<ForgetRequest> read_requests(const std::filesystem::path& file,
                                         const ForgetRequest& settings) {
  CsvReader csv(file);
  const auto malformed = [&](const char* what) {
    return DataError(what, csv.where(), "the header is key,row or key,id");
  };
  if (!csv.next() || csv.cells().size() != 2 || csv.cells()[0] != "key" ||
      (csv.cells()[1] != "row" && csv.cells()[1] != "id")) {
    throw malformed("is not a file of requests");
  }
  const bool by_id = csv.cells()[1] == "id";
  constexpr Index kNoRow = -1;
  std::vector<ForgetRequest> requests;
  std::unordered_map<std::string, std::size_t> place;
  while (csv.next()) {
    const std::string key(csv.cells()[0]), row(csv.cells()[1]);
    if (key.empty()) throw malformed("has no key");
    const auto [at, first] = place.emplace(key, requests.size());
    if (first) requests.push_back(settings);
    ForgetRequest& request = requests[at->second];
    request.key = key;
    if (by_id) {
      request.ids.push_back(row);
    } else {
      const char* const end = row.data() + row.size();
      Index number = kNoRow;
      const auto [stopped, code] = std::from_chars(row.data(), end, number);
      const bool minus_zero = number == 0 && row.starts_with('-');
      const bool whole = code == std::errc() && stopped == end && !minus_zero;
      request.rows.push_back(whole ? number : kNoRow);
    }
  }
  if (requests.empty()) throw UsageError("names no row to delete", file.string());
  return requests;
}

}  // namespace recant
