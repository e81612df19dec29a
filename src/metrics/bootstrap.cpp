// SPDX-License-Identifier: Apache-2.0
#include "recant/metrics/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "terms.hpp"

namespace recant {
namespace {

/// What the metrics of the models are made of: vectors over the rows whose sums, each entry counted
/// as often as its row is drawn, say everything.
class Summands {
 public:
  Summands(const std::vector<Metric>& metrics, const Dataset& data,
           const std::vector<LinearModel>& models, const MetricSettings& settings,
           const LinearModel* attack)
      : rows_(data.rows()) {
    for (const LinearModel& model : models) {
      const Matrix t = scores(model, data.features);
      for (std::size_t m = 0; m < metrics.size(); ++m) {
        const Terms terms = metric_terms(metrics[m], data, model, t, settings, attack);
        const bool first = &model == &models.front();
        if (first) counts_.push_back(terms.side.empty() ? Pair{} : both_sides(terms.side, nullptr));
        sums_.push_back(terms.side.empty() ? Pair{.here = append(terms.h), .there = kNone}
                                           : both_sides(terms.side, &terms.h));
      }
    }
  }

  [[nodiscard]] Index rows() const noexcept { return rows_; }

  /// Every metric of the first model, then of the next .. on a resample; NaN without a side.
  [[nodiscard]] std::vector<double> metrics_of(const Vector& times) const {
    const Index count = static_cast<Index>(numbers_.size()) / rows_;
    Matrix totals(count, 1);
    row_scores(RowsView(numbers_.data(), count, rows_), false, times, totals);
    std::vector<double> out;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      const Pair& sum = sums_[i];
      const Pair& rows = counts_[i % counts_.size()];
      const auto total = [&](Index vector) { return totals(vector, 0); };
      if (sum.there == kNone) {
        out.push_back(total(sum.here));
      } else if (total(rows.here) == 0 || total(rows.there) == 0) {
        out.push_back(std::numeric_limits<double>::quiet_NaN());
      } else {
        out.push_back(total(sum.here) / total(rows.here) - total(sum.there) / total(rows.there));
      }
    }
    return out;
  }

 private:
  static constexpr Index kNone = -1;
  /// Numbers of two of the vectors; of a sum over all rows `here` alone.
  struct Pair {
    Index here = kNone, there = kNone;
  };

  Index append(const Vector& vector) {
    numbers_.insert(numbers_.end(), vector.begin(), vector.end());
    return static_cast<Index>(numbers_.size()) / rows_ - 1;
  }

  /// h (without it 1) of the rows on either side, 0 for the others.
  Pair both_sides(const std::vector<signed char>& side, const Vector* h) {
    const auto on = [&](int wanted) {
      Vector out(rows_);
      for (Index i = 0; i < rows_; ++i) {
        const double value = h == nullptr ? 1 : (*h)(i);
        out(i) = side[static_cast<std::size_t>(i)] == wanted ? value : 0;
      }
      return append(out);
    };
    const Index here = on(1);
    return {here, on(-1)};
  }

  Index rows_;
  std::vector<double> numbers_;  // one vector behind the other
  std::vector<Pair> counts_;     // by metric
  std::vector<Pair> sums_;       // by model and metric
};

/// How often each row is drawn in resample r: n draws.
Vector draw(Index rows, std::uint64_t seed, Index r) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(r)};
  std::mt19937_64 random(sequence);
  Vector times = Vector::Zero(rows);
  const auto n = static_cast<double>(rows);
  for (Index i = 0; i < rows; ++i) {
    // 53 random bits times n: even to within n / 2^53.
    const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
    ++times(static_cast<Index>(uniform * n));
  }
  return times;
}

Interval central(std::vector<double> sample) {
  std::erase_if(sample, [](double v) { return std::isnan(v); });  // a resample without one side
  if (sample.empty()) throw DataError("no bootstrap resample has rows in both groups");
  std::sort(sample.begin(), sample.end());
  const auto at = [&](double q) {
    return sample[static_cast<std::size_t>(
        std::lround(q * static_cast<double>(sample.size() - 1)))];
  };
  return {at(0.025), at(0.975)};
}

}  // namespace

std::vector<std::vector<Interval>> bootstrap(const std::vector<Metric>& metrics,
                                             const Dataset& data,
                                             const std::vector<LinearModel>& models,
                                             const MetricSettings& settings, int resamples,
                                             std::uint64_t seed, const LinearModel* attack) {
  check_at_least("resamples", resamples, 40);
  const Summands summands(metrics, data, models, settings, attack);
  std::vector<std::vector<double>> values(static_cast<std::size_t>(resamples));
  parallel_for(resamples, [&](Index r) {
    values[static_cast<std::size_t>(r)] = summands.metrics_of(draw(summands.rows(), seed, r));
  });
  std::vector<std::vector<Interval>> intervals(models.size());
  for (std::size_t i = 0; i < models.size() * metrics.size(); ++i) {
    std::vector<double> sample;
    for (const std::vector<double>& resample : values) sample.push_back(resample[i]);
    intervals[i / metrics.size()].push_back(central(std::move(sample)));
  }
  return intervals;
}

}  // namespace recant
