// SPDX-License-Identifier: Apache-2.0
// Reading a vault beside its writer, and after one that died in the middle of a batch.
#include "vault_reader.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "dead_writer.hpp"
#include "expect_error.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/error.hpp"
#include "row_eraser.hpp"
#include "small_vault.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr Index kRows = 300, kPerBatch = 5, kBatches = 30;

class VaultReaderTest : public testing::Test {
 protected:
  VaultReaderTest() {
    fitted_ = test::small_model(folder_, kRows);
    EnrolmentRequest budget = test::small_budget();
    budget.releases = kBatches + 5;
    test::create_enrolled(path_, fitted_, budget);
  }
  static std::vector<Index> rows_of(Index batch) {
    std::vector<Index> rows(kPerBatch);
    std::iota(rows.begin(), rows.end(), batch * kPerBatch);
    return rows;
  }
  static ForgetRequest asked(Index batch) {
    ForgetRequest request;
    request.rows = rows_of(batch);
    return request;
  }
  /// That a reading is as after so many batches: to the value, in every row.
  void expect_after(const FittedModel& read, Index batches) const {
    for (Index row = 0; row < kRows; ++row) {
      const bool gone = row < batches * kPerBatch;
      ASSERT_EQ(is_erased(read.rows.ids, row), gone) << row;
      ASSERT_EQ(read.rows.weights[row], gone ? 0 : fitted_.rows.weights[row]) << row;
      ASSERT_EQ(read.rows.targets[row], gone ? 0 : fitted_.rows.targets[row]) << row;
      const auto at = static_cast<std::size_t>(row);
      ASSERT_EQ(read.rows.sensitive[0].codes[at], gone ? 0 : fitted_.rows.sensitive[0].codes[at]);
    }
  }

  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "model.rct";
  FittedModel fitted_;
};

using Theta = std::vector<double>;
Theta values_of(const Vector& theta) {
  return {theta.begin(), theta.end()};
}

