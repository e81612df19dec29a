// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for each instruction set: foreach_target.h includes it again.
#include "simd_kernels.hpp"

#include <algorithm>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd_kernels.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace recant::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<double>;
using Lanes = hn::Vec<Tag>;
constexpr std::size_t N = hn::MaxLanes(Tag());

/// The first `count` < N values at `from`, zeros after them. Nothing beyond them is read.
HWY_INLINE Lanes load_first(const double* from, std::size_t count) {
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN double values[N] = {};
  std::copy_n(from, count, values);
  return hn::Load(Tag(), values);
#else
  return hn::MaskedLoad(hn::FirstN(Tag(), count), Tag(), from);
#endif
}

HWY_INLINE void store_first(Lanes value, double* to, std::size_t count) {
  HWY_ALIGN double values[N];
  hn::Store(value, Tag(), values);
  std::copy_n(values, count, to);
}

/// R rows times C columns: every value of a row is used C times while it is in a register.
template <std::size_t R, std::size_t C>
HWY_INLINE void scores_tile(const double* rows, std::size_t d, bool intercept,
                            const double* coefficients, std::size_t ld, double* out,
                            std::size_t ld_out) {
  const Tag tag;
  Lanes sum[R][C];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (std::size_t c = 0; c < C; ++c) sum[i][c] = hn::Zero(tag);
  }
  const auto add = [&](auto load, std::size_t j) HWY_ATTR {
    Lanes right[C];
#pragma GCC unroll 8
    for (std::size_t c = 0; c < C; ++c) right[c] = load(coefficients + c * ld + j);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < R; ++i) {
      const Lanes left = load(rows + i * d + j);
#pragma GCC unroll 8
      for (std::size_t c = 0; c < C; ++c) sum[i][c] = hn::MulAdd(left, right[c], sum[i][c]);
    }
  };
  std::size_t j = 0;
  for (; j + N <= d; j += N) add([&](const double* at) HWY_ATTR { return hn::LoadU(tag, at); }, j);
  if (j < d) add([&](const double* at) HWY_ATTR { return load_first(at, d - j); }, j);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (std::size_t c = 0; c < C; ++c) {
      const double offset = intercept ? coefficients[c * ld + d] : 0;
      out[c * ld_out + i] = offset + hn::GetLane(hn::SumOfLanes(tag, sum[i][c]));
    }
  }
}

template <std::size_t C>
void scores_columns(const double* rows, std::size_t m, std::size_t d, bool intercept,
                    const double* coefficients, std::size_t ld, double* out, std::size_t ld_out) {
  std::size_t i = 0;
  for (; i + 4 <= m; i += 4) {
    scores_tile<4, C>(rows + i * d, d, intercept, coefficients, ld, out + i, ld_out);
  }
  for (; i < m; ++i) {
    scores_tile<1, C>(rows + i * d, d, intercept, coefficients, ld, out + i, ld_out);
  }
}

void scores(const double* rows, std::size_t m, std::size_t d, bool intercept,
            const double* coefficients, std::size_t ld, std::size_t columns, double* out,
            std::size_t ld_out) {
  for (std::size_t c = 0; c < columns;) {
    const double* from = coefficients + c * ld;
    double* to = out + c * ld_out;
    switch (columns - c) {
      case 1:
        scores_columns<1>(rows, m, d, intercept, from, ld, to, ld_out);
        return;
      case 2:
        scores_columns<2>(rows, m, d, intercept, from, ld, to, ld_out);
        return;
      case 3:
        scores_columns<3>(rows, m, d, intercept, from, ld, to, ld_out);
        return;
      default:
        scores_columns<4>(rows, m, d, intercept, from, ld, to, ld_out);
        c += 4;
    }
  }
}

