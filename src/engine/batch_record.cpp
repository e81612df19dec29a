// SPDX-License-Identifier: Apache-2.0
#include "batch_record.hpp"

#include <algorithm>

#include "hashes_json.hpp"
#include "recant/core/error.hpp"
#include "strict_json.hpp"

namespace recant {
namespace {

using Json = StrictJson;

template <class T>
Json json_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
template <class T>
std::optional<T> read_optional(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<T>();
}

Json json_of_ascent(const std::optional<AscentRun>& ascent) {
  if (!ascent) return nullptr;
  return {{"rule", name(ascent->rule)}, {"stop", name(ascent->stop)}, {"steps", ascent->steps}};
}

CertificateLevel read_level(const std::string& text) {
  for (const auto level :
       {CertificateLevel::kExact, CertificateLevel::kCertified, CertificateLevel::kHeuristic}) {
    if (text == name(level)) return level;
  }
  throw UsageError("is no level");
}

/// Runs read() and turns whatever is wrong with the text into one error.
template <class Read>
auto reading(const std::string& where, Read read) {
  try {
    return read();
  } catch (const nlohmann::json::exception&) {
    throw DamagedError("holds something else than records of this recant", where);
  } catch (const UsageError&) {
    throw DamagedError("holds a record that does not hold together", where);
  }
}

}  // namespace

std::string to_text(const BatchRecord& record) {
  Json tried = Json::array(), terms = Json::array(), digests = Json::array();
  for (const TierBound& one : record.tried) tried.push_back({one.tier, json_of(one.bound)});
  for (const BoundTerm& term : record.terms) terms.push_back({term.name, term.value});
  for (const Digest& digest : record.request_digests) digests.push_back(hexadecimal_of(digest));
  Json emptied = Json::array();
  for (const auto [feature, category] : record.emptied) emptied.push_back({feature, category});
  const Json object = {{"version", record.version},
                       {"generation", record.generation},
                       {"files", json_of_hashes(record.files)},
                       {"optimal", record.optimal},
                       {"rows", record.rows},
                       {"emptied", emptied},
                       {"method", record.method},
                       {"weighting", record.weighting},
                       {"ascent", json_of_ascent(record.ascent)},
                       {"level", name(record.level)},
                       {"tier", json_of(record.tier)},
                       {"cheaper", json_of(record.cheaper)},
                       {"dearer", json_of(record.dearer)},
                       {"tried", tried},
                       {"bound", json_of(record.bound)},
                       {"residual_norm", json_of(record.residual_norm)},
                       {"residual_h_inverse_norm", json_of(record.residual_h_inverse_norm)},
                       {"step_norm", json_of(record.step_norm)},
                       {"terms", terms},
                       {"alpha", json_of(record.alpha)},
                       {"uniform_bound", json_of(record.uniform_bound)},
                       {"seconds", record.seconds},
                       {"request_digests", digests},
                       {"assumptions", record.assumptions}};
  return object.dump();
}

BatchRecord read_batch_record(const std::string& text, const std::string& where) {
  return reading(where, [&] {
    const Json object = Json::parse(text);
    BatchRecord record;
    record.version = object.value("version", "");
    record.generation = object.at("generation");
    record.files = read_hashes(object.at("files"), where);
    record.optimal = object.at("optimal");
    record.rows = object.at("rows");
    // Not of plans that were made before names were erased.
    for (const Json& place : object.value("emptied", Json::array())) {
      record.emptied.push_back({place.at(0), place.at(1)});
    }
    record.method = object.at("method");
    record.level = read_level(object.at("level"));
    record.tier = read_optional<std::string>(object.at("tier"));
    record.cheaper = read_optional<std::string>(object.at("cheaper"));
    record.dearer = read_optional<std::string>(object.at("dearer"));
    for (const Json& one : object.at("tried")) {
      record.tried.push_back({one.at(0), read_optional<double>(one.at(1))});
    }
    record.bound = read_optional<double>(object.at("bound"));
    record.residual_norm = read_optional<double>(object.at("residual_norm"));
    record.residual_h_inverse_norm = read_optional<double>(object.at("residual_h_inverse_norm"));
    record.step_norm = read_optional<double>(object.at("step_norm"));
    for (const Json& term : object.at("terms")) record.terms.push_back({term.at(0), term.at(1)});
    record.alpha = read_optional<double>(object.at("alpha"));
    // Not of older plans, which know the first form only.
    record.weighting = object.value("weighting", record.alpha ? "value" : "uniform");
    // Nor does an older plan say how an ascent went.
    if (const Json ascent = object.value("ascent", Json(nullptr)); !ascent.is_null()) {
      record.ascent =
          AscentRun{step_rule(ascent.at("rule").get<std::string>()),
                    ascent_stop(ascent.at("stop").get<std::string>()), ascent.at("steps")};
    }
    record.uniform_bound = read_optional<double>(object.at("uniform_bound"));
    record.seconds = object.at("seconds");
    for (const Json& digits : object.at("request_digests")) {
      read_hexadecimal(digits.get<std::string>(), record.request_digests.emplace_back(), where);
    }
    record.assumptions = object.at("assumptions").get<std::vector<std::string>>();
    return record;
  });
}

void tell_step(const BatchRecord& record, ForgetReport& report) {
  report.method = record.method;
  report.weighting = record.weighting;
  report.ascent = record.ascent;
  report.level = record.level;
  report.tier = record.tier;
  report.cheaper = record.cheaper;
  report.dearer = record.dearer;
  report.tried = record.tried;
  report.distance = record.bound;
  report.residual_norm = record.residual_norm;
  report.residual_h_inverse_norm = record.residual_h_inverse_norm;
  report.step_norm = record.step_norm;
  report.terms = record.terms;
  report.alpha = record.alpha;
  report.uniform_distance = record.uniform_bound;
  report.assumptions = record.assumptions;
  report.step_seconds = record.seconds;
}

PinnedParameters read_pinned_parameters(const std::string& text, const std::string& where) {
  return reading(where, [&] {
    const Json object = Json::parse(text);
    PinnedParameters pinned;
    pinned.plain = object.at("weighting") == "uniform" && object.at("method") == "newton" &&
                   object.at("tier_at_most").is_null() && !object.value("third_derivative", false);
    pinned.version = object.value("version", "");
    pinned.enrolment = object.value("enrolment", Json(nullptr)).dump();
    return pinned;
  });
}

std::string pinned_statement(const std::string& text, const std::string& where) {
  return reading(where, [&] { return Json::parse(text).dump(); });
}

std::string to_text(const EnrolmentStatement& statement) {
  Json budget = nullptr;
  if (statement.budget) {
    const PrivacyBudget& b = *statement.budget;
    budget = {{"epsilon", b.epsilon},
              {"delta", b.delta},
              {"releases", b.releases},
              {"dimension", b.dimension},
              {"sigma_exponent", b.sigma_exponent},
              {"grid_exponent", b.grid_exponent},
              {"allowance", b.allowance}};
    if (b.difference) {
      budget["difference"] = {{"epsilon", b.difference->epsilon},
                              {"delta", b.difference->delta},
                              {"step", b.difference->step}};
    }
  }
  const Json object = {{"budget", budget},
                       {"when_spent", name(statement.when_spent)},
                       {"assumptions", statement.assumptions}};
  return object.dump();
}

EnrolmentStatement read_enrolment_statement(const std::string& text, const std::string& where) {
  return reading(where, [&] {
    const Json object = Json::parse(text);
    EnrolmentStatement statement;
    if (const Json& b = object.at("budget"); !b.is_null()) {
      statement.budget = PrivacyBudget{
          b.at("epsilon"),        b.at("delta"),         b.at("releases"),  b.at("dimension"),
          b.at("sigma_exponent"), b.at("grid_exponent"), b.at("allowance"), {}};
      if (b.contains("difference")) {
        const Json& d = b.at("difference");
        statement.budget->difference =
            DifferenceBudget{d.at("epsilon"), d.at("delta"), d.at("step")};
      }
      if (check_budget(*statement.budget) != BudgetRefusal::kNone) {
        throw UsageError("is no budget");
      }
    }
    statement.when_spent = when_spent(object.at("when_spent").get<std::string>());
    statement.assumptions = object.at("assumptions").get<std::vector<std::string>>();
    return statement;
  });
}

}  // namespace recant
