// SPDX-License-Identifier: Apache-2.0
#include "recant/ledger/batch.hpp"

#include <array>

#include "names.hpp"

namespace recant {
namespace {

constexpr std::array<std::string_view, kBatchStages> kStageNames = {"prepared", "applied", "noised",
                                                                    "released", "certified"};

}  // namespace

std::string_view name(BatchStage stage) noexcept {
  return kStageNames[static_cast<std::size_t>(stage)];
}

}  // namespace recant
