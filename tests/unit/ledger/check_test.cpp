// SPDX-License-Identifier: Apache-2.0
// check() against someone who edits the tables with the database's own tools.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "expect_error.hpp"
#include "ledger_life.hpp"
#include "ledger_place.hpp"
#include "recant/core/error.hpp"
#include "recant/ledger/ledger.hpp"
#include "storage.hpp"

namespace recant {
namespace {

using namespace test;

struct Tampering {
  std::string sql, part_of_fault;
};

/// Edits, and what is said of each.
const Tampering kTamperings[] = {
    {"UPDATE events SET at = at + 1 WHERE seq = 5", "event 5 does not have the hash"},
    {"UPDATE events SET kind = 'released' WHERE seq = 7", "event 7 does not have the hash"},
    {"UPDATE events SET payload = '{}' WHERE kind = 'prepared'", "does not have the hash"},
    {"UPDATE ledger SET writer = writer + 1", "the writer's token"},
    {"UPDATE enrolments SET releases = 1000", "(enrolled) does not fit"},
    {"UPDATE enrolments SET model_id = 'b'", "(enrolled) does not fit"},
    {"UPDATE requests SET state = 'cancelled' WHERE id = 1", "request 1 is not in the state"},
    {"UPDATE requests SET state = 'received' WHERE id = 1", "request 1 is not in the state"},
    {"UPDATE requests SET reason = 'other' WHERE id = 6", "request 6 has another reason"},
    {"UPDATE requests SET reason = 'other' WHERE id = 10", "request 10 has another reason"},
    {"UPDATE requests SET changed = received WHERE id = 6", "request 6 is not in the state"},
    {"UPDATE requests SET batch = 2 WHERE id = 1", "(prepared) does not fit"},
    {"UPDATE requests SET batch = 1 WHERE id = 9", "(prepared) does not fit"},
    {"UPDATE batches SET stage = 'released' WHERE number = 1", "batch 1 is not in the stage"},
    {"UPDATE batches SET stage = 'certified' WHERE open = 1", "batch 3 is not in the stage"},
    {"UPDATE batches SET open = NULL", "batch 3 is not in the stage"},
    {"UPDATE releases SET release = 50 WHERE batch = 2", "release of batch 2 is out of order"},
    {"UPDATE chunks SET chunk = 7 WHERE batch = 2 AND chunk = 1", "(prepared) does not fit"},
    {"DELETE FROM chunks WHERE batch = 2", "(prepared) does not fit"},
    {"DELETE FROM request_rows WHERE request = 10", "request 10 is not the one"},
    {"DELETE FROM request_rows WHERE request = 1", "(applied) does not fit"},
    {"DELETE FROM erased_rows WHERE batch = 1", "the rows that batch 1 erased"},
    {"UPDATE erased_rows SET batch = 2 WHERE batch = 1", "the rows that batch 1 erased"},
    {"DELETE FROM sealed_noise", "the sealed noise of batch 3 is missing"},
    {"UPDATE sealed_noise SET batch = 2", "sealed noise was not wiped"},
    {"UPDATE checkpoints SET releases = 0", "(checkpoint) does not fit"},
    {"DELETE FROM checkpoints", "checkpoint"},
};

class TamperingTest : public testing::Test {
 protected:
  TamperingTest() { static_cast<void>(lively_ledger(location_)); }

  void edit(std::string_view sql) {
    const auto storage = open_storage(location_, StorageMode::kWrite);
    storage->run(sql, {});
  }
  [[nodiscard]] std::string fault() const {
    return Ledger::open(location_, LedgerAccess::kRead).check(is_signature).fault.value_or("");
  }

