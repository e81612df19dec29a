// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bind.hpp"

/// A model as a value that pickle can write, its rows included. Not a format to keep: a pickle is
/// read by the version that wrote it; Model.save() writes a folder for later ones.
namespace recant::python {

/// Version, features, the arrays of a value per row, names and numbers, parameters.
using ModelState = nb::typed<nb::tuple, nb::object, nb::ellipsis>;

[[nodiscard]] ModelState state_of(const Model& model);
/// @throws DamagedError for a state that another version wrote or that does not fit together.
[[nodiscard]] Model model_of(const ModelState& state);

}  // namespace recant::python
