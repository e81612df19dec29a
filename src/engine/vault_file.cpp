// SPDX-License-Identifier: Apache-2.0
#include "vault_file.hpp"

#include <fstream>
#include <iterator>

#include "recant/core/error.hpp"
#include "recant/core/regular_file.hpp"

namespace recant {

std::string read_vault_file(const std::filesystem::path& path) {
  require_regular_file(path);
  std::ifstream in(path, std::ios::binary);
  if (!in) throw DamagedError("is missing or cannot be read", path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace recant
