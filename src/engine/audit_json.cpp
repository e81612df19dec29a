// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "recant/engine/audit.hpp"
#include "recant/engine/json.hpp"

namespace recant {
namespace {

using Json = nlohmann::ordered_json;

Json value(const std::optional<double>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json rate_json(const Rate& rate) {
  return {{"value", rate.value},
          {"interval", {rate.low, rate.high}},
          {"hits", rate.hits},
          {"trials", rate.trials}};
}
Json rate_json(const std::optional<Rate>& rate) {
  return rate ? rate_json(*rate) : Json(nullptr);
}

Json utility_json(const TestUtility& utility) {
  return {{"log_loss_mean", utility.log_loss}, {"accuracy", rate_json(utility.accuracy)}};
}

Json agreement_json(const PredictionAgreement& agreement) {
  return {{"same_label", rate_json(agreement.same_label)},
          {"mean_difference", agreement.mean_difference},
          {"largest_difference", agreement.largest_difference}};
}

Json retraining_json(const AuditReport& report) {
  const RetrainAudit& r = report.retraining;
  Json out = {{"distance", r.distance},
              {"distance_interval", {r.distance_low, r.distance_high}},
              {"converged", r.retrained.converged},
              {"bound", value(report.bound)},
              {"verdict", name(r.verdict)}};
  const bool measured = report.test_rows > 0;
  out["original"] = r.original_utility ? utility_json(*r.original_utility) : Json(nullptr);
  out["unlearned"] = measured ? utility_json(r.unlearned_utility) : Json(nullptr);
  out["retrained"] = measured ? utility_json(r.retrained_utility) : Json(nullptr);
  out["unlearned_agreement"] = measured ? agreement_json(r.unlearned_agreement) : Json(nullptr);
  out["original_agreement"] =
      r.original_agreement ? agreement_json(*r.original_agreement) : Json(nullptr);
  return out;
}

Json point_json(const OperatingPoint& point) {
  return {{"aimed_fpr", point.aimed_fpr},
          {"tpr", rate_json(point.tpr)},
          {"fpr", rate_json(point.fpr)},
          {"resolved", point.resolved}};
}

Json attack_json(const AttackResult& attack) {
  return {{"rows", attack.rows},
          {"unseen_rows", attack.unseen_rows},
          {"auc", attack.auc.value},
          {"auc_interval", {attack.auc.low, attack.auc.high}},
          {"auc_interval_by", name(attack.auc.interval)},
          {"advantage", attack.advantage},
          {"advantage_interval", {attack.advantage_low, attack.advantage_high}},
          {"at_one_in_thousand", point_json(attack.at_one_in_thousand)},
          {"at_one_percent", point_json(attack.at_one_percent)}};
}

Json model_json(const ModelUnderAttack& model) {
  return {{"deleted", attack_json(model.deleted)}, {"retained", attack_json(model.retained)}};
}

Json membership_json(const MembershipAudit& audit) {
  Json attacks = Json::array();
  for (const AttackAudit& a : audit.attacks) {
    attacks.push_back({{"attack", name(a.attack)},
                       {"original", model_json(a.original)},
                       {"unlearned", model_json(a.unlearned)},
                       {"retrained", model_json(a.retrained)},
                       {"difference", a.difference.value},
                       {"difference_interval", {a.difference.low, a.difference.high}},
                       {"difference_interval_by", name(a.difference.interval)},
                       {"difference_confidence", a.difference_confidence},
                       {"verdict", name(a.verdict)}});
  }
  return {{"attacks", attacks}, {"shadows_not_converged", audit.shadows_not_converged}};
}

Json reconstruction_json(const ReconstructionFinding& finding) {
  const ReconstructionAudit& a = finding.audit;
  Json noisy = Json::array();
  for (const NoisyReconstruction& n : a.noisy) {
    noisy.push_back({{"sigma", n.sigma},
                     {"cosine_median", n.cosine_median},
                     {"cosine_interval", {n.cosine_low, n.cosine_high}}});
  }
  return {{"rows", finding.rows},
          {"cosine", a.cosine},
          {"blind_cosine", a.blind_cosine},
          {"relative_error", value(a.relative_error)},
          {"target_right", a.target_right ? Json(*a.target_right) : Json(nullptr)},
          {"rank_one_share", a.found.rank_one_share},
          {"noisy", noisy}};
}

}  // namespace

std::string to_json(const AuditReport& report) {
  Json object = {{"schema", "recant.audit/1"}, {"version", version()}};
  object.update(
      {{"rows", report.rows},
       {"deleted_rows", report.deleted_rows},
       {"twins", report.twins ? Json(*report.twins) : Json(nullptr)},
       {"test_rows", report.test_rows},
       {"original_model", report.original ? Json(name(*report.original)) : Json(nullptr)},
       {"retraining", retraining_json(report)},
       {"membership", report.membership ? membership_json(*report.membership) : Json(nullptr)},
       {"reconstruction",
        report.reconstruction ? reconstruction_json(*report.reconstruction) : Json(nullptr)},
       {"sentences", report.sentences},
       {"seconds",
        {{"retrain", report.retraining.seconds},
         {"original", report.original_seconds},
         {"membership", report.membership_seconds},
         {"reconstruction", report.reconstruction_seconds}}}});
  return object.dump(1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace recant
