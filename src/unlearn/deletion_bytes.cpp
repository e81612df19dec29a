// SPDX-License-Identifier: Apache-2.0
// A deletion state as bytes: one list of fields, walked by what writes them and by what reads them.
#include <bit>
#include <cmath>
#include <cstring>

#include "deletion_base.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/fingerprint.hpp"
#include "recant/unlearn/deletion.hpp"
#include "third_derivative.hpp"

namespace recant {
namespace {

static_assert(std::endian::native == std::endian::little, "the numbers are little-endian");

constexpr std::string_view kMagic = "recant deletions";
static_assert(kMagic.size() == 2 * sizeof(std::uint64_t), "the numbers after it are aligned");
constexpr std::uint64_t kVersion = 4;
constexpr Index kMostChanges = Index{1} << 40;  // the rounding of so many can still be counted

[[noreturn]] void damaged() {
  throw DamagedError("is not a whole deletion state of this model", "deletion state",
                     "build a new base");
}

std::uint64_t check_sum(std::string_view bytes) {
  Fingerprint check;
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= bytes.size();
       at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    check.add(word);
  }
  return check.value();
}

class Writer {
 public:
  template <class Number>
  void number(const Number& value) {
    static_assert(sizeof value == sizeof(std::uint64_t));
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  /// A number that both sides must agree on.
  void same(std::uint64_t value) { number(value); }
  void status(const DeletionStatus& status) { number(static_cast<std::uint64_t>(status)); }
  void vector(const Vector& values, Index /*size*/) { numbers(values.data(), values.size()); }
  /// Nothing, or a vector.
  void perhaps_vector(const Vector& values, Index size) {
    number(static_cast<std::uint64_t>(values.size() > 0));
    if (values.size() > 0) vector(values, size);
  }
  void lower(const Matrix& values, Index size) {
    for (Index j = 0; j < size; ++j) numbers(values.data() + j * size + j, size - j);
  }
  void factor(const Cholesky& values, Index size) { lower(values.lower(), size); }
  /// Settled: its factor follows from it.
  void shrinking(const ShrinkingMatrix& values, Index size) { lower(values.matrix(), size); }
  /// Nothing, or a matrix.
  void perhaps_lower(const Matrix& values, Index size) {
    number(static_cast<std::uint64_t>(values.size() > 0));
    if (values.size() > 0) lower(values, size);
  }
  void columns(const Matrix& values, const Index& count, Index /*size*/, Index /*room*/) {
    number(count);
    numbers(values.data(), values.rows() * count);
  }
  void extreme(const ExtremeRows& kept, Index /*rows*/, Index /*width*/) {
    number(static_cast<Index>(kept.rows.size()));
    number(kept.next);
    for (const Index row : kept.rows) number(row);
    numbers(kept.sizes.data(), static_cast<Index>(kept.sizes.size()));
    numbers(kept.values.lengths().data(), kept.values.rows());
    const auto directions = std::as_bytes(kept.values.directions());
    bytes_.append(reinterpret_cast<const char*>(directions.data()), directions.size());
  }
  [[nodiscard]] std::string finish() && {
    number(check_sum(bytes_));
    return std::move(bytes_);
  }
  void magic() { bytes_ += kMagic; }

 private:
  std::string bytes_;

  void numbers(const double* values, Index count) {
    bytes_.append(reinterpret_cast<const char*>(values),
                  static_cast<std::size_t>(count) * sizeof(double));
  }
};

/// Every length is compared with what is left before anything is made of it.
class Reader {
 public:
  /// @throws DamagedError unless the bytes are those of a Writer, and of this version.
  explicit Reader(std::string_view bytes) {
    constexpr std::size_t kLeast = kMagic.size() + 2 * sizeof(std::uint64_t);
    if (bytes.size() < kLeast || bytes.size() % sizeof(std::uint64_t) != 0 ||
        bytes.substr(0, kMagic.size()) != kMagic) {
      damaged();
    }
    left_ = bytes.substr(bytes.size() - sizeof(std::uint64_t));
    std::uint64_t check = 0, version = 0;
    number(check);
    left_ = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
    if (check != check_sum(left_)) damaged();
    left_.remove_prefix(kMagic.size());
    number(version);
    if (version != kVersion) {
      throw DamagedError("is of another version", "deletion state", "build a new base");
    }
  }
  template <class Number>
  void number(Number& value) {
    static_assert(sizeof value == sizeof(std::uint64_t));
    take(&value, 1);
    if constexpr (std::is_same_v<Number, double>) {
      if (std::isnan(value)) damaged();
    }
  }
  void same(std::uint64_t wanted) {
    std::uint64_t value = 0;
    number(value);
    if (value != wanted) damaged();
  }
  void status(DeletionStatus& status) {
    status = flag() ? DeletionStatus::kRebuild : DeletionStatus::kDone;
  }
  void vector(Vector& values, Index size) {
    need(size, 1);
    values.resize(size);
    numbers(values.data(), size);
  }
  void perhaps_vector(Vector& values, Index size) {
    if (flag()) vector(values, size);
  }
  void lower(Matrix& values, Index size) {
    need(size, (size + 1) / 2);
    values = Matrix::Zero(size, size);
    for (Index j = 0; j < size; ++j) numbers(values.data() + j * size + j, size - j);
  }
  void factor(Cholesky& values, Index size) {
    Matrix triangle;
    lower(triangle, size);
    if (!(triangle.diagonal().array() > 0).all()) damaged();
    values = Cholesky::from_lower(std::move(triangle));
  }
  void shrinking(ShrinkingMatrix& values, Index size) {
    Matrix triangle;
    lower(triangle, size);
    values = ShrinkingMatrix(std::move(triangle));
  }
  void perhaps_lower(Matrix& values, Index size) {
    if (flag()) lower(values, size);
  }
  void columns(Matrix& values, Index& count, Index size, Index room) {
    number(count);
    if (!(count >= 0 && count <= room)) damaged();
    need(size, count);
    if (count == 0) return;
    values.resize(size, room);
    numbers(values.data(), size * count);
  }
  void extreme(ExtremeRows& kept, Index rows, Index width) {
    Index count = 0;
    number(count);
    if (!(count >= 0 && count <= rows)) damaged();
    number(kept.next);
    need(count, width / 2 + 3);
    kept.rows.resize(static_cast<std::size_t>(count));
    kept.sizes.resize(static_cast<std::size_t>(count));
    for (Index& row : kept.rows) {
      number(row);
      if (!(row >= ExtremeRows::kForgotten && row < rows)) damaged();
    }
    numbers(kept.sizes.data(), count);
    Vector lengths(count);
    numbers(lengths.data(), count);
    kept.values = UnitRows(count, width);
    std::vector<float> directions(kept.values.directions().size());
    take(directions.data(), directions.size() / 2);  // whole panels: two floats are a word
    if (!kept.values.restore(std::move(lengths), std::move(directions))) damaged();
  }
  void finish() const {
    if (!left_.empty()) damaged();
  }

