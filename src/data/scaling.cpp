// SPDX-License-Identifier: Apache-2.0
#include "scaling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "recant/core/error.hpp"

namespace recant {
namespace {

using Extended = long double;
constexpr Index kGroups = 16;      // accumulators; a few numbers a column each
constexpr Index kRowsAtOnce = 16;  // of a column, added up in registers; few lines of the cache

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  Extended sum = 0;
};

/// What is left of the values when the mean is taken off. `sum` is nearly 0; it corrects `squares`
/// for the rounding of the mean.
struct Deviations {
  Extended sum = 0, squares = 0;
};

template <class Part, class Add, class Merge>
std::vector<Part> reduce_columns(const RowsView& cells, const std::vector<std::size_t>& columns,
                                 Add add, Merge merge) {
  const double* const data = cells.data();
  const Index stride = cells.cols();
  return reduce_rows(
      cells.rows(), kGroups, std::vector<Part>(columns.size()),
      [&](std::vector<Part>& parts, RowBlock block) {
        for (Index begin = block.begin; begin < block.end; begin += kRowsAtOnce) {
          const double* const first = data + begin * stride;
          const Index rows = std::min(kRowsAtOnce, block.end - begin);
          for (std::size_t k = 0; k < columns.size(); ++k) {
            Part part = parts[k];
            for (Index i = 0; i < rows; ++i) add(part, first[i * stride + columns[k]], k);
            parts[k] = part;
          }
        }
      },
      [&](std::vector<Part>& into, const std::vector<Part>& from) {
        for (std::size_t k = 0; k < into.size(); ++k) merge(into[k], from[k]);
      });
}

std::vector<Range> ranges_of(const RowsView& cells, const std::vector<std::size_t>& columns) {
  return reduce_columns<Range>(
      cells, columns,
      [](Range& part, double value, std::size_t) {
        part.low = std::min(part.low, value);
        part.high = std::max(part.high, value);
        part.sum += static_cast<Extended>(value);
      },
      [](Range& into, const Range& from) {
        into.low = std::min(into.low, from.low);
        into.high = std::max(into.high, from.high);
        into.sum += from.sum;
      });
}

std::vector<Deviations> deviations_of(const RowsView& cells,
                                      const std::vector<std::size_t>& columns,
                                      const std::vector<Extended>& means) {
  return reduce_columns<Deviations>(
      cells, columns,
      [&](Deviations& part, double value, std::size_t k) {
        const Extended deviation = static_cast<Extended>(value) - means[k];
        part.sum += deviation;
        part.squares += deviation * deviation;
      },
      [](Deviations& into, const Deviations& from) {
        into.sum += from.sum;
        into.squares += from.squares;
      });
}

}  // namespace

void fit_scaling(const RowsView& cells, const std::vector<std::vector<Index>>& counts,
                 const std::string& file, Encoder& encoder) {
  const Index rows = cells.rows();
  const auto n = static_cast<Extended>(rows);
  encoder.mean.resize(encoder.width());
  encoder.scale.resize(encoder.width());

  std::vector<std::size_t> numeric;
  for (std::size_t f = 0; f < encoder.features.size(); ++f) {
    if (encoder.features[f].type == ColumnType::kNumeric) numeric.push_back(f);
  }
  const std::vector<Range> ranges = ranges_of(cells, numeric);
  std::vector<Extended> means;
  for (const Range& range : ranges) means.push_back(range.sum / n);
  const std::vector<Deviations> deviations = deviations_of(cells, numeric, means);

  const std::size_t left_out = encoder.options.encoding == Encoding::kReference ? 1 : 0;
  Index column = 0;
  std::size_t k = 0;
  for (std::size_t f = 0; f < encoder.features.size(); ++f) {
    if (encoder.features[f].type == ColumnType::kCategorical) {
      for (std::size_t c = left_out; c < counts[f].size(); ++c, ++column) {
        const auto ones = static_cast<Extended>(counts[f][c]);
        encoder.mean[column] = static_cast<double>(ones / n);
        encoder.scale[column] =
            counts[f][c] == rows ? 1 : static_cast<double>(std::sqrt(ones * (n - ones)) / n);
      }
      continue;
    }
    const Range& range = ranges[k];
    const Extended variance =
        (deviations[k].squares - deviations[k].sum * deviations[k].sum / n) / n;
    double& mean = encoder.mean[column] = static_cast<double>(means[k]);
    double& scale = encoder.scale[column] = static_cast<double>(std::sqrt(variance));
    if (range.low == range.high) {
      mean = range.low;
      scale = 1;
    }
    if (!(scale > 0) || !std::isfinite((range.high - range.low) / scale)) {
      throw DataError("spans too large or too small a range to be standardised",
                      fmt::format("{}, column '{}'", file, encoder.features[f].name),
                      "use another unit for it");
    }
    ++column;
    ++k;
  }
}

}  // namespace recant
