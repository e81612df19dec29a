// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recant/core/error.hpp"
#include "recant/core/options.hpp"
#include "recant/core/progress.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/writer_wait.hpp"

/// What the subcommands share: exit codes, common flags, where rows come from, output.
namespace recant::app {

enum ExitCode {
  kDone = 0,
  kInternal = 1,
  kUsage = 2,
  kData = 3,
  kOutcomeIsNo = 4,
  kDamaged = 5,
  kBusy = 6,
  kNotFound = 7
};

[[nodiscard]] int exit_code(ErrorKind kind) noexcept;

/// Flags of every subcommand.
struct Common {
  bool json = false, quiet = false, force = false;
  int threads = 0;
  std::uint64_t seed = 1;
  std::string progress = "auto";
  double wait = WriterWait{}.seconds;

  /// To the terminal, or nothing.
  [[nodiscard]] ProgressCallback callback() const;
  /// As --wait says; on standard error what it waits for, once if progress is not shown.
  [[nodiscard]] WriterWait writer_wait(const std::string& model) const;
  /// A line for a person: to standard output, or nowhere with --json or --quiet. Names in it cannot
  /// make it two, or steer the terminal.
  void say(const std::string& line) const;
  /// The same of a text of several lines, whose names are printable() already.
  void say_lines(const std::string& text) const;
  /// What became of rows that were read, a line each: how many more were dropped, and categories
  /// that training has not seen. `of` says which rows; nothing where there are no others.
  void say_read(const std::string& of, Index rows_dropped,
                const std::vector<UnseenCategories>& unseen) const;
  /// The JSON object, with --json. Else it is not made: of a thousand deletions it takes a sixth as
  /// long as they do.
  void print_json(const std::function<std::string()>& make) const;
  /// A line on standard error, unless --quiet.
  void warn(const std::string& line) const;
};
/// A line on standard error: what went wrong, or why the outcome is no.
void complain(const std::string& line);
void add_common(CLI::App& command, Common& common);
/// The flag of those that write to a model folder.
void add_wait(CLI::App& command, Common& common);
/// Ends a progress line, if one is open, so that what follows starts on a line of its own.
void end_progress();

/// Flags that name rows: PREFIX.csv-like positional or option, or arrays.
struct RowFlags {
  std::string csv, features, targets, groups, weights;
  std::string flags;  ///< how to give them, for errors; set by add_rows
  [[nodiscard]] bool given() const {
    return !(csv.empty() && features.empty() && targets.empty() && groups.empty());
  }
  [[nodiscard]] RowSource source() const;
};
/// "validation" adds --validation, --validation-features, ...; "" adds a positional `name`,
/// --features, ...
void add_rows(CLI::App& command, RowFlags& rows, const std::string& prefix, const std::string& name,
              const std::string& help);

/// Adds a flag for every field of an options struct: its name with dashes, its help.
template <class Options>
void add_fields(CLI::App& command, Options& options, const std::vector<std::string>& but = {}) {
  for_each_field<Options>([&](const auto& field) {
    if (std::find(but.begin(), but.end(), field.name) != but.end()) return;
    std::string flag = "--" + std::string(field.name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    auto& value = options.*(field.member);
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_same_v<T, bool>) {
      command.add_flag(flag + ",!--no-" + flag.substr(2), value, std::string(field.help));
    } else {
      CLI::Option* option = command.add_option(flag, value, std::string(field.help));
      if constexpr (std::is_arithmetic_v<T>) option->capture_default_str();
    }
  });
}

/// Opens MODEL and applies --privileged and --positive.
struct ModelFlags {
  std::string path;
  std::vector<std::string> privileged;
  std::string positive;
  [[nodiscard]] FittedModel open() const;
};
void add_model(CLI::App& command, ModelFlags& model);

/// Before any work: refuses a model that cannot be written for what stands there already.
/// @throws UsageError
void check_model_output(const std::string& path, const Common& common);

/// Each adds its subcommand and returns what runs it.
using Run = std::function<int()>;
Run add_fit(CLI::App& app, Common& common);
Run add_evaluate(CLI::App& app, Common& common);
Run add_influence(CLI::App& app, Common& common);
Run add_correct(CLI::App& app, Common& common);
Run add_compare(CLI::App& app, Common& common);
Run add_value(CLI::App& app, Common& common);
Run add_forget(CLI::App& app, Common& common);
Run add_status(CLI::App& app, Common& common);
Run add_backup(CLI::App& app, Common& common);
Run add_verify(CLI::App& app, Common& common);
Run add_audit(CLI::App& app, Common& common);

}  // namespace recant::app
