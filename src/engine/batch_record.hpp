// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chunk_hashes.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/certify/tiers.hpp"
#include "recant/data/encoder.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/forget.hpp"

namespace recant {

/// Everything that is decided about a batch before the point of no return: from this, the files it
/// names and the vault's keys the batch can be finished by another process. Kept in the ledger as
/// the batch's plan. Nothing in it is content, id or position of a row; of a category whose last
/// row leaves it has the place in the encoder, not the name.
struct BatchRecord {
  std::string version;  ///< of the recant that moved the model; empty in plans that lack it
  std::int64_t generation = 0;
  HashesByFile files;  ///< of the new state, by name below the vault
  bool optimal = true;
  std::int64_t rows = 0;
  std::vector<CategoryPlace> emptied;  ///< their names go with the rows
  std::string method, weighting = "uniform";
  std::optional<AscentRun> ascent;
  CertificateLevel level = CertificateLevel::kExact;
  std::optional<std::string> tier, cheaper, dearer;
  std::vector<TierBound> tried;
  std::optional<double> bound, residual_norm, residual_h_inverse_norm, step_norm;
  std::vector<BoundTerm> terms;
  std::optional<double> alpha, uniform_bound;
  double seconds = 0;
  std::vector<Digest> request_digests;
  std::vector<std::string> assumptions;
};

[[nodiscard]] std::string to_text(const BatchRecord& record);
/// @throws DamagedError naming `where`.
[[nodiscard]] BatchRecord read_batch_record(const std::string& text, const std::string& where);

/// What a report says of the step itself.
void tell_step(const BatchRecord& record, ForgetReport& report);

/// How a request was asked for and under what, as the ledger keeps it from its receipt on.
struct PinnedParameters {
  bool plain = true;      ///< a Newton step without weights by value and without a limit
  std::string version;    ///< of the recant that received it; empty if it was not said
  std::string enrolment;  ///< the statement, as JSON
};
/// @throws DamagedError naming `where`.
[[nodiscard]] PinnedParameters read_pinned_parameters(const std::string& text,
                                                      const std::string& where);

/// What an enrolment fixed, as the ledger keeps it.
struct EnrolmentStatement {
  std::optional<PrivacyBudget> budget;
  WhenSpent when_spent = WhenSpent::kRefuse;
  std::vector<std::string> assumptions;
};
[[nodiscard]] std::string to_text(const EnrolmentStatement& statement);
/// @throws DamagedError naming `where`.
[[nodiscard]] EnrolmentStatement read_enrolment_statement(const std::string& text,
                                                          const std::string& where);
/// The statement as PinnedParameters have it. @throws DamagedError naming `where`.
[[nodiscard]] std::string pinned_statement(const std::string& text, const std::string& where);

}  // namespace recant
