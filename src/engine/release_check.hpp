// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model_folder.hpp"
#include "recant/certify/signing_key.hpp"
#include "recant/ledger/ledger.hpp"

namespace recant {

/// Before a writer goes on from the ledger: whatever was published or certified is in it. Files are
/// written after the commit that seals their release, so one that the ledger does not know means
/// that it has lost its end, and to go on from there could draw noise for that release once more.
///
/// Looks at published/, at the names of all certificates, and at the bytes of the last two and
/// their annexes: the next certificate chains to one of them. So it costs no more for a long
/// ledger, but for listing names; former certificates are compared by Vault::check().
/// @throws DamagedError naming the ledger if a release is not in it, else the file that is not as
/// it was written.
void check_releases(const ModelFolder& folder, const Ledger& ledger, const SigningKey& key);

}  // namespace recant
