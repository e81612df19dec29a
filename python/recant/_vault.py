# SPDX-License-Identifier: Apache-2.0
"""Models on disk."""

from __future__ import annotations

import inspect
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from . import _arrays, _core, _forget, _results
from . import values as _values
from ._checked import checked
from ._correct import corrected
from ._estimators import WAIT, LogisticRegression, RidgeRegression, from_model
from ._progress import ProgressCallback, progress_of
from ._verbs import unwrapped
from .errors import BusyError, NotDeletedWarning, NotFoundError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

_T = TypeVar("_T")
_Path = str | os.PathLike[str]
#: What the functions of values are told of rows, which a folder reads itself.
_OF_ROWS = {"model", "X_val", "y_val", "sensitive_features"}
#: Rows to measure on: a CSV file with the columns of training or, of arrays, (X, y).
_Rows = _Path | tuple[Any, Any]


def _enrolment(epsilon: float | None, delta: float | None, releases: int,
               **more: float | None) -> dict[str, object] | None:
    """The options of a budget, `more` by their names in the core; None without one."""
    if epsilon is None and delta is None and all(each is None for each in more.values()):
        return None
    if epsilon is None or delta is None:
        raise UsageError("epsilon: a budget needs both epsilon and delta")
    return {"epsilon": float(epsilon), "delta": float(delta), "releases": releases, **more}


def _kept(model: Any) -> _core.Model:
    """The final step of a pipeline, or the model itself, as a folder keeps it."""
    final = model.steps[-1][1] if hasattr(model, "steps") else model
    return unwrapped(final, None)[0]._to_keep()


@checked
def _trained(csv: _Path, *, target: str, positive: str | None = None,
             sensitive: str | Sequence[str] = (), privileged: Any = None, id: str | None = None,
             weight: str | None = None, drop: Sequence[str] = (), missing: str = "drop",
             na: Sequence[str] | None = None, encoding: str = "full", header: bool = True,
             schema: _Path | None = None, loss: str = "logistic", l2: float | None = None,
             l2_per_row: float | None = None, intercept: bool = True, tolerance: float = 1e-10,
             max_iterations: int = 200, refine: bool = True,
             progress: bool | ProgressCallback | None = None) -> _core.Model:
    """The model of a CSV file; see :meth:`Vault.fit`."""
    table: dict[str, object] = {
        "target": target, "sensitive": [sensitive] if isinstance(sensitive, str) else list(sensitive),
        "drop": list(drop), "missing": missing, "encoding": encoding, "header": header}
    optional = {"positive": positive, "id": id, "weight": weight,
                "na": None if na is None else list(na),
                "schema": None if schema is None else os.fspath(schema)}
    table.update({name: value for name, value in optional.items() if value is not None})
    with progress_of(progress) as callback:
        model = _core.fit_csv(os.fspath(csv), table, loss, l2, l2_per_row, intercept,
                              _arrays.privileged_groups(privileged),
                              {"tolerance": tolerance, "max_iterations": max_iterations,
                               "refine": refine}, callback)
    if not model.optimal:
        raise UsageError("max_iterations: the fit did not converge, so nothing was written; raise "
                         "max_iterations or l2")
    return model


def _rows_of(model: _core.Model, rows: _Rows) -> _core.Rows:
    if isinstance(rows, (str, os.PathLike)):
        return model.read_csv(os.fspath(rows))
    X, y = rows
    return from_model(model)._measured(X, y)


def _claimed(annex: _Path, bound: float | None, folder: str) -> float:
    """The bound that the sealed annex of a folder's newest certificate states."""
    if bound is not None:
        raise UsageError("bound: give bound or annex, not both")
    claimed = _core.annex_bound(os.fspath(annex), folder)
    if claimed is None:
        raise UsageError(f"{os.fspath(annex)}: claims no bound; give one as bound")
    return claimed


