// SPDX-License-Identifier: Apache-2.0
#include "storage.hpp"

#include <algorithm>

#include "postgresql_storage.hpp"
#include "recant/core/error.hpp"
#include "recant/core/utf8.hpp"
#include "sqlite_storage.hpp"

namespace recant {

template <class T>
T SqlRow::get(int column) const {
  const SqlValue found = value(column);
  if (const T* const wanted = std::get_if<T>(&found)) return *wanted;
  throw DamagedError("the ledger holds a value of the wrong type", where_);
}

std::int64_t SqlRow::integer(int column) const {
  return get<std::int64_t>(column);
}

std::optional<std::int64_t> SqlRow::optional_integer(int column) const {
  if (std::holds_alternative<std::monostate>(value(column))) return std::nullopt;
  return integer(column);
}

std::string SqlRow::text(int column) const {
  const auto text = get<std::string_view>(column);
  if (!is_utf8(text)) throw DamagedError("the ledger holds a text that is not UTF-8", where_);
  return std::string(text);
}

std::string SqlRow::blob(int column) const {
  const auto bytes = get<ByteView>(column);
  return {bytes.begin(), bytes.end()};
}

Digest SqlRow::digest(int column) const {
  const auto bytes = get<ByteView>(column);
  Digest digest;
  if (bytes.size() != digest.size()) {
    throw DamagedError("the ledger holds a hash of the wrong length", where_);
  }
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

std::int64_t Storage::number(std::string_view sql, std::initializer_list<SqlValue> values) {
  std::optional<std::int64_t> found;
  run(sql, values, [&](const SqlRow& row) { found = row.integer(0); });
  if (!found) damaged("the ledger lacks a row that every ledger has");
  return *found;
}

void Storage::damaged(std::string what) const {
  throw DamagedError(std::move(what), where_);
}

std::unique_ptr<Storage> open_storage(const std::string& location, StorageMode mode) {
  return Ledger::on_server(location) ? open_postgresql(location, mode)
                                     : open_sqlite(location, mode);
}

}  // namespace recant
