# SPDX-License-Identifier: Apache-2.0
"""Checks deletion certificates offline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from . import _core
from ._checked import checked
from ._results import Verification
from .errors import DataError, NotFoundError

__all__ = ["verify"]

_Path = str | os.PathLike[str]


def _read(path: _Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"{os.fspath(path)}: does not exist") from None
    except OSError:
        raise DataError(f"{os.fspath(path)}: cannot be read") from None


def _read_if(path: _Path | None) -> bytes | None:
    return None if path is None else _read(path)


def _parameters(model: _Path | None) -> bytes | None:
    """What a model folder publishes, or the file itself."""
    if model is not None and Path(model).is_dir():
        model = Path(model) / "published" / "parameters.npy"
    return _read_if(model)


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
    return Verification(_core.verify(_read(certificate), _read_if(public_key), _parameters(model),
                                     _read_if(annex), [_read(path) for path in previous]))
