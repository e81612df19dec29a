// SPDX-License-Identifier: Apache-2.0
#include "recant/engine/forget.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "bound_from_terms.hpp"
#include "compare.hpp"
#include "expect_error.hpp"
#include "file_bytes.hpp"
#include "file_hash.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/fit.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/vault.hpp"
#include "recant/model/trainer.hpp"
#include "small_tables.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using test::read_bytes;
using Json = nlohmann::ordered_json;

class ForgetTest : public testing::Test {
 protected:
  ForgetTest() {
    FitRequest request;
    request.rows.csv = folder_.write("train.csv", test::small_csv(1, 150));
    request.table.target = "hired";
    request.table.positive = "yes";
    request.table.sensitive = {"sex"};
    request.table.id = "id";
    fitted_ = fit(request).first;
  }
  [[nodiscard]] EnrolmentPlan plan(std::int64_t releases = 50) const {
    EnrolmentRequest request;
    request.epsilon = 1;
    request.delta = 1e-5;
    request.releases = releases;
    request.sigma = 1;
    return plan_enrolment(fitted_, request, nullptr);
  }
  void create_enrolled(std::int64_t releases = 50) const {
    const EnrolmentPlan enrolment = plan(releases);
    ASSERT_FALSE(enrolment.refusal.has_value());
    Vault::create(path_, fitted_, false, &enrolment);
  }
  /// The distance to training without `rows`.
  [[nodiscard]] double truth(const Vector& theta, const std::vector<Index>& rows) const {
    Vector weights = fitted_.rows.weights;
    for (const Index row : rows) weights[row] = 0;
    return (theta - train(fitted_.objective(), weights, {.tolerance = 1e-13}).theta).norm();
  }
  static ForgetRequest rows(std::vector<Index> positions) {
    ForgetRequest request;
    request.rows = std::move(positions);
    return request;
  }

  /// No ledger, keys or anything else was made but the lock.
  void expect_as_fitted() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.insert(entry.path().filename());
    EXPECT_EQ(names, (std::set<std::string>{"lock", "manifest.json", "rows", "state"}));
  }

  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.rct";
  FittedModel fitted_;
};

TEST_F(ForgetTest, AStreamFromOneBaseStaysWithinItsBounds) {
  create_enrolled();
  std::vector<Index> gone;
  {
    Vault vault = Vault::open_for_writing(path_);
    for (Index k = 0; k < 20; ++k) {
      gone.push_back(7 * k);
      const ForgetReport report = vault.forget(rows({7 * k}));
      ASSERT_TRUE(report.done()) << report.reason;
      EXPECT_EQ(report.level, CertificateLevel::kCertified);
      ASSERT_TRUE(report.distance.has_value());
      EXPECT_LE(truth(vault.model().model.theta, gone), *report.distance) << k;
      EXPECT_LE(*report.distance, report.budget->allowance);
      EXPECT_EQ(report.release, k + 2);
    }
    EXPECT_LE(vault.rebuilds(), 3);
  }
  const FittedModel opened = Vault::open(path_);
  for (const Index row : gone) EXPECT_TRUE(is_erased(opened.rows.ids, row));
  EXPECT_EQ(without_erased_rows(opened).rows.rows(), 130);
  EXPECT_FALSE(Vault::check(path_).fault.has_value()) << *Vault::check(path_).fault;
}

