// SPDX-License-Identifier: Apache-2.0
// Any bytes are an array or a DataError.
#include <cstdint>

#include "memory_file.hpp"
#include "recant/core/error.hpp"
#include "recant/data/npy.hpp"

namespace {

template <class Read>
void try_to(Read read) {
  try {
    static_cast<void>(read());
  } catch (const recant::DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const recant::fuzz::MemoryFile file(bytes, size);
  const auto path = file.path();
  try_to([&] { return recant::read_npy_matrix(path).view().sum(); });
  try_to([&] { return recant::read_npy_vector(path); });
  try_to([&] { return recant::read_npy_integers(path); });
  try_to([&] { return recant::read_npy_integer_table(path); });
  try_to([&] { return recant::read_npy_texts(path); });
  return 0;
}
