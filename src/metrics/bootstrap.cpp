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

/// Resamples that are looked at together, so that what they are sums of is read once for all.
constexpr Index kTogether = 8;
/// Rows of a piece: as many of all vectors as stay in the cache meanwhile.
constexpr Index kPiece = 256;

/// How often each row is drawn, n draws, by resample.
using Draws = Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic>;

/// What the metrics of the models are made of: vectors over the rows whose sums, each entry counted
/// as often as its row is drawn, say everything.
class Summands {
 public:
  Summands(const std::vector<Metric>& metrics, const Dataset& data,
           const std::vector<LinearModel>& models, const MetricSettings& settings,
           const LinearModel* attack)
      : rows_(data.rows()), vectors_(count_of(metrics, std::ssize(models))) {
    numbers_.resize(static_cast<std::size_t>(vectors_ * rows_));
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

  /// For each resample every metric of the first model, then of the next ..; NaN without a side.
  [[nodiscard]] std::vector<std::vector<double>> metrics_of(const Draws& draws) const {
    Matrix totals = Matrix::Zero(vectors_, draws.cols()), part(vectors_, draws.cols());
    for (Index begin = 0; begin < rows_; begin += kPiece) {
      const Index count = std::min(kPiece, rows_ - begin);
      const RowsView piece(numbers_.data() + begin * vectors_, vectors_, count);
      const Matrix times = draws.middleRows(begin, count).cast<double>();
      row_scores(piece, false, times, part);
      totals += part;
    }
    std::vector<std::vector<double>> metrics;
    for (Index r = 0; r < draws.cols(); ++r) metrics.push_back(metrics_from(totals.col(r)));
    return metrics;
  }

 private:
  static constexpr Index kNone = -1;
  /// Numbers of two of the vectors; of a sum over all rows `here` alone.
  struct Pair {
    Index here = kNone, there = kNone;
  };

  /// Two of a gap, of every model and of the rows alone; one of a sum of every model.
  static Index count_of(const std::vector<Metric>& metrics, Index models) {
    Index count = 0;
    for (const Metric& metric : metrics) count += metric.is_gap() ? 2 * (models + 1) : models;
    return count;
  }

  [[nodiscard]] std::vector<double> metrics_from(ConstVectorRef totals) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      const Pair& sum = sums_[i];
      const Pair& rows = counts_[i % counts_.size()];
      if (sum.there == kNone) {
        out.push_back(totals(sum.here));
      } else if (totals(rows.here) == 0 || totals(rows.there) == 0) {
        out.push_back(std::numeric_limits<double>::quiet_NaN());
      } else {
        out.push_back(totals(sum.here) / totals(rows.here) -
                      totals(sum.there) / totals(rows.there));
      }
    }
    return out;
  }

  Index append(const Vector& vector) {
    for (Index begin = 0; begin < rows_; begin += kPiece) {
      const Index count = std::min(kPiece, rows_ - begin);
      std::copy_n(vector.data() + begin, count,
                  numbers_.data() + begin * vectors_ + filled_ * count);
    }
    return filled_++;
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

  Index rows_, vectors_, filled_ = 0;
  std::vector<double> numbers_;  // piece by piece of the rows, the same piece of every vector
  std::vector<Pair> counts_;     // by metric
  std::vector<Pair> sums_;       // by model and metric
};

/// Of resample r.
void draw(std::uint64_t seed, Index r,
          Eigen::Ref<Eigen::Matrix<std::uint32_t, Eigen::Dynamic, 1>> times) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(r)};
  std::mt19937_64 random(sequence);
  times.setZero();
  const Index rows = times.rows();
  const auto n = static_cast<double>(rows);
  for (Index i = 0; i < rows; ++i) {
    // 53 random bits times n: even to within n / 2^53.
    const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
    ++times(static_cast<Index>(uniform * n));
  }
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
  validate(settings);
  check_at_least("resamples", resamples, 40);
  const Summands summands(metrics, data, models, settings, attack);
  std::vector<std::vector<double>> values(static_cast<std::size_t>(resamples));
  parallel_for((resamples + kTogether - 1) / kTogether, [&](Index batch) {
    const Index first = batch * kTogether, count = std::min<Index>(kTogether, resamples - first);
    Draws draws(summands.rows(), count);
    for (Index r = 0; r < count; ++r) draw(seed, first + r, draws.col(r));
    auto found = summands.metrics_of(draws);
    std::move(found.begin(), found.end(), values.begin() + first);
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
