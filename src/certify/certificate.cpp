// SPDX-License-Identifier: Apache-2.0
#include "recant/certify/certificate.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>
#include <utility>

#include "canonical_text.hpp"
#include "domain_hash.hpp"
#include "faults.hpp"
#include "recant/certify/objective_perturbation.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::array<std::string_view, 3> kLevels = {"exact", "certified", "heuristic"};
constexpr std::array<std::string_view, 4> kMechanisms = {
    "none", "gaussian_on_grid", "seeded_gaussian_on_grid", "objective_perturbation"};
constexpr std::array<std::string_view, 5> kTiers = {"0", "half", "1", "2", "retrain"};
constexpr std::int64_t kLargest = 1'000'000'000'000;  // of counts; exact in every JSON reader
constexpr std::size_t kIdDigits = 32;

// One list of members serves writer and reader: these have the two directions of each.
template <class E>
void choice(CanonicalWriter& file, std::string_view name, const E& value,
            std::span<const std::string_view> names) {
  file.choice(name, static_cast<std::size_t>(value), names);
}
template <class E>
void choice(CanonicalReader& file, std::string_view name, E& value,
            std::span<const std::string_view> names) {
  value = static_cast<E>(file.choice(name, names));
}
template <class T>
bool present(CanonicalWriter& file, std::string_view name, const std::optional<T>& value) {
  return file.present(name, value.has_value());
}
template <class T>
bool present(CanonicalReader& file, std::string_view name, std::optional<T>& value) {
  value.reset();
  if (file.present(name)) value.emplace();
  return value.has_value();
}
template <class T>
bool follows(CanonicalWriter& file, std::string_view name, const std::optional<T>& value) {
  return file.follows(name, value.has_value());
}
template <class T>
bool follows(CanonicalReader& file, std::string_view name, std::optional<T>& value) {
  value.reset();
  if (file.follows(name)) value.emplace();
  return value.has_value();
}
void exponent(CanonicalWriter& file, std::string_view name, const int& value) {
  file.integer(name, value, -800, 800);
}
void exponent(CanonicalReader& file, std::string_view name, int& value) {
  std::int64_t number = 0;
  file.integer(name, number, -800, 800);
  value = static_cast<int>(number);
}
template <class T, class Entry>
void list(CanonicalWriter& file, std::string_view name, const std::vector<T>& values, Entry entry) {
  file.begin_list(name);
  for (std::size_t i = 0; file.next_entry(i, values.size()); ++i) entry(values[i]);
}
template <class T, class Entry>
void list(CanonicalReader& file, std::string_view name, std::vector<T>& values, Entry entry) {
  file.begin_list(name);
  for (std::size_t i = 0; file.next_entry(i); ++i) entry(values.emplace_back());
}
void text_entry(CanonicalWriter& file, const std::string& value) {
  file.text_entry("assumptions", value);
}
void text_entry(CanonicalReader& file, std::string& value) {
  value = file.text_entry("assumptions");
}

template <class File, class Budget>
void budget_members(File& file, Budget& budget) {
  file.begin_object("budget");
  file.real("epsilon", budget.epsilon);
  file.real("delta", budget.delta);
  file.integer("releases", budget.releases, 1, kLargest);
  file.integer("dimension", budget.dimension, 1, kLargest);
  exponent(file, "sigma_exponent", budget.sigma_exponent);
  exponent(file, "grid_exponent", budget.grid_exponent);
  file.real("allowance", budget.allowance);
  if (follows(file, "difference_epsilon", budget.difference)) {
    file.real("difference_epsilon", budget.difference->epsilon);
    file.real("difference_delta", budget.difference->delta);
    file.real("difference_step", budget.difference->step);
  }
  file.end_object();
}

/// Everything before the signature.
template <class File, class C>
void members(File& file, C& c) {
  file.constant("schema", "recant.certificate/1");
  file.hex_text("model_id", c.model_id, kIdDigits);
  file.bytes("parameters_hash", c.parameters_hash);
  choice(file, "level", c.level, kLevels);
  choice(file, "mechanism", c.mechanism, kMechanisms);
  if (present(file, "budget", c.budget)) budget_members(file, *c.budget);
  file.integer("release", c.release, 1, kLargest);
  if (present(file, "mu", c.mu)) file.real("mu", *c.mu);
  list(file, "assumptions", c.assumptions, [&](auto& text) { text_entry(file, text); });
  file.text("version", c.version);
  file.day("released_on", c.released_on);
  if (present(file, "former", c.former)) file.bytes("former", *c.former);
  file.bytes("annex_commitment", c.annex_commitment);
  file.hex_text("key_id", c.key_id, kIdDigits);
}

template <class File, class A>
void annex_members(File& file, A& a) {
  file.constant("schema", "recant.annex/1");
  file.bytes("salt", a.salt);
  file.hex_text("model_id", a.model_id, kIdDigits);
  file.integer("release", a.release, 1, kLargest);
  if (present(file, "bound", a.bound)) file.real("bound", *a.bound);
  list(file, "terms", a.terms, [&](auto& term) {
    file.begin_entry();
    file.text("name", term.name);
    file.real("value", term.value);
    file.end_object();
  });
  if (present(file, "tier", a.tier)) choice(file, "tier", *a.tier, kTiers);
  if (present(file, "alpha", a.alpha)) file.real("alpha", *a.alpha);
  file.real("seconds", a.seconds);
  list(file, "requests", a.requests, [&](auto& digest) { file.bytes_entry(digest); });
}

