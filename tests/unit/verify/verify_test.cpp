// SPDX-License-Identifier: Apache-2.0
// What the issuing code writes fits, and nothing else does.
#include "recant/verify/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sodium.h>
#include <algorithm>

#include <array>
#include <charconv>

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

std::string hexadecimal(std::string_view bytes) {
  std::string text(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                 bytes.size());
  text.pop_back();
  return text;
}

/// The certificate with another value of a member, signed again: what a dishonest issuer could do.
std::string forged(std::string text, const SigningKey& key, const std::string& member,
                   const std::string& value) {
  const std::size_t begin = text.find("\"" + member + "\":") + member.size() + 3;
  text.replace(begin, text.find_first_of(",}", begin) - begin, value);
  const std::string body = text.substr(0, text.find(",\"signature\":")) + "}";
  const Signature signature = key.sign("recant.certificate/1", body);
  return body.substr(0, body.size() - 1) + ",\"signature\":\"" +
         hexadecimal({reinterpret_cast<const char*>(signature.data()), signature.size()}) + "\"}\n";
}

std::string spelling(double value) {
  std::array<char, 40> text;
  const auto end = std::to_chars(text.begin(), text.end(), value, std::chars_format::scientific);
  return "\"" + std::string(text.data(), end.ptr) + "\"";
}

