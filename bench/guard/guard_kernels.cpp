// SPDX-License-Identifier: Apache-2.0
// The five hottest kernels, for callgrind to count the instructions of: one run of the one that is
// named, in one thread and with AVX2, whatever the processor has.
#include <fmt/format.h>
#include <hwy/targets.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "cases.hpp"
#include "machine.hpp"
#include "recant/core/threads.hpp"
#include "recant/linalg/qp.hpp"
#include "recant/metrics/metric.hpp"
#include "recant/model/objective.hpp"

namespace recant::bench {
namespace {

constexpr Index kRows = 20'000, kColumns = 100, kWeights = 100'000;

double gradient(const Objective& objective, const Vector& theta, const Vector& weights) {
  return objective.evaluate(theta, weights).gradient.norm();
}

double bounded_weights(const QpProblem& problem) {
  const QpResult result = solve_qp(problem);
  require(result.status == QpStatus::kSolved, "solve_qp");
  return result.objective;
}

}  // namespace

/// What callgrind counts: a name that is kept, so that nothing before or after comes in.
extern "C" [[gnu::noinline]] double recant_counted_kernel(const std::function<double()>& kernel) {
  return kernel();
}

namespace {

int run(const std::string& name) {
  set_threads(1);
  const Dataset& data = logistic_data(kRows, kColumns);
  const Objective objective(data, Loss(LossKind::kLogistic), true, 1.0);
  const Vector theta = numbers(objective.parameters(), -0.3, 0.3, 5);
  const LinearModel model{objective.loss(), true, kColumns, theta};
  const MetricSettings settings{.privileged = {"1"}};
  std::vector<Metric> metrics;
  for (const char* metric : {"utility", "demographic_parity", "equal_opportunity"}) {
    metrics.push_back(resolve_metric(metric, data, model, settings).front());
  }
  Matrix directions(theta.size(), 3);
  for (unsigned m = 0; m < 3; ++m) directions.col(m) = numbers(theta.size(), -1, 1, 10 + m);

  const Vector gap = numbers(kWeights, -2, 2, 1), noise = numbers(kWeights, -2, 2, 2);
  const Vector utility = noise - 0.3 * gap;
  const Vector lower = Vector::Constant(kWeights, -1), upper = Vector::Ones(kWeights);
  const QpProblem problem{.linear = view(gap),
                          .kappa = 0.25,
                          .lower = view(lower),
                          .upper = view(upper),
                          .constraints = {{view(gap), 0.6 * gap.lpNorm<1>(), QpRelation::kAtMost},
                                          {view(utility), 0, QpRelation::kAtLeast}}};

  const std::map<std::string, std::function<double()>> kernels = {
      {"gradient", [&] { return gradient(objective, theta, data.weights); }},
      {"hessian", [&] { return objective.hessian(theta, data.weights).trace(); }},
      {"influences",
       [&] { return objective.row_gradient_products(theta, directions).col(0).sum(); }},
      {"metric_gradients", [&] { return metric_gradients(metrics, data, model, settings).norm(); }},
      {"bounded_weights", [&] { return bounded_weights(problem); }}};
  const auto found = kernels.find(name);
  if (found == kernels.end()) {
    for (const auto& [known, unused] : kernels) fmt::print("{}\n", known);
    return name.empty() ? 0 : 1;
  }
  const double once = found->second();  // what is set up at the first call is not counted
  const double again = recant_counted_kernel(found->second);
  require(once == again, "a kernel gives the same answer twice");
  return 0;
}

}  // namespace
}  // namespace recant::bench

int main(int argc, char** argv) {
  if ((HWY_AVX2 & hwy::SupportedTargets()) == 0) {
    fmt::print(stderr, "guard_kernels: this processor has no AVX2, for which counts are kept\n");
    return 77;
  }
  hwy::SetSupportedTargetsForTest(HWY_AVX2);
  return recant::bench::run(argc > 1 ? argv[1] : "");
}
