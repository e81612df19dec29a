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
#include <vector>

#include "address_space.hpp"
#include "command.hpp"
#include "core_dumps.hpp"
#include "flag_texts.hpp"
#include "interrupt.hpp"
#include "named_files.hpp"
#include "recant/core/error.hpp"
#include "recant/engine/json.hpp"
#include "words.hpp"

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
  common.print_json([&] { return to_json(error); });
  complain(error.what());
  return exit_code(error.kind());
}

/// A result that nobody could read is no result.
int flushed(int code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const int reason = errno != 0 ? errno : EIO;
  complain(fmt::format("standard output: cannot be written: {}", std::strerror(reason)));
  return code == kDone ? static_cast<int>(kData) : code;
}

struct Command {
  std::string_view name;
  Run (*add)(CLI::App&, Common&);
};
constexpr Command kCommands[] = {
    {"fit", add_fit},         {"evaluate", add_evaluate}, {"influence", add_influence},
    {"correct", add_correct}, {"compare", add_compare},   {"value", add_value},
    {"forget", add_forget},   {"status", add_status},     {"backup", add_backup},
    {"verify", add_verify},   {"audit", add_audit}};

int run(int argc, char** argv, Common& common) {
  CLI::App app{"Changes, after the fact, how much each training row counts in a trained model.",
               "recant"};
  app.set_version_flag("--version", std::string("recant ") + version());
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "Exit codes: 0 done, 1 internal error, 2 usage, 3 data, 4 the outcome is no,\n"
      "5 damaged, 6 busy, 7 not found. recant COMMAND --help explains a command.");

  // The flags of all commands take longer to make than some commands: where one is named, its own.
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) names.push_back(command.name);
  const std::vector<const char*> words = read_words(argc, argv, names);
  const std::string_view first = words[1];
  const bool named = std::find(names.begin(), names.end(), first) != names.end();
  std::map<std::string, Run> commands;
  for (const auto& [name, add] : kCommands) {
    if (!named || name == first) commands[std::string(name)] = add(app, common);
  }
  for (CLI::App* command : app.get_subcommands(nullptr)) forbid_loose_texts(*command);

  const int count = static_cast<int>(words.size());
  try {
    check_no_empty_value(count, words.data());
    app.parse(count, words.data());
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    const std::string command = chosen.empty() ? "" : chosen.front()->get_name();
    throw UsageError(one_line(error.what()), command.empty() ? "command line" : command,
                     "see recant " + (command.empty() ? "" : command + " ") + "--help");
  }
  const CLI::App& chosen = *app.get_subcommands().front();
  common.json = chosen.count("--json") > 0;
  check_named_files(chosen);
  use_as_many_threads_as_fit();
  return commands.at(chosen.get_name())();
}

int run_or_say_why_not(int argc, char** argv, Common& common) {
  // Errors are told as it asks, wherever it stands.
  common.json = std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
  try {
    forbid_core_dumps();
    return flushed(run(argc, argv, common));
  } catch (const Interrupted& interrupted) {
    end_as_interrupted(interrupted);
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

}  // namespace

int main(int argc, char** argv) {
  Common common;
  try {
    leave_out_blas_threads(argv);
    clean_up_on_interrupt();
    return run_or_say_why_not(argc, argv, common);
  } catch (const std::bad_alloc&) {  // which an error's text needs too
    std::fputs("recant: there is not enough memory\n", stderr);
    return kData;
  }
}
