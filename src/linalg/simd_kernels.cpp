// SPDX-License-Identifier: Apache-2.0
// This file is compiled once for each instruction set: foreach_target.h includes it again.
#include "simd_kernels.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

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

/// The first `count` <= N values of a vector.
class First {
 public:
#if HWY_MEM_OPS_MIGHT_FAULT
  explicit HWY_INLINE First(std::size_t count) : count_(count) {}
  /// Zeros after them; nothing beyond them is read.
  [[nodiscard]] HWY_INLINE Lanes load(const double* from) const {
    HWY_ALIGN double values[N] = {};
    std::copy_n(from, count_, values);
    return hn::Load(Tag(), values);
  }

 private:
  std::size_t count_;
#else
  explicit HWY_INLINE First(std::size_t count) : mask_(hn::FirstN(Tag(), count)) {}
  [[nodiscard]] HWY_INLINE Lanes load(const double* from) const {
    return hn::MaskedLoad(mask_, Tag(), from);
  }

 private:
  hn::Mask<Tag> mask_;
#endif
};

HWY_INLINE Lanes load_first(const double* from, std::size_t count) {
  return First(count).load(from);
}

/// Nothing beyond the first `count` <= N values is written.
HWY_INLINE void store_first(Lanes value, double* to, std::size_t count) {
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN double values[N];
  hn::Store(value, Tag(), values);
  std::copy_n(values, count, to);
#else
  hn::BlendedStore(value, hn::FirstN(Tag(), count), Tag(), to);
#endif
}

/// The 32 registers of AVX-512, where others have 16.
constexpr bool kManyRegisters = HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3;

/// Keeps a value that C products use in a register: g++ 12 would read it again from memory for each
/// of them, and a read that crosses a line of the cache costs as much as two products. Only where
/// the registers hold everything else besides.
template <std::size_t C>
HWY_INLINE void hold([[maybe_unused]] Lanes& value) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3 && HWY_COMPILER_GCC_ACTUAL
  if constexpr (C > 1) asm("" : "+v"(value.raw));
#endif
}

constexpr std::size_t kLine = 64, kLineValues = kLine / sizeof(double);

/// Asks for a line of memory to be brought to the second-level cache. An address, since it may lie
/// beyond the array.
HWY_INLINE void prefetch(std::uintptr_t address) {
  __builtin_prefetch(reinterpret_cast<const void*>(address), 0, 2);
}

/// Memory that is read soon, asked for a line at a time and in ascending order: the one order that
/// the processor recognises and continues by itself.
class Upcoming {
 public:
  explicit HWY_INLINE Upcoming(const double* from, std::size_t after)
      : at_(reinterpret_cast<std::uintptr_t>(from) + after * sizeof(double)) {}
  HWY_INLINE void ask() {
    // To the nearest cache. An address, since it may lie beyond the array.
    __builtin_prefetch(reinterpret_cast<const void*>(at_), 0, 3);
    at_ += kLine;
  }

 private:
  std::uintptr_t at_;
};

/// Rows so short that the processor sees no stream in each of several side by side are asked for,
/// this many rows ahead. It reads ahead of itself in long ones, and asking would only cost.
constexpr std::size_t kRowsAhead = 16;
HWY_INLINE bool asks(std::size_t d) {
  return d * sizeof(double) <= 1024;
}

/// Of rows that are added up next, half of the lines are asked for while they are scored and half
/// while they are added: all at once would fill the queue of loads, and memory would rest later.
enum class Ask { kNothing, kHalf, kAll };

/// Lines that are asked for with a vector of each of R rows.
template <Ask kAsk, std::size_t R>
constexpr std::size_t kLinesAsked = kAsk == Ask::kNothing
                                        ? 0
                                        : R* N / kLineValues / (kAsk == Ask::kHalf ? 2 : 1);
constexpr std::size_t kVectorsPerAsk = 2 * kLineValues / N;  // of a row that is added up

/// Where the lines begin that scores() of these m rows leaves to be asked for.
HWY_INLINE Upcoming upcoming_after_scores(const double* rows, std::size_t m, std::size_t d) {
  if (!asks(d)) return Upcoming(rows, m * d);
  return Upcoming(
      rows, kRowsAhead * d + m / N * ((d + N - 1) / N) * kLinesAsked<Ask::kHalf, N> * kLineValues);
}

