# SPDX-License-Identifier: Apache-2.0
"""What corrections in memory and on disk share."""

from __future__ import annotations

from typing import Any

from . import _arrays, _core, _forget, _results
from ._progress import ProgressCallback, progress_of
from .errors import UsageError


def corrected(model: _core.Model, validation: _core.Rows, test: _core.Rows | None,
              progress: bool | ProgressCallback | None, *, metric: str | list[str], keep: str | None,
              scheme: str, update: str, bounds: tuple[float, float] | None, rounds: int | None,
              target_gap: float, utility_tolerance: float | None, kappa: float | None,
              kappa_rel: float | None, repay: bool, share: float | None, count: int | None,
              rows: Any, privileged: Any) -> tuple[_core.Model, _results.Correction]:
    """The corrected model, and what the correction did; see ``LogisticRegression.correct``."""
    if keep not in ("utility", None):
        raise UsageError("keep: must be \"utility\" or None")
    lower, upper = (-1.0, 1.0) if bounds is None else bounds
    with progress_of(progress) as callback:
        moved, delta, text, applied = _core.correct(
            model, validation, test, [metric] if isinstance(metric, str) else list(metric), scheme,
            update, rounds, bounds is not None, count, share,
            [] if rows is None else _forget.row_positions(rows, model.__len__),
            _arrays.privileged_groups(privileged), callback,
            {"keep_utility": keep is not None, "target_gap": target_gap,
             "utility_tolerance": utility_tolerance, "kappa": kappa, "kappa_rel": kappa_rel,
             "repay": repay, "lower": lower, "upper": upper})
    weights = moved.weights if applied else model.weights
    return moved, _results.Correction(text, weights, delta, applied)
