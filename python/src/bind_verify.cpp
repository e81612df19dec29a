// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "bind.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/annex_claim.hpp"
#include "recant/engine/json.hpp"

namespace recant::python {
namespace {

std::string bytes_of(const std::string& path) {
  std::error_code none;  // of a path that nobody can look at: it cannot be read either
  if (std::filesystem::status(path, none).type() == std::filesystem::file_type::not_found) {
    throw NotFoundError("does not exist", path);
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  if (!std::filesystem::is_directory(path, none)) {
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  } else {
    file.setstate(std::ios::failbit);
  }
  if (!file) throw DataError("cannot be read", path);
  return bytes;
}

std::optional<std::string> bytes_of(const std::optional<std::string>& path) {
  if (!path) return {};
  return bytes_of(*path);
}

/// What a model folder publishes, or the file itself.
std::optional<std::string> parameters_of(const std::optional<std::string>& model) {
  std::error_code none;
  if (!model || !std::filesystem::is_directory(*model, none)) return bytes_of(model);
  return bytes_of((std::filesystem::path(*model) / "published" / "parameters.npy").string());
}

/// Of files, by their paths.
std::string verify_json(const std::string& certificate,
                        const std::optional<std::string>& public_key,
                        const std::optional<std::string>& model,
                        const std::optional<std::string>& annex,
                        const std::vector<std::string>& previous) {
  VerificationFiles files{.certificate = bytes_of(certificate),
                          .public_key = bytes_of(public_key),
                          .parameters = parameters_of(model),
                          .annex = bytes_of(annex),
                          .previous = {}};
  for (const std::string& former : previous) files.previous.push_back(bytes_of(former));
  Stopwatch watch;
  const Verification verification = verify(files);
  return to_json(verification, watch.lap());
}

/// The distance that a model's annex claims; none where it claims none.
std::optional<double> annex_bound(const std::string& path, const std::string& model) {
  return claimed_bound(path, model);
}

}  // namespace

void bind_verify(nb::module_& module) {
  module.def("annex_bound", &annex_bound, nb::arg("path"), nb::arg("model"));
  module.def("verify", &verify_json, nb::arg("certificate"), nb::arg("public_key").none(),
             nb::arg("model").none(), nb::arg("annex").none(), nb::arg("previous"));
}

}  // namespace recant::python
