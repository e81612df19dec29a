// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "attack_kernels.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "recant/metrics/metric.hpp"
#include "terms.hpp"

namespace recant {
namespace {

/// Accumulators of a pass over the validation rows, and the rows whose slopes are worked out at
/// once: few enough that their features stay in the cache while several metrics read them.
constexpr Index kGradientGroups = 64, kGradientPiece = 24;

/// What the gradient of one metric needs of every row: dm/dt_i = factor of the side times dh/dt.
struct Slopes {
  MetricKind kind;
  simd::Sides sides = {};             // of a gap
  double in_group = 1, outside = -1;  // dm/dh of a row on either side
  bool own_attack = true;             // the attacked model is the model itself

  [[nodiscard]] bool is_gap() const { return sides.codes != nullptr; }
  /// The attack follows theta.
  [[nodiscard]] bool follows() const { return kind == MetricKind::kRobustLoss; }
};

/// What a pass reads besides the rows.
struct Pass {
  const Dataset& data;
  const LinearModel& model;
  Index positive_column;  // of the scores: whose probability p is
  std::vector<Slopes> slopes = {};
  /// Attacks on the model itself, and on another.
  std::optional<Attack> own_attack = {}, other_attack = {};
  Matrix columns = {};  // coefficients of the model, and of the other attacked one
  bool intercept = false;
};

/// One matrix of coefficients, so that a product with the rows gives all scores.
void set_columns(Pass& pass, const LinearModel* other) {
  pass.intercept = pass.model.intercept || (other != nullptr && other->intercept);
  const Index outputs = pass.model.loss.outputs();
  pass.columns = Matrix::Zero(pass.model.features + (pass.intercept ? 1 : 0),
                              outputs + (other != nullptr ? 1 : 0));
  pass.columns.block(0, 0, pass.model.width(), outputs) = pass.model.coefficients();
  if (other != nullptr) pass.columns.col(outputs).head(other->width()) = other->theta;
}

Pass prepare(const std::vector<Metric>& metrics, const Dataset& data, const LinearModel& model,
             const MetricSettings& settings, const LinearModel* attacked) {
  const bool softmax = model.loss.kind() == LossKind::kSoftmax;
  Pass pass{.data = data, .model = model, .positive_column = softmax ? settings.positive_class : 0};
  for (const Metric& metric : metrics) {
    if (metric.hard) throw UsageError("hard labels have no gradient", metric.name);
    Slopes slopes{.kind = metric.kind};
    if (metric.is_gap()) {
      slopes.sides = gap_sides(metric, data, model, settings);
    } else if (metric.kind != MetricKind::kUtility) {
      slopes.own_attack = attacked == nullptr || slopes.follows();
      auto& attack = slopes.own_attack ? pass.own_attack : pass.other_attack;
      if (!attack) attack = Attack(slopes.own_attack ? model : *attacked, settings);
    }
    pass.slopes.push_back(slopes);
  }
  set_columns(pass, pass.other_attack ? attacked : nullptr);
  return pass;
}

/// The factors of every gap's sides, 1 / count and -1 / count.
void divide_by_counts(Pass& pass) {
  constexpr Index kBlocksOfATask = 128;  // below that a thread costs more than it saves
  for (Slopes& slopes : pass.slopes) {
    if (!slopes.is_gap()) continue;
    const auto counts = reduce_rows(
        pass.data.rows(), block_count(pass.data.rows()) / kBlocksOfATask, simd::SideSums{},
        [&](simd::SideSums& sum, RowBlock block) {
          simd::add_side_sums(slopes.sides, static_cast<std::size_t>(block.begin),
                              static_cast<std::size_t>(block.size()), nullptr, sum);
        },
        [](simd::SideSums& into, const simd::SideSums& from) { into += from; });
    slopes.in_group = 1 / counts.rows_here;
    slopes.outside = -1 / counts.rows_there;
  }
}

/// Scores moved by an attack, where somebody asks for them.
struct Moved {
  double reach = 0;  // of the attack on the model
  Vector scores, shift;
  Matrix residuals;
};

/// What the metrics share of a piece of rows: the exponentials of a score are worked out once,
/// however many metrics there are, and those of moved scores once for each attack.
class PieceTerms {
 public:
  explicit PieceTerms(const Pass& pass)
      : pass_(pass),
        outputs_(pass.model.loss.outputs()),
        scores_(kGradientPiece, pass.columns.cols()),
        residuals_(kGradientPiece, outputs_),
        slopes_(kGradientPiece, outputs_) {
    for (const auto& [attack, moved] :
         {std::pair(&pass.own_attack, &own_), std::pair(&pass.other_attack, &other_)}) {
      if (!*attack) continue;
      moved->reach = (*attack)->reach(pass.model);
      moved->scores.resize(kGradientPiece);
      moved->shift.resize(kGradientPiece);
      moved->residuals.resize(kGradientPiece, 1);
    }
  }

