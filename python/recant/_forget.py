# SPDX-License-Identifier: Apache-2.0
"""What deletions in memory and on disk share: how rows are named, how they are weighted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from . import _arrays, _core, _results
from .errors import NotDeletedWarning, NotFoundError, UsageError

_METHODS = {"newton": "newton", "ascent": "ascent", "gradient_ascent": "ascent"}
#: What only ascent reads, and what it is where nobody says otherwise.
_OF_ASCENT = {"max_steps": 100, "step_size": 0.1, "clip": 1.0, "rule": "constant"}
_FORMS = ("sigmoid", "rank", "exp")
#: What nearly everybody asks for, looked at once and not with each deletion: after one on disk the
#: processor's caches hold nothing of this module. Without `values`, which may be an array.
_USUAL = ("newton", "uniform", None, None, False, 100, 0.1, 1.0, "constant", "sigmoid")
_WEIGHTINGS = ("uniform", "value", *_FORMS, "retained")


def row_positions(rows: Any, count: Callable[[], int]) -> list[int]:
    """A position, several, or a mask of all rows, of which there are count(), as positions."""
    if type(rows) is int:
        if rows < 2**63:
            return [rows]
        rows = [rows]
    if type(rows) is list and set(map(type, rows)) == {int}:
        _require_beyond_no_row(max(rows))
        return rows
    positions = _positions_in_array(rows, count)
    if not positions:
        raise UsageError("rows: names no row")
    return positions


def _positions_in_array(rows: Any, count: Callable[[], int]) -> list[int]:
    """Of what NumPy has to look at."""
    if np.ma.is_masked(rows):
        raise UsageError("rows: has masked entries; leave these out")
    try:
        array = np.atleast_1d(np.asarray(rows))
    except ValueError:  # of lists of different lengths
        array = np.array([None])
    if array.dtype == bool:
        if array.shape != (count(),):
            raise UsageError(f"rows: a mask has one value for each of the {count()} training rows, "
                             f"this one has shape {array.shape}")
        return [int(row) for row in np.flatnonzero(array)]
    if array.size and array.dtype.kind not in "iu" or _holds_truth(rows):
        raise UsageError("rows: must be whole numbers, positions among the training rows from 0, or "
                         "a mask")
    if array.ndim != 1:
        raise UsageError(f"rows: has shape {array.shape}, but one dimension is needed")
    if array.size:
        _require_beyond_no_row(array.max())
    return [int(row) for row in array]


def _holds_truth(rows: Any) -> bool:
    """Whether a list has True or False among numbers, which NumPy makes numbers of."""
    return isinstance(rows, (list, tuple, set, frozenset)) and any(
        isinstance(each, (bool, np.bool_)) for each in rows)


def _require_beyond_no_row(largest: Any) -> None:
    """Positions have 63 bits in the core."""
    if largest >= 2**63:
        raise NotFoundError("rows: a position is beyond the training rows")


def asked(method: str, weighting: str, alpha: float | str | None, values: Any,
          tier_at_most: str | None, third_derivative: bool, max_steps: int, step_size: float,
          clip: float | None, rule: str, form: str) -> dict[str, object]:
    """How rows are to be deleted, as the core takes it; checks what the core would only see as
    numbers."""
    if values is None and _USUAL == (method, weighting, alpha, tier_at_most, third_derivative,
                                     max_steps, step_size, clip, rule, form):
        return {}  # the core's own
    if method not in _METHODS:
        raise UsageError(f"method: {method!r} is none; choose newton or ascent")
    if weighting not in _WEIGHTINGS:
        raise UsageError(f"weighting: {weighting!r} is none; choose {', '.join(_WEIGHTINGS)}")
    if weighting in _FORMS:
        _require_no_other_form(weighting, form)
        weighting, form = "value", weighting
    if weighting != "uniform" or alpha is not None or values is not None or form != "sigmoid":
        _require_weighting(weighting, alpha, values, form)
    given = {"max_steps": max_steps, "step_size": step_size, "clip": clip, "rule": rule}
    if _METHODS[method] != "ascent":
        for name, value in _OF_ASCENT.items():
            if given[name] != value:
                raise UsageError(f"{name}: is about gradient ascent; give method=\"ascent\"")
    return {"method": _METHODS[method], "weighting": weighting,
            "alpha": None if alpha in (None, "auto") else float(alpha),
            "form": form,
            "values": values if values is None or isinstance(values, str) else _arrays.one_a_row(
                values, "values"),
            "tier_at_most": tier_at_most, "third_derivative": third_derivative, **given}


def _require_no_other_form(weighting: str, form: str) -> None:
    if form not in ("sigmoid", weighting):
        raise UsageError(f"form: weighting={weighting!r} names another; give weighting=\"value\"")


def _require_weighting(weighting: str, alpha: float | str | None, values: Any, form: str) -> None:
    if form not in _FORMS:
        raise UsageError(f"form: {form!r} is none; choose {', '.join(_FORMS)}")
    if weighting == "uniform":
        raise UsageError("weighting: alpha, values and form go with value, sigmoid, rank, exp and "
                         "retained")
    if weighting == "retained":
        if values is not None:
            raise UsageError("values: of rows that stay they are computed here, without those that "
                             "leave")
        if alpha is None or isinstance(alpha, str):
            raise UsageError("weighting: retained needs alpha, a number, and holdout, the rows that "
                             "values are about")
    elif values is None or alpha is None:
        raise UsageError(f"weighting: {weighting} needs values, one for every training row or the name "
                         "of a method, and alpha, a number or \"auto\"")
    if isinstance(alpha, str) and alpha != "auto":
        raise UsageError(f"alpha: {alpha!r} is neither a number nor \"auto\"")


def named(requests: Any, by: str, count: Callable[[], int]) -> list[tuple[str, list[int], list[str]]]:
    """Key, rows and ids of each request, of a mapping from keys."""
    if not isinstance(requests, Mapping):
        raise UsageError("requests: must be a path or a mapping from keys to rows or ids, not "
                         f"{type(requests).__name__}")
    if not requests:
        raise UsageError("requests: names no row to delete")
    if by not in ("row", "id"):
        raise UsageError(f"by: {by!r} is none; choose row or id")
    keys = [_arrays.utf8(key, "requests") for key in requests]
    if "" in keys or len(set(keys)) < len(keys):
        raise UsageError("requests: a key is empty, or two have the same text")
    return [(key, [], ids_of(each)) if by == "id" else (key, row_positions(each, count), [])
            for key, each in zip(keys, requests.values(), strict=True)]


def ids_of(ids: Any) -> list[str]:
    """Ids as texts; one alone is a list of one.

    Of anything but texts and whole numbers the text is not what a row has for its id: it would be
    looked for, not be found, and the ledger would keep for good that it was asked for.
    """
    if isinstance(ids, (str, int, np.integer)) or (type(ids) is np.ndarray and ids.ndim == 0):
        ids = [ids] if isinstance(ids, str) else [np.asarray(ids).item()]
    if isinstance(ids, (bytes, Mapping)) or not isinstance(ids, Iterable):
        raise _no_id(ids)
    return [_id_of(each) for each in (ids.tolist() if type(ids) is np.ndarray else ids)]


def _id_of(one: Any) -> str:
    if isinstance(one, str):
        return _arrays.utf8(str(one), "ids")
    if isinstance(one, (int, np.integer)) and not isinstance(one, bool):
        return str(int(one))
    raise _no_id(one)


def _no_id(found: Any) -> UsageError:
    return UsageError("ids: must be a text, a whole number or several of these, not "
                      f"{type(found).__name__}")


def told(deletion: _results.Deletion, stacklevel: int) -> _results.Deletion:
    """The same with a warning: who does not look at a no should not take the rows for deleted."""
    why = ("a row was erased before" if deletion.state == "already_erased"
           else _core.describe_reason(deletion.reason or deletion.state))
    warnings.warn(f"nothing was deleted: {why}", NotDeletedWarning, stacklevel=stacklevel + 1)
    return deletion
