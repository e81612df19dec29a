// SPDX-License-Identifier: Apache-2.0
#include "batch_finisher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "generation.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/json.hpp"
#include "row_eraser.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string domain_of(const Batch& batch) {
  return fmt::format("release of batch {}", batch.number);
}

std::string bytes_of(const std::vector<std::int64_t>& integers) {
  return {reinterpret_cast<const char*>(integers.data()), 8 * integers.size()};
}

Vector parameters_of(const std::string& bytes, int grid_exponent) {
  std::vector<std::int64_t> integers(bytes.size() / 8);
  std::memcpy(integers.data(), bytes.data(), 8 * integers.size());
  Vector parameters(static_cast<Index>(integers.size()));
  for (Index j = 0; j < parameters.size(); ++j) {
    parameters[j] =
        std::ldexp(static_cast<double>(integers[static_cast<std::size_t>(j)]), grid_exponent);
  }
  return parameters;
}

std::span<const double> values_of(const Vector& vector) {
  return {vector.data(), static_cast<std::size_t>(vector.size())};
}

std::chrono::sys_days today() {
  return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
}

void ensure_folder(const fs::path& path) {
  std::error_code code;
  fs::create_directory(path, code);
  if (code) throw DataError("cannot be created: " + code.message(), path.string());
}

}  // namespace

std::string describe_parameters(const ModelFolder& folder, const Release& release) {
  const Json description = Json::parse(folder.description);
  const Json& model = description.at("model");
  const Certificate certificate = read_certificate(release.certificate);
  const auto& budget = certificate.budget;
  const Json object = {{"schema", "recant.parameters/1"},
                       {"version", certificate.version},
                       {"release", release.release},
                       {"loss", model.at("loss")},
                       {"classes", model.at("classes")},
                       {"intercept", model.at("intercept")},
                       {"columns", model.at("columns")},
                       {"encoder", description.at("encoder")},
                       {"grid_exponent", budget ? Json(budget->grid_exponent) : Json(nullptr)},
                       {"parameters_hash", hexadecimal_of(release.parameters_hash)}};
  return object.dump(1) + "\n";
}

fs::path certificate_file(const fs::path& vault, std::int64_t batch, bool annex) {
  return vault / "certificates" / fmt::format("{:06}{}.json", batch + 1, annex ? ".annex" : "");
}

std::string_view BatchFinisher::fault_of_parameters(const std::optional<PrivacyBudget>& budget,
                                                    ConstVectorRef theta) {
  if (!theta.allFinite()) {
    throw DataError("the model could not be computed: a parameter is not a finite number", "forget",
                    "scale the features, or fit with more l2");
  }
  if (!budget || theta.size() == 0) return {};
  const double most = std::ldexp(1, GridNoise::kLargestExponent + budget->grid_exponent);
  return theta.lpNorm<Eigen::Infinity>() < most ? std::string_view() : "beyond_grid";
}

void BatchFinisher::finish(const Batch& batch) {
  const BatchRecord record = read_batch_record(batch.plan, "ledger");
  switch (batch.stage) {
    case BatchStage::kPrepared:
      erase_rows(record);
      erase_names(record);
      ledger_.mark_applied(batch.number);
      [[fallthrough]];
    case BatchStage::kApplied:
      seal_release(batch, record, state_of(record));
      [[fallthrough]];
    case BatchStage::kNoised:
      publish(batch, record);
      ledger_.mark_released(batch.number);
      [[fallthrough]];
    case BatchStage::kReleased:
      certify(batch, record);
      break;
    case BatchStage::kCertified:
      break;
  }
}

void BatchFinisher::count_release(const Batch& batch, const BatchRecord& step,
                                  ConstVectorRef theta) {
  switch (batch.stage) {
    case BatchStage::kPrepared:
      ledger_.mark_applied(batch.number);
      [[fallthrough]];
    case BatchStage::kApplied: {
      BatchRecord record = step;
      record.request_digests = read_batch_record(batch.plan, "ledger").request_digests;
      seal_release(batch, record, theta);
    }
      [[fallthrough]];
    case BatchStage::kNoised:
      ledger_.mark_released(batch.number);
      [[fallthrough]];
    case BatchStage::kReleased:
      mark_certified(batch);
      break;
    case BatchStage::kCertified:
      break;
  }
}

void BatchFinisher::erase_rows(const BatchRecord& record) {
  if (record.generation == 0) return;  // the fit
  const std::vector<Index> rows = rows_to_erase(folder_.path, record.generation, secrets_.key);
  RowEraser(folder_.path, folder_.row_files(), folder_.rows).erase(rows);
}

void BatchFinisher::erase_names(const BatchRecord& record) {
  if (record.emptied.empty()) return;
  const ModelFolder without =
      without_names(folder_, record.emptied, [&](const std::string& enrolment) {
        return hexadecimal_of(secrets_.key.keyed_hash("recant.enrolment/1", enrolment));
      });
  if (without.model_id == folder_.model_id) return;  // done by a process that died since
  write_manifest(without);
  folder_ = without;
}

const GridNoise& BatchFinisher::noise(const PrivacyBudget& budget) {
  if (!noise_ || noise_->budget().grid_exponent != budget.grid_exponent ||
      noise_->budget().sigma_exponent != budget.sigma_exponent ||
      noise_->budget().dimension != budget.dimension) {
    noise_.emplace(budget);
  }
  return *noise_;
}