/// Why level, mechanism, budget and numbers do not fit together; empty if they do.
std::string contradiction(const CertificateStatement& c) {
  using enum CertificateMechanism;
  const bool promises = c.level != CertificateLevel::kHeuristic && c.mechanism == kGaussianOnGrid;
  if (c.level == CertificateLevel::kCertified && !promises)
    return "level certified needs the mechanism gaussian_on_grid";
  if (c.level == CertificateLevel::kExact && !promises && c.mechanism != kNone)
    return fmt::format("level exact cannot have the mechanism {}", name(c.mechanism));
  if (c.level == CertificateLevel::kHeuristic && c.assumptions.empty())
    return "level heuristic needs an assumption that says why";
  if (c.mechanism == kObjectivePerturbation &&
      c.assumptions.front() != kObjectivePerturbationAsPublished &&
      c.assumptions.front() != kObjectivePerturbationExact)
    return "mechanism objective_perturbation needs one of its two texts as first assumption";
  if (promises != c.budget.has_value())
    return promises ? "budget is missing" : "budget must be null where nothing is promised";
  if (c.former.has_value() != (c.release > 1))
    return "former must be there for every release but the first";
  if (!c.budget) return {};
  if (c.release > c.budget->releases) return "release is beyond the releases of the budget";
  const BudgetRefusal refusal = check_budget(*c.budget);
  return refusal == BudgetRefusal::kNone
             ? std::string()
             : fmt::format("budget does not hold together: {}", name(refusal));
}

std::string contradiction(const CertificateStatement& c, const AnnexStatement& annex) {
  if (annex.salt == Digest{}) return "annex has no salt: draw_salt()";
  if (c.budget && !annex.bound) return "annex has no bound";
  if (c.budget && !(*annex.bound <= c.budget->allowance))
    return "annex has a bound above the allowance";
  return {};
}

std::string annex_text(const CertificateStatement& statement, const AnnexStatement& annex) {
  Annex all;
  static_cast<AnnexStatement&>(all) = annex;
  all.model_id = statement.model_id;
  all.release = statement.release;
  CanonicalWriter file;
  annex_members(file, std::as_const(all));
  return file.finish();
}

template <class Read>
auto reading(Read read, std::string_view what) {
  try {
    return read();
  } catch (const UsageError& error) {  // of check_budget, for numbers out of their range
    throw DamagedError(error.message(), std::string(what));
  }
}

}  // namespace

std::string_view name(CertificateLevel level) noexcept {
  return kLevels[static_cast<std::size_t>(level)];
}

std::string_view name(CertificateMechanism mechanism) noexcept {
  return kMechanisms[static_cast<std::size_t>(mechanism)];
}

std::string_view name(CertificateTier tier) noexcept {
  return kTiers[static_cast<std::size_t>(tier)];
}

IssuedCertificate issue(const CertificateStatement& statement, const AnnexStatement& annex,
                        const SigningKey& key) {
  std::string wrong = contradiction(statement);
  if (wrong.empty()) wrong = contradiction(statement, annex);
  if (!wrong.empty()) throw UsageError(wrong, "certificate");

  IssuedCertificate issued{.annex = annex_text(statement, annex)};
  Certificate c;
  static_cast<CertificateStatement&>(c) = statement;
  if (c.budget) c.mu = budget_mu(*c.budget, c.release);
  c.annex_commitment = domain_hash("recant.annex/1", issued.annex);
  c.key_id = key.id();
  if (faults.alpha_leaked && annex.alpha)
    c.assumptions.push_back(fmt::format("alpha {}", *annex.alpha));
  CanonicalWriter file;
  members(file, std::as_const(c));
  std::string body = file.finish();
  body.pop_back();  // the line feed
  file.bytes("signature", key.sign("recant.certificate/1", body));
  issued.certificate = file.finish();
  return issued;
}

Certificate read_certificate(std::string_view bytes) {
  Certificate c;
  CanonicalReader file(bytes, "certificate");
  members(file, c);
  file.bytes("signature", c.signature);
  file.finish();
  const std::string wrong = reading(
      [&] { return contradiction(static_cast<const CertificateStatement&>(c)); }, "certificate");
  if (!wrong.empty()) throw DamagedError(wrong, "certificate");
  const auto mu = c.budget ? std::optional(budget_mu(*c.budget, c.release)) : std::nullopt;
  if (c.mu != mu) throw DamagedError("mu is not that of budget and release", "certificate");
  return c;
}

Annex read_annex(std::string_view bytes) {
  Annex annex;
  CanonicalReader file(bytes, "annex");
  annex_members(file, annex);
  file.finish();
  if (annex.salt == Digest{}) throw DamagedError("has no salt", "annex");
  return annex;
}

Digest certificate_hash(std::string_view bytes) {
  return domain_hash("recant.chain/1", bytes);
}

Digest parameters_hash(std::span<const double> parameters) {
  std::string bytes;
  bytes.reserve(8 * (parameters.size() + 1));
  const auto add = [&](std::uint64_t word) {
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(word >> shift & 255U);
  };
  add(parameters.size());
  for (const double parameter : parameters) {
    check_finite("a parameter", parameter);
    add(std::bit_cast<std::uint64_t>(parameter));
  }
  return domain_hash("recant.parameters/1", bytes);
}

}  // namespace recant
