// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storage.hpp"

/// What a few statements tell of a ledger's end, however long it is; all of it is for check().
namespace recant {

/// That the chain ends where the ledger says. @throws DamagedError
void check_end_of_chain(Storage& storage);

/// That the tables go as far as the events and no further. A -wal that lost its end while pages of
/// it were already in the ledger's file leaves some tables behind the others, and each whole in
/// itself: whoever went on from there would write down twice what was done once.
/// @throws DamagedError
void check_end_of_tables(Storage& storage);

}  // namespace recant
