# SPDX-License-Identifier: Apache-2.0
"""Checks deletion certificates offline."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import _core
from ._checked import checked
from ._results import Verification

__all__ = ["verify"]

_Path = str | os.PathLike[str]


def _text(path: _Path | None) -> str | None:
    return None if path is None else os.fspath(path)


@checked
def verify(certificate: _Path, *, model: _Path | None = None, public_key: _Path | None = None,
           annex: _Path | None = None, previous: Sequence[_Path] = ()) -> Verification:
    """Check a certificate against the files that come with it, trusting nobody who issued it.

    Parameters
    ----------
    certificate : path
        JSON, docs/formats/certificate.md.
    model : path, optional
        Published parameters: an NPY file, or a model folder with published/parameters.npy.
    public_key : path, optional
        Of the issuer; without it anyone may have written the certificate.
    annex : path, optional
        The sealed annex, if you were given it.
    previous : sequence of path
        Former certificates, oldest first.

    Returns
    -------
    Verification
        Any bytes are a certificate that fits or a named failure: ``damaged`` is an outcome, not an
        exception.

    Raises
    ------
    NotFoundError, DataError
        For files that are not there or cannot be read.

    References
    ----------
    docs/mathematics.md, section 5.5; docs/formats/certificate.md.

    Examples
    --------
    >>> import pathlib, recant, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "certificate.json")
    ...     _ = file.write_text("{}")
    ...     recant.certificate.verify(file).damaged
    True
    """
    return Verification(_core.verify(os.fspath(certificate), _text(public_key), _text(model),
                                     _text(annex), [os.fspath(path) for path in previous]))
