# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, in the classes a caller can act on.

Every error is a :class:`Error` and one of Python's own families. Its text is one line,
``where: message; hint``, with the empty parts left out; the parts are attributes too. Contents of
rows and identities of people are in none of them.

Outcomes (a fit that did not converge, a gap that cannot be closed, a deletion that is refused) are
not errors: the result says so, as ``converged_``, ``Correction.applied`` or ``Deletion.done``. Those
that nobody should overlook warn too.
"""

from __future__ import annotations

__all__ = ["BusyError", "ConvergenceWarning", "DamagedError", "DataError", "Error",
           "InternalError", "NotDeletedWarning", "NotFoundError", "UsageError"]


class Error(Exception):
    """Any error of recant."""

    message: str = ""
    where: str = ""
    hint: str = ""


class UsageError(Error, ValueError):
    """An argument is wrong."""


class DataError(Error, ValueError):
    """A file or an array is wrong."""


class DamagedError(Error, RuntimeError):
    """A model folder or a certificate does not check."""


class BusyError(Error, BlockingIOError):
    """Another process writes to the model."""


class NotFoundError(Error, FileNotFoundError):
    """A file, a row or a model does not exist."""


class InternalError(Error, RuntimeError):
    """A bug in recant."""


class ConvergenceWarning(UserWarning):
    """A fit ended before its tolerance; ``converged_`` is False."""


class NotDeletedWarning(UserWarning):
    """A deletion was refused; ``Deletion.done`` is False and ``reason`` says why."""
