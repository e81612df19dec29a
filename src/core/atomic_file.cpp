// SPDX-License-Identifier: Apache-2.0
#include "recant/core/atomic_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "recant/core/error.hpp"
#include "recant/core/file_removal.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, std::string_view what, int code) {
  throw DataError(fmt::format("{}: {}", what, std::strerror(code)), path.string(),
                  code == ENOSPC ? "free some space and run again" : "");
}

/// fsync of a file or a folder, so that it survives a loss of power.
void sync(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path, "cannot be opened to sync it", errno);
  const int code = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (code != 0) fail(path, "cannot be written to disk", code);
}

fs::path parent_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// A name beside `path`, of those that this process may use. In another container another process
/// may have our number, and use one of them.
fs::path beside(const fs::path& path, int number = 0) {
  const std::string later = number > 0 ? fmt::format("-{}", number) : "";
  return parent_of(path) /
         fmt::format(".{}.{}{}.partial", path.filename().string(), ::getpid(), later);
}

/// Whether `name` is what beside() makes, in any process, of a file `of`.
bool is_beside(std::string_view name, const std::string& of, std::string_view end) {
  const std::string begin = fmt::format(".{}.", of);
  if (!name.starts_with(begin) || !name.ends_with(end)) return false;
  if (name.size() <= begin.size() + end.size()) return false;
  name = name.substr(begin.size(), name.size() - begin.size() - end.size());
  return name.find_first_not_of("0123456789-") == std::string_view::npos;
}

/// A lock on a file or folder by which others know that its process lives.
class Living {
 public:
  Living() = default;
  ~Living() { release(); }
  Living(const Living&) = delete;
  Living& operator=(const Living&) = delete;

  /// False if somebody else has it, if there is nothing of that name any more, or if the file
  /// system has no locks. `how`: 0 to wait, or LOCK_NB.
  bool lock(const fs::path& path, int how) {
    release();
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat held {
    }, there{};
    if (file_ >= 0 && ::flock(file_, LOCK_EX | how) == 0 && ::fstat(file_, &held) == 0 &&
        ::stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino &&
        held.st_dev == there.st_dev) {
      return true;
    }
    release();
    return false;
  }
  void release() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }
  /// For somebody else to close.
  int hand_over() { return std::exchange(file_, -1); }

 private:
  int file_ = -1;
};

/// "x.rct/" and "x.rct" are the same target.
fs::path without_trailing_slash(fs::path path) {
  return path.has_filename() ? path : path.parent_path();
}

/// What is being written aside now, and the lock under which it gets its name.
struct Unfinished {
  std::mutex mutex;
  std::set<fs::path> paths;
};
Unfinished& unfinished() {
  static auto* const all = new Unfinished;  // outlives every static that may still write at exit
  return *all;
}
/// Makes `path` by create(), which nothing can come between.
template <class Create>
void begin_unfinished(const fs::path& path, Create create) {
  const std::lock_guard lock(unfinished().mutex);
  unfinished().paths.insert(path);
  create();
}
void end_unfinished(const fs::path& path) {
  const std::lock_guard lock(unfinished().mutex);
  unfinished().paths.erase(path);
}

/// An empty file that only its owner can open; one that a dead process left is not taken over.
void create_for_owner(const fs::path& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file >= 0) ::close(file);
}

