// SPDX-License-Identifier: Apache-2.0
#include "recant/valuation/semivalues.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <numeric>
#include <vector>

#include "recant/core/blocks.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/interrupt.hpp"
#include "recant/core/seeded_random.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/core/threads.hpp"
#include "sampling_state.hpp"

namespace recant {
namespace {

/// Samples between two looks at the standard errors, wherever work was interrupted. At most as
/// many are held side by side: n numbers each.
constexpr std::int64_t kRound = 32;
constexpr std::int64_t kLeastSamples = 64;
constexpr double kSecondsBetweenSaves = 10, kSecondsOfABatch = 1;
/// Terms of permutations count as such from this n q_r on. All others together have weights of at
/// most 1% of the whole, so a row that has only them is not known.
constexpr double kLeastWeight = 0.01;

/// A row more costs a look at every validation row.
constexpr Index kRowsBetweenLooks = 64;

/// Visits all rows with such leaps that rows side by side are far apart in the order: files are
/// often sorted, and sets of neighbours grow slowly where near rows come together and late.
template <class Visit>
void visit_spread(Index rows, Visit&& visit) {
  // By the golden ratio; the next number that shares no divisor with n comes by all rows.
  auto step = std::max<Index>(1, static_cast<Index>(0.618 * static_cast<double>(rows)));
  while (std::gcd(step, rows) != 1) ++step;
  for (Index k = 0, row = 0; k < rows; ++k, row = (row + step) % rows) {
    if (k % kRowsBetweenLooks == 0) check_interrupt();
    visit(row);
  }
}

/// Mean and squared deviations of numbers that come one by one [Welford1962], in three columns of
/// a row of sums.
struct RunningMean {
  static constexpr Index kCount = 0, kMean = 1, kSquares = 2, kColumns = 3;
  template <class Row>
  static void add(Row&& row, double value) {
    const double before = value - row(kMean);
    row(kCount) += 1;
    row(kMean) += before / row(kCount);
    row(kSquares) += before * (value - row(kMean));
  }
  /// Squared standard error; infinite for fewer than two numbers.
  template <class Row>
  static double error2(const Row& row) {
    if (row(kCount) < 2) return std::numeric_limits<double>::infinity();
    return row(kSquares) / (row(kCount) - 1) / row(kCount);
  }
};

/// What one sample says of every row: a permutation what the row adds, a subset whether it is in.
struct Sample {
  Vector rows;
  std::vector<bool> known;  ///< of a permutation: rows whose term was found out, and counts
  double value = 0;         ///< of the subset
  bool truncated = false;
  std::int64_t evaluations = 0;
  std::exception_ptr error;  ///< why there is no sample
};

/// How one family of values is sampled. Each row accumulates `columns()` numbers.
class Sampler {
 public:
  virtual ~Sampler() = default;
  [[nodiscard]] virtual Index columns() const = 0;
  virtual void draw(GrowingSet& set, SeededRandom& random, Sample& sample) const = 0;
  virtual void add(const Sample& sample, Index row, Eigen::Ref<Matrix> sums) const = 0;
  /// Value and standard error of a row; infinite while nothing can be said.
  [[nodiscard]] virtual std::pair<double, double> estimate(Index row, const Matrix& sums) const = 0;
  /// "70 permutations leave 3 of 100 rows without a value"
  [[nodiscard]] virtual UsageError too_few(std::int64_t samples, Index unknown) const = 0;
};

class PermutationSampler final : public Sampler {
 public:
  /// `weights`: n q_r by position r. A prefix within `close` of `all` ends a permutation.
  PermutationSampler(const SubsetUtility& utility, Vector weights, double all, double none,
                     std::optional<double> close)
      : utility_(utility), weights_(std::move(weights)), all_(all), none_(none), close_(close) {}

  [[nodiscard]] Index columns() const override { return RunningMean::kColumns + 1; }

