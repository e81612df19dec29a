// SPDX-License-Identifier: Apache-2.0
#include "recant/linalg/symmetric.hpp"

#include "blas.hpp"
#include "panels.hpp"
#include "recant/core/check.hpp"

namespace recant {

Vector symmetric_times(const Matrix& a, ConstVectorRef v) {
  check_size("columns of a square matrix", a.cols(), a.rows());
  check_size("the vector", v.size(), a.rows());
  Vector product = Vector::Zero(v.size());
  const int n = static_cast<int>(a.rows());
  if (n == 0) return product;
  single_threaded_blas();
  cblas_dsymv(CblasColMajor, CblasLower, n, 1.0, a.data(), n, v.data(), 1, 0.0, product.data(), 1);
  return product;
}

void add_outer_products(Matrix& a, ConstMatrixRef u, double sign) {
  check_size("columns of a square matrix", a.cols(), a.rows());
  check_size("rows of the columns", u.rows(), a.rows());
  add_outer_products_in_panels(a, u, sign);
}

Matrix inner_products(ConstMatrixRef u) {
  Matrix products = Matrix::Zero(u.cols(), u.cols());
  if (u.size() == 0) return products;
  const int k = static_cast<int>(u.cols());
  single_threaded_blas();
  if (k > kWide) {
    inner_products_in_panels(u, products);
  } else {
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, k, static_cast<int>(u.rows()), 1.0, u.data(),
                static_cast<int>(u.outerStride()), 0.0, products.data(), k);
  }
  return products;
}

}  // namespace recant