/// Swaps two names in one step: whoever looks, or crashes, sees the one or the other, never none.
bool exchange(const fs::path& a, const fs::path& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

/// A file that is there, open for writing.
class OpenFile {
 public:
  explicit OpenFile(const fs::path& path)
      : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CLOEXEC)) {
    if (file_ < 0) fail(path_, "cannot be overwritten", errno);
  }
  ~OpenFile() { ::close(file_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  /// Zeros over all its bytes, whatever its name is now.
  void overwrite() const {
    const std::string zeros(std::size_t{1} << 16, '\0');
    const off_t size = ::lseek(file_, 0, SEEK_END);
    if (size < 0) fail(path_, "cannot be overwritten", errno);
    for (off_t done = 0; done < size;) {
      const auto count = std::min(static_cast<std::size_t>(size - done), zeros.size());
      const ssize_t put = ::pwrite(file_, zeros.data(), count, done);
      if (put > 0) done += put;
      if (put < 0 && errno != EINTR) fail(path_, "cannot be overwritten", errno);
    }
    if (::fdatasync(file_) != 0) fail(path_, "cannot be overwritten", errno);
  }

 private:
  fs::path path_;
  int file_;
};

/// Opens a file to be written; one for its owner is made first, and must be the one just made.
std::ofstream create(const fs::path& path, FileReaders readers) {
  errno = 0;
  const bool for_owner = readers == FileReaders::kOwner;
  if (for_owner) create_for_owner(path);
  // Without O_CREAT where the file must be there.
  const auto mode = for_owner ? std::ios::in | std::ios::out : std::ios::out | std::ios::trunc;
  return std::ofstream(path, std::ios::binary | mode);
}

/// Writes a file beside `path`, syncs it and lets give_name(it) make it `path`, under the lock.
template <class GiveName>
void write_aside(const fs::path& path, const std::function<void(std::ostream&)>& write,
                 FileReaders readers, GiveName give_name) {
  const fs::path partial = beside(path);
  Living living;
  try {
    {
      std::ofstream out;
      begin_unfinished(partial, [&] {
        out = create(partial, readers);
        // Before it was locked somebody may have taken it for abandoned.
        if (out && !living.lock(partial, 0) && !fs::exists(partial)) {
          out = create(partial, readers);
        }
      });
      if (!out) fail(path, "cannot be created", errno);
      write(out);
      out.flush();
      if (!out) fail(path, "cannot be written", errno != 0 ? errno : EIO);
    }
    sync(partial);
    const std::lock_guard lock(unfinished().mutex);
    give_name(partial);
    unfinished().paths.erase(partial);
  } catch (...) {
    std::error_code ignored;
    fs::remove(partial, ignored);
    end_unfinished(partial);
    throw;
  }
  sync(parent_of(path));
}

void rename_over(const fs::path& partial, const fs::path& path) {
  if (std::rename(partial.c_str(), path.c_str()) != 0) fail(path, "cannot be created", errno);
}

}  // namespace

void write_file(const fs::path& path, const std::function<void(std::ostream&)>& write,
                FileReaders readers) {
  write_aside(path, write, readers, [&](const fs::path& partial) { rename_over(partial, path); });
}

void write_file(const fs::path& path, std::string_view bytes, FileReaders readers) {
  write_file(
      path,
      [&](std::ostream& out) {
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      },
      readers);
}

void replace_file(const fs::path& path, std::string_view bytes) {
  const OpenFile old(path);
  fs::path old_name;
  write_aside(
      path,
      [&](std::ostream& out) {
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      },
      FileReaders::kUmask,
      [&](const fs::path& partial) {
        // Under a name a process that dies leaves it where it is found.
        if (exchange(partial, path)) {
          old_name = partial;
        } else {
          rename_over(partial, path);
        }
      });
  old.overwrite();
  if (!old_name.empty()) fs::remove(old_name);
}

void overwrite_file(const fs::path& path) {
  if (!fs::exists(path)) return;
  OpenFile(path).overwrite();
}

void check_writable(const fs::path& path) {
  remove_abandoned(path);
  const fs::path partial = beside(path);
  bool created = false;
  int code = 0;
  begin_unfinished(partial, [&] {
    errno = 0;
    created = std::ofstream(partial, std::ios::binary | std::ios::trunc).is_open();
    code = errno;
  });
  std::error_code ignored;
  fs::remove(partial, ignored);
  end_unfinished(partial);
  if (!created) fail(path, "cannot be created", code);
}

namespace {

[[noreturn]] void exists_already(const fs::path& path) {
  throw UsageError("exists already", path.string(), "choose another name or give --force");
}

/// What cannot be overwritten now stays for the next.
void remove_if_abandoned(const fs::path& path) noexcept {
  try {
    Living none;
    if (!none.lock(path, LOCK_NB)) return;
    // The lock has a file open, so that it is not taken for one that nobody has.
    if (fs::symlink_status(path).type() == fs::file_type::regular) overwrite_file(path);
    remove_overwritten(path);
  } catch (const std::exception&) {
  }
}

}  // namespace

