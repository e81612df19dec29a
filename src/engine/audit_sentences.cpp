// SPDX-License-Identifier: Apache-2.0
#include "audit_sentences.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

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

/// A figure of the three models, with the interval of the audited one's; without a first figure
/// nobody has the model from before.
std::string of_models(const std::optional<std::string>& before, const std::string& audited,
                      const std::string& retrained) {
  const std::string first = before ? *before + " before the deletion, " : std::string();
  return fmt::format("{}{} on the audited model and {} after training again", first, audited,
                     retrained);
}

std::string with_interval(const Rate& rate, double confidence) {
  return fmt::format("{:.3f} ({})", rate.value, interval(rate.low, rate.high, confidence));
}

std::string log_loss(const AuditReport& report) {
  const RetrainAudit& r = report.retraining;
  std::optional<std::string> before;
  if (r.original_utility) before = fmt::format("{:.6g}", r.original_utility->log_loss);
  return fmt::format("On {} the mean loss is {}.", counted(report.test_rows, "test row"),
                     of_models(before, fmt::format("{:.6g}", r.unlearned_utility.log_loss),
                               fmt::format("{:.6g}", r.retrained_utility.log_loss)));
}

std::string accuracy(const AuditReport& report, double confidence) {
  const RetrainAudit& r = report.retraining;
  std::optional<std::string> before;
  if (r.original_utility) before = fmt::format("{:.3f}", r.original_utility->accuracy->value);
  return fmt::format("On {} the accuracy is {}.", counted(report.test_rows, "test row"),
                     of_models(before, with_interval(*r.unlearned_utility.accuracy, confidence),
                               fmt::format("{:.3f}", r.retrained_utility.accuracy->value)));
}

std::string agreement(const AuditReport& report, double confidence) {
  const RetrainAudit& r = report.retraining;
  const Rate& same = *r.unlearned_agreement.same_label;
  std::string text = fmt::format(
      "The audited model and the one trained again give the same label to {} of {} ({})", same.hits,
      counted(same.trials, "test row"), interval(same.low, same.high, confidence));
  if (!r.original_agreement) return text + ".";
  return text + fmt::format("; the one before the deletion and the one trained again to {}.",
                            r.original_agreement->same_label->hits);
}

/// The models under one attack, in words.
struct Attacked {
  const AttackAudit& attack;
  std::string by;
  double confidence;

  /// `figure` of each model, `interval` of the audited one, and what is to be said of that.
  template <typename Figure, typename Interval>
  [[nodiscard]] std::string figures(const Figure& figure, const Interval& interval_of,
                                    std::string_view note = "") const {
    const auto text = [&](const ModelUnderAttack& model) {
      return fmt::format("{:.3f}", figure(model));
    };
    const auto [low, high] = interval_of(attack.unlearned);
    return of_models(
        text(attack.original),
        fmt::format("{} ({}{})", text(attack.unlearned), interval(low, high, confidence), note),
        text(attack.retrained));
  }
  [[nodiscard]] std::string auc(AttackResult ModelUnderAttack::*rows) const {
    const AttackResult& audited = attack.unlearned.*rows;
    const bool few = std::min(audited.rows, audited.unseen_rows) < kFewestRows;
    return figures([&](const ModelUnderAttack& model) { return (model.*rows).auc.value; },
                   [&](const ModelUnderAttack& model) {
                     const Auc& found = (model.*rows).auc;
                     return std::pair(found.low, found.high);
                   },
                   few ? ": too few rows for a narrower one" : "");
  }
  [[nodiscard]] std::string advantage() const {
    return figures([](const ModelUnderAttack& model) { return model.deleted.advantage; },
                   [](const ModelUnderAttack& model) {
                     const AttackResult& found = model.deleted;
                     return std::pair(found.advantage_low, found.advantage_high);
                   });
  }
  /// Of an operating point: the share of deleted rows found, and how much that means.
  [[nodiscard]] std::string found(OperatingPoint AttackResult::*point) const {
    const OperatingPoint& audited = attack.unlearned.deleted.*point;
    std::string text = fmt::format(
        "Who ranks rows {} and takes {} of unseen rows for training rows recognises this share of "
        "the deleted rows: {}",
        by, percent(audited.aimed_fpr),
        figures([&](const ModelUnderAttack& model) { return (model.deleted.*point).tpr.value; },
                [&](const ModelUnderAttack& model) {
                  const Rate& tpr = (model.deleted.*point).tpr;
                  return std::pair(tpr.low, tpr.high);
                }));
    if (audited.resolved) return text + ".";
    return text +
           fmt::format(
               "; not resolved: {} are too few to set a threshold for that, and the one used took "
               "{} of {} others for training rows.",
               counted(attack.unlearned.deleted.unseen_rows, "unseen row"), audited.fpr.hits,
               audited.fpr.trials);
  }
};

/// In the order of the rows of the table.
void add_membership(const AttackAudit& attack, double confidence, std::vector<std::string>& out) {
  const std::string by = attack.attack == MembershipAttack::kLoss
                             ? "by their loss"
                             : "by their loss beside that of shadow models";
  const Attacked attacked{attack, by, confidence};
  out.push_back(fmt::format(
      "Who ranks rows {} puts a deleted row above an unseen one with probability {}: {}.", by,
      attacked.auc(&ModelUnderAttack::deleted), describe(attack.verdict)));
  out.push_back(
      fmt::format("Who ranks rows {} puts a retained row above an unseen one with probability {}.",
                  by, attacked.auc(&ModelUnderAttack::retained)));
  out.push_back(
      fmt::format("Who ranks rows {} and sets the best threshold takes deleted rows for training "
                  "rows at a rate that exceeds that of unseen rows by {}.",
                  by, attacked.advantage()));
  out.push_back(attacked.found(&AttackResult::at_one_percent));
  out.push_back(attacked.found(&AttackResult::at_one_in_thousand));
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
  if (report.twins.value_or(0) > 0) {
    out.push_back(fmt::format(
        "{} of the deleted rows {} a twin among the rows that still count, equal in features and "
        "target.",
        *report.twins, *report.twins == 1 ? "has" : "have"));
  }
  if (report.test_rows > 0) {
    out.push_back(log_loss(report));
    if (report.retraining.unlearned_utility.accuracy) {
      out.push_back(accuracy(report, confidence));
      out.push_back(agreement(report, confidence));
    }
  }
  if (report.membership) {
    for (const AttackAudit& attack : report.membership->attacks) {
      add_membership(attack, confidence, out);
    }
  }
  if (report.reconstruction) out.push_back(reconstruction(*report.reconstruction));
  if (!report.twins) {
    out.push_back(fmt::format(
        "What needs the deleted rows was left out, as their content has been erased: {}membership "
        "inference, reconstruction and the count of twins.",
        report.original ? "" : "the model from before the deletion, "));
  }
  return out;
}

}  // namespace recant
