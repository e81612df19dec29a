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

import re

__all__ = ["BusyError", "ConvergenceWarning", "DamagedError", "DataError", "Error",
           "InternalError", "NotDeletedWarning", "NotFoundError", "NotKeptError", "UsageError"]


class Error(Exception):
    """Any error of recant."""

    message: str = ""
    where: str = ""
    hint: str = ""


class UsageError(Error, ValueError):
    """An argument is wrong."""


class NotKeptError(UsageError, AttributeError):
    """An attribute is asked for that this model does not have any more: ``hasattr`` is False."""


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


#: What the core, which speaks to the command's users, calls by other words than the package.
_WORDS = {
    "fit with --sensitive COLUMN or --groups FILE.npy": "give sensitive_features",
    "--features and --targets": "X and y",
    "feature files are needed of both": "are needed of both",
    "--validation": "holdout",
    "--force": "replace=True",
    "--rounds 1": "rounds=1",
    "--utility log_loss": "utility='log_loss'",
    "--utility vote": "utility='vote'",
    "recant forget --from-ledger NEWER.sqlite": "Vault.catch_up(NEWER)",
}
#: What the core calls an argument that is wrong, where the package's has another name.
_ARGUMENTS = {"close": "metric", "features_file": "features",
              "validation_features_file": "validation_features"}
_OPTION = re.compile(r"(?<![^\s(\"'`])--([a-z][a-z-]*)")


def _in_python(text: str) -> str:
    """A text of the core with the package's argument names in place of the command's options."""
    for option, argument in _WORDS.items():
        text = text.replace(option, argument)
    return _OPTION.sub(lambda found: found[1].replace("-", "_"), text)


def _of_core(name: str, message: str, where: str, hint: str) -> Error:
    """The exception for an error of the core."""
    message, hint = _in_python(message), _in_python(hint)
    where = _in_python(where) if where.startswith("--") else _ARGUMENTS.get(where, where)
    text = f"{where}: {message}" if where else message
    error: Error = globals()[name](f"{text}; {hint}" if hint else text)
    error.message, error.where, error.hint = message, where, hint
    return error


class ConvergenceWarning(UserWarning):
    """A fit ended before its tolerance; ``converged_`` is False."""


class NotDeletedWarning(UserWarning):
    """A deletion was refused; ``Deletion.done`` is False and ``reason`` says why."""
