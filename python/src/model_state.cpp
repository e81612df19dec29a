// SPDX-License-Identifier: Apache-2.0
#include "model_state.hpp"

#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"

namespace recant::python {
namespace {

using Sensitive =
    std::vector<std::tuple<std::string, std::vector<std::string>, std::vector<std::int32_t>>>;

/// A TrainerIteration.
using Step = std::tuple<int, double, double, double, bool>;

nb::tuple rows_state(const Dataset& rows) {
  // The array looks at the features; whoever holds the state holds them.
  auto kept = std::make_unique<FeatureMatrix>(features_without_erased(rows));
  const double* values = kept->view().data();
  const nb::capsule owner(
      kept.release(), [](void* matrix) noexcept { delete static_cast<FeatureMatrix*>(matrix); });
  const nb::ndarray<nb::numpy, const double, nb::ndim<2>> features(
      values,
      {static_cast<std::size_t>(rows.features.rows()),
       static_cast<std::size_t>(rows.features.columns())},
      owner);
  Sensitive sensitive;
  for (const SensitiveColumn& column : rows.sensitive) {
    sensitive.emplace_back(column.name, column.groups, column.codes);
  }
  return nb::make_tuple(features, rows.columns, rows.targets, rows.class_names, rows.weights,
                        sensitive, rows.ids.numbers, rows.ids.texts);
}

Dataset rows_of(const nb::tuple& state) {
  Dataset rows;
  rows.features = features_of(nb::cast<FeatureArray>(state[0]));
  rows.columns = nb::cast<std::vector<std::string>>(state[1]);
  rows.targets = nb::cast<Vector>(state[2]);
  rows.class_names = nb::cast<std::vector<std::string>>(state[3]);
  rows.weights = nb::cast<Vector>(state[4]);
  for (auto& [name, groups, codes] : nb::cast<Sensitive>(state[5])) {
    rows.sensitive.push_back({name, groups, codes});
  }
  rows.ids.numbers = nb::cast<std::vector<std::int64_t>>(state[6]);
  rows.ids.texts = nb::cast<std::vector<std::string>>(state[7]);
  require_sound(rows);
  return rows;
}

nb::object report_state(const FitReport* report) {
  if (report == nullptr) return nb::none();
  const TrainerResult& t = report->training;
  std::vector<Step> history;
  for (const TrainerIteration& step : t.history) {
    history.emplace_back(step.iteration, step.value, step.gradient_norm, step.step_size,
                         step.new_hessian);
  }
  return nb::make_tuple(report->rows, t.converged, t.value, t.data_loss, t.gradient_norm,
                        t.gradient_tolerance, t.iterations, t.hessians, t.passes, t.seconds,
                        history);
}

std::shared_ptr<const FitReport> report_of(const nb::object& state, const FittedModel& fitted) {
  if (state.is_none()) return nullptr;
  const auto values = nb::cast<nb::tuple>(state);
  FitReport report;
  TrainerResult& t = report.training;
  report.rows = nb::cast<Index>(values[0]);
  t.converged = nb::cast<bool>(values[1]);
  t.value = nb::cast<double>(values[2]);
  t.data_loss = nb::cast<double>(values[3]);
  t.gradient_norm = nb::cast<double>(values[4]);
  t.gradient_tolerance = nb::cast<double>(values[5]);
  t.iterations = nb::cast<int>(values[6]);
  t.hessians = nb::cast<int>(values[7]);
  t.passes = nb::cast<int>(values[8]);
  t.seconds = nb::cast<double>(values[9]);
  for (const auto& [iteration, value, norm, size, anew] : nb::cast<std::vector<Step>>(values[10])) {
    t.history.push_back({iteration, value, norm, size, anew});
  }
  t.theta = fitted.model.theta;
  t.gradient = fitted.gradient;
  return std::make_shared<const FitReport>(std::move(report));
}

}  // namespace

ModelState state_of(const Model& model) {
  const FittedModel& fitted = *model.fitted;
  const MetricSettings& settings = fitted.settings;
  return nb::borrow<ModelState>(
      nb::make_tuple(version(), rows_state(fitted.rows), name(fitted.model.loss.kind()),
                     fitted.model.intercept, fitted.model.theta, fitted.l2, fitted.tolerance,
                     fitted.gradient, fitted.optimal, settings.positive_class, settings.privileged,
                     fitted.encoder ? nb::cast(fitted.encoder->to_json()) : nb::none(),
                     report_state(model.report.get()), fitted.label_type, fitted.trained_weights));
}

Model model_of(const ModelState& state) {
  if (state.size() != 15 || nb::cast<std::string>(state[0]) != version()) {
    throw DamagedError("was written by another version of recant", "pickle",
                       "save the model to a folder to keep it");
  }
  auto fitted = std::make_shared<FittedModel>();
  fitted->rows = rows_of(nb::cast<nb::tuple>(state[1]));
  const Loss loss(loss_kind(nb::cast<std::string>(state[2])),
                  std::max<Index>(2, std::ssize(fitted->rows.class_names)));
  fitted->model = {loss, nb::cast<bool>(state[3]), fitted->rows.features.columns(),
                   nb::cast<Vector>(state[4])};
  fitted->l2 = nb::cast<double>(state[5]);
  fitted->tolerance = nb::cast<double>(state[6]);
  fitted->gradient = nb::cast<Vector>(state[7]);
  fitted->optimal = nb::cast<bool>(state[8]);
  fitted->settings.positive_class = nb::cast<Index>(state[9]);
  fitted->settings.privileged = nb::cast<std::vector<std::optional<std::string>>>(state[10]);
  if (!state[11].is_none()) {
    fitted->encoder = Encoder::from_json(nb::cast<std::string>(state[11]));
  }
  fitted->label_type = nb::cast<std::string>(state[13]);
  fitted->trained_weights = nb::cast<std::optional<Vector>>(state[14]);
  const Index parameters = loss.outputs() * fitted->model.width();
  if (fitted->model.theta.size() != parameters || fitted->gradient.size() != parameters ||
      (fitted->trained_weights && fitted->trained_weights->size() != fitted->rows.rows()) ||
      fitted->settings.positive_class < 0 ||
      fitted->settings.positive_class >= std::max<Index>(2, loss.outputs())) {
    throw DamagedError("does not fit together", "pickle");
  }
  const auto report = report_of(nb::object(state[12]), *fitted);
  return {fitted, report};
}

}  // namespace recant::python
