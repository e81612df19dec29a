// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

/// tests/unit/certify/gaussian_reference.txt: the Gaussian mechanism to 60 digits, see the script
/// beside it.
namespace recant::test {

/// "calibrate": epsilon, delta, mu rounded down, epsilon(delta; that mu) rounded up.
/// "curve": epsilon, mu, delta rounded up, ln delta rounded up.
using ReferenceLine = std::array<double, 4>;

inline std::vector<ReferenceLine> gaussian_reference(const std::string& kind) {
  std::ifstream file(std::string(RECANT_TESTS_DIR) + "/unit/certify/gaussian_reference.txt");
  std::vector<ReferenceLine> lines;
  for (std::string text; std::getline(file, text);) {
    std::istringstream words(text);
    std::string word;
    words >> word;
    if (word != kind) continue;
    ReferenceLine& line = lines.emplace_back();
    for (double& number : line) {
      words >> word;
      number = std::strtod(word.c_str(), nullptr);  // streams do not read hexadecimal
    }
  }
  EXPECT_GT(lines.size(), 1000U) << kind;
  return lines;
}

/// "Never under, and at most 1e-9 over" a reference that is rounded up; NaN fails.
inline void expect_just_above(double found, double reference_up, const std::string& what) {
  EXPECT_GE(found, reference_up) << what;
  EXPECT_LE(found, reference_up + 1e-9 * std::abs(reference_up)) << what;
}

}  // namespace recant::test