TEST_F(ForgetTest, APassGoesOnBoundingTheDeletionsAfterIt) {
  int carried = 0, passes = 0;
  for (const double allowance : {0.1, 0.03, 0.01, 0.003}) {
    EnrolmentRequest request;
    request.epsilon = 1;
    request.delta = 1e-5;
    request.releases = 30;
    request.allowance = allowance;
    const EnrolmentPlan enrolment = plan_enrolment(fitted_, request, nullptr);
    ASSERT_FALSE(enrolment.refusal.has_value());
    Vault::create(path_, fitted_, true, &enrolment);
    Vault vault = Vault::open_for_writing(path_);
    std::vector<Index> gone;
    for (Index k = 0; k < 12; ++k) {
      gone.push_back(11 * k);
      const ForgetReport report = vault.forget(rows({11 * k}));
      ASSERT_TRUE(report.done()) << report.reason;
      EXPECT_LE(truth(vault.model().model.theta, gone), *report.distance) << k;
      const Json bound = Json::parse(to_json(report)).at("bound");
      const auto terms = bound.at("terms").get<std::map<std::string, double>>();
      const double distance = bound.at("distance");
      EXPECT_LE(std::abs(test::BoundFromTerms(terms).distance() - distance), 1e-12L * distance);
      passes += report.tier == "1";
      carried += report.tier == "0" && terms.contains("r_norm");
    }
  }
  EXPECT_GT(passes, 0);
  EXPECT_GT(carried, 0);
}

/// The rows that are left are those of a model that never had the others, to the last byte.
TEST_F(ForgetTest, WithoutErasedRowsEverythingIsAsOfACopy) {
  Vault::create(path_, fitted_, false);
  {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(rows({0, 40, 41, 149})).done());
  }
  const FittedModel left = without_erased_rows(Vault::open(path_));
  FittedModel copied = left;
  RowMatrix values(left.rows.rows(), left.rows.features.columns());
  for (Index i = 0; i < values.rows(); ++i) values.row(i) = left.rows.features.row(i);
  copied.rows.features = FeatureMatrix(values);
  const Vector &theta = left.model.theta, &weights = left.rows.weights;
  const Objective one = left.objective(), other = copied.objective();
  EXPECT_EQ(one.row_norms(), other.row_norms());
  EXPECT_EQ(one.evaluate(theta, weights).gradient, other.evaluate(theta, weights).gradient);
  EXPECT_EQ(one.hessian(theta, weights), other.hessian(theta, weights));
  EXPECT_EQ(scores(left.model, left.rows.features), scores(left.model, copied.rows.features));
  const fs::path first = folder_ / "first.rct", second = folder_ / "second.rct";
  Vault::create(first, left, false);
  Vault::create(second, copied, false);
  EXPECT_EQ(Vault::open(first).rows.features.view(), values);
  EXPECT_EQ(Vault::open(second).rows.features.view(), values);
}

TEST_F(ForgetTest, OpeningAnewGoesOnFromWhatIsThere) {
  create_enrolled();
  std::vector<Index> gone;
  for (Index k = 0; k < 4; ++k) {
    Vault vault = Vault::open_for_writing(path_);
    EXPECT_TRUE(vault.recovered().empty());
    gone.push_back(30 * k);
    const ForgetReport report = vault.forget(rows({30 * k}));
    ASSERT_TRUE(report.done()) << report.reason;
    EXPECT_LE(truth(vault.model().model.theta, gone), *report.distance);
  }
  EXPECT_EQ(Vault::status(path_).rows_left, 146);
}

TEST_F(ForgetTest, WithoutABudgetTheResultIsExact) {
  Vault::create(path_, fitted_, false);
  Vault vault = Vault::open_for_writing(path_);
  ForgetRequest request;
  request.ids = {fitted_.rows.ids.text(3), fitted_.rows.ids.text(77)};
  const ForgetReport report = vault.forget(request);
  ASSERT_TRUE(report.done());
  EXPECT_EQ(report.level, CertificateLevel::kExact);
  EXPECT_FALSE(report.budget.has_value());
  EXPECT_LT(truth(vault.model().model.theta, {3, 77}), 1e-8);
  EXPECT_TRUE(test::same_bytes(read_npy_vector(path_ / "published/parameters.npy"),
                               vault.model().model.theta));
}

