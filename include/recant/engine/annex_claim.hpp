// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

namespace recant {

/// How far from retraining a model folder claims to be: what the sealed annex of its newest
/// certificate states; none where that states no bound. Any other annex is evidence about another
/// model, or was changed: it must have the model id and release of that certificate, and the bytes
/// that the certificate is bound to.
/// @throws NotFoundError; DataError for what cannot be read; DamagedError for what is no annex, or
/// not this one; UsageError where nothing was released yet.
[[nodiscard]] std::optional<double> claimed_bound(const std::filesystem::path& annex,
                                                  const std::filesystem::path& model);

}  // namespace recant
