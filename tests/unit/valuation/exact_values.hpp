// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <vector>

#include "recant/valuation/subset_utility.hpp"

/// Values by going through all 2^n sets, for n <= 12.
namespace recant::test {

/// v of every set; bit i of the index says whether row i is in.
inline std::vector<double> all_utilities(const SubsetUtility& utility) {
  const Index n = utility.rows();
  std::vector<double> values(std::size_t{1} << n);
  const auto set = utility.empty_set();
  for (std::size_t mask = 0; mask < values.size(); ++mask) {
    set->clear();
    for (Index i = n; i-- > 0;) {  // last first: the order must not matter
      if (mask >> i & 1) set->add(i);
    }
    values[mask] = set->value();
  }
  return values;
}

/// sum over S without i of p(|S|) (v(S + i) - v(S)), p from the probability of the size.
inline Vector exact_values(const std::vector<double>& v, const Vector& size_probabilities) {
  const Index n = size_probabilities.size();
  Vector values = Vector::Zero(n);
  for (std::size_t mask = 0; mask < v.size(); ++mask) {
    const auto size = static_cast<Index>(std::popcount(mask));
    if (size == n) continue;
    double sets = 1;  // C(n-1, size)
    for (Index k = 1; k <= size; ++k) sets *= static_cast<double>(n - k) / static_cast<double>(k);
    for (Index i = 0; i < n; ++i) {
      if (mask >> i & 1) continue;
      values(i) += size_probabilities(size) / sets * (v[mask | std::size_t{1} << i] - v[mask]);
    }
  }
  return values;
}

inline Vector banzhaf_size_probabilities(Index n) {
  Vector q(n);
  double sets = 1;
  for (Index r = 0; r < n; ++r) {
    q(r) = sets * std::exp2(1.0 - static_cast<double>(n));
    sets *= static_cast<double>(n - 1 - r) / static_cast<double>(r + 1);
  }
  return q;
}

/// A game given by the value of every set.
class TableUtility final : public SubsetUtility {
 public:
  TableUtility(Index rows, std::vector<double> values) : rows_(rows), values_(std::move(values)) {}
  [[nodiscard]] Index rows() const noexcept override { return rows_; }
  [[nodiscard]] std::unique_ptr<GrowingSet> empty_set() const override {
    return std::make_unique<Set>(values_);
  }
  void add_to(Fingerprint& fingerprint) const override {
    fingerprint.add(std::span<const double>(values_));
  }
  [[nodiscard]] const std::vector<double>& values() const { return values_; }

 private:
  class Set final : public GrowingSet {
   public:
    explicit Set(const std::vector<double>& values) : values_(values) {}
    void clear() override { mask_ = 0; }
    void add(Index row) override { mask_ |= std::size_t{1} << row; }
    double value() override { return values_[mask_]; }

   private:
    const std::vector<double>& values_;
    std::size_t mask_ = 0;
  };
  Index rows_;
  std::vector<double> values_;
};

}  // namespace recant::test
