// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Runs main() of the preloaded command many times: each run is a fork of a process that has loaded
/// its libraries and not begun, which takes a tenth of starting one.
///
/// On standard input a request: a uint32 with the size of what follows, which is texts that end
/// with a zero byte: seconds after which the run is killed, variables NAME=VALUE to set, an empty
/// text, arguments. On standard output the answer: struct Answer, then what the run wrote to its
/// standard output and its standard error.
namespace recant::test {

using Main = int (*)(int, char**, char**);

/// Whether this process was started to be one: RECANT_FORK_SERVER is set.
[[nodiscard]] bool is_fork_server();

/// Until standard input ends. `run` is what the forks do; what it returns they exit with.
int serve_forks(char* program, Main run);

}  // namespace recant::test
