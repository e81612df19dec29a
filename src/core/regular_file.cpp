// SPDX-License-Identifier: Apache-2.0
#include "recant/core/regular_file.hpp"

#include "recant/core/error.hpp"

namespace recant {

void require_regular_file(const std::filesystem::path& path) {
  std::error_code code;
  const auto type = std::filesystem::status(path, code).type();
  using Type = std::filesystem::file_type;
  if (type == Type::fifo || type == Type::socket || type == Type::character ||
      type == Type::block || type == Type::directory) {
    throw DamagedError("is not a regular file", path.string());
  }
}

}  // namespace recant