/// The sums over the lanes of Count = N vectors, in one vector. For every one of them in the same
/// order, so that equal rows have equal scores wherever they stand.
template <std::size_t Count>
HWY_INLINE Lanes sums_of_lanes(const Lanes (&v)[Count]) {
#if HWY_TARGET == HWY_SCALAR
  return v[0];
#else
  const Tag tag;
  const auto pairs = [tag](Lanes a, Lanes b) HWY_ATTR {
    return hn::Add(hn::InterleaveLower(tag, a, b), hn::InterleaveUpper(tag, a, b));
  };
  if constexpr (Count == 2) return pairs(v[0], v[1]);
  const auto halves = [tag](Lanes a, Lanes b) HWY_ATTR {
    return hn::Add(hn::ConcatLowerLower(tag, b, a), hn::ConcatUpperUpper(tag, b, a));
  };
  if constexpr (Count == 4) return halves(pairs(v[0], v[1]), pairs(v[2], v[3]));
  if constexpr (Count == 8) {
    const Lanes even = halves(pairs(v[0], v[1]), pairs(v[4], v[5]));
    const Lanes odd = halves(pairs(v[2], v[3]), pairs(v[6], v[7]));
    return hn::OddEvenBlocks(hn::Add(odd, hn::SwapAdjacentBlocks(odd)),
                             hn::Add(even, hn::SwapAdjacentBlocks(even)));
  }
#endif
}

/// R rows times C columns: every value of a row is used C times while it is in a register. R is N,
/// or N/2 for an even C, or 1. What comes next to be asked for is returned. Not inlined: among the
/// variables of its caller, g++ 12 has no registers left for the addresses of eight rows.
template <Ask kAsk, std::size_t R, std::size_t C>
HWY_NOINLINE Upcoming scores_tile(const double* rows, std::size_t d, bool intercept,
                                  const double* coefficients, std::size_t ld, double* out,
                                  std::size_t ld_out, Upcoming upcoming) {
  const Tag tag;
  constexpr std::size_t kTogether =
      N >= 4 && R * 2 == N ? 2 : 1;  // columns whose sums share a vector
  Lanes sum[C / kTogether][N];
#pragma GCC unroll 8
  for (std::size_t c = 0; c < C / kTogether; ++c) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) sum[c][i] = hn::Zero(tag);
  }
  const auto add = [&](auto load, std::size_t j) HWY_ATTR {
    Lanes right[C];
#pragma GCC unroll 8
    for (std::size_t c = 0; c < C; ++c) right[c] = load(coefficients + c * ld + j);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < R; ++i) {
      Lanes left = load(rows + i * d + j);
      hold<C>(left);
      if (i < kLinesAsked<kAsk, R>) upcoming.ask();
#pragma GCC unroll 8
      for (std::size_t c = 0; c < C; ++c) {
        Lanes& to = sum[c / kTogether][c % kTogether * R + i];
        to = hn::MulAdd(left, right[c], to);
      }
    }
  };
  std::size_t j = 0;
  for (; j + N <= d; j += N) {
    add([&](const double* from) HWY_ATTR { return hn::LoadU(tag, from); }, j);
  }
  if (j < d) {
    const First first(d - j);
    add([&](const double* from) HWY_ATTR { return first.load(from); }, j);
  }
  const auto offset = [&](std::size_t c) { return intercept ? coefficients[c * ld + d] : 0; };
  if constexpr (R == N) {
#pragma GCC unroll 8
    for (std::size_t c = 0; c < C; ++c) {
      hn::StoreU(hn::Add(sums_of_lanes(sum[c]), hn::Set(tag, offset(c))), tag, out + c * ld_out);
    }
  } else {
    HWY_ALIGN double scores[N];
#pragma GCC unroll 8
    for (std::size_t c = 0; c < C; ++c) {
      if (c % kTogether == 0) hn::Store(sums_of_lanes(sum[c / kTogether]), tag, scores);
      for (std::size_t i = 0; i < R; ++i) {
        out[c * ld_out + i] = scores[c % kTogether * R + i] + offset(c);
      }
    }
  }
  return upcoming;
}

template <Ask kAsk, std::size_t R>
HWY_INLINE auto scores_tile_for(std::size_t columns) {
  return columns == 1   ? scores_tile<kAsk, R, 1>
         : columns == 2 ? scores_tile<kAsk, R, 2>
                        : scores_tile<kAsk, R, 3>;
}

