// SPDX-License-Identifier: Apache-2.0
#include "bind.hpp"

NB_MODULE(_core, module) {
  namespace python = recant::python;
  module.doc() = "The compiled core of recant. Use the package: this module may change.";
  python::bind_core(module);
  python::bind_data(module);
  python::bind_engine(module);
  python::bind_forget(module);
  python::bind_vault(module);
  python::bind_weighting(module);
  python::bind_valuation(module);
  python::bind_verify(module);
}
