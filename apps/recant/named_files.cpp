// SPDX-License-Identifier: Apache-2.0
#include "named_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "recant/core/error.hpp"
#include "recant/engine/output_place.hpp"

namespace recant::app {
namespace {

namespace fs = std::filesystem;

/// Those of all commands; a name means the same in each. What is in neither names no file.
const std::set<std::string>& outputs() {
  static const std::set<std::string> names = {"--output", "--weights", "--checkpoint",
                                              "--state-file", "destination"};
  return names;
}
const std::set<std::string>& inputs() {
  static const std::set<std::string> names = [] {
    std::set<std::string> all = {"train",
                                 "data",
                                 "model",
                                 "certificate",
                                 "--row-weights",
                                 "--schema",
                                 "--values",
                                 "--features-file",
                                 "--rows-from",
                                 "--ids-from",
                                 "--requests",
                                 "--require-checkpoint",
                                 "--from-ledger",
                                 "--annex",
                                 "--before",
                                 "--public-key",
                                 "--previous",
                                 "--features",
                                 "--targets",
                                 "--groups",
                                 "--validation-features-file"};
    for (const std::string rows : {"--validation", "--test", "--deleted"}) {
      for (const char* part : {"", "-features", "-targets", "-groups"}) all.insert(rows + part);
    }
    return all;
  }();
  return names;
}

struct NamedFile {
  std::string flag;
  fs::path path;
};

std::vector<NamedFile> named_by(const CLI::App& command, const std::set<std::string>& flags) {
  std::vector<NamedFile> files;
  for (const CLI::Option* option : command.get_options()) {
    if (!flags.contains(option->get_name())) continue;
    for (const std::string& text : option->results()) files.push_back({option->get_name(), text});
  }
  return files;
}

/// By device and inode; of what does not exist by its place.
bool same(const fs::path& a, const fs::path& b) {
  std::error_code failed;
  if (fs::exists(a, failed) && fs::exists(b, failed)) return fs::equivalent(a, b, failed);
  const fs::path place = fs::weakly_canonical(a, failed);
  return !failed && place == fs::weakly_canonical(b, failed) && !failed;
}

/// What a second flag would find is nothing.
void check_standard_input(const std::vector<NamedFile>& read) {
  const NamedFile* first = nullptr;
  for (const NamedFile& file : read) {
    if (file.path != "-") continue;
    if (first != nullptr) {
      throw UsageError(fmt::format("{} and {} would both read it, but it can be read once",
                                   first->flag, file.flag),
                       "standard input", "name a file for one of them");
    }
    first = &file;
  }
}

}  // namespace

void check_named_files(const CLI::App& command) {
  const std::vector<NamedFile> written = named_by(command, outputs());
  const std::vector<NamedFile> read = named_by(command, inputs());
  check_standard_input(read);
  std::error_code ignored;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const auto& [flag, path] = written[i];
    check_outside_models(path);
    for (const NamedFile& input : read) {
      if (fs::is_directory(path, ignored) || !same(path, input.path)) continue;
      throw UsageError(fmt::format("{} would replace what {} reads", flag, input.flag),
                       path.string(), "choose another name");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (!same(path, written[j].path)) continue;
      throw UsageError(fmt::format("{} and {} cannot both be written there", written[j].flag, flag),
                       path.string(), "choose two names");
    }
  }
}

}  // namespace recant::app