void remove_abandoned(const fs::path& target) noexcept {
  try {
    const fs::path path = without_trailing_slash(target);
    const std::string name = path.filename().string();
    // Where names cannot be exchanged, a crash may have left the old one under another name alone.
    const bool replaced = fs::exists(path);
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(parent_of(path))) {
      const std::string each = entry.path().filename().string();
      if (is_beside(each, name, ".partial") ||
          (replaced && is_beside(each, name, ".partial.old"))) {
        found.push_back(entry.path());
      }
    }
    for (const fs::path& one : found) remove_if_abandoned(one);
  } catch (const std::exception&) {  // a folder that cannot be listed
  }
}

StagedFolder::StagedFolder(fs::path target, bool replace)
    : target_(without_trailing_slash(std::move(target))), replace_(replace) {
  if (fs::exists(target_) && !replace_) {
    exists_already(target_);
  }
  if (fs::is_symlink(fs::symlink_status(target_))) {
    // To replace it would leave what it leads to, with all its rows.
    throw UsageError("is a symbolic link", target_.string(), "name the folder that it leads to");
  }
  remove_abandoned(target_);
  Living living;
  int code = EEXIST;
  for (int number = 0; code == EEXIST; ++number) {
    const std::lock_guard lock(unfinished().mutex);
    staging_ = beside(target_, number);
    code = ::mkdir(staging_.c_str(), 0777) == 0 ? 0 : errno;
    // Before it was locked somebody may have taken it for abandoned.
    if (code == 0 && !living.lock(staging_, 0) && !fs::exists(staging_)) code = EEXIST;
    if (code == 0) unfinished().paths.insert(staging_);
  }
  if (code != 0) fail(target_, "cannot be created", code);
  lock_ = living.hand_over();
}

StagedFolder::~StagedFolder() {
  if (!committed_) {
    try {
      remove_overwritten(staging_);
    } catch (const std::exception&) {  // on a disk that fails it is only removed
      std::error_code ignored;
      fs::remove_all(staging_, ignored);
    }
  }
  end_unfinished(staging_);
  if (lock_ >= 0) ::close(lock_);
}

void StagedFolder::write(const std::string& name, std::string_view bytes,
                         FileReaders readers) const {
  const fs::path path = staging_ / name;
  std::ofstream out = create(path, readers);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) fail(path, "cannot be written", errno != 0 ? errno : EIO);
}

void StagedFolder::commit(const std::function<void(const fs::path&)>& before_removal) {
  for (const auto& entry : fs::recursive_directory_iterator(staging_)) sync(entry.path());
  sync(staging_);
  std::unique_lock lock(unfinished().mutex);
  const bool replaces = replace_ && fs::exists(target_);
  fs::path old = staging_.string() + ".old";
  if (replaces && exchange(staging_, target_)) {
    old = staging_;
  } else {
    // A file system that cannot exchange: a crash between the two leaves the old under `old`.
    if (replaces && std::rename(target_.c_str(), old.c_str()) != 0) {
      fail(target_, "cannot be replaced", errno);
    }
    if (std::rename(staging_.c_str(), target_.c_str()) != 0) {
      const int code = errno;
      if (replaces) static_cast<void>(std::rename(old.c_str(), target_.c_str()));
      if (code == EEXIST || code == ENOTEMPTY) exists_already(target_);  // since a moment ago
      fail(target_, "cannot be created", code);
    }
  }
  committed_ = true;
  unfinished().paths.erase(staging_);  // an interrupt would only remove it
  lock.unlock();
  if (lock_ >= 0) ::close(std::exchange(lock_, -1));
  sync(parent_of(target_));
  if (replaces && before_removal) {
    before_removal(old);
    fs::remove_all(old);
  } else if (replaces) {
    remove_overwritten(old);
  }
}

void abandon_unfinished() noexcept {
  unfinished().mutex.lock();  // for good: nothing gets its name any more
  for (const fs::path& path : unfinished().paths) {
    // Whoever fills a folder may add a file while it is being emptied; once gone, none can.
    std::error_code failed;
    for (int tries = 0; tries < 1000; ++tries) {
      fs::remove_all(path, failed);
      if (!failed) break;
    }
  }
}

}  // namespace recant