TEST_F(ForgetTest, WhatTheRequestRefusesLeavesNoTrace) {
  create_enrolled();
  Vault vault = Vault::open_for_writing(path_);
  const auto before = Vault::status(path_).ledger->events;
  ForgetRequest both = rows({1});
  both.ids = {"x"};
  ForgetRequest by_value = rows({1});
  by_value.weighting.by_value = true;
  by_value.weighting.alpha = 1;
  by_value.weighting.values = Vector::Zero(3);
  ForgetRequest ascent = rows({1});
  ascent.method = ForgetMethod::kAscent;
  ForgetRequest no_steps = ascent;
  no_steps.holdout = &fitted_.rows;
  no_steps.ascent.max_steps = 0;
  for (const ForgetRequest& bad :
       {ForgetRequest{}, both, rows({1, 1}), by_value, ascent, no_steps}) {
    EXPECT_THROW(static_cast<void>(vault.forget(bad)), UsageError);
  }
  EXPECT_THROW(static_cast<void>(vault.forget(rows({150}))), NotFoundError);
  EXPECT_THROW(static_cast<void>(vault.forget(rows({-1}))), NotFoundError);
  EXPECT_THROW(static_cast<void>(vault.outcome("no such key")), NotFoundError);
  EXPECT_EQ(Vault::status(path_).ledger->events, before);
}

TEST_F(ForgetTest, AlphaThatNoAllowanceChoosesLeavesNoTrace) {
  Vault::create(path_, fitted_, false);
  Vault vault = Vault::open_for_writing(path_);
  ForgetRequest request = rows({1, 2});
  request.weighting.by_value = true;
  request.weighting.values = Vector::LinSpaced(150, 0, 1);
  test::expect_error<UsageError>([&] { return vault.forget(request); }, {"this model has none"});
  expect_as_fitted();
}

TEST_F(ForgetTest, TiersThatNoBudgetAsksForLeaveNoTrace) {
  Vault::create(path_, fitted_, false);
  Vault vault = Vault::open_for_writing(path_);
  for (const auto tier : {Tier::kStep, Tier::kRetrain}) {
    ForgetRequest limited = rows({1});
    limited.tier_at_most = tier;
    test::expect_error<UsageError>([&] { return vault.forget(limited); },
                                   {"tier_at_most", "has none", "leave it out"});
  }
  ForgetRequest half = rows({1});
  half.third_derivative = true;
  test::expect_error<UsageError>([&] { return vault.forget(half); },
                                 {"third_derivative", "has none", "leave it out"});
  expect_as_fitted();
  EXPECT_TRUE(vault.forget(rows({1})).done());
}

/// A vault in memory knows its rows; a ledger that came to its folder knows others.
TEST_F(ForgetTest, AFolderThatHasBecomeAnotherBeforeTheFirstDeletionIsLeftAlone) {
  Vault::create(path_, fitted_, false);
  const fs::path later = path_.string() + ".later", away = path_.string() + ".away";
  const auto over = fs::copy_options::recursive | fs::copy_options::overwrite_existing;
  fs::copy(path_, later, over);
  ASSERT_TRUE(Vault::open_for_writing(later).forget(rows({7, 8, 9})).done());
  fs::remove(later / "lock");
  {
    Vault vault = Vault::open_for_writing(path_);
    fs::copy(later, path_, over);  // the lock is the same file
    EXPECT_THROW(static_cast<void>(vault.forget(rows({1}))), BusyError);
    EXPECT_EQ(Vault::status(path_).ledger->batches, 2);
  }
  fs::remove_all(path_);
  Vault::create(path_, fitted_, false);
  Vault vault = Vault::open_for_writing(path_);
  fs::rename(path_, away);
  Vault::create(path_, fitted_, false);
  EXPECT_THROW(static_cast<void>(vault.forget(rows({1}))), BusyError);
  for (const char* name : {"ledger.sqlite", "secret", "public-key.json", "published"}) {
    EXPECT_FALSE(fs::exists(path_ / name)) << name;
  }
  fs::remove_all(later);
  fs::remove_all(away);
}

