// SPDX-License-Identifier: Apache-2.0
// What a ledger does, on whichever database make_ledger_place() gives.
#include "recant/ledger/ledger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "expect_error.hpp"
#include "ledger_life.hpp"
#include "ledger_place.hpp"
#include "recant/core/error.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

using namespace test;

class LedgerTest : public testing::Test {
 protected:
  [[nodiscard]] Ledger create(std::optional<std::int64_t> releases = 100) const {
    Ledger ledger = Ledger::create(location_, enrolment(releases));
    ledger.acquire();
    return ledger;
  }
  [[nodiscard]] Ledger open(LedgerAccess access = LedgerAccess::kRead) const {
    return Ledger::open(location_, access);
  }
  static void expect_sound(const Ledger& ledger) {
    EXPECT_EQ(ledger.check(is_signature).fault, std::nullopt);
  }

  std::unique_ptr<LedgerPlace> place_ = make_ledger_place();
  std::string location_ = place_->location();
};

TEST_F(LedgerTest, ANewOneIsEmptyAndEnrolled) {
  const Ledger ledger = Ledger::create(location_, enrolment(7));
  const LedgerStatistics statistics = ledger.statistics();
  EXPECT_EQ(statistics.events, 1);
  EXPECT_EQ(statistics.batches, 0);
  EXPECT_EQ(statistics.budget.model_id, enrolment().model_id);
  EXPECT_EQ(statistics.budget.statement, enrolment().statement);
  EXPECT_EQ(statistics.budget.releases, 7);
  EXPECT_EQ(statistics.budget.used, 0);
  EXPECT_EQ(ledger.events(0, 10).at(0).kind, "enrolled");
  EXPECT_FALSE(ledger.open_batch().has_value());
  EXPECT_FALSE(ledger.last_batch().has_value());
  EXPECT_FALSE(ledger.last_checkpoint().has_value());
  expect_sound(ledger);
}

TEST_F(LedgerTest, IsMadeOnceAndOpenedOnlyIfThere) {
  EXPECT_THROW(static_cast<void>(open()), NotFoundError);
  static_cast<void>(create());
  EXPECT_THROW(static_cast<void>(create()), UsageError);
  expect_sound(open());
  expect_sound(open(LedgerAccess::kWrite));
}

TEST_F(LedgerTest, EnrolmentsThatAreNoneAreRefusedAndLeaveNothing) {
  for (const EnrolmentRecord& wrong :
       {EnrolmentRecord{.model_id = "abc", .releases = {}, .statement = {}},
        EnrolmentRecord{.model_id = std::string(32, 'G'), .releases = {}, .statement = {}},
        EnrolmentRecord{.model_id = std::string(32, 'a'), .releases = 0, .statement = {}}}) {
    EXPECT_THROW(static_cast<void>(Ledger::create(location_, wrong)), UsageError);
  }
  EXPECT_THROW(static_cast<void>(open()), NotFoundError);
}

TEST_F(LedgerTest, ReadersDoNotWriteAndWritersAcquireFirst) {
  Ledger writer = Ledger::create(location_, enrolment());
  Ledger reader = open();
  const Submission one = submission(1, 1);
  EXPECT_THROW(reader.acquire(), UsageError);
  EXPECT_THROW(reader.receive(std::span(&one, 1)), UsageError);
  EXPECT_THROW(static_cast<void>(writer.prepare(plan_of({}))), UsageError);
  EXPECT_EQ(receive(writer, one), 1);  // requests come in without
  EXPECT_THROW(decide(writer, 1, RequestEvent::kValidated), UsageError);
  writer.acquire();
  decide(writer, 1, RequestEvent::kValidated);
  EXPECT_EQ(reader.request(1).state, RequestState::kValidated);
}

