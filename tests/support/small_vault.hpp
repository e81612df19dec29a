// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "recant/engine/enrolment.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/vault.hpp"
#include "small_tables.hpp"

/// Models of small_csv() on disk, with a budget.
namespace recant::test {

/// Who is hired, with row ids.
[[nodiscard]] inline FittedModel small_model(const TemporaryFolder& folder, Index rows,
                                             std::vector<std::string> sensitive = {"sex"}) {
  FitRequest request;
  request.rows.csv = folder.write("train.csv", small_csv(1, rows));
  request.table.target = "hired";
  request.table.positive = "yes";
  request.table.sensitive = std::move(sensitive);
  request.table.id = "id";
  return fit(request).first;
}

[[nodiscard]] inline EnrolmentRequest small_budget() {
  EnrolmentRequest request;
  request.epsilon = 1;
  request.delta = 1e-5;
  request.sigma = 1;
  return request;
}

inline void create_enrolled(const std::filesystem::path& path, const FittedModel& fitted,
                            const EnrolmentRequest& request = small_budget()) {
  const EnrolmentPlan enrolment = plan_enrolment(fitted, request, nullptr);
  Vault::create(path, fitted, true, &enrolment);
}

[[nodiscard]] inline ForgetRequest asked(std::vector<Index> rows, std::string key = {}) {
  ForgetRequest request;
  request.rows = std::move(rows);
  request.key = std::move(key);
  return request;
}

}  // namespace recant::test
