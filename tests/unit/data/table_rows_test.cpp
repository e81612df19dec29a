// SPDX-License-Identifier: Apache-2.0
#include "table_rows.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "temporary_folder.hpp"

namespace recant {
namespace {

TEST(TableRows, AFileWithOtherColumnsThanBeforeIsNotReadOn) {
  for (const bool header : {true, false}) {
    test::TemporaryFolder folder;
    const auto path = folder.write("rows.csv", "a,b,c\n1,2,3\n4,5,6\n");
    TableOptions options;
    options.header = header;
    TableRows rows(path, options, CsvReader::Reading::kTwice);
    rows.use({2});
    while (rows.next()) EXPECT_FALSE(rows.cell(2).empty());
    rows.rewind();
    ASSERT_TRUE(rows.next());
    folder.write("rows.csv", "a,b\n1,2\n");
    test::expect_error<DataError>([&] { rows.rewind(); }, {"rows.csv", "has changed"});
  }
}

}  // namespace
}  // namespace recant
