// SPDX-License-Identifier: Apache-2.0
#include "ledger_parting.hpp"

#include <algorithm>
#include <optional>

namespace recant {
namespace {

constexpr std::int64_t kPage = 1024;

std::optional<Digest> hash_of(const Ledger& ledger, std::int64_t event) {
  const std::vector<LedgerEvent> found = ledger.events(event - 1, 1);
  if (found.empty()) return std::nullopt;
  return found.front().hash;
}

std::int64_t last_common_event(const Ledger& first, const Ledger& second) {
  std::int64_t common = 0;
  std::int64_t parted = std::min(first.statistics().events, second.statistics().events) + 1;
  while (parted - common > 1) {
    const std::int64_t middle = common + (parted - common) / 2;
    const std::optional<Digest> hash = hash_of(first, middle);
    (hash && hash == hash_of(second, middle) ? common : parted) = middle;
  }
  return common;
}

bool went_on(const Ledger& ledger, std::int64_t after) {
  while (true) {
    const std::vector<LedgerEvent> page = ledger.events(after, kPage);
    if (page.empty()) return false;
    const auto says_something = [](const LedgerEvent& event) { return event.kind != "acquired"; };
    if (std::any_of(page.begin(), page.end(), says_something)) return true;
    after = page.back().seq;
  }
}

}  // namespace

LedgerParting part(const Ledger& first, const Ledger& second) {
  const std::int64_t common = last_common_event(first, second);
  return {went_on(first, common), went_on(second, common)};
}

}  // namespace recant
