// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "recant/certify/signing_key.hpp"

namespace recant {

/// BLAKE2b-256 of domain, a zero byte, message: no two uses of a hash can be taken for each other.
[[nodiscard]] Digest domain_hash(std::string_view domain, std::string_view message);

}  // namespace recant
