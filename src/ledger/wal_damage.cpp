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

  bool read(std::int64_t number) {
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(kLogHeader + (number - 1) * frame_.size()));
    return static_cast<bool>(file_.read(reinterpret_cast<char*>(frame_.data()), frame_.size()));
  }

  // Of the frame that was read:
  [[nodiscard]] Sum stored() const {
    return {number_at(frame_, 16, true), number_at(frame_, 20, true)};
  }
  [[nodiscard]] bool of_this_log() const {
    return std::equal(frame_.begin() + 8, frame_.begin() + 16, header_.begin() + 16);
  }
  [[nodiscard]] bool follows(const Sum& former) const {
    const auto bytes = std::span(frame_);
    return of_this_log() &&
           sum(sum(former, bytes.first(8)), bytes.subspan(kFrameHeader)) == stored();
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

/// Whether two commits, of a frame that does not fit or behind it, were written one after another.
/// Where the frame's own sum was hit, the next does not follow from it, but the one behind does.
bool goes_on(Log& log, std::int64_t damaged) {
  for (const std::int64_t before : {damaged, damaged + 1}) {
    if (!log.read(before)) return false;
    int commits = before == damaged && log.of_this_log() && log.is_commit() ? 1 : 0;
    Sum former = log.stored();
    for (std::int64_t next = before + 1; log.read(next) && log.follows(former); ++next) {
      former = log.stored();
      commits += log.is_commit() ? 1 : 0;
      if (commits == 2) return true;
    }
  }
  return false;
}

}  // namespace

std::int64_t damaged_frame(const std::filesystem::path& wal) {
  auto log = Log::open(wal);
  if (!log) return 0;
  Sum former = log->sum_of_header();
  std::int64_t number = 1;
  while (log->read(number) && log->follows(former)) {
    former = log->stored();
    ++number;
  }
  if (!goes_on(*log, number)) return 0;
  // If a writer was at it when it was read, then now it is written: later ones were. Or another log
  // was begun, with its header first.
  auto again = Log::open(wal);
  if (!again || !again->read(number) || again->follows(former)) return 0;
  const auto header = Log::open(wal);
  return header && header->header() == log->header() ? number : 0;
}

}  // namespace recant
