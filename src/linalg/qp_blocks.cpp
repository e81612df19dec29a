// SPDX-License-Identifier: Apache-2.0
#include "qp_blocks.hpp"

namespace recant::qp {

static_assert(kBlockRows <= static_cast<Index>(simd::kMostOfQpBlock));

Blocks::Octet Blocks::rest_of(const double* values) const {
  Octet out{};
  const Index rest = n_ % kOctet;
  std::copy_n(values + n_ - rest, rest, out.begin());
  return out;
}

Blocks::Blocks(const QpProblem& problem)
    : linear_(problem.linear.data()),
      lower_(problem.lower.data()),
      upper_(problem.upper.data()),
      n_(problem.linear.size()),
      rest_linear_(rest_of(linear_)),
      rest_lower_(rest_of(lower_)),
      rest_upper_(rest_of(upper_)) {
  for (const QpConstraint& constraint : problem.constraints) {
    rows_.push_back(constraint.coefficients.data());
    rest_values_.push_back(rest_of(rows_.back()));
  }
  for (const Octet& values : rest_values_) rest_rows_.push_back(values.data());
}

void Blocks::set_linear(const double* linear) {
  linear_ = linear;
  rest_linear_ = rest_of(linear);
}

}  // namespace recant::qp
