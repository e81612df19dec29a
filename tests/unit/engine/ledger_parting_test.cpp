// SPDX-License-Identifier: Apache-2.0
// Which of two ledgers went on: of one line and of two, wherever they part.
#include "ledger_parting.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "ledger_life.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

class LedgerPartingTest : public testing::Test {
 protected:
  LedgerPartingTest() : ledger_(Ledger::create(folder_ / "ledger.sqlite", test::enrolment())) {
    ledger_.acquire();
  }
  Ledger copy() {
    const std::string path = folder_ / ("copy" + std::to_string(++copies_));
    ledger_.backup_to(path);
    return Ledger::open(path, LedgerAccess::kWrite);
  }
  static void expect_went_on(const Ledger& first, const Ledger& second, bool first_did,
                             bool second_did) {
    const LedgerParting there = part(first, second), back = part(second, first);
    EXPECT_EQ(there.first_went_on, first_did);
    EXPECT_EQ(there.second_went_on, second_did);
    EXPECT_EQ(back.first_went_on, second_did);
    EXPECT_EQ(back.second_went_on, first_did);
  }

  test::TemporaryFolder folder_;
  int copies_ = 0;
  Ledger ledger_;
};

TEST_F(LedgerPartingTest, OfTwoMomentsOfOneTheLaterWentOnIfItSaysSomething) {
  struct Step {
    std::function<void()> work;
    bool says_something = true;
  };
  const std::vector<Step> steps = {
      {[&] { test::run_batch(ledger_, {}); }},
      {[&] { ledger_.acquire(); }, false},
      {[&] { test::receive(ledger_, test::submission(1, 10)); }},
      {[&] { test::run_batch(ledger_, {test::validated(ledger_, 2, 20, 3)}); }},
      {[&] {
         ledger_.acquire();
         ledger_.acquire();
       },
       false},
      {[&] { test::decide(ledger_, 1, RequestEvent::kNotFound); }},
      {[&] { ledger_.prepare(test::plan_of({test::validated(ledger_, 3, 30)})); }}};
  std::vector<Ledger> moments;
  moments.push_back(copy());
  for (const Step& step : steps) {
    step.work();
    moments.push_back(copy());
  }
  for (std::size_t i = 0; i < moments.size(); ++i) {
    bool said = false;
    for (std::size_t j = i; j < moments.size(); ++j) {
      SCOPED_TRACE(std::to_string(i) + " and " + std::to_string(j));
      if (j > i) said = said || steps[j - 1].says_something;
      expect_went_on(moments[i], moments[j], false, said);
    }
  }
}

TEST_F(LedgerPartingTest, TwoThatWentWaysOfTheirOwnBothDid) {
  test::run_batch(ledger_, {test::validated(ledger_, 1, 10)});
  Ledger same = copy(), other = copy(), longer = copy();
  for (Ledger* const one : {&ledger_, &same, &other, &longer}) one->acquire();
  expect_went_on(ledger_, same, false, false);
  test::receive(ledger_, test::submission(2, 20));
  expect_went_on(ledger_, same, true, false);
  test::receive(other, test::submission(3, 30));
  expect_went_on(ledger_, other, true, true);
  for (std::uint64_t i = 0; i < 5; ++i) test::receive(longer, test::submission(4 + i, 40 + i));
  expect_went_on(ledger_, longer, true, true);
  expect_went_on(same, longer, false, true);
  expect_went_on(ledger_, Ledger::create(folder_ / "strange.sqlite", test::enrolment(100, 'b')),
                 true, true);
}

/// What is said is looked for to the end, however often somebody opened it before.
TEST_F(LedgerPartingTest, WhatIsSaidAfterManyOpeningsCounts) {
  const Ledger before = copy();
  for (int i = 0; i < 1100; ++i) ledger_.acquire();
  expect_went_on(before, ledger_, false, false);
  test::receive(ledger_, test::submission(1, 10));
  expect_went_on(before, ledger_, false, true);
}

}  // namespace
}  // namespace recant