std::string read_in(int folder, const char* name) {
  const int file = ::openat(folder, name, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::string text(1 << 16, '\0');
  const ssize_t got = ::read(file, text.data(), text.size());
  ::close(file);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

/// The certificate's release and hash of parameters, of one published/; none: it was replaced, and
/// its names overwritten, before all of it was read.
struct Published {
  std::int64_t release = 0;
  std::string parameters_hash, described_hash;
};
std::optional<Published> read_published(const fs::path& vault) {
  const int folder = ::open((vault / "published").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return std::nullopt;
  const std::string certificate = read_in(folder, "certificate.json");
  const std::string parameters = read_in(folder, "parameters.json");
  ::close(folder);
  const bool overwritten = parameters.find('\0') != std::string::npos;
  if (certificate.empty() || parameters.empty() || overwritten) return std::nullopt;
  const Certificate stated = read_certificate(certificate);
  const auto described = nlohmann::json::parse(parameters);
  return Published{stated.release, hexadecimal_of(stated.parameters_hash),
                   described.at("parameters_hash").get<std::string>()};
}

/// What was seen beside a stream of deletions.
struct Seen {
  std::vector<FittedModel> models;
  std::vector<VaultStatus> statuses;
  std::vector<Published> published;
  std::int64_t checks = 0;
  std::chrono::duration<double> longest{0};
};

TEST_F(VaultReaderTest, BesideAStreamOfBatchesEachReadingIsOfBetweenTwoOfThem) {
  std::map<Theta, Index> batches_of_theta;
  std::map<std::int64_t, std::string> hash_of_release;
  batches_of_theta[values_of(fitted_.model.theta)] = 0;
  hash_of_release[1] = read_published(path_)->parameters_hash;
  std::atomic<bool> over{false};
  std::vector<Seen> seen(4);
  std::vector<std::thread> readers;
  for (std::size_t r = 0; r < seen.size(); ++r) {
    readers.emplace_back([&, r] {
      Seen& mine = seen[r];
      while (!over) {
        const auto began = Clock::now();
        if (r == 0) {
          mine.statuses.push_back(Vault::status(path_));
        } else if (r == 1) {
          if (auto published = read_published(path_)) mine.published.push_back(*published);
        } else if (r == 2) {
          const VaultCheck check = Vault::check(path_);
          EXPECT_EQ(check.fault, std::nullopt);
          ++mine.checks;
        } else {
          mine.models.push_back(Vault::open(path_));
        }
        mine.longest = std::max<std::chrono::duration<double>>(mine.longest, Clock::now() - began);
      }
    });
  }
  {
    Vault vault = Vault::open_for_writing(path_);
    for (Index batch = 0; batch < kBatches; ++batch) {
      const ForgetReport report = vault.forget(asked(batch));
      ASSERT_TRUE(report.done());
      batches_of_theta[values_of(vault.model().model.theta)] = batch + 1;
      hash_of_release[report.release] = read_published(path_)->parameters_hash;
    }
  }
  over = true;
  for (std::thread& reader : readers) reader.join();

  std::set<Index> states;
  for (const FittedModel& model : seen[3].models) {
    const auto state = batches_of_theta.find(values_of(model.model.theta));
    ASSERT_NE(state, batches_of_theta.end()) << "parameters of no batch";
    expect_after(model, state->second);
    states.insert(state->second);
  }
  EXPECT_GE(states.size(), 3U) << "readings all along the stream";
  for (const VaultStatus& status : seen[0].statuses) {
    const LedgerStatistics& ledger = *status.ledger;
    const auto certified = ledger.requests[static_cast<std::size_t>(RequestState::kCertified)];
    const std::int64_t under_way = status.unfinished ? 1 : 0;
    EXPECT_EQ(ledger.batches, 1 + certified + under_way);
    const std::int64_t applied = certified + (under_way > 0 && status.unfinished != "prepared");
    EXPECT_EQ(status.rows_left, kRows - kPerBatch * applied);
    EXPECT_EQ(ledger.budget.used, 1 + certified +
                                      (under_way > 0 && status.unfinished != "prepared" &&
                                       status.unfinished != "applied"));
  }
  EXPECT_GE(seen[1].published.size(), 10U);
  for (const Published& published : seen[1].published) {
    EXPECT_EQ(published.parameters_hash, published.described_hash);
    EXPECT_EQ(published.parameters_hash, hash_of_release.at(published.release));
  }
  EXPECT_GE(seen[2].checks, 3);
  for (const Seen& one : seen) EXPECT_LT(one.longest.count(), 5) << "nobody waited";
  RecordProperty("models_read", static_cast<int>(seen[3].models.size()));
}

TEST_F(VaultReaderTest, ABatchThatComesBetweenIsReadWholly) {
  Vault vault = Vault::open_for_writing(path_);
  for (Index batch = 0; batch < 3; ++batch) {
    bool done = false;
    const FittedModel read = read_beside_writer(path_, [&] {
      if (!done) done = vault.forget(asked(batch)).done();
    });
    ASSERT_TRUE(done);
    expect_after(read, batch + 1);
    EXPECT_EQ(read.model.theta, vault.model().model.theta);
  }
}

/// What a writer leaves that dies while rows are zeroed: a batch is prepared.
class DeadWriterTest : public VaultReaderTest {
 protected:
  explicit DeadWriterTest(std::string version = "0.0.1") {
    static_cast<void>(Vault::open_for_writing(path_).forget(asked(0)));
    theta_ = fitted_.model.theta * 0.5;
    test::prepare_batch(path_, test::record_by_hand(std::move(version)), theta_, rows_of(1));
  }
  /// Bytes of a file of rows, from where its values begin.
  void overwrite(const std::string& name, std::int64_t at, const std::string& bytes) const {
    const std::int64_t begin = read_npy_header(path_ / name).data_offset;
    std::fstream file(path_ / name, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(begin + at);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  Vector theta_;
};

TEST_F(DeadWriterTest, TheBatchThatWillHappenIsRead) {
  const auto expect_read = [&] {
    const FittedModel read = Vault::open(path_);
    EXPECT_EQ(read.model.theta, theta_);
    expect_after(read, 2);
    EXPECT_EQ(Vault::check(path_).fault, std::nullopt);
  };
  expect_read();
  // Of row 6 the weight and half of the target are gone, of row 7 all but the id.
  overwrite("rows/weights.npy", 6 * 8, std::string(8, '\0'));
  overwrite("rows/targets.npy", 6 * 8 + 4, std::string(4, '\0'));
  expect_read();
  RowEraser(path_, {"rows/features.npy", "rows/targets.npy", "rows/weights.npy", "rows/groups.npy"},
            kRows)
      .erase(std::vector<Index>{7});
  expect_read();
  EXPECT_EQ(Vault::status(path_).unfinished, "prepared");
}

TEST_F(DeadWriterTest, DamageIsNoticedInPiecesThatAreBeingZeroedToo) {
  overwrite("rows/targets.npy", 20 * 8, std::string(8, '\x11'));
  test::expect_error<DamagedError>([&] { return Vault::open(path_); }, {"targets.npy"});
}

TEST_F(DeadWriterTest, WhoFinishesABatchCertifiesWhatItsVersionMade) {
  {
    const Vault vault = Vault::open_for_writing(path_);
    ASSERT_EQ(vault.recovered().size(), 1U);
    EXPECT_EQ(vault.recovered()[0], "finished batch 2, which was prepared");
  }
  std::ifstream in(path_ / "published/certificate.json");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(read_certificate(text).version, "0.0.1");
  expect_after(Vault::open(path_), 2);
}

}  // namespace
}  // namespace recant
