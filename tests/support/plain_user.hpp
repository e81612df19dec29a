// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <span>

/// For what permissions forbid: they do not bind root.
namespace recant::test {

/// Runs part of a test in a process of a user whom permissions bind, to whom the paths are given;
/// its exit status. Of root that is nobody's.
[[nodiscard]] inline int run_as_plain_user(std::span<const std::filesystem::path> paths,
                                           const std::function<int()>& run) {
  constexpr uid_t kNobody = 65534;
  constexpr int kNotPossible = 100, kThrew = 101;
  const uid_t user = ::getuid() == 0 ? kNobody : ::getuid();
  for (const auto& path : paths) {
    if (::chown(path.c_str(), user, static_cast<gid_t>(-1)) != 0) return kNotPossible;
  }
  const int child = ::fork();
  if (child == 0) {
    try {
      ::_exit(::setuid(user) == 0 ? run() : kNotPossible);
    } catch (...) {
      ::_exit(kThrew);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace recant::test
