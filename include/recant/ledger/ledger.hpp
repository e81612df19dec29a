// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recant/ledger/batch.hpp"
#include "recant/ledger/checkpoint.hpp"
#include "recant/ledger/request.hpp"

namespace recant {

enum class LedgerAccess { kRead, kWrite };

/// One link of the chain: hash = BLAKE2b-256("recant.event/1", 0, former, seq, at, kind, subject,
/// payload), so that none can be changed, left out or put in without changing all later ones.
struct LedgerEvent {
  std::int64_t seq = 0;  ///< from 1, without gaps
  LedgerTime at{};
  std::string kind;          ///< "received", a name of a RequestEvent, "prepared", "enrolled" ..
  std::int64_t subject = 0;  ///< number of the request, batch, enrolment, writer or event
  std::string payload;       ///< JSON: digests of what was written with it
  Digest former{}, hash{};
};

/// What a status shows: counts, states, times, budget; never contents.
struct LedgerStatistics {
  std::int64_t events = 0;
  Digest head{};                                        ///< hash of the last event
  LedgerTime changed_at{};                              ///< time of the last event
  std::array<std::int64_t, kRequestStates> requests{};  ///< by RequestState
  std::int64_t rows_erased = 0;
  std::int64_t batches = 0;
  std::optional<std::int64_t> open_batch;
  BudgetUse budget;
};

/// What check() found.
struct LedgerCheck {
  std::int64_t events = 0, requests = 0, batches = 0, checkpoints = 0;  ///< that were re-derived
  std::optional<std::string> fault;  ///< the first thing that does not fit, in one line
};

/// The one truth about what happened: requests, batches, releases, budget, certificates, events. It
/// is an SQLite file, or tables of a PostgreSQL server; docs/formats/ledger.md has both.
///
/// Every function that writes is one transaction: when it returns, what it wrote survives a loss of
/// power; when it throws, nothing was written, unless disk or server failed during the commit
/// itself: then the next opening tells. One object belongs to one thread and to the process that
/// opened it: in one that is forked from that, every function @throws UsageError.
/// Readers are never blocked by a writer, and see what was committed when they began.
///
/// All functions @throw DamagedError when the ledger does not hold together, BusyError when others
/// write for longer than 10 seconds, DataError when disk or server fail.
class Ledger {
 public:
  /// Whether `location` names tables of a server; else it is a path.
  [[nodiscard]] static bool on_server(const std::string& location) noexcept;
  /// Before any work: that a place on a server is written as it should be. Does not connect.
  /// @throws UsageError for an address that is none, or that holds a password.
  static void check_address(const std::string& location);

  /// A new, empty ledger. `location` is a path, or postgresql://.. without a password.
  /// @throws UsageError if there is a ledger already.
  [[nodiscard]] static Ledger create(const std::string& location, const EnrolmentRecord& enrolment);

  /// Checks that it is a ledger, of which version, and that the chain ends where it says; does not
  /// read the chain. For writing, an older format is migrated. @throws NotFoundError; DamagedError
  /// too if the format is newer than this program; UsageError to read an older one.
  [[nodiscard]] static Ledger open(const std::string& location, LedgerAccess access);

  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  // ---- Writing. A second writer is kept out by a lock outside the ledger; the token fences off
  // one that lost the lock without knowing: its next write is a BusyError. Only receive() works
  // without a token too, so that requests can come in from anywhere while a batch is under way.

  /// Makes this object the writer and whoever was it before none; the new token, which grows.
  std::int64_t acquire();

  /// Takes requests in: all of them, or none. A key that is there with the same content gets its
  /// first outcome. @throws UsageError for no row, a row twice, or a key that is there with other
  /// content; where() says which submission, from 1.
  std::vector<Receipt> receive(std::span<const Submission> submissions);

  /// @throws UsageError for an event that cannot happen in the request's state, or that belongs to
  /// a batch; for a request that a prepared batch carries out; NotFoundError for an unknown one.
  void decide(std::span<const Decision> decisions);

