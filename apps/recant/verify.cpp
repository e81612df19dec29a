// SPDX-License-Identifier: Apache-2.0
#include "recant/verify/verify.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>

#include "command.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/json.hpp"

namespace recant::app {
namespace {

struct Flags {
  std::string certificate, model, public_key, annex;
  std::vector<std::string> previous;
};

std::string read(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw NotFoundError("does not exist", path.string());
  if (std::filesystem::is_directory(path))
    throw DataError("is a folder", path.string(), "name a file in it");
  std::ifstream in(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  if (!in) throw DataError("cannot be read", path.string());
  return bytes;
}

/// What a model folder publishes, or the file itself.
std::filesystem::path parameters_file(const std::filesystem::path& model) {
  return std::filesystem::is_directory(model) ? model / "published" / "parameters.npy" : model;
}

VerificationFiles read_files(const Flags& flags) {
  VerificationFiles files{.certificate = read(flags.certificate)};
  if (!flags.public_key.empty()) files.public_key = read(flags.public_key);
  if (!flags.model.empty()) files.parameters = read(parameters_file(flags.model));
  if (!flags.annex.empty()) files.annex = read(flags.annex);
  for (const std::string& path : flags.previous) files.previous.push_back(read(path));
  return files;
}

/// A number of the certificate, for people: "3e-02" becomes 0.03.
std::string plain(const std::string& digits) {
  double number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return fmt::format("{:.6g}", number);
}

void describe(const CertificateMembers& members, const Common& common) {
  const auto text = [&](const char* name) { return members.at(name).front(); };
  common.say(fmt::format("Certificate of release {} of model {}, {}", text("release"),
                         text("model_id"), text("released_on")));
  if (members.contains("epsilon")) {
    common.say(fmt::format(
        "Level {}: epsilon {}, delta {} over {} releases. Noise: sigma {:.6g} on a grid of 2^{}; "
        "allowance {}",
        text("level"), plain(text("epsilon")), plain(text("delta")), text("releases"),
        std::exp2(std::stoi(text("sigma_exponent")) / 2.0), text("grid_exponent"),
        plain(text("allowance"))));
    if (members.contains("difference_step")) {
      common.say(fmt::format(
          "Two releases that follow each other: epsilon {}, delta {} while the model moves by at "
          "most {}",
          plain(text("difference_epsilon")), plain(text("difference_delta")),
          plain(text("difference_step"))));
    }
  } else {
    common.say(fmt::format("Level {}, mechanism {}: no epsilon and delta are promised",
                           text("level"), text("mechanism")));
  }
  if (!members.contains("assumptions")) return;
  for (const std::string& assumption : members.at("assumptions"))
    common.say(fmt::format("  assumed: {}", assumption));
}

int run(const Flags& flags, const Common& common) {
  const VerificationFiles files = read_files(flags);
  Stopwatch watch;
  const Verification verification = verify(files);
  common.print_json([&] { return to_json(verification, watch.lap()); });
  if (!verification.members.empty()) describe(verification.members, common);
  for (const Check& check : verification.checks) {
    constexpr const char* kWords[] = {"ok", "FAILED", "not checked"};
    common.say(fmt::format("{:<11}  {:<10}  {}", kWords[static_cast<int>(check.state)], check.name,
                           check.detail));
  }
  const Check* failed = verification.failure();
  if (failed == nullptr) return kDone;
  complain(fmt::format("{}: {}: {}", flags.certificate, failed->name, failed->detail));
  return kDamaged;
}

}  // namespace

Run add_verify(CLI::App& app, Common& common) {
  CLI::App& command = *app.add_subcommand(
      "verify", "Check a deletion certificate offline, against the files that come with it");
  command.footer(
      "Checks what it is given the files for, and says what it did not check. recant forget and\n"
      "recant fit --epsilon issue certificates, in the folder certificates/ of the model.");
  auto flags = std::make_shared<Flags>();
  command.add_option("certificate", flags->certificate, "certificate (JSON)")->required();
  command.add_option("--model", flags->model,
                     "published parameters: an NPY file, or a model folder that holds "
                     "published/parameters.npy");
  command.add_option(
      "--public-key", flags->public_key,
      "public key of the issuer; without it anyone may have written the certificate");
  command.add_option("--annex", flags->annex, "sealed annex, if you were given it");
  command.add_option("--previous", flags->previous, "former certificates, oldest first");
  add_common(command, common);
  return [flags, &common] { return run(*flags, common); };
}

}  // namespace recant::app
