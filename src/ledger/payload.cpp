// SPDX-License-Identifier: Apache-2.0
#include "payload.hpp"

#include <nlohmann/json.hpp>

#include "chain.hpp"

namespace recant {
namespace {

using Json = nlohmann::json;  // sorts its members

std::string hash_of(std::string_view domain, std::string_view bytes) {
  return hexadecimal(DomainHash(domain).text(bytes).finish());
}

std::string hash_of_rows(std::span<const Digest> rows) {
  DomainHash hash("recant.rows/1");
  for (const Digest& row : rows) hash.digest(row);
  return hexadecimal(hash.finish());
}

}  // namespace

std::string enrolled_payload(const EnrolmentRecord& enrolment) {
  Json payload = {{"model_id", enrolment.model_id},
                  {"releases", nullptr},
                  {"statement", hash_of("recant.statement/1", enrolment.statement)}};
  if (enrolment.releases) payload["releases"] = *enrolment.releases;
  return payload.dump();
}

std::string received_payload(const Digest& key, const Digest& content, std::string_view parameters,
                             std::span<const Digest> rows) {
  return Json{{"content", hexadecimal(content)},
              {"key", hexadecimal(key)},
              {"parameters", hash_of("recant.parameters_of_request/1", parameters)},
              {"rows", rows.size()},
              {"rows_hash", hash_of_rows(rows)}}
      .dump();
}

std::string decision_payload(std::string_view reason) {
  return reason.empty() ? std::string(kEmptyPayload) : Json{{"reason", reason}}.dump();
}

std::string prepared_payload(std::int64_t enrolment, std::string_view plan,
                             std::span<const std::int64_t> requests,
                             std::span<const ChunkHash> chunks) {
  DomainHash request_hash("recant.requests/1");
  for (const std::int64_t request : requests) request_hash.integer(request);
  DomainHash chunk_hash("recant.chunks/1");
  for (const ChunkHash& chunk : chunks) {
    chunk_hash.text(chunk.file).integer(chunk.chunk).digest(chunk.hash);
  }
  return Json{{"chunks", chunks.size()},     {"chunks_hash", hexadecimal(chunk_hash.finish())},
              {"enrolment", enrolment},      {"plan", hash_of("recant.plan/1", plan)},
              {"requests", requests.size()}, {"requests_hash", hexadecimal(request_hash.finish())}}
      .dump();
}

std::string applied_payload(std::span<const Digest> rows) {
  return Json{{"rows", rows.size()}, {"rows_hash", hash_of_rows(rows)}}.dump();
}

std::string noised_payload(const Release& release, const Digest& noise_hash) {
  return Json{{"annex", hash_of("recant.sealed_annex/1", release.annex)},
              {"certificate", hash_of("recant.sealed_certificate/1", release.certificate)},
              {"enrolment", release.enrolment},
              {"noise", hexadecimal(noise_hash)},
              {"parameters", hexadecimal(release.parameters_hash)},
              {"release", release.release}}
      .dump();
}

std::string checkpoint_payload(const Checkpoint& checkpoint) {
  return Json{{"checkpoint", hash_of("recant.checkpoint_file/1", checkpoint_text(checkpoint))}}
      .dump();
}

Digest noise_hash(std::string_view noise) {
  return DomainHash("recant.sealed_noise/1").text(noise).finish();
}

}  // namespace recant
