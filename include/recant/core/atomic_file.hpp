// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

/// Files and folders that are there wholly or not at all: written aside, synced, renamed.
namespace recant {

/// Who may open a new file: what the umask says, or its owner alone, from the first byte on.
enum class FileReaders { kUmask, kOwner };

/// Writes `path` by calling write(stream) on a file beside it, which is then synced and renamed
/// over `path`. If anything throws or fails (disk full), `path` is as before and nothing is left.
/// @throws DataError naming `path` when writing fails.
void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write,
                FileReaders readers = FileReaders::kUmask);
void write_file(const std::filesystem::path& path, std::string_view bytes,
                FileReaders readers = FileReaders::kUmask);

/// Removes what processes that died left half-written beside `path`, overwritten. What one that
/// lives is writing is locked, and stays; so does everything where the file system has no locks,
/// and what cannot be overwritten.
void remove_abandoned(const std::filesystem::path& path) noexcept;

/// As write_file(), over a file that is there and whose bytes are to be gone: they are overwritten
/// with zeros on disk before it returns, for whoever has it open too. If it throws or the process
/// dies, `path` is as before, or new, and what it held may lie beside it under a name with
/// ".partial", for the caller to find.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

/// Zeros over all bytes of a file, if there is one, on disk when it returns. @throws DataError
void overwrite_file(const std::filesystem::path& path);

/// Before long work: that write_file(path) could create its file. Leaves nothing, not even what
/// others abandoned there.
/// @throws DataError naming `path`, as write_file would after the work.
void check_writable(const std::filesystem::path& path);

/// A folder that is filled aside and appears under its name at commit().
/// Destroyed without commit(), it leaves nothing. It is locked while it is filled, so that the next
/// one knows what a process that died left.
class StagedFolder {
 public:
  /// @throws UsageError if `target` exists and !replace, DataError if its parent cannot be written.
  StagedFolder(std::filesystem::path target, bool replace);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  /// Where to write the files until commit().
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return staging_; }
  /// Writes a file in it, which commit() syncs with the others. @throws DataError
  void write(const std::string& name, std::string_view bytes,
             FileReaders readers = FileReaders::kUmask) const;

  /// Syncs every file and folder, then renames into place; what stood there before is overwritten
  /// and removed (remove_overwritten()). With `before_removal` that is called in the place of
  /// overwriting, with where it lies now. If that throws or the process dies, it stays there, under
  /// a name with ".partial".
  void commit(const std::function<void(const std::filesystem::path&)>& before_removal = {});

 private:
  std::filesystem::path target_, staging_;
  int lock_ = -1;
  bool replace_, committed_ = false;
};

/// Removes everything that is half-written in this process and lets nothing more be renamed into
/// place: for a process that is about to end. Waits for a rename that is under way.
void abandon_unfinished() noexcept;

}  // namespace recant
