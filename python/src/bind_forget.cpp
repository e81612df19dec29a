// SPDX-License-Identifier: Apache-2.0
#include "forget_options.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/audit.hpp"
#include "recant/engine/forget_rows.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/value.hpp"

namespace recant::python {
namespace {

std::optional<Tier> tier_named(const std::optional<std::string>& text) {
  if (!text) return {};
  for (const Tier tier : all_tiers()) {
    if (*text == name(tier)) return tier;
  }
  throw UsageError("'" + *text + "' is not a tier", "tier_at_most",
                   "choose 0, half, 1, 2 or retrain");
}

/// The model without the rows, recant.deletion/1, whether the rows are out of it and, if asked for,
/// recant.audit/1.
std::tuple<Model, std::string, bool, std::optional<std::string>> forget(
    const Model& model, ForgetRequest request, std::optional<double> allowance,
    bool against_retraining, nb::handle progress) {
  return without_lock(progress, [&](const ProgressCallback& callback) {
    request.weighting.values = values_for(request, *model.fitted, callback);
    auto [left, report] = forget_rows(*model.fitted, std::move(request), allowance, callback);
    std::optional<std::string> audited;
    const bool weighed_less = left.rows.weights != model.fitted->rows.weights;
    if (against_retraining && weighed_less) {
      const AuditRequest question{
          .membership = false, .reconstruction = false, .bound = report.distance};
      const Dataset gone = deleted_rows(left, model.fitted.get());
      audited = to_json(audit(left, &gone, model.fitted.get(), nullptr, question, callback));
    }
    std::string json = to_json(report);
    const bool applied = report.state == RequestState::kApplied;
    return std::tuple(make_model(std::move(left)), std::move(json), applied, std::move(audited));
  });
}

}  // namespace

ForgetRequest forget_request(const Named& how, const Rows* holdout) {
  using Text = std::optional<std::string>;
  ForgetRequest request;
  if (holdout != nullptr) request.holdout = &holdout->measured.data;
  if (how.size() == 0) return request;  // Newton, all rows alike, whichever tier
  request.method = forget_method(nb::cast<std::string>(how["method"]));
  request.tier_at_most = tier_named(nb::cast<Text>(how["tier_at_most"]));
  request.third_derivative = nb::cast<bool>(how["third_derivative"]);
  if (request.tier_at_most == Tier::kHalf && !request.third_derivative) {
    throw UsageError("tier half needs the third derivative", "tier_at_most",
                     "give third_derivative=True");
  }
  request.ascent = {.max_steps = nb::cast<int>(how["max_steps"]),
                    .step_size = nb::cast<double>(how["step_size"]),
                    .rule = step_rule(nb::cast<std::string>(how["rule"])),
                    .clip = nb::cast<std::optional<double>>(how["clip"])};
  const auto kind = nb::cast<std::string>(how["weighting"]);
  if (kind == "uniform") return request;
  ForgetWeighting& weighting = request.weighting;
  weighting.alpha = nb::cast<std::optional<double>>(how["alpha"]);
  weighting.form = value_form(nb::cast<std::string>(how["form"]));
  if (kind == "retained") {
    weighting.retained = true;
    weighting.source = "knn_shapley";
    return request;
  }
  weighting.by_value = true;
  const nb::object values = how["values"];
  if (nb::isinstance<nb::str>(values)) {
    weighting.source = value_method(nb::cast<std::string>(values)).name;
    if (holdout == nullptr) {
      throw UsageError("are found by a method on rows of their own", "values", "give holdout");
    }
    return request;
  }
  weighting.values = numbers_of(nb::cast<NumberArray>(values));
  weighting.source = source_of_given(weighting.values);
  return request;
}

Vector values_for(const ForgetRequest& request, const FittedModel& model,
                  const ProgressCallback& progress) {
  const ForgetWeighting& weighting = request.weighting;
  if (!weighting.by_value || weighting.values.size() > 0) return weighting.values;
  ValueRequest question;
  question.method = weighting.source;
  return value(model, *request.holdout, question, progress).found.values;
}

void bind_forget(nb::module_& module) {
  module.def("describe_reason", &describe_reason, nb::arg("reason"));
  module.def(
      "forget",
      [](const Model& model, std::vector<Index> rows, const Named& how, const Rows* holdout,
         std::optional<double> allowance, bool audit, nb::object progress) {
        ForgetRequest request = forget_request(how, holdout);
        request.rows = std::move(rows);
        return forget(model, std::move(request), allowance, audit, progress);
      },
      nb::arg("model"), nb::arg("rows"), nb::arg("how"), nb::arg("holdout").none(),
      nb::arg("allowance").none(), nb::arg("audit"), nb::arg("progress").none());
}

}  // namespace recant::python
