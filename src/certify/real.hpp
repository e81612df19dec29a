// SPDX-License-Identifier: Apache-2.0
#pragma once

#define MPFR_USE_INTMAX_T
#define MPFR_USE_NO_MACRO  // functions take a Real, macros would not
#include <mpfr.h>

namespace recant {

/// A number of so many bits. Every operation on it names the side it rounds to.
class Real {
 public:
  explicit Real(mpfr_prec_t bits) {
    // What MPFR keeps for a thread's later use is the thread's, which frees it when it ends.
    struct Kept {
      Kept() = default;
      Kept(const Kept&) = delete;
      Kept& operator=(const Kept&) = delete;
      ~Kept() { mpfr_free_cache(); }
    };
    thread_local const Kept kept;
    mpfr_init2(value_, bits);
  }
  ~Real() { mpfr_clear(value_); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;

  operator mpfr_ptr() noexcept { return value_; }           // NOLINT: an argument of mpfr_*
  operator mpfr_srcptr() const noexcept { return value_; }  // NOLINT
  [[nodiscard]] mpfr_prec_t bits() const noexcept { return mpfr_get_prec(value_); }

 private:
  mpfr_t value_;
};

}  // namespace recant
