// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

#include "recant/core/blocks.hpp"

namespace recant {

/// Data is row-major (one training row after another), square matrices are column-major.
using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

using ConstVectorRef = Eigen::Ref<const Vector>;
using VectorRef = Eigen::Ref<Vector>;
using ConstMatrixRef = Eigen::Ref<const Matrix>;

/// Rows of a data matrix, contiguous: the view every pass works on. Owns nothing.
using RowsView = Eigen::Map<const RowMatrix>;

}  // namespace recant