TEST_F(LedgerTest, ARequestIsKeptAsItCame) {
  Ledger ledger = create();
  Submission sent = submission(1, 5, 3);
  std::reverse(sent.rows.begin(), sent.rows.end());
  sent.parameters = std::string("any bytes \0\xFF\n", 13);
  const auto receipts = ledger.receive(std::span(&sent, 1));
  EXPECT_TRUE(receipts.at(0).first);
  const Request kept = ledger.request(receipts[0].request);
  EXPECT_EQ(kept.key, sent.key);
  EXPECT_EQ(kept.content, sent.content);
  EXPECT_EQ(kept.parameters, sent.parameters);
  EXPECT_EQ(kept.state, RequestState::kReceived);
  EXPECT_EQ(kept.reason, "");
  EXPECT_FALSE(kept.batch.has_value());
  EXPECT_EQ(kept.received_at, kept.changed_at);
  EXPECT_EQ(kept.received_at, ledger.statistics().changed_at);
  std::sort(sent.rows.begin(), sent.rows.end());
  EXPECT_EQ(ledger.rows_of_request(1), sent.rows);
  EXPECT_EQ(ledger.find(sent.key)->id, 1);
  EXPECT_FALSE(ledger.find(key_of(2)).has_value());
  EXPECT_THROW(static_cast<void>(ledger.request(2)), NotFoundError);
  EXPECT_THROW(static_cast<void>(ledger.rows_of_request(2)), NotFoundError);
}

TEST_F(LedgerTest, TheSameKeyAnswersWithTheFirstOutcome) {
  Ledger ledger = create();
  const std::vector<Submission> both = {submission(1, 1), submission(1, 1)};
  const auto receipts = ledger.receive(both);
  EXPECT_TRUE(receipts[0].first);
  EXPECT_FALSE(receipts[1].first);
  EXPECT_EQ(receipts[1].request, 1);
  decide(ledger, 1, RequestEvent::kCancelled);
  Submission again = submission(1, 1);
  again.parameters = "another version would pin this";
  const Receipt receipt = ledger.receive(std::span(&again, 1)).front();
  EXPECT_FALSE(receipt.first);
  EXPECT_EQ(receipt.request, 1);
  EXPECT_EQ(receipt.state, RequestState::kCancelled);
  EXPECT_EQ(ledger.request(1).parameters, both[0].parameters);
  expect_sound(ledger);
}

TEST_F(LedgerTest, TheSameKeyWithOtherContentTakesNothingIn) {
  Ledger ledger = create();
  receive(ledger, submission(1, 1));
  const std::int64_t events = ledger.statistics().events;
  const std::vector<Submission> several = {submission(2, 2), submission(1, 3)};
  expect_error<UsageError>([&] { return ledger.receive(several); },
                           {"submission 2 of 2", "other content"});
  EXPECT_FALSE(ledger.find(key_of(2)).has_value());
  EXPECT_EQ(ledger.statistics().events, events);
  expect_sound(ledger);
}

TEST_F(LedgerTest, SubmissionsThatAreNoneTakeNothingIn) {
  Ledger ledger = create();
  Submission empty = submission(1, 1);
  empty.rows.clear();
  expect_error<UsageError>([&] { return receive(ledger, empty); },
                           {"submission 1 of 1", "at least one row"});
  Submission twice = submission(1, 1);
  twice.rows.push_back(twice.rows[0]);
  expect_error<UsageError>([&] { return receive(ledger, twice); }, {"a row twice"});
  EXPECT_TRUE(ledger.receive({}).empty());
  EXPECT_EQ(ledger.statistics().requests[0], 0);
}

