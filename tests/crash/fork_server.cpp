// SPDX-License-Identifier: Apache-2.0
#include "fork_server.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace recant::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Answer {
  int32_t status;  // as of waitpid
  uint32_t timed_out, output_bytes, error_bytes;
};

struct Request {
  std::chrono::duration<double> limit{};
  std::vector<std::string> variables, arguments;
};

[[noreturn]] void give_up(const char* what) {
  perror(what);
  _exit(1);
}

/// False where the input ends.
bool read_all(void* to, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t got = read(STDIN_FILENO, static_cast<char*>(to) + done, size - done);
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

void write_all(const void* from, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t put = write(STDOUT_FILENO, static_cast<const char*>(from) + done, size - done);
    if (put <= 0) give_up("fork server");
    done += static_cast<size_t>(put);
  }
}

bool read_request(Request& request) {
  uint32_t size = 0;
  if (!read_all(&size, sizeof size)) return false;
  std::string bytes(size, '\0');
  if (!read_all(bytes.data(), size)) return false;
  std::vector<std::string> texts;
  for (size_t at = 0; at < size; at += texts.back().size() + 1) texts.emplace_back(&bytes[at]);
  request.limit = std::chrono::duration<double>(strtod(texts.front().c_str(), nullptr));
  const auto empty = std::find(texts.begin(), texts.end(), std::string());
  request.variables.assign(texts.begin() + 1, empty);
  request.arguments.assign(empty + 1, texts.end());
  return true;
}

/// One end is the run's, the other the server's.
struct Pipe {
  int ends[2];
  Pipe() {
    if (pipe(ends) != 0) give_up("pipe");
  }
};

[[noreturn]] void be_the_run(char* program, Main run, Request& request, const Pipe& output,
                             const Pipe& error) {
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(output.ends[1], STDOUT_FILENO);
  dup2(error.ends[1], STDERR_FILENO);
  for (const Pipe* const pipe : {&output, &error}) {
    close(pipe->ends[0]);
    close(pipe->ends[1]);
  }
  for (std::string& variable : request.variables) putenv(variable.data());
  std::vector<char*> arguments = {program};
  for (std::string& argument : request.arguments) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  exit(run(static_cast<int>(arguments.size()) - 1, arguments.data(), environ));
}

/// What comes out of both until the run has closed them, which it does when it ends; true if it was
/// killed first because its time was over.
bool collect(const std::array<int, 2>& files, std::array<std::string, 2>& texts, pid_t run,
             Clock::time_point deadline) {
  std::array<pollfd, 2> polled{};
  for (size_t i = 0; i < files.size(); ++i) polled[i] = {files[i], POLLIN, 0};
  bool killed = false;
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - Clock::now());
    const auto wait = std::max<int64_t>(left.count(), 0);
    const timespec time{wait / 1'000'000'000, wait % 1'000'000'000};
    const int ready = ppoll(polled.data(), polled.size(), killed ? nullptr : &time, nullptr);
    if (ready < 0 && errno != EINTR) give_up("poll");
    if (ready == 0) killed = kill(run, SIGKILL) == 0;
    for (size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      std::array<char, 65536> some;
      const ssize_t got = read(polled[i].fd, some.data(), some.size());
      if (got > 0) {
        texts[i].append(some.data(), static_cast<size_t>(got));
      } else {
        polled[i].fd = -1;
      }
    }
  }
  return killed;
}

}  // namespace

bool is_fork_server() {
  return getenv("RECANT_FORK_SERVER") != nullptr;
}

int serve_forks(char* program, Main run) {
  Request request;
  while (read_request(request)) {
    const Pipe output, error;
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child == 0) be_the_run(program, run, request, output, error);
    const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(request.limit);
    close(output.ends[1]);
    close(error.ends[1]);
    std::array<std::string, 2> texts;
    const bool killed = collect({output.ends[0], error.ends[0]}, texts, child, deadline);
    close(output.ends[0]);
    close(error.ends[0]);
    int status = 0;
    if (waitpid(child, &status, 0) != child) give_up("waitpid");
    const Answer answer{status, killed ? 1U : 0U, static_cast<uint32_t>(texts[0].size()),
                        static_cast<uint32_t>(texts[1].size())};
    write_all(&answer, sizeof answer);
    for (const std::string& text : texts) write_all(text.data(), text.size());
  }
  return 0;
}

}  // namespace recant::test
