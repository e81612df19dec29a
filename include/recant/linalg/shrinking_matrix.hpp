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
/// K = I - V^T V, V = L^{-1} U (Woodbury), whose factor grows with each column. Once there are more
/// than about p/8, A takes them in and is factored again, which shared out among them is less
/// than a downdate of the factor would be. An InterruptCheck that ends what changes H
/// leaves it undefined. docs/decisions/0008-no-downdates-for-deletions.md.
class ShrinkingMatrix {
 public:
  ShrinkingMatrix() = default;
  /// Of `a` (p x p, its lower triangle is read), and of its factor where there is one.
  explicit ShrinkingMatrix(Matrix a, std::optional<Cholesky> factor = std::nullopt);

  /// H loses U U^T, k columns. Cost: k p^2/2 multiply-adds.
  void remove(const Matrix& u);
  /// The same for whoever has half_solve(u) already, which saves all but 2kp.
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
  /// times() for whoever has A v. Cost: 2kp.
  [[nodiscard]] Vector less_kept(Vector a_v, ConstVectorRef v) const;
  /// H^{-1} b, to working precision at best: measure what it leaves. Ask factored() before.
  /// Cost: p^2 + 2kp.
  [[nodiscard]] Vector solve(ConstVectorRef b) const;

  /// L^{-1} B, L the factor of A. Ask factored() before. Cost: p^2/2 a column.
  [[nodiscard]] Matrix half_solve(ConstMatrixRef b) const;
  /// solve(b) for whoever has half_solve(b), of this L. Cost: p^2/2 + 2kp.
  [[nodiscard]] Vector other_half_solve(Vector half) const;
  /// At least lambda_max(V^T V), the share of A that the columns take which are kept aside, or of
  /// them those since start_share(). Off by at most gamma_p |V|_F^2. Costs nothing.
  [[nodiscard]] double kept_share() const noexcept { return share_; }
  void start_share() noexcept;
  /// Makes it as near as largest_eigenvalue_bound(). Cost: k^3/6.
  void look_at_kept_share();
  /// How often A has changed: half solves of another number are of another L.
  [[nodiscard]] Index changes() const noexcept { return changes_; }
  [[nodiscard]] Index kept() const noexcept { return columns_; }  ///< columns aside
  /// Whether so many columns can be kept aside, and whether they are now, so that A and L stay.
  [[nodiscard]] bool can_keep(Index columns) const noexcept {
    return factor_.has_value() && columns <= room();
  }
  [[nodiscard]] bool has_room(Index columns) const noexcept {
    return factor_.has_value() && columns_ + columns <= room();
  }

  /// A; its lower triangle.
  [[nodiscard]] const Matrix& matrix() const noexcept { return a_; }
  [[nodiscard]] Index size() const noexcept { return a_.rows(); }

 private:
  Matrix a_;
  std::optional<Cholesky> factor_;
  Matrix u_, v_;      // p x room
  Matrix k_;          // room x room: K = T D T^T, T below the diagonal, which holds D
  Matrix shared_;     // room x room: V^T V, its lower triangle
  double share_ = 0;  // above its eigenvalues
  Index columns_ = 0, share_from_ = 0, changes_ = 0;

  void keep(const Matrix& u, const Matrix& half);
  [[nodiscard]] Index room() const noexcept { return 16 + size() / 8; }
  void change(const Matrix& u, double sign);
};

}  // namespace recant
