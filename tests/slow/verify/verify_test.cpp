// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "certificate_damage.hpp"

namespace recant::test {
namespace {

TEST(VerifySlow, EveryBitOf200CertificatesCounts) {
  SampleCertificates samples(200);
  for (int i = 0; i < 200; ++i) {
    expect_no_flipped_bit_fits(samples);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace recant::test