/// Every event asked for in every state that decisions and batches lead to.
TEST_F(LedgerTest, DecidesWhatTheStateMachineAllowsAndNothingElse) {
  Ledger ledger = create();
  std::uint64_t number = 0;
  const auto request_in = [&](RequestState state) {
    ++number;
    const std::int64_t id = receive(ledger, submission(number, number));
    const auto then = [&](RequestEvent event) { decide(ledger, id, event); };
    switch (state) {
      case RequestState::kReceived:
        break;
      case RequestState::kValidated:
        then(RequestEvent::kValidated);
        break;
      case RequestState::kApplied:
      case RequestState::kNoised:
      case RequestState::kReleased:
      case RequestState::kCertified: {
        then(RequestEvent::kValidated);
        const std::int64_t batch = ledger.prepare(plan_of({id}));
        ledger.mark_applied(batch);
        if (state == RequestState::kApplied) break;
        ledger.seal(batch, sealed_release(batch));
        if (state == RequestState::kNoised) break;
        ledger.mark_released(batch);
        if (state == RequestState::kReleased) break;
        ledger.mark_certified(batch, sign);
        break;
      }
      case RequestState::kRejected:
        then(RequestEvent::kRejected);
        break;
      case RequestState::kNotFound:
        then(RequestEvent::kNotFound);
        break;
      case RequestState::kAlreadyErased:
        then(RequestEvent::kAlreadyErased);
        break;
      case RequestState::kCancelled:
        then(RequestEvent::kCancelled);
        break;
      case RequestState::kFailedRetryable:
        then(RequestEvent::kFailed);
        break;
      case RequestState::kFailedFinal:
        then(RequestEvent::kGivenUp);
        break;
    }
    EXPECT_EQ(ledger.request(id).state, state);
    return id;
  };
  const std::set<RequestEvent> of_batches = {RequestEvent::kApplied, RequestEvent::kNoised,
                                             RequestEvent::kReleased, RequestEvent::kCertified};
  for (std::size_t s = 0; s < kRequestStates; ++s) {
    for (std::size_t e = 0; e < kRequestEvents; ++e) {
      const auto state = static_cast<RequestState>(s);
      const auto event = static_cast<RequestEvent>(e);
      const std::int64_t id = request_in(state);
      const auto next = next_state(state, event);
      if (next && !of_batches.contains(event)) {
        decide(ledger, id, event, "why_not");
        EXPECT_EQ(ledger.request(id).state, *next);
        EXPECT_EQ(ledger.request(id).reason, "why_not");
      } else {
        EXPECT_THROW(decide(ledger, id, event), UsageError) << name(state) << " " << name(event);
        EXPECT_EQ(ledger.request(id).state, state);
      }
      finish(ledger);
    }
  }
  expect_sound(ledger);
}

TEST_F(LedgerTest, DecisionsAreAllOrNone) {
  Ledger ledger = create();
  receive(ledger, submission(1, 1));
  const std::vector<Decision> decisions = {{.request = 1, .event = RequestEvent::kValidated},
                                           {.request = 2, .event = RequestEvent::kValidated}};
  EXPECT_THROW(ledger.decide(decisions), NotFoundError);
  EXPECT_EQ(ledger.request(1).state, RequestState::kReceived);
  EXPECT_THROW(decide(ledger, 1, RequestEvent::kRejected, "Anna Schmidt"), UsageError);
  EXPECT_THROW(decide(ledger, 1, RequestEvent::kRejected, std::string(65, 'a')), UsageError);
  EXPECT_EQ(ledger.request(1).state, RequestState::kReceived);
  ledger.decide({});
}

TEST_F(LedgerTest, ABatchGoesThroughItsStages) {
  Ledger ledger = create();
  const std::int64_t first = validated(ledger, 1, 10, 2), second = validated(ledger, 2, 20);
  const BatchPlan plan = plan_of({second, first});
  EXPECT_EQ(ledger.prepare(plan), 0);

  Batch batch = ledger.open_batch().value();
  EXPECT_EQ(batch.stage, BatchStage::kPrepared);
  EXPECT_EQ(batch.plan, plan.plan);
  EXPECT_EQ(batch.requests, (std::vector<std::int64_t>{first, second}));
  EXPECT_EQ(ledger.request(first).batch, 0);
  EXPECT_EQ(ledger.rows_of_batch(0).size(), 3U);
  EXPECT_EQ(ledger.chunks_of_batch(0).size(), 2U);
  EXPECT_EQ(ledger.chunks_of_batch(0)[0].chunk, 0);
  EXPECT_TRUE(ledger.chunks().empty());
  EXPECT_FALSE(ledger.erased(row_of(10)));
  EXPECT_FALSE(ledger.release_of_batch(0).has_value());

  ledger.mark_applied(0);
  EXPECT_EQ(ledger.request(first).state, RequestState::kApplied);
  EXPECT_EQ(ledger.chunks().size(), 2U);
  EXPECT_TRUE(ledger.erased(row_of(10)) && ledger.erased(row_of(11)) && ledger.erased(row_of(20)));
  EXPECT_EQ(ledger.erased_rows(), ledger.rows_of_batch(0));

  ledger.seal(0, sealed_release(0));
  EXPECT_EQ(ledger.request(second).state, RequestState::kNoised);
  Release release = ledger.release_of_batch(0).value();
  EXPECT_EQ(release.release, 1);
  EXPECT_EQ(release.enrolment, 1);
  EXPECT_EQ(release.noise, sealed_release(0).noise);
  EXPECT_EQ(release.certificate, sealed_release(0).certificate);
  EXPECT_EQ(release.annex, sealed_release(0).annex);
  EXPECT_EQ(release.parameters_hash, sealed_release(0).parameters_hash);
  EXPECT_EQ(ledger.budget().used, 1);
  expect_sound(ledger);

  ledger.mark_released(0);
  EXPECT_EQ(ledger.open_batch()->stage, BatchStage::kReleased);
  ledger.mark_certified(0, sign);
  EXPECT_FALSE(ledger.open_batch().has_value());
  EXPECT_EQ(ledger.last_batch()->stage, BatchStage::kCertified);
  EXPECT_EQ(ledger.request(first).state, RequestState::kCertified);
  EXPECT_EQ(ledger.release_of_batch(0)->noise, "");
  const Checkpoint checkpoint = ledger.last_checkpoint().value();
  EXPECT_EQ(checkpoint.releases, 1);
  EXPECT_EQ(checkpoint.model_id, enrolment().model_id);
  EXPECT_EQ(checkpoint.signature, sign(checkpoint_statement(checkpoint)));
  EXPECT_TRUE(ledger.contains(checkpoint));
  expect_sound(ledger);
}

