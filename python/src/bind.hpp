// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/eigen/dense.h>
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/core/progress.hpp"
#include "recant/engine/fit.hpp"

/// What the parts of recant._core share: arrays in place, and long calls without the lock.
namespace recant::python {

namespace nb = nanobind;

/// C-contiguous float64 arrays, used where they are; other arrays are refused, never copied.
using FeatureArray = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using NumberArray = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using CodeArray = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// Results: Python may look at them, and nothing in it makes them writable.
using ReadOnlyArray = nb::ndarray<nb::numpy, const double, nb::ndim<1>>;

/// The numbers as an array that owns them.
[[nodiscard]] ReadOnlyArray read_only(Vector values);

/// Looks at the array and keeps it alive.
[[nodiscard]] FeatureMatrix features_of(const FeatureArray& array);
[[nodiscard]] inline Eigen::Map<const Vector> numbers_of(const NumberArray& array) {
  return {array.data(), static_cast<Index>(array.size())};
}

/// Name and groups of every sensitive column.
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::string>>> group_names(
    const Dataset& data);

/// Rows to measure on, with what became of their file; training rows without that.
struct Rows {
  MeasuredRows measured;
};

/// A sensitive column: its name, its groups, the number of each row's.
using Groups = std::tuple<std::string, std::vector<std::string>, CodeArray>;

/// Rows that look at the features and copy the rest. @throws DataError for what is not sound.
[[nodiscard]] Rows make_rows(const FeatureArray& features, const NumberArray& targets,
                             const std::optional<NumberArray>& weights,
                             std::vector<std::string> columns, std::vector<std::string> class_names,
                             const std::vector<Groups>& sensitive);

/// A fitted model. Nobody changes it: whatever moves a model makes another.
struct Model {
  std::shared_ptr<const FittedModel> fitted;
  std::shared_ptr<const FitReport> report;  ///< none where the model was not fitted here
};

/// The command's JSON of a result, made when somebody asks for it. Under the interpreter's lock.
class LateJson {
 public:
  explicit LateJson(std::function<std::string()> write) : write_(std::move(write)) {}
  [[nodiscard]] const std::string& text() {
    if (write_) text_ = std::exchange(write_, nullptr)();
    return text_;
  }

 private:
  std::function<std::string()> write_;
  std::string text_;
};

[[nodiscard]] inline Model make_model(FittedModel fitted, std::optional<FitReport> report = {}) {
  return {std::make_shared<const FittedModel>(std::move(fitted)),
          report ? std::make_shared<const FitReport>(*std::move(report)) : nullptr};
}

/// Rows to measure on, of arrays as the core looks at them with whole numbers for labels and
/// groups; none where something calls for a closer look, and maybe for an error.
[[nodiscard]] std::optional<Rows> plain_rows(
    const Model& model, nb::handle features, nb::handle labels,
    const nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>& classes,
    nb::handle groups);

/// The model as a call needs it: gaps have a sign even where it was trained without groups.
[[nodiscard]] std::shared_ptr<const FittedModel> measured_by(
    const Model& model, const Dataset& measured, const std::vector<std::string>& privileged);

/// Asks Python for signals, at most every twentieth of a second: a KeyboardInterrupt goes through
/// the core as an exception.
[[nodiscard]] std::function<void()> signal_check();
/// Calls progress(phase, done, total); nothing for None.
[[nodiscard]] ProgressCallback progress_callback(nb::handle progress);

/// Runs work(callback) without the interpreter's lock; Ctrl-C ends it between two blocks of rows or
/// columns.
template <class Work>
auto without_lock(nb::handle progress, Work&& work) {
  const ProgressCallback callback = progress_callback(progress);
  const nb::gil_scoped_release release;
  const InterruptCheck check(signal_check());
  return work(callback);
}

/// Values by name, as the package gives and gets them.
using Named = nb::typed<nb::dict, nb::str, nb::object>;

/// Sets the fields of an options struct by name, from its field list.
/// @throws UsageError for a value of another type, or a name that no field has.
template <class Options>
void take_fields(Options& options, const Named& given) {
  std::size_t taken = 0;
  for_each_field<Options>([&](const auto& field) {
    const nb::str key(field.name.data(), field.name.size());
    if (!given.contains(key)) return;
    ++taken;
    if (!nb::try_cast(nb::object(given[key]), options.*(field.member))) {
      throw UsageError("is of a type that it cannot have", std::string(field.name));
    }
  });
  if (taken != given.size()) throw UsageError("there is no such option", "options");
}

void bind_core(nb::module_& module);
void bind_data(nb::module_& module);
void bind_engine(nb::module_& module);
void bind_forget(nb::module_& module);
void bind_vault(nb::module_& module);
void bind_weighting(nb::module_& module);
void bind_valuation(nb::module_& module);
void bind_verify(nb::module_& module);

}  // namespace recant::python
