// SPDX-License-Identifier: Apache-2.0
#include "recant/ledger/request.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace recant {
namespace {

/// Every state in a line, every event in a column, in the order of the enumerations; "-": it cannot
/// happen. Written from the documentation, not from the code.
constexpr const char* kTable = R"(
                 validated applied noised released certified rejected not_found already_erased cancelled failed           given_up     retried
received         validated -       -      -        -         rejected not_found already_erased cancelled failed_retryable failed_final -
validated        -         applied -      -        -         rejected -         already_erased cancelled failed_retryable failed_final -
applied          -         -       noised -        -         -        -         -              -         -                -            -
noised           -         -       -      released -         -        -         -              -         -                -            -
released         -         -       -      -        certified -        -         -              -         -                -            -
certified        -         -       -      -        -         -        -         -              -         -                -            -
rejected         -         -       -      -        -         -        -         -              -         -                -            -
not_found        -         -       -      -        -         -        -         -              -         -                -            -
already_erased   -         -       -      -        -         -        -         -              -         -                -            -
cancelled        -         -       -      -        -         -        -         -              -         -                -            -
failed_retryable -         -       -      -        -         -        -         -              cancelled -                failed_final received
failed_final     -         -       -      -        -         -        -         -              -         -                -            -
)";

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> found(1);
  for (const char c : line) {
    if (c != ' ') {
      found.back() += c;
    } else if (!found.back().empty()) {
      found.emplace_back();
    }
  }
  if (found.back().empty()) found.pop_back();
  return found;
}

std::vector<std::vector<std::string>> table() {
  std::vector<std::vector<std::string>> lines;
  std::string_view rest = kTable;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (auto line = words(rest.substr(0, end)); !line.empty()) lines.push_back(line);
    rest.remove_prefix(end + 1);
  }
  return lines;
}

TEST(RequestState, EveryStateTimesEveryEventLeadsWhereTheTableSays) {
  const auto lines = table();
  ASSERT_EQ(lines.size(), kRequestStates + 1);
  ASSERT_EQ(lines[0].size(), kRequestEvents);
  for (std::size_t s = 0; s < kRequestStates; ++s) {
    const auto state = static_cast<RequestState>(s);
    ASSERT_EQ(lines[s + 1].size(), kRequestEvents + 1);
    EXPECT_EQ(name(state), lines[s + 1][0]);
    for (std::size_t e = 0; e < kRequestEvents; ++e) {
      const auto event = static_cast<RequestEvent>(e);
      EXPECT_EQ(name(event), lines[0][e]);
      const auto next = next_state(state, event);
      EXPECT_EQ(next ? std::string(name(*next)) : "-", lines[s + 1][e + 1])
          << name(state) << " and " << name(event);
    }
  }
}

TEST(RequestState, NamesAreDifferent) {
  std::set<std::string_view> states, events;
  for (std::size_t s = 0; s < kRequestStates; ++s)
    states.insert(name(static_cast<RequestState>(s)));
  for (std::size_t e = 0; e < kRequestEvents; ++e)
    events.insert(name(static_cast<RequestEvent>(e)));
  EXPECT_EQ(states.size(), kRequestStates);
  EXPECT_EQ(events.size(), kRequestEvents);
}

TEST(RequestState, FinalStatesAreThoseWithoutAWayOn) {
  std::set<std::string_view> final_states;
  for (std::size_t s = 0; s < kRequestStates; ++s) {
    if (is_final(static_cast<RequestState>(s)))
      final_states.insert(name(static_cast<RequestState>(s)));
  }
  EXPECT_EQ(final_states,
            (std::set<std::string_view>{"certified", "rejected", "not_found", "already_erased",
                                        "cancelled", "failed_final"}));
}

TEST(RequestState, EveryStateButTheFirstIsReached) {
  std::set<RequestState> reached;
  for (std::size_t s = 0; s < kRequestStates; ++s) {
    for (std::size_t e = 0; e < kRequestEvents; ++e) {
      if (const auto next =
              next_state(static_cast<RequestState>(s), static_cast<RequestEvent>(e))) {
        reached.insert(*next);
      }
    }
  }
  EXPECT_EQ(reached.size(), kRequestStates);  // received: by retrying
}

}  // namespace
}  // namespace recant