TEST_F(LedgerTest, StagesAreNotLeftOutOrRepeated) {
  Ledger ledger = create();
  const auto steps = [&](std::int64_t n) {
    return std::vector<std::function<void()>>{[&ledger, n] { ledger.mark_applied(n); },
                                              [&ledger, n] { ledger.seal(n, sealed_release(n)); },
                                              [&ledger, n] { ledger.mark_released(n); },
                                              [&ledger, n] { ledger.mark_certified(n, sign); }};
  };
  EXPECT_THROW(steps(0)[0](), NotFoundError);
  static_cast<void>(ledger.prepare(plan_of({})));
  for (std::size_t stage = 0; stage <= 4; ++stage) {
    for (std::size_t step = 0; step < 4; ++step) {
      if (step != stage) {
        EXPECT_THROW(steps(0)[step](), UsageError) << stage << " " << step;
      }
    }
    if (stage < 4) {
      EXPECT_THROW(static_cast<void>(ledger.prepare(plan_of({}))), UsageError);
      steps(0)[stage]();
    }
  }
  EXPECT_EQ(ledger.budget().used, 1);
  EXPECT_THROW(ledger.mark_certified(0, {}), UsageError);
  expect_sound(ledger);
}

TEST_F(LedgerTest, PlansThatCannotBeCarriedOutLeaveNothing) {
  Ledger ledger = create();
  run_batch(ledger, {validated(ledger, 1, 10)});
  const std::int64_t fresh = validated(ledger, 2, 20, 2), overlapping = validated(ledger, 3, 21),
                     erased = validated(ledger, 4, 10),
                     unvalidated = receive(ledger, submission(5, 50));
  const std::int64_t events = ledger.statistics().events;
  EXPECT_THROW(static_cast<void>(ledger.prepare(plan_of({fresh, overlapping}))), UsageError);
  EXPECT_THROW(static_cast<void>(ledger.prepare(plan_of({fresh, erased}))), UsageError);
  EXPECT_THROW(static_cast<void>(ledger.prepare(plan_of({fresh, unvalidated}))), UsageError);
  EXPECT_THROW(static_cast<void>(ledger.prepare(plan_of({fresh, fresh}))), UsageError);
  EXPECT_THROW(static_cast<void>(ledger.prepare(plan_of({fresh, 99}))), NotFoundError);
  BatchPlan plan = plan_of({fresh});
  plan.chunks.push_back(plan.chunks[0]);
  EXPECT_THROW(static_cast<void>(ledger.prepare(plan)), UsageError);
  plan.chunks = {{.file = "rows/a b", .chunk = 0}};
  EXPECT_THROW(static_cast<void>(ledger.prepare(plan)), UsageError);
  plan.chunks = {{.file = "rows/a", .chunk = -1}};
  EXPECT_THROW(static_cast<void>(ledger.prepare(plan)), UsageError);
  EXPECT_FALSE(ledger.open_batch().has_value());
  EXPECT_FALSE(ledger.request(fresh).batch.has_value());
  EXPECT_EQ(ledger.statistics().events, events);
  expect_sound(ledger);
}

