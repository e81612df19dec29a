// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

namespace recant {

/// What the Gram kernel multiplies: vectors of `width` values in panels of as many values as the
/// processor has in a register, in each panel one vector after another.
class PackedPanels {
 public:
  /// For `most` vectors. What was there is forgotten, and what is there is not set.
  void begin(std::size_t width, std::size_t most);

  [[nodiscard]] double* data() noexcept { return lines_ ? lines_[0].values : nullptr; }
  [[nodiscard]] const double* data() const noexcept { return lines_ ? lines_[0].values : nullptr; }
  /// Values from one panel to the next.
  [[nodiscard]] std::size_t panel() const noexcept { return panel_; }

 private:
  static constexpr std::size_t kLineValues = 8;
  struct alignas(64) Line {
    double values[kLineValues];
  };
  std::unique_ptr<Line[]> lines_;
  std::size_t count_ = 0, panel_ = 0;
};

}  // namespace recant
