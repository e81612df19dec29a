// SPDX-License-Identifier: Apache-2.0
#pragma once

#define MPFR_USE_INTMAX_T
#define MPFR_USE_NO_MACRO  // functions take a WideReal, macros would not
#include <mpfr.h>

#include <Eigen/Core>
#include <compare>
#include <concepts>
#include <utility>

namespace recant::test {

/// A number with 128 bits of significand, every operation rounded to nearest: what long double is
/// checked with. Exponents do not end within reach of a test.
class WideReal {
 public:
  static constexpr mpfr_prec_t kBits = 128;

  WideReal() : WideReal(0.0L) {}
  WideReal(std::floating_point auto value) : WideReal(static_cast<long double>(value)) {}  // NOLINT
  WideReal(std::integral auto value) : WideReal(static_cast<long double>(value)) {}        // NOLINT
  WideReal(long double value) {                                                            // NOLINT
    mpfr_init2(value_, kBits);
    mpfr_set_ld(value_, value, MPFR_RNDN);
  }
  WideReal(const WideReal& other) {
    mpfr_init2(value_, kBits);
    mpfr_set(value_, other.value_, MPFR_RNDN);
  }
  WideReal(WideReal&& other) noexcept : WideReal() { mpfr_swap(value_, other.value_); }
  WideReal& operator=(const WideReal& other) {
    mpfr_set(value_, other.value_, MPFR_RNDN);
    return *this;
  }
  WideReal& operator=(WideReal&& other) noexcept {
    mpfr_swap(value_, other.value_);
    return *this;
  }
  ~WideReal() { mpfr_clear(value_); }

  explicit operator long double() const { return mpfr_get_ld(value_, MPFR_RNDN); }
  explicit operator double() const { return mpfr_get_d(value_, MPFR_RNDN); }

  WideReal& operator+=(const WideReal& b) { return set(mpfr_add, b); }
  WideReal& operator-=(const WideReal& b) { return set(mpfr_sub, b); }
  WideReal& operator*=(const WideReal& b) { return set(mpfr_mul, b); }
  WideReal& operator/=(const WideReal& b) { return set(mpfr_div, b); }
  friend WideReal operator+(WideReal a, const WideReal& b) { return std::move(a += b); }
  friend WideReal operator-(WideReal a, const WideReal& b) { return std::move(a -= b); }
  friend WideReal operator*(WideReal a, const WideReal& b) { return std::move(a *= b); }
  friend WideReal operator/(WideReal a, const WideReal& b) { return std::move(a /= b); }
  friend WideReal operator-(WideReal a) { return a.set(mpfr_neg); }

  friend bool operator==(const WideReal& a, const WideReal& b) {
    return mpfr_equal_p(a.value_, b.value_) != 0;
  }
  friend std::partial_ordering operator<=>(const WideReal& a, const WideReal& b) {
    if (mpfr_unordered_p(a.value_, b.value_) != 0) return std::partial_ordering::unordered;
    return mpfr_cmp(a.value_, b.value_) <=> 0;
  }

  friend WideReal abs(WideReal a) { return a.set(mpfr_abs); }
  friend WideReal sqrt(WideReal a) { return a.set(mpfr_sqrt); }
  friend WideReal exp(WideReal a) { return a.set(mpfr_exp); }
  friend WideReal log1p(WideReal a) { return a.set(mpfr_log1p); }

 private:
  WideReal& set(int (*operation)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t)) {
    operation(value_, value_, MPFR_RNDN);
    return *this;
  }
  WideReal& set(int (*operation)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t),
                const WideReal& b) {
    operation(value_, value_, b.value_, MPFR_RNDN);
    return *this;
  }

  mpfr_t value_;
};

}  // namespace recant::test

template <>
struct Eigen::NumTraits<recant::test::WideReal> {
  using Real = recant::test::WideReal;
  using NonInteger = Real;
  using Literal = Real;
  using Nested = Real;
  enum {
    IsComplex = 0,
    IsInteger = 0,
    IsSigned = 1,
    RequireInitialization = 1,
    ReadCost = 1,
    AddCost = 8,
    MulCost = 16
  };
  static Real epsilon() { return Real(0x1p-127L); }
  static Real dummy_precision() { return Real(0x1p-120L); }
};
