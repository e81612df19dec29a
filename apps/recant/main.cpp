// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>
#include <new>
#include <string_view>

#include "command.hpp"
#include "core_dumps.hpp"
#include "interrupt.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"

namespace {

using namespace recant;
using namespace recant::app;

/// CLI11's messages, on one line.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

int fail(const Error& error, const Common& common) {
  common.print_json(to_json(error));
  end_progress();
  fmt::print(stderr, "recant: {}\n", error.what());
  return exit_code(error.kind());
}

/// A result that nobody could read is no result.
int flushed(int code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const int reason = errno != 0 ? errno : EIO;
  fmt::print(stderr, "recant: standard output: cannot be written: {}\n", std::strerror(reason));
  return code == kDone ? static_cast<int>(kData) : code;
}

int run(int argc, char** argv, Common& common) {
  CLI::App app{"Changes, after the fact, how much each training row counts in a trained model.",
               "recant"};
  app.set_version_flag("--version", std::string("recant ") + version());
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "Exit codes: 0 done, 1 internal error, 2 usage, 3 data, 4 the outcome is no,\n"
      "5 damaged, 6 busy, 7 not found. recant COMMAND --help explains a command.");

  std::map<std::string, Run> commands;
  commands["fit"] = add_fit(app, common);
  commands["evaluate"] = add_evaluate(app, common);
  commands["influence"] = add_influence(app, common);
  commands["correct"] = add_correct(app, common);
  commands["compare"] = add_compare(app, common);
  commands["value"] = add_value(app, common);
  commands["forget"] = add_forget(app, common);
  commands["status"] = add_status(app, common);
  commands["backup"] = add_backup(app, common);
  commands["verify"] = add_verify(app, common);
  commands["audit"] = add_audit(app, common);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    // The flag itself may stand behind what is wrong.
    common.json =
        common.json || std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
    const auto chosen = app.get_subcommands();
    const std::string command = chosen.empty() ? "" : chosen.front()->get_name();
    return fail(UsageError(one_line(error.what()), command.empty() ? "command line" : command,
                           "see recant " + (command.empty() ? "" : command + " ") + "--help"),
                common);
  }
  return commands.at(app.get_subcommands().front()->get_name())();
}

}  // namespace

int main(int argc, char** argv) {
  clean_up_on_interrupt();
  Common common;
  try {
    forbid_core_dumps();
    return flushed(run(argc, argv, common));
  } catch (const Error& error) {
    return fail(error, common);
  } catch (const std::bad_alloc&) {
    return fail(DataError("there is not enough memory for these rows"), common);
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(DataError(error.code().message(), error.path1().string()), common);
  } catch (const std::exception& error) {
    return fail(InternalError(error.what(), "internal error", "please report this"), common);
  }
}
