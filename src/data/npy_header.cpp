// SPDX-License-Identifier: Apache-2.0
#include "npy_header.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "input_file.hpp"
#include "recant/core/error.hpp"

namespace recant {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

[[noreturn]] void malformed(const std::string& name) {
  throw DataError("has a malformed NPY header", name, "write it with numpy.save");
}

/// Reads the header's text, a Python dictionary with three members:
/// {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  struct Members {
    std::optional<std::string_view> type;
    std::optional<bool> fortran;
    std::optional<std::vector<std::int64_t>> shape;
  };

  Members members() {
    Members members;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !members.type) {
        members.type = peek() == '[' ? structured() : quoted();
      } else if (key == "fortran_order" && !members.fortran) {
        members.fortran = boolean();
      } else if (key == "shape" && !members.shape) {
        members.shape = shape();
      } else {
        malformed(name_);
      }
      if (!accept(',') && peek() != '}') malformed(name_);
    }
    if (peek() != '\0' || !members.type || !members.fortran || !members.shape) malformed(name_);
    return members;
  }

 private:
  /// The next character that is not blank; zero at the end.
  char peek() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n'))
      text_.remove_prefix(1);
    return text_.empty() ? '\0' : text_.front();
  }
  bool accept(char c) {
    if (peek() != c || text_.empty()) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) malformed(name_);
  }
  std::string_view quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') malformed(name_);
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) malformed(name_);
    const std::string_view inside = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return inside;
  }
  [[noreturn]] std::string_view structured() const {
    throw DataError("holds records with named fields", name_, "save each field as its own array");
  }
  bool boolean() {
    for (const auto& [word, value] : {std::pair{"True", true}, std::pair{"False", false}}) {
      peek();
      if (text_.starts_with(word)) {
        text_.remove_prefix(std::strlen(word));
        return value;
      }
    }
    malformed(name_);
  }
  std::vector<std::int64_t> shape() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!accept(')')) {
      peek();
      std::int64_t size = 0;
      const auto [stop, code] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (code != std::errc() || size < 0) malformed(name_);
      text_.remove_prefix(static_cast<std::size_t>(stop - text_.data()));
      sizes.push_back(size);
      if (!accept(',') && peek() != ')') malformed(name_);
    }
    return sizes;
  }

  std::string_view text_;
  const std::string& name_;
};

/// Sets kind, item_bytes and swapped from a type such as "<f8".
void read_type(std::string_view type, const std::string& name, NpyHeader& header) {
  const auto unsupported = [&](std::string hint) {
    throw DataError("has values of a type that is not supported", name, std::move(hint));
  };
  const std::string hint = "save float64, float32, integers, bool or bytes ('S')";
  if (type.size() < 3) unsupported(hint);
  const char order = type[0];
  header.kind = type[1];
  const auto [stop, code] =
      std::from_chars(type.data() + 2, type.data() + type.size(), header.item_bytes);
  if (std::string_view("<>|=").find(order) == std::string_view::npos || code != std::errc() ||
      stop != type.data() + type.size()) {
    unsupported(hint);
  }
  const std::int64_t bytes = header.item_bytes;
  header.swapped = order == '>' && header.kind != 'S';
  switch (header.kind) {
    case 'f':
      if (bytes != 4 && bytes != 8) unsupported("save it with astype('float64')");
      break;
    case 'i':
    case 'u':
      if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) unsupported(hint);
      break;
    case 'b':
      if (bytes != 1) unsupported(hint);
      break;
    case 'S':
      if (bytes < 1) unsupported(hint);
      break;
    case 'U':
      unsupported("save texts as bytes, with astype('S')");
      break;
    default:
      unsupported(hint);
  }
}

/// Bytes of all values. Empty sizes count as 1, so that no shape is absurd in either size.
std::int64_t bytes_of(const NpyHeader& header, const std::string& name) {
  std::int64_t bytes = header.item_bytes;
  for (const std::int64_t size : header.shape) {
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(size, 1), &bytes)) {
      throw DataError("has a shape that is too large", name);
    }
  }
  const bool empty = std::find(header.shape.begin(), header.shape.end(), 0) != header.shape.end();
  return empty ? 0 : bytes;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

NpyHeader parse_header(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic)) {
    throw DataError("is not an NPY file", name, "write it with numpy.save");
  }
  constexpr std::size_t kVersionAt = 6;
  if (text.size() < kVersionAt + 2) throw DataError("is cut short in its header", name);
  const int version = text[kVersionAt];
  if (version < 1 || version > 3 || text[kVersionAt + 1] != 0) {
    throw DataError("has an NPY version that is not 1.0, 2.0 or 3.0", name);
  }
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t begin = kVersionAt + 2 + length_bytes;
  std::uint32_t length = 0;
  if (text.size() >= begin) std::memcpy(&length, text.data() + kVersionAt + 2, length_bytes);
  if (text.size() < begin || text.size() - begin < length) {
    throw DataError("is cut short in its header", name);
  }
  const auto members = HeaderText(text.substr(begin, length), name).members();

  NpyHeader header;
  read_type(*members.type, name, header);
  header.shape = *members.shape;
  header.data_offset = static_cast<std::int64_t>(begin + length);
  if (header.shape.empty() || header.shape.size() > 2) {
    throw DataError(fmt::format("has {} dimensions, but 1 or 2 are needed", header.shape.size()),
                    name);
  }
  if (*members.fortran && header.shape.size() == 2) {
    throw DataError("is in Fortran order", name, "save it with numpy.ascontiguousarray");
  }
  const std::int64_t needed = bytes_of(header, name);
  const auto found = static_cast<std::int64_t>(bytes.size()) - header.data_offset;
  if (found != needed) {
    throw DataError(fmt::format("holds {} bytes of values, but its shape {} needs {}", found,
                                shape_text(header.shape), needed),
                    name, found < needed ? "it was cut short; save it again" : "");
  }
  return header;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file = open_input(path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw DataError("is no regular file", path, "arrays are mapped; copy it to a file first");
  }
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;  // which cannot be mapped
  void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED) {
    throw DataError(fmt::format("cannot be mapped: {}", std::strerror(errno)), path);
  }
  bytes_ = static_cast<const std::byte*>(at);
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(bytes_), size_);
}

NpyFile::NpyFile(const std::filesystem::path& path)
    : name(path.string()),
      file(std::make_shared<const MappedFile>(path)),
      header(parse_header(file->bytes(), name)),
      data(file->bytes().data() + header.data_offset),
      count((static_cast<std::int64_t>(file->bytes().size()) - header.data_offset) /
            header.item_bytes) {}

void NpyFile::require_dimensions(std::size_t dimensions) const {
  if (header.shape.size() != dimensions) {
    throw DataError(
        fmt::format("has {} dimensions, but {} are needed", header.shape.size(), dimensions), name);
  }
}

NpyHeader read_npy_header(const std::filesystem::path& path) {
  return NpyFile(path).header;
}

}  // namespace recant
