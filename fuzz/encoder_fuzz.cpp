// SPDX-License-Identifier: Apache-2.0
// Any text is an encoder that can be written and read again, or a DamagedError; and the same text
// is a schema or a DataError.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "recant/core/error.hpp"
#include "recant/data/encoder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  try {
    const auto encoder = recant::Encoder::from_json(text);
    const std::string written = encoder.to_json();
    if (recant::Encoder::from_json(written).to_json() != written) std::abort();
  } catch (const recant::DamagedError&) {
  }
  try {
    static_cast<void>(recant::parse_schema(text));
  } catch (const recant::DataError&) {
  }
  return 0;
}
