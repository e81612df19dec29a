// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "recant/linalg/types.hpp"

namespace recant::test {

/// The derivative of f at 0 by the five-point stencil; f gives a double, a Vector or a Matrix.
/// Errs by h^4/30 times the fifth derivative, and by rounding of f over h.
template <class Function>
auto derivative(Function&& f, double h = 1e-3) {
  using Value = decltype(f(h));
  const Value a = f(h), b = f(-h), c = f(2 * h), d = f(-2 * h);
  return Value((8 * (a - b) - (c - d)) / (12 * h));
}

/// The gradient of f(theta) at a point, entry by entry.
template <class Function>
Vector gradient_by_differences(Function&& f, const Vector& at, double h = 1e-3) {
  Vector gradient(at.size());
  for (Index j = 0; j < at.size(); ++j) {
    gradient(j) = derivative(
        [&](double step) {
          Vector there = at;
          there(j) += step;
          return static_cast<double>(f(there));
        },
        h);
  }
  return gradient;
}

/// Column j: the derivative of the vector f(theta) along entry j.
template <class Function>
Matrix jacobian_by_differences(Function&& f, const Vector& at, double h = 1e-3) {
  Matrix jacobian(f(at).size(), at.size());
  for (Index j = 0; j < at.size(); ++j) {
    jacobian.col(j) = derivative(
        [&](double step) {
          Vector there = at;
          there(j) += step;
          return Vector(f(there));
        },
        h);
  }
  return jacobian;
}

}  // namespace recant::test
