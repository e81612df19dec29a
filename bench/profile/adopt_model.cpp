// SPDX-License-Identifier: Apache-2.0
// Adopts the parameters of a model folder, rounded to single precision as if something else had
// trained them: adoption is a job of the library that the command does not have.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "recant/core/threads.hpp"
#include "recant/engine/adopt.hpp"
#include "recant/engine/vault.hpp"
#include "recant/linalg/blas_threads.hpp"

int main(int argc, char** argv) {
  CLI::App app("Adopts the parameters of a model folder, rounded to single precision");
  std::filesystem::path folder;
  int threads = 0;
  app.add_option("model", folder)->required();
  app.add_option("--threads", threads);
  CLI11_PARSE(app, argc, argv);
  try {
    recant::stop_blas_threads();  // as the command does
    recant::set_threads(threads);
    const recant::FittedModel fitted = recant::Vault::open(folder);
    recant::FitRequest request;
    request.loss = fitted.model.loss.kind();
    request.l2 = fitted.l2;
    request.intercept = fitted.model.intercept;
    const auto [adopted, report] =
        adopt(fitted.rows, fitted.model.theta.cast<float>().cast<double>(), request);
    fmt::print("{} steps, moved by {:.3g}\n", report.fit.training.iterations, report.distance);
    return report.fit.training.converged ? 0 : 4;
  } catch (const std::exception& error) {
    fmt::print(stderr, "adopt_model: {}\n", error.what());
    return 1;
  }
}
