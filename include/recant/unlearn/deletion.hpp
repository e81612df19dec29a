// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recant/linalg/shrinking_matrix.hpp"
#include "recant/model/contrast.hpp"
#include "recant/model/deviation.hpp"
#include "recant/model/objective.hpp"
#include "recant/unlearn/deletion_base.hpp"
#include "recant/unlearn/extreme_rows.hpp"
#include "recant/unlearn/kept_pass.hpp"
#include "recant/unlearn/lost_curvature.hpp"
#include "recant/unlearn/near_norm.hpp"

/// Deleting rows by one Newton step, and measuring where it led: docs/mathematics.md sections 5.3
/// and 5.4, docs/algorithms/certified_deletion.md. Source: [Guo2020] for the step, [Bach2010] for
/// what makes it measurable.
namespace recant {

struct NewDeletionBase;

struct DeletionOptions {
  /// Keeps T_D = sum_i w_i phi'''_i x_i x_i x_i, P(P+1)(P+2)/6 numbers, with each base, for
  /// expanded_residual(). Costs P Hessians a base.
  bool third_derivative = false;
};

enum class DeletionStatus {
  kDone,
  kRebuild,  ///< the rows carry half of the curvature or more: only a new base can tell
};

/// Which matrix distances are measured in.
enum class FrameKind {
  kDowndated,  ///< the Hessian of the rows that stay, at theta_0
  kBase,       ///< that of all rows: looser, never below the truth
};

/// A base and everything that has been deleted since. The step always starts at the base and
/// deletes all of it, so that bounds of several deletions do not add up.
///
///   theta = theta_0 - H_S(theta_0)^{-1} grad F_S(theta_0),     grad F_S = grad F_D - sum_U w_j g_j
///
/// Cost of k rows: 6 k P^2 multiply-adds and no pass over the data. Keeps a reference to the
/// objective. Copies share the base.
class DeletionState {
 public:
  /// Builds the base at theta_0 for row weights w >= 0. Two passes, a Hessian and a triangular
  /// solve with all rows: O(n P^2).
  /// @throws UsageError for weights that are negative or not finite, and for softmax with a third
  /// derivative (no bound of its fourth) or a linear term; DataError if the Hessian has no factor
  /// in double precision, or for l2 below 1e-100.
  DeletionState(const Objective& objective, ConstVectorRef theta, ConstVectorRef weights,
                const DeletionOptions& options = {});

  /// Row weights become w + delta. `rows` and `delta` go together.
  /// @return kRebuild when g (section 5.3) would be 1/2 or more: from then on the state knows the
  /// weights only, and rebuilt_at() is all it can do. A row left without weight is not read again.
  /// @throws UsageError, and changes nothing, for a row that is out of range, listed twice, without
  /// weight, or whose weight would be negative or not finite, or when no weight is left;
  /// DataError for weights grown too large beside l2. An InterruptCheck that ends it leaves the
  /// weights, and rebuilt_at() as all the state can do.
  [[nodiscard]] DeletionStatus reweight(std::span<const Index> rows, ConstVectorRef delta);
  /// reweight() with delta = -w.
  [[nodiscard]] DeletionStatus delete_rows(std::span<const Index> rows);

  [[nodiscard]] DeletionStatus status() const noexcept { return status_; }
  [[nodiscard]] bool keeps_third_derivative() const noexcept { return third_.size() > 0; }
  [[nodiscard]] const DeletionBase& base() const noexcept { return *base_; }
  [[nodiscard]] const Vector& weights() const noexcept { return weights_; }  ///< now
  /// g: H_S(theta_0) >= (1 - g) H in `base`. An upper bound.
  [[nodiscard]] double shrinkage() const noexcept { return shrinkage_; }

  /// theta after the Newton step. Cost: one solve.
  [[nodiscard]] Vector newton_point() const;
  /// sum_j c_j g_j(theta_0) over rows that still have weight, C*p: ask before they are deleted.
  [[nodiscard]] Vector row_gradients(std::span<const Index> rows, ConstVectorRef c) const;
  /// The step by value (section 4.5), moved by -H_S^{-1} p with p = sum_U w_j (1 - w'_j) g_j.
  [[nodiscard]] Vector newton_point(ConstVectorRef p) const;

  /// The Newton step, moved by -H_S^{-1} T_S[v, v] / 2: its distance is of third order in v instead
  /// of second. Cost: P^3/3 multiply-adds. @throws UsageError without a third derivative.
  [[nodiscard]] Vector third_order_point() const;

  /// What certify's statements 1 to 3 need to know. @throws UsageError after kRebuild.
  [[nodiscard]] CurvatureFrame frame(FrameKind kind = FrameKind::kDowndated) const;
  /// Tier 0: any theta, though only newton_point() makes the residual small. O(P^2), with one
  /// solve more where the residual is more than rounding.
  [[nodiscard]] StepMeasure measure_step(ConstVectorRef theta,
                                         FrameKind kind = FrameKind::kDowndated) const;
  /// Tier 1/2: the gradient at theta over the rows that stay, expanded at theta_0 to second order.
  /// No pass: P^3/3 multiply-adds. @throws UsageError without a third derivative.
  [[nodiscard]] ResidualMeasure expanded_residual(ConstVectorRef theta) const;
  /// Tier 1: the gradient at theta over the rows that stay. One pass; where `again` asks for
  /// it, shown what that found, a second one for a SecondLook.
  using LookAgain = std::function<bool(const ResidualMeasure& first)>;
  [[nodiscard]] ResidualMeasure measure_residual(ConstVectorRef theta,
                                                 const LookAgain& again = {}) const;
  /// The same, and keeps what it found: until the next one, measure_step() may find a smaller
  /// range, and there is a carried_residual(). Each row that leaves then costs O(p) more.
  [[nodiscard]] ResidualMeasure measure_and_keep(ConstVectorRef theta, const LookAgain& again = {});
  [[nodiscard]] bool keeps_pass() const noexcept { return kept_.has_value(); }
  /// Tier 0: the gradient at theta over the rows that stay, from the one that was kept; for
  /// frame(FrameKind::kDowndated). No pass: O(P^2). @throws UsageError if none was kept.
  [[nodiscard]] ResidualMeasure carried_residual(ConstVectorRef theta) const;

