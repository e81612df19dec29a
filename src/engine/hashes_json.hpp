// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "chunk_hashes.hpp"

namespace recant {

/// {"FILE": {"bytes": n, "chunks": ["hexadecimal", ..]}, ..}
[[nodiscard]] inline nlohmann::ordered_json json_of_hashes(const HashesByFile& files) {
  auto object = nlohmann::ordered_json::object();
  for (const auto& [file, hashes] : files) {
    auto chunks = nlohmann::ordered_json::array();
    for (const Digest& chunk : hashes.chunks) chunks.push_back(hexadecimal_of(chunk));
    object[file] = {{"bytes", hashes.bytes}, {"chunks", std::move(chunks)}};
  }
  return object;
}

/// @throws DamagedError naming `where`, nlohmann::json::exception.
[[nodiscard]] inline HashesByFile read_hashes(const nlohmann::ordered_json& object,
                                              const std::string& where) {
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