def _tell(recovered: list[str]) -> None:
    """Of what opening found unfinished, to whoever called the package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("recant."):
        level, frame = level + 1, frame.f_back
    for line in recovered:
        warnings.warn(line, stacklevel=level)


def _seconds(wait: float) -> float:
    if not 0 <= wait < float("inf"):
        raise UsageError(f"wait: must be finite and >= 0, but is {wait}")
    return float(wait)


#: Of which a forked process has copies, whose locks threads may hold that it has not.
_VAULTS: weakref.WeakSet[Vault] = weakref.WeakSet()


def _in_forked_process() -> None:
    for vault in _VAULTS:
        vault._make_locks()


os.register_at_fork(after_in_child=_in_forked_process)


class Vault:
    """A model on disk, NAME.rct, with its rows and, of CSV files, how they are encoded.

    Opening reads: it checks every file against its hash, maps the features, and waits for nobody.
    What it answers is about the model as the folder has it now, also where others have deleted from
    it since. :meth:`forget` makes this object the folder's one writer for the time of the call or,
    in a ``with`` block, from then to the end of the block, which is what many deletions want: each
    then costs the step alone. Where disk or ledger fail in a block the folder is let go, and the
    next call opens it again.

    Threads may share an object, and the ``with`` block of one of them: what writes takes turns, and
    ``wait`` holds among them too. A process that is forked (multiprocessing's ``fork``) while the
    object is the writer must not write through its copy: that is a UsageError. It opens the folder
    itself, which waits for the parent's block to end.

    Parameters
    ----------
    path : path
        A folder that ``recant fit -o``, :meth:`fit`, :meth:`create` or ``save`` wrote.
    require_checkpoint : path, optional
        A checkpoint that the ledger must contain to be written to: else the folder comes from an
        older backup, and deletions since then are not in it.
    ledger : str, optional
        Where the first deletion of a model without a budget makes the ledger: an empty schema of a
        PostgreSQL server, ``postgresql://...``; the password comes from PGPASSWORD or ~/.pgpass.
        In the folder without it.
    wait : float
        Seconds that :meth:`forget`, :meth:`outcome`, :meth:`catch_up` and :meth:`backup` wait while
        another process, object or thread writes to the folder; 0: a BusyError at once.

    Raises
    ------
    NotFoundError, DamagedError, UsageError

    References
    ----------
    docs/formats/vault.md, docs/algorithms/forget.md.

    Examples
    --------
    >>> import numpy as np, recant, tempfile
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3)); y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
    >>> model = recant.LogisticRegression().fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with recant.Vault.create(f"{folder}/m.rct", model) as vault:
    ...         gone = vault.forget([7, 11])
    ...     gone.state, vault.status().rows_left, vault.check().fault
    ('certified', 298, None)
    """

    @checked
    def __init__(self, path: _Path, *, require_checkpoint: _Path | None = None,
                 ledger: str | None = None, wait: float = WAIT) -> None:
        self._folder = os.fspath(path)
        self._wait = _seconds(wait)
        self._checkpoint = None if require_checkpoint is None else os.fspath(require_checkpoint)
        self._ledger = ledger
        self._make_locks()
        self._blocks = 0  # with blocks that threads are in; counted by who has the turn
        self._writer = _core.Writer(self._folder, self._checkpoint, ledger, self._wait)
        self._mark = _core.folder_mark(self._folder)
        self._read: _core.Model | None = _core.Model.open(self._folder)
        _VAULTS.add(self)

    def _make_locks(self) -> None:
        self._turn = threading.RLock()  # to write
        self._reading = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), require_checkpoint=self._checkpoint, ledger=self._ledger,
                       wait=self._wait), (self._folder,)

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self._folder)

    # -- new folders -------------------------------------------------------------------------

    @classmethod
    @checked
    def create(cls, path: _Path, model: Any, *, epsilon: float | None = None,
               delta: float | None = None, releases: int = 100, sigma: float | None = None,
               allowance: float | None = None, utility_price: float | None = None,
               difference_epsilon: float | None = None, difference_delta: float | None = None,
               difference_step: float | None = None,
               on_budget_spent: str = "refuse", validation: tuple[Any, Any] | None = None,
               ledger: str | None = None, replace: bool = False, wait: float = WAIT,
               progress: bool | ProgressCallback | None = None) -> Vault:
        """Write a fitted model with its rows to a folder; with epsilon and delta under a budget.

        Under a budget the fit is published with noise and a certificate, as the first release, and
        every deletion is one more. At most one of ``sigma``, ``allowance`` and ``utility_price``.

        Parameters
        ----------
        path : path
            Folder to write.
        model : LogisticRegression, RidgeRegression, or a Pipeline that ends in one
            Its final step is kept, and the features as that step saw them.
        epsilon, delta : float, optional
            The promise over all releases; both or none.
        releases : int
            How many releases the promise covers.
        sigma : float, optional
            Standard deviation of the noise, rounded down to a power of sqrt(2).
        allowance : float, optional
            Distance to the retrained model that a release may have, at least; sets the noise.
        utility_price : float, optional
            Share by which the mean validation loss may rise; sets the noise (0.001 if nothing does).
        difference_epsilon, difference_delta, difference_step : float, optional
            All three or none: promise this too to who holds the releases before and after a deletion,
            which may move the model by ``difference_step`` at most and is refused else.
        on_budget_spent : {"refuse", "retrain"}
            What happens to a deletion after the last release.
        validation : tuple (X, y), optional
            Rows on which the noise is priced; the training rows without it.
        ledger : str, optional
            Under a budget: keep the ledger in an empty schema of a PostgreSQL server,
            ``postgresql://...``; the password comes from PGPASSWORD or ~/.pgpass.
        replace : bool
            Whether a model that is there may be replaced.
        wait : float
            Seconds to wait while another process writes to that; then of the object, as in
            :class:`Vault`.
        progress : bool or callable, optional
            As in :meth:`LogisticRegression.correct`.

        Returns
        -------
        Vault
            Its ``fit_result`` says what the noise costs.

        Raises
        ------
        UsageError
            If it exists and ``replace`` is false, for options out of range, or for a budget under
            which no deletion could be certified.
        DataError, BusyError

        References
        ----------
        docs/formats/vault.md; docs/mathematics.md, section 5.
        """
        fitted = _kept(model)
        held = None if validation is None else _rows_of(fitted, validation)
        budget = _enrolment(epsilon, delta, releases, sigma=sigma, allowance=allowance,
                            utility_price=utility_price, difference_epsilon=difference_epsilon,
                            difference_delta=difference_delta, difference_step=difference_step)
        return cls._created(path, fitted, budget, on_budget_spent, ledger, held, replace, wait,
                            progress)

    @classmethod
    @checked
    def fit(cls, path: _Path, csv: _Path, *, target: str, positive: str | None = None,
            sensitive: str | Sequence[str] = (), privileged: Any = None, id: str | None = None,
            weight: str | None = None, drop: Sequence[str] = (), missing: str = "drop",
            na: Sequence[str] | None = None, encoding: str = "full", header: bool = True,
            schema: _Path | None = None, loss: str = "logistic", l2: float | None = None,
            l2_per_row: float | None = None, intercept: bool = True, tolerance: float = 1e-10,
            max_iterations: int = 200, refine: bool = True, epsilon: float | None = None, delta: float | None = None,
            releases: int = 100, sigma: float | None = None, allowance: float | None = None,
            utility_price: float | None = None, difference_epsilon: float | None = None,
            difference_delta: float | None = None, difference_step: float | None = None,
            on_budget_spent: str = "refuse", validation: _Path | None = None,
            ledger: str | None = None, replace: bool = False, wait: float = WAIT,
            progress: bool | ProgressCallback | None = None) -> Vault:
        """``recant fit``: train on a CSV file, and keep the model with its rows.

        Parameters
        ----------
        path : path
            Folder to write.
        csv : path
            Training rows.
        target, positive : str
            Column to predict, and the value of it that counts as 1.
        sensitive, privileged : str or sequence of str
            Columns whose groups are compared; COLUMN=GROUP whose gap is that group minus the others.
        id, weight : str, optional
            Columns that name the rows (row numbers of the file, from 1, without it) and weigh them.
        drop : sequence of str
            Columns that are no features.
        missing, na : {"drop", "error"}, sequence of str
            What becomes of rows with a missing cell, and which cells are missing (?, NA, empty).
        encoding : {"full", "reference"}
            Categories: all levels, or all but the first.
        header : bool
            Whether the first line names the columns; else they are called 1, 2, ....
        schema : path, optional
            JSON file with column types.
        loss : {"logistic", "squared", "softmax"}
        l2, l2_per_row, intercept, tolerance, max_iterations
            As in :class:`LogisticRegression`; l2 is 1 where neither of the two is given.
        refine : bool
            After the tolerance, repeat cheap steps while they at least halve the gradient.
        epsilon, delta, releases, sigma, allowance, utility_price, difference_epsilon, difference_delta,
        difference_step, on_budget_spent, ledger, replace, wait, progress
            As in :meth:`create`.
        validation : path, optional
            CSV file on which the noise is priced.

        Returns
        -------
        Vault
            ``fit_result`` is the command's JSON.

        Raises
        ------
        UsageError
            As in :meth:`create`, and where the fit does not converge: nothing is written then.
        NotFoundError, DataError, BusyError

        References
        ----------
        docs/algorithms/fit.md; docs/formats/vault.md.
        """
        budget = _enrolment(epsilon, delta, releases, sigma=sigma, allowance=allowance,
                            utility_price=utility_price, difference_epsilon=difference_epsilon,
                            difference_delta=difference_delta, difference_step=difference_step)
        model = _trained(
            csv, target=target, positive=positive, sensitive=sensitive, privileged=privileged, id=id,
            weight=weight, drop=drop, missing=missing, na=na, encoding=encoding, header=header,
            schema=schema, loss=loss, l2=l2, l2_per_row=l2_per_row, intercept=intercept,
            tolerance=tolerance, max_iterations=max_iterations, refine=refine, progress=progress)
        held = None if validation is None else model.read_csv(os.fspath(validation))
        vault = cls._created(path, model, budget, on_budget_spent, ledger, held, replace, wait,
                             progress)
        vault._rows_dropped = model.rows_dropped
        return vault

    @classmethod
    def _created(cls, path: _Path, model: _core.Model, budget: dict[str, object] | None,
                 on_budget_spent: str, ledger: str | None, validation: _core.Rows | None,
                 replace: bool, wait: float, progress: bool | ProgressCallback | None) -> Vault:
        with progress_of(progress) as callback:
            text = _core.create_vault(model, os.fspath(path), replace, budget, on_budget_spent,
                                      ledger, validation, _seconds(wait), callback)
        vault = cls(path, wait=wait)
        vault._fit_result = _results.FitResult(text)
        return vault

    @classmethod
    @checked
    def plan(cls, trained: Any, *, epsilon: float, delta: float, releases: int = 100,
             sigma: float | None = None, allowance: float | None = None,
             utility_price: float | None = None, difference_epsilon: float | None = None,
             difference_delta: float | None = None, difference_step: float | None = None,
             on_budget_spent: str = "refuse", validation: _Rows | None = None,
             progress: bool | ProgressCallback | None = None, **fit: Any) -> _results.FitResult:
        """``recant fit --plan``: what a budget would cost in loss. Nothing is written.

        Parameters
        ----------
        trained : LogisticRegression, RidgeRegression, Pipeline that ends in one, or path
            A fitted model, or a CSV file to train one on.
        epsilon, delta, releases, sigma, allowance, utility_price, difference_epsilon,
        difference_delta, difference_step, on_budget_spent, progress
            As in :meth:`create`.
        validation : tuple (X, y) or path, optional
            Rows on which the noise is priced; the training rows without it.
        **fit
            Of a CSV file: what :meth:`fit` is told about columns and training, ``target`` at least.

        Returns
        -------
        FitResult
            ``to_dict()["enrolment"]`` is the plan: its outcome is ``planned``, or ``no`` with the
            reason why no deletion could be certified so.

        Raises
        ------
        UsageError
            For options out of range, or where the fit does not converge.
        NotFoundError, DataError

        References
        ----------
        docs/algorithms/forget.md; docs/mathematics.md, section 5.
        """
        from_csv = isinstance(trained, (str, os.PathLike))
        for name in fit:
            if not from_csv or name not in inspect.signature(_trained).parameters:
                raise UsageError(f"{name}: " + ("is no option of a fit" if from_csv else
                                                "goes with a CSV file; the model is trained already"))
        if from_csv and "target" not in fit:
            raise UsageError("target: is needed to train on a CSV file")
        model = _trained(trained, progress=progress, **fit) if from_csv else _kept(trained)
        held = None if validation is None else _rows_of(model, validation)
        budget = _enrolment(epsilon, delta, releases, sigma=sigma, allowance=allowance,
                            utility_price=utility_price, difference_epsilon=difference_epsilon,
                            difference_delta=difference_delta, difference_step=difference_step)
        with progress_of(progress) as callback:
            return _results.FitResult(_core.plan_enrolment(
                model, cast("dict[str, object]", budget), on_budget_spent, held, callback))

    _fit_result: _results.FitResult | None = None
    _rows_dropped: int | None = None  # of the training file; a folder does not know

    @property
    def fit_result(self) -> _results.FitResult:
        """How the fit ended; with a budget what it costs, as ``to_dict()["enrolment"]``.

        Raises
        ------
        UsageError
            Of a folder that was not written by this object.
        """
        if self._fit_result is None:
            raise UsageError("fit_result: the model was not fitted in this process")
        return self._fit_result

    # -- reading -----------------------------------------------------------------------------

    def __repr__(self) -> str:
        return (f"Vault({self._folder!r}): {self._model.loss}, {self._count()} rows, "
                f"{self._model.features} features, l2 {self._model.l2:g}")

    @property
    def _model(self) -> _core.Model:
        """As the folder has it now, whoever deletes from it: read again only where it has moved on."""
        with self._reading:
            now = _core.folder_mark(self._folder)
            if self._read is None or now != self._mark:
                left = self._writer.model()
                if left is None or left[1] != now:
                    left = _core.Model.open(self._folder), now
                self._read, self._mark = left
            return self._read

    def _count(self) -> int:
        """How many training rows there are, erased ones counted."""
        return len(self._model)

    @property
    def estimator(self) -> LogisticRegression | RidgeRegression:
        """The model as an estimator, of encoded features.

        Under a budget this is the model from before the noise: it must not leave the house. Its
        features are the folder's, mapped: take a new one after a deletion.
        """
        return from_model(self._model)

    @property
    def published(self) -> _arrays.Floats:
        """The parameters that may leave the house: under a budget with noise. Shape (p,) or (C p,).

        Raises
        ------
        NotFoundError
            Before the first deletion of a model without a budget.
        """
        file = self.path / "published" / "parameters.npy"
        if not file.exists():
            raise NotFoundError(f"{os.fspath(file)}: nothing was published yet")
        return cast("_arrays.Floats", np.load(file, allow_pickle=False))

    @property
    def columns(self) -> list[str]:
        """Names of the encoded features, in order; empty of a model of arrays."""
        return self._model.columns

    @checked
    def status(self, *, check: bool = False) -> _results.Status:
        """``recant status``: requests, releases and budget; never what was deleted.

        Parameters
        ----------
        check : bool
            Re-derive the chain of events, the budget and the hashes of all files; ``fault`` names
            the first thing that does not fit.

        Returns
        -------
        Status

        Raises
        ------
        NotFoundError, DamagedError

        References
        ----------
        docs/formats/ledger.md.
        """
        return _results.Status(_core.vault_status(self._folder, check))

    def check(self) -> _results.Status:
        """``recant status --check``: as :meth:`status`, with everything re-derived; see ``fault``.

        Returns
        -------
        Status

        Raises
        ------
        NotFoundError, DamagedError
            Where even that cannot be read; what does not fit is ``fault``.

        References
        ----------
        docs/formats/ledger.md.
        """
        return self.status(check=True)

    @checked
    def backup(self, destination: _Path) -> None:
        """``recant backup``: a consistent copy, also while others write.

        A backup brings back the rows that were erased after it: keep a checkpoint apart from it.

        Parameters
        ----------
        destination : path
            Folder to write.

        Raises
        ------
        UsageError
            If it exists.

        References
        ----------
        docs/formats/vault.md.
        """
        _core.backup_vault(self._folder, os.fspath(destination), self._wait)

    @checked
    def write_checkpoint(self, file: _Path) -> None:
        """The newest signed checkpoint of the ledger, to be kept elsewhere.

        Parameters
        ----------
        file : path

        Raises
        ------
        UsageError
            If there is none yet.

        References
        ----------
        docs/formats/ledger.md.
        """
        _core.write_checkpoint(self._folder, os.fspath(file))

    # -- deletions ---------------------------------------------------------------------------

    def _taken_turn(self) -> threading.RLock:
        """The turn to write, which this thread now has."""
        turn = self._turn
        if not turn.acquire(timeout=min(self._wait, threading.TIMEOUT_MAX)):
            raise BusyError(f"{self._folder}: is being written by another thread; try again later")
        return turn

    def __enter__(self) -> Self:
        turn = self._taken_turn()
        self._blocks += 1
        turn.release()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._turn:
            self._blocks -= 1
            if not self._blocks:
                self._writer.close()

    def close(self) -> None:
        """Lets others write. What a ``with`` block does at its end; in one, the next call that writes
        opens the folder again. In a callback of a call that writes it happens when that ends, in
        another thread too. In a forked process it closes nothing of the parent's, and what this
        process does next is its own."""
        with self._turn:
            self._writer.close()

    def _written(self, call: Callable[..., tuple[_T, list[str]]],
                 *arguments: object) -> _T:
        """What a call of the writer found, which stays open in a with block unless disk or ledger
        failed."""
        turn = self._taken_turn()
        try:
            found, recovered = call(*arguments, self._blocks > 0)
            self._read = None  # of rows that are gone nothing stays in memory
        except BaseException:
            _tell(self._writer.recovered())
            raise
        finally:
            turn.release()
        if recovered:
            _tell(recovered)
        return found

    @checked
    def forget(self, rows: Any = None, *, ids: Any = None, key: str = "",
               weighting: str = "uniform", method: str = "newton",
               alpha: float | str | None = None, values: Any = None,
               tier_at_most: str | None = None, third_derivative: bool = False,
               holdout: _Rows | None = None, max_steps: int = 100, step_size: float = 0.1,
               clip: float | None = 1.0, rule: str = "constant", audit: bool = False,
               form: str = "sigmoid", progress: bool | ProgressCallback | None = None) -> _results.Deletion:
        """``recant forget``: delete rows from the model and from its folder, and publish the rest.

        When it returns a deletion that is ``done``, all of that is on disk: the rows' bytes are
        gone, the model is moved and, under a budget, bounded within the allowance and published with
        noise and a certificate. Without a budget it is trained to the tolerance of the fit, and no
        epsilon is promised.

        Parameters
        ----------
        rows : int, array-like of int, or array-like of bool, optional
            Positions among the training rows, from 0; or a mask.
        ids : str, int, or sequence of these, optional
            In place of ``rows``: values of the id column or, without one, row numbers of the
            training file, from 1.
        key : str
            Your name for this request: the same key again is answered, not done again.
        weighting, method, alpha, values, tier_at_most, max_steps, step_size, clip, rule, form
            As in :meth:`LogisticRegression.forget`.
        third_derivative : bool
            Under a budget, as ``tier_at_most``: keep the loss's third derivative with the base, and
            so have a tier ``half``: many deletions one by one in a ``with`` block then need no pass
            over the rows. Costs as much as a Hessian for every parameter, once. Not for softmax.
        holdout : path or tuple (X, y), optional
            For ``ascent``, ``retained`` and the name of a method in ``values``: rows never seen.
        audit : bool
            Train again without the rows and tell the true distance to the model inside the folder,
            from before the noise.
        progress : bool or callable, optional
            As in :meth:`LogisticRegression.correct`.

        Returns
        -------
        Deletion
            Where ``done`` is False a NotDeletedWarning says why, and nothing was deleted.

        Raises
        ------
        NotFoundError
            For a row that is not in the model.
        BusyError
            If another process still writes when the wait is over.
        UsageError, DataError, DamagedError

        References
        ----------
        docs/algorithms/forget.md; docs/mathematics.md, section 5.
        """
        how = _forget.asked(method, weighting, alpha, values, tier_at_most, third_derivative,
                            max_steps, step_size, clip, rule, form)
        named = [] if ids is None else _forget.ids_of(ids)
        positions = [] if rows is None else _forget.row_positions(rows, self._count)
        held = None if holdout is None else _rows_of(self._model, holdout)
        with progress_of(progress) as callback:
            audited = None
            if audit:
                text, state, audited = self._audited(positions, named, key, how, held, callback)
            else:
                text, state, _, _ = self._written(self._writer.forget, positions, named, key, how, held,
                                                  callback)
        if state == "not_found":
            raise NotFoundError("rows: nothing was deleted: a row is not in this model")
        deletion = _results.Deletion(text, self, audited)
        return deletion if state == "certified" else _forget.told(deletion, stacklevel=3)

    def _audited(self, positions: list[int], ids: list[str], *more: Any) -> tuple[str, str, _results.Audit | None]:
        """A deletion beside training again, which needs the rows from before they were erased."""
        turn = self._taken_turn()
        try:
            with self:
                before = self._written(self._writer.open)
                gone = _core.pick_rows(before, positions, ids)
                text, state, repeated, bound = self._written(self._writer.forget, positions, ids, *more)
                if state != "certified" or repeated:
                    return text, state, None
                return text, state, _results.Audit(_core.audit(
                    self._model, gone, before, None, False, False, bound, 0, [], 0.95, 1, more[-1]))
        finally:
            turn.release()

    @checked
    def forget_requests(self, requests: Any, *, by: str = "row", weighting: str = "uniform",
                        method: str = "newton", alpha: float | str | None = None, values: Any = None,
                        tier_at_most: str | None = None, third_derivative: bool = False,
                        holdout: _Rows | None = None, max_steps: int = 100, step_size: float = 0.1,
                        clip: float | None = 1.0, rule: str = "constant", form: str = "sigmoid",
                        progress: bool | ProgressCallback | None = None) -> _results.Deletions:
        """``recant forget --requests``: many requests as one batch, with one step, one release and one
        certificate for all that can be done.

        What is wrong with one request is said in its deletion and holds up no other: ``reason`` is
        ``no_row``, ``row_twice``, ``row_unknown`` or ``key_used`` then. Of a row that two requests
        name the second is ``already_erased``.

        Parameters
        ----------
        requests : mapping or path
            By key the rows of a request, as :meth:`forget` takes them; or a CSV file with the header
            ``key,row`` or ``key,id``, in which lines with the same key are one request.
        by : {"row", "id"}
            What the mapping names: positions from 0, or ids.
        weighting, method, alpha, values, tier_at_most, third_derivative, holdout, max_steps,
        step_size, clip, rule, form, progress
            As in :meth:`forget`, of all requests.

        Returns
        -------
        Deletions
            In the order of the requests. Where some are not ``done`` a NotDeletedWarning says how
            many.

        Raises
        ------
        BusyError
            If another process still writes when the wait is over.
        UsageError, DataError, NotFoundError, DamagedError
            For what is wrong with all of them, or with the file.

        References
        ----------
        docs/algorithms/forget.md; docs/formats/json.md, recant.deletions/1.

        Examples
        --------
        >>> import numpy as np, recant, tempfile
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 3)); y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
        >>> model = recant.LogisticRegression().fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     vault = recant.Vault.create(f"{folder}/m.rct", model, epsilon=1.0, delta=1e-5, sigma=1.0)
        ...     done = vault.forget_requests({"anna": 7, "ben": [11, 12]})
        ...     [each.rows for each in done], vault.status().budget["releases_used"]
        ([1, 2], 2)
        """
        how = _forget.asked(method, weighting, alpha, values, tier_at_most, third_derivative,
                            max_steps, step_size, clip, rule, form)
        file = os.fspath(requests) if isinstance(requests, (str, os.PathLike)) else None
        if file is not None and by != "row":
            raise UsageError("by: goes with a mapping; the header of a file says it")
        named = [] if file is not None else _forget.named(requests, by, self._count)
        held = None if holdout is None else _rows_of(self._model, holdout)
        with progress_of(progress) as callback:
            text, refused = self._written(self._writer.forget_requests, named, file, how, held,
                                          callback)
        deletions = _results.Deletions(text, self)
        if refused:
            warnings.warn(f"nothing was deleted for {refused} of {len(deletions)} requests; each "
                          "says why", NotDeletedWarning, stacklevel=3)
        return deletions

    @checked
    def outcome(self, key: str) -> _results.Deletion:
        """What came of the request with this key.

        Parameters
        ----------
        key : str

        Returns
        -------
        Deletion

        Raises
        ------
        NotFoundError
            If no request has it.
        BusyError

        References
        ----------
        docs/formats/ledger.md.
        """
        return _results.Deletion(self._written(self._writer.outcome, key), self)

    @checked
    def catch_up(self, newer_ledger: _Path) -> int:
        """``recant forget --from-ledger``: of a folder restored from an older backup, makes the
        deletions again that a newer copy of its ledger has. How many rows they were. The ledger
        must contain the checkpoint of ``require_checkpoint``, if one was given.

        Parameters
        ----------
        newer_ledger : path

        Returns
        -------
        int

        Raises
        ------
        UsageError, NotFoundError, DamagedError, BusyError

        References
        ----------
        docs/formats/vault.md.
        """
        turn = self._taken_turn()
        try:
            self.close()
            self._read = None
            rows, lines = _core.catch_up(self._folder, os.fspath(newer_ledger),
                                         self._checkpoint, self._wait)
        finally:
            turn.release()
        for line in lines:
            warnings.warn(line, stacklevel=3)
        return rows

    @checked
    def audit(self, *, deleted: _Rows | None = None, before: _Path | None = None,
              test: _Rows | None = None, membership: bool | None = None,
              reconstruction: bool | None = None, bound: float | None = None,
              annex: _Path | None = None, shadow_models: int = 16, sigmas: Sequence[float] = (),
              confidence: float = 0.95, seed: int = 1,
              progress: bool | ProgressCallback | None = None) -> _results.Audit:
        """``recant audit``: train again without the deleted rows, compare, and attack the model.

        Parameters
        ----------
        deleted : path or tuple (X, y), optional
            The rows that were deleted. Once their content has been erased, the attacks and the original
            model need them, or ``before``; training again does not.
        before : path, optional
            Model folder from before the deletion; without it that model is trained.
        test : path or tuple (X, y), optional
            Rows that no model was trained on.
        membership : bool, optional
            Can deleted rows be told from unseen ones? With ``test`` and two deleted rows by default,
            where their content is there.
        reconstruction : bool, optional
            Can a deleted row be rebuilt from the models before and after? By default where its content
            is there.
        bound : float, optional
            A claimed distance; ``verdict`` says whether it holds.
        annex : path, optional
            The sealed annex of the newest certificate, which states the bound; in place of ``bound``.
        shadow_models : int
            Of the stronger membership attack, at least 4; 0 is without it.
        sigmas : sequence of float
            Noise on both models that the reconstruction is tried with.
        confidence : float
            Of every interval.
        seed : int
            Of halves, shadow models and that noise.
        progress : bool or callable, optional
            As in :meth:`LogisticRegression.correct`.

        Returns
        -------
        Audit

        Raises
        ------
        UsageError, DataError, NotFoundError
        DamagedError
            For an annex that is not the newest certificate's.

        References
        ----------
        docs/algorithms/audit.md.
        """
        if annex is not None:
            bound = _claimed(annex, bound, self._folder)
        model = self._model
        former = None if before is None else _core.Model.open(os.fspath(before))
        gone = None if deleted is None else _rows_of(model, deleted)
        unseen = None if test is None else _rows_of(model, test)
        there = (gone is not None or membership or reconstruction
                 or not _core.deleted_rows_erased(model, former))
        if membership is None:
            membership = bool(there) and unseen is not None and (gone is None or len(gone) > 1)
        if reconstruction is None:
            reconstruction = bool(there)
        with progress_of(progress) as callback:
            return _results.Audit(_core.audit(model, gone, former, unseen, membership, reconstruction,
                                              bound, shadow_models, list(sigmas), confidence, seed,
                                              callback))

    def _measuring(self, positive_class: str | None) -> _core.Model:
        """The model, whose metrics read the probability of that class."""
        model = self._model
        return model if positive_class is None else model.with_positive_class(positive_class)

    @checked
    def evaluate(self, csv: _Path, *, threshold: float = 0.5, radius: float = 0.0,
                 attack_correct_only: bool = False, privileged: Any = None,
                 positive_class: str | None = None) -> _results.Evaluation:
        """``recant evaluate``: utility, fairness and robustness on the rows of a CSV file.

        Parameters
        ----------
        csv : path
            With the columns of the training file.
        threshold, radius, attack_correct_only
            As in :func:`recant.evaluate`.
        privileged : str, sequence of str or mapping, optional
            ``"COLUMN=GROUP"`` whose gap is that group minus the others; as fitted without it.
        positive_class : str, optional
            Of softmax: the class whose probability metrics read; as fitted without it.

        Returns
        -------
        Evaluation

        Raises
        ------
        NotFoundError, DataError, UsageError

        References
        ----------
        docs/mathematics.md, section 3; docs/algorithms/metrics.md.
        """
        model = self._measuring(positive_class)
        return _results.Evaluation(_core.evaluate(
            model, model.read_csv(os.fspath(csv)), _arrays.privileged_groups(privileged), threshold,
            radius, attack_correct_only))

    @checked
    def influence(self, csv: _Path, *, metric: str, privileged: Any = None,
                  positive_class: str | None = None) -> _results.Influence:
        """``recant influence``: what each training row does to a metric of a CSV file.

        Parameters
        ----------
        csv : path
            With the columns of the training file.
        metric : str
            As in :func:`recant.influence`.
        privileged, positive_class : optional
            As in :meth:`evaluate`.

        Returns
        -------
        Influence

        Raises
        ------
        NotFoundError, DataError, UsageError

        References
        ----------
        Koh and Liang 2017; docs/mathematics.md, section 3.
        """
        model = self._measuring(positive_class)
        values, text = _core.influence(model, model.read_csv(os.fspath(csv)), metric,
                                       _arrays.privileged_groups(privileged))
        return _results.Influence(text, values)

    @checked
    def value(self, csv: _Path, method: str = "knn_shapley", *, privileged: Any = None,
              positive_class: str | None = None,
              progress: bool | ProgressCallback | None = None, **options: Any) -> _results.Values:
        """``recant value``: what each training row is worth to the rows of a CSV file.

        Parameters
        ----------
        csv : path
            With the columns of the training file.
        method : str
            The name of a function of :mod:`recant.values`.
        privileged, positive_class : optional
            As in :meth:`evaluate`.
        progress : bool or callable, optional
            As in :meth:`LogisticRegression.correct`.
        **options
            Of that function, by their names there.

        Returns
        -------
        Values

        Raises
        ------
        NotFoundError, DataError, UsageError
            UsageError for an option that the method does not know, too.

        References
        ----------
        docs/mathematics.md, section 7.
        """
        if method not in _values.__all__:
            raise UsageError(f"method: {method!r} is none; choose {', '.join(_values.__all__)}")
        function = getattr(_values, method)
        if privileged is not None:
            options["privileged"] = privileged
        for name in options:
            if name in _OF_ROWS or name not in inspect.signature(function).parameters:
                raise UsageError(f"{name}: is no option of {method}")
        model = self._measuring(positive_class)
        rows = model.read_csv(os.fspath(csv))
        return cast("_results.Values",
                    function(from_model(model), rows, None, progress=progress, **options))

    @checked
    def correct(self, validation: _Path, *, metric: str | list[str] = "demographic_parity",
                test: _Path | None = None, output: _Path | None = None, replace: bool = False,
                keep: str | None = "utility", scheme: str = "soft", update: str = "polish",
                bounds: tuple[float, float] | None = (-1.0, 1.0), rounds: int | None = None,
                target_gap: float = 0.0, utility_tolerance: float | None = None,
                kappa: float | None = None, kappa_rel: float | None = None, repay: bool = False,
                share: float | None = None, count: int | None = None,
                rows: npt.ArrayLike | None = None, privileged: Any = None,
                positive_class: str | None = None,
                progress: bool | ProgressCallback | None = None) -> _results.Correction:
        """``recant correct``: close gaps, and write the corrected model to ``output``.

        Parameters
        ----------
        validation, test : path
            CSV files.
        output : path, optional
            Folder to write; nothing is written where ``applied`` is False.
        replace : bool
            Whether a model that is at ``output`` may be replaced.
        metric, keep, scheme, update, bounds, rounds, target_gap, utility_tolerance, kappa, kappa_rel,
        repay, share, count, rows, progress
            As in :meth:`LogisticRegression.correct`.
        privileged, positive_class : optional
            As in :meth:`evaluate`.

        Returns
        -------
        Correction

        Raises
        ------
        NotFoundError, DataError, UsageError

        References
        ----------
        docs/mathematics.md, sections 4.1 to 4.4; soft weights: arXiv 2505.18783.
        """
        model = self._measuring(positive_class)
        chosen_on = model.read_csv(os.fspath(validation))
        held = None if test is None else model.read_csv(os.fspath(test))
        moved, correction = corrected(
            model, chosen_on, held, progress, metric=metric, keep=keep, scheme=scheme, update=update,
            bounds=bounds, rounds=rounds, target_gap=target_gap, utility_tolerance=utility_tolerance,
            kappa=kappa, kappa_rel=kappa_rel, repay=repay, share=share, count=count, rows=rows,
            privileged=privileged)
        if correction.applied and output is not None:
            moved.save(os.fspath(output), replace, self._wait)
        return correction

    @checked
    def compare(self, test: _Path, *, validation: _Path | None = None,
                metric: str = "demographic_parity", close_share: float = 0.8, rounds: int = 8,
                resamples: int = 1000, seed: int = 1, privileged: Any = None,
                progress: bool | ProgressCallback | None = None) -> _results.Comparison:
        """``recant compare``: soft weights and deletion of rows under every update, next to training
        again. Nothing is written.

        Parameters
        ----------
        test : path
            CSV file only measured on.
        validation : path, optional
            CSV file that the gap is closed on; without it the first half of the test rows is, and the
            second half is only measured on.
        metric, close_share, rounds, resamples, seed, progress
            As in :func:`recant.compare`.
        privileged : optional
            As in :meth:`evaluate`.

        Returns
        -------
        Comparison
            ``to_dict()["data"]["train"]["rows_dropped"]`` is None where this object has not trained
            the model: a folder does not keep it.

        Raises
        ------
        NotFoundError, DataError, UsageError

        References
        ----------
        arXiv 2505.18783; docs/algorithms/compare.md.
        """
        model = self._model
        held = None if validation is None else model.read_csv(os.fspath(validation))
        with progress_of(progress) as callback:
            return _results.Comparison(_core.compare(
                model, held, model.read_csv(os.fspath(test)), self._rows_dropped,
                _arrays.privileged_groups(privileged), callback, metric, close_share, True, -1.0, 1.0,
                rounds, resamples, seed))
