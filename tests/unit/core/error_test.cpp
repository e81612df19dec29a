// SPDX-License-Identifier: Apache-2.0
#include "recant/core/error.hpp"

#include <gtest/gtest.h>

#include <set>

namespace recant {
namespace {

TEST(Error, TextIsWhereMessageHintWithEmptyPartsLeftOut) {
  EXPECT_STREQ(DataError("m").what(), "m");
  EXPECT_STREQ(DataError("m", "w").what(), "w: m");
  EXPECT_STREQ(DataError("m", "", "h").what(), "m; h");
  EXPECT_STREQ(DataError("m", "w", "h").what(), "w: m; h");
}

TEST(Error, KeepsItsParts) {
  const DataError error("cell is empty", "a.csv:3", "use --missing drop");
  EXPECT_EQ(error.kind(), ErrorKind::kData);
  EXPECT_EQ(error.message(), "cell is empty");
  EXPECT_EQ(error.where(), "a.csv:3");
  EXPECT_EQ(error.hint(), "use --missing drop");
}

TEST(Error, EachTypeCarriesItsKindAndIsCaughtAsErrorAndAsStdException) {
  EXPECT_EQ(UsageError("").kind(), ErrorKind::kUsage);
  EXPECT_EQ(DataError("").kind(), ErrorKind::kData);
  EXPECT_EQ(DamagedError("").kind(), ErrorKind::kDamaged);
  EXPECT_EQ(BusyError("").kind(), ErrorKind::kBusy);
  EXPECT_EQ(NotFoundError("").kind(), ErrorKind::kNotFound);
  EXPECT_EQ(InternalError("").kind(), ErrorKind::kInternal);
  EXPECT_THROW(throw BusyError("x"), Error);
  EXPECT_THROW(throw BusyError("x"), std::runtime_error);
}

TEST(Error, KindsHaveDistinctNames) {
  std::set<std::string_view> names;
  for (const auto kind : {ErrorKind::kUsage, ErrorKind::kData, ErrorKind::kDamaged,
                          ErrorKind::kBusy, ErrorKind::kNotFound, ErrorKind::kInternal}) {
    names.insert(name(kind));
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"usage", "data", "damaged", "busy", "not_found",
                                               "internal"}));
}

}  // namespace
}  // namespace recant