/// V vectors of columns at once, so that their sums stay in registers over all rows.
template <std::size_t V>
HWY_INLINE void add_weighted_tile(const double* rows, std::size_t m, std::size_t d,
                                  const double* factors, double* sums) {
  const Tag tag;
  Lanes sum[V];
#pragma GCC unroll 8
  for (std::size_t v = 0; v < V; ++v) sum[v] = hn::LoadU(tag, sums + v * N);
  for (std::size_t i = 0; i < m; ++i) {
    const Lanes factor = hn::Set(tag, factors[i]);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < V; ++v) {
      sum[v] = hn::MulAdd(factor, hn::LoadU(tag, rows + i * d + v * N), sum[v]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t v = 0; v < V; ++v) hn::StoreU(sum[v], tag, sums + v * N);
}

void add_weighted(const double* rows, std::size_t m, std::size_t d, bool intercept,
                  const double* factors, std::size_t ld_factors, std::size_t columns, double* sums,
                  std::size_t ld) {
  for (std::size_t c = 0; c < columns; ++c, factors += ld_factors, sums += ld) {
    std::size_t j = 0;
    for (; j + 8 * N <= d; j += 8 * N) add_weighted_tile<8>(rows + j, m, d, factors, sums + j);
    if (j + 4 * N <= d) {
      add_weighted_tile<4>(rows + j, m, d, factors, sums + j);
      j += 4 * N;
    }
    for (; j + N <= d; j += N) add_weighted_tile<1>(rows + j, m, d, factors, sums + j);
    if (j < d) {
      Lanes sum = load_first(sums + j, d - j);
      for (std::size_t i = 0; i < m; ++i) {
        sum = hn::MulAdd(hn::Set(Tag(), factors[i]), load_first(rows + i * d + j, d - j), sum);
      }
      store_first(sum, sums + j, d - j);
    }
    if (intercept) {
      for (std::size_t i = 0; i < m; ++i) sums[d] += factors[i];
    }
  }
}

std::size_t panel_width() {
  return N;
}

void pack(const double* rows, std::size_t m, std::size_t d, bool intercept, const double* roots,
          double* panels, std::size_t panel, std::size_t first) {
  const Tag tag;
  const std::size_t rest = d % N;
  for (std::size_t i = 0; i < m; ++i) {
    const double* from = rows + i * d;
    double* to = panels + (first + i) * N;
    const Lanes root = hn::Set(tag, roots[i]);
    std::size_t j = 0;
    for (; j + N <= d; j += N, to += panel) {
      hn::Store(hn::Mul(root, hn::LoadU(tag, from + j)), tag, to);
    }
    if (rest > 0) hn::Store(hn::Mul(root, load_first(from + j, rest)), tag, to);
    if (intercept) {
      if (rest == 0) hn::Store(hn::Zero(tag), tag, to);
      to[rest] = roots[i];
    }
  }
}

constexpr std::size_t kLine = 64;

/// Asks for a line of memory to be brought to the second-level cache.
HWY_INLINE void prefetch(std::uintptr_t address) {
  __builtin_prefetch(reinterpret_cast<const void*>(address), 0, 2);
}

/// N columns of gram by V*N of its rows: N*V sums in registers, the shape that fills the 32
/// registers of AVX-512 (24 sums) and the 16 of AVX2 (12) alike.
template <std::size_t V>
HWY_INLINE void gram_tile(const double* left, const double* right, std::size_t panel, std::size_t m,
                          double sign, double* gram, std::size_t ld, std::size_t columns,
                          std::size_t rows, std::uintptr_t ahead) {
  const Tag tag;
  Lanes sum[N][V];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < N; ++i) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < V; ++v) sum[i][v] = hn::Zero(tag);
  }
  for (std::size_t k = 0; k < m; ++k) {
    prefetch(ahead + k * kLine);
    Lanes r[V];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < V; ++v) r[v] = hn::Load(tag, right + v * panel + k * N);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) {
      const Lanes l = hn::Set(tag, left[k * N + i]);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < V; ++v) sum[i][v] = hn::MulAdd(l, r[v], sum[i][v]);
    }
  }
  if (columns == N && rows == V * N) {
    const Lanes factor = hn::Set(tag, sign);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < V; ++v) {
        double* to = gram + i * ld + v * N;
        hn::StoreU(hn::MulAdd(factor, sum[i][v], hn::LoadU(tag, to)), tag, to);
      }
    }
    return;
  }
  HWY_ALIGN double out[N][V * N];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < N; ++i) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < V; ++v) hn::Store(sum[i][v], tag, out[i] + v * N);
  }
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t r = 0; r < rows; ++r) gram[i * ld + r] += sign * out[i][r];
  }
}

void add_gram(const double* panels, std::size_t panel, std::size_t m, std::size_t p, double sign,
              double* gram, std::size_t ld, const double* ahead, std::size_t ahead_count) {
  const std::size_t count = (p + N - 1) / N;
  // Addresses, since the last lines asked for may lie beyond the array: they are never read.
  auto line = reinterpret_cast<std::uintptr_t>(ahead);
  const std::uintptr_t line_end = line + ahead_count * sizeof(double);
  // Up to three panels of gram's rows at a time, by every panel of columns at or left of them.
  for (std::size_t group = 0; group < count; group += 3) {
    const std::size_t group_end = std::min(group + 3, count);
    for (std::size_t column = 0; column < group_end; ++column) {
      const std::size_t row = std::max(group, column);
      const double *left = panels + column * panel, *right = panels + row * panel;
      double* to = gram + column * N * ld + row * N;
      const std::size_t columns = std::min(N, p - column * N);
      const std::size_t rows = std::min(group_end * N, p) - row * N;
      if (group_end - row == 3) {
        gram_tile<3>(left, right, panel, m, sign, to, ld, columns, rows, line);
      } else if (group_end - row == 2) {
        gram_tile<2>(left, right, panel, m, sign, to, ld, columns, rows, line);
      } else {
        gram_tile<1>(left, right, panel, m, sign, to, ld, columns, rows, line);
      }
      line = std::min(line + m * kLine, line_end);
    }
  }
}

}  // namespace recant::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recant::simd {

HWY_EXPORT(scores);
HWY_EXPORT(add_weighted);
HWY_EXPORT(panel_width);
HWY_EXPORT(pack);
HWY_EXPORT(add_gram);

void scores(const double* rows, std::size_t m, std::size_t d, bool intercept,
            const double* coefficients, std::size_t ld, std::size_t columns, double* out,
            std::size_t ld_out) {
  HWY_DYNAMIC_DISPATCH(scores)
  (rows, m, d, intercept, coefficients, ld, columns, out, ld_out);
}

void add_weighted(const double* rows, std::size_t m, std::size_t d, bool intercept,
                  const double* factors, std::size_t ld_factors, std::size_t columns, double* sums,
                  std::size_t ld) {
  HWY_DYNAMIC_DISPATCH(add_weighted)
  (rows, m, d, intercept, factors, ld_factors, columns, sums, ld);
}

std::size_t panel_width() {
  return HWY_DYNAMIC_DISPATCH(panel_width)();
}

void pack(const double* rows, std::size_t m, std::size_t d, bool intercept, const double* roots,
          double* panels, std::size_t panel, std::size_t first) {
  HWY_DYNAMIC_DISPATCH(pack)(rows, m, d, intercept, roots, panels, panel, first);
}

void add_gram(const double* panels, std::size_t panel, std::size_t m, std::size_t p, double sign,
              double* gram, std::size_t ld, const double* ahead, std::size_t ahead_count) {
  HWY_DYNAMIC_DISPATCH(add_gram)(panels, panel, m, p, sign, gram, ld, ahead, ahead_count);
}

}  // namespace recant::simd
#endif
