// SPDX-License-Identifier: Apache-2.0
#include "third_derivative.hpp"

namespace recant {
namespace {

/// Calls work(a, c, begin) for every run of entries (a, c, c .. P-1).
template <class Work>
void for_each_run(Index p, Work&& work) {
  Index begin = 0;
  for (Index a = 0; a < p; ++a) {
    for (Index c = a; c < p; ++c) {
      work(a, c, begin);
      begin += p - c;
    }
  }
}

}  // namespace

Index third_derivative_size(Index p) noexcept {
  return p * (p + 1) * (p + 2) / 6;
}

Vector third_derivative(const Objective& objective, ConstVectorRef theta, ConstVectorRef weights) {
  const Index p = objective.parameters(), features = objective.features().columns();
  const Vector tilted = objective.curvature_tilts(theta).cwiseProduct(weights);
  Vector packed(third_derivative_size(p)), scaled(tilted.size());
  Index begin = 0;
  for (Index a = 0; a < p; ++a) {
    scaled = tilted;
    if (a < features) {
      for (Index i = 0; i < scaled.size(); ++i) scaled(i) *= objective.features().row(i)(a);
    }
    Matrix slice = objective.hessian(theta, scaled);
    slice.diagonal().array() -= objective.l2();
    for (Index c = a; c < p; ++c) {
      packed.segment(begin, p - c) = slice.col(c).tail(p - c);
      begin += p - c;
    }
  }
  return packed;
}

void add_cube(Eigen::Ref<Vector> packed, ConstVectorRef x, double factor) {
  for_each_run(x.size(), [&](Index a, Index c, Index begin) {
    const Index length = x.size() - c;
    packed.segment(begin, length) += (factor * x(a) * x(c)) * x.tail(length);
  });
}

Vector contract_twice(ConstVectorRef packed, ConstVectorRef v) {
  const Index p = v.size();
  Vector out = Vector::Zero(p);
  // A third of the gradient of T[v, v, v], run by run: an entry (a, c, b) stands for all the orders
  // of its three indices.
  for_each_run(p, [&](Index a, Index c, Index begin) {
    const Index after = p - c - 1;
    const double diagonal = packed(begin);  // (a, c, c)
    const auto rest = packed.segment(begin + 1, after), tail = v.tail(after);
    const double along = rest.dot(tail);
    if (a == c) {
      out(a) += v(a) * (diagonal * v(a) + 2 * along);
      out.tail(after) += (v(a) * v(a)) * rest;
    } else {
      out(a) += v(c) * (diagonal * v(c) + 2 * along);
      out(c) += 2 * v(a) * (diagonal * v(c) + along);
      out.tail(after) += (2 * v(a) * v(c)) * rest;
    }
  });
  return out;
}

}  // namespace recant
