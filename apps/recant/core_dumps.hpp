// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace recant::app {

/// Memory holds rows, keys and noise: whatever ends this process, the system writes none of it to a
/// file or hands it to a program. @throws InternalError if the system refuses.
void forbid_core_dumps();

}  // namespace recant::app
