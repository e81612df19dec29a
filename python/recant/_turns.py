# SPDX-License-Identifier: Apache-2.0
"""Calls that change one object take turns."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import UsageError


class _Turn:
    """Of one object, for as long as a call wants it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.taken = False


_guard = threading.RLock()  # a signal's handler may come in between
_turns: weakref.WeakValueDictionary[int, _Turn] = weakref.WeakValueDictionary()


def _begin_anew() -> None:
    """In a forked process: whoever had a turn in the parent is not there."""
    global _guard, _turns
    _guard, _turns = threading.RLock(), weakref.WeakValueDictionary()


os.register_at_fork(after_in_child=_begin_anew)


@contextmanager
def alone(changed: object) -> Iterator[None]:
    """Waits for calls of other threads that change the object, and keeps theirs waiting.

    Its locks are not the object's own: a copy has others, and a pickle none.
    """
    with _guard:
        turn = _turns.setdefault(id(changed), _Turn())
    with turn.lock:
        if turn.taken:
            raise UsageError(f"{type(changed).__name__}: is busy with the call that this is a part of")
        turn.taken = True
        try:
            yield
        finally:
            turn.taken = False
