// SPDX-License-Identifier: Apache-2.0
#include "gaussian_reference.hpp"

#include <fmt/format.h>

#include "recant/certify/gaussian_mechanism.hpp"

namespace recant::test {
namespace {

TEST(GaussianReference, AllInverses) {
  for (const auto& [epsilon, delta, mu_down, epsilon_up] : gaussian_reference("calibrate")) {
    const std::string at = fmt::format("epsilon {} delta {}", epsilon, delta);
    expect_just_above(-gaussian_mu(epsilon, delta), -mu_down, at);
    expect_just_above(gaussian_epsilon(delta, mu_down), epsilon_up, at);
  }
}

}  // namespace
}  // namespace recant::test
