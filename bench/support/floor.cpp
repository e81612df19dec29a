// SPDX-License-Identifier: Apache-2.0
#include "floor.hpp"

#include <algorithm>

#include "machine.hpp"

namespace recant::bench {

Floor::Floor(RowsView rows, int threads)
    : n_(static_cast<double>(rows.rows())),
      p_(static_cast<double>(rows.cols() + 1)),
      pass_(read_seconds(rows, threads)),
      flops_(peak_flops(threads)) {
  const RowMatrix square = RowMatrix::Ones(rows.cols() + 1, rows.cols() + 1);
  square_ = read_seconds(RowsView(square.data(), square.rows(), square.cols()), threads);
}

double Floor::pass(int products) const noexcept {
  return std::max(pass_, 2 * n_ * p_ * products / flops_);
}

double Floor::hessian() const noexcept {
  return std::max(pass_, n_ * p_ * (p_ + 1) / flops_);
}

double Floor::fit(int passes, int hessians) const noexcept {
  return passes * pass() + hessians * hessian();
}

double Floor::deletion_base() const noexcept {
  return 2 * pass() + hessian() + n_ * p_ * p_ / flops_;
}

double Floor::deletion(Index rows) const noexcept {
  return 1.5 * square_ + 2 * static_cast<double>(rows) * p_ * p_ / flops_;
}

double Floor::bytes_per_second() const noexcept {
  return 8 * n_ * (p_ - 1) / pass_;
}

}  // namespace recant::bench
