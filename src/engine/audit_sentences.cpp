// SPDX-License-Identifier: Apache-2.0
#include "audit_sentences.hpp"

#include <fmt/format.h>

namespace recant {
namespace {

std::string counted(Index count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string percent(double share) {
  return fmt::format("{:.4g} %", 100 * share);
}

std::string interval(double low, double high, double confidence) {
  return fmt::format("{} interval {:.3f} to {:.3f}", percent(confidence), low, high);
}

std::string distance(const AuditReport& report) {
  const RetrainAudit& r = report.retraining;
  std::string text = fmt::format(
      "Trained again on the {} that are left, without the {}, the model is {:.4g} from the audited "
      "one (surely between {:.4g} and {:.4g}",
      counted(report.rows, "row"), counted(report.deleted_rows, "deleted row"), r.distance,
      r.distance_low, r.distance_high);
  text += r.retrained.converged ? ")" : "; the training did not reach its tolerance)";
  switch (r.verdict) {
    case BoundVerdict::kNotClaimed:
      return text + "; no bound was claimed.";
    case BoundVerdict::kHolds:
      return text + fmt::format("; the claimed bound {:.4g} holds.", *report.bound);
    case BoundVerdict::kBroken:
      return text + fmt::format("; the claimed bound {:.4g} is broken.", *report.bound);
    case BoundVerdict::kUndecided:
      return text +
             fmt::format("; that is too close to the claimed bound {:.4g} to tell.", *report.bound);
  }
  return text;
}

std::string utility(const AuditReport& report, double confidence) {
  const RetrainAudit& r = report.retraining;
  std::string text = fmt::format(
      "On {} the mean loss is {:.6g} before the deletion, {:.6g} of the audited model and {:.6g} "
      "after training again",
      counted(report.test_rows, "test row"), r.original_utility.log_loss,
      r.unlearned_utility.log_loss, r.retrained_utility.log_loss);
  if (!r.unlearned_agreement.same_label) return text + ".";
  const Rate& same = *r.unlearned_agreement.same_label;
  return text + fmt::format("; audited and retrained model give the same label to {} of {} ({}).",
                            same.hits, same.trials, interval(same.low, same.high, confidence));
}

std::string membership(const AttackAudit& attack, double confidence) {
  const std::string by = attack.attack == MembershipAttack::kLoss
                             ? "by their loss"
                             : "by their loss beside that of shadow models";
  const Auc &before = attack.original.deleted.auc, &after = attack.unlearned.deleted.auc,
            &truth = attack.retrained.deleted.auc;
  return fmt::format(
      "Who ranks rows {} puts a deleted row above an unseen one with probability {:.3f} before the "
      "deletion, {:.3f} on the audited model ({}) and {:.3f} after training again: {}.",
      by, before.value, after.value, interval(after.low, after.high, confidence), truth.value,
      describe(attack.verdict));
}

std::string reconstruction(const ReconstructionFinding& finding) {
  const ReconstructionAudit& a = finding.audit;
  std::string text = fmt::format(
      "Who knows all other rows and both models without noise rebuilds {} with a cosine of {:.3f} "
      "to the truth, where a guess without the models reaches {:.3f}",
      finding.rows == 1 ? "the deleted row"
                        : fmt::format("one of the {} deleted rows", finding.rows),
      a.cosine, a.blind_cosine);
  for (const NoisyReconstruction& noisy : a.noisy) {
    text += fmt::format("; under noise of sigma {:.4g} {:.3f} (nine of ten draws {:.3f} to {:.3f})",
                        noisy.sigma, noisy.cosine_median, noisy.cosine_low, noisy.cosine_high);
  }
  return text + ".";
}

}  // namespace

std::vector<std::string> audit_sentences(const AuditReport& report, const AuditRequest& request) {
  const double confidence = request.attack.confidence;
  std::vector<std::string> out = {distance(report)};
  if (report.twins > 0) {
    out.push_back(fmt::format(
        "{} of the deleted rows {} a twin among the rows that still count, equal in features and "
        "target.",
        report.twins, report.twins == 1 ? "has" : "have"));
  }
  if (report.test_rows > 0) out.push_back(utility(report, confidence));
  if (report.membership) {
    for (const AttackAudit& attack : report.membership->attacks) {
      out.push_back(membership(attack, confidence));
    }
  }
  if (report.reconstruction) out.push_back(reconstruction(*report.reconstruction));
  return out;
}

}  // namespace recant