/// Of a model that no deletion was asked of yet.
TEST_F(ForgetTest, WhatIsRefusedBeforeTheFirstDeletionMakesNoLedger) {
  Vault::create(path_, fitted_, false);
  Vault vault = Vault::open_for_writing(path_);
  ForgetRequest ascent = rows({1}), rank = rows({1, 2});
  ascent.method = ForgetMethod::kAscent;
  rank.weighting.by_value = true;
  rank.weighting.form = ValueForm::kRank;
  rank.weighting.alpha = 2;
  rank.weighting.values = Vector::LinSpaced(150, 0, 1);
  for (const ForgetRequest& bad : {ForgetRequest{}, rows({1, 1}), ascent, rank}) {
    EXPECT_THROW(static_cast<void>(vault.forget(bad)), UsageError);
  }
  EXPECT_THROW(static_cast<void>(vault.forget(rows({150}))), NotFoundError);
  EXPECT_THROW(static_cast<void>(vault.outcome("no such key")), NotFoundError);
  expect_as_fitted();
  const ForgetReport report = vault.forget(rows({1}));
  EXPECT_TRUE(report.done());
  EXPECT_FALSE(Vault::check(path_).fault.has_value());
  EXPECT_EQ(Vault::status(path_).ledger->batches, 2);
}

TEST_F(ForgetTest, AKeyIsAnsweredOnce) {
  create_enrolled();
  Vault vault = Vault::open_for_writing(path_);
  ForgetRequest request = rows({5});
  request.key = "k";
  const ForgetReport first = vault.forget(request);
  const ForgetReport again = vault.forget(request);
  EXPECT_FALSE(first.repeated);
  EXPECT_TRUE(again.repeated) << "though its row has no id any more";
  EXPECT_EQ(again.state, RequestState::kCertified);
  ForgetRequest other = rows({6});
  other.key = "k";
  EXPECT_THROW(static_cast<void>(vault.forget(other)), UsageError);
  const ForgetReport known = vault.outcome("k");
  EXPECT_TRUE(known.repeated);
  EXPECT_EQ(known.request, first.request);
  EXPECT_EQ(known.certificate, first.certificate);
}

/// Steps, step size, rule and clip are part of what was asked for.
TEST_F(ForgetTest, AKeyBindsTheSettingsOfGradientAscent) {
  Vault::create(path_, fitted_, false);
  Vault vault = Vault::open_for_writing(path_);
  ForgetRequest request = rows({5});
  request.key = "k";
  request.method = ForgetMethod::kAscent;
  request.holdout = &fitted_.rows;
  request.ascent = {.max_steps = 3, .step_size = 0.01, .rule = StepRule::kDecaying, .clip = 2};
  const ForgetReport first = vault.forget(request);
  ASSERT_TRUE(first.done());
  const ForgetReport again = vault.forget(request);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.request, first.request);

  std::vector<ForgetRequest> others(5, request);
  others[0].ascent.max_steps = 4;
  others[1].ascent.step_size = 0.02;
  others[2].ascent.rule = StepRule::kConstant;
  others[3].ascent.clip = 3;
  others[4].ascent.clip.reset();
  for (const ForgetRequest& other : others) {
    test::expect_error<UsageError>([&] { return vault.forget(other); }, {"another request"});
    const ForgetRequest batch[] = {request, other};
    test::expect_error<UsageError>([&] { return vault.forget(batch); }, {"share method"});
  }
  EXPECT_EQ(Vault::status(path_).rows_left, 149);
  // Of a Newton step they are no part.
  ForgetRequest newton = rows({6});
  newton.key = "n";
  ASSERT_TRUE(vault.forget(newton).done());
  newton.ascent.max_steps = 4;
  EXPECT_TRUE(vault.forget(newton).repeated);
}

