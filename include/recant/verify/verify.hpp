// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Checks a certificate without trusting who issued it, offline. This stage shares no line with the
/// one that issues: only the format, docs/formats/certificate.md, and libsodium.
namespace recant {

/// Bytes of files, all but the certificate optional.
struct VerificationFiles {
  std::string certificate;
  std::optional<std::string> public_key;
  std::optional<std::string> parameters;  ///< NPY, float64, one dimension
  std::optional<std::string> annex;
  std::vector<std::string> previous;  ///< former certificates, oldest first
};

enum class CheckState { kPassed, kFailed, kNotChecked };
/// "passed", "failed", "not_checked".
[[nodiscard]] std::string_view name(CheckState state) noexcept;

struct Check {
  std::string name;  ///< form, signature, promise, parameters, annex, chain
  CheckState state = CheckState::kNotChecked;
  std::string detail;  ///< what fits, what does not, or what would be needed to check it
};

/// Values of a certificate by the name of their member, as it writes them; null has none.
using CertificateMembers = std::map<std::string, std::vector<std::string>>;

struct Verification {
  std::vector<Check> checks;   ///< in this order; none after the first that failed
  CertificateMembers members;  ///< empty unless the form is right

  /// The check that failed, if one did.
  [[nodiscard]] const Check* failure() const noexcept;
  /// No check failed, and none was left out.
  [[nodiscard]] bool complete() const noexcept;
};

/// Never throws but for lack of memory: any bytes are a certificate that fits or a named failure.
///
/// Errs: a promise that is short of its delta by less than 10^-12 of it passes; see
/// docs/mathematics.md section 5.5 for the arithmetic.
/// Cost: about 0.1 milliseconds a certificate, and one pass over parameters and annex.
[[nodiscard]] Verification verify(const VerificationFiles& files);

}  // namespace recant
