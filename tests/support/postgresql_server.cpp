// SPDX-License-Identifier: Apache-2.0
#include "postgresql_server.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace recant::test {
namespace {

namespace fs = std::filesystem;

/// Whom the server runs as.
const passwd& server_user() {
  const passwd* const user = ::getuid() == 0 ? ::getpwnam("nobody") : ::getpwuid(::getuid());
  if (user == nullptr) throw std::runtime_error("no user to run the server as");
  return *user;
}

/// Starts a program as server_user(), with its output going to `log`; it ends with this process.
int start(const std::vector<std::string>& command, const fs::path& log) {
  const passwd user = server_user();
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int child = ::fork();
  if (child != 0) return child;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  if (::getuid() == 0 && (::setgid(user.pw_gid) != 0 || ::setuid(user.pw_uid) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGINT);
  if (::chdir("/") != 0) ::_exit(126);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

int wait_for(int process) {
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

bool has_programs(const fs::path& folder) {
  return fs::exists(folder / "initdb") && fs::exists(folder / "postgres");
}

}  // namespace

std::optional<fs::path> PostgresqlServer::programs() {
  std::optional<fs::path> newest;
  std::error_code none;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none)) {
    const fs::path folder = version.path() / "bin";
    if (has_programs(folder) && (!newest || folder > *newest)) newest = folder;
  }
  for (const char* const folder : {"/usr/bin", "/usr/local/bin"}) {
    if (!newest && has_programs(folder)) newest = folder;
  }
  return newest;
}

PostgresqlServer::PostgresqlServer(const fs::path& programs) : user_(server_user().pw_name) {
  const fs::path data = folder_ / "data", log = folder_ / "log";
  if (::chown(folder_.path().c_str(), server_user().pw_uid, server_user().pw_gid) != 0) {
    throw std::runtime_error("the server's folder cannot be given to it");
  }
  if (wait_for(start({programs / "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8",
                      "--locale=C.UTF-8", "-D", data},
                     log)) != 0) {
    throw std::runtime_error("initdb failed");
  }
  process_ = start({programs / "postgres", "-D", data, "-k", folder_.path(), "-c",
                    "listen_addresses=", "-c", "max_connections=100"},
                   log);
  for (int i = 0; i < 600; ++i) {
    if (PQping(address("public").c_str()) == PQPING_OK) return;
    if (::waitpid(process_, nullptr, WNOHANG) != 0) break;
    ::usleep(100'000);
  }
  throw std::runtime_error("the server does not start");
}

PostgresqlServer::~PostgresqlServer() {
  ::kill(process_, SIGINT);  // its fast shutdown
  wait_for(process_);
}

std::string PostgresqlServer::address(const std::string& schema) const {
  return "postgresql:///postgres?user=" + user_ + "&host=" + folder_.path().string() +
         "&options=-csearch_path%3D" + schema;
}

void PostgresqlServer::execute(const std::string& sql) const {
  PGconn* const connection = PQconnectdb(address("public").c_str());
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  PGresult* const result = PQexec(connection, sql.c_str());
  const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
  PQclear(result);
  PQfinish(connection);
  if (!done) throw std::runtime_error("the server refuses a statement of the test");
}

std::string PostgresqlServer::make_schema() {
  const std::string schema = "ledger" + std::to_string(++schemas_);
  execute("CREATE SCHEMA " + schema);
  return address(schema);
}

void PostgresqlServer::drop_schema(const std::string& address) {
  execute("DROP SCHEMA " + address.substr(address.rfind("%3D") + 3) + " CASCADE");
}

}  // namespace recant::test
