// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/discrete_gaussian.hpp"

#include <cmath>

#include "random_stream.hpp"
#include "recant/core/error.hpp"
#include "strip_table.hpp"

namespace recant {
namespace {

const RationalVariance& checked(const RationalVariance& v) {
  const double log2_variance = std::log2(static_cast<double>(v.numerator)) -
                               std::log2(static_cast<double>(v.denominator)) + v.exponent;
  if (!(log2_variance >= -40 && log2_variance <= 84)) {
    throw UsageError(
        "the variance of a discrete Gaussian must be a fraction between 2^-40 and 2^84");
  }
  return v;
}

void fill(const StripTable& table, RandomStream&& random, std::span<std::int64_t> out) {
  for (std::int64_t& y : out) y = table.draw(random);
}

}  // namespace

DiscreteGaussian::DiscreteGaussian(const RationalVariance& variance)
    : table_(std::make_shared<const StripTable>(checked(variance))) {}

void DiscreteGaussian::draw(std::span<std::int64_t> out) const {
  fill(*table_, RandomStream::secure(), out);
}

void DiscreteGaussian::draw_uncertified(std::uint64_t seed, std::span<std::int64_t> out) const {
  fill(*table_, RandomStream::seeded(seed), out);
}

}  // namespace recant