/// Why it ended, also of a first outcome that is told again.
TEST_F(ForgetTest, GradientAscentSaysHowItWent) {
  Vault::create(path_, fitted_, false);
  Vault vault = Vault::open_for_writing(path_);
  Dataset unseen = fitted_.rows;  // fitted so badly that no step is enough
  unseen.targets = 1 - unseen.targets.array();
  ForgetRequest request = rows({5});
  request.key = "k";
  request.method = ForgetMethod::kAscent;
  request.holdout = &unseen;
  request.ascent.max_steps = 2;
  request.ascent.step_size = 1e-6;
  static_cast<void>(vault.forget(request));
  ForgetRequest overshoot = rows({6});
  overshoot.method = ForgetMethod::kAscent;
  overshoot.holdout = &unseen;
  overshoot.ascent = {.step_size = 1e6, .clip = {}};
  const auto json_of = [](const ForgetReport& report) { return Json::parse(to_json(report)); };
  const Json slow = json_of(vault.outcome("k")), far = json_of(vault.forget(overshoot));
  EXPECT_EQ(slow.at("stop"), "steps");
  EXPECT_EQ(slow.at("steps"), 2);
  EXPECT_EQ(far.at("stop"), "reached");
  EXPECT_EQ(far.at("steps"), 1);
  const Json newton = json_of(vault.forget(rows({7})));
  EXPECT_TRUE(newton.at("stop").is_null());
  EXPECT_TRUE(newton.at("steps").is_null());
}

/// What a pass shows of it counts, as of any model; without a budget nothing is promised.
TEST_F(ForgetTest, GradientAscentIsCertifiedUnderABudgetAlone) {
  Dataset unseen = fitted_.rows;
  unseen.targets = 1 - unseen.targets.array();
  ForgetRequest request = rows({5});
  request.method = ForgetMethod::kAscent;
  request.holdout = &unseen;
  request.ascent = {.max_steps = 2, .step_size = 1e-4};

  EnrolmentRequest wide;
  wide.epsilon = 1;
  wide.delta = 1e-5;
  wide.sigma = 64;
  const EnrolmentPlan enrolment = plan_enrolment(fitted_, wide, nullptr);
  Vault::create(path_, fitted_, false, &enrolment);
  Vault vault = Vault::open_for_writing(path_);
  const double allowance = enrolment.budget.allowance;
  const ForgetReport near = vault.forget(request);
  ForgetRequest far = request;
  far.rows = {6};
  far.ascent.step_size = 1e3;
  far.ascent.clip.reset();
  const ForgetReport beyond = vault.forget(far);
  EXPECT_EQ(beyond.state, RequestState::kRejected);
  EXPECT_EQ(beyond.reason, "above_allowance");
  ASSERT_TRUE(near.done()) << near.reason << " " << allowance;
  EXPECT_EQ(near.level, CertificateLevel::kCertified);
  EXPECT_EQ(near.tier, "1");
  EXPECT_LE(near.distance.value(), allowance);
  EXPECT_LE(truth(Vault::open(path_).model.theta, {5}), near.distance.value());
  const Certificate certificate = read_certificate(read_bytes(near.certificate));
  EXPECT_EQ(certificate.level, CertificateLevel::kCertified);

  const fs::path plain = folder_ / "plain.rct";
  Vault::create(plain, fitted_, false);
  const ForgetReport free = Vault::open_for_writing(plain).forget(request);
  ASSERT_TRUE(free.done());
  EXPECT_EQ(free.level, CertificateLevel::kHeuristic);
  EXPECT_EQ(read_certificate(read_bytes(free.certificate)).level, CertificateLevel::kHeuristic);
}

TEST_F(ForgetTest, AnotherWriterIsBusyAndAReaderIsNot) {
  create_enrolled();
  const Vault vault = Vault::open_for_writing(path_);
  const WriterWait none{.seconds = 0};
  EXPECT_THROW(static_cast<void>(Vault::open_for_writing(path_, {.wait = none})), BusyError);
  EXPECT_THROW(Vault::create(path_, fitted_, true, nullptr, std::nullopt, none), BusyError);
  static_cast<void>(Vault::open(path_));
  EXPECT_FALSE(Vault::check(path_).fault.has_value());
}