/// R rows, N or 1, times the columns from `begin` on, three at a time: 3 N sums fill the registers,
/// and the rows are read again from the nearest cache.
template <Ask kAsk, std::size_t R>
HWY_INLINE Upcoming scores_of_columns(const double* rows, std::size_t d, bool intercept,
                                      const double* coefficients, std::size_t ld, std::size_t begin,
                                      std::size_t columns, double* out, std::size_t ld_out,
                                      Upcoming upcoming) {
  for (std::size_t c = begin; c < columns; c += 3) {
    const auto tile = c == begin ? scores_tile_for<kAsk, R>(columns - c)
                                 : scores_tile_for<Ask::kNothing, R>(columns - c);  // asked already
    upcoming =
        tile(rows, d, intercept, coefficients + c * ld, ld, out + c * ld_out, ld_out, upcoming);
  }
  return upcoming;
}

/// N short rows times all columns. Four columns, those of three influences, are taken at once by
/// half of the rows.
template <Ask kAsk>
HWY_INLINE Upcoming scores_of_short_rows(const double* rows, std::size_t d, bool intercept,
                                         const double* coefficients, std::size_t ld,
                                         std::size_t columns, double* out, std::size_t ld_out,
                                         Upcoming upcoming) {
  if constexpr (kManyRegisters) {
    if (columns == 4) {
      constexpr std::size_t kHalf = N / 2;
      upcoming =
          scores_tile<kAsk, kHalf, 4>(rows, d, intercept, coefficients, ld, out, ld_out, upcoming);
      return scores_tile<kAsk, kHalf, 4>(rows + kHalf * d, d, intercept, coefficients, ld,
                                         out + kHalf, ld_out, upcoming);
    }
  }
  return scores_of_columns<kAsk, N>(rows, d, intercept, coefficients, ld, 0, columns, out, ld_out,
                                    upcoming);
}

/// N long rows times all columns. The first column alone brings the rows in, N streams side by
/// side, as fast as memory gives them; the others find them in a cache, and ask for half of the
/// next N rows meanwhile, since memory would rest.
HWY_INLINE void scores_of_long_rows(const double* rows, std::size_t d, bool intercept,
                                    const double* coefficients, std::size_t ld, std::size_t columns,
                                    double* out, std::size_t ld_out) {
  const Upcoming upcoming(rows, N * d);
  scores_tile<Ask::kNothing, N, 1>(rows, d, intercept, coefficients, ld, out, ld_out, upcoming);
  scores_of_columns<Ask::kHalf, N>(rows, d, intercept, coefficients, ld, 1, columns, out, ld_out,
                                   upcoming);
}

template <Ask kAsk>
void scores_of_tiles(const double* rows, std::size_t tiles, std::size_t d, bool intercept,
                     const double* coefficients, std::size_t ld, std::size_t columns, double* out,
                     std::size_t ld_out) {
  Upcoming upcoming(rows, kRowsAhead * d);
  for (; tiles > 0; --tiles, rows += N * d, out += N) {
    upcoming = scores_of_short_rows<kAsk>(rows, d, intercept, coefficients, ld, columns, out,
                                          ld_out, upcoming);
  }
}

void scores(const double* rows, std::size_t m, std::size_t d, bool intercept,
            const double* coefficients, std::size_t ld, std::size_t columns, bool added_next,
            double* out, std::size_t ld_out) {
  if (columns == 0) return;
  const std::size_t tiles = m / N;
  if (asks(d)) {
    (added_next ? scores_of_tiles<Ask::kHalf>
                : scores_of_tiles<Ask::kAll>)(rows, tiles, d, intercept, coefficients, ld, columns,
                                              out, ld_out);
  } else {
    for (std::size_t i = 0; i < tiles * N; i += N) {
      scores_of_long_rows(rows + i * d, d, intercept, coefficients, ld, columns, out + i, ld_out);
    }
  }
  const Upcoming nothing(rows, 0);
  for (std::size_t i = tiles * N; i < m; ++i) {
    scores_of_columns<Ask::kNothing, 1>(rows + i * d, d, intercept, coefficients, ld, 0, columns,
                                        out + i, ld_out, nothing);
  }
}

template <std::size_t R>
HWY_INLINE void squared_norms_tile(const double* rows, std::size_t d, double* out) {
  const Tag tag;
  Lanes sum[N];
#pragma GCC unroll 8
  for (std::size_t i = 0; i < N; ++i) sum[i] = hn::Zero(tag);
  Upcoming upcoming(rows, 2 * R * d);
  std::size_t j = 0;
  for (; j + N <= d; j += N) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < R; ++i) {
      const Lanes x = hn::LoadU(tag, rows + i * d + j);
      if constexpr (R > 1) {
        if (i * N % kLineValues == 0) upcoming.ask();
      }
      sum[i] = hn::MulAdd(x, x, sum[i]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < R && j < d; ++i) {
    const Lanes x = load_first(rows + i * d + j, d - j);
    sum[i] = hn::MulAdd(x, x, sum[i]);
  }
  const Lanes norms = sums_of_lanes(sum);
  if constexpr (R == N) {
    hn::StoreU(norms, tag, out);
  } else {
    *out = hn::GetLane(norms);
  }
}

