// SPDX-License-Identifier: Apache-2.0
#include "recant/core/entropy.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "recant/core/error.hpp"

namespace recant {
namespace {

/// Whether read(begin, size), which may give less than it is asked for, gave everything.
template <class Read>
bool filled(std::span<std::uint8_t> out, Read read) {
  while (!out.empty()) {
    const ssize_t got = read(out.data(), out.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

/// /dev/urandom gives bytes even before the kernel has any; /dev/random says when it has.
bool is_seeded() {
  const int file = ::open("/dev/random", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  pollfd wait{file, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, -1);
  } while (ready < 0 && errno == EINTR);
  ::close(file);
  return ready == 1 && (wait.revents & POLLIN) != 0;
}

bool filled_by_device(std::span<std::uint8_t> out) {
  if (!is_seeded()) return false;
  const int file = ::open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  struct stat status {};
  // A plain file of that name would give the same bytes again and again.
  const bool device = ::fstat(file, &status) == 0 && S_ISCHR(status.st_mode);
  const bool done = device && filled(out, [file](std::uint8_t* begin, std::size_t size) {
                      return ::read(file, begin, size);
                    });
  ::close(file);
  return done;
}

bool drawn(std::span<std::uint8_t> out) {
  const auto ask_kernel = [](std::uint8_t* begin, std::size_t size) {
    return ::getrandom(begin, size, 0);
  };
  return filled(out, ask_kernel) || filled_by_device(out);
}

}  // namespace

void draw_entropy(std::span<std::uint8_t> out) {
  if (drawn(out)) return;
  throw DataError("the system gives no random bytes, so nothing was drawn", {},
                  "make getrandom() or /dev/urandom available to this process");
}

void start_sodium() {
  static const bool started = [] {
    std::array<std::uint8_t, 16> some;
    return !drawn(some) || sodium_init() >= 0;
  }();
  if (!started) throw InternalError("libsodium cannot be initialised");
}

}  // namespace recant
