// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// What integers that claim to be discrete Gaussian must look like. A good score proves nothing; a
/// bad one is proof.
namespace recant::test {

/// P(y) for |y| <= 14 sigma, in long double; beyond it there are 10^-43 of the draws.
class ExactPmf {
 public:
  explicit ExactPmf(long double variance)
      : end_(static_cast<std::int64_t>(14 * std::sqrt(variance)) + 3) {
    long double sum = 0;
    for (std::int64_t y = -end_; y <= end_; ++y) {
      p_.push_back(
          std::exp(-static_cast<long double>(y) * static_cast<long double>(y) / (2 * variance)));
      sum += p_.back();
    }
    for (long double& p : p_) p /= sum;
  }
  [[nodiscard]] std::int64_t end() const { return end_; }
  [[nodiscard]] long double operator()(std::int64_t y) const {
    return std::abs(y) > end_ ? 0 : p_[static_cast<std::size_t>(y + end_)];
  }

 private:
  std::int64_t end_;
  std::vector<long double> p_;
};

/// A number that is standard normal if the counts are as expected (Wilson and Hilferty's cube root
/// of chi squared), for counts of at least 10 or so.
inline double chi_squared_score(std::span<const std::int64_t> counts,
                                std::span<const long double> expected) {
  long double chi2 = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const long double off = static_cast<long double>(counts[i]) - expected[i];
    chi2 += off * off / expected[i];
  }
  const auto freedom = static_cast<long double>(counts.size() - 1);
  const long double spread = 2 / (9 * freedom);
  return static_cast<double>((std::cbrt(chi2 / freedom) - (1 - spread)) / std::sqrt(spread));
}

/// Cells of consecutive integers with about equal probability, the outer ones open. None has less
/// than half of its share.
class Cells {
 public:
  Cells(const ExactPmf& pmf, int count) : end_(pmf.end()) {
    const long double share = 1.0L / count;
    long double p = 0, before = 0, next = share;
    for (std::int64_t y = -end_; y <= end_; ++y) {
      cell_of_.push_back(static_cast<std::uint32_t>(p_.size()));
      p += pmf(y);
      if (before + p < next) continue;
      before += p;
      next = std::max(next + share, before + share / 2);
      p_.push_back(p);
      p = 0;
    }
    p_.back() += p;
    for (std::uint32_t& cell : cell_of_) {
      cell = std::min(cell, static_cast<std::uint32_t>(p_.size() - 1));
    }
    counts_.resize(p_.size());
  }
  void add(std::int64_t y) {
    ++counts_[cell_of_[static_cast<std::size_t>(std::clamp(y, -end_, end_) + end_)]];
    ++total_;
  }
  [[nodiscard]] std::size_t size() const { return p_.size(); }
  [[nodiscard]] double score() const {
    std::vector<long double> expected = p_;
    for (long double& e : expected) e *= static_cast<long double>(total_);
    return chi_squared_score(counts_, expected);
  }

 private:
  std::int64_t end_, total_ = 0;
  std::vector<std::uint32_t> cell_of_;
  std::vector<long double> p_;
  std::vector<std::int64_t> counts_;
};

/// Scores that are standard normal for draws from N_Z(0, 2^variance_exponent): chi squared over
/// 1,000 equally probable cells, four moments, correlations with the 16 draws before.
class NoiseStatistics {
 public:
  static constexpr std::size_t kLags = 16;
  /// |score| > kAlarm comes with probability 2.1e-11; of 21 scores one is with 4.4e-10.
  static constexpr double kAlarm = 6.7;

  explicit NoiseStatistics(int variance_exponent)
      : inverse_sigma_(std::exp2(-variance_exponent / 2.0)),
        cells_(ExactPmf(std::exp2(static_cast<long double>(variance_exponent))), 1000) {}

  void add(std::span<const std::int64_t> draws) {
    std::array<double, 4> sums{};
    std::array<double, kLags> lags{};
    std::array<double, kLags> last{};
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const double x = static_cast<double>(draws[i]) * inverse_sigma_, x2 = x * x;
      sums[0] += x;
      sums[1] += x2 - 1;
      sums[2] += x * x2;
      sums[3] += x2 * x2 - 3;
      for (std::size_t k = 1; k <= kLags; ++k) lags[k - 1] += x * last[(i - k) % kLags];
      last[i % kLags] = x;
      cells_.add(draws[i]);
    }
    for (std::size_t k = 0; k < 4; ++k) sums_[k] += sums[k];
    for (std::size_t k = 0; k < kLags; ++k) lags_[k] += lags[k];
    count_ += static_cast<double>(draws.size());
  }

  [[nodiscard]] std::vector<std::pair<std::string, double>> scores() const {
    constexpr std::array<double, 4> kVariances = {1, 2, 15, 96};
    std::vector<std::pair<std::string, double>> found = {{"chi squared", cells_.score()}};
    for (std::size_t k = 0; k < 4; ++k) {
      found.emplace_back("moment " + std::to_string(k + 1),
                         sums_[k] / std::sqrt(kVariances[k] * count_));
    }
    for (std::size_t k = 0; k < kLags; ++k) {
      found.emplace_back("lag " + std::to_string(k + 1), lags_[k] / std::sqrt(count_));
    }
    return found;
  }
  [[nodiscard]] double worst() const {
    double worst = 0;
    for (const auto& [name, score] : scores()) worst = std::max(worst, std::abs(score));
    return worst;
  }
  void expect_quiet() const {
    EXPECT_GE(cells_.size(), 990U);
    for (const auto& [name, score] : scores()) EXPECT_LT(std::abs(score), kAlarm) << name;
  }

 private:
  double inverse_sigma_, count_ = 0;
  Cells cells_;
  std::array<double, 4> sums_{};
  std::array<double, kLags> lags_{};
};

}  // namespace recant::test