  /// Tier 2: a new base at theta, for the weights as they are now.
  [[nodiscard]] DeletionState rebuilt_at(ConstVectorRef theta) const;

  /// Factors what is left and forgets a pass that was kept. Later answers differ from those without
  /// it by rounding, by how near g is, and by what the pass told.
  void settle();
  /// Everything but the objective and the weights, to the last bit, as settle() leaves it: a state
  /// that was settled and stored goes on as one that was settled alone. Size: 16 P^2 bytes and
  /// those of the rows kept aside. Secret: the difference of base and present Hessian tells of the
  /// rows that left, until rebuilt.
  [[nodiscard]] std::string to_bytes() const;
  /// `weights_now`: weights() of the state. Rows without weight may have been zeroed since.
  /// @throws DamagedError for bytes that are not a whole state of this objective and these weights.
  [[nodiscard]] static DeletionState from_bytes(const Objective& objective,
                                                ConstVectorRef weights_now, std::string_view bytes);

 private:
  struct Gathered;  // some rows, and what they are at the base
  struct Rows;      // some rows whose weight changes, and what they add
  struct Gradient;  // as a pass finds it, with its solution

  const Objective* objective_;
  Contrast contrast_;
  std::shared_ptr<const DeletionBase> base_;
  ExtremeRows by_leverage_;  // |x_i|_{H^{-1}}; empty for softmax
  ExtremeRows by_norm_;      // |x_i|
  DeletionStatus status_ = DeletionStatus::kDone;
  Vector weights_;
  Index rows_left_;                 // of weight > 0
  std::uint64_t weights_mark_ = 0;  // a sum that tells these weights from others
  Vector gradient_;                 // grad F_S(theta_0), P
  ShrinkingMatrix hessian_;         // of the base, changed row by row
  bool from_base_ = true;           // it began as the base's
  static constexpr Index kNoFactor = -1;
  Vector half_gradient_;  // L^{-1} gradient_ of the L that hessian_ had after so many changes:
  Index half_gradient_of_ = kNoFactor;
  Vector third_;                                  // T_S, packed; empty where it is not kept
  Index changes_ = 0;                             // columns taken from hessian_ or added to it
  double changed_trace_ = 0, changed_gross_ = 0;  // sums of |delta| phi'' |x|^2, |delta| |phi'| |x|
  double added_trace_ = 0, added_norms_ = 0;      // of rows whose weight grew
  LostCurvature lost_;
  double shrinkage_ = 0;
  std::optional<KeptPass> kept_;
  NearNorm near_step_;  // in the base's Hessian, of steps near that of when A last changed

  DeletionState(const Objective& objective, ConstVectorRef weights, NewDeletionBase built);
  template <class Archive, class Base, class State>
  static void visit(Archive& archive, Base& base, State& state);

  void check_rows(std::span<const Index> rows) const;
  void check(std::span<const Index> rows, ConstVectorRef delta) const;
  void need_factor() const;
  [[nodiscard]] Gathered gather(std::span<const Index> rows, const Vector& theta) const;
  [[nodiscard]] Rows rows_of(std::span<const Index> rows, ConstVectorRef delta) const;
  [[nodiscard]] DeletionStatus reweight_checked(std::span<const Index> rows, ConstVectorRef asked);
  void apply(const Rows& rows);
  void remove(const Rows& rows);
  [[nodiscard]] bool factor_serves() const;
  [[nodiscard]] double kept_share() const;
  void find_factor();
  [[nodiscard]] bool at_base() const noexcept { return from_base_ && hessian_.changes() == 0; }
  /// Of what H is the difference of, in Frobenius' norm.
  [[nodiscard]] double scale() const noexcept { return base_->frobenius + changed_trace_; }
  void note_shrinkage(const Matrix& columns, bool solved, double squared, bool kept);
  [[nodiscard]] double largest_norm() const;
  [[nodiscard]] double downdate_rounding() const;
  [[nodiscard]] double share_left() const;
  void find_near_step();
  [[nodiscard]] double base_norm(const Vector& v) const;
  [[nodiscard]] double base_norm(const Vector& v, const Vector& a_v) const;
  template <class Norm>
  [[nodiscard]] double range(ConstVectorRef step, double low, const Norm& in_base) const;
  [[nodiscard]] double range(ConstVectorRef step) const;
  [[nodiscard]] double range_of(ConstVectorRef reduced) const;
  [[nodiscard]] double range_by_way(ConstVectorRef theta, double found) const;
  [[nodiscard]] double linear_rounding(ConstVectorRef step) const;
  [[nodiscard]] double third_rounding() const;
  [[nodiscard]] Gradient pass_at(ConstVectorRef theta) const;
  [[nodiscard]] SecondLook second_look(ConstVectorRef theta, const Gradient& found) const;
  [[nodiscard]] double product_rounding(ConstVectorRef theta, double curvature_sum) const;
  void need_third() const;
  void take_from_third(std::span<const Index> rows, ConstVectorRef delta);
  void take_from_kept(std::span<const Index> rows, ConstVectorRef delta);
};

}  // namespace recant
