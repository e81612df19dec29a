// SPDX-License-Identifier: Apache-2.0
#include "batch_record.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "expect_error.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

using Json = nlohmann::ordered_json;

/// What no whole number is read from: a cast of most of them is undefined.
const char* const kNotWhole[] = {"2.2e125", "-1e300", "1.5",   "1.0", "18446744073709551616",
                                 "true",    "null",   "\"1\"", "[1]"};

BatchRecord sample_record() {
  BatchRecord record;
  record.generation = 7;
  record.rows = 3;
  record.emptied = {{2, 5}};
  record.ascent = AscentRun{StepRule::kConstant, AscentStop::kSteps, 40};
  return record;
}

TEST(BatchRecord, AWholeNumberIsReadFromAWholeNumberOnly) {
  const Json good = Json::parse(to_text(sample_record()));
  EXPECT_EQ(to_text(read_batch_record(good.dump(), "ledger")), good.dump());
  for (const char* member :
       {"/generation", "/rows", "/emptied/0/0", "/emptied/0/1", "/ascent/steps"}) {
    for (const char* value : kNotWhole) {
      Json changed = good;
      changed[Json::json_pointer(member)] = Json::parse(value);
      SCOPED_TRACE(std::string(member) + " = " + value);
      test::expect_error<DamagedError>([&] { return read_batch_record(changed.dump(), "ledger"); },
                                       {"ledger", "something else than records"});
    }
  }
}

TEST(EnrolmentStatement, AWholeNumberIsReadFromOneThatItsTypeHolds) {
  EnrolmentStatement statement;
  statement.budget = PrivacyBudget{1, 1e-5, 3, 4, 0, -14, 0.1546, {}};
  const Json good = Json::parse(to_text(statement));
  EXPECT_EQ(to_text(read_enrolment_statement(good.dump(), "ledger")), good.dump());
  const auto refused = [&](const std::string& member, const char* value) {
    Json changed = good;
    changed["budget"][member] = Json::parse(value);
    SCOPED_TRACE(member + " = " + value);
    test::expect_error<DamagedError>(
        [&] { return read_enrolment_statement(changed.dump(), "ledger"); }, {"ledger"});
  };
  for (const char* member : {"releases", "dimension", "sigma_exponent", "grid_exponent"}) {
    for (const char* value : kNotWhole) refused(member, value);
  }
  for (const char* member : {"releases", "dimension"}) refused(member, "9223372036854775808");
  for (const char* member : {"sigma_exponent", "grid_exponent"}) refused(member, "4294967296");
}

}  // namespace
}  // namespace recant
