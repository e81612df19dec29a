// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace recant {

/// Whether bytes are well-formed UTF-8, as JSON and NumPy need them: no overlong form, no
/// surrogate, nothing beyond U+10FFFF. Cost: one look at each byte.
[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

}  // namespace recant
