// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "recant/data/dataset.hpp"
#include "recant/model/linear_model.hpp"
#include "recant/model/objective.hpp"

/// Made-up data: uncentred, unevenly scaled, unbalanced, in no order. The same for every run and
/// standard library (the distributions of <random> are not).
namespace recant::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// In [0, 1).
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * 3.14159265358979323846 * uniform());
  }
  Index below(Index count) { return static_cast<Index>(uniform() * static_cast<double>(count)); }
  Vector normals(Index count) {
    Vector v(count);
    for (Index i = 0; i < count; ++i) v(i) = normal();
    return v;
  }
  Matrix normal_matrix(Index rows, Index columns) {
    Matrix m(rows, columns);
    for (Index j = 0; j < columns; ++j) m.col(j) = normals(rows);
    return m;
  }
  /// Weights in [0, 2], one in five of them 0.
  Vector weights(Index count) {
    Vector w(count);
    for (Index i = 0; i < count; ++i) w(i) = uniform() < 0.2 ? 0 : between(0, 2);
    return w;
  }
  std::vector<Index> permutation(Index count) {
    std::vector<Index> order(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
    for (Index i = count; i > 1; --i) {
      std::swap(order[static_cast<std::size_t>(i - 1)], order[static_cast<std::size_t>(below(i))]);
    }
    return order;
  }

 private:
  std::mt19937_64 engine_;
};

inline Loss loss_of(LossKind kind, Index classes = 3) {
  return Loss(kind, classes);
}

/// Rows whose target follows a made-up linear model. One sensitive column for each entry of
/// `groups`, with that many groups (named "a", "b", ...), of uneven size and different features.
inline Dataset made_up_rows(Random& random, Index n, Index d, Loss loss,
                            const std::vector<Index>& groups = {}) {
  Dataset data;
  Vector center(d), scale(d);
  for (Index j = 0; j < d; ++j) {
    center(j) = random.between(-0.5, 0.8);
    scale(j) = random.between(0.4, 1.8);
  }
  for (std::size_t c = 0; c < groups.size(); ++c) {
    SensitiveColumn column{groups.size() == 1 ? "group" : "column" + std::to_string(c), {}, {}};
    for (Index g = 0; g < groups[c]; ++g)
      column.groups.emplace_back(1, static_cast<char>('a' + static_cast<int>(g)));
    for (Index i = 0; i < n; ++i) {
      // The square makes early groups larger.
      const double u = random.uniform();
      column.codes.push_back(
          static_cast<std::int32_t>(u * std::sqrt(u) * static_cast<double>(groups[c])));
    }
    data.sensitive.push_back(std::move(column));
  }
  RowMatrix x(n, d);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j) {
      x(i, j) = center(j) + scale(j) * random.normal();
      for (const SensitiveColumn& column : data.sensitive) {
        x(i, j) += 0.4 * std::cos(static_cast<double>(j)) *
                   static_cast<double>(column.codes[static_cast<std::size_t>(i)]);
      }
    }
  }
  const Index outputs = loss.outputs();
  const Matrix truth = random.normal_matrix(d, outputs);
  data.targets.resize(n);
  for (Index i = 0; i < n; ++i) {
    const Vector t =
        truth.transpose() * x.row(i).transpose() / std::sqrt(1.0 + static_cast<double>(d));
    switch (loss.kind()) {
      case LossKind::kLogistic:
        data.targets(i) = random.uniform() < 1 / (1 + std::exp(-2 * t(0) - 0.3)) ? 1 : 0;
        break;
      case LossKind::kSquared:
        data.targets(i) = t(0) + 0.5 * random.normal();
        break;
      case LossKind::kSoftmax: {
        Index best = 0;
        Vector noisy = 2 * t;
        for (Index k = 0; k < outputs; ++k)
          noisy(k) -= std::log(-std::log(random.between(1e-9, 1)));
        noisy.maxCoeff(&best);
        data.targets(i) = static_cast<double>(best);
        break;
      }
    }
  }
  data.features = FeatureMatrix(std::move(x));
  data.weights = Vector::Ones(n);
  if (loss.kind() == LossKind::kLogistic) data.class_names = {"no", "yes"};
  if (loss.kind() == LossKind::kSoftmax) {
    for (Index k = 0; k < outputs; ++k) data.class_names.push_back("class" + std::to_string(k));
  }
  for (Index i = 0; i < n; ++i) data.ids.numbers.push_back(i + 1);
  return data;
}

/// The rows at these positions, in this order; a position may occur several times.
inline Dataset pick_rows(const Dataset& data, const std::vector<Index>& rows) {
  Dataset picked;
  const auto n = static_cast<Index>(rows.size());
  RowMatrix x(n, data.features.columns());
  picked.columns = data.columns;
  picked.class_names = data.class_names;
  picked.targets.resize(n);
  picked.weights.resize(n);
  picked.sensitive = data.sensitive;
  for (SensitiveColumn& column : picked.sensitive) column.codes.clear();
  for (Index i = 0; i < n; ++i) {
    const Index from = rows[static_cast<std::size_t>(i)];
    x.row(i) = data.features.row(from);
    picked.targets(i) = data.targets(from);
    picked.weights(i) = data.weights(from);
    for (std::size_t c = 0; c < data.sensitive.size(); ++c) {
      picked.sensitive[c].codes.push_back(data.sensitive[c].codes[static_cast<std::size_t>(from)]);
    }
    picked.ids.numbers.push_back(i + 1);
  }
  picked.features = FeatureMatrix(std::move(x));
  return picked;
}

inline Vector pick(const Vector& values, const std::vector<Index>& rows) {
  Vector picked(static_cast<Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) picked(static_cast<Index>(i)) = values(rows[i]);
  return picked;
}

inline LinearModel model_of(const Objective& objective, Vector theta) {
  return {objective.loss(), objective.intercept(), objective.features().columns(),
          std::move(theta)};
}

}  // namespace recant::test