void squared_norms(const double* rows, std::size_t m, std::size_t d, double* out) {
  std::size_t i = 0;
  for (; i + N <= m; i += N) squared_norms_tile<N>(rows + i * d, d, out + i);
  for (; i < m; ++i) squared_norms_tile<1>(rows + i * d, d, out + i);
}

/// V vectors of columns times C columns of factors: the V C sums stay in registers over all rows,
/// and a value of a row is used C times. They start at 0, so that only m additions stand behind one
/// another, and are added to `sums` at the end. With kEnd the last vector holds the last `rest`
/// columns, fewer than fit, and behind them the intercept's 1 or nothing.
template <std::size_t V, std::size_t C, bool kEnd>
HWY_INLINE void add_weighted_tile(const double* rows, std::size_t m, std::size_t d,
                                  std::size_t rest, bool intercept, const double* factors,
                                  std::size_t ld_factors, double* sums, std::size_t ld,
                                  Upcoming& upcoming) {
  const Tag tag;
  const First first(rest);
  // Not by way of memory: what was just written there in parts would be waited for.
  const auto behind = hn::Eq(hn::Iota(tag, 0), hn::Set(tag, static_cast<double>(rest)));
  const Lanes one = hn::IfThenElseZero(behind, hn::Set(tag, intercept ? 1.0 : 0.0));
  Lanes sum[C][V];
#pragma GCC unroll 3
  for (std::size_t c = 0; c < C; ++c) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v < V; ++v) sum[c][v] = hn::Zero(tag);
  }
  for (std::size_t i = 0; i < m; ++i) {
    Lanes factor[C];
#pragma GCC unroll 3
    for (std::size_t c = 0; c < C; ++c) factor[c] = hn::Set(tag, factors[c * ld_factors + i]);
    const auto add = [&](Lanes row, std::size_t v) HWY_ATTR {
      hold<C>(row);
#pragma GCC unroll 3
      for (std::size_t c = 0; c < C; ++c) sum[c][v] = hn::MulAdd(factor[c], row, sum[c][v]);
    };
    const double* row = rows + i * d;
#pragma GCC unroll 16
    for (std::size_t v = 0; v + kEnd < V; ++v) {
      if (v % kVectorsPerAsk == 0) upcoming.ask();
      add(hn::LoadU(tag, row + v * N), v);
    }
    if constexpr (kEnd) add(hn::Or(first.load(row + (V - 1) * N), one), V - 1);
  }
#pragma GCC unroll 3
  for (std::size_t c = 0; c < C; ++c) {
#pragma GCC unroll 16
    for (std::size_t v = 0; v + kEnd < V; ++v) {
      double* to = sums + c * ld + v * N;
      hn::StoreU(hn::Add(hn::LoadU(tag, to), sum[c][v]), tag, to);
    }
    if constexpr (kEnd) {
      HWY_ALIGN double values[N];
      hn::Store(sum[c][V - 1], tag, values);
      for (std::size_t k = 0; k < rest + (intercept ? 1 : 0); ++k) {
        sums[c * ld + (V - 1) * N + k] += values[k];
      }
    }
  }
}

/// add_weighted_tile<width, C, kEnd>() for a width known at run time, at most V.
template <std::size_t V, std::size_t C, bool kEnd, class... Arguments>
HWY_INLINE void add_weighted_width(std::size_t width, Arguments&&... arguments) {
  if constexpr (V > 1) {
    if (width < V) return add_weighted_width<V - 1, C, kEnd>(width, arguments...);
  }
  add_weighted_tile<V, C, kEnd>(arguments...);
}

