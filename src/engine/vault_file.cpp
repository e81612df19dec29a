// SPDX-License-Identifier: Apache-2.0
#include "vault_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "recant/core/error.hpp"
#include "recant/core/regular_file.hpp"

namespace recant {

std::string read_vault_file(const std::filesystem::path& path) {
  require_regular_file(path);
  std::ifstream in(path, std::ios::binary);
  if (!in) cannot_read(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void cannot_read(const std::filesystem::path& path) {
  // Of a folder on the way, too.
  if (::access(path.c_str(), R_OK) != 0 && errno == EACCES) {
    throw DataError("may not be read by this user", path.string(),
                    "run as the owner of the model's folder");
  }
  throw DamagedError("is missing or cannot be read", path.string());
}

}  // namespace recant