Vector BatchFinisher::state_of(const BatchRecord& record) const {
  const fs::path file = folder_.generation(record.generation) / "theta.npy";
  const std::string name = fmt::format("state/{}/theta.npy", record.generation);
  const HashesByFile& files = record.generation == 0 ? folder_.files : record.files;
  const auto written = files.find(name);
  if (written == files.end()) throw DamagedError("has no hash in the plan of its batch", name);
  check_file(file, written->second);
  return read_npy_vector(file);
}

std::optional<Release> BatchFinisher::former(const Batch& batch) const {
  if (batch.number == 0) return std::nullopt;
  std::optional<Release> before = ledger_.release_of_batch(batch.number - 1);
  if (!before || before->enrolment != batch.enrolment) return std::nullopt;
  return before;
}

CertificateStatement BatchFinisher::statement(const Batch& batch, const BatchRecord& record,
                                              ConstVectorRef published) const {
  const BudgetUse use = ledger_.budget();
  const EnrolmentStatement enrolment = read_enrolment_statement(use.statement, "ledger");
  CertificateStatement statement;
  statement.model_id = use.model_id;
  const Vector parameters = published;
  statement.parameters_hash = parameters_hash(values_of(parameters));
  statement.level = record.level;
  statement.mechanism =
      enrolment.budget ? CertificateMechanism::kGaussianOnGrid : CertificateMechanism::kNone;
  statement.budget = enrolment.budget;
  statement.release = use.used + 1;
  statement.assumptions = record.assumptions;
  // Whoever finishes it: what is certified is what that version made.
  statement.version = record.version.empty() ? version() : record.version;
  statement.released_on = today();
  if (const std::optional<Release> before = former(batch)) {
    statement.former = certificate_hash(before->certificate);
    // A clock that was set back must not break the chain.
    statement.released_on =
        std::max(statement.released_on, read_certificate(before->certificate).released_on);
  }
  return statement;
}

void BatchFinisher::seal_release(const Batch& batch, const BatchRecord& record,
                                 const Vector& state) {
  try {
    ledger_.seal(batch.number, drawn_release(batch, record, state));
  } catch (const UsageError& error) {
    // Nobody asked for anything here: what is to be certified is all the ledger's.
    throw DamagedError("holds what cannot be certified: " + error.message(), "ledger",
                       "restore the model from a backup");
  }
}

SealedRelease BatchFinisher::drawn_release(const Batch& batch, const BatchRecord& record,
                                           Vector published) {
  const std::optional<PrivacyBudget> budget =
      read_enrolment_statement(ledger_.budget().statement, "ledger").budget;
  SealedRelease release;
  if (budget) {
    // Drawn here and nowhere else: once this is sealed, the batch is past this step for good.
    const NoisyRelease noisy = noise(*budget).publish(published);
    published = noisy.grid.parameters;
    release.noise = secrets_.key.seal(domain_of(batch), bytes_of(noisy.grid.integers));
  }
  const CertificateStatement stated = statement(batch, record, published);
  AnnexStatement annex;
  annex.salt = draw_salt();
  annex.bound = record.bound;
  annex.terms = record.terms;
  for (const auto tier : {CertificateTier::k0, CertificateTier::kHalf, CertificateTier::k1,
                          CertificateTier::k2, CertificateTier::kRetrain}) {
    if (record.tier == std::string(name(tier))) annex.tier = tier;
  }
  annex.alpha = record.alpha;
  annex.seconds = record.seconds;
  annex.requests = record.request_digests;
  IssuedCertificate issued = issue(stated, annex, secrets_.signing);
  release.parameters_hash = stated.parameters_hash;
  release.certificate = std::move(issued.certificate);
  release.annex = std::move(issued.annex);
  return release;
}

void BatchFinisher::publish(const Batch& batch, const BatchRecord& record) {
  const std::optional<Release> release = ledger_.release_of_batch(batch.number);
  if (!release) throw DamagedError("has no release for a batch that was sealed", "ledger");
  const std::optional<PrivacyBudget> budget =
      read_enrolment_statement(ledger_.budget().statement, "ledger").budget;
  const Vector published =
      budget ? parameters_of(secrets_.key.unseal(domain_of(batch), release->noise, "ledger"),
                             budget->grid_exponent)
             : state_of(record);
  if (parameters_hash(values_of(published)) != release->parameters_hash) {
    throw DamagedError("holds other parameters than those that were certified", "ledger");
  }
  ensure_folder(folder_.path / "certificates");
  write_file(certificate_file(folder_.path, batch.number), release->certificate);
  write_file(certificate_file(folder_.path, batch.number, true), release->annex,
             FileReaders::kOwner);
  StagedFolder folder(folder_.path / "published", true);
  write_staged_npy(folder.path() / "parameters.npy", published);
  folder.write("parameters.json", describe_parameters(folder_, *release));
  folder.write("certificate.json", release->certificate);
  folder.write("public-key.json", secrets_.signing.public_key_text());
  // It may name categories that are to be forgotten. Parameters somebody may have mapped.
  folder.commit([](const fs::path& former) { overwrite_file(former / "parameters.json"); });
}

void BatchFinisher::certify(const Batch& batch, const BatchRecord& record) {
  destroy_other_generations(folder_.path, record.generation);
  mark_certified(batch);
}

void BatchFinisher::mark_certified(const Batch& batch) {
  ledger_.mark_certified(batch.number, [&](std::string_view statement) {
    const Signature signature = secrets_.signing.sign("recant.checkpoint/1", statement);
    return std::vector<std::uint8_t>(signature.begin(), signature.end());
  });
}

}  // namespace recant
