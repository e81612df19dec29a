// SPDX-License-Identifier: Apache-2.0
#include "forget_options.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/audit.hpp"
#include "recant/engine/forget_rows.hpp"
#include "recant/engine/json.hpp"

namespace recant::python {
namespace {

std::optional<Tier> tier_named(const std::optional<std::string>& text) {
  if (!text) return {};
  for (const Tier tier : all_tiers()) {
    if (*text == name(tier)) return tier;
  }
  throw UsageError("'" + *text + "' is not a tier", "tier_at_most", "choose 0, 1, 2 or retrain");
}

/// The model without the rows, recant.deletion/1, whether the rows are out of it and, if asked for,
/// recant.audit/1.
std::tuple<Model, std::string, bool, std::optional<std::string>> forget(
    const Model& model, ForgetRequest request, std::optional<double> allowance,
    bool against_retraining, nb::handle progress) {
  return without_lock(progress, [&](const ProgressCallback& callback) {
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

ForgetRequest forget_request(const ForgetOptions& options, const Rows* holdout,
                             const Named& ascent) {
  ForgetRequest request;
  request.method = forget_method(options.method);
  request.tier_at_most = tier_named(options.tier_at_most);
  take_fields(request.ascent, ascent);
  if (holdout != nullptr) request.holdout = &holdout->measured.data;
  if (options.weighting == "uniform") return request;
  ForgetWeighting& weighting = request.weighting;
  if (options.weighting == "retained") {
    weighting.retained = true;
    weighting.alpha = options.alpha;
    weighting.source = "knn_shapley";
    return request;
  }
  weighting.by_value = true;
  weighting.form = value_form(options.weighting);
  weighting.alpha = options.alpha;
  if (!options.values) throw UsageError("weighting by value needs one for every row", "values");
  weighting.values = numbers_of(*options.values);
  weighting.source = source_of_given(weighting.values);
  return request;
}

void bind_forget(nb::module_& module) {
  module.def("describe_reason", &describe_reason, nb::arg("reason"));
  module.def(
      "forget",
      [](const Model& model, std::vector<Index> rows, std::string method, std::string weighting,
         std::optional<double> alpha, std::optional<NumberArray> values,
         std::optional<std::string> tier_at_most, const Rows* holdout, const Named& ascent,
         std::optional<double> allowance, bool audit, nb::object progress) {
        ForgetRequest request = forget_request({std::move(method), std::move(weighting), alpha,
                                                std::move(values), std::move(tier_at_most)},
                                               holdout, ascent);
        request.rows = std::move(rows);
        return forget(model, std::move(request), allowance, audit, progress);
      },
      nb::arg("model"), nb::arg("rows"), nb::arg("method"), nb::arg("weighting"),
      nb::arg("alpha").none(), nb::arg("values").noconvert().none(), nb::arg("tier_at_most").none(),
      nb::arg("holdout").none(), nb::arg("ascent"), nb::arg("allowance").none(), nb::arg("audit"),
      nb::arg("progress").none());
}

}  // namespace recant::python
