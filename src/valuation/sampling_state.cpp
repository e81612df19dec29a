// SPDX-License-Identifier: Apache-2.0
#include "sampling_state.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <string>

#include "recant/core/atomic_file.hpp"
#include "recant/core/error.hpp"
#include "recant/core/fingerprint.hpp"

namespace recant {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are little-endian");

constexpr std::string_view kMagic = "recant samples 2";  // 16 bytes
constexpr std::string_view kOlder = "recant samples 1";

/// The numbers of the file in their order.
struct Header {
  std::uint64_t fingerprint = 0;
  std::int64_t samples = 0, truncated = 0, evaluations = 0, rows = 0, columns = 0;
};

std::uint64_t check_sum(const Header& header, const Matrix& sums) {
  Fingerprint check;
  check.add(header.fingerprint);
  for (const std::int64_t number :
       {header.samples, header.truncated, header.evaluations, header.rows, header.columns}) {
    check.add(number);
  }
  check.add(std::span<const double>(sums.data(), static_cast<std::size_t>(sums.size())));
  return check.value();
}

[[noreturn]] void damaged(const std::filesystem::path& path) {
  throw DamagedError("is not a whole sampling state", path.string(),
                     "remove it to start over, or name another file");
}

}  // namespace

void save_state(const std::filesystem::path& path, std::uint64_t fingerprint,
                const SamplingState& state) {
  const Header header{fingerprint,       state.samples,     state.truncated,
                      state.evaluations, state.sums.rows(), state.sums.cols()};
  const std::uint64_t check = check_sum(header, state.sums);
  write_file(path, [&](std::ostream& out) {
    const auto write = [&](const void* bytes, std::size_t size) {
      out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    };
    write(kMagic.data(), kMagic.size());
    write(&header, sizeof header);
    write(state.sums.data(), sizeof(double) * static_cast<std::size_t>(state.sums.size()));
    write(&check, sizeof check);
  });
}

std::optional<SamplingState> load_state(const std::filesystem::path& path,
                                        std::uint64_t fingerprint, Index rows, Index columns) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  const auto read = [&](void* bytes, std::size_t size) {
    in.read(static_cast<char*>(bytes), static_cast<std::streamsize>(size));
    if (!in) damaged(path);
  };
  std::array<char, kMagic.size()> magic{};
  read(magic.data(), magic.size());
  const std::string_view begin(magic.data(), magic.size());
  if (begin == kOlder) {
    throw DamagedError("is a sampling state of version 1, but version 2 is needed", path.string(),
                       "remove it to start over, or name another file");
  }
  if (begin != kMagic) damaged(path);
  Header header;
  read(&header, sizeof header);
  if (header.fingerprint != fingerprint) {
    throw DamagedError("holds samples of other rows or options", path.string(),
                       "give those it was made with, or name another file");
  }
  if (header.rows != rows || header.columns != columns) damaged(path);
  SamplingState state{header.samples, header.truncated, header.evaluations, Matrix(rows, columns)};
  read(state.sums.data(), sizeof(double) * static_cast<std::size_t>(state.sums.size()));
  std::uint64_t check = 0;
  read(&check, sizeof check);
  if (check != check_sum(header, state.sums) || in.peek() != std::ifstream::traits_type::eof()) {
    damaged(path);
  }
  return state;
}

}  // namespace recant
