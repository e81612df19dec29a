// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "recant/certify/certificate.hpp"
#include "recant/certify/objective_perturbation.hpp"
#include "recant/verify/verify.hpp"

namespace recant::test {

/// Parameters as the NPY file that is verified.
inline std::string npy(const std::vector<double>& values) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" +
                       std::to_string(values.size()) + ",), }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string file("\x93NUMPY\x01\0", 8);
  file += static_cast<char>(header.size() & 255U);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(reinterpret_cast<const char*>(values.data()), 8 * values.size());
  return file;
}

/// A release with all that belongs to it.
struct Sample {
  CertificateStatement statement;
  AnnexStatement annex;
  std::vector<double> parameters;
};

/// Different from seed to seed in every member that may differ; the same for the same seed.
class SampleCertificates {
 public:
  explicit SampleCertificates(std::uint64_t seed) : random_(seed) {}

  Digest digest() {
    Digest bytes;
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
    return bytes;
  }
  SigningKey key() { return SigningKey::from_seed(digest()); }
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(random_() % n); }

  /// The first release of an enrolment, certified; with difference protection on request.
  Sample certified(std::int64_t releases = 100, std::int64_t dimension = 7,
                   bool difference = false) {
    Sample s;
    s.statement.level = CertificateLevel::kCertified;
    s.statement.mechanism = CertificateMechanism::kGaussianOnGrid;
    EnrolmentOptions options{.epsilon = std::exp(4 * uniform() - 2),
                             .delta = std::exp(-1 - 30 * uniform()),
                             .releases = releases,
                             .allowance = std::exp(10 * uniform() - 8)};
    if (difference) {
      options.difference_epsilon = std::exp(2 * uniform() - 1);
      options.difference_delta = std::exp(-1 - 20 * uniform());
      options.difference_step = *options.allowance * std::exp(4 * uniform());
    }
    s.statement.budget = enrol(options, dimension).budget;
    s.annex.bound = s.statement.budget->allowance * uniform();
    s.annex.tier = static_cast<CertificateTier>(below(5));
    fill(s, dimension, s.statement.budget->grid_step());
    return s;
  }
  Sample heuristic() {
    Sample s;
    s.statement.mechanism = static_cast<CertificateMechanism>(below(4));
    fill(s, 5, 0x1p-10);
    const bool inside = s.statement.mechanism == CertificateMechanism::kObjectivePerturbation;
    s.statement.assumptions.insert(
        s.statement.assumptions.begin(),
        std::string(inside ? kObjectivePerturbationAsPublished : "gradient ascent has no bound"));
    return s;
  }
  Sample exact() {
    Sample s;
    s.statement.level = CertificateLevel::kExact;
    fill(s, 5, 0x1p-10);
    return s;
  }
  Sample any() {
    const std::int64_t kind = below(5);
    return kind == 0 ? heuristic() : kind == 1 ? exact() : certified(100, 7, kind == 2);
  }

  /// New parameters and requests for a sample, as the release after `former`.
  void next_release(Sample& s, std::string_view former) {
    ++s.statement.release;
    s.statement.former = certificate_hash(former);
    s.statement.released_on += std::chrono::days(below(3));
    s.annex.salt = digest();
    s.annex.requests = {digest()};
    s.parameters[0] += 0x1p-10;
    s.statement.parameters_hash = parameters_hash(s.parameters);
  }

 private:
  void fill(Sample& s, std::int64_t dimension, double step) {
    constexpr const char* kTexts[] = {"the features were standardised on the rows before deletion",
                                      "λ was tuned on them: \"as is\" \\ 12 %", "日本 𝛼 <>&/", ""};
    for (std::int64_t i = 0; i < dimension; ++i)
      s.parameters.push_back(step * static_cast<double>(below(1 << 20) - (1 << 19)));
    for (int i = 0; i < 32; ++i) s.statement.model_id += "0123456789abcdef"[below(16)];
    s.statement.parameters_hash = parameters_hash(s.parameters);
    for (std::int64_t i = below(4); i > 0; --i)
      s.statement.assumptions.emplace_back(kTexts[below(4)]);
    s.statement.version = "0." + std::to_string(below(9)) + ".0";
    s.statement.released_on = std::chrono::sys_days(std::chrono::days(20000 + below(20000)));
    s.annex.salt = digest();
    for (std::int64_t i = below(4); i > 0; --i) s.annex.terms.push_back({"term", uniform() * 1e-3});
    if (below(2) == 0) s.annex.alpha = uniform();
    s.annex.seconds = uniform();
    for (std::int64_t i = 1 + below(3); i > 0; --i) s.annex.requests.push_back(digest());
  }

  std::mt19937_64 random_;
};

/// "name: detail" of the check that failed, "" if none did.
inline std::string failure(const VerificationFiles& files) {
  const Verification verification = verify(files);
  const Check* failed = verification.failure();
  return failed == nullptr ? "" : failed->name + ": " + failed->detail;
}

}  // namespace recant::test