 private:
  std::string_view left_;

  bool flag() {
    std::uint64_t value = 0;
    number(value);
    if (value > 1) damaged();
    return value == 1;
  }
  /// At least rows * columns numbers have to follow, and both are no more than a real model has.
  void need(Index rows, Index columns) const {
    const auto have = static_cast<Index>(left_.size() / sizeof(double));
    if (rows < 0 || columns < 0 || (columns > 0 && rows > have / columns)) damaged();
  }
  void take(void* to, std::size_t count) {
    const std::size_t size = count * sizeof(std::uint64_t);
    if (left_.size() < size) damaged();
    if (size > 0) std::memcpy(to, left_.data(), size);
    left_.remove_prefix(size);
  }
  void numbers(double* values, Index count) {
    take(values, static_cast<std::size_t>(count));
    if (!Eigen::Map<const Vector>(values, count).allFinite()) damaged();
  }
};

}  // namespace

/// The fields of the base and then of what has changed since; `base` is base_, or one being read.
template <class Archive, class Base, class State>
void DeletionState::visit(Archive& archive, Base& base, State& state) {
  const Objective& objective = *state.objective_;
  const Index size = state.contrast_.size(), rows = objective.rows();
  const Index columns = objective.features().columns();
  for (const Index same : {static_cast<Index>(objective.loss().kind()), objective.loss().outputs(),
                           static_cast<Index>(objective.intercept()), columns, rows}) {
    archive.same(static_cast<std::uint64_t>(same));
  }
  archive.same(std::bit_cast<std::uint64_t>(objective.l2()));
  archive.same(state.weights_mark_);

  archive.vector(base.theta, objective.parameters());
  archive.vector(base.gradient, size);
  archive.lower(base.hessian, size);
  archive.factor(base.factor, size);
  for (auto* value :
       {&base.gradient_rounding, &base.hessian_rounding, &base.frobenius, &base.largest_eigenvalue,
        &base.least_eigenvalue, &base.span_eigenvalue, &base.off_span_curvature, &base.factor_error,
        &base.data_trace, &base.squared_norms, &base.largest_norm}) {
    archive.number(*value);
  }

  archive.status(state.status_);
  archive.extreme(state.by_leverage_, rows, objective.width());
  archive.extreme(state.by_norm_, rows, objective.width());
  archive.vector(state.gradient_, size);
  archive.shrinking(state.hessian_, size);
  archive.perhaps_vector(state.third_, third_derivative_size(size));
  archive.number(state.changes_);
  for (auto* value :
       {&state.changed_trace_, &state.changed_gross_, &state.added_trace_, &state.added_norms_,
        &state.lost_.total, &state.lost_.known, &state.lost_.since, &state.shrinkage_}) {
    archive.number(*value);
  }
  archive.perhaps_lower(state.lost_.gram, size);
  archive.columns(state.lost_.pending, state.lost_.pending_columns, size,
                  LostCurvature::room(size, state.contrast_.outputs()));
}

std::string DeletionState::to_bytes() const {
  DeletionState settled = *this;
  settled.settle();
  Writer writer;
  writer.magic();
  writer.number(kVersion);
  visit(writer, *base_, settled);
  return std::move(writer).finish();
}

DeletionState DeletionState::from_bytes(const Objective& objective, ConstVectorRef weights_now,
                                        std::string_view bytes) {
  check_size("row weights", weights_now.size(), objective.rows());
  Reader reader(bytes);
  const auto none = [] { return Cholesky::from_lower(Matrix(0, 0)); };
  DeletionState state(
      objective, weights_now,
      {Contrast(objective.loss(), objective.width()), {.factor = none()}, {}, {}, {}});
  DeletionBase base{.factor = none()};
  visit(reader, base, state);
  reader.finish();
  if (!(state.changes_ >= 0 && state.changes_ <= kMostChanges) || state.by_norm_.rows.empty() ||
      (state.status_ == DeletionStatus::kDone && !state.hessian_.factored())) {
    damaged();
  }
  state.base_ = std::make_shared<const DeletionBase>(std::move(base));
  state.from_base_ = state.changes_ == 0;
  state.lost_.solved_columns = state.lost_.pending_columns;
  state.lost_.before = state.lost_.since;
  state.half_gradient_of_ = kNoFactor;
  state.find_factor();
  return state;
}

}  // namespace recant
