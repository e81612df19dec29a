// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

/// The bound once more, from nothing but its terms: docs/algorithms/certified_deletion.md, "The
/// terms", line by line, in long double and without any of the library's code.
namespace recant::test {

class BoundFromTerms {
 public:
  using Number = long double;
  static constexpr Number kInfinite = INFINITY;

  explicit BoundFromTerms(std::map<std::string, double> terms) : terms_(std::move(terms)) {
    kappa = !has("r_norm")        ? remainder(at("rho"), 2)
            : at("v_h_norm") != 0 ? remainder(at("rho"), 3)
                                  : 0;
    if (has("r_norm")) {
      measured();
    } else {
      without_pass();
    }
    finish();
  }

  Number a = 0, b = 0, ell = 0, kappa = 0, way_factor = 0, rounding = 0, residual = 0, s_norm = 0;
  Number rho_s = kInfinite, pull = 0, x = 0, eta = kInfinite, zeta = kInfinite;
  Number factor = kInfinite, ball_factor = kInfinite, zeta_ball = kInfinite;
  Number statement_2 = kInfinite, by_eta = kInfinite, by_ball = kInfinite, statement_4 = kInfinite;
  Number second_residual = kInfinite, by_second_look = kInfinite;

  [[nodiscard]] Number distance() const {
    return std::min({statement_2, statement_4, by_eta, by_ball, by_second_look});
  }
  [[nodiscard]] bool has(const char* name) const { return terms_.contains(name); }
  /// What is left out is infinite.
  [[nodiscard]] Number at(const char* name) const {
    const auto found = terms_.find(name);
    return found == terms_.end() ? kInfinite : static_cast<Number>(found->second);
  }
  /// E' |s|_H <= (1 - E') t.
  [[nodiscard]] bool ball_holds() const {
    return ball_factor < 1 && ball_factor * residual <= (1 - ball_factor) * at("t");
  }

 private:
  std::map<std::string, double> terms_;

  /// Beyond it e^x is no double, and the library has infinity.
  static constexpr Number kLargestExponent = 709.78L;

  static Number exponential(Number x) { return x < kLargestExponent ? std::exp(x) : kInfinite; }
  static Number known(Number value) { return std::isnan(value) ? kInfinite : value; }
  static Number outward(Number value) { return value * (1 + 1e-9L) + 1e-40L; }
  /// rho^(first - 1)/first! + rho^first/(first + 1)! + ..
  static Number remainder(Number rho, int first) {
    if (!(rho < kLargestExponent)) return kInfinite;
    Number term = 1, sum = 0;
    for (int k = 2; k < 20'000 && (k <= first || term > sum * 1e-22L); ++k) {
      term *= rho / k;
      if (k >= first) sum += term;
    }
    return sum;
  }
  Number mu() const { return at("least_eigenvalue"); }
  Number lost() const { return at("hessian_rounding") / mu(); }
  Number length(Number h_norm, Number p) const {
    const Number all = known(h_norm / std::sqrt(mu()));
    if (!(at("span_eigenvalue") > mu())) return all;
    return std::min(all,
                    known(std::hypot(h_norm / std::sqrt(at("span_eigenvalue")), p / at("lambda"))));
  }
  Number error_of(Number change) const { return error_of(at("rho"), change); }
  Number error_of(Number rho, Number change) const {
    const Number mean = std::log1p(remainder(change, 2));
    return std::max({std::expm1(std::log1p(at("above") + lost()) + rho + mean),
                     -std::expm1(std::log1p(-at("below") - lost()) - rho + mean - change),
                     Number{0}});
  }
  Number growth(Number change) const {
    return known(exponential(at("rho")) * (1 + remainder(change, 2)));
  }
  Number corrected(Number norm, Number distance, Number grown) const {
    const Number p =
        known(ell * residual + grown * ell * distance + at("hessian_rounding") * s_norm);
    return known(outward(s_norm + length(norm, p) + at("dropped")));
  }