std::string annex_salt(const std::string& annex) {
  return annex.substr(annex.find("\"salt\":\"") + 8, 64);
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

TEST(Verify, PromisesFitToTheLastDigitsOfDelta) {
  SampleCertificates samples(2);
  const SigningKey key = samples.key();
  int tried = 0;
  for (const double epsilon : {1e-4, 1e-2, 1.0, 10.0, 1e3, 1e4}) {
    for (const double delta : {0.5, 1e-6, 1e-30, 1e-300}) {
      for (const std::int64_t releases : {1, 1000, 1'000'000}) {
        Sample sample = samples.certified();
        const auto enrolment =
            enrol({.epsilon = epsilon, .delta = delta, .releases = releases, .allowance = 0.01}, 7);
        if (!enrolment.budget) continue;
        ++tried;
        sample.statement.budget = enrolment.budget;
        sample.annex.bound = enrolment.budget->allowance;
        VerificationFiles files{
            .certificate = issue(sample.statement, sample.annex, key).certificate,
            .public_key = key.public_key_text()};
        EXPECT_EQ(failure(files), "") << epsilon << " " << delta << " " << releases;
        files.certificate = forged(files.certificate, key, "delta", spelling(delta * (1 - 1e-8)));
        EXPECT_THAT(failure(files), HasSubstr("promise: the allowance does not give"))
            << epsilon << " " << delta << " " << releases;
      }
    }
  }
  EXPECT_GT(tried, 50);
}

TEST(Verify, ADishonestIssuerIsFound) {
  Chain chain(15);
  const PrivacyBudget& budget = *chain.sample.statement.budget;
  const auto refused = [&](const char* member, const std::string& value, const char* why) {
    VerificationFiles files = chain.files;
    files.certificate = forged(files.certificate, chain.key, member, value);
    EXPECT_THAT(failure(files), HasSubstr(why)) << member;
  };
  VerificationFiles unchanged = chain.files;
  unchanged.certificate = forged(unchanged.certificate, chain.key, "release", "3");
  EXPECT_EQ(unchanged.certificate, chain.files.certificate) << "forged() signs rightly";
  refused("epsilon", spelling(budget.epsilon * 0.99), "promise: the allowance does not give");
  refused("epsilon", "\"0e+00\"", "promise: epsilon is not above 0");
  refused("delta", "\"1e+00\"", "promise: delta is not between 0 and 1");
  refused("allowance", spelling(budget.allowance * 1.001), "promise: the allowance does not give");
  refused("allowance", spelling(budget.allowance * 1e-6), "more than 2^-10 of the allowance");
  refused("sigma_exponent", std::to_string(budget.sigma_exponent - 1), "promise: ");
  refused("sigma_exponent", std::to_string(budget.sigma_exponent + 1), "promise: mu is not");
  refused("grid_exponent", std::to_string(budget.grid_exponent + 20), "coarser than 2^-10");
  refused("grid_exponent", std::to_string(budget.grid_exponent - 40), "finer than 2^-42");
  refused("releases", std::to_string(budget.releases + 1), "promise: the allowance does not give");
  refused("releases", "2", "beyond those that were promised");
  refused("mu", spelling(*read_certificate(chain.certificates[2]).mu * (1 - 1e-9)), "mu is not");
  refused("mu", spelling(*read_certificate(chain.certificates[2]).mu * (1 + 1e-9)), "mu is not");
  refused("dimension", "6", "promise: ");
  refused("level", "\"heuristic\"", "form: ");
  refused("former", "null", "form: former and release");
  refused("parameters_hash", "\"" + std::string(64, '0') + "\"", "parameters: ");
}

TEST(Verify, DifferenceProtectionIsChecked) {
  SampleCertificates samples(21);
  const SigningKey key = samples.key();
  int found = 0;
  for (int i = 0; i < 40; ++i) {
    const Sample sample = samples.certified(100, 7, true);
    const VerificationFiles files = files_of(sample, key);
    ASSERT_EQ(failure(files), "");
    const DifferenceBudget& d = *sample.statement.budget->difference;
    EXPECT_EQ(read_certificate(files.certificate).budget->difference, d);
    EXPECT_EQ(verify(files).members.at("difference_step").size(), 1U);
    const auto refused = [&](const char* member, const std::string& value, const char* why) {
      VerificationFiles wrong = files;
      wrong.certificate = forged(wrong.certificate, key, member, value);
      EXPECT_THAT(failure(wrong), HasSubstr(why)) << member;
    };
    refused("difference_step", "\"0e+00\"", "form: difference_step is not above 0");
    refused("difference_epsilon", "\"0e+00\"", "promise: difference_epsilon is not above 0");
    refused("difference_delta", "\"1e+00\"", "promise: difference_delta is not between 0 and 1");
    refused("difference_step", spelling(5 * sample.statement.budget->sigma()),
            "promise: the allowance with the step is above 4 sigma");
    if (d.delta > 1e-2) continue;
    ++found;
    refused("difference_step", spelling(3.5 * sample.statement.budget->sigma()),
            "promise: the allowance with the step does not give");
    for (const char* member : {"difference_epsilon", "difference_delta"}) {
      VerificationFiles lacking = files;
      const std::size_t at = lacking.certificate.find(std::string(",\"") + member);
      lacking.certificate.erase(at, lacking.certificate.find_first_of(",}", at + 1) - at);
      EXPECT_THAT(failure(lacking), HasSubstr("form: difference_epsilon, difference_delta and"));
    }
    // Left out, it is another text, which the signature is not over.
    VerificationFiles without = files;
    const std::size_t begin = without.certificate.find(",\"difference_epsilon\"");
    without.certificate.erase(begin, without.certificate.find('}', begin) - begin);
    EXPECT_THAT(failure(without), HasSubstr("signature: "));
  }
  EXPECT_GT(found, 20);
}

TEST(Verify, AnAnnexAboveTheAllowanceIsFound) {
  Chain chain(16);
  VerificationFiles files = chain.files;
  const auto with_annex = [&](const std::string& from, const std::string& to) {
    std::string text = *chain.files.annex;
    text.replace(text.find(from), from.size(), to);
    files.annex = text;
    const std::string all = std::string("recant.annex/1") + '\0' + text;
    std::array<unsigned char, 32> digest;
    crypto_generichash(digest.data(), digest.size(),
                       reinterpret_cast<const unsigned char*>(all.data()), all.size(), nullptr, 0);
    files.certificate = forged(
        chain.files.certificate, chain.key, "annex_commitment",
        "\"" + hexadecimal({reinterpret_cast<const char*>(digest.data()), digest.size()}) + "\"");
    return failure(files);
  };
  const double allowance = chain.sample.statement.budget->allowance;
  const std::string bound = "\"bound\":" + spelling(*chain.sample.annex.bound);
  EXPECT_EQ(with_annex(bound, "\"bound\":" + spelling(allowance)), "");
  EXPECT_EQ(with_annex(bound, "\"bound\":" + spelling(allowance * (1 + 1e-15))),
            "annex: the bound is above the allowance");
  EXPECT_EQ(with_annex(bound, "\"bound\":null"), "annex: there is no bound");
  EXPECT_EQ(with_annex("\"release\":3", "\"release\":2"), "annex: release is another one");
  EXPECT_EQ(with_annex("\"model_id\":\"" + chain.sample.statement.model_id,
                       "\"model_id\":\"" + std::string(32, '0')),
            "annex: model_id is of another model");
  EXPECT_EQ(with_annex("\"salt\":\"" + annex_salt(*chain.files.annex),
                       "\"salt\":\"" + std::string(64, '0')),
            "annex: there is no salt");
}

TEST(Verify, ParametersOffTheGridAreFound) {
  SampleCertificates samples(17);
  Sample sample = samples.certified();
  const SigningKey key = samples.key();
  sample.parameters[3] += sample.statement.budget->grid_step() / 2;
  sample.statement.parameters_hash = parameters_hash(sample.parameters);
  EXPECT_EQ(failure(files_of(sample, key)),
            "parameters: a parameter is not a multiple of the grid step");
  sample.parameters.pop_back();
  sample.statement.parameters_hash = parameters_hash(sample.parameters);
  EXPECT_EQ(failure(files_of(sample, key)),
            "parameters: their number is not the dimension of the budget");
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
  std::size_t flips = 0;
  for (int i = 0; i < 10; ++i) expect_no_flipped_bit_fits(samples, flips);
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
  RecordProperty("swaps", swaps);
}

TEST(Verify, MembersOfTheBudgetCannotBeSwapped) {
  SampleCertificates samples(9);
  int swaps = 0;
  for (int i = 0; i < 40; ++i) {
    const VerificationFiles files = files_of(samples.certified(), samples.key());
    const Members outer = members_of(files.certificate);
    const auto budget = std::find_if(outer.begin(), outer.end(), [](const auto& member) {
      return member.first == "\"budget\"";
    });
    ASSERT_NE(budget, outer.end());
    const Members inner = members_of(budget->second);
    ASSERT_GE(inner.size(), 7U);
    const auto refused = [&](Members changed_outer, const Members& changed_inner) {
      std::string text = joined(changed_inner);
      text.pop_back();  // the end of line
      changed_outer[static_cast<std::size_t>(budget - outer.begin())].second = text;
      VerificationFiles swapped = files;
      swapped.certificate = joined(changed_outer);
      if (swapped.certificate == files.certificate) return;  // equal values
      ++swaps;
      EXPECT_NE(failure(swapped), "");
    };
    for (std::size_t a = 0; a < inner.size(); ++a) {
      for (std::size_t b = a + 1; b < inner.size(); ++b) {
        for (const bool values_only : {false, true}) {
          refused(outer, with_swap(inner, a, b, values_only));
        }
      }
      for (std::size_t b = 0; b < outer.size(); ++b) {  // one inside with one outside
        if (outer[b].first == budget->first) continue;
        for (const bool values_only : {false, true}) {
          Members changed_outer = outer, changed_inner = inner;
          std::swap(changed_outer[b].second, changed_inner[a].second);
          if (!values_only) std::swap(changed_outer[b].first, changed_inner[a].first);
          refused(changed_outer, changed_inner);
        }
      }
    }
  }
  EXPECT_GT(swaps, 40 * 150);
  RecordProperty("swaps", swaps);
}

TEST(Verify, ReplayedOnAnotherModelIsRefused) {
  SampleCertificates samples(23);
  std::optional<VerificationFiles> other;
  for (int i = 0; i < 200; ++i) {
    VerificationFiles files = files_of(samples.any(), samples.key());
    if (other) {
      VerificationFiles replayed = files;
      replayed.parameters = other->parameters;
      EXPECT_THAT(failure(replayed), HasSubstr("parameters: these are not the parameters"));
      replayed = files;
      replayed.annex = other->annex;
      EXPECT_THAT(failure(replayed), HasSubstr("annex: this is not the annex"));
      replayed = files;
      replayed.public_key = other->public_key;
      EXPECT_THAT(failure(replayed), HasSubstr("signature: the certificate names key"));
    }
    other = files;
  }
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
  refused("{\"schema\"", "\xef\xbb\xbf{\"schema\"");
  refused("\"level\":", "\"\\u006cevel\":");
  refused("\"release\":1,", "\"release\":1,\"release\":1,");
  for (const char* number : {"01", "1.0", "1e0", "+1", "-1", "0", "\"1\"", "null", "true", "",
                             "1000000000001", "18446744073709551615", "99999999999999999999"})
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
  refused("[\"ab\"]", "[\"ab\" ]");
  refused("[\"ab\"]", "[\"ab\\u00e9\"]");
  refused("[\"ab\"]", "\"ab\"");
  refused("[\"ab\"]", "{\"0\":\"ab\"}");
  refused("[\"ab\"]", "[null]");
  refused("[\"ab\"]", "[\"" + std::string(4097, 'a') + "\"]");
  for (const char* level : {"Certified", "exact certified", "=", "", " certified"})
    refused("\"level\":\"certified\"", std::string("\"level\":\"") + level + "\"");
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
  EXPECT_THAT(failure(files), HasSubstr("is not as the format spells"));
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
