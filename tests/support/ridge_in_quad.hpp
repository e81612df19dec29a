// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "problems.hpp"

/// Squared loss with two features in 113 bits, whose exponents do not end within reach of a double.
namespace recant::test {

__extension__ typedef __float128 Quad;

/// |theta - argmin| of squared loss with two features and no intercept, by Cramer's rule.
inline double distance_in_quad(const Dataset& data, ConstVectorRef weights, double l2,
                               ConstVectorRef theta) {
  Quad a = l2, b = 0, c = l2, u = 0, v = 0;
  for (Index i = 0; i < data.rows(); ++i) {
    const double* row = data.features.view().data() + 2 * i;
    const Quad w = weights(i), x = row[0], z = row[1], y = data.targets(i);
    a += w * x * x;
    b += w * x * z;
    c += w * z * z;
    u += w * x * y;
    v += w * z * y;
  }
  const Quad determinant = a * c - b * b;
  const Quad first = (c * u - b * v) / determinant - Quad(theta(0));
  const Quad second = (a * v - b * u) / determinant - Quad(theta(1));
  return std::hypot(static_cast<double>(first), static_cast<double>(second));
}

/// Two columns that are nearly the same, `apart` from each other, with values from 1e-3 to 1e3: the
/// gradient is nothing beside what rounding took from it.
inline Dataset nearly_equal_columns(Random& random, Index n, double apart) {
  Dataset data = made_up_rows(random, n, 2, Loss(LossKind::kSquared));
  RowMatrix x(n, 2);
  for (Index i = 0; i < n; ++i) {
    x(i, 0) = random.between(-1, 1) * std::pow(10, random.between(-3, 3));
    x(i, 1) = x(i, 0) + apart * random.between(-1, 1);
    data.targets(i) = random.between(-1, 1) * std::pow(10, random.between(-3, 3));
  }
  data.features = FeatureMatrix(std::move(x));
  return data;
}

}  // namespace recant::test
