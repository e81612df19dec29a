// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

namespace recant {

/// Runs check() with every instruction set that this processor has and our kernels are compiled
/// for, from AVX-512 down to plain C++.
template <class Check>
void for_each_instruction_set(Check&& check) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    check();
  }
  hwy::SetSupportedTargetsForTest(0);  // the processor's own again
}

}  // namespace recant
