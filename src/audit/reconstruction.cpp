// SPDX-License-Identifier: Apache-2.0
#include "recant/audit/reconstruction.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/linalg/row_kernels.hpp"

// docs/mathematics.md section 6.4.
namespace recant {
namespace {

/// The leading right singular vector of a p x C matrix by power iteration from its largest column.
Vector leading_outputs(const Matrix& gradient) {
  constexpr int kIterations = 100;
  Index largest = 0;
  gradient.colwise().squaredNorm().maxCoeff(&largest);
  Vector v = Vector::Unit(gradient.cols(), largest);
  if (gradient.cols() == 1) return v;
  const Matrix gram = gradient.transpose() * gradient;
  for (int i = 0; i < kIterations; ++i) v = (gram * v).normalized();
  return v;
}

Vector normals(SeededRandom& random, Index count) {
  Vector out(count);
  for (double& value : out) {
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    value = radius * std::cos(2 * std::numbers::pi * random.uniform());
  }
  return out;
}

double cosine(const Vector& a, ConstVectorRef b) {
  const double norms = a.norm() * b.norm();
  return norms > 0 ? std::abs(a.dot(b)) / norms : 0;
}

Vector mean_row(const Objective& reference, ConstVectorRef weights) {
  const Index d = reference.features().columns();
  constexpr Index kGroups = 16;
  return reduce_rows(
      reference.rows(), kGroups, Matrix(Matrix::Zero(d, 1)),
      [&](Matrix& sum, RowBlock block) {
        const Matrix factors = weights.segment(block.begin, block.size());
        add_weighted_rows(reference.features().block(block), false, factors, sum);
      },
      [](Matrix& into, const Matrix& from) { into += from; });
}

double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(std::lround(place))];
}

}  // namespace

Reconstruction reconstruct_row(const Objective& reference, ConstVectorRef reference_weights,
                               ConstVectorRef before, ConstVectorRef after) {
  check_size("theta before", before.size(), reference.parameters());
  check_size("theta after", after.size(), reference.parameters());
  const Vector difference = reference.evaluate(after, reference_weights).gradient -
                            reference.evaluate(before, reference_weights).gradient;
  const Index d = reference.features().columns(), p = reference.width();
  const Eigen::Map<const Matrix> gradient(difference.data(), p, reference.loss().outputs());
  Reconstruction out{.direction = Vector::Zero(d)};
  const double size = gradient.norm();
  if (!(size > 0)) return out;
  const Vector outputs = leading_outputs(gradient);
  const Vector row = gradient * outputs;
  out.rank_one_share = row.squaredNorm() / (size * size);
  if (row.head(d).norm() > 0) out.direction = row.head(d).normalized();
  if (!reference.intercept() || row[p - 1] == 0) return out;
  out.features = row.head(d) / row[p - 1];
  if (out.direction.dot(*out.features) < 0) out.direction = -out.direction;
  if (reference.loss().kind() == LossKind::kLogistic) {
    out.target = gradient(p - 1, 0) < 0 ? 1 : 0;
  } else if (reference.loss().kind() == LossKind::kSoftmax) {
    Index own = 0;
    gradient.row(p - 1).minCoeff(&own);
    out.target = static_cast<double>(own);
  }
  return out;
}

ReconstructionAudit audit_reconstruction(const Objective& reference,
                                         ConstVectorRef reference_weights, ConstVectorRef before,
                                         ConstVectorRef after, ConstVectorRef x, double y,
                                         const ReconstructionOptions& options,
                                         const ProgressCallback& progress) {
  validate(options);
  for (const double sigma : options.sigmas) check_non_negative("sigma", sigma);
  check_size("x", x.size(), reference.features().columns());
  if (!(x.norm() > 0)) throw UsageError("x must be finite and not 0: it has no direction");
  ReconstructionAudit out{.found = reconstruct_row(reference, reference_weights, before, after)};
  out.cosine = cosine(out.found.direction, x);
  if (out.found.features) out.relative_error = (*out.found.features - x).norm() / x.norm();
  if (out.found.target) out.target_right = *out.found.target == y;
  out.blind_cosine = cosine(mean_row(reference, reference_weights), x);
  for (std::size_t s = 0; s < options.sigmas.size(); ++s) {
    const double sigma = options.sigmas[s];
    if (progress) {
      progress(
          {"noisy releases", static_cast<double>(s), static_cast<double>(options.sigmas.size())});
    }
    std::vector<double> cosines(static_cast<std::size_t>(options.draws));
    parallel_for(options.draws, [&](Index t) {
      const auto stream = static_cast<std::uint64_t>(s) << 32 | static_cast<std::uint64_t>(t);
      SeededRandom random(options.seed, stream);
      const Vector first = before + sigma * normals(random, before.size());
      const Vector second = after + sigma * normals(random, after.size());
      cosines[static_cast<std::size_t>(t)] =
          cosine(reconstruct_row(reference, reference_weights, first, second).direction, x);
    });
    std::sort(cosines.begin(), cosines.end());
    out.noisy.push_back({.sigma = sigma,
                         .cosine_low = quantile(cosines, 0.05),
                         .cosine_median = quantile(cosines, 0.5),
                         .cosine_high = quantile(cosines, 0.95)});
  }
  return out;
}

}  // namespace recant