  std::unique_ptr<LedgerPlace> place_ = make_ledger_place();
  std::string location_ = place_->location();
};

TEST_F(TamperingTest, EveryEditIsNamed) {
  ASSERT_EQ(fault(), "");
  for (const Tampering& tampering : kTamperings) {
    const auto place = make_ledger_place();
    location_ = place->location();
    static_cast<void>(lively_ledger(location_));
    edit(tampering.sql);
    EXPECT_NE(fault().find(tampering.part_of_fault), std::string::npos)
        << tampering.sql << " gives " << fault();
  }
}

/// Texts and bytes that no event accounts for, put in by the same interface as ours.
TEST_F(TamperingTest, EditedBytesAreNamed) {
  const auto expect_fault = [&](std::string_view sql, std::string_view part) {
    const auto place = make_ledger_place();
    location_ = place->location();
    static_cast<void>(lively_ledger(location_));
    const Digest other = digest_of(12345);
    open_storage(location_, StorageMode::kWrite)->run(sql, {ByteView(other)});
    EXPECT_NE(fault().find(part), std::string::npos) << sql << " gives " << fault();
  };
  expect_fault("UPDATE batches SET plan = $1 WHERE number = 2", "(prepared) does not fit");
  expect_fault("UPDATE enrolments SET statement = $1", "(enrolled) does not fit");
  expect_fault("UPDATE requests SET key = $1 WHERE id = 1", "request 1 is not the one");
  expect_fault("UPDATE requests SET content = $1 WHERE id = 2", "request 2 is not the one");
  expect_fault("UPDATE requests SET parameters = $1 WHERE id = 3", "request 3 is not the one");
  expect_fault("UPDATE request_rows SET row_hash = $1 WHERE request = 9",
               "request 9 is not the one");
  expect_fault("UPDATE chunks SET hash = $1 WHERE batch = 2 AND chunk = 0",
               "(prepared) does not fit");
  expect_fault("UPDATE releases SET certificate = $1 WHERE batch = 1", "(noised) does not fit");
  expect_fault("UPDATE releases SET annex = $1 WHERE batch = 1", "(noised) does not fit");
  expect_fault("UPDATE releases SET parameters_hash = $1 WHERE batch = 1", "(noised) does not fit");
  expect_fault("UPDATE releases SET noise_hash = $1 WHERE batch = 1", "(noised) does not fit");
  expect_fault("UPDATE sealed_noise SET noise = $1", "is not the one that was sealed");
  expect_fault("UPDATE checkpoints SET signature = $1", "(checkpoint) does not fit");
  expect_fault("UPDATE events SET former = $1 WHERE seq = 4", "event 4 does not follow");
  expect_fault("INSERT INTO erased_rows (row_hash, batch) VALUES ($1, 0)",
               "the rows that batch 0 erased");
  expect_fault("INSERT INTO request_rows (request, row_hash) VALUES (3, $1)",
               "request 3 is not the one");
}

TEST_F(TamperingTest, ACutEndIsNoticedAtOpening) {
  edit("DELETE FROM request_rows WHERE request = 10");
  edit("DELETE FROM requests WHERE id = 10");
  EXPECT_NE(fault(), "");
  const auto place = make_ledger_place();
  location_ = place->location();
  {
    Ledger ledger = Ledger::create(location_, enrolment());
    ledger.acquire();
  }
  edit("DELETE FROM events WHERE seq = 2");
  EXPECT_THROW(static_cast<void>(Ledger::open(location_, LedgerAccess::kRead)), DamagedError);
  EXPECT_THROW(static_cast<void>(Ledger::open(location_, LedgerAccess::kWrite)), DamagedError);
}

struct HalfDone {
  std::function<void(Ledger&)> last;  // what a ledger ended with
  std::string sql;                    // a part of it that is undone
};

/// Tables that are not as the last event left them: nobody goes on from there, though what is left
/// is whole in itself.
TEST_F(TamperingTest, ATableThatIsBehindTheLastEventIsNoticedByAWriter) {
  const auto batch = [](BatchStage stage) {
    return [stage](Ledger& ledger) {
      const std::int64_t number = ledger.prepare(plan_of({validated(ledger, 1, 10)}));
      if (stage >= BatchStage::kApplied) ledger.mark_applied(number);
      if (stage >= BatchStage::kNoised) ledger.seal(number, sealed_release(number));
      if (stage >= BatchStage::kReleased) ledger.mark_released(number);
      if (stage >= BatchStage::kCertified) ledger.mark_certified(number, sign);
    };
  };
  const HalfDone cases[] = {
      {batch(BatchStage::kCertified), "DELETE FROM checkpoints WHERE event > 10"},
      {batch(BatchStage::kCertified),
       "UPDATE batches SET stage = 'released', open = 1 WHERE number = 1"},
      {batch(BatchStage::kReleased), "UPDATE batches SET stage = 'noised' WHERE number = 1"},
      {batch(BatchStage::kReleased),
       "UPDATE batches SET stage = 'certified', open = NULL WHERE number = 1"},
      {batch(BatchStage::kNoised), "UPDATE batches SET stage = 'applied' WHERE number = 1"},
      {batch(BatchStage::kApplied), "UPDATE batches SET stage = 'prepared' WHERE number = 1"},
      {[](Ledger& ledger) { receive(ledger, submission(1, 10)); },
       "DELETE FROM request_rows; DELETE FROM requests"},
      {[](Ledger& ledger) { static_cast<void>(validated(ledger, 1, 10)); },
       "UPDATE requests SET state = 'received', changed = received"},
  };
  for (const HalfDone& one : cases) {
    const auto place = make_ledger_place();
    location_ = place->location();
    {
      Ledger ledger = Ledger::create(location_, enrolment());
      ledger.acquire();
      run_batch(ledger, {});
      one.last(ledger);
    }
    static_cast<void>(Ledger::open(location_, LedgerAccess::kWrite));
    for (std::size_t from = 0; from < one.sql.size();) {
      const std::size_t to = std::min(one.sql.find(';', from), one.sql.size());
      edit(one.sql.substr(from, to - from));
      from = to + 1;
    }
    expect_error<DamagedError>([&] { return Ledger::open(location_, LedgerAccess::kWrite); },
                               {"its tables are not as its last events left them"});
    EXPECT_NE(fault(), "") << one.sql;
  }
}

/// Whoever cuts the end off and mends what is left has a sound ledger: the checkpoint that another
/// person holds tells.
TEST_F(TamperingTest, AMendedEndIsToldByACheckpoint) {
  const auto place = make_ledger_place();
  location_ = place->location();
  Checkpoint held;
  {
    Ledger ledger = Ledger::create(location_, enrolment());
    ledger.acquire();
    run_batch(ledger, {});
    held = ledger.last_checkpoint().value();
  }
  for (const char* const sql :
       {"DELETE FROM checkpoints", "DELETE FROM releases", "DELETE FROM chunks",
        "DELETE FROM batches", "DELETE FROM events WHERE seq > 2",
        "UPDATE ledger SET events = 2, hash = (SELECT hash FROM events WHERE seq = 2)"}) {
    edit(sql);
  }
  EXPECT_EQ(fault(), "");
  EXPECT_FALSE(Ledger::open(location_, LedgerAccess::kRead).contains(held));
}

TEST_F(TamperingTest, CountsWhatItDerived) {
  const LedgerCheck check = Ledger::open(location_, LedgerAccess::kRead).check();
  EXPECT_EQ(check.requests, 10);
  EXPECT_EQ(check.batches, 4);
  EXPECT_EQ(check.checkpoints, 3);
  EXPECT_GT(check.events, 40);
}

}  // namespace
}  // namespace recant
