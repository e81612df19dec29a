// SPDX-License-Identifier: Apache-2.0
#include "qp_survey.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "recant/core/error.hpp"

namespace recant::qp {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// What the kernels find, over some blocks.
struct Found {
  simd::QpBoxSurvey box;
  std::vector<simd::QpRowSurvey> rows;
  std::vector<double> sums;  // of C C^T, among others that are 0
};

Found look(const Blocks& blocks, std::size_t q) {
  // Every unknown counts as free.
  const std::vector<double> zero(simd::kMostOfQpBlock, 0.0), far(zero.size(), kInfinity),
      far_down(zero.size(), -kInfinity);
  const Found nothing{.box = {},
                      .rows = std::vector<simd::QpRowSurvey>(q),
                      .sums = std::vector<double>(simd::qp_sum_count(q))};
  return reduce_rows(
      blocks.n(), groups(blocks.n()), nothing,
      [&](Found& into, RowBlock rows) {
        blocks.for_each(rows, [&](simd::QpBlock block, Index, Index) {
          simd::survey_qp_box(block, into.box);
          for (std::size_t k = 0; k < q; ++k) simd::survey_qp_row(block, k, into.rows[k]);
          block.lower = far_down.data();
          block.upper = far.data();
          simd::add_qp_sums_at(block, zero.data(), into.sums.data());
        });
      },
      [](Found& into, const Found& from) {
        into.box += from.box;
        for (std::size_t k = 0; k < into.rows.size(); ++k) into.rows[k] += from.rows[k];
        for (std::size_t i = 0; i < into.sums.size(); ++i) into.sums[i] += from.sums[i];
      });
}

/// |values|_2 from the sum of their squares, or anew where squares are too large or too small.
double norm(const double* values, Index n, double largest, double squares) {
  if (largest == 0) return 0;
  if (largest > 0x1p-480 && largest < 0x1p480) return std::sqrt(squares);
  const double inverse = 1 / largest;
  if (!std::isfinite(inverse)) return largest;  // denormal numbers only
  const double sum = reduce_rows(
      n, groups(n), 0.0,
      [&](double& total, RowBlock block) {
        for (Index i = block.begin; i < block.end; ++i) {
          total += values[i] * inverse * (values[i] * inverse);
        }
      },
      [](double& into, double from) { into += from; });
  return largest * std::sqrt(sum);
}

[[noreturn]] void refuse_numbers(std::string_view what, VectorView values) {
  Index bad = 0;
  while (std::isfinite(values[bad])) ++bad;
  throw UsageError(fmt::format("{} must be finite, but entry {} is {}", what, bad, values[bad]));
}

[[noreturn]] void refuse_box(const QpProblem& problem) {
  const auto inside = [&](Index i) {
    return problem.lower[i] < kInfinity && problem.upper[i] > -kInfinity &&
           problem.lower[i] <= problem.upper[i];
  };
  Index bad = 0;
  while (inside(bad)) ++bad;
  throw UsageError(fmt::format("lower must be <= upper, but entry {} has {} and {}", bad,
                               problem.lower[bad], problem.upper[bad]));
}

std::string name_of(std::size_t constraint) {
  return fmt::format("constraint {}", constraint);
}

void check_numbers(const QpProblem& problem, const Found& found) {
  if (found.box.nothing != 0) refuse_numbers("linear", problem.linear);  // as NaN is
  if (!found.box.box) refuse_box(problem);
  for (std::size_t k = 0; k < found.rows.size(); ++k) {
    if (found.rows[k].nothing != 0) {
      refuse_numbers(name_of(k), problem.constraints[k].coefficients);
    }
  }
  if (!std::isfinite(found.box.largest / (2 * problem.kappa))) {
    throw UsageError(fmt::format("kappa is {}, too small beside linear, which goes up to {}",
                                 problem.kappa, found.box.largest));
  }
}

}  // namespace

void check_form(const QpProblem& problem, const QpOptions& options) {
  validate(options);
  const Index n = problem.linear.size();
  check_positive("kappa", problem.kappa);
  check_size("lower", problem.lower.size(), n);
  check_size("upper", problem.upper.size(), n);
  for (std::size_t k = 0; k < problem.constraints.size(); ++k) {
    check_size(name_of(k), problem.constraints[k].coefficients.size(), n);
    check_finite(name_of(k) + " limit", problem.constraints[k].limit);
  }
}

Survey survey(const QpProblem& problem, const Blocks& blocks) {
  const std::size_t count = problem.constraints.size();
  const auto q = static_cast<Index>(count);
  const Found found = look(blocks, count);
  check_numbers(problem, found);
  Survey out{.largest_linear = found.box.largest,
             .linear_norm = norm(blocks.linear(), blocks.n(), found.box.largest, found.box.squares),
             .largest = Vector(q),
             .norms = Vector(q),
             .least = Vector(q),
             .greatest = Vector(q),
             .products = Matrix::Zero(q, q)};
  const double* product = found.sums.data() + count + 1;
  for (Index k = 0; k < q; ++k) {
    const simd::QpRowSurvey& row = found.rows[static_cast<std::size_t>(k)];
    for (Index l = 0; l <= k; ++l) out.products(k, l) = *product++;
    out.largest[k] = row.largest;
    out.norms[k] = norm(problem.constraints[static_cast<std::size_t>(k)].coefficients.data(),
                        blocks.n(), row.largest, out.products(k, k));
    out.least[k] = row.least;
    out.greatest[k] = row.greatest;
  }
  return out;
}

}  // namespace recant::qp
