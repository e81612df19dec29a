// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "command.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/vault.hpp"

namespace recant::app {

Run add_backup(CLI::App& app, Common& common) {
  CLI::App& command =
      *app.add_subcommand("backup", "Copy a model folder consistently, also while it is in use");
  command.footer(
      "A backup brings back the rows that were erased after it. Keep the checkpoint of\n"
      "recant status --checkpoint apart from it: --require-checkpoint recognises an older backup.");
  struct Flags {
    std::string model, destination;
  };
  auto flags = std::make_shared<Flags>();
  command.add_option("model", flags->model, "folder written by recant fit")->required();
  command.add_option("destination", flags->destination, "folder to write")->required();
  add_wait(command, common);
  add_common(command, common);
  return [flags, &common] {
    Stopwatch watch;
    Vault::backup(flags->model, flags->destination, common.writer_wait(flags->model));
    const double seconds = watch.lap();
    const VaultStatus status = Vault::status(flags->destination);
    common.print_json([&] { return backup_json(flags->destination, status, seconds); });
    common.say("wrote " + flags->destination);
    return static_cast<int>(kDone);
  };
}

}  // namespace recant::app
