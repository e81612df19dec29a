// SPDX-License-Identifier: Apache-2.0
#include "libpq.hpp"

#include <dlfcn.h>

#include "recant/core/error.hpp"

namespace recant {
namespace {

/// The ABI's number, the same since 2006.
constexpr const char* kLibrary = "libpq.so.5";

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) throw DataError(std::string("has no ") + name, kLibrary);
}

Libpq load() {
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw DataError("cannot be loaded, and a ledger on a PostgreSQL server needs it", kLibrary,
                    "install PostgreSQL's client library");
  }
  Libpq functions;
#define RECANT_LIBPQ_FIND(function) find(library, #function, functions.function);
  RECANT_LIBPQ_FUNCTIONS(RECANT_LIBPQ_FIND)
#undef RECANT_LIBPQ_FIND
  return functions;
}

}  // namespace

const Libpq& libpq() {
  static const Libpq loaded = load();
  return loaded;
}

}  // namespace recant
