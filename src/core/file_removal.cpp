// SPDX-License-Identifier: Apache-2.0
#include "recant/core/file_removal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recant/core/atomic_file.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

/// Whether this is its only name and nobody has it open or mapped: then the system grants a lease
/// to write. No where the file system cannot tell.
bool is_ours_alone(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return false;
  struct stat status {};
  // Who opens it just now makes the system signal that; by default the signal would end the
  // process.
  const bool alone = ::fstat(file, &status) == 0 && status.st_nlink == 1 &&
                     ::fcntl(file, F_SETSIG, SIGURG) == 0 &&
                     ::fcntl(file, F_SETLEASE, F_WRLCK) == 0;
  ::close(file);  // ends the lease
  return alone;
}

void overwrite_if_alone(const fs::path& path) {
  std::error_code ignored;  // a copy has the rights of what it was made of, maybe not to write
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, fs::perm_options::add,
                  ignored);
  if (is_ours_alone(path)) overwrite_file(path);
}

}  // namespace

void remove_overwritten(const fs::path& path) {
  const auto type = fs::symlink_status(path).type();
  if (type == fs::file_type::regular) overwrite_if_alone(path);
  if (type == fs::file_type::directory) {
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.symlink_status().type() == fs::file_type::regular) overwrite_if_alone(entry.path());
    }
  }
  fs::remove_all(path);
}

}  // namespace recant
