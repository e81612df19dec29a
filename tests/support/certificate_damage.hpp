// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "sample_certificates.hpp"

namespace recant::test {

inline void flip(std::string& text, std::size_t bit) {
  text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
}

/// One random certificate under every flip of one bit, counted.
inline void expect_no_flipped_bit_fits(SampleCertificates& samples, std::size_t& flips) {
  const Sample sample = samples.any();
  const SigningKey key = samples.key();
  VerificationFiles files{.certificate = issue(sample.statement, sample.annex, key).certificate,
                          .public_key = key.public_key_text()};
  ASSERT_EQ(failure(files), "");
  for (std::size_t bit = 0; bit < 8 * files.certificate.size(); ++bit) {
    flip(files.certificate, bit);
    ASSERT_NE(failure(files), "") << "bit " << bit << " of " << files.certificate;
    flip(files.certificate, bit);
    ++flips;
  }
}

using Members = std::vector<std::pair<std::string, std::string>>;

/// The members of the outermost object as they stand: name, value.
inline Members members_of(const std::string& file) {
  Members members;
  int depth = 0;
  bool quoted = false;
  std::size_t begin = 1;
  for (std::size_t i = 1; i < file.size(); ++i) {
    const char c = file[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '{' || c == '[')) {
      ++depth;
    } else if (!quoted && depth == 0 && (c == ',' || c == '}')) {
      const std::string member = file.substr(begin, i - begin);
      const std::size_t colon = member.find(':');
      members.emplace_back(member.substr(0, colon), member.substr(colon + 1));
      begin = i + 1;
    } else if (!quoted && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return members;
}

inline std::string joined(const Members& members) {
  std::string text;
  for (const auto& [name, value] : members) {
    text += text.empty() ? "{" : ",";
    text += name + ":" + value;
  }
  return text + "}\n";
}

inline Members with_swap(Members members, std::size_t a, std::size_t b, bool values_only) {
  std::swap(members[a].second, members[b].second);
  if (!values_only) std::swap(members[a].first, members[b].first);
  return members;
}

}  // namespace recant::test