  /// The point of no return. The batch's number: 0 for the first.
  /// @throws UsageError if a batch is open, the budget is spent, a request is not validated, or two
  /// requests have a row in common or one that is erased; BusyError if a batch has come since
  /// the one that the plan starts from.
  std::int64_t prepare(const BatchPlan& plan);
  /// The rows' bytes are gone: its rows join the erased ones, its chunk hashes become current.
  void mark_applied(std::int64_t batch);
  /// Charges the budget by one release. @throws UsageError if it is spent.
  void seal(std::int64_t batch, const SealedRelease& release);
  void mark_released(std::int64_t batch);
  /// Wipes the sealed noise, and records a signed checkpoint.
  void mark_certified(std::int64_t batch, const CheckpointSigner& sign);
  // Each of the four @throws UsageError unless the batch is in the stage before.

  /// Overwrites what was wiped in files beside the ledger too, waiting a second for readers that
  /// still need it. mark_certified() and acquire() do it themselves. False: readers are in the way.
  bool scrub();

  // ---- Reading.

  /// Everything that `read` reads through this object is of one moment.
  void read_together(const std::function<void()>& read) const;

  [[nodiscard]] std::optional<Request> find(const Digest& key) const;
  /// @throws NotFoundError
  [[nodiscard]] Request request(std::int64_t id) const;
  /// The first `limit` requests in `state` with numbers above `after`, in order.
  [[nodiscard]] std::vector<Request> requests(RequestState state, std::int64_t after,
                                              std::int64_t limit) const;
  /// Sorted. @throws NotFoundError
  [[nodiscard]] std::vector<Digest> rows_of_request(std::int64_t id) const;
  [[nodiscard]] bool erased(const Digest& row) const;
  [[nodiscard]] std::vector<Digest> erased_rows() const;  ///< sorted

  [[nodiscard]] std::optional<Batch> open_batch() const;  ///< not certified yet; at most one
  [[nodiscard]] std::optional<Batch> last_batch() const;
  [[nodiscard]] Batch batch(std::int64_t number) const;  ///< @throws NotFoundError
  /// Sorted; of all its requests. @throws NotFoundError
  [[nodiscard]] std::vector<Digest> rows_of_batch(std::int64_t number) const;
  /// None before it is sealed.
  [[nodiscard]] std::optional<Release> release_of_batch(std::int64_t number) const;

  /// The newest hash of every chunk that applied batches changed, by file and chunk.
  [[nodiscard]] std::vector<ChunkHash> chunks() const;
  /// Those that batch `number` makes. @throws NotFoundError
  [[nodiscard]] std::vector<ChunkHash> chunks_of_batch(std::int64_t number) const;

  [[nodiscard]] BudgetUse budget() const;
  [[nodiscard]] LedgerStatistics statistics() const;
  /// The first `limit` events after number `after`.
  [[nodiscard]] std::vector<LedgerEvent> events(std::int64_t after, std::int64_t limit) const;
  [[nodiscard]] std::optional<Checkpoint> last_checkpoint() const;
  /// Whether the chain contains the checkpoint's event: false for a ledger from an older backup.
  [[nodiscard]] bool contains(const Checkpoint& checkpoint) const;

  /// Re-derives every hash, state and count from the events alone and compares. Finds whatever was
  /// changed, added or removed without rewriting all that came later; only a checkpoint that
  /// somebody else holds shows that the end was cut off. Without `verify`, signatures are not
  /// checked. Cost: reads everything.
  [[nodiscard]] LedgerCheck check(const CheckpointVerifier& verify = {}) const;

  /// A consistent copy as an SQLite file, while others write. In place: a failed one is removed.
  /// Damage to a -wal is looked for first, as by check(); the rest is for whoever checks the copy.
  /// @throws UsageError if `path` exists.
  void backup_to(const std::filesystem::path& path) const;

 private:
  class Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace recant