TEST_F(LedgerTest, ABatchIsNotMadeFromAnOlderModelThanTheLast) {
  Ledger ledger = create();
  run_batch(ledger, {});
  run_batch(ledger, {validated(ledger, 1, 1)});
  BatchPlan plan = plan_of({validated(ledger, 2, 2)});
  for (const std::int64_t other : {0, 2}) {
    plan.after = other;
    expect_error<BusyError>([&] { return ledger.prepare(plan); },
                            {"batch 2 was made from what is older than batch 1"});
  }
  EXPECT_FALSE(ledger.open_batch().has_value());
  plan.after = 1;
  EXPECT_EQ(ledger.prepare(plan), 2);
}

TEST_F(LedgerTest, APreparedRequestIsNotCancelledAnyMore) {
  Ledger ledger = create();
  const std::int64_t id = validated(ledger, 1, 1);
  static_cast<void>(ledger.prepare(plan_of({id})));
  expect_error<UsageError>(
      [&] {
        decide(ledger, id, RequestEvent::kCancelled);
        return 0;
      },
      {"part of batch 0"});
  finish(ledger);
  EXPECT_EQ(ledger.request(id).state, RequestState::kCertified);
}

TEST_F(LedgerTest, TheBudgetEndsAndBeginsAnewWithAnEnrolment) {
  Ledger ledger = create(2);
  run_batch(ledger, {});
  EXPECT_FALSE(ledger.budget().spent());
  run_batch(ledger, {validated(ledger, 1, 1)});
  EXPECT_TRUE(ledger.budget().spent());
  const std::int64_t id = validated(ledger, 2, 2);
  expect_error<UsageError>([&] { return ledger.prepare(plan_of({id})); },
                           {"the budget of 2 releases is spent"});
  BatchPlan anew = plan_of({id});
  anew.enrolment = enrolment(1, 'b');
  EXPECT_EQ(ledger.prepare(anew), 2);
  finish(ledger);
  EXPECT_EQ(ledger.budget().model_id, std::string(32, 'b'));
  EXPECT_EQ(ledger.budget().used, 1);
  EXPECT_EQ(ledger.release_of_batch(2)->enrolment, 2);
  EXPECT_EQ(ledger.release_of_batch(2)->release, 1);
  EXPECT_EQ(ledger.last_checkpoint()->model_id, std::string(32, 'b'));
  expect_sound(ledger);
}

TEST_F(LedgerTest, WithoutABudgetReleasesAreCountedAndNotLimited) {
  Ledger ledger = create(std::nullopt);
  for (int i = 0; i < 3; ++i) run_batch(ledger, {});
  EXPECT_EQ(ledger.budget().used, 3);
  EXPECT_FALSE(ledger.budget().spent());
  SealedRelease without_noise = sealed_release(3);
  without_noise.noise.clear();
  const std::int64_t batch = ledger.prepare(plan_of({}));
  ledger.mark_applied(batch);
  ledger.seal(batch, without_noise);
  expect_sound(ledger);
  finish(ledger);
  expect_sound(ledger);
}

TEST_F(LedgerTest, AWriterThatLostItsTurnCannotWriteAtAll) {
  Ledger first = create();
  const std::int64_t batch = first.prepare(plan_of({validated(first, 1, 1)}));
  Ledger second = open(LedgerAccess::kWrite);
  EXPECT_GT(second.acquire(), 1);
  const Submission one = submission(2, 2);
  EXPECT_THROW(first.mark_applied(batch), BusyError);
  EXPECT_THROW(first.receive(std::span(&one, 1)), BusyError);
  EXPECT_THROW(decide(first, 1, RequestEvent::kCancelled), BusyError);
  EXPECT_EQ(first.open_batch()->stage, BatchStage::kPrepared);
  second.mark_applied(batch);
  expect_sound(second);
}

