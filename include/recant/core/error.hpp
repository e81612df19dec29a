// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace recant {

/// What went wrong, in the only classes a caller can act on. Numeric and policy outcomes (not
/// converged, infeasible) are not errors: they are values in the result that was asked for.
enum class ErrorKind {
  kUsage,     ///< an option or argument is wrong
  kData,      ///< a file or array is wrong
  kDamaged,   ///< a model folder or certificate does not check
  kBusy,      ///< another writer holds the model
  kNotFound,  ///< a file, row id or model does not exist
  kInternal,  ///< a bug in recant
};

/// "usage", "data", "damaged", "busy", "not_found", "internal".
[[nodiscard]] std::string_view name(ErrorKind kind) noexcept;

/// One line that says what, where and what to do.
///
/// what() is "where: message; hint", with the empty parts left out. Contents of rows and
/// identities of people never go into any of the three.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string message, std::string where = {}, std::string hint = {});

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

 private:
  ErrorKind kind_;
  std::string message_, where_, hint_;
};

/// The kinds as types, so that each can be caught alone.
#define RECANT_ERROR_TYPE(Type, kKind)                                                      \
  class Type : public Error {                                                               \
   public:                                                                                  \
    explicit Type(std::string message, std::string where = {}, std::string hint = {})       \
        : Error(ErrorKind::kKind, std::move(message), std::move(where), std::move(hint)) {} \
  }
RECANT_ERROR_TYPE(UsageError, kUsage);
RECANT_ERROR_TYPE(DataError, kData);
RECANT_ERROR_TYPE(DamagedError, kDamaged);
RECANT_ERROR_TYPE(BusyError, kBusy);
RECANT_ERROR_TYPE(NotFoundError, kNotFound);
RECANT_ERROR_TYPE(InternalError, kInternal);
#undef RECANT_ERROR_TYPE

}  // namespace recant
