// SPDX-License-Identifier: Apache-2.0
#include "recant/metrics/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "side_kernels.hpp"
#include "terms.hpp"

namespace recant {
namespace {

/// Resamples that are looked at together, so that what they are sums of is worked out once for all.
constexpr Index kTogether = 8;
/// Rows and vectors of a piece: as many as stay in the cache meanwhile.
constexpr Index kPiece = 256, kStrip = 32;

/// How often each row is drawn, n draws, by resample.
using Draws = Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic>;

/// What the metrics of the models are made of: vectors over the rows whose sums, each entry counted
/// as often as its row is drawn, say everything. Of the two of a gap, one a side, there are as many
/// as there are groups: they are made piece by piece of the rows, from what the groups share.
class Summands {
 public:
  Summands(const std::vector<Metric>& metrics, const Dataset& data,
           const std::vector<LinearModel>& models, const MetricSettings& settings,
           const LinearModel* attack)
      : rows_(data.rows()), metrics_(metrics.size()) {
    std::vector<std::optional<simd::Sides>> sides;
    for (const Metric& metric : metrics) {
      sides.push_back(metric.is_gap()
                          ? std::optional(gap_sides(metric, data, models.front(), settings))
                          : std::nullopt);
      counts_.push_back(metric.is_gap() ? append(sides.back(), kOnes) : kNone);
    }
    for (const LinearModel& model : models) {
      const Matrix t = scores(model, data.features);
      std::map<Read, Index> read;  // of this model, and where it is
      for (std::size_t m = 0; m < metrics.size(); ++m) {
        const auto [at, is_new] = read.try_emplace(what_is_read(metrics[m]), std::ssize(values_));
        if (is_new) {
          values_.push_back(metric_terms(metrics[m], data, model, t, settings, attack).h);
        }
        sums_.push_back(append(sides[m], at->second));
      }
    }
  }

  [[nodiscard]] Index rows() const noexcept { return rows_; }

  /// For each resample every metric of the first model, then of the next ..; NaN without a side.
  [[nodiscard]] std::vector<std::vector<double>> metrics_of(const Draws& draws) const {
    Matrix totals = Matrix::Zero(totals_, draws.cols()), part(kStrip, draws.cols());
    std::vector<double> strip(static_cast<std::size_t>(kStrip * kPiece));
    for (Index begin = 0; begin < rows_; begin += kPiece) {
      const RowBlock piece{begin, std::min(rows_, begin + kPiece)};
      const Matrix times = draws.middleRows(begin, piece.size()).cast<double>();
      for (auto from = summed_.begin(); from != summed_.end();) {
        const Index first = from->total;
        Index count = 0;
        for (; from != summed_.end() && count + from->size() <= kStrip; ++from) {
          fill(*from, piece, strip.data() + count * piece.size());
          count += from->size();
        }
        row_scores(RowsView(strip.data(), count, piece.size()), false, times, part.topRows(count));
        totals.middleRows(first, count) += part.topRows(count);
      }
    }
    std::vector<std::vector<double>> metrics;
    for (Index r = 0; r < draws.cols(); ++r) metrics.push_back(metrics_from(totals.col(r)));
    return metrics;
  }

 private:
  static constexpr Index kNone = -1, kOnes = -1;
  /// Whether labels are hard, and the kind of metric, one for all that read p.
  using Read = std::pair<bool, MetricKind>;
  /// A vector over the rows, or on either side of a gap one that is 0 elsewhere.
  struct Summed {
    std::optional<simd::Sides> sides;
    Index values;  // number of the vector
    Index total;   // of its sum, or of the first of two
    [[nodiscard]] Index size() const { return sides ? 2 : 1; }
  };

  /// Metrics of which the rows have the same values at a model.
  static Read what_is_read(const Metric& metric) {
    const bool p = metric.kind == MetricKind::kEqualOpportunity ||
                   metric.kind == MetricKind::kEqualOpportunityNegative;
    return {metric.hard, p || metric.hard ? MetricKind::kDemographicParity : metric.kind};
  }

  Index append(const std::optional<simd::Sides>& sides, Index values) {
    summed_.push_back({sides, values, totals_});
    return std::exchange(totals_, totals_ + summed_.back().size());
  }