/// All columns in as few sweeps over the rows as the registers allow, all about as wide: a short
/// row in one, so that nothing is read twice and enough sums are under way not to wait for each
/// other.
template <std::size_t C>
void add_weighted_columns(const double* rows, std::size_t m, std::size_t d, bool intercept,
                          const double* factors, std::size_t ld_factors, double* sums,
                          std::size_t ld) {
  constexpr std::size_t kOfMany[] = {14, 13, 8}, kOfFew[] = {12, 6, 4};
  constexpr std::size_t kWidest = (kManyRegisters ? kOfMany : kOfFew)[C - 1];
  const std::size_t rest = d % N;
  const bool end = rest > 0 || intercept;
  Upcoming upcoming = upcoming_after_scores(rows, m, d);
  std::size_t vectors = d / N + (end ? 1 : 0);
  for (std::size_t j = 0, sweeps = (vectors + kWidest - 1) / kWidest; sweeps > 0; --sweeps) {
    const std::size_t width = (vectors + sweeps - 1) / sweeps;
    if (sweeps == 1 && end) {
      add_weighted_width<kWidest, C, true>(width, rows + j, m, d, rest, intercept, factors,
                                           ld_factors, sums + j, ld, upcoming);
    } else {
      add_weighted_width<kWidest, C, false>(width, rows + j, m, d, rest, intercept, factors,
                                            ld_factors, sums + j, ld, upcoming);
    }
    vectors -= width;
    j += width * N;
  }
}

void add_weighted(const double* rows, std::size_t m, std::size_t d, bool intercept,
                  const double* factors, std::size_t ld_factors, std::size_t columns, double* sums,
                  std::size_t ld) {
  for (std::size_t c = 0; c < columns; c += 3) {
    const auto add = columns - c == 1   ? add_weighted_columns<1>
                     : columns - c == 2 ? add_weighted_columns<2>
                                        : add_weighted_columns<3>;
    add(rows, m, d, intercept, factors + c * ld_factors, ld_factors, sums + c * ld, ld);
  }
}

double largest_size(const double* values, const double* weights, std::size_t count) {
  const Tag tag;
  Lanes largest = hn::Zero(tag), nothing = hn::Zero(tag);
  const auto look = [&](Lanes value, Lanes weight) HWY_ATTR {
    const Lanes size = hn::IfThenElseZero(hn::Gt(weight, hn::Zero(tag)), hn::Abs(value));
    largest = hn::Max(largest, size);
    nothing = hn::Add(nothing, hn::Sub(size, size));  // NaN once a size is no number
  };
  std::size_t i = 0;
  for (; i + N <= count; i += N) look(hn::LoadU(tag, values + i), hn::LoadU(tag, weights + i));
  if (i < count) look(load_first(values + i, count - i), load_first(weights + i, count - i));
  return hn::GetLane(hn::MaxOfLanes(tag, largest)) + hn::GetLane(hn::SumOfLanes(tag, nothing));
}

WeightedSums weigh(std::size_t count, const double* weights, const double* norms,
                   const double* values, double* residuals) {
  const Tag tag;
  Lanes of_values = hn::Zero(tag), of_sizes = hn::Zero(tag);
  const auto add = [&](Lanes weight, Lanes norm, Lanes value, Lanes residual) HWY_ATTR {
    const Lanes weighted = hn::Mul(weight, residual);
    of_values = hn::MulAdd(weight, value, of_values);
    of_sizes = hn::MulAdd(hn::Abs(weighted), norm, of_sizes);
    return weighted;
  };
  std::size_t i = 0;
  for (; i + N <= count; i += N) {
    const Lanes value = values == nullptr ? hn::Zero(tag) : hn::LoadU(tag, values + i);
    const Lanes weighted = add(hn::LoadU(tag, weights + i), hn::LoadU(tag, norms + i), value,
                               hn::LoadU(tag, residuals + i));
    hn::StoreU(weighted, tag, residuals + i);
  }
  if (i < count) {
    const std::size_t rest = count - i;
    const Lanes value = values == nullptr ? hn::Zero(tag) : load_first(values + i, rest);
    const Lanes weighted = add(load_first(weights + i, rest), load_first(norms + i, rest), value,
                               load_first(residuals + i, rest));
    store_first(weighted, residuals + i, rest);
  }
  return {hn::GetLane(hn::SumOfLanes(tag, of_values)), hn::GetLane(hn::SumOfLanes(tag, of_sizes))};
}

std::size_t panel_width() {
  return N;
}

