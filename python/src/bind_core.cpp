// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <ctime>

#include "bind.hpp"
#include "recant/core/error.hpp"
#include "recant/core/threads.hpp"
#include "recant/data/npy.hpp"
#include "recant/engine/json.hpp"

namespace recant::python {
namespace {

const char* exception_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return "UsageError";
    case ErrorKind::kData:
      return "DataError";
    case ErrorKind::kDamaged:
      return "DamagedError";
    case ErrorKind::kBusy:
      return "BusyError";
    case ErrorKind::kNotFound:
      return "NotFoundError";
    case ErrorKind::kInternal:
      break;
  }
  return "InternalError";
}

/// The classes are written in Python, where they can have two families of bases, and so are the
/// words that a caller from Python knows in place of the command's.
void raise(const Error& error) {
  const nb::object exception = nb::module_::import_("recant.errors")
                                   .attr("_of_core")(exception_name(error.kind()), error.message(),
                                                     error.where(), error.hint());
  PyErr_SetObject(exception.type().ptr(), exception.ptr());
}

/// Of a clock that costs next to nothing to read, and is as exact as it needs to be: small calls
/// ask it a thousand times.
std::int64_t coarse_milliseconds() {
#ifdef CLOCK_MONOTONIC_COARSE
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
#else
  using std::chrono::steady_clock;
  const auto now = steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
#endif
}

}  // namespace

std::function<void()> signal_check() {
  return [next = coarse_milliseconds() + 50]() mutable {
    const std::int64_t now = coarse_milliseconds();
    if (now < next) return;
    next = now + 50;
    const nb::gil_scoped_acquire lock;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  };
}

ProgressCallback progress_callback(nb::handle progress) {
  if (progress.is_none()) return {};
  return [progress](const Progress& now) {
    const nb::gil_scoped_acquire lock;
    progress(nb::str(now.phase.data(), now.phase.size()), now.done, now.total);
  };
}

void bind_core(nb::module_& module) {
  nb::register_exception_translator(
      [](const std::exception_ptr& exception, void*) {
        try {
          std::rethrow_exception(exception);
        } catch (const Error& error) {
          raise(error);
        }
      },
      nullptr);
  module.def("version", &version);
  module.def("set_threads", &set_threads, nb::arg("count"));
  module.def("threads", &threads);
  module.def(
      "require_finite",
      [](const FeatureArray& values, std::string_view where) {
        const RowsView view(values.data(), static_cast<Index>(values.shape(0)),
                            static_cast<Index>(values.shape(1)));
        without_lock(nb::none(), [&](const auto&) { require_finite(view, where); });
      },
      nb::arg("values").noconvert(), nb::arg("where"));
}

}  // namespace recant::python
