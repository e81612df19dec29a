// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "chunk_hashes.hpp"
#include "strict_json.hpp"

namespace recant {

/// {"FILE": {"bytes": n, "chunks": ["hexadecimal", ..]}, ..}
[[nodiscard]] inline StrictJson json_of_hashes(const HashesByFile& files) {
  auto object = StrictJson::object();
  for (const auto& [file, hashes] : files) {
    auto chunks = StrictJson::array();
    for (const Digest& chunk : hashes.chunks) chunks.push_back(hexadecimal_of(chunk));
    object[file] = {{"bytes", hashes.bytes}, {"chunks", std::move(chunks)}};
  }
  return object;
}

/// @throws DamagedError naming `where`, nlohmann::json::exception.
[[nodiscard]] inline HashesByFile read_hashes(const StrictJson& object, const std::string& where) {
  HashesByFile files;
  for (const auto& [file, value] : object.items()) {
    FileHashes& hashes = files[file];
    hashes.bytes = value.at("bytes");
    for (const auto& digits : value.at("chunks")) {
      read_hexadecimal(digits.template get<std::string>(), hashes.chunks.emplace_back(), where);
    }
  }
  return files;
}

}  // namespace recant
