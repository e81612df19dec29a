// SPDX-License-Identifier: Apache-2.0
#include "recant/metrics/metric.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/linalg/row_kernels.hpp"
#include "terms.hpp"

namespace recant {
namespace {

struct Named {
  const char* name;
  std::vector<MetricKind> kinds;
  bool gap;
};

/// Scores of all models that are measured together, one row: enough columns for products of
/// matrices to run at full speed.
constexpr Index kModelScores = 64;

const std::vector<Named>& table() {
  static const std::vector<Named> metrics = {
      {"utility", {MetricKind::kUtility}, false},
      {"demographic_parity", {MetricKind::kDemographicParity}, true},
      {"equal_opportunity", {MetricKind::kEqualOpportunity}, true},
      {"equal_opportunity_loss", {MetricKind::kEqualOpportunityLoss}, true},
      {"equalized_odds",
       {MetricKind::kEqualOpportunity, MetricKind::kEqualOpportunityNegative},
       true},
      {"transferred_robust_loss", {MetricKind::kTransferredRobustLoss}, false},
      {"robust_loss", {MetricKind::kRobustLoss}, false},
  };
  return metrics;
}

/// "NAME:COLUMN=GROUP", the last two parts optional.
struct Asked {
  std::string name;
  std::optional<std::string> column, group;
};

Asked split(std::string_view text) {
  Asked asked;
  const auto colon = text.find(':');
  asked.name = text.substr(0, colon);
  if (colon == std::string_view::npos) return asked;
  text.remove_prefix(colon + 1);
  const auto equals = text.find('=');
  asked.column = text.substr(0, equals);
  if (equals != std::string_view::npos) asked.group = text.substr(equals + 1);
  return asked;
}

std::string column_name(const Dataset& data, Index column) {
  const auto& name = data.sensitive.at(static_cast<std::size_t>(column)).name;
  return name.empty() ? "groups" : name;
}

Index find_column(const Asked& asked, const Dataset& data) {
  if (data.sensitive.empty()) {
    throw UsageError(fmt::format("{} needs a sensitive column", asked.name), "metric",
                     "fit with --sensitive COLUMN or --groups FILE.npy");
  }
  if (!asked.column) {
    if (data.sensitive.size() == 1) return 0;
    throw UsageError(fmt::format("{} needs to know which sensitive column", asked.name), "metric",
                     fmt::format("write {}:{}", asked.name, column_name(data, 0)));
  }
  for (Index c = 0; c < static_cast<Index>(data.sensitive.size()); ++c) {
    if (column_name(data, c) == *asked.column) return c;
  }
  throw UsageError(fmt::format("'{}' is not a sensitive column", *asked.column), "metric");
}

std::int32_t find_group(const std::string& group, const Dataset& data, Index column) {
  const auto& groups = data.sensitive[static_cast<std::size_t>(column)].groups;
  const auto at = std::find(groups.begin(), groups.end(), group);
  if (at == groups.end()) {
    throw UsageError(fmt::format("'{}' is not a group", group), column_name(data, column),
                     fmt::format("groups are {}", fmt::join(groups, ", ")));
  }
  return static_cast<std::int32_t>(at - groups.begin());
}

/// A gap needs rows on both sides; names the side that has none.
void check_sides(const Metric& metric, const std::vector<signed char>& sides, const Dataset& data) {
  const auto has = [&](int side) {
    return std::find(sides.begin(), sides.end(), side) != sides.end();
  };
  const auto& groups = data.sensitive[static_cast<std::size_t>(metric.column)].groups;
  const auto& group = groups[static_cast<std::size_t>(metric.group)];
  const char* label = metric.kind == MetricKind::kDemographicParity ? ""
                      : metric.kind == MetricKind::kEqualOpportunityNegative
                          ? " with a negative target"
                          : " with a positive target";
  if (!has(1)) {
    throw DataError(
        fmt::format("group '{}' has no row{}, so {} has no value", group, label, metric.name),
        column_name(data, metric.column));
  }
  if (!has(-1)) {
    const std::string others =
        groups.size() == 2
            ? fmt::format("group '{}' has", groups[static_cast<std::size_t>(1 - metric.group)])
            : fmt::format("groups other than '{}' have", group);
    throw DataError(fmt::format("{} no row{}, so {} has no value", others, label, metric.name),
                    column_name(data, metric.column));
  }
}

}  // namespace

std::vector<std::int32_t> compared_groups(const Dataset& data, Index column,
                                          const MetricSettings& settings) {
  const auto c = static_cast<std::size_t>(column);
  const auto count = static_cast<std::int32_t>(data.sensitive[c].groups.size());
  if (c < settings.privileged.size() && settings.privileged[c]) {
    return {find_group(*settings.privileged[c], data, column)};
  }
  if (count < 2) return {};
  if (count == 2) {
    return {find_group(highest_positive_rate(data, column, settings.positive_class), data, column)};
  }
  std::vector<std::int32_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Named& metric : table()) all.emplace_back(metric.name);
    return all;
  }();
  return names;
}

