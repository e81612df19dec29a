// SPDX-License-Identifier: Apache-2.0
#include "recant/ledger/checkpoint.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "chain.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::string_view kSchemaName = "recant.checkpoint/1";
constexpr std::size_t kMostBytes = 4096;

using Json = nlohmann::ordered_json;  // keeps its members in this order

Json statement_of(const Checkpoint& checkpoint) {
  return Json{{"schema", kSchemaName},
              {"model_id", checkpoint.model_id},
              {"event", checkpoint.event},
              {"hash", hexadecimal(checkpoint.hash)},
              {"releases", checkpoint.releases}};
}

std::string hexadecimal_bytes(std::span<const std::uint8_t> bytes) {
  std::string text(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  text.pop_back();
  return text;
}

std::vector<std::uint8_t> bytes_of_hexadecimal(const std::string& text) {
  std::vector<std::uint8_t> bytes(text.size() / 2 + 1);  // never null, as libsodium wants it
  std::size_t size = 0;
  sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr);
  bytes.resize(size);
  return bytes;
}

}  // namespace

std::string checkpoint_statement(const Checkpoint& checkpoint) {
  return statement_of(checkpoint).dump();
}

std::string checkpoint_text(const Checkpoint& checkpoint) {
  Json text = statement_of(checkpoint);
  text["signature"] = hexadecimal_bytes(checkpoint.signature);
  return text.dump() + "\n";
}

Checkpoint read_checkpoint(std::string_view bytes) {
  Checkpoint checkpoint;
  try {
    if (bytes.size() > kMostBytes) throw DamagedError("too long");
    const Json text = Json::parse(bytes);
    checkpoint.model_id = text.at("model_id").get<std::string>();
    // By reference: the reader's get() casts whatever number there is, and a cast of 1e300 is
    // undefined.
    checkpoint.event = text.at("event").get_ref<const std::int64_t&>();
    checkpoint.releases = text.at("releases").get_ref<const std::int64_t&>();
    const auto hash = bytes_of_hexadecimal(text.at("hash").get<std::string>());
    if (hash.size() == checkpoint.hash.size()) {
      std::copy(hash.begin(), hash.end(), checkpoint.hash.begin());
    }
    checkpoint.signature = bytes_of_hexadecimal(text.at("signature").get<std::string>());
    // One spelling: whatever else there is, or is written otherwise, shows here.
    if (checkpoint_text(checkpoint) == bytes && checkpoint.event >= 1 && checkpoint.releases >= 0) {
      return checkpoint;
    }
  } catch (const std::exception&) {  // of the JSON reader: its text would quote the file
  }
  throw DamagedError("is not a checkpoint");
}

}  // namespace recant
