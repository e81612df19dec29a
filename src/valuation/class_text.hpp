// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>

#include "recant/data/dataset.hpp"

namespace recant {

/// How messages write the class of number `target`: by its name where there is one.
inline std::string class_text(const Dataset& data, double target) {
  if (target >= 0 && target < static_cast<double>(data.class_names.size())) {
    return "'" + data.class_names[static_cast<std::size_t>(target)] + "'";
  }
  return fmt::format("{}", target);
}

}  // namespace recant
