// SPDX-License-Identifier: Apache-2.0
#include "disk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "machine.hpp"
#include "recant/core/stopwatch.hpp"

extern "C" long recant_bench_syncs();  // syncs.cpp

namespace recant::bench {

double sync_seconds(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "synced";
  const std::array<char, 4096> page{};
  std::array<double, 50> seconds;
  const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  require(file >= 0, "a file to sync");
  for (double& one : seconds) {
    Stopwatch watch;
    require(::write(file, page.data(), page.size()) == std::ssize(page), "a page written");
    require(::fdatasync(file) == 0, "a sync");
    one = watch.lap();
  }
  ::close(file);
  std::filesystem::remove(path);
  std::ranges::nth_element(seconds, seconds.begin() + seconds.size() / 2);
  return seconds[seconds.size() / 2];
}

Syncs::Syncs(const std::filesystem::path& folder)
    : seconds_(sync_seconds(folder)), before_(recant_bench_syncs()) {}

long Syncs::asked() const {
  return recant_bench_syncs() - before_;
}

double Syncs::floor_seconds() const {
  return seconds_ * static_cast<double>(asked());
}

}  // namespace recant::bench
