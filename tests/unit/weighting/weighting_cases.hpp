// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <string>

#include "golden.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/types.hpp"

/// Small helpers of the tests of this stage.
namespace recant::test {

inline Vector to_vector(const nlohmann::json& array) {
  const std::vector<double> values = numbers(array);
  return Eigen::Map<const Vector>(values.data(), static_cast<Index>(values.size()));
}

inline double largest(const Vector& x) {
  return x.size() > 0 ? x.cwiseAbs().maxCoeff() : 0;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  double normal() { return std::normal_distribution<double>()(engine_); }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine_);
  }
  Index integer(Index low, Index high) {
    return std::uniform_int_distribution<Index>(low, high)(engine_);
  }
  Vector normals(Index n) {
    return Vector::NullaryExpr(n, [this](Index) { return normal(); });
  }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

/// What the call refuses with, or "accepted".
template <class Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace recant::test
