// SPDX-License-Identifier: Apache-2.0
#include "wal_damage.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <span>

#include "checked_pages.hpp"

namespace recant {
namespace {

constexpr std::size_t kLogHeader = 32, kFrameHeader = 24;
using LogHeader = std::array<std::uint8_t, kLogHeader>;
using Frame = std::array<std::uint8_t, kFrameHeader + kPageBytes>;

std::uint32_t number_at(std::span<const std::uint8_t> bytes, std::size_t at, bool big_endian) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    number = number << 8 | bytes[big_endian ? at + i : at + 3 - i];
  }
  return number;
}

/// Each frame's goes on from that of the frame before.
struct Sum {
  std::uint32_t first = 0, second = 0;
  bool operator==(const Sum&) const = default;
};

/// A -wal whose header is as it was written.
class Log {
 public:
  static std::optional<Log> open(const std::filesystem::path& path) {
    constexpr std::uint32_t kMagic = 0x377F0682;
    Log log(path);
    if (!log.file_.read(reinterpret_cast<char*>(log.header_.data()), kLogHeader)) return {};
    const std::uint32_t magic = number_at(log.header_, 0, true);
    if ((magic & ~1U) != kMagic || number_at(log.header_, 8, true) != kPageBytes) return {};
    log.big_endian_ = (magic & 1U) != 0;
    if (log.sum({}, std::span(log.header_).first(24)) != log.sum_of_header()) return {};
    return log;
  }

  [[nodiscard]] const LogHeader& header() const { return header_; }
  [[nodiscard]] Sum sum_of_header() const {
    return {number_at(header_, 24, true), number_at(header_, 28, true)};
  }

  bool read_next() {
    return static_cast<bool>(file_.read(reinterpret_cast<char*>(frame_.data()), frame_.size()));
  }

  // Of the frame that was read:
  [[nodiscard]] Sum stored() const {
    return {number_at(frame_, 16, true), number_at(frame_, 20, true)};
  }
  /// What the sum is of what it holds.
  [[nodiscard]] Sum sum_after(const Sum& former) const {
    const auto bytes = std::span(frame_);
    return sum(sum(former, bytes.first(8)), bytes.subspan(kFrameHeader));
  }
  [[nodiscard]] bool follows(const Sum& former) const {
    return std::equal(frame_.begin() + 8, frame_.begin() + 16, header_.begin() + 16) &&
           sum_after(former) == stored();
  }
  [[nodiscard]] bool is_commit() const { return number_at(frame_, 4, true) != 0; }

 private:
  explicit Log(const std::filesystem::path& path) : file_(path, std::ios::binary) {}
  [[nodiscard]] Sum sum(Sum from, std::span<const std::uint8_t> bytes) const {
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      from.first += number_at(bytes, at, big_endian_) + from.second;
      from.second += number_at(bytes, at + 4, big_endian_) + from.first;
    }
    return from;
  }

  std::ifstream file_;
  LogHeader header_{};
  Frame frame_{};
  bool big_endian_ = false;
};

/// The first frame that does not fit, if two commits lie behind it that follow from each other.
/// A commit counts only in a frame that follows: of others it is not known what wrote it there.
std::int64_t damaged_frame_of(Log& log) {
  Sum former = log.sum_of_header();
  std::int64_t damaged = 1;
  bool there = log.read_next();
  while (there && log.follows(former)) {
    former = log.stored();
    ++damaged;
    there = log.read_next();
  }
  if (!there) return 0;
  // Where only its sum was hit, or what says of which log it is, the next goes on from what it
  // holds, which is then as it was written, and counts. Else the next may go on from its sum.
  const Sum of_contents = log.sum_after(former);
  const int own = log.is_commit() ? 1 : 0;
  former = log.stored();
  int commits = 0;
  for (bool next = true; commits < 2 && log.read_next(); next = false) {
    const int more = log.is_commit() ? 1 : 0;
    if (next && log.follows(of_contents)) {
      commits = own + more;
    } else {
      commits = log.follows(former) ? commits + more : 0;
    }
    former = log.stored();
  }
  return commits == 2 ? damaged : 0;
}

}  // namespace

/// One look may meet a writer: until a transaction ends its frames can be of others that were
/// rolled back, or be written anew, and what was read of them fits nothing that is read later. But
/// when the first look came to the two commits, all before the first of these was final, and the
/// log goes on behind it. The second look begins only then: a whole log it finds whole up to there,
/// which lies behind the frame that the first one named. Unless another log was begun in its place:
/// then the header, which is written first, is another one afterwards.
std::int64_t damaged_frame(const std::filesystem::path& wal) {
  auto first = Log::open(wal);
  if (!first) return 0;
  const std::int64_t damaged = damaged_frame_of(*first);
  if (damaged == 0) return 0;
  auto second = Log::open(wal);
  if (!second || damaged_frame_of(*second) != damaged) return 0;
  const auto after = Log::open(wal);
  return after && after->header() == first->header() ? damaged : 0;
}

}  // namespace recant
