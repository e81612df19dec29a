// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>

#include "bind.hpp"
#include "recant/data/npy.hpp"

namespace recant::python {
namespace {

/// A look at numbers that `owner` keeps.
template <class Values>
nb::ndarray<nb::numpy, const double, nb::ndim<1>> look_at(const Values& values, nb::handle owner) {
  return {values.data(), {static_cast<std::size_t>(values.size())}, owner};
}

/// Ids from 1.
void number_rows(Dataset& data) {
  data.ids.numbers.resize(static_cast<std::size_t>(data.rows()));
  std::iota(data.ids.numbers.begin(), data.ids.numbers.end(), 1);
}

/// An array that owns its numbers.
template <class T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> owned(std::vector<T> numbers) {
  auto kept = std::make_unique<std::vector<T>>(std::move(numbers));
  T* values = kept->data();
  const std::size_t size = kept->size();
  const nb::capsule owner(
      kept.release(), [](void* vector) noexcept { delete static_cast<std::vector<T>*>(vector); });
  return {values, {size}, owner};
}

using GroupsOut = std::tuple<std::string, std::vector<std::string>,
                             nb::ndarray<nb::numpy, std::int32_t, nb::ndim<1>>>;

std::vector<GroupsOut> groups_of(const Dataset& data) {
  std::vector<GroupsOut> list;
  for (const SensitiveColumn& column : data.sensitive) {
    list.emplace_back(column.name, column.groups, owned(column.codes));
  }
  return list;
}

using IntegersIn = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Integers = std::span<const std::int64_t>;
Integers integers_of(const IntegersIn& array) {
  return {array.data(), array.size()};
}

/// The different ones of some whole numbers in order, and the place of each among them.
struct Different {
  std::vector<std::int64_t> found, codes;
};

/// By counting; none where they are too far apart for that.
std::optional<Different> different(Integers values) {
  if (values.empty()) return {};
  const auto [least, most] = std::ranges::minmax(values);
  constexpr std::uint64_t kMost = 4096;
  if (static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least) >= kMost) return {};
  std::vector<std::int64_t> place(static_cast<std::size_t>(most - least) + 1, 0);
  for (const std::int64_t value : values) place[static_cast<std::size_t>(value - least)] = 1;
  Different result;
  for (std::size_t i = 0; i < place.size(); ++i) {
    if (place[i] == 0) continue;
    place[i] = std::ssize(result.found);
    result.found.push_back(least + static_cast<std::int64_t>(i));
  }
  result.codes.resize(values.size());
  std::ranges::transform(values, result.codes.begin(), [&](std::int64_t value) {
    return place[static_cast<std::size_t>(value - least)];
  });
  return result;
}

/// The number of each label's class; none where a label is no class. Classes are in order, but for
/// two of a table whose smaller one is the positive one.
std::optional<std::vector<double>> class_codes(Integers labels, Integers classes) {
  const bool in_order = std::ranges::is_sorted(classes);
  std::vector<double> codes(labels.size());
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const std::int64_t label = labels[row];
    const auto at =
        in_order ? std::ranges::lower_bound(classes, label) : std::ranges::find(classes, label);
    if (at == classes.end() || *at != label) return {};
    codes[row] = static_cast<double>(at - classes.begin());
  }
  return codes;
}

/// Groups that are whole numbers, as the column that training has or, where it has none, one of
/// their own; none where they are no such column.
std::optional<SensitiveColumn> group_column(Integers values, const Dataset& trained) {
  const auto numbered = different(values);
  if (!numbered || trained.sensitive.size() > 1) return {};
  std::vector<std::string> names;
  for (const std::int64_t value : numbered->found) names.push_back(std::to_string(value));
  SensitiveColumn column;
  if (trained.sensitive.empty()) {
    column.groups = names;
    std::ranges::sort(column.groups);
  } else {
    column.name = trained.sensitive.front().name;
    column.groups = trained.sensitive.front().groups;
  }
  std::vector<std::int32_t> places;
  for (const std::string& name : names) {
    const auto at = std::ranges::find(column.groups, name);
    if (at == column.groups.end()) return {};
    places.push_back(static_cast<std::int32_t>(at - column.groups.begin()));
  }
  for (const std::int64_t code : numbered->codes) {
    column.codes.push_back(places[static_cast<std::size_t>(code)]);
  }
  return column;
}

/// An array as the core looks at it, at an address that it can read from; none of any other.
template <class Array>
std::optional<Array> plain(nb::handle object) {
  Array array;
  if (!nb::try_cast(object, array, false)) return {};
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(double) != 0) return {};
  return array;
}

}  // namespace

std::optional<Rows> plain_rows(const Model& model, nb::handle features, nb::handle labels,
                               const IntegersIn& classes, nb::handle groups) {
  const Dataset& trained = model.fitted->rows;
  const auto x = plain<FeatureArray>(features);
  const auto y = plain<IntegersIn>(labels);
  const auto s = groups.is_none() ? std::nullopt : plain<IntegersIn>(groups);
  if (!x || !y || (!groups.is_none() && !s)) return {};
  Dataset data;
  data.features = features_of(*x);
  const auto rows = static_cast<std::size_t>(data.rows());
  if (rows == 0 || data.features.columns() != model.fitted->model.features || y->size() != rows ||
      (s && s->size() != rows)) {
    return {};
  }
  return without_lock(nb::none(), [&](const auto&) -> std::optional<Rows> {
    try {
      require_finite(data.features.view(), "X");
    } catch (const DataError&) {
      return {};
    }
    const auto codes = class_codes(integers_of(*y), integers_of(classes));
    if (!codes) return {};
    data.targets = Eigen::Map<const Vector>(codes->data(), data.rows());
    if (s) {
      auto column = group_column(integers_of(*s), trained);
      if (!column) return {};
      data.sensitive.push_back(*std::move(column));
    }
    data.columns = trained.columns;
    data.class_names = trained.class_names;
    data.weights = Vector::Ones(data.rows());
    number_rows(data);
    require_sound(data);
    return Rows{{std::move(data), 0, {}}};
  });
}

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
  number_rows(data);
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
  using Numbers = nb::ndarray<nb::numpy, std::int64_t, nb::ndim<1>>;
  module.def(
      "different",
      [](const IntegersIn& values) -> std::optional<std::pair<Numbers, Numbers>> {
        auto result = different(integers_of(values));
        if (!result) return {};
        return std::pair(owned(std::move(result->found)), owned(std::move(result->codes)));
      },
      nb::arg("values").noconvert());
  module.def(
      "class_codes",
      [](const IntegersIn& labels,
         const IntegersIn& classes) -> std::optional<nb::ndarray<nb::numpy, double, nb::ndim<1>>> {
        auto codes = class_codes(integers_of(labels), integers_of(classes));
        if (!codes) return {};
        return owned(*std::move(codes));
      },
      nb::arg("labels").noconvert(), nb::arg("classes").noconvert());
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
