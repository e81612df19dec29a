// SPDX-License-Identifier: Apache-2.0
#include "release_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "batch_finisher.hpp"
#include "recant/certify/certificate.hpp"
#include "recant/core/error.hpp"
#include "recant/verify/verify.hpp"
#include "vault_file.hpp"
#include "vault_reader.hpp"

namespace recant {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void lost_its_end(const ModelFolder& folder, const std::string& file) {
  throw DamagedError(
      fmt::format("has lost its end: {} is of a release that is not in it; nothing was drawn",
                  file),
      folder.ledger_location(),
      "restore the whole model from a backup that has this release, or fit again");
}

[[noreturn]] void damaged(const std::string& what, const fs::path& file) {
  throw DamagedError(what, file.string(), "restore it from a backup");
}

/// The batch of a certificate or annex; -1 for a file of another name.
std::int64_t batch_of(const fs::path& file) {
  const std::string name = file.filename().string();
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
  const std::string_view rest(end, static_cast<std::size_t>(name.data() + name.size() - end));
  return code == std::errc() && (rest == ".json" || rest == ".annex.json") ? number - 1 : -1;
}

/// Every certificate is of a batch up to the last that was sealed.
void check_names(const ModelFolder& folder, std::int64_t sealed) {
  const fs::path place = folder.path / "certificates";
  if (!fs::exists(place)) return;
  for (const auto& entry : fs::directory_iterator(place)) {
    if (batch_of(entry.path()) > sealed) {
      lost_its_end(folder, "certificates/" + entry.path().filename().string());
    }
  }
}

/// While a restored backup is brought up to date, certificates before may still be missing.
void check_certificate(const ModelFolder& folder, const Release& release) {
  const fs::path certificate = certificate_file(folder.path, release.batch);
  const fs::path annex = certificate_file(folder.path, release.batch, true);
  if (fs::exists(certificate) && read_vault_file(certificate) != release.certificate) {
    damaged("is not the certificate of the ledger", certificate);
  }
  if (fs::exists(annex) && read_vault_file(annex) != release.annex) {
    damaged("is not the annex of the ledger", annex);
  }
}

/// Whether this vault issued a certificate, whatever its ledger says.
bool is_signed(const std::string& certificate, const SigningKey& key) {
  VerificationFiles files;
  files.certificate = certificate;
  files.public_key = key.public_key_text();
  const Verification verification = verify(files);
  return std::any_of(verification.checks.begin(), verification.checks.end(),
                     [](const Check& check) {
                       return check.name == "signature" && check.state == CheckState::kPassed;
                     });
}

/// While a batch is under way what is published may be of any release before it: of the last one,
/// or, of a backup that is brought up to date, of the one that it was made after.
void check_published_is_known(const ModelFolder& folder, const Ledger& ledger, std::int64_t sealed,
                              const SigningKey& key) {
  const fs::path published = folder.path / "published";
  if (!fs::exists(published)) return;
  const std::string certificate = read_vault_file(published / "certificate.json");
  for (std::int64_t batch = sealed; batch >= 0; --batch) {
    const std::optional<Release> release = ledger.release_of_batch(batch);
    if (release && release->certificate == certificate) return;
  }
  if (is_signed(certificate, key)) lost_its_end(folder, "what is published");
  damaged("is not the certificate of the ledger", published / "certificate.json");
}

}  // namespace

void check_releases(const ModelFolder& folder, const Ledger& ledger, const SigningKey& key) {
  const VaultMoment moment = read_moment(ledger);
  const std::int64_t sealed = moment.last_batch.value_or(-1) -
                              (moment.last_batch && moment.stage < BatchStage::kNoised ? 1 : 0);
  check_names(folder, sealed);
  for (std::int64_t batch = std::max<std::int64_t>(0, sealed - 1); batch <= sealed; ++batch) {
    const std::optional<Release> release = ledger.release_of_batch(batch);
    if (!release) throw DamagedError("lacks the release of a batch", folder.ledger_location());
    if (read_certificate(release->certificate).key_id != key.id()) {
      damaged("is not the key that signed the last certificate",
              folder.path / "secret/signing.key");
    }
    check_certificate(folder, *release);
  }
  check_published_is_known(folder, ledger, sealed, key);
  check_published(folder, ledger, moment);
}

}  // namespace recant
