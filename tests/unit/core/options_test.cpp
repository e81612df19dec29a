// SPDX-License-Identifier: Apache-2.0
#include "recant/core/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Example {
  double tolerance = 1e-10;
  int rounds = 3;
  double share = 0.5;
  double shift = -1;
  double anything = kNaN;
  std::optional<double> target;
  bool polish = true;
  std::string label = "x";

  static constexpr auto fields() {
    return std::tuple{Field{"tolerance", &Example::tolerance, "a", Accept::kPositive},
                      Field{"rounds", &Example::rounds, "b", Accept::kNonNegative},
                      Field{"share", &Example::share, "c", Accept::kUnitInterval},
                      Field{"shift", &Example::shift, "d", Accept::kFinite},
                      Field{"anything", &Example::anything, "e"},
                      Field{"target", &Example::target, "f", Accept::kNonNegative},
                      Field{"polish", &Example::polish, "g"},
                      Field{"label", &Example::label, "h"}};
  }
};

TEST(Options, FieldsAreVisitedInOrder) {
  std::vector<std::string_view> names;
  for_each_field<Example>([&](const auto& field) { names.push_back(field.name); });
  EXPECT_THAT(names, testing::ElementsAre("tolerance", "rounds", "share", "shift", "anything",
                                          "target", "polish", "label"));
}

TEST(Options, AFieldReadsAndWritesItsMember) {
  Example options;
  for_each_field<Example>([&](const auto& field) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(options.*(field.member))>, int>) {
      options.*(field.member) = 7;
    }
  });
  EXPECT_EQ(options.rounds, 7);
}

TEST(Options, DefaultsAreValid) {
  EXPECT_NO_THROW(validate(Example{}));
}

TEST(Options, EveryBoundIsChecked) {
  EXPECT_THROW(validate(Example{.tolerance = 0}), UsageError);
  EXPECT_THROW(validate(Example{.tolerance = kNaN}), UsageError);
  EXPECT_THROW(validate(Example{.rounds = -1}), UsageError);
  EXPECT_NO_THROW(validate(Example{.rounds = 0}));
  EXPECT_THROW(validate(Example{.share = 1.5}), UsageError);
  EXPECT_NO_THROW(validate(Example{.share = 1}));
  EXPECT_THROW(validate(Example{.shift = std::numeric_limits<double>::infinity()}), UsageError);
}

TEST(Options, AnOptionalIsCheckedOnlyWhenSet) {
  EXPECT_NO_THROW(validate(Example{.target = 0}));
  EXPECT_THROW(validate(Example{.target = -1}), UsageError);
  EXPECT_THROW(validate(Example{.target = kNaN}), UsageError);
}

TEST(Options, TheMessageNamesTheField) {
  try {
    validate(Example{.share = 2});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "share must be between 0 and 1, but is 2");
  }
}

}  // namespace
}  // namespace recant
