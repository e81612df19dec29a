// SPDX-License-Identifier: Apache-2.0
#include "bind.hpp"
#include "recant/weighting/hard.hpp"
#include "recant/weighting/soft_bounded.hpp"

namespace recant::python {
namespace {

Named soft(const NumberArray& gap_influence, const std::optional<NumberArray>& utility_influence,
           double gap, const Named& fields) {
  SoftOptions options;
  take_fields(options, fields);
  const Vector utility = utility_influence ? Vector(numbers_of(*utility_influence)) : Vector();
  SoftWeights found = without_lock(nb::none(), [&](const auto&) {
    return soft_weights(numbers_of(gap_influence), utility, gap, options);
  });
  Named result;
  result["active"] = name(found.active);
  result["gap_multiplier"] = found.gap_multiplier;
  result["utility_multiplier"] = found.utility_multiplier;
  result["kappa"] = found.kappa;
  result["kappa_rel"] = found.kappa_rel;
  result["objective"] = found.objective;
  result["predicted_change"] = gap > 0 ? -found.a_dot_e : found.a_dot_e;
  result["predicted_utility_change"] = utility_influence ? nb::cast(-found.u_dot_e) : nb::none();
  result["degeneracy"] = name(found.degeneracy);
  result["delta"] = nb::cast(read_only(std::move(found.change.delta)));
  return result;
}

Named soft_bounded(const NumberArray& gap_influence,
                   const std::optional<NumberArray>& utility_influence, double gap,
                   const NumberArray& weights, const Named& fields) {
  BoundedSoftOptions options;
  take_fields(options, fields);
  const Vector influence = numbers_of(gap_influence);
  const Vector utility = utility_influence ? Vector(numbers_of(*utility_influence)) : Vector();
  BoundedSoftWeights found = without_lock(nb::none(), [&](const auto&) {
    const std::vector<SoftGoal> goals = {{.influence = view(influence), .value = gap}};
    return soft_weights_bounded(goals, utility, numbers_of(weights), {}, options);
  });
  Named result;
  result["status"] = name(found.status);
  result["active"] = name(found.active);
  result["gap_multiplier"] = found.gap_multipliers(0);
  result["utility_multiplier"] = found.utility_multiplier;
  result["kappa"] = found.kappa;
  result["kappa_rel"] = found.kappa_rel;
  result["objective"] = found.objective;
  result["predicted_change"] = found.predicted_values(0) - gap;
  result["predicted_utility_change"] =
      utility_influence ? nb::cast(found.predicted_utility_change) : nb::none();
  result["reachable_share"] = found.reachable_shares(0);
  result["at_lower"] = found.at_lower;
  result["at_upper"] = found.at_upper;
  result["delta"] = nb::cast(read_only(std::move(found.change.delta)));
  return result;
}

Named hard(const NumberArray& influence, double value, const NumberArray& weights,
           const Named& fields) {
  HardOptions options;
  take_fields(options, fields);
  HardWeights found = without_lock(nb::none(), [&](const auto&) {
    return hard_weights(numbers_of(influence), value, numbers_of(weights), options);
  });
  Named result;
  result["stop"] = name(found.stop);
  result["rows"] = found.rows;
  result["predicted_reduction"] = found.predicted_reduction;
  result["predicted_value"] = found.predicted_value;
  result["delta"] = nb::cast(read_only(std::move(found.change.delta)));
  return result;
}

}  // namespace

void bind_weighting(nb::module_& module) {
  module.def("soft_weights", &soft, nb::arg("gap_influence").noconvert(),
             nb::arg("utility_influence").noconvert().none(), nb::arg("gap"), nb::arg("options"));
  module.def("soft_weights_bounded", &soft_bounded, nb::arg("gap_influence").noconvert(),
             nb::arg("utility_influence").noconvert().none(), nb::arg("gap"),
             nb::arg("weights").noconvert(), nb::arg("options"));
  module.def("hard_weights", &hard, nb::arg("influence").noconvert(), nb::arg("value"),
             nb::arg("weights").noconvert(), nb::arg("options"));
}

}  // namespace recant::python
