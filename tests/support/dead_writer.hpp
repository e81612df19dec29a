// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "generation.hpp"
#include "model_folder.hpp"
#include "recant/certify/signing_key.hpp"
#include "recant/engine/vault.hpp"
#include "row_eraser.hpp"
#include "vault_secrets.hpp"

/// What writers leave that die on the way.
namespace recant::test {

/// Takes in a request for rows, as a vault would, and no more; its number.
inline std::int64_t receive_rows(const std::filesystem::path& path, Ledger& ledger,
                                 const std::vector<Index>& rows, std::string parameters) {
  const VaultKey key = VaultSecrets::load(path).key;
  const FittedModel model = Vault::open(path);
  Submission submission{draw_salt(), draw_salt(), std::move(parameters), {}};
  for (const Index row : rows) {
    submission.rows.push_back(key.keyed_hash("recant.row/1", model.rows.ids.text(row)));
  }
  return ledger.receive(std::span(&submission, 1)).front().request;
}

[[nodiscard]] inline Ledger ledger_of(const std::filesystem::path& path) {
  Ledger ledger = Ledger::open(read_model_folder(path).ledger_location(), LedgerAccess::kWrite);
  ledger.acquire();
  return ledger;
}

/// A batch by which `rows` go and the state becomes theta, prepared and not begun: of one that dies
/// while it zeroes rows. The record's generation, files and rows are filled in.
inline void prepare_batch(const std::filesystem::path& path, BatchRecord record,
                          const Vector& theta, const std::vector<Index>& rows,
                          std::optional<EnrolmentRecord> enrolment = {}) {
  const ModelFolder folder = read_model_folder(path);
  Ledger ledger = ledger_of(path);
  const std::int64_t request = receive_rows(path, ledger, rows, "{}");
  const Decision validated{request, RequestEvent::kValidated, {}};
  ledger.decide(std::span(&validated, 1));
  record.generation = ledger.last_batch()->number + 1;
  record.rows = static_cast<std::int64_t>(rows.size());
  record.files =
      write_generation(path, record.generation, theta, rows, VaultSecrets::load(path).key);
  BatchPlan plan;
  plan.requests = {request};
  plan.chunks = RowEraser(path, folder.row_files(), folder.rows).hashes_after(rows);
  plan.plan = to_text(record);
  plan.enrolment = std::move(enrolment);
  ledger.prepare(plan);
}

/// What such a batch says of itself.
[[nodiscard]] inline BatchRecord record_by_hand(std::string version) {
  BatchRecord record;
  record.version = std::move(version);
  record.method = "newton";
  record.level = CertificateLevel::kCertified;
  record.tier = "retrain";
  record.bound = 0.01;
  record.assumptions = {"made by hand"};
  return record;
}

}  // namespace recant::test