void pack(const double* rows, std::size_t m, std::size_t d, std::size_t ld_rows, bool intercept,
          const double* roots, double* panels, std::size_t panel, std::size_t first) {
  const Tag tag;
  const std::size_t rest = d % N;
  for (std::size_t i = 0; i < m; ++i) {
    const double* from = rows + i * ld_rows;
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

/// N columns of gram by V*N of its rows: N*V sums in registers, the shape that fills the 32
/// registers of AVX-512 (24 sums) and the 16 of AVX2 (12) alike. `diagonal`: gram's diagonal starts
/// at the tile's first value. Not inlined: among the variables of its caller, g++ 12 keeps two of
/// these registers in memory, for half the speed.
template <std::size_t V>
HWY_NOINLINE void gram_tile(const double* left, const double* right, std::size_t panel,
                            std::size_t m, double sign, double* gram, std::size_t ld,
                            std::size_t columns, std::size_t rows, bool diagonal,
                            std::uintptr_t ahead) {
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
    const std::size_t above = diagonal ? N : 0;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < N; ++i) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < V; ++v) {
        double* to = gram + i * ld + v * N;
        const Lanes before = hn::LoadU(tag, to);
        Lanes after = hn::MulAdd(factor, sum[i][v], before);
        if (v == 0) after = hn::IfThenElse(hn::FirstN(tag, std::min(i, above)), before, after);
        hn::StoreU(after, tag, to);
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
    for (std::size_t r = diagonal ? i : 0; r < rows; ++r) gram[i * ld + r] += sign * out[i][r];
  }
}

constexpr std::size_t kStripPanels = 3;

std::size_t gram_strip() {
  return kStripPanels * N;
}

void add_gram(const double* panels, std::size_t panel, std::size_t m, std::size_t p, double sign,
              double* gram, std::size_t ld, std::size_t begin, std::size_t end, const double* ahead,
              std::size_t ahead_count) {
  const std::size_t last = (end + N - 1) / N;
  // Addresses, since the last lines asked for may lie beyond the array: they are never read.
  auto line = reinterpret_cast<std::uintptr_t>(ahead);
  const std::uintptr_t line_end = line + ahead_count * sizeof(double);
  // Up to three panels of gram's rows at a time, by every panel of columns at or left of them.
  for (std::size_t strip = begin / N; strip < last; strip += kStripPanels) {
    const std::size_t strip_end = std::min(strip + kStripPanels, last);
    for (std::size_t column = 0; column < strip_end; ++column) {
      const std::size_t row = std::max(strip, column);
      const double *left = panels + column * panel, *right = panels + row * panel;
      double* to = gram + column * N * ld + row * N;
      const std::size_t columns = std::min(N, p - column * N);
      const std::size_t rows = std::min(strip_end * N, p) - row * N;
      const auto tile = strip_end - row == 3   ? gram_tile<3>
                        : strip_end - row == 2 ? gram_tile<2>
                                               : gram_tile<1>;
      tile(left, right, panel, m, sign, to, ld, columns, rows, row == column, line);
      line = std::min(line + m * kLine, line_end);
    }
  }
}

void add_products(const double* left, std::size_t left_panel, std::size_t columns,
                  const double* right, std::size_t right_panel, std::size_t rows, std::size_t m,
                  double sign, double* out, std::size_t ld) {
  const auto nothing = reinterpret_cast<std::uintptr_t>(left);
  for (std::size_t column = 0; column < columns; column += N) {
    const std::size_t width = std::min(N, columns - column);
    for (std::size_t row = 0; row < rows; row += kStripPanels * N) {
      const std::size_t height = std::min(kStripPanels * N, rows - row);
      const auto tile = height > 2 * N ? gram_tile<3> : height > N ? gram_tile<2> : gram_tile<1>;
      tile(left + column / N * left_panel, right + row / N * right_panel, right_panel, m, sign,
           out + column * ld + row, ld, width, height, false, nothing);
    }
  }
}

using FloatTag = hn::CappedTag<float, kUnitRowsPanel>;
using Floats = hn::Vec<FloatTag>;
constexpr std::size_t kFloats = hn::MaxLanes(FloatTag());
constexpr std::size_t kOfPanel = kUnitRowsPanel / kFloats;

