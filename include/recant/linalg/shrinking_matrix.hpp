// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "recant/linalg/cholesky.hpp"
#include "recant/linalg/types.hpp"

namespace recant {

/// A symmetric positive definite matrix that columns are taken from, one deletion after another,
///
///   H = A - U U^T,      A = L L^T kept with its factor, U the columns since the last factor.
///
/// Few columns cost reading L once: products and solves go through A and U, with the k x k matrix
/// K = I - V^T V, V = L^{-1} U (Woodbury). Once there are more than about p/16, A takes them in and
/// is factored again, by BLAS level 3, which shared out among them is less than a downdate of the
/// factor would be. An InterruptCheck that ends what changes H leaves it undefined.
/// docs/decisions/0008-no-downdates-for-deletions.md.
class ShrinkingMatrix {
 public:
  ShrinkingMatrix() = default;
  /// Of `a` (p x p, its lower triangle is read), and of its factor where there is one.
  explicit ShrinkingMatrix(Matrix a, std::optional<Cholesky> factor = std::nullopt);

  /// H loses U U^T, k columns. Cost: k p^2 multiply-adds; many columns: the half.
  void remove(const Matrix& u);
  /// The same for whoever has L^{-1} U already, L the factor that this was made with: `half`. It
  /// saves the half of a solve a column while that is still the factor.
  void remove(const Matrix& u, const Matrix& half);
  /// H gains U U^T. Cost: k p^2/2.
  void add(const Matrix& u);
  /// Takes all columns into A, so that U is empty; what is computed afterwards differs by rounding.
  void settle();
  /// Makes the factor, p^3/6, where A has changed. False: A is not positive definite to working
  /// precision, and solve() must not be asked.
  [[nodiscard]] bool factored();

  /// H v: off by at most gamma_{2p+32} (|A|_F + |U|_F^2) |v|. Cost: p^2 + 2kp multiply-adds.
  [[nodiscard]] Vector times(ConstVectorRef v) const;
  /// H^{-1} b, to working precision at best: measure what it leaves. Ask factored() before.
  /// Cost: 2p^2 + 2kp.
  [[nodiscard]] Vector solve(ConstVectorRef b) const;

  [[nodiscard]] const Matrix& matrix() const noexcept { return a_; }  ///< A; lower triangle
  [[nodiscard]] Index size() const noexcept { return a_.rows(); }

 private:
  Matrix a_;
  std::optional<Cholesky> factor_;
  Matrix u_, v_, k_;  // p x room; k_ = K, room x room
  Index columns_ = 0;
  bool first_factor_ = false;  // factor_ is the one it was made with

  void keep(const Matrix& u, const Matrix& half);
  [[nodiscard]] bool has_room(const Matrix& u) const noexcept {
    return factor_.has_value() && columns_ + u.cols() <= room();
  }
  [[nodiscard]] Index room() const noexcept { return 8 + size() / 16; }
  void change(const Matrix& u, double sign);
};

}  // namespace recant