TEST_F(LedgerTest, TheNextWriterFinishesWhatIsOpen) {
  for (int stage = 0; stage < 4; ++stage) {
    Ledger ledger = stage == 0 ? create() : open(LedgerAccess::kWrite);
    if (stage > 0) ledger.acquire();
    finish(ledger);
    const std::int64_t batch = ledger.prepare(plan_of({}));
    if (stage > 0) ledger.mark_applied(batch);
    if (stage > 1) ledger.seal(batch, sealed_release(batch));
    if (stage > 2) ledger.mark_released(batch);
  }
  Ledger ledger = open(LedgerAccess::kWrite);
  ledger.acquire();
  finish(ledger);
  EXPECT_EQ(ledger.budget().used, 4);
  EXPECT_EQ(ledger.statistics().batches, 4);
  expect_sound(ledger);
}

TEST_F(LedgerTest, CurrentChunksAreTheNewestOfAppliedBatches) {
  Ledger ledger = create();
  const auto batch_with = [&](std::vector<ChunkHash> chunks) {
    BatchPlan plan = plan_of({});
    plan.chunks = std::move(chunks);
    return ledger.prepare(plan);
  };
  batch_with({{.file = "b", .chunk = 0, .hash = digest_of(1)},
              {.file = "a", .chunk = 10, .hash = digest_of(2)}});
  finish(ledger);
  batch_with({{.file = "a", .chunk = 9, .hash = digest_of(3)},
              {.file = "b", .chunk = 0, .hash = digest_of(4)}});
  const auto hashes = [&] {
    std::vector<std::tuple<std::string, std::int64_t, Digest>> all;
    for (const ChunkHash& c : ledger.chunks()) all.emplace_back(c.file, c.chunk, c.hash);
    return all;
  };
  using All = std::vector<std::tuple<std::string, std::int64_t, Digest>>;
  EXPECT_EQ(hashes(), (All{{"a", 10, digest_of(2)}, {"b", 0, digest_of(1)}}));
  finish(ledger);
  EXPECT_EQ(hashes(),
            (All{{"a", 9, digest_of(3)}, {"a", 10, digest_of(2)}, {"b", 0, digest_of(4)}}));
}

TEST_F(LedgerTest, ListsRequestsByStatePageByPage) {
  Ledger ledger = create();
  for (std::uint64_t i = 1; i <= 7; ++i) receive(ledger, submission(i, i));
  decide(ledger, 4, RequestEvent::kCancelled);
  std::vector<std::int64_t> ids;
  for (std::int64_t after = 0;;) {
    const auto page = ledger.requests(RequestState::kReceived, after, 2);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 2U);
    for (const Request& request : page) ids.push_back(request.id);
    after = page.back().id;
  }
  EXPECT_EQ(ids, (std::vector<std::int64_t>{1, 2, 3, 5, 6, 7}));
}

TEST_F(LedgerTest, EventsAreAChain) {
  const Ledger ledger = lively_ledger(location_);
  const auto events = ledger.events(0, 1000);
  ASSERT_EQ(static_cast<std::int64_t>(events.size()), ledger.statistics().events);
  Digest former{};
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].seq, static_cast<std::int64_t>(i + 1));
    EXPECT_EQ(events[i].former, former);
    former = events[i].hash;
  }
  EXPECT_EQ(former, ledger.statistics().head);
  const auto middle = ledger.events(3, 2);
  ASSERT_EQ(middle.size(), 2U);
  EXPECT_EQ(middle[0].seq, 4);
}

TEST_F(LedgerTest, StatisticsCountEverything) {
  const Ledger ledger = lively_ledger(location_);
  const LedgerStatistics statistics = ledger.statistics();
  const auto count = [&](RequestState state) {
    return statistics.requests[static_cast<std::size_t>(state)];
  };
  EXPECT_EQ(count(RequestState::kCertified), 3);
  EXPECT_EQ(count(RequestState::kNotFound), 1);
  EXPECT_EQ(count(RequestState::kAlreadyErased), 1);
  EXPECT_EQ(count(RequestState::kCancelled), 1);
  EXPECT_EQ(count(RequestState::kRejected), 1);
  EXPECT_EQ(count(RequestState::kNoised), 1);
  EXPECT_EQ(count(RequestState::kValidated), 1);
  EXPECT_EQ(count(RequestState::kReceived), 1);
  EXPECT_EQ(statistics.rows_erased, 8);
  EXPECT_EQ(statistics.batches, 4);
  EXPECT_EQ(statistics.open_batch, 3);
  EXPECT_EQ(statistics.budget.used, 4);
}

