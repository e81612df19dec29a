// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/annex_claim.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "model_folder.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/error.hpp"
#include "recant/ledger/ledger.hpp"
#include "recant/verify/verify.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  if (!fs::exists(path)) throw NotFoundError("does not exist", path.string());
  if (fs::is_directory(path)) throw DataError("is a folder", path.string(), "name a file in it");
  std::ifstream in(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  if (!in) throw DataError("cannot be read", path.string());
  return bytes;
}

Annex parse(const std::string& bytes, const fs::path& path) {
  try {
    return read_annex(bytes);
  } catch (const DamagedError& error) {
    throw DamagedError(error.message(), path.string());
  }
}

/// Of the release that the folder publishes, as its ledger has it.
std::string newest_certificate(const fs::path& model) {
  const ModelFolder folder = read_model_folder(model);
  if (!folder.has_ledger()) {
    throw UsageError("has no certificate: nothing was released yet", model.string(),
                     "give the bound itself");
  }
  const Ledger ledger = Ledger::open(folder.ledger_location(), LedgerAccess::kRead);
  const std::optional<Batch> batch = ledger.last_batch();
  if (!batch || batch->stage != BatchStage::kCertified) {
    throw BusyError("a deletion is under way or was interrupted", model.string(),
                    "try again; recant forget finishes what was interrupted");
  }
  return ledger.release_of_batch(batch->number)->certificate;
}

/// The verifier's own judgement of the two together.
bool is_bound_to(const std::string& certificate, const std::string& annex) {
  const Verification verification = verify({.certificate = certificate, .annex = annex});
  return std::ranges::any_of(verification.checks, [](const Check& check) {
    return check.name == "annex" && check.state == CheckState::kPassed;
  });
}

}  // namespace

std::optional<double> claimed_bound(const fs::path& path, const fs::path& model) {
  const std::string bytes = read_file(path);
  const Annex annex = parse(bytes, path);
  const std::string text = newest_certificate(model);
  const Certificate certificate = read_certificate(text);
  const auto refuse = [&](const std::string& what) {
    throw DamagedError(what, path.string(),
                       fmt::format("take the annex of release {} in {}", certificate.release,
                                   (model / "certificates").string()));
  };
  if (annex.model_id != certificate.model_id) refuse("is the annex of another model");
  if (annex.release != certificate.release) {
    refuse(fmt::format("is the annex of release {}, but the model is release {}", annex.release,
                       certificate.release));
  }
  if (!is_bound_to(text, bytes)) refuse("is not the annex that the certificate is bound to");
  return annex.bound;
}

}  // namespace recant
