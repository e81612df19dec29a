// SPDX-License-Identifier: Apache-2.0
#include "bind.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/json.hpp"

namespace recant::python {
namespace {

std::string text_of(const nb::bytes& bytes) {
  return {bytes.c_str(), bytes.size()};
}

std::optional<std::string> text_of(const std::optional<nb::bytes>& bytes) {
  if (!bytes) return {};
  return text_of(*bytes);
}

std::string verify_json(const nb::bytes& certificate, const std::optional<nb::bytes>& public_key,
                        const std::optional<nb::bytes>& parameters,
                        const std::optional<nb::bytes>& annex,
                        const std::vector<nb::bytes>& previous) {
  VerificationFiles files{.certificate = text_of(certificate),
                          .public_key = text_of(public_key),
                          .parameters = text_of(parameters),
                          .annex = text_of(annex),
                          .previous = {}};
  for (const nb::bytes& former : previous) files.previous.push_back(text_of(former));
  Stopwatch watch;
  const Verification verification = verify(files);
  return to_json(verification, watch.lap());
}

}  // namespace

void bind_verify(nb::module_& module) {
  module.def("verify", &verify_json, nb::arg("certificate"), nb::arg("public_key").none(),
             nb::arg("parameters").none(), nb::arg("annex").none(), nb::arg("previous"));
}

}  // namespace recant::python
