// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <optional>

#include "recant/core/check.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "recant/metrics/metric.hpp"
#include "terms.hpp"

namespace recant {
namespace {

/// A metric whose h needs a row's own scores alone: utility and the soft gaps.
class OwnScoreMetric {
 public:
  [[nodiscard]] static bool is_one(const Metric& metric) noexcept {
    return !metric.hard && (metric.is_gap() || metric.kind == MetricKind::kUtility);
  }

  OwnScoreMetric(const Metric& metric, const Dataset& data, const LinearModel& model,
                 const MetricSettings& settings)
      : kind_(metric.kind) {
    if (metric.is_gap()) sides_ = gap_sides(metric, data, model, settings);
  }

  /// h is the loss of the row; else it is p.
  [[nodiscard]] bool of_losses() const noexcept {
    return kind_ == MetricKind::kUtility || kind_ == MetricKind::kEqualOpportunityLoss;
  }

  /// h of the rows of a block, onto the sums of their sides.
  void add(RowBlock block, ConstVectorRef h, simd::SideSums& sums) const {
    if (sides_) {
      simd::add_side_sums(*sides_, static_cast<std::size_t>(block.begin),
                          static_cast<std::size_t>(block.size()), h.data(), sums);
    } else {
      sums.here += h.sum();
    }
  }

  [[nodiscard]] double value(const simd::SideSums& sums) const {
    if (!sides_) return sums.here;
    if (sums.rows_here == 0 || sums.rows_there == 0) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    const double gap = sums.here / sums.rows_here - sums.there / sums.rows_there;
    return kind_ == MetricKind::kEqualOpportunityLoss ? -gap : gap;
  }

 private:
  MetricKind kind_;
  std::optional<simd::Sides> sides_;  // of a gap
};

}  // namespace

std::vector<double> metric_values(const std::vector<Metric>& metrics, const Dataset& data,
                                  const LinearModel& model, const MetricSettings& settings,
                                  const LinearModel* attack) {
  validate(settings);
  check_size("columns of the features", data.features.columns(), model.features);
  std::vector<OwnScoreMetric> own;
  for (const Metric& metric : metrics) {
    if (OwnScoreMetric::is_one(metric)) own.emplace_back(metric, data, model, settings);
  }
  const auto of_losses = [](const OwnScoreMetric& metric) { return metric.of_losses(); };
  const bool losses = std::any_of(own.begin(), own.end(), of_losses);
  const bool probabilities = !std::all_of(own.begin(), own.end(), of_losses);
  const Index outputs = model.loss.outputs();
  const Index positive = model.loss.kind() == LossKind::kSoftmax ? settings.positive_class : 0;
  Matrix kept(own.size() < metrics.size() ? data.rows() : 0, outputs);  // the others' scores

  constexpr Index kGroups = 64;
  using Sums = std::vector<simd::SideSums>;
  const Sums totals = reduce_rows(
      data.rows(), kGroups, Sums(own.size()),
      [&](Sums& sums, RowBlock block) {
        Matrix scores(block.size(), outputs), buffer(block.size(), outputs);
        Vector loss(block.size()), p(block.size());
        row_scores(data.features.block(block), model.intercept, model.coefficients(), scores);
        if (losses) {
          model.loss.evaluate(scores, data.targets.segment(block.begin, block.size()), loss,
                              buffer);
        }
        if (probabilities) {
          model.loss.probabilities(scores, buffer);
          p = buffer.col(positive);
        }
        for (std::size_t m = 0; m < own.size(); ++m) {
          own[m].add(block, own[m].of_losses() ? loss : p, sums[m]);
        }
        if (kept.rows() > 0) kept.middleRows(block.begin, block.size()) = scores;
      },
      [](Sums& into, const Sums& from) {
        for (std::size_t m = 0; m < into.size(); ++m) into[m] += from[m];
      });

  std::vector<double> values;
  std::size_t next = 0;
  for (const Metric& metric : metrics) {
    if (OwnScoreMetric::is_one(metric)) {
      values.push_back(own[next].value(totals[next]));
      ++next;
    } else {
      values.push_back(metric_value(metric_terms(metric, data, model, kept, settings, attack)));
    }
  }
  return values;
}

}  // namespace recant