  void fill(const Summed& one, RowBlock piece, double* out) const {
    const double* const values =
        one.values == kOnes ? nullptr
                            : values_[static_cast<std::size_t>(one.values)].data() + piece.begin;
    if (one.sides) {
      simd::split_sides(*one.sides, static_cast<std::size_t>(piece.begin),
                        static_cast<std::size_t>(piece.size()), values, out, out + piece.size());
    } else {
      std::copy_n(values, piece.size(), out);
    }
  }

  [[nodiscard]] std::vector<double> metrics_from(ConstVectorRef totals) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      const Index sum = sums_[i], rows = counts_[i % metrics_];
      if (rows == kNone) {
        out.push_back(totals(sum));
      } else if (totals(rows) == 0 || totals(rows + 1) == 0) {
        out.push_back(std::numeric_limits<double>::quiet_NaN());
      } else {
        out.push_back(totals(sum) / totals(rows) - totals(sum + 1) / totals(rows + 1));
      }
    }
    return out;
  }

  Index rows_, totals_ = 0;
  std::size_t metrics_;
  std::vector<Vector> values_;  // of the rows, by model and what is read
  std::vector<Summed> summed_;  // in the order of their totals
  std::vector<Index> counts_;   // by metric: total of the rows of a side; the other's is the next
  std::vector<Index> sums_;     // by model and metric: total of its values, of a gap as above
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

/// Of the side of a gap that has fewer, or of all.
Index rows_of(const Metric& metric, const Dataset& data, const LinearModel& model,
              const MetricSettings& settings) {
  if (!metric.is_gap()) return data.rows();
  simd::SideSums sums;
  simd::add_side_sums(gap_sides(metric, data, model, settings), 0,
                      static_cast<std::size_t>(data.rows()), nullptr, sums);
  const double fewer = std::min(sums.rows_here, sums.rows_there);
  if (fewer == 0) throw DataError("a gap has an interval only with rows in both groups");
  return static_cast<Index>(fewer);
}

/// Of at least 40 values, so that there is a rank to go outward to.
Interval central(std::vector<double> sample) {
  // A resample lacks a side of kFewestResampledRows once in 10^13 times.
  std::erase_if(sample, [](double v) { return std::isnan(v); });
  std::sort(sample.begin(), sample.end());
  const std::size_t rank = std::max<std::size_t>(1, (sample.size() + 1) / 40);
  return {sample[rank - 1], sample[sample.size() - rank]};
}

}  // namespace

std::vector<std::vector<std::optional<Interval>>> bootstrap(
    const std::vector<Metric>& metrics, const Dataset& data, const std::vector<LinearModel>& models,
    const MetricSettings& settings, int resamples, std::uint64_t seed, const LinearModel* attack) {
  validate(settings);
  check_at_least("resamples", resamples, 40);
  if (models.empty()) return {};
  const Summands summands(metrics, data, models, settings, attack);
  std::vector<std::vector<double>> values(static_cast<std::size_t>(resamples));
  parallel_for((resamples + kTogether - 1) / kTogether, [&](Index batch) {
    const Index first = batch * kTogether, count = std::min<Index>(kTogether, resamples - first);
    Draws draws(summands.rows(), count);
    for (Index r = 0; r < count; ++r) draw(seed, first + r, draws.col(r));
    auto found = summands.metrics_of(draws);
    std::move(found.begin(), found.end(), values.begin() + first);
  });
  std::vector<bool> enough;
  for (const Metric& metric : metrics) {
    enough.push_back(rows_of(metric, data, models.front(), settings) >= kFewestResampledRows);
  }
  std::vector<std::vector<std::optional<Interval>>> intervals(models.size());
  for (std::size_t i = 0; i < models.size() * metrics.size(); ++i) {
    std::optional<Interval>& interval = intervals[i / metrics.size()].emplace_back();
    if (!enough[i % metrics.size()]) continue;
    std::vector<double> sample;
    for (const std::vector<double>& resample : values) sample.push_back(resample[i]);
    interval = central(std::move(sample));
  }
  return intervals;
}

}  // namespace recant
