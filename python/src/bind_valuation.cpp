// SPDX-License-Identifier: Apache-2.0
#include "bind.hpp"
#include "recant/engine/json.hpp"

namespace recant::python {
namespace {

/// A value of every row, standard errors where they were sampled, and the command's JSON.
using Valued = std::tuple<ReadOnlyArray, std::optional<ReadOnlyArray>, std::string>;

/// The options of a method; each takes those that it knows.
ValueRequest request_of(const std::string& method, const std::string& metric,
                        const std::string& ties, const std::string& utility, Index top,
                        std::optional<double> flip_check, std::uint64_t seed,
                        const std::string& state_file, const Named& fields) {
  ValueRequest request;
  const ListedValueMethod known = value_method(method);
  request.method = method;
  request.metric = metric;
  request.knn.ties = tie_rule(ties);
  request.utility = set_utility(utility);
  request.top = top;
  request.flip_check = flip_check;
  request.seed = seed;
  if (known.leaves_out) {
    take_fields(request.leave_one_out, fields);
  } else if (known.ranks) {
    take_fields(request.knn, fields);
  } else {
    Named sampling;
    sampling.update(fields);
    if (sampling.contains("neighbors")) {
      request.knn.neighbors = nb::cast<int>(sampling["neighbors"]);
      nb::del(sampling["neighbors"]);
    }
    take_fields(request.sampling, sampling);
  }
  request.sampling.state_file = state_file;
  return request;
}

Valued value_rows(const Model& model, const Rows& validation, nb::handle progress,
                  const std::vector<std::string>& privileged, const ValueRequest& request) {
  auto [found, json] = without_lock(progress, [&](const ProgressCallback& callback) {
    const auto fitted = measured_by(model, validation.measured.data, privileged);
    ValueReport report = value(*fitted, validation.measured.data, request, callback);
    report.validation_rows_dropped = validation.measured.rows_dropped;
    report.unseen = validation.measured.unseen;
    std::string text = to_json(report, model.fitted->rows.ids);
    return std::pair(std::move(report.found), std::move(text));
  });
  std::optional<ReadOnlyArray> errors;
  if (found.standard_errors.size() > 0) errors = read_only(std::move(found.standard_errors));
  return {read_only(std::move(found.values)), std::move(errors), std::move(json)};
}

}  // namespace

void bind_valuation(nb::module_& module) {
  module.def(
      "value",
      [](const Model& model, const Rows& validation, const std::string& method,
         const Named& options, const std::string& metric, const std::string& ties,
         const std::string& utility, Index top, std::optional<double> flip_check,
         std::uint64_t seed, const std::string& state_file,
         const std::vector<std::string>& privileged, const std::optional<FeatureArray>& features,
         const std::optional<FeatureArray>& validation_features, nb::object progress) {
        ValueRequest request =
            request_of(method, metric, ties, utility, top, flip_check, seed, state_file, options);
        if (features) request.features = features_of(*features);
        if (validation_features) request.validation_features = features_of(*validation_features);
        return value_rows(model, validation, progress, privileged, request);
      },
      nb::arg("model"), nb::arg("validation"), nb::arg("method"), nb::arg("options"),
      nb::arg("metric") = "utility", nb::arg("ties") = "row_number", nb::arg("utility") = "vote",
      nb::arg("top") = 0, nb::arg("flip_check").none() = nb::none(), nb::arg("seed") = 1,
      nb::arg("state_file") = "", nb::arg("privileged") = std::vector<std::string>(),
      nb::arg("features").none() = nb::none(), nb::arg("validation_features").none() = nb::none(),
      nb::arg("progress").none() = nb::none());
}

}  // namespace recant::python