  void draw(GrowingSet& set, SeededRandom& random, Sample& sample) const override {
    const Index n = weights_.size();
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    random.shuffle(std::span(order));
    sample.rows.setZero(n);
    sample.known.assign(static_cast<std::size_t>(n), false);
    set.clear();
    double before = none_;
    for (Index r = 0; r < n; ++r) {
      if (r % kRowsBetweenLooks == 0) check_interrupt();
      if (close_ && std::abs(all_ - before) <= *close_) {
        sample.truncated = true;
        return;
      }
      const Index row = order[static_cast<std::size_t>(r)];
      if (!utility_.counts(row)) continue;  // changes nothing
      set.add(row);
      const double after = set.value();
      ++sample.evaluations;
      sample.rows(row) = weights_(r) * (after - before);
      sample.known[static_cast<std::size_t>(row)] = weights_(r) >= kLeastWeight;
      before = after;
    }
  }
  void add(const Sample& sample, Index row, Eigen::Ref<Matrix> sums) const override {
    RunningMean::add(sums.row(row), sample.rows(row));
    sums(row, kTerms) += sample.known[static_cast<std::size_t>(row)];
  }
  [[nodiscard]] std::pair<double, double> estimate(Index row, const Matrix& sums) const override {
    const auto own = sums.row(row);
    // Zeros that nobody found out say nothing, however many they are.
    if (own(kTerms) == 0) return {0, std::numeric_limits<double>::infinity()};
    return {own(RunningMean::kMean), std::sqrt(RunningMean::error2(own))};
  }
  [[nodiscard]] UsageError too_few(std::int64_t samples, Index unknown) const override {
    return UsageError(fmt::format("{} permutations leave {} of {} rows without a value", samples,
                                  unknown, utility_.rows()),
                      "max_samples",
                      close_ ? "draw more samples or lower truncation" : "draw more samples");
  }

 private:
  static constexpr Index kTerms = RunningMean::kColumns;
  const SubsetUtility& utility_;
  Vector weights_;
  double all_, none_;
  std::optional<double> close_;
};

class SubsetSampler final : public Sampler {
 public:
  explicit SubsetSampler(Index rows) : rows_(rows) {}

  [[nodiscard]] Index columns() const override { return 2 * RunningMean::kColumns; }

  void draw(GrowingSet& set, SeededRandom& random, Sample& sample) const override {
    sample.rows.resize(rows_);
    set.clear();
    std::uint64_t bits = 0;
    for (Index row = 0; row < rows_; ++row) {
      if (row % 64 == 0) bits = random.bits();
      sample.rows(row) = static_cast<double>(bits >> (row % 64) & 1);
    }
    visit_spread(rows_, [&](Index row) {
      if (sample.rows(row) == 1) set.add(row);
    });
    sample.value = set.value();
    ++sample.evaluations;
  }
  void add(const Sample& sample, Index row, Eigen::Ref<Matrix> sums) const override {
    RunningMean::add(sums.row(row).segment(sample.rows(row) == 1 ? 0 : RunningMean::kColumns,
                                           RunningMean::kColumns),
                     sample.value);
  }
  [[nodiscard]] std::pair<double, double> estimate(Index row, const Matrix& sums) const override {
    const auto in = sums.row(row).head(RunningMean::kColumns);
    const auto out = sums.row(row).tail(RunningMean::kColumns);
    return {in(RunningMean::kMean)-out(RunningMean::kMean),
            std::sqrt(RunningMean::error2(in) + RunningMean::error2(out))};
  }
  [[nodiscard]] UsageError too_few(std::int64_t samples, Index unknown) const override {
    return UsageError(fmt::format("{} subsets leave {} of {} rows fewer than twice in or twice out",
                                  samples, unknown, rows_),
                      "max_samples", "draw more samples");
  }

 private:
  Index rows_;
};

class Sampling {
 public:
  Sampling(const SubsetUtility& utility, Semivalue kind, const SamplingOptions& options,
           const ProgressCallback& progress)
      : utility_(utility), kind_(kind), options_(options), progress_(progress) {}

  SampledValues run() {
    const Index n = utility_.rows();
    measure_ends();
    make_sampler();
    std::uint64_t fingerprint = 0;
    if (!options_.state_file.empty()) {
      fingerprint = input_fingerprint();
      if (auto saved = load_state(options_.state_file, fingerprint, n, sampler_->columns())) {
        state_ = std::move(*saved);
        result_.resumed = state_.samples;
      }
    }
    if (state_.sums.size() == 0) state_.sums = Matrix::Zero(n, sampler_->columns());
    const auto save = [&] {
      if (!options_.state_file.empty()) save_state(options_.state_file, fingerprint, state_);
    };
    try {
      draw_all(save);
    } catch (...) {
      save();
      throw;
    }
    save();
    estimate();
    check_budget();
    result_.precise = precise();
    result_.samples = state_.samples;
    result_.truncated = state_.truncated;
    result_.evaluations = state_.evaluations;
    return std::move(result_);
  }

