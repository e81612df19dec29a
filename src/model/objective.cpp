// SPDX-License-Identifier: Apache-2.0
#include "recant/model/objective.hpp"

#include <cmath>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/linalg/rounding.hpp"
#include "recant/linalg/row_kernels.hpp"

namespace recant {
namespace {

/// Accumulators for sums of length p: cheap, so enough of them for any machine's threads.
constexpr Index kVectorGroups = 64;

/// Rows whose residual is added up by itself.
constexpr Index kPartRows = 128;
static_assert(kBlockRows % kPartRows == 0);

/// Accumulators for Hessians: one for about four blocks, since each is zeroed and merged, in
/// eights for an even share, and as many as 16 MB hold but at least 4. Depends on the sizes alone,
/// so that the result does not depend on the number of threads.
Index matrix_groups(Index rows, Index parameters) {
  const Index bytes = std::max<Index>(8 * parameters * parameters, 1);
  const Index useful = (block_count(rows) / 4 + 7) / 8 * 8;
  return std::max<Index>(std::min({Index{32}, (Index{16} << 20) / bytes, useful}), 4);
}

/// Rows of a piece: a block is walked in pieces of about 20 KB, which stay in the first-level cache
/// between the two products that read them, so that each pass reads memory once. Of wide rows at
/// least 16, since a piece has costs of its own.
Index piece_rows(Index columns) {
  return std::clamp<Index>(2560 / std::max<Index>(columns, 1) / 8 * 8, 16, 128);
}

template <class Task>
void for_each_piece(RowBlock block, Index rows, Task&& task) {
  for (Index begin = block.begin; begin < block.end; begin += rows) {
    task(RowBlock{begin, std::min(block.end, begin + rows)});
  }
}

/// weigh() of row_kernels.hpp for residuals of several columns too, their size being |phi'_i|.
WeightedSums weigh_rows(ConstVectorRef weights, ConstVectorRef norms, ConstVectorRef values,
                        Eigen::Ref<Matrix> residuals) {
  if (residuals.cols() == 1) return weigh(weights, norms, values, residuals.col(0));
  residuals.array().colwise() *= weights.array();
  return {
      values.size() == 0 ? 0 : weights.dot(values),
      (residuals.rowwise().norm().array() + vanished_norm(residuals.cols())).matrix().dot(norms)};
}

/// sums += what add_piece(piece, sums) adds for the pieces of a block. A part and a block have sums
/// of their own, and add_weighted_rows() sees to it that a piece has, so that few additions stand
/// behind one another: additions_in_block().
template <class AddPiece>
void add_in_parts(RowBlock block, Index most, Eigen::Ref<Matrix> sums, AddPiece&& add_piece) {
  Matrix block_sum = Matrix::Zero(sums.rows(), sums.cols());
  Matrix part_sum(sums.rows(), sums.cols());
  for_each_piece(block, kPartRows, [&](RowBlock part) {
    part_sum.setZero();
    for_each_piece(part, most, [&](RowBlock piece) { add_piece(piece, part_sum); });
    block_sum += part_sum;
  });
  sums += block_sum;
}

Index additions_in_block(Index rows, Index most) {
  return std::min(rows, most) + (kPartRows + most - 1) / most + kBlockRows / kPartRows;
}

/// The larger of two sizes, or NaN if either is: max() would lose it.
double larger(double a, double b) {
  return a >= b || std::isnan(a) ? a : b;
}

/// max |change|, of several changes the spread, over the rows of weight > 0; NaN if one of these is
/// not finite.
double largest_spread(ConstMatrixRef changes, ConstVectorRef weights) {
  if (changes.cols() == 1) return largest_size(changes.col(0), weights);
  return largest_size(changes.rowwise().maxCoeff() - changes.rowwise().minCoeff(), weights);
}

/// Additions behind one another when each of `groups` accumulators adds up its share of the blocks,
/// `parts` numbers a block, and the accumulators are merged.
Index merge_depth(Index rows, Index groups, Index parts) {
  const Index blocks = block_count(rows);
  groups = std::clamp<Index>(groups, 1, std::max<Index>(blocks, 1));
  Index depth = parts * ((blocks + groups - 1) / groups);
  for (Index stride = 1; stride < groups; stride *= 2) ++depth;
  return depth;
}

Eigen::Map<const Matrix> as_columns(ConstVectorRef theta, Index width, Index outputs) {
  return {theta.data(), width, outputs};
}

}  // namespace

Objective::Objective(const Dataset& data, Loss loss, bool intercept, double l2)
    : features_(data.features),
      targets_(data.targets),
      loss_(loss),
      intercept_(intercept),
      l2_(l2),
      row_norms_(data.rows()) {
  check_positive("l2", l2);
  check_size("targets", targets_.size(), features_.rows());
  if (rows() == 0) throw DataError("there is no row to train on");
  if (width() == 0) throw DataError("there is no feature and no intercept to train");
  for_each_block(rows(), [&](RowBlock block) {
    recant::row_norms(features_.block(block), intercept_,
                      row_norms_.segment(block.begin, block.size()));
  });
}

Objective Objective::with_linear_term(ConstVectorRef b) const {
  check_size("b", b.size(), parameters());
  for (const double entry : b) check_finite("an entry of b", entry);
  Objective out = *this;
  out.linear_ = b;
  return out;
}

void Objective::check_shapes(ConstVectorRef theta, ConstVectorRef weights) const {
  check_size("theta", theta.size(), parameters());
  check_size("row weights", weights.size(), rows());
}

Objective::Evaluation Objective::data_terms(ConstVectorRef theta, ConstVectorRef weights) const {
  check_shapes(theta, weights);
  const auto columns = as_columns(theta, width(), loss_.outputs());
  Evaluation zero;
  zero.gradient = Vector::Zero(parameters());
  return reduce_rows(
      rows(), kVectorGroups, zero,
      [&](Evaluation& sum, RowBlock block) {
        Eigen::Map<Matrix> gradient(sum.gradient.data(), width(), loss_.outputs());
        const Index most = piece_rows(width());
        Matrix score_buffer(most, loss_.outputs()), residual_buffer(most, loss_.outputs());
        Vector value_buffer(most);
        for_each_piece(block, most, [&](RowBlock piece) {
          const auto w = weights.segment(piece.begin, piece.size());
          auto scores = score_buffer.topRows(piece.size());
          auto residuals = residual_buffer.topRows(piece.size());
          auto values = value_buffer.head(piece.size());
          const FeatureRows x = features_.block(piece);
          expect(w);
          expect(row_norms_.segment(piece.begin, piece.size()));
          expect(targets_.segment(piece.begin, piece.size()));
          row_scores(x, intercept_, columns, scores, AfterScores::kAddSameRows);
          loss_.evaluate(scores, targets_.segment(piece.begin, piece.size()), values, residuals);
          const auto [loss, gross] =
              weigh_rows(w, row_norms_.segment(piece.begin, piece.size()), values, residuals);
          sum.data_loss += loss;
          sum.gross += gross;
          add_weighted_rows(x, intercept_, residuals, gradient);
        });
      },
      [](Evaluation& into, const Evaluation& from) {
        into.data_loss += from.data_loss;
        into.gross += from.gross;
        into.gradient += from.gradient;
      });
}

Objective::Evaluation Objective::evaluate(ConstVectorRef theta, ConstVectorRef weights) const {
  Evaluation total = data_terms(theta, weights);
  total.gradient += l2_ * theta;
  total.value = total.data_loss + l2_ / 2 * theta.squaredNorm();
  if (linear_.size() > 0) {
    total.gradient += linear_;
    total.value += linear_.dot(theta);
  }
  return total;
}

Objective::Residual Objective::residual(ConstVectorRef theta, ConstVectorRef weights,
                                        ConstVectorRef along) const {
  check_shapes(theta, weights);
  check_size("along", along.size(), parameters());
  const Index outputs = loss_.outputs(), most = piece_rows(width());
  Matrix columns(width(), 2 * outputs);  // one product with the rows gives scores and changes
  columns.leftCols(outputs) = as_columns(theta, width(), outputs);
  columns.rightCols(outputs) = as_columns(along, width(), outputs);
  Residual zero;
  zero.gradient = Vector::Zero(parameters());
  Residual total = reduce_rows(
      rows(), kVectorGroups, zero,
      [&](Residual& sum, RowBlock block) {
        Eigen::Map<Matrix> gradient(sum.gradient.data(), width(), outputs);
        Matrix buffer(most, 2 * outputs), residual_buffer(most, outputs);
        add_in_parts(block, most, gradient, [&](RowBlock piece, Matrix& part_sum) {
          const auto w = weights.segment(piece.begin, piece.size());
          auto products = buffer.topRows(piece.size());
          auto residuals = residual_buffer.topRows(piece.size());
          const FeatureRows x = features_.block(piece);
          expect(w);
          expect(row_norms_.segment(piece.begin, piece.size()));
          expect(targets_.segment(piece.begin, piece.size()));
          row_scores(x, intercept_, columns, products, AfterScores::kAddSameRows);
          loss_.residuals(products.leftCols(outputs), targets_.segment(piece.begin, piece.size()),
                          residuals);
          sum.gross +=
              weigh_rows(w, row_norms_.segment(piece.begin, piece.size()), Vector(), residuals)
                  .sizes;
          add_weighted_rows(x, intercept_, residuals, part_sum);
          sum.spread = larger(sum.spread, largest_spread(products.rightCols(outputs), w));
        });
      },
      [](Residual& into, const Residual& from) {
        into.gradient += from.gradient;
        into.gross += from.gross;
        into.spread = larger(into.spread, from.spread);
      });
  total.gradient += l2_ * theta;
  if (linear_.size() > 0) total.gradient += linear_;
  total.depth = sum_depth();
  return total;
}

Index Objective::sum_depth() const noexcept {
  return additions_in_block(rows(), piece_rows(width())) + merge_depth(rows(), kVectorGroups, 1);
}

Index Objective::hessian_depth() const noexcept {
  return std::min(rows(), GramScratch::kRows) +
         merge_depth(rows(), matrix_groups(rows(), parameters()),
                     2 * kBlockRows / GramScratch::kRows);  // 2: weights of either sign
}

Vector Objective::curvature_tilts(ConstVectorRef theta) const {
  check_size("theta", theta.size(), parameters());
  Vector tilts(rows());
  for_each_block(rows(), [&](RowBlock block) {
    Matrix scores(block.size(), 1);
    row_scores(features_.block(block), intercept_, as_columns(theta, width(), 1), scores);
    loss_.curvature_tilts(scores, tilts.segment(block.begin, block.size()));
  });
  return tilts;
}

Vector Objective::weighted_gradients(ConstVectorRef theta, ConstVectorRef c) const {
  return data_terms(theta, c).gradient;
}

void Objective::add_expansion(ConstVectorRef theta, ConstVectorRef weights,
                              Expansion& total) const {
  const auto columns = as_columns(theta, width(), loss_.outputs());
  const Index p = width(), outputs = loss_.outputs();
  const bool gradient = total.gradient.size() > 0;

  // Adds the rows whose weight has the given sign, block (k, l) of the lower triangle by block.
  const auto add_rows = [&](Expansion& sum, RowBlock rows_of_gram, double sign,
                            GramScratch& scratch) {
    const Index most = piece_rows(p);
    Matrix score_buffer(most, outputs);
    std::vector<double> curvatures(static_cast<std::size_t>(most));
    const auto add_gradient = [&](RowBlock piece, RowsView x, ConstMatrixRef scores) {
      Matrix residuals(piece.size(), 1);
      loss_.residuals(scores, targets_.segment(piece.begin, piece.size()), residuals);
      residuals.array() *= weights.segment(piece.begin, piece.size()).array();
      Eigen::Map<Matrix> sums(sum.gradient.data(), p, 1);
      add_weighted_rows(x, intercept_, residuals, sums);
    };
    const RowBlock next{rows_of_gram.end, std::min(rows(), rows_of_gram.end + GramScratch::kRows)};
    for (Index k = 0; k < outputs; ++k) {
      for (Index l = 0; l <= k; ++l) {
        check_interrupt();  // of thousands of columns these few rows take long
        scratch.begin(p);
        for_each_piece(rows_of_gram, most, [&](RowBlock piece) {
          auto scores = score_buffer.topRows(piece.size());
          const auto curvature =
              std::span(curvatures).first(static_cast<std::size_t>(piece.size()));
          const FeatureRows x = features_.block(piece);
          row_scores(x, intercept_, columns, scores);
          if (gradient && sign > 0) add_gradient(piece, x, scores);
          loss_.curvatures(scores, k, l, curvature);
          for (std::size_t i = 0; i < curvature.size(); ++i) {
            curvature[i] *= std::max(sign * weights(piece.begin + static_cast<Index>(i)), 0.0);
          }
          scratch.append(x, intercept_, curvature);
        });
        const bool last = k == outputs - 1 && l == k && features_.whole();
        scratch.add_gram(sign * loss_.curvature_sign(k, l), sum.hessian.block(k * p, l * p, p, p),
                         features_.block(last ? next : RowBlock{next.begin, next.begin}));
      }
    }
  };
  const Expansion zero{Matrix::Zero(parameters(), parameters()),
                       Vector::Zero(total.gradient.size())};
  total = reduce_rows(
      rows(), matrix_groups(rows(), parameters()), zero,
      [&](Expansion& sum, RowBlock block) {
        thread_local GramScratch scratch;
        for_each_piece(block, GramScratch::kRows, [&](RowBlock part) {
          add_rows(sum, part, 1, scratch);
          const bool negative = weights.segment(part.begin, part.size()).minCoeff() < 0;
          if (negative) add_rows(sum, part, -1, scratch);
        });
      },
      [](Expansion& into, const Expansion& from) {
        into.hessian += from.hessian;
        into.gradient += from.gradient;
      });

  // Each p x p block has its lower triangle: fill it, then mirror the blocks.
  Matrix& h = total.hessian;
  for (Index k = 0; k < outputs; ++k) {
    for (Index l = 0; l <= k; ++l) {
      auto block = h.block(k * p, l * p, p, p);
      block.triangularView<Eigen::StrictlyUpper>() = block.transpose();
      if (l < k) h.block(l * p, k * p, p, p) = block.transpose();
    }
  }
  h.diagonal().array() += l2_;
}

Matrix Objective::hessian(ConstVectorRef theta, ConstVectorRef weights) const {
  check_shapes(theta, weights);
  Expansion total;
  add_expansion(theta, weights, total);
  return std::move(total.hessian);
}

Objective::Expansion Objective::expand(ConstVectorRef theta, ConstVectorRef weights) const {
  check_shapes(theta, weights);
  Expansion total;
  if (loss_.outputs() == 1) {
    total.gradient = Vector::Zero(parameters());
    add_expansion(theta, weights, total);
    total.gradient += l2_ * theta;
    if (linear_.size() > 0) total.gradient += linear_;
  } else {
    add_expansion(theta, weights, total);
    total.gradient = evaluate(theta, weights).gradient;
  }
  return total;
}

Vector Objective::hessian_times(ConstVectorRef theta, ConstVectorRef weights,
                                ConstVectorRef v) const {
  check_shapes(theta, weights);
  check_size("v", v.size(), parameters());
  const Index outputs = loss_.outputs(), most = piece_rows(width());
  Matrix columns(width(), 2 * outputs);  // one product with the rows gives scores and directions
  columns.leftCols(outputs) = as_columns(theta, width(), outputs);
  columns.rightCols(outputs) = as_columns(v, width(), outputs);
  const Vector zero = Vector::Zero(parameters());
  Vector product = reduce_rows(
      rows(), kVectorGroups, zero,
      [&](Vector& sum, RowBlock block) {
        Eigen::Map<Matrix> out(sum.data(), width(), outputs);
        Matrix buffer(most, 2 * outputs);
        add_in_parts(block, most, out, [&](RowBlock piece, Matrix& part_sum) {
          auto products = buffer.topRows(piece.size());
          const FeatureRows x = features_.block(piece);
          const auto w = weights.segment(piece.begin, piece.size());
          expect(w);
          row_scores(x, intercept_, columns, products, AfterScores::kAddSameRows);
          auto along = products.rightCols(outputs);
          loss_.curvature_products(products.leftCols(outputs), along, along);
          along.array().colwise() *= w.array();
          add_weighted_rows(x, intercept_, along, part_sum);
        });
      },
      [](Vector& into, const Vector& from) { into += from; });
  return product + l2_ * v;
}

Matrix Objective::row_gradient_products(ConstVectorRef theta, ConstMatrixRef directions) const {
  check_size("theta", theta.size(), parameters());
  check_size("rows of the directions", directions.rows(), parameters());
  const Index outputs = loss_.outputs(), q = directions.cols();
  // One p x (1+q)C matrix, so that each piece of rows is multiplied while it is in cache.
  Matrix columns(width(), (1 + q) * outputs);
  columns.leftCols(outputs) = as_columns(theta, width(), outputs);
  for (Index m = 0; m < q; ++m) {
    const Vector s = directions.col(m);
    columns.middleCols((1 + m) * outputs, outputs) = as_columns(s, width(), outputs);
  }
  Matrix products(rows(), q);
  const Index most = piece_rows(width());
  for_each_block(rows(), [&](RowBlock block) {
    Matrix along_buffer(most, columns.cols()), residual_buffer(most, outputs);
    for_each_piece(block, most, [&](RowBlock piece) {
      auto along = along_buffer.topRows(piece.size());
      auto residuals = residual_buffer.topRows(piece.size());
      row_scores(features_.block(piece), intercept_, columns, along);
      loss_.residuals(along.leftCols(outputs), targets_.segment(piece.begin, piece.size()),
                      residuals);
      for (Index m = 0; m < q; ++m) {
        auto product = products.col(m).segment(piece.begin, piece.size());
        product = residuals.col(0).cwiseProduct(along.col((1 + m) * outputs));
        for (Index c = 1; c < outputs; ++c) {
          product += residuals.col(c).cwiseProduct(along.col((1 + m) * outputs + c));
        }
      }
    });
  });
  return products;
}

}  // namespace recant
