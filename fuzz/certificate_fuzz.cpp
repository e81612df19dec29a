// SPDX-License-Identifier: Apache-2.0
// Both readers of certificates: any bytes are a certificate or a named failure, the two readers
// agree on which, and likewise for annexes, keys and parameters.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "recant/certify/certificate.hpp"
#include "recant/core/error.hpp"
#include "recant/verify/verify.hpp"

namespace {

template <class Read>
bool reads(Read read) {
  try {
    static_cast<void>(read());
    return true;
  } catch (const recant::DamagedError&) {
    return false;
  }
}

/// A certificate to which annex, key and parameters are held: the promise is cheap to check.
constexpr const char* kHeuristic =
    R"({"schema":"recant.certificate/1","model_id":"00000000000000000000000000000000",)"
    R"("parameters_hash":"0000000000000000000000000000000000000000000000000000000000000000",)"
    R"("level":"heuristic","mechanism":"none","budget":null,"release":1,"mu":null,)"
    R"("assumptions":["x"],"version":"0","released_on":"2026-01-01","former":null,)"
    R"("annex_commitment":"0000000000000000000000000000000000000000000000000000000000000000",)"
    R"("key_id":"00000000000000000000000000000000","signature":")"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000\"}\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  const bool issued = reads([&] { return recant::read_certificate(text); });
  const recant::Verification verification = recant::verify({.certificate = text});
  // The verifier's promise has a tolerance, so that at its edge it may accept more.
  if (issued && verification.failure() != nullptr) std::abort();
  if (!issued && verification.failure() == nullptr && !verification.members.contains("budget") &&
      !verification.members.contains("mu"))
    std::abort();
  reads([&] { return recant::read_annex(text); });
  for (const auto member :
       {&recant::VerificationFiles::annex, &recant::VerificationFiles::public_key,
        &recant::VerificationFiles::parameters}) {
    recant::VerificationFiles files{.certificate = kHeuristic};
    files.*member = text;
    if (recant::verify(files).failure() == nullptr) std::abort();
  }
  return 0;
}