TEST_F(ForgetTest, EnrolmentsThatCannotWorkAreRefused) {
  EnrolmentRequest request;
  request.epsilon = 1;
  request.delta = 1e-5;
  request.sigma = 1e-25;
  const EnrolmentPlan refused = plan_enrolment(fitted_, request, nullptr);
  ASSERT_TRUE(refused.refusal.has_value());
  EXPECT_EQ(refused.refusal->reason, "sigma_too_small");
  EXPECT_THROW(Vault::create(path_, fitted_, false, &refused), UsageError);
  EnrolmentRequest narrow = request;
  narrow.sigma.reset();
  narrow.allowance = 1e-25;
  EXPECT_EQ(plan_enrolment(fitted_, narrow, nullptr).refusal.value().reason, "allowance_too_small");
  narrow.allowance.reset();
  narrow.sigma = 1e-150;
  EXPECT_EQ(plan_enrolment(fitted_, narrow, nullptr).refusal.value().reason, "out_of_range");
  for (const double bad : {0.0, -1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
    EnrolmentRequest wrong = request;
    wrong.epsilon = bad;
    EXPECT_THROW(static_cast<void>(plan_enrolment(fitted_, wrong, nullptr)), UsageError) << bad;
    wrong = request;
    wrong.sigma = bad;
    EXPECT_THROW(static_cast<void>(plan_enrolment(fitted_, wrong, nullptr)), UsageError) << bad;
    wrong = request;
    wrong.delta = bad;
    EXPECT_THROW(static_cast<void>(plan_enrolment(fitted_, wrong, nullptr)), UsageError) << bad;
  }
}

TEST_F(ForgetTest, RefusedNoiseIsToldWithNoiseThatDoes) {
  EnrolmentRequest request;
  request.epsilon = 1;
  request.delta = 1e-5;
  const auto number_before = [](const std::string& text, const char* what) {
    const std::size_t end = text.find(what), start = text.rfind(' ', end - 1) + 1;
    return end == std::string::npos ? 0 : std::stod(text.substr(start, end - start));
  };
  const char* const kRoomText = ", which leaves deletions room";
  request.sigma = 1e-25;
  request.difference_epsilon = 1;
  request.difference_delta = 1e-5;
  request.difference_step = 0.1;
  for (const double sigma : {1e-25, 1e-2}) {  // the fit asks for more; the step alone takes it all
    EnrolmentRequest one = request;
    one.sigma = sigma;
    const auto refusal = plan_enrolment(fitted_, one, nullptr).refusal;
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason, "sigma_too_small");
    EXPECT_NE(refusal->text.find("smaller difference_step"), std::string::npos) << refusal->text;
    one.sigma = number_before(refusal->text, kRoomText);
    EXPECT_GT(*one.sigma, sigma);
    const EnrolmentPlan plan = plan_enrolment(fitted_, one, nullptr);
    ASSERT_FALSE(plan.refusal) << plan.refusal->text;
    Vault::create(path_, fitted_, true, &plan);
    EXPECT_TRUE(Vault::open_for_writing(path_).forget(rows({3})).done());
  }
  EnrolmentRequest narrow;
  narrow.epsilon = 1;
  narrow.delta = 1e-5;
  narrow.allowance = 1e-25;
  const auto refusal = plan_enrolment(fitted_, narrow, nullptr).refusal;
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->text.find("promise less"), std::string::npos) << "sigma would follow";
  narrow.allowance = number_before(refusal->text, kRoomText);
  EXPECT_FALSE(plan_enrolment(fitted_, narrow, nullptr).refusal);
}

TEST_F(ForgetTest, WhereNoNoiseWouldDoNoneIsProposed) {
  fitted_.model.theta[0] = 1e150;
  EnrolmentRequest request;
  request.epsilon = 1;
  request.delta = 1e-5;
  for (const double sigma : {1e-3, 1e100}) {
    request.sigma = sigma;
    const auto refusal = plan_enrolment(fitted_, request, nullptr).refusal;
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->reason, "out_of_range");
    EXPECT_NE(refusal->text.find("no noise would do"), std::string::npos) << refusal->text;
    EXPECT_EQ(refusal->text.find("promise less"), std::string::npos) << refusal->text;
  }
}

