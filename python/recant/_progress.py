# SPDX-License-Identifier: Apache-2.0
"""Progress of long calls: a callback of one's own, or a bar."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .errors import UsageError

#: Called as ``progress(phase, done, total)``; total 0 is unknown. An exception ends the work.
ProgressCallback = Callable[[str, float, float], object]


def progress_of(
        progress: bool | ProgressCallback | None) -> AbstractContextManager[ProgressCallback | None]:
    """The callback that the core is given: one's own, a bar of tqdm for True, or none."""
    if progress is None or progress is False:
        return _NONE
    if progress is True:
        return _Bar()
    if callable(progress):
        return nullcontext(progress)
    raise UsageError("progress: must be True, False, None or a callable")


_NONE = nullcontext()


class _Bar(AbstractContextManager["_Bar"]):
    """One bar of tqdm for each phase; without tqdm nothing."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            tqdm = None
        self._make: Any = tqdm
        self._bar: Any = None
        self._phase = ""

    def __call__(self, phase: str, done: float, total: float) -> None:
        if self._make is None:
            return
        if self._bar is None or phase != self._phase:
            self.close()
            self._bar, self._phase = self._make(total=total or None, desc=phase), phase
        self._bar.update(done - self._bar.n)

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
