// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include "bind.hpp"

namespace recant::python {
namespace {

/// A look at numbers that `owner` keeps.
template <class Values>
nb::ndarray<nb::numpy, const double, nb::ndim<1>> look_at(const Values& values, nb::handle owner) {
  return {values.data(), {static_cast<std::size_t>(values.size())}, owner};
}

using GroupsOut = std::tuple<std::string, std::vector<std::string>,
                             nb::ndarray<nb::numpy, std::int32_t, nb::ndim<1>>>;

std::vector<GroupsOut> groups_of(const Dataset& data) {
  std::vector<GroupsOut> list;
  for (const SensitiveColumn& column : data.sensitive) {
    auto codes = std::make_unique<std::vector<std::int32_t>>(column.codes);
    const std::size_t size = codes->size();
    std::int32_t* values = codes->data();
    const nb::capsule owner(codes.release(), [](void* kept) noexcept {
      delete static_cast<std::vector<std::int32_t>*>(kept);
    });
    list.emplace_back(column.name, column.groups,
                      nb::ndarray<nb::numpy, std::int32_t, nb::ndim<1>>(values, {size}, owner));
  }
  return list;
}

}  // namespace

Rows make_rows(const FeatureArray& features, const NumberArray& targets,
               const std::optional<NumberArray>& weights, std::vector<std::string> columns,
               std::vector<std::string> class_names, const std::vector<Groups>& sensitive) {
  Dataset data;
  data.features = features_of(features);
  data.columns = std::move(columns);
  data.targets = numbers_of(targets);
  data.class_names = std::move(class_names);
  data.weights = weights ? Vector(numbers_of(*weights)) : Vector::Ones(data.rows());
  for (const auto& [name, groups, codes] : sensitive) {
    data.sensitive.push_back({name, groups, {codes.data(), codes.data() + codes.size()}});
  }
  data.ids.numbers.resize(static_cast<std::size_t>(data.rows()));
  std::iota(data.ids.numbers.begin(), data.ids.numbers.end(), 1);
  require_sound(data);
  return {{std::move(data), 0, {}}};
}

ReadOnlyArray read_only(Vector values) {
  auto owned = std::make_unique<Vector>(std::move(values));
  const double* first = owned->data();
  const auto size = static_cast<std::size_t>(owned->size());
  const nb::capsule owner(owned.release(),
                          [](void* vector) noexcept { delete static_cast<Vector*>(vector); });
  return {first, {size}, owner};
}

std::vector<std::pair<std::string, std::vector<std::string>>> group_names(const Dataset& data) {
  std::vector<std::pair<std::string, std::vector<std::string>>> columns;
  for (const SensitiveColumn& column : data.sensitive) {
    columns.emplace_back(column.name, column.groups);
  }
  return columns;
}

FeatureMatrix features_of(const FeatureArray& array) {
  return {array.data(), static_cast<Index>(array.shape(0)), static_cast<Index>(array.shape(1)),
          std::make_shared<FeatureArray>(array)};
}

void bind_data(nb::module_& module) {
  nb::class_<Rows>(module, "Rows", "Rows ready for training or measuring; looks at the features.")
      .def(
          "__init__",
          [](Rows* self, const FeatureArray& features, const NumberArray& targets,
             const std::optional<NumberArray>& weights, std::vector<std::string> columns,
             std::vector<std::string> class_names, const std::vector<Groups>& sensitive) {
            new (self) Rows(make_rows(features, targets, weights, std::move(columns),
                                      std::move(class_names), sensitive));
          },
          nb::arg("features").noconvert(), nb::arg("targets").noconvert(),
          nb::arg("weights").none() = nb::none(), nb::arg("columns") = std::vector<std::string>(),
          nb::arg("class_names") = std::vector<std::string>(),
          nb::arg("sensitive") = std::vector<Groups>())
      .def_prop_ro("features",
                   [](nb::handle_t<Rows> self) {
                     const FeatureMatrix& x = nb::cast<const Rows&>(self).measured.data.features;
                     const auto rows = static_cast<std::size_t>(x.rows());
                     const auto columns = static_cast<std::size_t>(x.columns());
                     return nb::ndarray<nb::numpy, const double, nb::ndim<2>>(
                         x.view().data(), {rows, columns}, self);
                   })
      .def_prop_ro("targets",
                   [](nb::handle_t<Rows> self) {
                     return look_at(nb::cast<const Rows&>(self).measured.data.targets, self);
                   })
      .def_prop_ro("weights",
                   [](nb::handle_t<Rows> self) {
                     return look_at(nb::cast<const Rows&>(self).measured.data.weights, self);
                   })
      .def_prop_ro("columns", [](const Rows& self) { return self.measured.data.columns; })
      .def_prop_ro("class_names", [](const Rows& self) { return self.measured.data.class_names; })
      .def_prop_ro("groups", [](const Rows& self) { return group_names(self.measured.data); })
      .def_prop_ro(
          "sensitive", [](const Rows& self) { return groups_of(self.measured.data); },
          nb::rv_policy::move)
      .def("__len__", [](const Rows& self) { return self.measured.data.rows(); });
}

}  // namespace recant::python
