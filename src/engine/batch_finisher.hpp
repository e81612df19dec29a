// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "batch_record.hpp"
#include "model_folder.hpp"
#include "recant/certify/grid_noise.hpp"
#include "recant/ledger/ledger.hpp"
#include "vault_secrets.hpp"

namespace recant {

/// Takes a prepared batch to its end, from whichever stage it is in: all it needs is in the ledger,
/// in state/GEN and under the vault's keys. Every step may be repeated; docs/formats/vault.md says
/// why in this order.
class BatchFinisher {
 public:
  /// Keeps references; of the folder it changes what its manifest says.
  BatchFinisher(ModelFolder& folder, Ledger& ledger, const VaultSecrets& secrets)
      : folder_(folder), ledger_(ledger), secrets_(secrets) {}

  /// prepared -> applied -> noised -> released -> certified.
  void finish(const Batch& batch);

  /// The same in the ledger alone, for a batch whose files are lost: nothing is published, and its
  /// release counts as if it had been, since nobody can say that it was not. One that was never
  /// sealed is made of `theta`, as `step` says. Its requests are then certified.
  void count_release(const Batch& batch, const BatchRecord& step, ConstVectorRef theta);

  /// Before a batch is prepared: why noise cannot be added to these parameters, a reason of a no;
  /// empty: it can. @throws DataError if one is not finite.
  [[nodiscard]] static std::string_view fault_of_parameters(
      const std::optional<PrivacyBudget>& budget, ConstVectorRef theta);

 private:
  ModelFolder& folder_;
  Ledger& ledger_;
  const VaultSecrets& secrets_;
  std::optional<GridNoise> noise_;  // of the last budget, which seldom changes

  void erase_rows(const BatchRecord& record);
  void erase_names(const BatchRecord& record);
  void seal_release(const Batch& batch, const BatchRecord& record, const Vector& state);
  [[nodiscard]] SealedRelease drawn_release(const Batch& batch, const BatchRecord& record,
                                            Vector published);
  void publish(const Batch& batch, const BatchRecord& record);
  void certify(const Batch& batch, const BatchRecord& record);
  void mark_certified(const Batch& batch);

  const GridNoise& noise(const PrivacyBudget& budget);
  [[nodiscard]] Vector state_of(const BatchRecord& record) const;
  [[nodiscard]] std::optional<Release> former(const Batch& batch) const;
  [[nodiscard]] CertificateStatement statement(const Batch& batch, const BatchRecord& record,
                                               ConstVectorRef published) const;
};

/// What published/parameters.json says of a release: enough to use parameters.npy without this
/// program.
[[nodiscard]] std::string describe_parameters(const ModelFolder& folder, const Release& release);

/// Where the certificate of a batch lies below the vault; "annex" in place of "" for the annex.
[[nodiscard]] std::filesystem::path certificate_file(const std::filesystem::path& vault,
                                                     std::int64_t batch, bool annex = false);

}  // namespace recant
