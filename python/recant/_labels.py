# SPDX-License-Identifier: Apache-2.0
"""Labels as the texts that the core keeps, and back."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from ._arrays import utf8
from .errors import DamagedError, UsageError


def type_of(labels: npt.NDArray[Any]) -> str:
    """By which the labels are found again from their texts: NumPy's name of their type."""
    return _name_of(labels.dtype)


@functools.cache  # NumPy puts the name together anew
def _name_of(dtype: np.dtype[Any]) -> str:
    return "str" if dtype.kind == "U" else dtype.name


def texts_of(labels: npt.NDArray[Any]) -> list[str]:
    """What the core calls the classes."""
    texts = [str(label) for label in labels.tolist()]
    for text in texts:
        utf8(text, "y")
    return texts


def from_texts(texts: list[str], label_type: str) -> npt.NDArray[Any]:
    """The labels that had these texts.

    Of models that the command wrote nothing is known but the texts: whole numbers where all are.

    Raises
    ------
    DamagedError
        For texts that no label of the type has.
    """
    if not label_type:
        try:
            return np.array([int(text) for text in texts])
        except ValueError:
            return np.array(texts)
    try:
        return _typed(texts, label_type)
    except (KeyError, TypeError, ValueError):
        raise DamagedError(f"the classes of the model are no labels of type {label_type}") from None


def _typed(texts: list[str], label_type: str) -> npt.NDArray[Any]:
    if label_type == "str":
        return np.array(texts)
    dtype = np.dtype(label_type)
    if dtype.kind == "O":
        return np.array(texts, dtype=object)
    if dtype.kind == "b":
        return np.array([{"False": False, "True": True}[text] for text in texts])
    if dtype.kind in "iu":
        return np.array([int(text) for text in texts], dtype=dtype)
    return np.array([dtype.type(text) for text in texts], dtype=dtype)


def require_kept(texts: list[str], label_type: str, labels: npt.NDArray[Any]) -> None:
    """Raises a UsageError if the labels would come back from a folder as something else."""
    try:
        back = from_texts(texts, label_type)
    except DamagedError:
        back = np.array([])
    if back.tolist() != labels.tolist() or any(
            type(one) is not type(other)
            for one, other in zip(back.tolist(), labels.tolist(), strict=True)):
        raise UsageError("y: a folder keeps labels that are bool, int, float or str, and these are of "
                         f"another type, {labels.dtype}; train on one of those")
