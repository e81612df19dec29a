// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "recant/core/fingerprint.hpp"
#include "recant/linalg/types.hpp"

/// What a set S of training rows is worth, v(S): what Shapley values and the like divide among the
/// rows. docs/mathematics.md section 7.2.
namespace recant {

/// One set of rows and its value, worked on by one thread.
class GrowingSet {
 public:
  virtual ~GrowingSet() = default;
  virtual void clear() = 0;
  /// `row` is not in the set yet.
  virtual void add(Index row) = 0;
  /// v of the set: the same whatever order its rows came in.
  [[nodiscard]] virtual double value() = 0;
};

/// May be used by several threads at once; its sets live no longer than it does.
class SubsetUtility {
 public:
  virtual ~SubsetUtility() = default;
  /// n, rows there are to value.
  [[nodiscard]] virtual Index rows() const noexcept = 0;
  [[nodiscard]] virtual std::unique_ptr<GrowingSet> empty_set() const = 0;
  /// False for a row that changes no set it joins, as one of weight 0: it is worth exactly 0.
  [[nodiscard]] virtual bool counts(Index /*row*/) const { return true; }
  /// Adds all that v depends on.
  virtual void add_to(Fingerprint& fingerprint) const = 0;
};

}  // namespace recant
