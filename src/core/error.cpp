// SPDX-License-Identifier: Apache-2.0
#include "recant/core/error.hpp"

#include "recant/core/printable.hpp"

namespace recant {
namespace {

std::string one_line(const std::string& message, const std::string& where,
                     const std::string& hint) {
  std::string text = where.empty() ? message : where + ": " + message;
  if (!hint.empty()) text += "; " + hint;
  return printable(text);
}

}  // namespace

std::string_view name(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kUsage:
      return "usage";
    case ErrorKind::kData:
      return "data";
    case ErrorKind::kDamaged:
      return "damaged";
    case ErrorKind::kBusy:
      return "busy";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

Error::Error(ErrorKind kind, std::string message, std::string where, std::string hint)
    : std::runtime_error(one_line(message, where, hint)),
      kind_(kind),
      message_(std::move(message)),
      where_(std::move(where)),
      hint_(std::move(hint)) {}

}  // namespace recant