/// P panels of rows, side by side so that additions do not wait for one another.
template <std::size_t P>
HWY_INLINE void unit_row_spreads_tile(const float* rows, std::size_t width, const float* columns,
                                      std::size_t count, float* spreads) {
  const FloatTag tag;
  constexpr std::size_t kSums = P * kOfPanel;
  Floats least[kSums], most[kSums];
  for (std::size_t c = 0; c < count; ++c) {
    Floats sum[kSums];
#pragma GCC unroll 16
    for (std::size_t s = 0; s < kSums; ++s) sum[s] = hn::Zero(tag);
    for (std::size_t j = 0; j < width; ++j) {
      const Floats factor = hn::Set(tag, columns[c * width + j]);
#pragma GCC unroll 16
      for (std::size_t s = 0; s < kSums; ++s) {
        const float* from = rows + (s / kOfPanel * width + j) * kUnitRowsPanel;
        sum[s] = hn::MulAdd(factor, hn::LoadU(tag, from + s % kOfPanel * kFloats), sum[s]);
      }
    }
    for (std::size_t s = 0; s < kSums; ++s) {
      least[s] = c == 0 ? sum[s] : hn::Min(least[s], sum[s]);
      most[s] = c == 0 ? sum[s] : hn::Max(most[s], sum[s]);
    }
  }
  for (std::size_t s = 0; s < kSums; ++s) {
    const Floats spread = count == 1 ? hn::Abs(most[s]) : hn::Sub(most[s], least[s]);
    hn::StoreU(spread, tag, spreads + s * kFloats);
  }
}

void unit_row_spreads(const float* rows, std::size_t panels, std::size_t width,
                      const float* columns, std::size_t count, float* spreads) {
  constexpr std::size_t kTogether = kOfPanel >= 4 ? 1 : 4 / kOfPanel;
  std::size_t i = 0;
  for (; i + kTogether <= panels; i += kTogether) {
    unit_row_spreads_tile<kTogether>(rows + i * width * kUnitRowsPanel, width, columns, count,
                                     spreads + i * kUnitRowsPanel);
  }
  for (; i < panels; ++i) {
    unit_row_spreads_tile<1>(rows + i * width * kUnitRowsPanel, width, columns, count,
                             spreads + i * kUnitRowsPanel);
  }
}

#if HWY_TARGET == HWY_SCALAR

void largest_coarse_products(const std::int16_t* rows, std::size_t panels, std::size_t pairs,
                             const std::int16_t* column, std::int32_t* largest) {
  for (std::size_t panel = 0; panel < panels; ++panel) {
    std::int32_t sums[kUnitRowsPanel] = {};
    for (std::size_t j = 0; j < pairs; ++j, rows += 2 * kUnitRowsPanel) {
      for (std::size_t i = 0; i < kUnitRowsPanel; ++i) {
        sums[i] += rows[2 * i] * column[2 * j] + rows[2 * i + 1] * column[2 * j + 1];
      }
    }
    largest[panel] = 0;
    for (const std::int32_t sum : sums) largest[panel] = std::max(largest[panel], std::abs(sum));
  }
}

#else

using IntTag = hn::CappedTag<std::int32_t, kUnitRowsPanel>;
using Ints = hn::Vec<IntTag>;
constexpr std::size_t kInts = hn::MaxLanes(IntTag());
constexpr std::size_t kIntsOfPanel = kUnitRowsPanel / kInts;

/// P panels side by side, so that additions do not wait for one another.
template <std::size_t P>
HWY_INLINE void largest_coarse_products_tile(const std::int16_t* rows, std::size_t pairs,
                                             const std::int16_t* column, std::int32_t* largest) {
  const IntTag tag;
  const hn::Repartition<std::int16_t, IntTag> pair_tag;
  constexpr std::size_t kSums = P * kIntsOfPanel;
  Ints even[kSums], odd[kSums];
#pragma GCC unroll 16
  for (std::size_t s = 0; s < kSums; ++s) even[s] = odd[s] = hn::Zero(tag);
  for (std::size_t j = 0; j < pairs; ++j) {
    std::int32_t both = 0;
    std::memcpy(&both, column + 2 * j, sizeof both);
    const auto factor = hn::BitCast(pair_tag, hn::Set(tag, both));
#pragma GCC unroll 16
    for (std::size_t s = 0; s < kSums; ++s) {
      const std::int16_t* from = rows + (s / kIntsOfPanel * pairs + j) * 2 * kUnitRowsPanel;
      even[s] = hn::ReorderWidenMulAccumulate(
          tag, hn::Load(pair_tag, from + s % kIntsOfPanel * 2 * kInts), factor, even[s], odd[s]);
    }
  }
  for (std::size_t panel = 0; panel < P; ++panel) {
    Ints most = hn::Zero(tag);
    for (std::size_t s = panel * kIntsOfPanel; s < (panel + 1) * kIntsOfPanel; ++s) {
      most = hn::Max(most, hn::Abs(hn::RearrangeToOddPlusEven(even[s], odd[s])));
    }
    largest[panel] = hn::GetLane(hn::MaxOfLanes(tag, most));
  }
}

