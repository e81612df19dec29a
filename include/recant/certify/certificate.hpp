// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recant/certify/privacy_budget.hpp"
#include "recant/certify/signing_key.hpp"

/// What is said about a published model, and signed: docs/mathematics.md section 5.5, byte for byte
/// docs/formats/certificate.md. It comes in two files: the certificate, for everyone, and the
/// annex, for requester and auditor alone, which the certificate binds by a hiding commitment.
///
/// The actual bound B, its terms, tier, alpha and times stand in the annex only: B to six digits
/// tells almost every row from every other.
namespace recant {

enum class CertificateLevel {
  kExact,      ///< trained without the rows, to the tolerance of the trainer
  kCertified,  ///< within the allowance, under noise: the budget's promise holds
  kHeuristic,  ///< no promise; the first assumption says why
};
[[nodiscard]] std::string_view name(CertificateLevel level) noexcept;

enum class CertificateMechanism {
  kNone,                  ///< parameters as they are
  kGaussianOnGrid,        ///< GridNoise::publish
  kSeededGaussianOnGrid,  ///< GridNoise::publish_uncertified: heuristic
  /// Heuristic; the first assumption is kObjectivePerturbationExact or ..AsPublished, whichever
  /// PerturbationPromise::assumption() says.
  kObjectivePerturbation
};
/// "none", "gaussian_on_grid", "seeded_gaussian_on_grid", "objective_perturbation".
[[nodiscard]] std::string_view name(CertificateMechanism mechanism) noexcept;

/// What the issuer states in public.
struct CertificateStatement {
  std::string model_id;      ///< 32 hexadecimal digits; the same for all releases of an enrolment
  Digest parameters_hash{};  ///< parameters_hash() of what is published
  CertificateLevel level = CertificateLevel::kHeuristic;
  CertificateMechanism mechanism = CertificateMechanism::kNone;
  std::optional<PrivacyBudget> budget;  ///< there exactly if exact or certified on the grid
  std::int64_t release = 1;             ///< t: the how manieth of this enrolment
  std::vector<std::string> assumptions;
  std::string version;  ///< of recant
  std::chrono::sys_days released_on{};
  std::optional<Digest> former;  ///< certificate_hash() of release t - 1; none for the first
};

/// A certificate as signed.
struct Certificate : CertificateStatement {
  std::optional<double> mu;  ///< budget_mu() of `release` releases; with a budget
  Digest annex_commitment{};
  std::string key_id;
  Signature signature{};
};

enum class CertificateTier { k0, kHalf, k1, k2, kRetrain };
/// "0", "half", "1", "2", "retrain".
[[nodiscard]] std::string_view name(CertificateTier tier) noexcept;

struct BoundTerm {
  std::string name;
  double value = 0;  ///< finite, >= 0
};

/// What requester and auditor get to see as well.
struct AnnexStatement {
  Digest salt{};                 ///< draw_salt(), for this annex alone: hides the rest
  std::optional<double> bound;   ///< B; at most the allowance where there is a budget
  std::vector<BoundTerm> terms;  ///< the figures that B was computed from
  std::optional<CertificateTier> tier;
  std::optional<double> alpha;   ///< of value-weighted deletion
  double seconds = 0;            ///< that the update took
  std::vector<Digest> requests;  ///< request_digest() of each request served
};

/// An annex as written.
struct Annex : AnnexStatement {
  std::string model_id;
  std::int64_t release = 1;
};

/// The bytes of both files.
struct IssuedCertificate {
  std::string certificate, annex;
};

/// Writes and signs. The same input gives the same bytes, so that an export can be repeated; the
/// public part depends on the annex only through its commitment.
///
/// Cost: one gaussian_delta() and one signature, about 0.2 milliseconds.
/// @throws UsageError for statements that do not fit together: level and mechanism, a budget that
/// check_budget() refuses, B above the allowance, release beyond the budget, a first release with a
/// former one, an unset salt, texts that are not printable UTF-8,
/// objective perturbation without its text as first assumption.
[[nodiscard]] IssuedCertificate issue(const CertificateStatement& statement,
                                      const AnnexStatement& annex, const SigningKey& key);

/// Reads a certificate that issue() could have written; the signature is not checked (that is
/// `recant verify`). @throws DamagedError for every other text, with the first place that is wrong.
[[nodiscard]] Certificate read_certificate(std::string_view bytes);
[[nodiscard]] Annex read_annex(std::string_view bytes);

/// What the next certificate holds as `former`: of the whole file.
[[nodiscard]] Digest certificate_hash(std::string_view bytes);

/// Of published parameters in the order of their file. @throws UsageError unless all are finite.
[[nodiscard]] Digest parameters_hash(std::span<const double> parameters);

}  // namespace recant
