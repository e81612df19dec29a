// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace recant::app {

/// Before any work, of all files that the flags of `command` name: what is written lies in no model
/// folder, replaces nothing that other flags read, and each has a place of its own; standard input
/// is read once. Files are told by what they are, not by their names. A model folder that --force
/// replaces by what it becomes is no such file. @throws UsageError
void check_named_files(const CLI::App& command);

}  // namespace recant::app