TEST_F(ForgetTest, APriceThatRoundingHidesIsRefusedWithTheLeast) {
  EnrolmentRequest request;
  request.epsilon = 1;
  request.delta = 1e-5;
  request.utility_price = 1e-20;
  const auto refusal = plan_enrolment(fitted_, request, nullptr).refusal;
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, "price_too_small");
  const std::size_t give = refusal->text.find("give ");
  ASSERT_NE(give, std::string::npos);
  request.utility_price = std::stod(refusal->text.substr(give + 5));
  EXPECT_LT(*request.utility_price, 1e-9);
  const EnrolmentPlan plan = plan_enrolment(fitted_, request, nullptr);
  EXPECT_FALSE(plan.refusal && plan.refusal->reason == "price_too_small");
}

/// The least noise that is not refused can be published: its grid holds the model.
TEST_F(ForgetTest, NoPlanEndsInAGridThatCannotHoldTheModel) {
  fitted_.l2 = 1000;  // its distance to the optimum is then known far below what a grid can hold
  const TrainerResult trained = train(fitted_.objective(), fitted_.rows.weights);
  fitted_.model.theta = trained.theta;
  fitted_.gradient = trained.gradient;
  EnrolmentRequest request;
  request.epsilon = 1;
  request.delta = 1e-5;
  int by_grid = 0;
  for (int k = -60; k < 0; ++k) {
    request.sigma = std::ldexp(1, k);
    const EnrolmentPlan plan = plan_enrolment(fitted_, request, nullptr);
    if (!plan.refusal) {
      Vault::create(path_, fitted_, false, &plan);
      break;
    }
    EXPECT_EQ(plan.refusal->reason, "sigma_too_small");
    by_grid += plan.refusal->text.find("too fine to hold") != std::string::npos;
  }
  EXPECT_GT(by_grid, 0);
  EXPECT_TRUE(Vault::open_for_writing(path_).forget(rows({3})).done());
}

/// A folder as version 1 wrote it.
void make_format_one(const fs::path& path) {
  for (const char* file : {"theta.npy", "gradient.npy"}) {
    fs::rename(path / "state/0" / file, path / "state" / file);
  }
  fs::remove(path / "state/0");
  Json manifest = Json::parse(read_bytes(path / "manifest.json"));
  Json files = Json::object();
  for (const char* file :
       {"rows/features.npy", "rows/targets.npy", "rows/weights.npy", "rows/ids.npy",
        "rows/groups.npy", "state/theta.npy", "state/gradient.npy"}) {
    files[file] = file_hash(path / file);
  }
  manifest["format_version"] = 1;
  manifest.erase("enrolment");
  manifest.erase("ledger");
  manifest["files"] = files;
  manifest["model_id"] = "";
  manifest["model_id"] = text_hash(manifest.dump()).substr(0, 32);
  std::ofstream(path / "manifest.json") << manifest.dump(1) << "\n";
}

TEST_F(ForgetTest, AFolderOfFormatOneOpensAndIsRewrittenByItsFirstDeletion) {
  Vault::create(path_, fitted_, false);
  make_format_one(path_);
  EXPECT_TRUE(test::same_bytes(Vault::open(path_).model.theta, fitted_.model.theta));
  EXPECT_EQ(Vault::status(path_).format_version, 1);
  EXPECT_FALSE(Vault::check(path_).fault.has_value());
  {
    Vault vault = Vault::open_for_writing(path_);
    ASSERT_TRUE(vault.forget(rows({2})).done());
  }
  EXPECT_EQ(Vault::status(path_).format_version, 3);
  EXPECT_EQ(Vault::status(path_).rows_left, 149);
  EXPECT_FALSE(Vault::check(path_).fault.has_value());
  EXPECT_FALSE(fs::exists(path_ / "state/theta.npy")) << "the state with the row that was deleted";
}

TEST_F(ForgetTest, ADamagedFolderOfFormatOneStaysOne) {
  Vault::create(path_, fitted_, false);
  make_format_one(path_);
  std::string theta = read_bytes(path_ / "state/theta.npy");
  theta.back() ^= 1;
  std::ofstream(path_ / "state/theta.npy", std::ios::binary) << theta;
  test::expect_error<DamagedError>([&] { return Vault::open_for_writing(path_); }, {"theta.npy"});
  EXPECT_EQ(Vault::status(path_).format_version, 1);
}

}  // namespace
}  // namespace recant
