// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "expect_error.hpp"
#include "recant/core/error.hpp"
#include "sample_certificates.hpp"
#include "temporary_folder.hpp"

namespace recant::test {
namespace {

using testing::HasSubstr;
using testing::Not;

Digest counting(std::uint8_t first) {
  Digest bytes;
  for (auto& byte : bytes) byte = first++;
  return bytes;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Certificate, WorkedExampleOfTheFormatPage) {
  // examples/certificate, explained in docs/formats/certificate.md.
  const std::filesystem::path folder =
      std::filesystem::path(RECANT_TESTS_DIR).parent_path() / "examples" / "certificate";
  const std::vector<double> parameters = {0.5, -0.25, 0.125};
  CertificateStatement statement{.model_id = "000102030405060708090a0b0c0d0e0f",
                                 .parameters_hash = parameters_hash(parameters),
                                 .level = CertificateLevel::kCertified,
                                 .mechanism = CertificateMechanism::kGaussianOnGrid,
                                 .budget = PrivacyBudget{.epsilon = 1,
                                                         .delta = 1e-5,
                                                         .releases = 10,
                                                         .dimension = 3,
                                                         .sigma_exponent = 0,
                                                         .grid_exponent = -15,
                                                         .allowance = 0.0625},
                                 .assumptions = {"features were standardised on all rows"},
                                 .version = "0.1.0",
                                 .released_on = std::chrono::sys_days(std::chrono::days(20454))};
  const AnnexStatement annex{.salt = counting(0x20),
                             .bound = 0.015,
                             .terms = {{"residual_norm", 0.01}},
                             .tier = CertificateTier::k1,
                             .alpha = 0.5,
                             .seconds = 0.002,
                             .requests = {request_digest(counting(0x40), "request 1")}};
  const SigningKey key = SigningKey::from_seed(counting(0));
  const IssuedCertificate issued = issue(statement, annex, key);
  EXPECT_EQ(bytes_of(folder / "certificate.json"), issued.certificate);
  EXPECT_EQ(bytes_of(folder / "annex.json"), issued.annex);
  EXPECT_EQ(bytes_of(folder / "public-key.json"), key.public_key_text());
  EXPECT_EQ(bytes_of(folder / "parameters.npy"), npy(parameters));
}

TEST(Certificate, WhatIsReadIsWhatWasIssued) {
  SampleCertificates samples(1);
  for (int i = 0; i < 100; ++i) {
    const Sample sample = samples.any();
    const SigningKey key = samples.key();
    const IssuedCertificate issued = issue(sample.statement, sample.annex, key);
    const Certificate c = read_certificate(issued.certificate);
    EXPECT_EQ(c.key_id, key.id());
    EXPECT_EQ(c.mu.has_value(), sample.statement.budget.has_value());
    const Annex annex = read_annex(issued.annex);
    EXPECT_EQ(annex.model_id, sample.statement.model_id);
    // Written once more from what was read: the same bytes.
    const IssuedCertificate again = issue(c, annex, key);
    EXPECT_EQ(again.certificate, issued.certificate);
    EXPECT_EQ(again.annex, issued.annex);
  }
}

/// The public part but for commitment and signature.
std::string open_part(const std::string& certificate) {
  return certificate.substr(0, certificate.find("\"annex_commitment\""));
}

TEST(Certificate, PublicPartKnowsNothingOfTheAnnex) {
  SampleCertificates samples(2);
  for (int i = 0; i < 100; ++i) {
    const Sample sample = samples.certified();
    AnnexStatement other = samples.certified().annex;
    other.bound = sample.statement.budget->allowance * samples.uniform();
    const SigningKey key = samples.key();
    const std::string one = issue(sample.statement, sample.annex, key).certificate,
                      two = issue(sample.statement, other, key).certificate;
    EXPECT_EQ(open_part(one), open_part(two));
    EXPECT_NE(one, two) << "but it is bound to it";
    EXPECT_EQ(one.size(), two.size());
  }
}

TEST(Certificate, ActualBoundIsNotInThePublicPart) {
  SampleCertificates samples(3);
  Sample sample = samples.certified();
  sample.annex.bound = sample.statement.budget->allowance * 0.73214567;
  const IssuedCertificate issued = issue(sample.statement, sample.annex, samples.key());
  const std::size_t at = issued.annex.find("\"bound\":\"") + 9;
  const std::string digits = issued.annex.substr(at, 6);
  EXPECT_THAT(issued.certificate, Not(HasSubstr(digits)));
  for (const char* name : {"\"bound\"", "alpha", "tier", "seconds", "terms", "requests", "salt"})
    EXPECT_THAT(issued.certificate, Not(HasSubstr(name)));
}

TEST(Certificate, ObjectivePerturbationSaysWhatItIs) {
  SampleCertificates samples(8);
  const SigningKey key = samples.key();
  Sample sample = samples.heuristic();
  sample.statement.mechanism = CertificateMechanism::kObjectivePerturbation;
  for (const std::string_view text :
       {kObjectivePerturbationAsPublished, kObjectivePerturbationExact}) {
    sample.statement.assumptions = {std::string(text), "the encoder is that of all rows"};
    const std::string file = issue(sample.statement, sample.annex, key).certificate;
    const Certificate read = read_certificate(file);
    EXPECT_EQ(read.level, CertificateLevel::kHeuristic);
    EXPECT_EQ(read.assumptions.front(), text);
    EXPECT_EQ(failure({.certificate = file, .public_key = key.public_key_text()}), "");
  }
}

TEST(Certificate, CommitmentDependsOnTheSalt) {
  SampleCertificates samples(4);
  Sample sample = samples.certified();
  const SigningKey key = samples.key();
  const std::string one = issue(sample.statement, sample.annex, key).certificate;
  sample.annex.salt = draw_salt();
  EXPECT_NE(issue(sample.statement, sample.annex, key).certificate, one);
  EXPECT_NE(draw_salt(), draw_salt());
}

TEST(Certificate, StatementsThatDoNotFitAreRefused) {
  SampleCertificates samples(5);
  const SigningKey key = samples.key();
  const auto refused = [&](auto change, const char* why) {
    Sample sample = samples.certified();
    change(sample);
    expect_error<UsageError>([&] { return issue(sample.statement, sample.annex, key); }, {why});
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  refused([](Sample& s) { s.annex.bound = s.statement.budget->allowance * 1.0000001; },
          "above the allowance");
  refused([&](Sample& s) { s.annex.bound = kNan; }, "above the allowance");
  refused([](Sample& s) { s.annex.bound.reset(); }, "no bound");
  refused([](Sample& s) { s.annex.salt = {}; }, "no salt");
  refused([&](Sample& s) { s.annex.seconds = kNan; }, "seconds must be finite");
  refused([&](Sample& s) { s.annex.alpha = -1; }, "alpha must be finite and >= 0");
  refused([](Sample& s) { s.annex.terms = {{"a\n", 1}}; }, "name must be printable");
  refused([](Sample& s) { s.statement.budget.reset(); }, "budget is missing");
  refused([](Sample& s) { s.statement.budget->allowance *= 1.001; }, "promise_exceeded");
  refused([](Sample& s) { --s.statement.budget->sigma_exponent; }, "promise_exceeded");
  refused([](Sample& s) { s.statement.budget->delta = 1; }, "delta must be");
  refused([](Sample& s) { s.statement.level = CertificateLevel::kHeuristic; },
          "budget must be null");
  refused([](Sample& s) { s.statement.mechanism = CertificateMechanism::kNone; },
          "needs the mechanism gaussian_on_grid");
  refused(
      [](Sample& s) {
        s.statement.level = CertificateLevel::kExact;
        s.statement.mechanism = CertificateMechanism::kObjectivePerturbation;
        s.statement.budget.reset();
      },
      "level exact cannot");
  refused(
      [](Sample& s) {
        s.statement.level = CertificateLevel::kHeuristic;
        s.statement.mechanism = CertificateMechanism::kNone;
        s.statement.budget.reset();
        s.statement.assumptions.clear();
      },
      "says why");
  const auto inside = [](Sample& s, std::vector<std::string> assumptions) {
    s.statement.level = CertificateLevel::kHeuristic;
    s.statement.mechanism = CertificateMechanism::kObjectivePerturbation;
    s.statement.budget.reset();
    s.statement.assumptions = std::move(assumptions);
  };
  const std::string published(kObjectivePerturbationAsPublished);
  refused([&](Sample& s) { inside(s, {"noise in the objective"}); }, "one of its two texts");
  refused(
      [&](Sample& s) {
        inside(s, {"encoder of all rows", published});
      },
      "one of its two texts as first");
  refused([](Sample& s) { s.statement.release = 2; }, "former");
  refused([](Sample& s) { s.statement.former = Digest{}; }, "former");
  refused(
      [](Sample& s) {
        s.statement.release = 101;
        s.statement.former = Digest{};
      },
      "beyond the releases");
  refused([](Sample& s) { s.statement.model_id = "ABC"; }, "model_id must be 32");
  refused([](Sample& s) { s.statement.assumptions = {"\xff"}; }, "assumptions must be printable");
  refused([](Sample& s) { s.statement.released_on = std::chrono::sys_days(std::chrono::days(-1)); },
          "released_on must be a day");
  expect_error<UsageError>(
      [&] {
        return parameters_hash(std::vector<double>{1, kNan});
      },
      {"finite"});
}

TEST(Certificate, ReaderNamesThePlace) {
  expect_error<DamagedError>([] { return read_certificate(""); }, {"byte 0", "object"});
  expect_error<DamagedError>([] { return read_certificate("{\"x\":1}\n"); },
                             {"byte 1", "member schema"});
  SampleCertificates samples(6);
  const Sample sample = samples.certified();
  const IssuedCertificate issued = issue(sample.statement, sample.annex, samples.key());
  expect_error<DamagedError>([&] { return read_certificate(issued.certificate + " "); },
                             {"end of the file"});
  expect_error<DamagedError>([&] { return read_annex(issued.certificate); }, {"recant.annex/1"});
  std::string text = issued.certificate;
  const std::size_t at = text.find("\"mu\":\"") + 6;
  text[at] = text[at] == '9' ? '8' : static_cast<char>(text[at] + 1);
  expect_error<DamagedError>([&] { return read_certificate(text); }, {"mu"});
}

TEST(SigningKey, ComesBackFromItsFileThatOnlyTheOwnerReads) {
  const TemporaryFolder folder;
  const SigningKey key = SigningKey::generate();
  EXPECT_NE(key.id(), SigningKey::generate().id());
  const auto path = folder / "key.json";
  key.save(path);
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const SigningKey again = SigningKey::load(path);
  EXPECT_EQ(again.id(), key.id());
  EXPECT_EQ(again.sign("domain", "message"), key.sign("domain", "message"));
  EXPECT_NE(key.sign("other", "message"), key.sign("domain", "message"));
  const auto save_again = [&] {
    key.save(path);
    return 0;
  };
  expect_error<UsageError>(save_again, {"exists already"});
  std::filesystem::permissions(path, std::filesystem::perms(0640));
  expect_error<DataError>([&] { return SigningKey::load(path); }, {"others may read", "chmod 600"});
  expect_error<NotFoundError>([&] { return SigningKey::load(folder / "none"); }, {"none"});
  const auto damaged =
      folder.write("damaged", "{\"schema\":\"recant.secret_key/1\",\"seed\":\"00\"}\n");
  std::filesystem::permissions(damaged, std::filesystem::perms(0600));
  expect_error<DamagedError>([&] { return SigningKey::load(damaged); }, {"seed", "hexadecimal"});
}

TEST(RequestDigest, DependsOnKeyAndRequest) {
  const Digest key = counting(1), other = counting(2);
  EXPECT_EQ(request_digest(key, "row 7"), request_digest(key, "row 7"));
  EXPECT_NE(request_digest(key, "row 7"), request_digest(key, "row 8"));
  EXPECT_NE(request_digest(key, "row 7"), request_digest(other, "row 7"));
  expect_error<UsageError>([&] { return request_digest(key, ""); }, {"must not be empty"});
}

}  // namespace
}  // namespace recant::test
