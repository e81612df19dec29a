// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/json.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

namespace recant {
namespace {

using Json = nlohmann::ordered_json;

Json value(const std::optional<double>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json header(const char* name) {
  return {{"schema", std::string("recant.") + name + "/1"}, {"version", version()}};
}

/// File names may be any bytes: what is not UTF-8 in them is replaced, not refused.
std::string finish(const Json& object) {
  return object.dump(1, ' ', false, Json::error_handler_t::replace);
}

std::string column_key(const GapEvaluation& gap) {
  return gap.column.empty() ? "groups" : gap.column;
}

/// A member of the gaps: itself with one sensitive column, an object by column with several.
template <class Get>
Json by_column(const std::vector<GapEvaluation>& gaps, Get get) {
  if (gaps.empty()) return nullptr;
  if (gaps.size() == 1) return get(gaps.front());
  Json object = Json::object();
  for (const GapEvaluation& gap : gaps) object[column_key(gap)] = get(gap);
  return object;
}

Json groups_json(const GapEvaluation& gap) {
  Json object = Json::object();
  for (const GroupEvaluation& group : gap.groups) {
    object[group.name] = {{"rows", group.rows},
                          {"positives", group.positives},
                          {"positive_rate", value(group.positive_rate)},
                          {"selection_rate", value(group.selection_rate)},
                          {"mean_score", value(group.mean_score)},
                          {"accuracy", value(group.accuracy)}};
  }
  return object;
}

Json metrics_json(const Evaluation& e) {
  const auto gap = [&](auto member) {
    return by_column(e.gaps, [&](const GapEvaluation& g) { return value(g.*member); });
  };
  using G = GapEvaluation;
  return {{"log_loss_sum", e.log_loss_sum},
          {"log_loss_mean", e.log_loss_mean},
          {"accuracy", value(e.accuracy)},
          {"transferred_robust_loss", value(e.transferred_robust_loss)},
          {"robust_loss", value(e.robust_loss)},
          {"margin_robust_accuracy", value(e.margin_robust_accuracy)},
          {"demographic_parity", gap(&G::demographic_parity)},
          {"equal_opportunity", gap(&G::equal_opportunity)},
          {"equal_opportunity_loss", gap(&G::equal_opportunity_loss)},
          {"equalized_odds", gap(&G::equalized_odds)},
          {"demographic_parity_hard", gap(&G::demographic_parity_hard)},
          {"equal_opportunity_hard", gap(&G::equal_opportunity_hard)},
          {"equalized_odds_hard", gap(&G::equalized_odds_hard)},
          {"privileged", by_column(e.gaps, [](const G& g) { return Json(g.privileged); })},
          {"groups", by_column(e.gaps, groups_json)}};
}

/// Coefficients without the intercept: d numbers, or K lists of d for softmax.
Json coefficients_json(const LinearModel& model) {
  const auto columns = model.coefficients();
  Json all = Json::array();
  for (Index c = 0; c < columns.cols(); ++c) {
    Json one = Json::array();
    for (Index j = 0; j < model.features; ++j) one.push_back(columns(j, c));
    all.push_back(std::move(one));
  }
  return model.loss.outputs() == 1 ? all.front() : all;
}

Json intercept_json(const LinearModel& model) {
  const auto columns = model.coefficients();
  Json all = Json::array();
  for (Index c = 0; c < columns.cols(); ++c) {
    all.push_back(model.intercept ? columns(model.features, c) : 0.0);
  }
  return model.loss.outputs() == 1 ? all.front() : all;
}

Json history_json(const TrainerResult& training) {
  Json list = Json::array();
  for (const TrainerIteration& step : training.history) {
    list.push_back({{"iteration", step.iteration},
                    {"loss", step.value},
                    {"gradient_norm", step.gradient_norm},
                    {"step_size", step.step_size},
                    {"new_hessian", step.new_hessian}});
  }
  return list;
}

Json changes_json(const std::vector<MetricChange>& changes, double MetricChange::*member) {
  Json object = Json::object();
  for (const MetricChange& change : changes) object[change.metric] = change.*member;
  return object;
}

Json unseen_json(const std::vector<UnseenCategories>& unseen) {
  Json object = Json::object();
  for (const UnseenCategories& column : unseen) object[column.column] = column.rows;
  return object;
}

/// What became of the rows of a file; rows dropped: none where nobody knows.
Json file_json(Index rows, std::optional<Index> rows_dropped,
               const std::vector<UnseenCategories>& unseen) {
  return {{"rows", rows},
          {"rows_dropped", rows_dropped ? Json(*rows_dropped) : Json(nullptr)},
          {"unseen_categories", unseen_json(unseen)}};
}

Json rounds_json(const CorrectionResult& result) {
  Json list = Json::array();
  for (const CorrectionRound& round : result.rounds) {
    list.push_back(
        {{"round", round.round},
         {"accepted", round.accepted},
         {"rejected_because", round.accepted ? Json(nullptr) : Json(round.rejected_because)},
         {"share", round.share},
         {"gaps", round.gaps},
         {"predicted_change", round.predicted},
         {"actual_change", round.actual},
         {"utility", round.utility},
         {"utility_change", round.utility_change},
         {"active", name(round.active)},
         {"gap_multipliers", round.gap_multipliers},
         {"utility_multiplier", round.utility_multiplier},
         {"kappa", round.kappa},
         {"kappa_raised", round.kappa_raised},
         {"accurate", round.accurate}});
  }
  return list;
}

/// The round whose weights, multipliers and active promises stand for the correction.
const CorrectionRound* last_accepted(const CorrectionResult& result) {
  const auto found = std::find_if(result.rounds.rbegin(), result.rounds.rend(),
                                  [](const CorrectionRound& round) { return round.accepted; });
  return found == result.rounds.rend() ? nullptr : &*found;
}

Json multipliers_json(const CorrectionRound* round) {
  if (round == nullptr) return {{"gap", nullptr}, {"utility", nullptr}};
  const auto& gaps = round->gap_multipliers;
  return {{"gap", gaps.size() == 1 ? Json(gaps.front()) : Json(gaps)},
          {"utility", round->utility_multiplier}};
}

const char* level(UpdateKind update) {
  return update == UpdateKind::kPolish ? "exact" : "heuristic";
}

Json interval_json(const std::optional<Interval>& interval) {
  return interval ? Json({interval->low, interval->high}) : Json(nullptr);
}

Json cell_json(const CompareCell& cell) {
  Json gaps = Json::object();
  for (const CompareGap& gap : cell.gaps) {
    gaps[gap.name] = {{"value", gap.value},
                      {"interval", interval_json(gap.interval)},
                      {"too_few_rows", gap.too_few_rows}};
  }
  return {{"gap", cell.gap},
          {"gap_interval", interval_json(cell.gap_interval)},
          {"gap_too_few_rows", cell.gap_too_few_rows},
          {"gap_predicted", cell.gap_predicted},
          {"gap_hard", value(cell.gap_hard)},
          {"gap_hard_interval", interval_json(cell.gap_hard_interval)},
          {"log_loss_mean", cell.utility},
          {"accuracy", value(cell.accuracy)},
          {"robust_loss_mean", value(cell.robust_loss)},
          {"predicted_change", changes_json(cell.changes, &MetricChange::predicted)},
          {"actual_change", changes_json(cell.changes, &MetricChange::actual)},
          {"gaps", gaps}};
}

Json budget_json(const std::optional<PrivacyBudget>& budget) {
  if (!budget) return nullptr;
  const auto& difference = budget->difference;
  return {{"epsilon", budget->epsilon},
          {"delta", budget->delta},
          {"releases", budget->releases},
          {"sigma", budget->sigma()},
          {"grid_step", budget->grid_step()},
          {"allowance", budget->allowance},
          {"difference", difference ? Json({{"epsilon", difference->epsilon},
                                            {"delta", difference->delta},
                                            {"step", difference->step}})
                                    : Json(nullptr)}};
}

Json price_json(const std::optional<NoisePrice>& price, bool on_training) {
  if (!price) return nullptr;
  return {{"rows", on_training ? "training" : "validation"},
          {"sigma", price->sigma},
          {"loss", price->loss},
          {"rise", price->rise},
          {"relative_rise", value(price->relative_rise)},
          {"standard_error", price->standard_error},
          {"rounding", price->rounding},
          {"spread", price->spread}};
}

Json enrolment_json(const EnrolmentPlan& plan) {
  return {{"outcome", plan.refusal        ? "no"
                      : plan.only_planned ? "planned"
                                          : "enrolled"},
          {"reason", plan.refusal ? Json(plan.refusal->reason) : Json(nullptr)},
          {"budget", plan.refusal ? Json(nullptr) : budget_json(plan.budget)},
          {"on_budget_spent", name(plan.when_spent)},
          {"price", price_json(plan.price, plan.priced_on_training)},
          {"price_without_difference",
           price_json(plan.price_without_difference, plan.priced_on_training)},
          {"fit_bound", plan.fit_bound.value},
          {"assumptions", plan.assumptions}};
}

Json bound_json(const ForgetReport& report) {
  Json terms = Json::object(), tried = Json::object();
  for (const BoundTerm& term : report.terms) terms[term.name] = term.value;
  for (const TierBound& one : report.tried) tried[one.tier] = value(one.bound);
  return {{"distance", value(report.distance)},
          {"residual_norm", value(report.residual_norm)},
          {"residual_h_inverse_norm", value(report.residual_h_inverse_norm)},
          {"terms", terms},
          {"tried", tried},
          {"uniform_distance", value(report.uniform_distance)}};
}

Json sequence_json(const ForgetReport& report) {
  if (!report.budget || !report.spent) return nullptr;
  return {{"releases", report.release},
          {"releases_left", report.spent->releases_left},
          {"mu", report.spent->mu_spent},
          {"epsilon", report.spent->epsilon_spent},
          {"delta", report.budget->delta}};
}

/// The promise to who holds the release before too, and what the step took of its limit.
Json difference_json(const ForgetReport& report) {
  const std::optional<double> share = report.share_of_difference_step();
  if (!share) return nullptr;
  const DifferenceBudget& difference = *report.budget->difference;
  return {{"epsilon", difference.epsilon},
          {"delta", difference.delta},
          {"step", difference.step},
          {"share", *share}};
}

template <class T>
Json text_or_null(const std::optional<T>& text) {
  return text ? Json(*text) : Json(nullptr);
}

Json deletion_json(const ForgetReport& report) {
  const bool released = report.release > 0, moved = !report.method.empty();
  const auto& budget = report.budget;
  return {{"request_key", report.request_key.empty() ? Json(nullptr) : Json(report.request_key)},
          {"request_id", report.request > 0 ? Json(report.request) : Json(nullptr)},
          {"state", name(report.state)},
          {"reason", report.reason.empty() ? Json(nullptr) : Json(report.reason)},
          {"repeated", report.repeated},
          {"rows", report.rows},
          {"method", moved ? Json(report.method) : Json(nullptr)},
          {"weighting", moved ? Json(report.weighting) : Json(nullptr)},
          {"rule", report.ascent ? Json(name(report.ascent->rule)) : Json(nullptr)},
          {"stop", report.ascent ? Json(name(report.ascent->stop)) : Json(nullptr)},
          {"steps", report.ascent ? Json(report.ascent->steps) : Json(nullptr)},
          {"level", moved ? Json(name(report.level)) : Json(nullptr)},
          {"tier", text_or_null(report.tier)},
          {"cheaper", text_or_null(report.cheaper)},
          {"dearer", text_or_null(report.dearer)},
          {"bound", bound_json(report)},
          {"step_norm", value(report.step_norm)},
          {"difference", difference_json(report)},
          {"alpha", value(report.alpha)},
          {"sigma", budget ? Json(budget->sigma()) : Json(nullptr)},
          {"epsilon", budget ? Json(budget->epsilon) : Json(nullptr)},
          {"delta", budget ? Json(budget->delta) : Json(nullptr)},
          {"sequence", sequence_json(report)},
          {"allowance", budget ? Json(budget->allowance) : value(report.allowance)},
          {"new_enrolment", report.new_enrolment},
          {"certificate", released ? Json(report.certificate.string()) : Json(nullptr)},
          {"annex", released ? Json(report.annex.string()) : Json(nullptr)},
          {"assumptions", report.assumptions},
          {"seconds", {{"step", report.step_seconds}, {"forget", report.total_seconds}}}};
}

Json ledger_json(const LedgerStatistics& ledger) {
  Json requests = Json::object();
  for (std::size_t s = 0; s < kRequestStates; ++s) {
    requests[std::string(name(static_cast<RequestState>(s)))] = ledger.requests[s];
  }
  return {
      {"events", ledger.events},
      {"changed_at", std::chrono::duration<double>(ledger.changed_at.time_since_epoch()).count()},
      {"requests", requests},
      {"rows_erased", ledger.rows_erased},
      {"releases", ledger.batches}};
}

}  // namespace

const char* version() noexcept {
  return RECANT_VERSION;
}

std::string to_json(const FittedModel& fitted, const FitReport& report,
                    const EnrolmentPlan* enrolment) {
  const TrainerResult& training = report.training;
  Json object = header("fit");
  object.update(
      {{"rows", report.rows},
       {"rows_dropped", report.rows_dropped},
       {"features", fitted.model.features},
       {"columns", fitted.rows.columns.empty() ? Json(nullptr) : Json(fitted.rows.columns)},
       {"loss_kind", name(fitted.model.loss.kind())},
       {"classes", fitted.rows.class_names},
       {"l2", fitted.l2},
       {"loss", training.value},
       {"data_loss", training.data_loss},
       {"gradient_norm", training.gradient_norm},
       {"gradient_tolerance", training.gradient_tolerance},
       {"distance_bound", training.gradient_norm / fitted.l2},
       {"iterations", training.iterations},
       {"hessians", training.hessians},
       {"passes", training.passes},
       {"converged", training.converged},
       {"coefficients", coefficients_json(fitted.model)},
       {"intercept", intercept_json(fitted.model)},
       {"metrics", metrics_json(report.evaluation)},
       {"enrolment", enrolment == nullptr ? Json(nullptr) : enrolment_json(*enrolment)},
       {"history", history_json(training)},
       {"seconds",
        {{"load", report.load_seconds},
         {"fit", training.seconds},
         {"evaluate", report.evaluate_seconds}}}});
  return finish(object);
}

std::string to_json(const FittedModel& fitted, const AdoptionReport& report) {
  const TrainerResult& training = report.fit.training;
  Json object = header("adoption");
  object.update({{"rows", report.fit.rows},
                 {"features", fitted.model.features},
                 {"loss_kind", name(fitted.model.loss.kind())},
                 {"l2", fitted.l2},
                 {"before",
                  {{"gradient_norm", report.gradient_norm},
                   {"gradient_tolerance", report.gradient_tolerance},
                   {"distance_bound", report.distance_bound},
                   {"distance", report.distance},
                   {"relative_distance", report.relative_distance},
                   {"excess_loss", report.excess_loss}}},
                 {"after",
                  {{"gradient_norm", training.gradient_norm},
                   {"gradient_tolerance", training.gradient_tolerance},
                   {"distance_bound", training.gradient_norm / fitted.l2}}},
                 {"loss", training.value},
                 {"iterations", training.iterations},
                 {"converged", training.converged},
                 {"coefficients", coefficients_json(fitted.model)},
                 {"intercept", intercept_json(fitted.model)},
                 {"seconds", {{"polish", training.seconds}}}});
  return finish(object);
}

std::string to_json(const Evaluation& evaluation, const MeasuredRows& rows, double seconds) {
  Json object = header("evaluation");
  object.update(file_json(evaluation.rows, rows.rows_dropped, rows.unseen));
  object.update({{"metrics", metrics_json(evaluation)}, {"seconds", {{"evaluate", seconds}}}});
  return finish(object);
}

std::string to_json(const InfluenceReport& report) {
  Json object = header("influence");
  object.update(
      {{"metric", report.metric},
       {"metric_value", report.metric_value},
       {"group", report.group ? Json(*report.group) : Json(nullptr)},
       {"negative_targets", report.negative_targets},
       {"validation_rows_dropped", report.validation_rows_dropped},
       {"unseen_categories", unseen_json(report.unseen)},
       {"count", report.summary.count},
       {"sum", report.summary.sum},
       {"norm2", report.summary.norm2},
       {"min", report.summary.min},
       {"max", report.summary.max},
       {"argmin", report.summary.argmin},
       {"argmax", report.summary.argmax},
       {"seconds",
        {{"curvature", report.curvature_seconds}, {"influence", report.influence_seconds}}}});
  return finish(object);
}

std::string to_json(const ValueReport& report, const RowIds& ids) {
  const MethodValues& found = report.found;
  const InfluenceSummary& summary = report.summary;
  const auto rows_json = [&](const std::vector<RowValue>& rows) {
    Json list = Json::array();
    for (const RowValue& row : rows) {
      list.push_back({{"row", row.row}, {"id", ids.text(row.row)}, {"value", row.value}});
    }
    return list;
  };
  Json object = header("values");
  object.update(
      {{"method", report.method},
       {"utility", found.utility},
       {"validation_rows", report.validation_rows},
       {"validation_rows_dropped", report.validation_rows_dropped},
       {"unseen_categories", unseen_json(report.unseen)},
       {"count", summary.count},
       {"sum", summary.sum},
       {"total", value(found.total)},
       {"norm2", summary.norm2},
       {"min", summary.min},
       {"max", summary.max},
       {"argmin", summary.argmin},
       {"argmax", summary.argmax},
       {"standard_error_max",
        found.standard_errors.size() > 0 ? Json(found.standard_errors.maxCoeff()) : Json(nullptr)},
       {"error_bound", found.error_bound},
       {"baseline", value(found.baseline)},
       {"weights_ignored", found.weights_ignored},
       {"highest", rows_json(report.highest)},
       {"lowest", rows_json(report.lowest)}});
  object["sampling"] = nullptr;
  if (found.sampling) {
    const SamplingReport& drawn = *found.sampling;
    object["sampling"] = {{"samples", drawn.samples},         {"resumed", drawn.resumed},
                          {"evaluations", drawn.evaluations}, {"truncation", drawn.truncation},
                          {"truncated", drawn.truncated},     {"precise", drawn.precise}};
  }
  object["leave_one_out"] = nullptr;
  if (found.leave_one_out) {
    const LeaveOneOutReport& left = *found.leave_one_out;
    object["leave_one_out"] = {{"passes", left.passes},
                               {"refits", left.refits},
                               {"not_converged", left.not_converged},
                               {"last_of_class", left.last_of_class},
                               {"gradient_norm_max", left.gradient_norm_max},
                               {"influence",
                                {{"pearson", value(left.influence.pearson)},
                                 {"spearman", value(left.influence.spearman)},
                                 {"slope", value(left.influence.slope)},
                                 {"largest_error", left.influence.largest_error},
                                 {"worst", left.influence.worst}}}};
  }
  object["flip_check"] = nullptr;
  if (report.flip_check) {
    const FlipCheck& check = *report.flip_check;
    object["flip_check"] = {{"rows", check.rows},           {"flipped", check.flipped},
                            {"area", check.area},           {"best_area", check.best_area()},
                            {"precision", check.precision}, {"chance", check.chance()}};
  }
  object["seconds"] = {{"value", report.value_seconds}, {"flip_check", report.flip_check_seconds}};
  return finish(object);
}

std::string to_json(const FittedModel& fitted, const CorrectionReport& report,
                    const CorrectionRequest& request) {
  const CorrectionResult& result = report.result;
  const CorrectionRound* last = last_accepted(result);
  int rounds = 0;
  for (const CorrectionRound& round : result.rounds) rounds += round.accepted ? 1 : 0;

  Json goals = Json::array();
  for (std::size_t g = 0; g < report.goals.size(); ++g) {
    const Metric& goal = report.goals[g];
    const auto& group = report.goal_groups[g];
    Json entry = {{"metric", goal.name},
                  {"group", group ? Json(*group) : Json(nullptr)},
                  {"negative_targets", goal.kind == MetricKind::kEqualOpportunityNegative}};
    for (std::size_t s = 0; s < report.splits.size(); ++s) {
      entry[report.splits[s].split] = {{"predicted_change", report.goal_changes[s][g].predicted},
                                       {"actual_change", report.goal_changes[s][g].actual}};
    }
    goals.push_back(std::move(entry));
  }
  Json before = Json::object(), after = Json::object(), splits = Json::object(),
       files = Json::object();
  for (const SplitChange& split : report.splits) {
    before[split.split] = {{"rows", split.before.rows}, {"metrics", metrics_json(split.before)}};
    after[split.split] = {{"rows", split.after.rows}, {"metrics", metrics_json(split.after)}};
    files[split.split] = file_json(split.before.rows, split.rows_dropped, split.unseen);
    splits[split.split] = {
        {"predicted_change", changes_json(split.changes, &MetricChange::predicted)},
        {"actual_change", changes_json(split.changes, &MetricChange::actual)}};
  }
  Json object = header("correction");
  object.update({{"scheme", name(request.options.scheme)},
                 {"update", name(request.options.update)},
                 {"level", rounds > 0 ? Json(level(request.options.update)) : Json(nullptr)},
                 {"goals", goals},
                 {"rounds", rounds},
                 {"stop", name(result.stop)},
                 {"kappa", last != nullptr ? Json(last->kappa) : Json(nullptr)},
                 {"active", last != nullptr ? Json(name(last->active)) : Json("none")},
                 {"multipliers", multipliers_json(last)},
                 {"reachable_share", result.reachable_share},
                 {"data", files},
                 {"before", before},
                 {"after", after},
                 {"predicted_change", splits.at("validation").at("predicted_change")},
                 {"actual_change", splits.at("validation").at("actual_change")},
                 {"changes", splits},
                 {"weights",
                  {{"min", report.weights.min},
                   {"max", report.weights.max},
                   {"norm2", report.weights.norm2},
                   {"nonzero", report.weights.nonzero},
                   {"total_min", report.weights.total_min},
                   {"total_max", report.weights.total_max},
                   {"total_weight_zero_rows", report.total_weight_zero_rows},
                   {"negative_total_weight_rows", report.weights.negative_total_weight_rows}}},
                 {"gradient_norm", result.gradient_norm},
                 {"distance_bound", report.weights.negative_total_weight_rows == 0
                                        ? Json(result.gradient_norm / fitted.l2)
                                        : Json(nullptr)},
                 {"coefficients", coefficients_json(fitted.model)},
                 {"intercept", intercept_json(fitted.model)},
                 {"history", rounds_json(result)},
                 {"seconds",
                  {{"curvature", result.seconds.curvature},
                   {"influence", result.seconds.influence},
                   {"weights", result.seconds.weights},
                   {"update", result.seconds.update},
                   {"measure", result.seconds.measure},
                   {"evaluate", report.evaluate_seconds}}}});
  return finish(object);
}

std::string to_json(const CompareReport& report, double seconds) {
  Json rows = Json::array();
  for (const CompareRow& row : report.rows) {
    rows.push_back({{"scheme", row.scheme},
                    {"update", row.update.empty() ? Json(nullptr) : Json(row.update)},
                    {"rounds", row.rounds},
                    {"reached", row.reached},
                    {"stop", row.stop.empty() ? Json(nullptr) : Json(row.stop)},
                    {"changed_rows", row.changed_rows},
                    {"removed_rows", row.removed_rows},
                    {"seconds", row.seconds},
                    {"train", row.train ? cell_json(*row.train) : Json(nullptr)},
                    {"validation", cell_json(row.validation)},
                    {"test", cell_json(row.test)}});
  }
  Json files = Json::object();
  for (const CompareFile& file : report.files) {
    files[file.name] = file_json(file.rows, file.rows_dropped, file.unseen);
  }
  Json object = header("comparison");
  object.update({{"target_gap", report.target_gap},
                 {"data", files},
                 {"models", rows},
                 {"seconds", {{"compare", seconds}}}});
  return finish(object);
}

std::string to_json(const ForgetReport& report) {
  Json object = header("deletion");
  object.update(deletion_json(report));
  return finish(object);
}

std::string to_json(std::span<const ForgetReport> reports) {
  Json list = Json::array();
  double seconds = 0;
  for (const ForgetReport& report : reports) {
    list.push_back(deletion_json(report));
    seconds += report.total_seconds;
  }
  Json object = header("deletions");
  object["deletions"] = std::move(list);  // a braced list would copy every one of them, twice
  object["seconds"] = {{"forget", seconds}};
  return finish(object);
}

std::string to_json(const VaultStatus& status, const VaultCheck* check) {
  Json budget = budget_json(status.budget);
  if (status.spent) {
    budget["releases_used"] = status.ledger->budget.used;
    budget["releases_left"] = status.spent->releases_left;
    budget["mu_spent"] = status.spent->mu_spent;
    budget["epsilon_spent"] = status.spent->epsilon_spent;
    budget["on_budget_spent"] = name(*status.when_spent);
  }
  Json object = header("status");
  object.update({{"model_id", status.model_id},
                 {"format_version", status.format_version},
                 {"rows", status.rows},
                 {"rows_left", status.rows_left},
                 {"ledger", status.ledger ? ledger_json(*status.ledger) : Json(nullptr)},
                 {"ledger_address", text_or_null(status.ledger_address)},
                 {"budget", budget},
                 {"unfinished", text_or_null(status.unfinished)},
                 {"check", nullptr},
                 {"seconds", Json::object()}});
  if (check != nullptr) {
    object["check"] = {{"outcome", check->fault ? "damaged" : "no_fault_found"},
                       {"fault", text_or_null(check->fault)},
                       {"checked", check->checked}};
  }
  return finish(object);
}

std::string backup_json(const std::string& destination, const VaultStatus& copy, double seconds) {
  Json object = header("backup");
  object.update({{"destination", destination},
                 {"model_id", copy.model_id},
                 {"rows", copy.rows},
                 {"rows_left", copy.rows_left},
                 {"events", copy.ledger ? Json(copy.ledger->events) : Json(nullptr)},
                 {"seconds", {{"backup", seconds}}}});
  return finish(object);
}

std::string to_json(const Verification& verification, double seconds) {
  Json checks = Json::array();
  for (const Check& check : verification.checks) {
    checks.push_back(
        {{"name", check.name}, {"state", name(check.state)}, {"detail", check.detail}});
  }
  const auto member = [&](const char* key) {
    const auto found = verification.members.find(key);
    return found == verification.members.end() ? Json(nullptr) : Json(found->second.front());
  };
  const Check* failed = verification.failure();
  Json object = header("verification");
  object.update({{"outcome", failed == nullptr ? "no_fault_found" : "damaged"},
                 {"complete", verification.complete()},
                 {"failed", failed == nullptr ? Json(nullptr) : Json(failed->name)},
                 {"checks", checks},
                 {"model_id", member("model_id")},
                 {"level", member("level")},
                 {"key_id", member("key_id")},
                 {"released_on", member("released_on")},
                 {"seconds", {{"verify", seconds}}}});
  return finish(object);
}

std::string to_json(const Error& error) {
  const auto text = [](const std::string& part) {
    return part.empty() ? Json(nullptr) : Json(part);
  };
  Json object = header("error");
  object.update({{"kind", name(error.kind())},
                 {"message", error.message()},
                 {"where", text(error.where())},
                 {"hint", text(error.hint())},
                 {"seconds", Json::object()}});
  return finish(object);
}

}  // namespace recant
