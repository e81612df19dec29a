// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// Reference values computed by another program, and the public data sets they belong to. A test
/// that needs them begins with
///     if (!golden_available()) GTEST_SKIP() << kNoGolden;
namespace recant::test {

inline constexpr const char* kNoGolden =
    "SKIPPED: no reference values; set RECANT_SHARED_DIR to the folder with oracle/ and data/";

inline std::filesystem::path shared_folder() {
  return RECANT_SHARED_DIR;
}
inline std::filesystem::path golden_folder() {
  return shared_folder() / "oracle" / "golden";
}

inline bool golden_available() {
  return std::filesystem::is_directory(golden_folder());
}

/// The case NAME.json, parsed.
inline nlohmann::json load_golden(const std::string& name) {
  std::ifstream file(golden_folder() / (name + ".json"));
  return nlohmann::json::parse(file);
}

/// The folder of the CSV files that a case names in its "data".
inline std::filesystem::path csv_folder(const nlohmann::json& golden) {
  const auto& data = golden.at("data");
  const auto set = data.at("set").get<std::string>();
  return data.at("kind") == "csv_here" ? golden_folder() / set : shared_folder() / "data" / set;
}

inline std::vector<double> numbers(const nlohmann::json& array) {
  return array.get<std::vector<double>>();
}

}  // namespace recant::test