void largest_coarse_products(const std::int16_t* rows, std::size_t panels, std::size_t pairs,
                             const std::int16_t* column, std::int32_t* largest) {
  constexpr std::size_t kTogether = kIntsOfPanel >= 4 ? 1 : 4 / kIntsOfPanel;
  const std::size_t panel_size = pairs * 2 * kUnitRowsPanel;
  std::size_t i = 0;
  for (; i + kTogether <= panels; i += kTogether) {
    largest_coarse_products_tile<kTogether>(rows + i * panel_size, pairs, column, largest + i);
  }
  for (; i < panels; ++i) {
    largest_coarse_products_tile<1>(rows + i * panel_size, pairs, column, largest + i);
  }
}

#endif

}  // namespace recant::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recant::simd {

void expect(const double* values, std::size_t count) {
  constexpr std::size_t kLine = 64 / sizeof(double);
  for (std::size_t i = 0; i < count; i += kLine) __builtin_prefetch(values + i);
}

HWY_EXPORT(scores);
HWY_EXPORT(squared_norms);
HWY_EXPORT(add_weighted);
HWY_EXPORT(largest_size);
HWY_EXPORT(weigh);
HWY_EXPORT(panel_width);
HWY_EXPORT(pack);
HWY_EXPORT(gram_strip);
HWY_EXPORT(add_gram);
HWY_EXPORT(add_products);
HWY_EXPORT(unit_row_spreads);
HWY_EXPORT(largest_coarse_products);

void scores(const double* rows, std::size_t m, std::size_t d, bool intercept,
            const double* coefficients, std::size_t ld, std::size_t columns, bool added_next,
            double* out, std::size_t ld_out) {
  HWY_DYNAMIC_DISPATCH(scores)
  (rows, m, d, intercept, coefficients, ld, columns, added_next, out, ld_out);
}

void squared_norms(const double* rows, std::size_t m, std::size_t d, double* out) {
  HWY_DYNAMIC_DISPATCH(squared_norms)(rows, m, d, out);
}

void add_weighted(const double* rows, std::size_t m, std::size_t d, bool intercept,
                  const double* factors, std::size_t ld_factors, std::size_t columns, double* sums,
                  std::size_t ld) {
  HWY_DYNAMIC_DISPATCH(add_weighted)
  (rows, m, d, intercept, factors, ld_factors, columns, sums, ld);
}

double largest_size(const double* values, const double* weights, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(largest_size)(values, weights, count);
}

WeightedSums weigh(std::size_t count, const double* weights, const double* norms,
                   const double* values, double* residuals) {
  return HWY_DYNAMIC_DISPATCH(weigh)(count, weights, norms, values, residuals);
}

std::size_t panel_width() {
  return HWY_DYNAMIC_DISPATCH(panel_width)();
}

void pack(const double* rows, std::size_t m, std::size_t d, std::size_t ld_rows, bool intercept,
          const double* roots, double* panels, std::size_t panel, std::size_t first) {
  HWY_DYNAMIC_DISPATCH(pack)(rows, m, d, ld_rows, intercept, roots, panels, panel, first);
}

std::size_t gram_strip() {
  return HWY_DYNAMIC_DISPATCH(gram_strip)();
}

void add_gram(const double* panels, std::size_t panel, std::size_t m, std::size_t p, double sign,
              double* gram, std::size_t ld, std::size_t begin, std::size_t end, const double* ahead,
              std::size_t ahead_count) {
  HWY_DYNAMIC_DISPATCH(add_gram)
  (panels, panel, m, p, sign, gram, ld, begin, end, ahead, ahead_count);
}

void add_products(const double* left, std::size_t left_panel, std::size_t columns,
                  const double* right, std::size_t right_panel, std::size_t rows, std::size_t m,
                  double sign, double* out, std::size_t ld) {
  HWY_DYNAMIC_DISPATCH(add_products)
  (left, left_panel, columns, right, right_panel, rows, m, sign, out, ld);
}

void unit_row_spreads(const float* rows, std::size_t panels, std::size_t width,
                      const float* columns, std::size_t count, float* spreads) {
  HWY_DYNAMIC_DISPATCH(unit_row_spreads)(rows, panels, width, columns, count, spreads);
}

void largest_coarse_products(const std::int16_t* rows, std::size_t panels, std::size_t pairs,
                             const std::int16_t* column, std::int32_t* largest) {
  HWY_DYNAMIC_DISPATCH(largest_coarse_products)(rows, panels, pairs, column, largest);
}

}  // namespace recant::simd
#endif
