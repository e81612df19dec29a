// SPDX-License-Identifier: Apache-2.0
#include "argument.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::size_t kMostBytes = 128 << 20;  ///< of a text that is kept as it is
constexpr std::size_t kMostReasonBytes = 64;
constexpr std::size_t kMostFileNameBytes = 255;

void check_size_of(std::string_view name, std::string_view bytes, std::string_view where = {}) {
  if (bytes.size() <= kMostBytes) return;
  throw UsageError(
      fmt::format("{} has {} bytes, but at most {} can be kept", name, bytes.size(), kMostBytes),
      std::string(where));
}

bool is_lower_hexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}
bool is_code(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_';
}
bool is_printable(char c) {
  return c > ' ' && c <= '~';
}

}  // namespace

void check_enrolment(const EnrolmentRecord& enrolment) {
  if (enrolment.model_id.size() != 32 ||
      !std::ranges::all_of(enrolment.model_id, is_lower_hexadecimal)) {
    throw UsageError("model_id must be 32 hexadecimal digits");
  }
  if (enrolment.releases && !(*enrolment.releases >= 1)) {
    throw UsageError(fmt::format("releases must be at least 1, but is {}", *enrolment.releases));
  }
  check_size_of("statement", enrolment.statement);
}

void check_submission(const Submission& submission, std::string_view where) {
  if (submission.rows.empty()) {
    throw UsageError("a request must name at least one row", std::string(where));
  }
  if (std::set(submission.rows.begin(), submission.rows.end()).size() != submission.rows.size()) {
    throw UsageError("a request names a row twice", std::string(where));
  }
  check_size_of("parameters", submission.parameters, where);
}

void check_reason(std::string_view reason) {
  if (reason.size() > kMostReasonBytes || !std::ranges::all_of(reason, is_code)) {
    throw UsageError(
        fmt::format("a reason must be at most {} characters of a-z, 0-9 and _", kMostReasonBytes));
  }
}

void check_plan(const BatchPlan& plan) {
  if (plan.enrolment) check_enrolment(*plan.enrolment);
  check_size_of("plan", plan.plan);
  if (std::set(plan.requests.begin(), plan.requests.end()).size() != plan.requests.size()) {
    throw UsageError("a batch names a request twice");
  }
  std::set<std::tuple<std::string_view, std::int64_t>> seen;
  for (const ChunkHash& chunk : plan.chunks) {
    if (chunk.file.empty() || chunk.file.size() > kMostFileNameBytes ||
        !std::ranges::all_of(chunk.file, is_printable) || !(chunk.chunk >= 0)) {
      throw UsageError("a chunk must have a printable file name and a number of at least 0");
    }
    if (!seen.emplace(chunk.file, chunk.chunk).second) {
      throw UsageError("a batch changes a chunk twice");
    }
  }
}

void check_release(const SealedRelease& release) {
  check_size_of("certificate", release.certificate);
  check_size_of("annex", release.annex);
  check_size_of("noise", release.noise);
}

}  // namespace recant