std::vector<Metric> resolve_metric(std::string_view text, const Dataset& data,
                                   const LinearModel& model, const MetricSettings& settings) {
  validate(settings);
  const Asked asked = split(text);
  const auto named = std::find_if(table().begin(), table().end(),
                                  [&](const Named& metric) { return asked.name == metric.name; });
  if (named == table().end()) {
    throw UsageError(fmt::format("'{}' is not a metric", asked.name), "metric",
                     fmt::format("metrics are {}", fmt::join(metric_names(), ", ")));
  }
  if (data.rows() == 0) throw DataError("there is no row to measure on");
  std::vector<Metric> metrics;
  if (!named->gap) {
    if (asked.column) throw UsageError(fmt::format("{} takes no column", asked.name), "metric");
    metrics.push_back({.kind = named->kinds.front(), .name = std::string(text)});
  } else {
    const Index column = find_column(asked, data);
    const auto groups = asked.group ? std::vector{find_group(*asked.group, data, column)}
                                    : compared_groups(data, column, settings);
    if (groups.empty()) {
      throw DataError("has a single group, so there is no gap to measure",
                      column_name(data, column));
    }
    for (const std::int32_t group : groups) {
      for (const MetricKind kind : named->kinds) {
        metrics.push_back(
            {.kind = kind, .name = std::string(text), .column = column, .group = group});
      }
    }
  }
  for (const Metric& metric : metrics) {
    const auto sides = metric_sides(metric, data, model, settings);
    if (metric.is_gap()) {
      check_sides(metric, sides, data);
    } else if (metric.kind != MetricKind::kUtility) {
      static_cast<void>(Attack(model, settings));  // throws where there is none
    }
  }
  return metrics;
}

std::string highest_positive_rate(const Dataset& data, Index column, Index positive_class) {
  const auto& sensitive = data.sensitive.at(static_cast<std::size_t>(column));
  std::vector<double> rows(sensitive.groups.size()), positives(sensitive.groups.size());
  for (std::size_t i = 0; i < sensitive.codes.size(); ++i) {
    const auto g = static_cast<std::size_t>(sensitive.codes[i]);
    rows[g] += 1;
    positives[g] +=
        data.targets(static_cast<Index>(i)) == static_cast<double>(positive_class) ? 1 : 0;
  }
  std::size_t best = 0;
  for (std::size_t g = 1; g < rows.size(); ++g) {
    if (rows[g] > 0 && (rows[best] == 0 || positives[g] / rows[g] > positives[best] / rows[best]))
      best = g;
  }
  return sensitive.groups.at(best);
}

Matrix metric_values_of_models(const std::vector<Metric>& metrics, const Dataset& data,
                               const LinearModel& model, ConstMatrixRef thetas,
                               const MetricSettings& settings, const LinearModel* attack) {
  validate(settings);
  check_size("columns of the features", data.features.columns(), model.features);
  check_size("theta", thetas.rows(), model.theta.size());
  const Index outputs = model.loss.outputs(), q = static_cast<Index>(metrics.size());
  const Index together = std::max<Index>(kModelScores / outputs, 1);
  Matrix values(q, thetas.cols());
  parallel_for((thetas.cols() + together - 1) / together, [&](Index task) {
    const Index first = task * together, count = std::min(together, thetas.cols() - first);
    const Matrix part = thetas.middleCols(first, count);
    const Eigen::Map<const Matrix> columns(part.data(), model.width(), count * outputs);
    Matrix t(data.rows(), count * outputs);
    for (Index b = 0; b < block_count(data.rows()); ++b) {
      const RowBlock rows = block_at(b, data.rows());
      row_scores(data.features.block(rows), model.intercept, columns,
                 t.middleRows(rows.begin, rows.size()));
    }
    for (Index k = 0; k < count; ++k) {
      const LinearModel other = model.at(part.col(k));
      const Matrix own = t.middleCols(k * outputs, outputs);
      for (Index m = 0; m < q; ++m) {
        values(m, first + k) = metric_value(
            metric_terms(metrics[static_cast<std::size_t>(m)], data, other, own, settings, attack));
      }
    }
  });
  return values;
}

}  // namespace recant
