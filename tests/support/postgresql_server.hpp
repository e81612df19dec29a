// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "temporary_folder.hpp"

namespace recant::test {

/// A PostgreSQL server of its own in a temporary folder, reached by a socket in it and by nothing
/// else; as root, it runs as another user, since it refuses to be root. Stopped at the end, and by
/// the kernel if this process dies first.
class PostgresqlServer {
 public:
  /// Where initdb and postgres are; none: they are not installed.
  [[nodiscard]] static std::optional<std::filesystem::path> programs();

  explicit PostgresqlServer(const std::filesystem::path& programs);
  ~PostgresqlServer();
  PostgresqlServer(const PostgresqlServer&) = delete;
  PostgresqlServer& operator=(const PostgresqlServer&) = delete;

  /// The address of a schema, which is made: place for one ledger.
  [[nodiscard]] std::string make_schema();
  void drop_schema(const std::string& address);

 private:
  [[nodiscard]] std::string address(const std::string& schema) const;
  void execute(const std::string& sql) const;
  TemporaryFolder folder_;
  std::string user_;
  int process_ = -1;
  int schemas_ = 0;
};

}  // namespace recant::test
