// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <vector>

#include "recant/core/interrupt.hpp"

/// Every pass over rows is a reduction over fixed-size row blocks, merged in a fixed order.
/// How many threads walk the blocks changes nothing in the result, not even its last bit.
namespace recant {

using Index = std::int64_t;

inline constexpr Index kBlockRows = 1024;

struct RowBlock {
  Index begin = 0, end = 0;
  [[nodiscard]] Index size() const noexcept { return end - begin; }
};

[[nodiscard]] constexpr Index block_count(Index rows) noexcept {
  return (rows + kBlockRows - 1) / kBlockRows;
}

[[nodiscard]] constexpr RowBlock block_at(Index block, Index rows) noexcept {
  return {block * kBlockRows, std::min(rows, (block + 1) * kBlockRows)};
}

/// Runs task(0) .. task(count-1) on threads() threads, in any order; called from within a task,
/// in that task's thread. The first exception in the order of the tasks is rethrown when all are
/// done; that of an InterruptCheck (core/interrupt.hpp) as soon as those under way are, which call
/// check_interrupt() where they are long.
void parallel_for(Index count, const std::function<void(Index)>& task);

/// Folds the row blocks of 0..rows into `groups` accumulators, each over a contiguous run of
/// blocks in row order, then merges the accumulators as a balanced binary tree.
///
/// add(accumulator, block) adds one block; merge(into, from) adds one accumulator to another.
/// `groups` bounds memory and parallelism and must not depend on the number of threads.
/// Accumulators are kept 128 bytes apart: one that is written for every row would otherwise take
/// its line of the cache, or the pair of lines that is fetched with it, from another thread.
template <class Accumulator, class Add, class Merge>
[[nodiscard]] Accumulator reduce_rows(Index rows, Index groups, const Accumulator& zero, Add&& add,
                                      Merge&& merge) {
  const Index blocks = block_count(rows);
  groups = std::clamp<Index>(groups, 1, std::max<Index>(blocks, 1));
  struct alignas(128) Part {
    Accumulator sum;
  };
  std::vector<Part> parts(static_cast<std::size_t>(groups));
  parallel_for(groups, [&](Index group) {
    Accumulator& part = parts[static_cast<std::size_t>(group)].sum;
    part = zero;
    for (Index b = blocks * group / groups; b < blocks * (group + 1) / groups; ++b) {
      check_interrupt();
      add(part, block_at(b, rows));
    }
  });
  for (Index stride = 1; stride < groups; stride *= 2) {
    for (Index i = 0; i + stride < groups; i += 2 * stride) {
      check_interrupt();
      merge(parts[static_cast<std::size_t>(i)].sum,
            parts[static_cast<std::size_t>(i + stride)].sum);
    }
  }
  return std::move(parts.front().sum);
}

/// Runs task(block) for every row block: for results that are written per row.
template <class Task>
void for_each_block(Index rows, Task&& task) {
  parallel_for(block_count(rows), [&](Index block) { task(block_at(block, rows)); });
}

}  // namespace recant
