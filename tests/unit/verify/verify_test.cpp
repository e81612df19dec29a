// SPDX-License-Identifier: Apache-2.0
// What the issuing code writes fits, and nothing else does.
#include "recant/verify/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "certificate_damage.hpp"
#include "sample_certificates.hpp"

namespace recant::test {
namespace {

using testing::HasSubstr;

VerificationFiles files_of(const Sample& sample, const SigningKey& key) {
  const IssuedCertificate issued = issue(sample.statement, sample.annex, key);
  return {.certificate = issued.certificate,
          .public_key = key.public_key_text(),
          .parameters = npy(sample.parameters),
          .annex = issued.annex};
}

/// Three releases of one enrolment, and the last with both before it.
struct Chain {
  explicit Chain(std::uint64_t seed)
      : samples(seed), key(samples.key()), sample(samples.certified()) {
    for (int i = 0; i < 3; ++i) {
      if (i > 0) samples.next_release(sample, certificates.back());
      certificates.push_back(issue(sample.statement, sample.annex, key).certificate);
    }
    files = files_of(sample, key);
    files.previous = {certificates[0], certificates[1]};
  }
  SampleCertificates samples;
  SigningKey key;
  Sample sample;
  std::vector<std::string> certificates;
  VerificationFiles files;
};

TEST(Verify, WhatIsIssuedFits) {
  SampleCertificates samples(1);
  int complete = 0;
  for (int i = 0; i < 300; ++i) {
    const Sample sample = samples.any();
    const VerificationFiles files = files_of(sample, samples.key());
    EXPECT_EQ(failure(files), "") << files.certificate;
    const Verification verification = verify(files);
    EXPECT_EQ(verification.complete(), sample.statement.budget.has_value());
    complete += verification.complete();
    EXPECT_EQ(verification.members.at("level").front(), name(sample.statement.level));
    if (!sample.statement.assumptions.empty()) {
      EXPECT_EQ(verification.members.at("assumptions"), sample.statement.assumptions);
    }
  }
  EXPECT_GT(complete, 100);
  EXPECT_LT(complete, 300);
}

TEST(Verify, BudgetsOfAllSizesFit) {
  SampleCertificates samples(2);
  const SigningKey key = samples.key();
  for (const double epsilon : {1e-4, 1e-2, 1.0, 10.0}) {
    for (const double delta : {0.5, 1e-6, 1e-30, 1e-300}) {
      for (const std::int64_t releases : {1, 1000, 1'000'000}) {
        Sample sample = samples.certified();
        const auto enrolment =
            enrol({.epsilon = epsilon, .delta = delta, .releases = releases, .allowance = 0.01}, 7);
        if (!enrolment.budget) continue;
        sample.statement.budget = enrolment.budget;
        sample.annex.bound = enrolment.budget->allowance;
        EXPECT_EQ(failure({.certificate = issue(sample.statement, sample.annex, key).certificate}),
                  "")
            << epsilon << " " << delta << " " << releases;
      }
    }
  }
}

TEST(Verify, WhatWasNotGivenIsNotChecked) {
  Chain chain(3);
  const Verification verification = verify({.certificate = chain.files.certificate});
  EXPECT_EQ(verification.failure(), nullptr);
  EXPECT_FALSE(verification.complete());
  for (const Check& check : verification.checks) {
    const bool checked = check.name == "form" || check.name == "promise";
    EXPECT_EQ(check.state, checked ? CheckState::kPassed : CheckState::kNotChecked) << check.name;
  }
  EXPECT_TRUE(verify(chain.files).complete());
  chain.files.previous.erase(chain.files.previous.begin());
  EXPECT_FALSE(verify(chain.files).complete()) << "the first release is missing";
  EXPECT_EQ(failure(chain.files), "");
}

TEST(Verify, EveryBitCounts) {
  SampleCertificates samples(4);
  for (int i = 0; i < 10; ++i) expect_no_flipped_bit_fits(samples);
}

TEST(Verify, EveryBitOfTheAnnexAndTheKeyCounts) {
  SampleCertificates samples(5);
  const VerificationFiles files = files_of(samples.certified(), samples.key());
  for (const auto member : {&VerificationFiles::annex, &VerificationFiles::public_key}) {
    VerificationFiles damaged = files;
    std::string& text = *(damaged.*member);
    for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
      flip(text, bit);
      EXPECT_NE(failure(damaged), "") << bit;
      flip(text, bit);
    }
  }
}

TEST(Verify, MembersCannotBeSwapped) {
  SampleCertificates samples(6);
  int swaps = 0;
  for (int i = 0; i < 200; ++i) {
    const VerificationFiles files = files_of(samples.any(), samples.key());
    const auto members = members_of(files.certificate);
    ASSERT_EQ(members.size(), 15U);
    for (std::size_t a = 0; a < members.size(); ++a) {
      for (std::size_t b = a + 1; b < members.size(); ++b) {
        for (const bool values_only : {false, true}) {
          VerificationFiles swapped = files;
          swapped.certificate = joined(with_swap(members, a, b, values_only));
          if (swapped.certificate == files.certificate) continue;  // both null
          ++swaps;
          EXPECT_NE(failure(swapped), "") << members[a].first << " " << members[b].first;
        }
      }
    }
  }
  EXPECT_GT(swaps, 40000);
}

TEST(Verify, ShorterOrLongerFilesAreNone) {
  SampleCertificates samples(7);
  const VerificationFiles files = files_of(samples.certified(), samples.key());
  VerificationFiles damaged = files;
  for (std::size_t size = 0; size < files.certificate.size(); ++size) {
    damaged.certificate = files.certificate.substr(0, size);
    EXPECT_THAT(failure(damaged), HasSubstr("form: ")) << size;
  }
  for (const char* tail : {"\n", " ", "x", "{}"}) {
    damaged.certificate = files.certificate + tail;
    EXPECT_THAT(failure(damaged), HasSubstr("form: "));
    damaged.certificate = tail + files.certificate;
    EXPECT_THAT(failure(damaged), HasSubstr("form: "));
  }
  damaged = files;
  *damaged.parameters += '\0';
  EXPECT_THAT(failure(damaged), HasSubstr("parameters: "));
  damaged.parameters = files.parameters->substr(0, files.parameters->size() - 8);
  EXPECT_THAT(failure(damaged), HasSubstr("parameters: "));
}

TEST(Verify, OnlyTheCanonicalSpellingIsRead) {
  SampleCertificates samples(8);
  const SigningKey key = samples.key();
  Sample sample = samples.certified(1);
  sample.statement.assumptions = {"ab"};
  sample.statement.version = "1";
  const std::string good = files_of(sample, key).certificate;
  const auto refused = [&](const std::string& from, const std::string& to) {
    const std::size_t at = good.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    std::string text = good;
    text.replace(at, from.size(), to);
    EXPECT_THAT(failure({.certificate = text}), HasSubstr("form: ")) << from << " -> " << to;
    EXPECT_ANY_THROW(static_cast<void>(read_certificate(text))) << from << " -> " << to;
  };
  refused("\"level\":", "\"level\": ");
  refused("\"level\":", "\"extra\":1,\"level\":");
  refused("\"release\":1,", "\"release\":1,\"release\":1,");
  for (const char* number : {"01", "1.0", "1e0", "+1", "-1", "0", "\"1\"", "null", "true", "",
                             "1000000000001", "99999999999999999999"})
    refused("\"release\":1,", std::string("\"release\":") + number + ",");
  const std::string allowance = good.substr(good.find("\"allowance\":") + 13, 3);
  for (const char* number : {"NaN", "nan", "inf", "-1e+00", "0x1p", "1", "1.0e+00", "1e0", "1e00",
                             "1E+00", "-0e+00", "1e+400", "1e-400", " 1e+00"})
    refused(good.substr(good.find("\"allowance\":"), good.find('}') - good.find("\"allowance\":")),
            std::string("\"allowance\":\"") + number + "\"");
  for (const char* text : {"a\\nb", "a\\u0062", "a\nb", "a\x7f", "\\/", "\xc3", "\xc0\x80", "\xff",
                           "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc2\x80", "\xe0\x80\x80", "a\\"})
    refused("[\"ab\"]", std::string("[\"") + text + "\"]");
  refused("[\"ab\"]", "[\"ab\",]");
  refused("[\"ab\"]", "[null]");
  refused("[\"ab\"]", "[\"" + std::string(4097, 'a') + "\"]");
  refused("\"level\":\"certified\"", "\"level\":\"Certified\"");
  refused("\"former\":null", "\"former\":\"" + std::string(64, 'a') + "\"");
  refused("\"former\":null", "\"former\":" + std::string(5000, '['));
  for (const char* day : {"2026-02-30", "2026-13-01", "1969-12-31", "2026-1-01", "2026-01-0a"}) {
    const std::size_t at = good.find("\"released_on\":\"") + 15;
    refused(good.substr(at - 15, 25), std::string("\"released_on\":\"") + day);
  }
}

TEST(Verify, AnotherModelKeyOrAnnexIsNamed) {
  Chain chain(9);
  Chain other(10);
  VerificationFiles files = chain.files;
  files.parameters = other.files.parameters;
  EXPECT_THAT(failure(files), HasSubstr("parameters: these are not the parameters"));
  files = chain.files;
  files.public_key = other.files.public_key;
  EXPECT_THAT(failure(files), HasSubstr("signature: the certificate names key"));
  files = chain.files;
  files.annex = other.files.annex;
  EXPECT_THAT(failure(files), HasSubstr("annex: this is not the annex"));
  files = chain.files;
  files.public_key = "{}\n";
  EXPECT_THAT(failure(files), HasSubstr("the public key is damaged"));
}

TEST(Verify, ASignatureByAnotherKeyDoesNotHelp) {
  // The number is changed, and the whole is signed again by whoever changed it.
  SampleCertificates samples(11);
  const SigningKey key = samples.key(), forger = samples.key();
  Sample sample = samples.certified();
  const VerificationFiles files = files_of(sample, key);
  ++sample.statement.budget->sigma_exponent;  // more noise than there is: the promise holds
  VerificationFiles forged = files_of(sample, forger);
  EXPECT_EQ(failure(forged), "") << "under the forger's own key it fits";
  forged.public_key = files.public_key;
  EXPECT_THAT(failure(forged), HasSubstr("signature: the certificate names key"));
  // With the right key's name put in, the signature fails.
  const std::size_t at = forged.certificate.find(forger.id());
  forged.certificate.replace(at, 32, key.id());
  EXPECT_THAT(failure(forged), HasSubstr("signature: the signature is not by this key"));
}

TEST(Verify, ChainInItsOrderOnly) {
  Chain chain(12);
  VerificationFiles files = chain.files;
  std::swap(files.previous[0], files.previous[1]);
  EXPECT_THAT(failure(files), HasSubstr("chain: previous certificate 2 of 2: is not the one"));
  files.previous = {chain.certificates[0]};
  EXPECT_THAT(failure(files), HasSubstr("chain: previous certificate 1 of 1"));
  files.previous = {chain.certificates[1], chain.certificates[1]};
  EXPECT_THAT(failure(files), HasSubstr("chain: "));
  files.previous = {Chain(13).certificates[0], chain.certificates[1]};
  EXPECT_THAT(failure(files), HasSubstr("chain: previous certificate 1 of 2"));
  files.previous = {chain.certificates[0] + "\n", chain.certificates[1]};
  EXPECT_THAT(failure(files), HasSubstr("end of the file"));
  // A first release has nothing before it.
  files.certificate = chain.certificates[0];
  files.parameters.reset();
  files.annex.reset();
  files.previous = {chain.certificates[1]};
  EXPECT_THAT(failure(files), HasSubstr("chain: "));
}

TEST(Verify, ChainOfOneEnrolmentOnly) {
  // The hash fits, but the one before promised something else, or is of another model.
  for (const int what : {0, 1, 2, 3}) {
    Chain chain(14);
    Sample sample = chain.sample;
    sample.statement.former = certificate_hash(chain.certificates[1]);
    SigningKey key = chain.key;
    if (what == 0) sample.statement.model_id = std::string(32, '7');
    if (what == 1) --sample.statement.budget->releases;
    if (what == 2) ++sample.statement.release;
    if (what == 3) sample.statement.released_on -= std::chrono::days(3000);
    sample.annex.bound = 0;
    VerificationFiles files = files_of(sample, key);
    files.previous = chain.files.previous;
    constexpr const char* kWhy[] = {"of another model", "another budget", "not the one before",
                                    "of a later day"};
    EXPECT_THAT(failure(files), HasSubstr(kWhy[what]));
  }
}

}  // namespace
}  // namespace recant::test
