// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <thread>
#include <utility>

#include "forget_options.hpp"
#include "recant/core/check.hpp"
#include "recant/core/error.hpp"
#include "recant/core/process_bound.hpp"
#include "recant/core/stopwatch.hpp"
#include "recant/engine/audit.hpp"
#include "recant/engine/enrolment.hpp"
#include "recant/engine/json.hpp"
#include "recant/engine/requests_file.hpp"
#include "recant/engine/vault.hpp"

namespace recant::python {
namespace {

/// What a call of the writer found, and what opening found unfinished.
template <class Result>
using Written = std::pair<Result, std::vector<std::string>>;

/// A model and the mark that its folder had then.
using MarkedModel = std::pair<Model, std::string>;

/// The one writer of a folder: opened by a call that needs it, and closed by it unless it is told
/// to stay open. One crossing from Python for all of that. Python's threads take turns. In a forked
/// process it is one that was never opened, or is refused until it has been closed there.
class Writer final : public ProcessBound {
 public:
  Writer(std::string path, const std::optional<std::string>& checkpoint,
         const std::optional<std::string>& ledger, double wait)
      : path_(std::move(path)), options_{.ledger = ledger, .wait = {.seconds = wait}} {
    if (checkpoint) options_.require_checkpoint = *checkpoint;
  }

  /// Runs work(vault, callback) without the interpreter's lock. After anything unforeseen the vault
  /// is closed: what was begun is finished, or was never begun, when the folder is next opened.
  /// @throws UsageError in a callback of such a call.
  template <class Work>
  auto with_vault(nb::handle progress, bool stay_open, const Work& work) {
    return without_lock(progress, [&](const ProgressCallback& callback) {
      const Turn turn(*this);
      require_own(path_);
      const auto ends = [&] { return std::exchange(close_next_, false) || !stay_open; };
      try {
        if (!vault_) open();
        auto result = work(*vault_, callback);
        if (ends()) close_vault();
        return Written<decltype(result)>(std::move(result), std::exchange(recovered_, {}));
      } catch (const Error& error) {
        const bool foreseen =
            error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kNotFound;
        if (!foreseen) forsake();
        if (ends() && vault_) close_vault();
        throw;
      } catch (...) {
        close_next_ = false;
        forsake();
        throw;
      }
    });
  }
  /// What opening found unfinished and no result has told, since its call failed.
  std::vector<std::string> recovered() {
    const nb::gil_scoped_release release;
    if (is_ours()) return {};
    const Turn turn(*this);
    return std::exchange(recovered_, {});
  }
  /// As the writer has it or, closed, as it left it: that once. Else, and during a call, none.
  std::optional<MarkedModel> model() {
    const nb::gil_scoped_release release;
    if (is_ours()) return {};
    const std::unique_lock lock(*mutex_, std::try_to_lock);
    if (!lock || inherited()) return {};
    if (vault_) return MarkedModel(make_model(vault_->model()), Vault::mark(path_));
    if (!left_) return {};
    return MarkedModel(make_model(std::move(*std::exchange(left_, {}))), mark_left_);
  }
  /// In a callback: when the call that tells of its progress ends. In a forked process nothing that
  /// the parent has is closed, but what this one has of it.
  void close() {
    const nb::gil_scoped_release release;
    if (is_ours()) {
      close_next_ = true;
      return;
    }
    const Turn turn(*this);
    if (inherited()) {
      forsake();
      adopt();
    } else if (vault_) {
      close_vault();
    }
  }