  void read(RowBlock piece) {
    piece_ = piece;
    auto scores = scores_.topRows(piece.size());
    expect(targets());
    row_scores(pass_.data.features.block(piece), pass_.intercept, pass_.columns, scores,
               AfterScores::kAddSameRows);
    pass_.model.loss.residuals_and_slopes(scores.leftCols(outputs_), targets(),
                                          pass_.positive_column, residuals_.topRows(piece.size()),
                                          slopes_.topRows(piece.size()));
    if (pass_.own_attack) move(*pass_.own_attack, scores.col(0), own_);
    if (pass_.other_attack) move(*pass_.other_attack, scores.col(outputs_), other_);
  }

  /// out = dm/dt of the rows, m x C; adds to `along` what the movement of an attack that is held
  /// fixed contributes, sum_i dm/dt_i shift_i.
  void row_weights(const Slopes& metric, double& along, Eigen::Ref<Matrix> out) {
    switch (metric.kind) {
      case MetricKind::kUtility:
        out = residuals_.topRows(piece_.size());
        break;
      case MetricKind::kDemographicParity:
      case MetricKind::kEqualOpportunity:
      case MetricKind::kEqualOpportunityNegative:
        between_sides(metric, 1, slopes_, out);
        break;
      case MetricKind::kEqualOpportunityLoss:
        between_sides(metric, -1, residuals_, out);
        break;
      case MetricKind::kTransferredRobustLoss:
      case MetricKind::kRobustLoss: {
        const Moved& moved = metric.own_attack ? own_ : other_;
        const auto shift = moved.shift.head(piece_.size());
        if (metric.follows()) {  // a moved row's score is (1 - kAttack) t
          simd::scale_moved(static_cast<std::size_t>(piece_.size()), moved.residuals.data(),
                            shift.data(), 1 - kAttack, out.col(0).data());
        } else {
          out = moved.residuals.topRows(piece_.size());
          along += out.col(0).dot(shift);
        }
        break;
      }
    }
  }

 private:
  [[nodiscard]] Eigen::Map<const Vector> targets() const {
    return {pass_.data.targets.data() + piece_.begin, piece_.size()};
  }

  void move(const Attack& attack, ConstVectorRef attacked_scores, Moved& moved) {
    auto shift = moved.shift.head(piece_.size());
    auto scores = moved.scores.head(piece_.size());
    attack.shifts(attacked_scores, targets(), shift);
    simd::moved_scores(static_cast<std::size_t>(piece_.size()), scores_.col(0).data(), shift.data(),
                       moved.reach, scores.data());
    pass_.model.loss.residuals(scores, targets(), moved.residuals.topRows(piece_.size()));
  }

  void between_sides(const Slopes& metric, double sign, const Matrix& of, Eigen::Ref<Matrix> out) {
    for (Index c = 0; c < out.cols(); ++c) {
      simd::side_products(metric.sides, static_cast<std::size_t>(piece_.begin),
                          static_cast<std::size_t>(piece_.size()), sign * metric.in_group,
                          sign * metric.outside, of.col(c).data(), out.col(c).data());
    }
  }

  const Pass& pass_;
  Index outputs_;
  RowBlock piece_;
  Matrix scores_, residuals_, slopes_;  // slopes_: dp/dt
  Moved own_, other_;
};

}  // namespace

Matrix metric_gradients(const std::vector<Metric>& metrics, const Dataset& data,
                        const LinearModel& model, const MetricSettings& settings,
                        const LinearModel* attack) {
  validate(settings);
  check_size("columns of the features", data.features.columns(), model.features);
  const Index outputs = model.loss.outputs(), q = static_cast<Index>(metrics.size());
  Pass pass = prepare(metrics, data, model, settings, attack);
  divide_by_counts(pass);
  struct Sums {
    Matrix rows;   // p x q C: sum_i dm/dt_i x_i
    Vector along;  // q: sum_i dm/dt_i shift_i, for an attack that is held fixed
  };
  const Sums sums = reduce_rows(
      data.rows(), kGradientGroups, Sums{Matrix::Zero(model.width(), q * outputs), Vector::Zero(q)},
      [&](Sums& sum, RowBlock block) {
        PieceTerms terms(pass);
        Matrix buffer(kGradientPiece, q * outputs);
        for (Index begin = block.begin; begin < block.end; begin += kGradientPiece) {
          const RowBlock piece{begin, std::min(block.end, begin + kGradientPiece)};
          terms.read(piece);
          auto weights = buffer.topRows(piece.size());
          for (Index m = 0; m < q; ++m) {
            terms.row_weights(pass.slopes[static_cast<std::size_t>(m)], sum.along(m),
                              weights.middleCols(m * outputs, outputs));
          }
          add_weighted_rows(data.features.block(piece), model.intercept, weights, sum.rows);
        }
      },
      [](Sums& into, const Sums& from) {
        into.rows += from.rows;
        into.along += from.along;
      });
  Matrix gradients(outputs * model.width(), q);
  for (Index m = 0; m < q; ++m) {
    const Matrix block = sums.rows.middleCols(m * outputs, outputs);
    gradients.col(m) = Eigen::Map<const Vector>(block.data(), block.size());
    const Slopes& slopes = pass.slopes[static_cast<std::size_t>(m)];
    if (slopes.kind == MetricKind::kTransferredRobustLoss) {
      const Attack& moved = *(slopes.own_attack ? pass.own_attack : pass.other_attack);
      gradients.col(m).head(model.features) += sums.along(m) * moved.w();
    }
  }
  return gradients;
}

}  // namespace recant
