// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <vector>

/// A sandbox as seccomp makes it, in which the system gives no random bytes.
namespace recant::test {

/// What getrandom() says, and whether files can still be opened, /dev/urandom among them.
struct Sandbox {
  int getrandom_error = EPERM;
  bool files = false;
};

/// From here to the end of the process. False where the kernel has no such filters.
inline bool enter(const Sandbox& sandbox) {
  constexpr auto answer = [](int error) {
    return SECCOMP_RET_ERRNO | (static_cast<unsigned>(error) & SECCOMP_RET_DATA);
  };
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  const auto refuse = [&](unsigned number, int error) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, answer(error)));
  };
  refuse(SYS_getrandom, sandbox.getrandom_error);
  if (!sandbox.files) {
    refuse(SYS_openat, EACCES);
#ifdef SYS_open
    refuse(SYS_open, EACCES);
#endif
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

constexpr int kNoSandbox = 77;

/// Runs `work` in a child inside of the sandbox. Its exit code: 0 if no expectation failed there,
/// kNoSandbox, or minus the signal that stopped it.
inline int in_sandbox(const Sandbox& sandbox, const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    if (!enter(sandbox)) _exit(kNoSandbox);
    work();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace recant::test
