// SPDX-License-Identifier: Apache-2.0
// A release checked as a stranger checks it, with the certificates before it. The floor is what
// libsodium takes to check their signatures and to hash the parameters.
#include "recant/verify/verify.hpp"

#include <benchmark/benchmark.h>
#include <sodium.h>

#include <algorithm>

#include "machine.hpp"
#include "recant/core/stopwatch.hpp"
#include "sample_certificates.hpp"

namespace recant::bench {
namespace {

/// The files of a release of `dimension` parameters, behind `former` others.
VerificationFiles files_of(std::int64_t dimension, std::int64_t former) {
  test::SampleCertificates samples(7);
  const SigningKey key = samples.key();
  test::Sample sample = samples.certified(1000, dimension);
  VerificationFiles files;
  for (std::int64_t i = 0; i < former; ++i) {
    files.previous.push_back(issue(sample.statement, sample.annex, key).certificate);
    samples.next_release(sample, files.previous.back());
  }
  const IssuedCertificate issued = issue(sample.statement, sample.annex, key);
  files.certificate = issued.certificate;
  files.annex = issued.annex;
  files.public_key = key.public_key_text();
  files.parameters = test::npy(sample.parameters);
  return files;
}

/// One signature a certificate, the parameters hashed; the least of several rounds.
double floor_seconds(const VerificationFiles& files) {
  unsigned char pk[crypto_sign_PUBLICKEYBYTES], sk[crypto_sign_SECRETKEYBYTES];
  unsigned char signature[crypto_sign_BYTES], digest[32];
  const auto* text = reinterpret_cast<const unsigned char*>(files.certificate.data());
  const std::size_t size = files.certificate.size();
  crypto_sign_keypair(pk, sk);
  crypto_sign_detached(signature, nullptr, text, size, sk);
  double least = 1e9;
  for (int round = 0; round < 5; ++round) {
    Stopwatch watch;
    for (std::size_t i = 0; i <= files.previous.size(); ++i) {
      require(crypto_sign_verify_detached(signature, text, size, pk) == 0, "signature");
    }
    crypto_generichash(digest, sizeof digest,
                       reinterpret_cast<const unsigned char*>(files.parameters->data()),
                       files.parameters->size(), nullptr, 0);
    least = std::min(least, watch.lap());
  }
  return least;
}

void check_release(benchmark::State& state) {
  VerificationFiles files = files_of(state.range(0), state.range(1));
  require(verify(files).complete(), "a sound release passes every check");
  files.certificate[files.certificate.size() / 2] ^= 1;
  require(verify(files).failure() != nullptr, "a changed bit is found");
  files.certificate[files.certificate.size() / 2] ^= 1;
  const double floor = floor_seconds(files);
  Stopwatch watch;
  std::int64_t rounds = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(verify(files).checks.data());
    ++rounds;
  }
  state.SetItemsProcessed(rounds * (1 + state.range(1)));
  state.counters["times_floor"] = watch.lap() / static_cast<double>(rounds) / floor;
}

BENCHMARK(check_release)
    ->ArgNames({"parameters", "former"})
    ->Args({101, 0})
    ->Args({101, 100})
    ->Args({1'000'000, 0})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace recant::bench