 private:
  /// One thread at a time; Python code that such a turn runs must not wait for its end.
  class Turn {
   public:
    explicit Turn(Writer& of) : of_(of) {
      if (of_.is_ours()) throw UsageError("is busy with the call that this is a part of", "vault");
      lock_ = std::unique_lock(*of_.mutex_);
      of_.holder_ = std::this_thread::get_id();
    }
    ~Turn() { of_.holder_ = std::thread::id(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Writer& of_;
    std::unique_lock<std::mutex> lock_;
  };

  /// Whether this thread has the turn: it runs a callback or a signal's handler.
  [[nodiscard]] bool is_ours() const { return holder_ == std::this_thread::get_id(); }
  void open() {
    vault_ = std::make_unique<Vault>(Vault::open_for_writing(path_, options_));
    std::ranges::copy(vault_->recovered(), std::back_inserter(recovered_));
  }
  void close_vault() {
    left_ = std::make_unique<FittedModel>(vault_->model());
    mark_left_ = Vault::mark(path_);  // before others can write
    vault_.reset();
  }
  void forsake() {
    vault_.reset();
    left_.reset();
  }

  /// A thread that had the turn is gone, and what it was at is not to be touched; or it is this
  /// one, in a callback, and its call goes on until the core refuses.
  void let_go() noexcept override {
    if (!is_ours() && mutex_->try_lock()) {
      mutex_->unlock();
      if (!vault_) adopt();
      return;
    }
    static_cast<void>(mutex_.release());
    mutex_ = std::make_unique<std::mutex>();
    if (is_ours()) return;
    holder_ = std::thread::id();
    static_cast<void>(vault_.release());
    static_cast<void>(left_.release());
  }

  std::string path_;
  Vault::WriteOptions options_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  std::atomic<std::thread::id> holder_;
  bool close_next_ = false;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<FittedModel> left_;
  std::string mark_left_;
  std::vector<std::string> recovered_;
};

/// Whether `text` is the first of two words. @throws UsageError naming both.
bool is_first(const std::string& text, const char* first, const char* second, const char* where) {
  if (text != first && text != second) {
    throw UsageError("'" + text + "' is neither of the two", where,
                     std::string("choose ") + first + " or " + second);
  }
  return text == first;
}

/// The options of `recant fit` that are about a CSV file.
FitRequest csv_request(const std::string& path, const Named& table, const std::string& loss,
                       std::optional<double> l2, std::optional<double> l2_per_row, bool intercept,
                       std::vector<std::string> privileged, const Named& trainer) {
  FitRequest request;
  request.rows.csv = path;
  request.loss = loss_kind(loss);
  request.l2 = l2;
  request.l2_per_row = l2_per_row;
  request.intercept = intercept;
  request.privileged = std::move(privileged);
  take_fields(request.trainer, trainer);
  TableOptions& columns = request.table;
  const auto given = [&](const char* name) { return table.contains(name); };
  columns.target = nb::cast<std::string>(table["target"]);
  if (given("positive")) columns.positive = nb::cast<std::string>(table["positive"]);
  if (given("id")) columns.id = nb::cast<std::string>(table["id"]);
  if (given("weight")) columns.weight = nb::cast<std::string>(table["weight"]);
  if (given("na")) columns.missing_values = nb::cast<std::vector<std::string>>(table["na"]);
  columns.sensitive = nb::cast<std::vector<std::string>>(table["sensitive"]);
  columns.drop = nb::cast<std::vector<std::string>>(table["drop"]);
  columns.header = nb::cast<bool>(table["header"]);
  columns.missing = is_first(nb::cast<std::string>(table["missing"]), "drop", "error", "missing")
                        ? MissingPolicy::kDrop
                        : MissingPolicy::kError;
  columns.encoding =
      is_first(nb::cast<std::string>(table["encoding"]), "full", "reference", "encoding")
          ? Encoding::kFull
          : Encoding::kReference;
  if (given("schema")) columns.schema = read_schema(nb::cast<std::string>(table["schema"]));
  return request;
}

/// recant.fit/1 with the enrolment; the metrics are those of the training rows. Of a model that was
/// trained elsewhere, or moved since, it says where it is: a fit that begins there and takes no
/// step.
std::string fit_json(const FittedModel& fitted, const Model& model, const EnrolmentPlan* plan) {
  FitReport report = model.report ? *model.report : FitReport{.training = {}, .evaluation = {}};
  report.rows = fitted.rows.rows();
  if (!model.report) {
    report.training =
        train_from(fitted.objective(), fitted.rows.weights, fitted.model.theta,
                   {.tolerance = fitted.tolerance, .max_iterations = 0, .refine = false});
  }
  Stopwatch watch;
  report.evaluation = evaluate(fitted.rows, fitted.model, fitted.settings);
  report.evaluate_seconds = watch.lap();
  return to_json(fitted, report, plan);
}

EnrolmentRequest enrolment_of(const Named& fields, const std::string& on_budget_spent) {
  EnrolmentRequest request;
  take_fields(request, fields);
  request.when_spent = when_spent(on_budget_spent);
  return request;
}

/// Writes a new folder; with `enrolment` under a budget. What the command prints of the fit.
std::string create(const Model& model, const std::string& path, bool replace,
                   const std::optional<Named>& enrolment, const std::string& on_budget_spent,
                   const std::optional<std::string>& ledger, const Rows* validation, double wait,
                   nb::handle progress) {
  const EnrolmentRequest request = enrolment_of(enrolment.value_or(Named()), on_budget_spent);
  return without_lock(progress, [&](const ProgressCallback& callback) {
    Vault::check_replaceable(path);
    const FittedModel fitted = without_erased_rows(*model.fitted);
    std::optional<EnrolmentPlan> plan;
    if (enrolment) {
      plan = plan_enrolment(fitted, request,
                            validation != nullptr ? &validation->measured.data : nullptr, callback);
    }
    Vault::create(path, fitted, replace, plan ? &*plan : nullptr, ledger, {.seconds = wait});
    return fit_json(fitted, model, plan ? &*plan : nullptr);
  });
}

/// What enrolling the model would cost; nothing is written.
std::string plan(const Model& model, const Named& enrolment, const std::string& on_budget_spent,
                 const Rows* validation, nb::handle progress) {
  const EnrolmentRequest request = enrolment_of(enrolment, on_budget_spent);
  return without_lock(progress, [&](const ProgressCallback& callback) {
    const FittedModel fitted = without_erased_rows(*model.fitted);
    EnrolmentPlan found = plan_enrolment(
        fitted, request, validation != nullptr ? &validation->measured.data : nullptr, callback);
    found.only_planned = true;
    return fit_json(fitted, model, &found);
  });
}

std::string status_json(const std::string& path, bool check) {
  return without_lock(nb::none(), [&](const auto&) {
    const VaultStatus status = Vault::status(path);
    std::optional<VaultCheck> checked;
    if (check) checked = Vault::check(path);
    return to_json(status, checked ? &*checked : nullptr);
  });
}

/// A copy of those rows that are there, by position or id: they can be looked at when their bytes
/// are gone.
Rows pick_rows(const Model& model, const std::vector<Index>& positions,
               const std::vector<std::string>& ids) {
  const Dataset& all = model.fitted->rows;
  std::vector<Index> rows;
  const auto take = [&](Index row) {
    if (row >= 0 && row < all.rows() && !is_erased(all.ids, row)) rows.push_back(row);
  };
  for (const Index row : positions) take(row);
  const std::set<std::string> named(ids.begin(), ids.end());
  for (Index row = 0; !named.empty() && row < all.rows(); ++row) {
    if (named.contains(all.ids.text(row))) take(row);
  }
  return {{recant::pick_rows(all, rows), 0, {}}};
}

/// What `recant audit` asks.
struct Question {
  bool membership = false, reconstruction = false;
  std::optional<double> bound;
  int shadow_models = 16;
  std::vector<double> sigmas;
  double confidence = 0.95;
  std::uint64_t seed = 1;
};

std::string audit_json(const Model& model, const Rows* deleted, const Model* before,
                       const Rows* test, const Question& question, nb::handle progress) {
  AuditRequest request{.membership = question.membership,
                       .reconstruction = question.reconstruction,
                       .bound = question.bound,
                       .sigmas = question.sigmas,
                       .seed = question.seed};
  if (question.shadow_models == 0) {
    request.attack.shadows.reset();
  } else if (question.shadow_models < 4) {
    throw UsageError("must be 0, or 4 and more", "shadow_models");
  } else {
    request.attack.shadows->count = question.shadow_models;
  }
  check_between("confidence", question.confidence, 0, 1);
  request.attack.confidence = question.confidence;
  if (request.membership && test == nullptr) {
    throw UsageError("membership inference needs rows that no model was trained on", "test");
  }
  return without_lock(progress, [&](const ProgressCallback& callback) {
    const FittedModel* former = before != nullptr ? before->fitted.get() : nullptr;
    std::optional<Dataset> gone;
    if (deleted != nullptr) {
      gone = deleted->measured.data;
    } else if (request.membership || request.reconstruction ||
               !deleted_rows_erased(*model.fitted, former)) {
      gone = deleted_rows(*model.fitted, former);
    }
    return to_json(audit(*model.fitted, gone ? &*gone : nullptr, former,
                         test != nullptr ? &test->measured.data : nullptr, request, callback));
  });
}

/// recant.deletion/1; state, whether it is the answer to a key that was known, and bound.
using Told = std::tuple<std::string, std::string, bool, std::optional<double>>;

Told told(const ForgetReport& report) {
  return {to_json(report), std::string(name(report.state)), report.repeated, report.distance};
}

/// The key of a request, and its rows or ids.
using Request = std::tuple<std::string, std::vector<Index>, std::vector<std::string>>;

/// Requests as one batch, or those of a file: recant.deletions/1, and how many are not done.
Written<std::pair<std::string, std::size_t>> forget_requests(Writer& writer,
                                                             const std::vector<Request>& requests,
                                                             const std::optional<std::string>& file,
                                                             const Named& how, const Rows* holdout,
                                                             nb::handle progress, bool stay_open) {
  ForgetRequest settings = forget_request(how, holdout);
  // Of values, a number a row, the first request has those of all.
  const Vector values = std::exchange(settings.weighting.values, {});
  std::vector<ForgetRequest> batch;
  if (file) {  // before the folder is touched: what is wrong with it is no fault of the folder
    batch = without_lock(nb::none(), [&](const auto&) { return read_requests(*file, settings); });
  }
  for (const auto& [key, rows, ids] : requests) {
    ForgetRequest& request = batch.emplace_back(settings);
    request.key = key;
    request.rows = rows;
    request.ids = ids;
  }
  return writer.with_vault(progress, stay_open, [&](Vault& vault, const auto& callback) {
    if (!batch.empty()) {
      batch.front().weighting.values =
          values.size() > 0 ? values : values_for(batch.front(), vault.model(), callback);
    }
    const std::vector<ForgetReport> reports =
        vault.forget(std::span<const ForgetRequest>(batch), callback);
    const auto refused =
        std::ranges::count_if(reports, [](const ForgetReport& report) { return !report.done(); });
    return std::pair(to_json(std::span<const ForgetReport>(reports)),
                     static_cast<std::size_t>(refused));
  });
}

void bind_writer(nb::module_& module) {
  nb::class_<Writer>(module, "Writer",
                     "The one writer of a model folder. Its calls open it, and close it unless "
                     "stay_open; what they return, what opening found unfinished, the model unless "
                     "stay_open.")
      .def(nb::init<std::string, const std::optional<std::string>&,
                    const std::optional<std::string>&, double>(),
           nb::arg("path"), nb::arg("require_checkpoint").none(), nb::arg("ledger").none(),
           nb::arg("wait"))
      .def(
          "forget",
          [](Writer& self, std::vector<Index> rows, std::vector<std::string> ids, std::string key,
             const Named& how, const Rows* holdout, nb::object progress, bool stay_open) {
            ForgetRequest request = forget_request(how, holdout);
            request.rows = std::move(rows);
            request.ids = std::move(ids);
            request.key = std::move(key);
            return self.with_vault(progress, stay_open, [&](Vault& vault, const auto& callback) {
              request.weighting.values = values_for(request, vault.model(), callback);
              return told(vault.forget(request, callback));
            });
          },
          nb::arg("rows"), nb::arg("ids"), nb::arg("key"), nb::arg("how"),
          nb::arg("holdout").none(), nb::arg("progress").none(), nb::arg("stay_open"))
      .def("forget_requests", &forget_requests, nb::arg("requests"), nb::arg("file").none(),
           nb::arg("how"), nb::arg("holdout").none(), nb::arg("progress").none(),
           nb::arg("stay_open"))
      .def(
          "outcome",
          [](Writer& self, const std::string& key, bool stay_open) {
            return self.with_vault(nb::none(), stay_open, [&](const Vault& vault, const auto&) {
              return to_json(vault.outcome(key));
            });
          },
          nb::arg("key"), nb::arg("stay_open"))
      .def(
          "open",
          [](Writer& self, bool stay_open) {
            return self.with_vault(nb::none(), stay_open, [](const Vault& vault, const auto&) {
              return make_model(vault.model());
            });
          },
          nb::arg("stay_open"))
      .def("recovered", &Writer::recovered,
           "What opening found unfinished and no result has told, since its call failed.")
      .def("model", &Writer::model,
           "The model and folder_mark() of then, of a writer that stayed open or as it left it; "
           "that once. Else, and during a call, None.")
      .def("close", &Writer::close);
}

}  // namespace

void bind_vault(nb::module_& module) {
  bind_writer(module);
  module.def(
      "fit_csv",
      [](const std::string& path, const Named& table, const std::string& loss,
         std::optional<double> l2, std::optional<double> l2_per_row, bool intercept,
         std::vector<std::string> privileged, const Named& trainer, nb::object progress) {
        const FitRequest request = csv_request(path, table, loss, l2, l2_per_row, intercept,
                                               std::move(privileged), trainer);
        return without_lock(progress, [&](const ProgressCallback& callback) {
          auto [fitted, report] = fit(request, callback);
          return make_model(std::move(fitted), std::move(report));
        });
      },
      nb::arg("path"), nb::arg("table"), nb::arg("loss"), nb::arg("l2").none(),
      nb::arg("l2_per_row").none(), nb::arg("intercept"), nb::arg("privileged"), nb::arg("trainer"),
      nb::arg("progress").none());
  module.def("create_vault", &create, nb::arg("model"), nb::arg("path"), nb::arg("replace"),
             nb::arg("enrolment").none(), nb::arg("on_budget_spent"), nb::arg("ledger").none(),
             nb::arg("validation").none(), nb::arg("wait"), nb::arg("progress").none());
  module.def("plan_enrolment", &plan, nb::arg("model"), nb::arg("enrolment"),
             nb::arg("on_budget_spent"), nb::arg("validation").none(), nb::arg("progress").none());
  module.def(
      "folder_mark", [](const std::string& folder) { return Vault::mark(folder); },
      nb::arg("folder"));
  module.def("vault_status", &status_json, nb::arg("path"), nb::arg("check"));
  module.def(
      "backup_vault",
      [](const std::string& path, const std::string& destination, double wait) {
        without_lock(nb::none(),
                     [&](const auto&) { Vault::backup(path, destination, {.seconds = wait}); });
      },
      nb::arg("path"), nb::arg("destination"), nb::arg("wait"));
  module.def(
      "write_checkpoint",
      [](const std::string& path, const std::string& file) {
        without_lock(nb::none(), [&](const auto&) { Vault::write_checkpoint(path, file); });
      },
      nb::arg("path"), nb::arg("file"));
  module.def(
      "catch_up",
      [](const std::string& path, const std::string& newer_ledger,
         const std::optional<std::string>& require_checkpoint, double wait) {
        Vault::CaughtUp done = without_lock(nb::none(), [&](const auto&) {
          return Vault::catch_up(path, newer_ledger, require_checkpoint, {.seconds = wait});
        });
        if (!done.reason.empty()) {
          throw UsageError(std::string(describe_reason(done.reason)), path);
        }
        return std::pair(done.rows, std::move(done.recovered));
      },
      nb::arg("path"), nb::arg("newer_ledger"), nb::arg("require_checkpoint").none(),
      nb::arg("wait"));
  module.def("pick_rows", &pick_rows, nb::arg("model"), nb::arg("rows"), nb::arg("ids"));
  module.def(
      "deleted_rows_erased",
      [](const Model& model, const Model* before) {
        return deleted_rows_erased(*model.fitted,
                                   before != nullptr ? before->fitted.get() : nullptr);
      },
      nb::arg("model"), nb::arg("before").none());
  module.def(
      "audit",
      [](const Model& model, const Rows* deleted, const Model* before, const Rows* test,
         bool membership, bool reconstruction, std::optional<double> bound, int shadow_models,
         std::vector<double> sigmas, double confidence, std::uint64_t seed, nb::object progress) {
        return audit_json(
            model, deleted, before, test,
            {membership, reconstruction, bound, shadow_models, std::move(sigmas), confidence, seed},
            progress);
      },
      nb::arg("model"), nb::arg("deleted").none(), nb::arg("before").none(), nb::arg("test").none(),
      nb::arg("membership"), nb::arg("reconstruction"), nb::arg("bound").none(),
      nb::arg("shadow_models"), nb::arg("sigmas"), nb::arg("confidence"), nb::arg("seed"),
      nb::arg("progress").none());
}

}  // namespace recant::python