 private:
  /// Until there are enough. Samples come in batches, one a thread or as many as fit into a
  /// second: how long they take decides when they are reported and saved, never what they are.
  template <class Save>
  void draw_all(const Save& save) {
    const Index workers = threads();
    while (std::ssize(sets_) < workers) sets_.push_back(utility_.empty_set());
    Stopwatch stopwatch;
    double unsaved = 0;
    Index batch = workers;
    while (state_.samples < options_.max_samples && !is_enough()) {
      const std::int64_t round_end = (state_.samples / kRound + 1) * kRound;
      draw_batch(std::min({options_.max_samples, round_end, state_.samples + batch}));
      report();
      const double seconds = stopwatch.lap();
      batch = seconds < kSecondsOfABatch ? std::min(2 * batch, kRound) : workers;
      unsaved += seconds;
      if (unsaved >= kSecondsBetweenSaves) {
        save();
        unsaved = 0;
      }
    }
  }

  void measure_ends() {
    const auto set = utility_.empty_set();
    result_.none = set->value();
    visit_spread(utility_.rows(), [&](Index row) { set->add(row); });
    result_.all = set->value();
  }

  void make_sampler() {
    const Index n = utility_.rows();
    if (kind_ == Semivalue::kDataBanzhaf) {
      sampler_ = std::make_unique<SubsetSampler>(n);
      return;
    }
    Vector weights = Vector::Ones(n);
    if (kind_ == Semivalue::kBetaShapley) {
      weights = static_cast<double>(n) * beta_size_probabilities(n, options_.alpha, options_.beta);
    }
    result_.truncation = options_.truncation;
    std::optional<double> close;
    // Where all rows together are worth nothing, closeness to that says nothing.
    if (options_.truncation > 0 && result_.all != result_.none) {
      close = options_.truncation * std::abs(result_.all - result_.none);
    }
    sampler_ = std::make_unique<PermutationSampler>(utility_, std::move(weights), result_.all,
                                                    result_.none, close);
  }

  /// Of all that a sample depends on; how many are drawn may change between runs.
  [[nodiscard]] std::uint64_t input_fingerprint() const {
    Fingerprint fingerprint;
    fingerprint.add(name(kind_));
    fingerprint.add(options_.seed);
    if (kind_ != Semivalue::kDataBanzhaf) fingerprint.add(options_.truncation);
    if (kind_ == Semivalue::kBetaShapley) {
      fingerprint.add(options_.alpha);
      fingerprint.add(options_.beta);
    }
    fingerprint.add(utility_.rows());
    utility_.add_to(fingerprint);
    return fingerprint.value();
  }

  /// Draws samples up to number `end`, side by side, and adds them in their order: all before the
  /// first that fails, whose error is thrown.
  void draw_batch(std::int64_t end) {
    const Index count = end - state_.samples, workers = std::min(count, std::ssize(sets_));
    std::vector<Sample> samples(static_cast<std::size_t>(count));
    // Thread w takes every so-many-th sample: a set is large, so each thread has one.
    parallel_for(workers, [&](Index worker) {
      for (Index k = worker; k < count; k += workers) {
        Sample& sample = samples[static_cast<std::size_t>(k)];
        SeededRandom random(options_.seed, static_cast<std::uint64_t>(state_.samples + k));
        try {
          sampler_->draw(*sets_[static_cast<std::size_t>(worker)], random, sample);
        } catch (...) {
          sample.error = std::current_exception();
          return;
        }
      }
    });
    // Whatever comes before the first that failed was drawn: no thread went past one of its own.
    const auto failed = std::find_if(samples.begin(), samples.end(),
                                     [](const Sample& sample) { return sample.error != nullptr; });
    const std::exception_ptr error = failed == samples.end() ? nullptr : failed->error;
    samples.erase(failed, samples.end());
    for_each_block(utility_.rows(), [&](RowBlock block) {
      for (Index row = block.begin; row < block.end; ++row) {
        for (const Sample& sample : samples) sampler_->add(sample, row, state_.sums);
      }
    });
    for (const Sample& sample : samples) {
      state_.truncated += sample.truncated;
      state_.evaluations += sample.evaluations;
    }
    state_.samples += std::ssize(samples);
    if (error) std::rethrow_exception(error);
  }

