#include "recant/linalg/cholesky.hpp"

int main() {
  const auto factor = recant::Cholesky::factor(4 * recant::Matrix::Identity(3, 3));
  return factor && factor->solve(recant::Vector::Constant(3, 2)).isConstant(0.5) ? 0 : 1;
}
