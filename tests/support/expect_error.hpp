// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace recant::test {

/// Expects that `call` throws ErrorType with one line that holds all of `parts`.
template <class ErrorType, class Call>
void expect_error(Call&& call, const std::vector<std::string>& parts) {
  try {
    static_cast<void>(call());
    ADD_FAILURE() << "nothing was thrown";
  } catch (const ErrorType& error) {
    const std::string text = error.what();
    for (const std::string& part : parts) EXPECT_THAT(text, testing::HasSubstr(part));
    EXPECT_THAT(text, testing::Not(testing::HasSubstr("\n")));
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error was thrown: " << error.what();
  }
}

}  // namespace recant::test
