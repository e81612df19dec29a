// SPDX-License-Identifier: Apache-2.0
#include "input_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "recant/core/error.hpp"

namespace recant {
namespace {

[[noreturn]] void fail(const std::string& where, std::string_view what, int code) {
  throw DataError(fmt::format("{}: {}", what, std::strerror(code)), where);
}

bool is_regular(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

std::size_t read_some(int file, char* to, std::size_t size, const std::string& where) {
  while (true) {
    const ssize_t got = ::read(file, to, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) fail(where, "cannot be read", errno);
  }
}

void write_all(int file, const char* from, std::size_t size, const std::string& where) {
  while (size > 0) {
    const ssize_t put = ::write(file, from, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail(where, "cannot be copied to a temporary file", errno);
    from += put;
    size -= static_cast<std::size_t>(put);
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}

Descriptor open_input(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw NotFoundError("there is no such file", path);
    fail(path, "cannot be opened", errno);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    throw DataError("is a folder", path, "name a file in it");
  }
  return file;
}

InputFile::InputFile(const std::filesystem::path& path, bool rewindable)
    : name_(path == "-" ? "standard input" : path.string()),
      // A copy, so that closing it leaves the process its standard input.
      file_(path == "-" ? Descriptor(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0))
                        : open_input(path)) {
  if (file_.get() < 0) fail(name_, "cannot be opened", errno);
  // A file that is redirected to standard input may stand somewhere behind its first byte, so it
  // is copied like a pipe.
  if (rewindable && (path == "-" || !is_regular(file_.get()))) spool();
}

void InputFile::spool() {
  const char* folder = std::getenv("TMPDIR");
  std::string pattern = fmt::format("{}/recant-XXXXXX", folder != nullptr ? folder : "/tmp");
  Descriptor copy(::mkostemp(pattern.data(), O_CLOEXEC));
  if (copy.get() < 0) fail(name_, "cannot be copied to a temporary file", errno);
  ::unlink(pattern.c_str());
  std::vector<char> buffer(std::size_t{1} << 20);
  while (const std::size_t got = read(buffer.data(), buffer.size())) {
    write_all(copy.get(), buffer.data(), got, name_);
  }
  file_ = std::move(copy);
  rewind();
}

std::size_t InputFile::read(char* to, std::size_t size) {
  return read_some(file_.get(), to, size, name_);
}

void InputFile::rewind() {
  if (::lseek(file_.get(), 0, SEEK_SET) != 0) {
    throw InternalError("a pipe was opened to be read once, but is read twice", name_);
  }
}

}  // namespace recant