  void estimate() {
    const Index n = utility_.rows();
    result_.values.resize(n);
    result_.standard_errors.resize(n);
    for (Index row = 0; row < n; ++row) {
      const auto [value, error] =
          utility_.counts(row) ? sampler_->estimate(row, state_.sums) : std::pair(0.0, 0.0);
      result_.values(row) = value;
      result_.standard_errors(row) = error;
    }
    result_.largest_standard_error = result_.standard_errors.maxCoeff();
  }

  /// Asked after whole rounds only, so that resumed work ends where work not interrupted does.
  [[nodiscard]] bool is_enough() {
    if (options_.standard_error == 0 || state_.samples % kRound != 0) return false;
    estimate();
    return precise();
  }

  [[nodiscard]] bool precise() const {
    return options_.standard_error > 0 && state_.samples >= kLeastSamples &&
           result_.largest_standard_error <= options_.standard_error;
  }

  void report() const {
    if (!progress_) return;
    progress_({name(kind_), static_cast<double>(state_.samples),
               static_cast<double>(options_.max_samples)});
  }

  void check_budget() const {
    const Index unknown = (result_.standard_errors.array().isInf()).count();
    if (unknown == 0) return;
    throw sampler_->too_few(state_.samples, unknown);
  }

  const SubsetUtility& utility_;
  Semivalue kind_;
  const SamplingOptions& options_;
  const ProgressCallback& progress_;
  std::unique_ptr<Sampler> sampler_;
  std::vector<std::unique_ptr<GrowingSet>> sets_;  ///< one a thread
  SamplingState state_;
  SampledValues result_;
};

}  // namespace

std::string_view name(Semivalue kind) noexcept {
  switch (kind) {
    case Semivalue::kDataShapley:
      return "data_shapley";
    case Semivalue::kBetaShapley:
      return "beta_shapley";
    case Semivalue::kDataBanzhaf:
      return "data_banzhaf";
  }
  return "data_shapley";
}

Semivalue semivalue(std::string_view text) {
  for (const Semivalue kind :
       {Semivalue::kDataShapley, Semivalue::kBetaShapley, Semivalue::kDataBanzhaf}) {
    if (text == name(kind)) return kind;
  }
  throw UsageError(
      fmt::format("value must be data_shapley, beta_shapley or data_banzhaf, but is '{}'", text));
}

Vector beta_size_probabilities(Index rows, double alpha, double beta) {
  check_at_least("rows", rows, 1);
  check_positive("alpha", alpha);
  check_positive("beta", beta);
  // By the ratio of neighbors, in logarithms; the sum makes up for the first. lgamma of n would
  // lose as many digits as its value has before the point.
  Vector logs = Vector::Zero(rows);
  for (Index r = 0; r + 1 < rows; ++r) {
    const auto in = static_cast<double>(r), out = static_cast<double>(rows - 1 - r);
    logs(r + 1) = logs(r) + std::log(out / (in + 1) * ((in + beta) / (out - 1 + alpha)));
  }
  const Vector q = (logs.array() - logs.maxCoeff()).exp();
  if (!logs.allFinite() || !q.allFinite()) {
    throw UsageError(
        fmt::format("alpha {} and beta {} give sizes of sets no finite probabilities", alpha, beta),
        "alpha, beta", "take both between 1e-100 and 1e100");
  }
  return q / q.sum();
}

SampledValues sample_values(const SubsetUtility& utility, Semivalue kind,
                            const SamplingOptions& options, const ProgressCallback& progress) {
  validate(options);
  check_at_least("max_samples", options.max_samples, 2);  // one has no standard error
  if (options.truncation == 1) {
    throw UsageError("truncation must be below 1, or no row would be looked at");
  }
  Stopwatch watch;
  SampledValues result = Sampling(utility, kind, options, progress).run();
  result.seconds = watch.lap();
  return result;
}

}  // namespace recant
