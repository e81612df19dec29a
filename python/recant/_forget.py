# SPDX-License-Identifier: Apache-2.0
"""What deletions in memory and on disk share: how rows are named, how they are weighted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _arrays, _core, _results
from .errors import NotDeletedWarning, NotFoundError, UsageError

_METHODS = {"newton": "newton", "ascent": "ascent", "gradient_ascent": "ascent"}
_WEIGHTINGS = ("uniform", "sigmoid", "rank", "exp", "retained")


def row_positions(rows: Any, count: int) -> list[int]:
    """A position, several, or a mask of all rows, as positions."""
    try:
        array = np.atleast_1d(np.asarray(rows))
    except ValueError:  # of lists of different lengths
        array = np.array([None])
    if array.dtype == bool:
        if array.shape != (count,):
            raise UsageError(f"rows: a mask has one value for each of the {count} training rows, "
                             f"this one has shape {array.shape}")
        return [int(row) for row in np.flatnonzero(array)]
    if array.size and array.dtype.kind not in "iu":
        raise UsageError("rows: must be whole numbers, positions among the training rows from 0, or "
                         "a mask")
    if array.size and array.max() > np.iinfo(np.int64).max:
        raise NotFoundError("rows: a position is beyond the training rows")
    return [int(row) for row in array.ravel()]


@dataclass(frozen=True)
class Asked:
    """Method and weighting as the core takes them."""

    method: str
    weighting: str
    alpha: float | None
    values: _arrays.Floats | None
    ascent: dict[str, object]


def asked(method: str, weighting: str, alpha: float | str | None, values: Any, max_steps: int,
          step_size: float, clip: float | None) -> Asked:
    """Checks what the core would only see as numbers."""
    if method not in _METHODS:
        raise UsageError(f"method: {method!r} is none; choose newton or ascent")
    if weighting not in _WEIGHTINGS:
        raise UsageError(f"weighting: {weighting!r} is none; choose {', '.join(_WEIGHTINGS)}")
    if weighting == "uniform":
        if alpha is not None or values is not None:
            raise UsageError("weighting: alpha and values go with sigmoid, rank and exp")
    elif weighting == "retained":
        if values is not None:
            raise UsageError("values: of rows that stay they are computed here, without those that "
                             "leave")
        if alpha is None or isinstance(alpha, str):
            raise UsageError("weighting: retained needs alpha, a number, and holdout, the rows that "
                             "values are about")
    elif values is None or alpha is None:
        raise UsageError(f"weighting: {weighting} needs values, one for every training row, and "
                         "alpha, a number or \"auto\"")
    if isinstance(alpha, str) and alpha != "auto":
        raise UsageError(f"alpha: {alpha!r} is neither a number nor \"auto\"")
    given = None if values is None else _arrays.one_a_row(values, "values")
    return Asked(_METHODS[method], weighting, None if alpha in (None, "auto") else float(alpha), given,
                 {"max_steps": max_steps, "step_size": step_size, "clip": clip})


def told(deletion: _results.Deletion, stacklevel: int) -> _results.Deletion:
    """The same with a warning: who does not look at a no should not take the rows for deleted."""
    why = ("a row was erased before" if deletion.state == "already_erased"
           else _core.describe_reason(deletion.reason or deletion.state))
    warnings.warn(f"nothing was deleted: {why}", NotDeletedWarning, stacklevel=stacklevel + 1)
    return deletion