  void factors() {
    a = 1 - at("below") - lost();
    b = 1 + at("above") + lost();
    ell = known(std::sqrt(at("tau") * b));
  }
  /// Tier 0.
  void without_pass() {
    factors();
    const Number root = std::sqrt(mu()), e = at("hessian_rounding"), v = at("v_h_norm");
    const Number w = kappa > 0 ? b * kappa * v : 0;
    const Number w_off = kappa > 0 ? known(ell * (exponential(at("rho")) + 1) * v) : 0;
    const Number s = at("computed_s_norm") + at("solve_residual") / mu();
    const Number s_h = known(at("computed_s_h_norm") + at("solve_residual") / root);
    rounding = at("z_rounding") / root + e / mu() * v;
    residual = std::min(known(at("z_norm") / root), s_h) + w + rounding;
    pull = known(std::min(known(at("z_norm")), known((at("lambda") + e) * s + ell * s_h)) + w_off +
                 at("z_rounding") + e / root * v);
    s_norm = known(s + rounding / root + length(w, known(w_off + ell * w + e / root * w)));
  }
  /// The others.
  void measured() {
    factors();
    const Number root = std::sqrt(mu()), e = at("hessian_rounding");
    const Number sums = at("solve_residual") + at("r_sum_rounding");
    const Number off = sums + at("r_score_rounding");
    const Number scores = std::sqrt(b) * at("r_score_rounding_dual");
    Number w = kappa > 0 ? b * kappa * at("v_h_norm") : 0;
    Number w_off = kappa > 0 ? known(ell * kappa * at("v_h_norm")) : 0;
    const bool carried = has("way_h_norm");
    if (carried) {
      const Number way = at("way_h_norm"), start = at("start_rho"), change = at("way_rho");
      way_factor = known(error_of(start, change));
      if (way_factor > std::numeric_limits<double>::max()) way_factor = kInfinite;
      w = known(way_factor * way);
      w_off = known(((exponential(start) * (1 + remainder(change, 2)) + 1) * ell + e / root) * way);
    }
    rounding = std::min(known(off / root), known(sums / root + scores));
    residual = at("computed_s_h_norm") + rounding + w;
    s_norm = known(at("computed_s_norm") +
                   std::min(known(off / mu()), known(sums / mu() + scores / root)) +
                   length(w, known(w_off + ell * w + e / root * w)));
    pull = known((at("lambda") + e) * s_norm + ell * residual);
    rho_s = std::min(known(at("computed_rho_s") + at("c") * (rounding + w) * (1 + 1e-12L)),
                     known(at("c") * residual));
    if (!(at("v_h_norm") != 0) && !carried) {
      statement_4 = known(
          outward((at("r_norm") + at("r_sum_rounding") + at("r_score_rounding")) / at("lambda") +
                  at("dropped")));
    }
  }
  /// The ball around what the second look found, if t_second is large enough for it.
  void look_again() {
    const Number root = std::sqrt(mu()), e_rho = exponential(at("rho"));
    if (!has("second_s_norm") || !(e_rho < kInfinite)) return;
    const Number looked = at("second_residual") + at("product_rounding");
    second_residual = known(looked / root + rounding + error_of(0) * at("change_h_norm"));
    if (!has("t_second")) return;
    const Number t = at("t_second"), s_h = at("second_s_h_norm");
    const Number change = at("second_rho_s") + at("c") * t, k = remainder(change, 2);
    const Number held = a / e_rho * std::exp(-change) * (1 + k);
    if (!(second_residual + k * b * e_rho * s_h <= held * t)) return;
    const Number p = looked + at("r_sum_rounding") +
                     std::min(at("r_score_rounding"), known(ell * at("r_score_rounding_dual"))) +
                     ((e_rho + 1) * ell + at("hessian_rounding") / root) * at("change_h_norm") +
                     e_rho * ell * s_h + growth(change) * ell * (s_h + t);
    by_second_look = known(outward(at("second_s_norm") + length(t, known(p)) + at("dropped")));
  }
  void finish() {
    if (!(a > 0) || !(b < kInfinite)) return;
    const Number q = exponential(at("rho")) * residual / a;
    x = at("c") * q * (1 + 1e-14L);
    if (x < 1) eta = x < 1e-13L ? q * (1 + x) : q * (-std::log1p(-x) / x);
    if (eta < kInfinite) {
      const Number change = at("c") * eta;
      zeta = growth(change);
      factor = known(error_of(change));
      statement_2 = known(outward(length(eta, known(pull + zeta * ell * eta)) + at("dropped")));
      by_eta = corrected(factor * eta, eta, zeta);
    }
    look_again();
    if (!has("t")) return;
    ball_factor = error_of(rho_s + at("c") * at("t"));
    zeta_ball = growth(rho_s + at("c") * at("t"));
    if (ball_holds()) by_ball = corrected(at("t"), residual + at("t"), zeta_ball);
  }
};

}  // namespace recant::test
