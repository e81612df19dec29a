// SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/printable.hpp"
#include "recant/core/threads.hpp"

namespace recant::app {
namespace {

bool progress_line_open = false;

std::string flag(const std::string& prefix, const char* name) {
  return prefix.empty() ? fmt::format("--{}", name) : fmt::format("--{}-{}", prefix, name);
}

/// CLI11 would take -1 and what is too long for some other number.
std::uint64_t parse_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (code != std::errc() || end != text.data() + text.size()) {
    throw UsageError(fmt::format("'{}' is not a whole number from 0 to 2^64 - 1", text), "--seed");
  }
  return seed;
}

}  // namespace

int exit_code(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kUsage:
      return kUsage;
    case ErrorKind::kData:
      return kData;
    case ErrorKind::kDamaged:
      return kDamaged;
    case ErrorKind::kBusy:
      return kBusy;
    case ErrorKind::kNotFound:
      return kNotFound;
    case ErrorKind::kInternal:
      return kInternal;
  }
  return kInternal;
}

ProgressCallback Common::callback() const {
  const bool show =
      progress == "always" || (progress == "auto" && isatty(STDERR_FILENO) == 1 && !quiet);
  if (!show) return {};
  return [](const Progress& p) {
    progress_line_open = true;
    if (p.total > 0) {
      fmt::print(stderr, "\r\x1b[K{}: {:.0f} of {:.0f}", p.phase, p.done, p.total);
    } else {
      fmt::print(stderr, "\r\x1b[K{}: step {:.0f}", p.phase, p.done);
    }
    std::fflush(stderr);
  };
}

WriterWait Common::writer_wait(const std::string& model) const {
  WriterWait waiting{wait, callback()};
  if (waiting.progress || quiet) return waiting;
  waiting.progress = [model, told = false](const Progress& p) mutable {
    if (!told)
      complain(fmt::format("{}: waiting for another writer, {:g} s at most", model, p.total));
    told = true;
  };
  return waiting;
}

void end_progress() {
  if (progress_line_open) fmt::print(stderr, "\r\x1b[K");
  progress_line_open = false;
}

void Common::say(const std::string& line) const {
  say_lines(printable(line));
}

void Common::say_lines(const std::string& text) const {
  end_progress();
  if (!json && !quiet) fmt::print("{}\n", printable(text, '\n'));
}

void Common::say_read(const std::string& of, Index rows_dropped,
                      const std::vector<UnseenCategories>& unseen) const {
  const auto tell = [&](Index rows, const char* one, const char* several, const std::string& what) {
    if (rows == 0) return;
    say(fmt::format("{}{} {} {}", of.empty() ? "" : of + ": ", rows, rows == 1 ? one : several,
                    what));
  };
  tell(rows_dropped, "more row was", "more rows were", "dropped for missing values");
  for (const UnseenCategories& column : unseen) {
    tell(column.rows, "row has", "rows have",
         fmt::format("a category of {} that training has not seen", column.column));
  }
}

void Common::print_json(const std::function<std::string()>& make) const {
  end_progress();
  if (json) fmt::print("{}\n", make());
}

void Common::warn(const std::string& line) const {
  if (!quiet) complain("warning: " + line);
}

void complain(const std::string& line) {
  end_progress();
  fmt::print(stderr, "recant: {}\n", printable(line));
}

void add_common(CLI::App& command, Common& common) {
  command
      .add_flag("--json", common.json, "print one JSON object on standard output and nothing else")
      ->group("Output");
  command.add_flag("-q,--quiet", common.quiet, "print nothing but errors (and JSON)")
      ->group("Output");
  command.add_option("--progress", common.progress, "auto (on a terminal), always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->group("Output");
  command
      .add_option_function<int>(
          "--threads",
          [&common](int count) {
            common.threads = count;
            set_threads(count);
          },
          "threads; 0 is one a processor; the result is the same")
      ->group("Output");
  command
      .add_option_function<std::string>(
          "--seed", [&common](const std::string& text) { common.seed = parse_seed(text); },
          "seed of everything drawn at random")
      ->type_name("UINT")
      ->group("Output");
}

void add_wait(CLI::App& command, Common& common) {
  command
      .add_option_function<double>(
          "--wait",
          [&common](double seconds) {
            check_non_negative("wait", seconds);
            common.wait = seconds;
          },
          "seconds to wait while another process writes to the folder; 0: end at once with exit 6")
      ->option_text("SECONDS [" + fmt::format("{:g}", WriterWait{}.seconds) + "]");
}

RowSource RowFlags::source() const {
  RowSource source;
  if (!csv.empty()) source.csv = csv;
  const bool arrays = !features.empty() || !targets.empty() || !groups.empty() || !weights.empty();
  if (!arrays && csv.empty())
    throw UsageError("is missing", flags, "give a CSV file, or arrays of features and targets");
  if (arrays && !csv.empty()) {
    throw UsageError("give either a CSV file or arrays, not both", flags);
  }
  if (!arrays) return source;
  if (features.empty() || targets.empty()) {
    throw UsageError("arrays need both features and targets", "rows");
  }
  ArrayFiles files{features, targets, {}, {}};
  if (!groups.empty()) files.groups = groups;
  if (!weights.empty()) files.row_weights = weights;
  source.arrays = files;
  return source;
}

void add_rows(CLI::App& command, RowFlags& rows, const std::string& prefix, const std::string& name,
              const std::string& help) {
  command.add_option(prefix.empty() ? name : "--" + prefix, rows.csv,
                     help + " (CSV; - is standard input)");
  const char* group = "Arrays instead of CSV: used as they are, nothing is encoded or standardised";
  rows.flags = prefix.empty() ? name : "--" + prefix;
  command.add_option(flag(prefix, "features"), rows.features, "n x d NPY")->group(group);
  command.add_option(flag(prefix, "targets"), rows.targets, "n NPY")->group(group);
  command.add_option(flag(prefix, "groups"), rows.groups, "n or n x k NPY of integers")
      ->group(group);
}

FittedModel ModelFlags::open() const {
  FittedModel fitted = Vault::open(path);
  set_privileged(fitted, privileged);
  if (!positive.empty()) set_positive_class(fitted, positive);
  return fitted;
}

void check_model_output(const std::string& path, const Common& common) {
  if (path.empty() || !std::filesystem::exists(path)) return;
  if (!common.force) {
    throw UsageError("exists already", path, "choose another name or give --force");
  }
  Vault::check_replaceable(path);
}

void add_model(CLI::App& command, ModelFlags& model) {
  command.add_option("model", model.path, "folder written by recant fit")->required();
  command.add_option("--privileged", model.privileged,
                     "COLUMN=GROUP whose gap is that group minus all others (default: as fitted)");
  command.add_option("--positive-class", model.positive,
                     "softmax: the class whose probability metrics read");
}

}  // namespace recant::app
