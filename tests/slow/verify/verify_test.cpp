// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "certificate_damage.hpp"

namespace recant::test {
namespace {

TEST(VerifySlow, EveryBitOf200CertificatesCounts) {
  SampleCertificates samples(200);
  std::size_t flips = 0;
  for (int i = 0; i < 200; ++i) {
    expect_no_flipped_bit_fits(samples, flips);
    if (HasFatalFailure()) return;
  }
  fmt::print("{} flipped bits refused\n", flips);
}

}  // namespace
}  // namespace recant::test
