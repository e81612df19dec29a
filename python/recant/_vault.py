# SPDX-License-Identifier: Apache-2.0
"""Models on disk."""

from __future__ import annotations

import os
from pathlib import Path

from . import _core, _results
from ._estimators import LogisticRegression, RidgeRegression, from_model
from ._progress import ProgressCallback, progress_of

_Path = str | os.PathLike[str]


class Vault:
    """A model on disk, NAME.rct, with its rows and, of CSV files, how they are encoded.

    Opening checks every file against its hash; features are mapped, not read.

    Parameters
    ----------
    path : path
        A folder that ``recant fit -o`` or ``save`` wrote.

    Raises
    ------
    NotFoundError, DamagedError

    References
    ----------
    docs/formats/vault.md.
    """

    def __init__(self, path: _Path) -> None:
        self.path = Path(path)
        self._model = _core.Model.open(os.fspath(self.path))

    def __repr__(self) -> str:
        return (f"Vault({os.fspath(self.path)!r}): {self._model.loss}, {len(self._model.rows)} rows, "
                f"{self._model.features} features, l2 {self._model.l2:g}")

    @property
    def estimator(self) -> LogisticRegression | RidgeRegression:
        """The model as an estimator, of encoded features."""
        return from_model(self._model)

    @property
    def columns(self) -> list[str]:
        """Names of the encoded features, in order; empty of a model of arrays."""
        return self._model.columns

    def evaluate(self, csv: _Path, *, threshold: float = 0.5, radius: float = 0.0,
                 attack_correct_only: bool = False) -> _results.Evaluation:
        """``recant evaluate``: utility, fairness and robustness on the rows of a CSV file.

        Parameters
        ----------
        csv : path
            With the columns of the training file.
        threshold, radius, attack_correct_only
            As in :func:`recant.evaluate`.

        Raises
        ------
        NotFoundError, DataError, UsageError
        """
        return _results.Evaluation(_core.evaluate(self._model, self._model.read_csv(os.fspath(csv)), [],
                                                  threshold, radius, attack_correct_only))

    def influence(self, csv: _Path, *, metric: str) -> _results.Influence:
        """``recant influence``: what each training row does to a metric of a CSV file.

        Parameters
        ----------
        csv : path
            With the columns of the training file.
        metric : str
            As in :func:`recant.influence`.

        Raises
        ------
        NotFoundError, DataError, UsageError
        """
        values, text = _core.influence(self._model, self._model.read_csv(os.fspath(csv)), metric, [])
        return _results.Influence(text, _results.frozen(values))

    def correct(self, validation: _Path, *, metric: str | list[str] = "demographic_parity",
                test: _Path | None = None, output: _Path | None = None, replace: bool = False,
                keep_utility: bool = True, rounds: int | None = None,
                bounds: tuple[float, float] | None = (-1.0, 1.0), target_gap: float = 0.0,
                progress: bool | ProgressCallback | None = None) -> _results.Correction:
        """``recant correct``: close gaps, and write the corrected model to ``output``.

        Parameters
        ----------
        validation, test : path
            CSV files.
        output : path, optional
            Folder to write; nothing is written where ``applied`` is False.
        metric, rounds, bounds, target_gap, progress
            As in :meth:`LogisticRegression.correct`.
        keep_utility : bool
            Hold the validation loss, to first order.

        Raises
        ------
        NotFoundError, DataError, UsageError
        """
        lower, upper = (-1.0, 1.0) if bounds is None else bounds
        held = None if test is None else self._model.read_csv(os.fspath(test))
        with progress_of(progress) as callback:
            corrected, delta, text, applied = _core.correct(
                self._model, self._model.read_csv(os.fspath(validation)), held,
                [metric] if isinstance(metric, str) else list(metric), "soft", "polish", rounds,
                bounds is not None, None, None, [], [], callback,
                {"keep_utility": keep_utility, "target_gap": target_gap, "lower": lower,
                 "upper": upper})
        if applied and output is not None:
            corrected.save(os.fspath(output), replace)
        weights = _results.frozen(corrected.weights if applied else self._model.weights)
        return _results.Correction(text, weights, _results.frozen(delta), applied)
