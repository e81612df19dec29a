// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "recant/core/check.hpp"

/// One field list per options struct. The list feeds validation, command-line flags, JSON and
/// the reference page, so that a field is named, explained and bounded once.
///
///     struct FitOptions {
///       double tolerance = 1e-10;
///       static constexpr auto fields() {
///         return std::tuple{Field{"tolerance", &FitOptions::tolerance, "...", Accept::kPositive}};
///       }
///     };
namespace recant {

/// The values a numeric field accepts.
enum class Accept { kAny, kFinite, kPositive, kNonNegative, kUnitInterval };

template <class Options, class T>
struct Field {
  std::string_view name;  ///< snake_case; the flag is the same with dashes
  T Options::*member;
  std::string_view help;  ///< one sentence
  Accept accept = Accept::kAny;
};
// Clang deduces the arguments of an aggregate by itself only from version 17.
template <class Options, class T>
Field(std::string_view, T Options::*, std::string_view, Accept = Accept::kAny) -> Field<Options, T>;

inline void check_field(std::string_view name, double value, Accept accept) {
  switch (accept) {
    case Accept::kAny:
      return;
    case Accept::kFinite:
      return check_finite(name, value);
    case Accept::kPositive:
      return check_positive(name, value);
    case Accept::kNonNegative:
      return check_non_negative(name, value);
    case Accept::kUnitInterval:
      return check_between(name, value, 0, 1);
  }
}

/// Calls visit(field) for every field of Options, in order.
template <class Options, class Visitor>
void for_each_field(Visitor&& visit) {
  std::apply([&](const auto&... field) { (visit(field), ...); }, Options::fields());
}

/// Checks every numeric field; algorithms call it themselves. @throws UsageError
template <class Options>
void validate(const Options& options) {
  for_each_field<Options>([&](const auto& field) {
    const auto& value = options.*(field.member);
    using T = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      check_field(field.name, static_cast<double>(value), field.accept);
    } else if constexpr (std::is_same_v<T, std::optional<double>>) {
      if (value) check_field(field.name, *value, field.accept);
    }
  });
}

}  // namespace recant
