// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace recant {

/// How StrictJson reads a T: a whole number only from one that T holds. The library's own way casts
/// whatever number it meets, and a cast of 1e300 is undefined.
template <class T, class Enable = void>
struct StrictNumbers : nlohmann::adl_serializer<T, Enable> {};

template <class T>
struct StrictNumbers<T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>>> {
  /// @throws nlohmann::json::type_error
  template <class Json>
  static void from_json(const Json& json, T& value) {
    if (json.is_number_unsigned()) {
      set(json, json.template get_ref<const std::uint64_t&>(), value);
    } else {
      set(json, json.template get_ref<const std::int64_t&>(), value);  // throws at another type
    }
  }
  template <class Json>
  static void to_json(Json& json, T value) {
    nlohmann::to_json(json, value);
  }

 private:
  template <class Json, class Whole>
  static void set(const Json& json, Whole whole, T& value) {
    if (!std::in_range<T>(whole)) {
      throw nlohmann::json::type_error::create(302, "is out of range", &json);
    }
    value = static_cast<T>(whole);
  }
};

/// JSON that keeps its members in order, for what is read from files.
using StrictJson =
    nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, std::int64_t,
                         std::uint64_t, double, std::allocator, StrictNumbers>;

}  // namespace recant