TEST_F(LedgerTest, ReadTogetherSeesOneMoment) {
  Ledger writer = create();
  const Ledger reader = open();
  reader.read_together([&] {
    EXPECT_EQ(reader.statistics().requests[0], 0);
    receive(writer, submission(1, 1));  // not held up by the reader
    EXPECT_EQ(reader.statistics().requests[0], 0);
    EXPECT_FALSE(reader.find(key_of(1)).has_value());
    reader.read_together([&] { EXPECT_FALSE(reader.find(key_of(1)).has_value()); });
  });
  EXPECT_EQ(reader.statistics().requests[0], 1);
}

TEST_F(LedgerTest, ACheckpointIsMissedByALedgerThatIsBehind) {
  Ledger ledger = create();
  run_batch(ledger, {});
  const Checkpoint old = ledger.last_checkpoint().value();
  const TemporaryFolder folder;
  ledger.backup_to(folder / "old.sqlite");
  run_batch(ledger, {});
  const Checkpoint now = ledger.last_checkpoint().value();
  const Ledger restored = Ledger::open(folder / "old.sqlite", LedgerAccess::kRead);
  EXPECT_TRUE(restored.contains(old));
  EXPECT_FALSE(restored.contains(now));
  EXPECT_TRUE(ledger.contains(old) && ledger.contains(now));
  Checkpoint forged = now;
  forged.hash[0] ^= 1;
  EXPECT_FALSE(ledger.contains(forged));
}

TEST_F(LedgerTest, ABackupIsTheSameLedger) {
  const TemporaryFolder folder;
  const Ledger ledger = lively_ledger(location_);
  ledger.backup_to(folder / "copy.sqlite");
  EXPECT_THROW(ledger.backup_to(folder / "copy.sqlite"), UsageError);
  Ledger copy = Ledger::open(folder / "copy.sqlite", LedgerAccess::kWrite);
  EXPECT_EQ(copy.statistics().head, ledger.statistics().head);
  EXPECT_EQ(copy.statistics().requests, ledger.statistics().requests);
  EXPECT_EQ(copy.erased_rows(), ledger.erased_rows());
  EXPECT_EQ(copy.release_of_batch(3)->noise, ledger.release_of_batch(3)->noise);
  expect_sound(copy);
  copy.acquire();
  finish(copy);
  expect_sound(copy);
  EXPECT_THROW(ledger.backup_to(folder / "no/such/folder/copy.sqlite"), DataError);
}

TEST_F(LedgerTest, SignaturesAreCheckedWhereAsked) {
  Ledger ledger = create();
  run_batch(ledger, {});
  EXPECT_EQ(ledger.check().fault, std::nullopt);
  const LedgerCheck found =
      ledger.check([](std::string_view, const std::vector<std::uint8_t>&) { return false; });
  ASSERT_TRUE(found.fault.has_value());
  EXPECT_THAT(*found.fault, testing::HasSubstr("signature"));
}

TEST_F(LedgerTest, ASignerThatFailsLeavesTheBatchReleased) {
  Ledger ledger = create();
  const std::int64_t batch = ledger.prepare(plan_of({}));
  ledger.mark_applied(batch);
  ledger.seal(batch, sealed_release(batch));
  ledger.mark_released(batch);
  EXPECT_THROW(
      ledger.mark_certified(
          batch, [](std::string_view) -> std::vector<std::uint8_t> { throw DataError("no key"); }),
      DataError);
  EXPECT_EQ(ledger.open_batch()->stage, BatchStage::kReleased);
  EXPECT_EQ(ledger.release_of_batch(batch)->noise, sealed_release(batch).noise);
  finish(ledger);
  expect_sound(ledger);
}

}  // namespace
}  // namespace recant
