// SPDX-License-Identifier: Apache-2.0
#include "bind.hpp"
#include "model_state.hpp"
#include "recant/core/error.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/json.hpp"

namespace recant::python {
namespace {

/// What fit and adopt are asked for.
struct Asked {
  std::string loss;
  std::optional<double> l2, l2_per_row;
  bool intercept = true;
  std::optional<std::string> positive;
  std::vector<std::string> privileged;
  std::string label_type;
};

FitRequest request_of(Asked asked, const Named& trainer) {
  FitRequest request;
  request.loss = loss_kind(asked.loss);
  request.l2 = asked.l2;
  request.l2_per_row = asked.l2_per_row;
  request.intercept = asked.intercept;
  request.table.positive = std::move(asked.positive);
  request.privileged = std::move(asked.privileged);
  take_fields(request.trainer, trainer);
  return request;
}

Model fit_model(const Rows& rows, Asked asked, nb::handle progress, const Named& trainer) {
  const std::string label_type = asked.label_type;
  const FitRequest request = request_of(std::move(asked), trainer);
  return without_lock(progress, [&](const ProgressCallback& callback) {
    auto [fitted, report] = fit_rows(rows.measured.data, request, callback);
    fitted.label_type = label_type;
    return make_model(std::move(fitted), std::move(report));
  });
}

std::pair<Model, std::string> adopt_model(const Rows& rows, const NumberArray& theta, Asked asked,
                                          nb::handle progress, const Named& trainer) {
  const std::string label_type = asked.label_type;
  const FitRequest request = request_of(std::move(asked), trainer);
  const Vector start = numbers_of(theta);
  return without_lock(progress, [&](const ProgressCallback& callback) {
    auto [fitted, report] = adopt(rows.measured.data, start, request, callback);
    fitted.label_type = label_type;
    std::string json = to_json(fitted, report);
    return std::pair(make_model(std::move(fitted), std::move(report.fit)), std::move(json));
  });
}

std::string fit_json(const Model& model) {
  if (!model.report) throw UsageError("the model was not fitted in this process", "fit");
  return without_lock(nb::none(), [&](const auto&) {
    FitReport report = *model.report;
    Stopwatch watch;
    report.evaluation = evaluate(model.fitted->rows, model.fitted->model, model.fitted->settings);
    report.evaluate_seconds = watch.lap();
    return to_json(*model.fitted, report);
  });
}

std::string evaluate_json(const Model& model, const Rows& rows,
                          const std::vector<std::string>& privileged, double threshold,
                          double radius, bool attack_correct_only) {
  return without_lock(nb::none(), [&](const auto&) {
    MetricSettings settings = measured_by(model, rows.measured.data, privileged)->settings;
    settings.threshold = threshold;
    settings.radius = radius;
    settings.attack_correct_only = attack_correct_only;
    Stopwatch watch;
    const Evaluation evaluation = evaluate(rows.measured.data, model.fitted->model, settings);
    return to_json(evaluation, rows.measured, watch.lap());
  });
}

std::pair<ReadOnlyArray, std::string> influence_values(const Model& model, const Rows& rows,
                                                       std::string_view metric,
                                                       const std::vector<std::string>& privileged) {
  auto [values, json] = without_lock(nb::none(), [&](const auto&) {
    const auto fitted = measured_by(model, rows.measured.data, privileged);
    auto [found, report] = influence(*fitted, rows.measured.data, metric);
    report.validation_rows_dropped = rows.measured.rows_dropped;
    report.unseen = rows.measured.unseen;
    return std::pair(std::move(found), to_json(report));
  });
  return {read_only(std::move(values)), std::move(json)};
}

CorrectionRequest correction_request(std::vector<std::string> goals, const std::string& scheme,
                                     const std::string& update, std::optional<int> rounds,
                                     bool bounded, std::optional<std::int64_t> count,
                                     std::optional<double> share, std::vector<Index> delete_rows,
                                     const Named& fields) {
  CorrectionRequest request{.goals = std::move(goals), .options = {}};
  CorrectionOptions& options = request.options;
  take_fields(options, fields);
  options.scheme = scheme_kind(scheme);
  options.update = update_kind(update);
  options.bounded = bounded;
  options.count = count;
  options.share = share;
  options.delete_rows = std::move(delete_rows);
  options.rounds = rounds.value_or(default_rounds(options));
  return request;
}

/// Puts what was found of the rows that are left back among all: those that were erased have 0.
Vector among_all(const Dataset& all, const Vector& of_left) {
  Vector values = Vector::Zero(all.rows());
  Index next = 0;
  for (Index row = 0; row < all.rows(); ++row) {
    if (!is_erased(all.ids, row)) values[row] = of_left[next++];
  }
  return values;
}

bool has_erased(const Dataset& rows) {
  for (Index row = 0; row < rows.rows(); ++row) {
    if (is_erased(rows.ids, row)) return true;
  }
  return false;
}

/// Rows named by their places among all, by those among the rows that are left.
/// @throws UsageError for one that was erased.
std::vector<Index> among_left(const Dataset& all, std::vector<Index> rows) {
  std::vector<Index> place(static_cast<std::size_t>(all.rows()));
  Index left = 0;
  for (Index row = 0; row < all.rows(); ++row) {
    place[static_cast<std::size_t>(row)] = is_erased(all.ids, row) ? -1 : left++;
  }
  for (Index& row : rows) {
    if (row < 0 || row >= all.rows()) continue;  // the core says what is wrong with it
    row = place[static_cast<std::size_t>(row)];
    if (row < 0) throw UsageError("names a row that was erased", "rows");
  }
  return rows;
}

/// The model corrected, by the rows that were not forgotten; those that were keep their places.
std::pair<FittedModel, CorrectionReport> corrected_in_place(const FittedModel& fitted,
                                                            const Dataset& validation,
                                                            const Dataset* test,
                                                            CorrectionRequest& request,
                                                            const ProgressCallback& progress) {
  if (!has_erased(fitted.rows)) return correct(fitted, validation, test, request, progress);
  std::vector<Index>& named = request.options.delete_rows;
  named = among_left(fitted.rows, std::move(named));
  auto [corrected, report] =
      correct(without_erased_rows(fitted), validation, test, request, progress);
  const Vector weights = among_all(fitted.rows, corrected.rows.weights);
  corrected.rows = fitted.rows;
  corrected.rows.weights = weights;
  return {std::move(corrected), std::move(report)};
}

/// The corrected model, the change of every weight, the command's JSON, which is long, and whether
/// there is anything to keep. Rows that were forgotten take no part, and keep their place.
std::tuple<Model, ReadOnlyArray, LateJson, bool> correct_model(
    const Model& model, const Rows& validation, const Rows* test,
    const std::vector<std::string>& privileged, nb::handle progress, CorrectionRequest request) {
  auto [moved, delta, json, outcome] =
      without_lock(progress, [&](const ProgressCallback& callback) {
        const auto fitted = measured_by(model, validation.measured.data, privileged);
        auto [corrected, report] =
            corrected_in_place(*fitted, validation.measured.data,
                               test != nullptr ? &test->measured.data : nullptr, request, callback);
        const auto note = [&](std::string_view split, const Rows& rows) {
          report.split(split).rows_dropped = rows.measured.rows_dropped;
          report.split(split).unseen = rows.measured.unseen;
        };
        note("validation", validation);
        if (test != nullptr) note("test", *test);
        const bool found = has_outcome(report, request.options);
        Model kept = make_model(std::move(corrected));
        const Vector& moved_by = report.result.change.delta;
        Vector change =
            moved_by.size() == fitted->rows.rows() ? moved_by : among_all(fitted->rows, moved_by);
        LateJson text([model = kept.fitted, request,
                       told = std::make_shared<const CorrectionReport>(std::move(report))] {
          return to_json(*model, *told, request);  // of the rows it says nothing
        });
        return std::tuple(std::move(kept), std::move(change), std::move(text), found);
      });
  return {std::move(moved), read_only(std::move(delta)), std::move(json), outcome};
}

/// What the files of a comparison lacked; of training rows that are in a folder nobody knows.
CompareFile file_of(const char* name, const MeasuredRows& rows) {
  return {name, rows.data.rows(), rows.rows_dropped, rows.unseen};
}

/// recant.comparison/1. Without validation rows the first half of `test` are those.
std::string compare_json(const Model& model, const Rows* validation, const Rows& test,
                         std::optional<Index> train_rows_dropped,
                         const std::vector<std::string>& privileged, nb::handle progress,
                         const CompareRequest& request) {
  return without_lock(progress, [&](const ProgressCallback& callback) {
    Stopwatch watch;
    const Dataset& all = test.measured.data;
    const Index half = validation == nullptr ? all.rows() / 2 : 0;
    const Dataset chosen = half > 0 ? slice(all, {0, half}) : Dataset();
    const Dataset& chooses = validation == nullptr ? chosen : validation->measured.data;
    const auto fitted = measured_by(model, chooses, privileged);
    const FittedModel left = without_erased_rows(*fitted);
    CompareReport report =
        compare(left, chooses, half > 0 ? slice(all, {half, all.rows()}) : all, request, callback);
    report.files = {{"train", left.rows.rows(), train_rows_dropped, {}}};
    if (validation != nullptr) report.files.push_back(file_of("validation", validation->measured));
    report.files.push_back(file_of("test", test.measured));
    return to_json(report, watch.lap());
  });
}

/// C x d, of the features alone; read-only.
nb::ndarray<nb::numpy, const double, nb::ndim<2>> coefficients_of(const Model& model) {
  const LinearModel& linear = model.fitted->model;
  auto coef =
      std::make_unique<RowMatrix>(linear.coefficients().topRows(linear.features).transpose());
  const double* first = coef->data();
  const auto rows = static_cast<std::size_t>(coef->rows());
  const auto columns = static_cast<std::size_t>(coef->cols());
  const nb::capsule owner(coef.release(),
                          [](void* matrix) noexcept { delete static_cast<RowMatrix*>(matrix); });
  return {first, {rows, columns}, owner};
}

/// C; zeros of a model without.
ReadOnlyArray intercepts_of(const Model& model) {
  const LinearModel& linear = model.fitted->model;
  const auto parameters = linear.coefficients();
  if (!linear.intercept) return read_only(Vector::Zero(parameters.cols()));
  return read_only(parameters.row(linear.features).transpose());
}

Matrix scores_of(const Model& model, const FeatureArray& array, bool as_probabilities) {
  const FeatureMatrix features = features_of(array);
  const LinearModel& linear = model.fitted->model;
  if (features.columns() != linear.features) {
    throw DataError("has another number of columns than the model has features", "X");
  }
  return without_lock(nb::none(), [&](const auto&) {
    return as_probabilities ? probabilities(linear, features) : scores(linear, features);
  });
}

Rows rows_from_csv(const Model& model, const std::string& path) {
  return without_lock(nb::none(), [&](const auto&) {
    return Rows{load_rows(*model.fitted, {.csv = path, .arrays = {}})};
  });
}

/// A folder holds nothing of rows that were forgotten in memory.
FittedModel kept(const Model& model) {
  return without_erased_rows(*model.fitted);
}

void bind_model(nb::module_& module) {
  nb::class_<Model>(module, "Model", "A fitted model with its rows. Nothing changes it.")
      .def_prop_ro("loss", [](const Model& self) { return name(self.fitted->model.loss.kind()); })
      .def_prop_ro("intercept", [](const Model& self) { return self.fitted->model.intercept; })
      .def_prop_ro("features", [](const Model& self) { return self.fitted->model.features; })
      .def("__len__", [](const Model& self) { return self.fitted->rows.rows(); })
      .def_prop_ro("theta", [](const Model& self) { return Vector(self.fitted->model.theta); })
      .def_prop_ro("coef", &coefficients_of, nb::rv_policy::automatic)
      .def_prop_ro("intercepts", &intercepts_of, nb::rv_policy::automatic)
      .def_prop_ro("l2", [](const Model& self) { return self.fitted->l2; })
      .def_prop_ro("tolerance", [](const Model& self) { return self.fitted->tolerance; })
      .def_prop_ro("positive_class",
                   [](const Model& self) { return self.fitted->settings.positive_class; })
      .def_prop_ro("label_type", [](const Model& self) { return self.fitted->label_type; })
      .def_prop_ro("optimal", [](const Model& self) { return self.fitted->optimal; })
      .def_prop_ro("gradient", [](const Model& self) { return Vector(self.fitted->gradient); })
      .def_prop_ro("iterations",
                   [](const Model& self) -> std::optional<int> {
                     if (!self.report) return {};
                     return self.report->training.iterations;
                   })
      .def_prop_ro("rows_dropped",
                   [](const Model& self) -> std::optional<Index> {
                     if (!self.report) return {};
                     return self.report->rows_dropped;
                   })
      .def_prop_ro("from_csv", [](const Model& self) { return self.fitted->encoder.has_value(); })
      .def_prop_ro("columns", [](const Model& self) { return self.fitted->rows.columns; })
      .def_prop_ro("class_names", [](const Model& self) { return self.fitted->rows.class_names; })
      .def_prop_ro("groups", [](const Model& self) { return group_names(self.fitted->rows); })
      .def_prop_ro(
          "weights", [](const Model& self) { return read_only(self.fitted->rows.weights); },
          nb::rv_policy::automatic)
      .def_prop_ro("rows",
                   [](const Model& self) {
                     return Rows{{self.fitted->rows, 0, {}}};
                   })
      .def(
          "scores",
          [](const Model& self, const FeatureArray& x) { return scores_of(self, x, false); },
          nb::arg("features").noconvert())
      .def(
          "probabilities",
          [](const Model& self, const FeatureArray& x) { return scores_of(self, x, true); },
          nb::arg("features").noconvert())
      .def(
          "measured_rows",
          [](const Model& self, const FeatureArray& features, const NumberArray& targets,
             const std::vector<Groups>& sensitive) {
            const Dataset& trained = self.fitted->rows;
            return make_rows(features, targets, {}, trained.columns, trained.class_names,
                             sensitive);
          },
          nb::arg("features").noconvert(), nb::arg("targets").noconvert(), nb::arg("sensitive"))
      .def(
          "plain_rows",
          [](const Model& self, nb::object features, nb::object labels,
             const nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>&
                 classes,
             nb::object groups) { return plain_rows(self, features, labels, classes, groups); },
          nb::arg("features"), nb::arg("labels"), nb::arg("classes").noconvert(),
          nb::arg("groups").none())
      .def("fit_json", &fit_json)
      .def("read_csv", &rows_from_csv, nb::arg("path"))
      .def(
          "save",
          [](const Model& self, const std::string& path, bool replace, double wait) {
            without_lock(nb::none(), [&](const auto&) {
              Vault::create(path, kept(self), replace, nullptr, {}, {.seconds = wait});
            });
          },
          nb::arg("path"), nb::arg("replace"), nb::arg("wait"))
      .def(
          "with_positive_class",
          [](const Model& self, const std::string& name) {
            FittedModel fitted = *self.fitted;
            set_positive_class(fitted, name);
            return make_model(std::move(fitted));
          },
          nb::arg("name"))
      .def_static(
          "open",
          [](const std::string& path) {
            return without_lock(nb::none(),
                                [&](const auto&) { return make_model(Vault::open(path)); });
          },
          nb::arg("path"))
      .def("__getstate__", &state_of)
      .def("__setstate__",
           [](Model& self, const ModelState& state) { new (&self) Model(model_of(state)); });
}

}  // namespace

std::shared_ptr<const FittedModel> measured_by(const Model& model, const Dataset& measured,
                                               const std::vector<std::string>& privileged) {
  const bool own_groups = !model.fitted->rows.sensitive.empty();
  if (privileged.empty() && (own_groups || measured.sensitive.empty())) return model.fitted;
  FittedModel fitted = *model.fitted;
  default_privileged(fitted, measured);
  if (!own_groups) fitted.rows.sensitive = measured.sensitive;  // for their names
  set_privileged(fitted, privileged);
  if (!own_groups) fitted.rows.sensitive.clear();
  return std::make_shared<const FittedModel>(std::move(fitted));
}

void bind_engine(nb::module_& module) {
  bind_model(module);
  nb::class_<LateJson>(module, "LateJson", "A result as the command's JSON, made when asked for.")
      .def("text", &LateJson::text);
  module.def(
      "fit",
      [](const Rows& rows, std::string loss, std::optional<double> l2,
         std::optional<double> l2_per_row, bool intercept, std::optional<std::string> positive,
         std::vector<std::string> privileged, std::string label_type, nb::object progress,
         const Named& trainer) {
        return fit_model(rows,
                         {std::move(loss), l2, l2_per_row, intercept, std::move(positive),
                          std::move(privileged), std::move(label_type)},
                         progress, trainer);
      },
      nb::arg("rows"), nb::arg("loss"), nb::arg("l2").none(), nb::arg("l2_per_row").none(),
      nb::arg("intercept"), nb::arg("positive").none(), nb::arg("privileged"),
      nb::arg("label_type"), nb::arg("progress").none(), nb::arg("trainer"));
  module.def(
      "adopt",
      [](const Rows& rows, const NumberArray& theta, std::string loss, double l2, bool intercept,
         std::string label_type, nb::object progress, const Named& trainer) {
        return adopt_model(rows, theta,
                           {std::move(loss), l2, {}, intercept, {}, {}, std::move(label_type)},
                           progress, trainer);
      },
      nb::arg("rows"), nb::arg("theta").noconvert(), nb::arg("loss"), nb::arg("l2"),
      nb::arg("intercept"), nb::arg("label_type"), nb::arg("progress").none(), nb::arg("trainer"));
  module.def("evaluate", &evaluate_json, nb::arg("model"), nb::arg("rows"), nb::arg("privileged"),
             nb::arg("threshold"), nb::arg("radius"), nb::arg("attack_correct_only"));
  module.def("influence", &influence_values, nb::arg("model"), nb::arg("validation"),
             nb::arg("metric"), nb::arg("privileged"));
  module.def(
      "correct",
      [](const Model& model, const Rows& validation, const Rows* test,
         std::vector<std::string> close, const std::string& scheme, const std::string& update,
         std::optional<int> rounds, bool bounded, std::optional<std::int64_t> count,
         std::optional<double> share, std::vector<Index> delete_rows,
         const std::vector<std::string>& privileged, nb::object progress, const Named& options) {
        return correct_model(model, validation, test, privileged, progress,
                             correction_request(std::move(close), scheme, update, rounds, bounded,
                                                count, share, std::move(delete_rows), options));
      },
      nb::arg("model"), nb::arg("validation"), nb::arg("test").none(), nb::arg("close"),
      nb::arg("scheme"), nb::arg("update"), nb::arg("rounds").none(), nb::arg("bounded"),
      nb::arg("count").none(), nb::arg("share").none(), nb::arg("delete_rows"),
      nb::arg("privileged"), nb::arg("progress").none(), nb::arg("options"));
  module.def(
      "compare",
      [](const Model& model, const Rows* validation, const Rows& test,
         std::optional<Index> train_rows_dropped, const std::vector<std::string>& privileged,
         nb::object progress, std::string goal, double close_share, bool keep_utility, double lower,
         double upper, int rounds, int resamples, std::uint64_t seed) {
        return compare_json(model, validation, test, train_rows_dropped, privileged, progress,
                            {.goal = std::move(goal),
                             .close_share = close_share,
                             .keep_utility = keep_utility,
                             .lower = lower,
                             .upper = upper,
                             .rounds = rounds,
                             .resamples = resamples,
                             .seed = seed});
      },
      nb::arg("model"), nb::arg("validation").none(), nb::arg("test"),
      nb::arg("train_rows_dropped").none(), nb::arg("privileged"), nb::arg("progress").none(),
      nb::arg("metric"), nb::arg("close_share"), nb::arg("keep_utility"), nb::arg("lower"),
      nb::arg("upper"), nb::arg("rounds"), nb::arg("resamples"), nb::arg("seed"));
}

}  // namespace recant::python
