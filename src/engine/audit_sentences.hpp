// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "recant/engine/audit.hpp"

namespace recant {

/// One sentence a finding, in plain words and with its uncertainty: what an auditor can quote. Of
/// figures on test rows and of attacks there is one for each row of the command's table, in its
/// order.
[[nodiscard]] std::vector<std::string> audit_sentences(const AuditReport& report,
                                                       const AuditRequest& request);

}  // namespace recant
