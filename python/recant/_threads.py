# SPDX-License-Identifier: Apache-2.0
"""How many threads the core works on."""

from __future__ import annotations

from . import _core
from ._checked import checked

__all__ = ["set_threads", "threads"]


@checked
def set_threads(count: int) -> None:
    """Sets on how many threads every later call works; results are the same to the last bit.

    Parameters
    ----------
    count : int
        0: as many as there are processors, or as OMP_NUM_THREADS says.

    Raises
    ------
    UsageError
        For a number below 0.

    References
    ----------
    docs/reference/python.md, "Long calls".
    """
    _core.set_threads(count)


def threads() -> int:
    """On how many threads calls work.

    Returns
    -------
    int
    """
    return _core.threads()
