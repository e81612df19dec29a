# SPDX-License-Identifier: Apache-2.0
"""Linear models that can take back what they learned, as scikit-learn's estimators."""

from __future__ import annotations

import copy
import os
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from . import _arrays, _core, _forget, _labels, _results, _sklearn
from ._checked import checked, require_parameters
from ._correct import corrected
from ._progress import ProgressCallback, progress_of
from ._turns import alone
from .errors import ConvergenceWarning, DataError, NotKeptError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._arrays import Floats


#: Seconds that writing a model waits while another process writes to the folder that it replaces.
WAIT = 60.0
#: Attributes that a fit makes.
_LEARNED = {"_model", "_coef", "_intercept", "_n_iter", "converged_", "n_features_in_", "feature_names_in_",
            "classes_", "adoption_"}


class _TrainingData(NamedTuple):
    """X and y of a fit as the core reads them, and the names of the features, if X had any."""

    features: Floats
    targets: npt.NDArray[Any]
    names: npt.NDArray[Any] | None

    @property
    def seen(self) -> dict[str, Any]:
        """What scikit-learn's estimators know of X."""
        count: dict[str, Any] = {"n_features_in_": self.features.shape[1]}
        return count if self.names is None else {**count, "feature_names_in_": self.names}

    @property
    def columns(self) -> list[str]:
        """The names as the core takes them."""
        return [] if self.names is None else [_arrays.utf8(name, "X") for name in self.names]


class _LinearEstimator(_sklearn.EstimatorStandIn):
    """What the estimators share: arrays in, the core's model inside, verbs that move it."""

    l2: float | None
    l2_per_row: float | None
    intercept: bool
    tolerance: float
    max_iterations: int

    _model: _core.Model
    n_features_in_: int
    feature_names_in_: npt.NDArray[Any]
    converged_: bool

    # -- arrays ------------------------------------------------------------------------------

    def _training_data(self, X: Any, y: Any, numeric: bool) -> _TrainingData:
        """Rows as the core reads them; the estimator stays as it is."""
        plain = self._plain_training_data(X, y, numeric)
        if plain is not None:
            return plain
        _arrays.require_unmasked(X, "X")
        _arrays.require_unmasked(y, "y")
        if (validation := _sklearn.part("utils.validation")) is not None:
            twin = object.__new__(type(self))  # scikit-learn writes down what it saw of X
            twin.__dict__.update(self.__dict__)
            features, targets = validation.validate_data(
                twin, X, y, dtype=np.float64, order="C", y_numeric=numeric)
            return _TrainingData(features, targets, twin.__dict__.get("feature_names_in_"))
        array = _arrays.plain_features(X)
        targets = np.asarray(y).ravel()
        if len(targets) != len(array):
            raise DataError(f"y: has {len(targets)} values, but there are {len(array)} rows")
        return _TrainingData(array, targets, None)

    def _plain_training_data(self, X: Any, y: Any, numeric: bool) -> _TrainingData | None:
        """What can be said without scikit-learn, as it would; None is for it to look at."""
        targets = _arrays.plain_targets(y, "iuf" if numeric else "biufUO")
        names = None if targets is None else _arrays.plain_names(X)
        features = None if names is None else _arrays.plain_matrix(X)
        if targets is None or features is None or len(targets) != len(features):
            return None
        return _TrainingData(features, targets, np.array(names, dtype=object) if names else None)

    def _features(self, X: Any) -> Floats:
        """X of rows to predict or measure, checked against those of training."""
        model = self._fitted()
        trained = self.__dict__.get("feature_names_in_")
        if _arrays.plain_names(X) == ([] if trained is None else trained.tolist()):
            features = _arrays.plain_matrix(X)
            if features is not None and features.shape[1] == model.features:
                return features
        _arrays.require_unmasked(X, "X")
        if (validation := _sklearn.part("utils.validation")) is not None:
            return cast("Floats", validation.validate_data(self, X, reset=False, dtype=np.float64,
                                                           order="C"))
        return _arrays.plain_features(X, model.features)

    def _plain_rows(self, model: _core.Model, X: Any, y: Any, groups: Any) -> _core.Rows | None:
        """Of arrays with whole numbers for labels and groups, in one call; None is for a closer look."""
        known = self.__dict__
        classes = known.get("classes_")
        if (classes is None or classes.dtype != np.int64 or "feature_names_in_" in known
                or not type(X) is type(y) is np.ndarray
                or not (groups is None or type(groups) is np.ndarray)):
            return None
        return model.plain_rows(X, y, classes, groups)

    def _fitted(self) -> _core.Model:
        model = self.__dict__.get("_model")
        if model is None:
            raise _sklearn.not_fitted(f"This {type(self).__name__} instance is not fitted yet. Call "
                                      "'fit' before using it.")
        return cast("_core.Model", model)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pickle and deepcopy make new arrays; those that show the model stay read-only."""
        shown = {name: _results.frozen(value) for name, value in state.items()
                 if name in ("_coef", "_intercept") and isinstance(value, np.ndarray)}
        parent = getattr(super(), "__setstate__", self.__dict__.update)
        parent({**state, **shown})

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in self.__dict__

    def _codes(self, y: Any) -> Floats:
        """Targets of rows to measure as the core's numbers."""
        raise NotImplementedError

    def _measured(self, X: Any, y: Any, sensitive_features: Any = None,
                  known: _arrays.KnownGroups | None = None) -> _core.Rows:
        """Rows to measure the model on."""
        model = self._fitted()
        rows = self._plain_rows(model, X, y, sensitive_features)
        if rows is not None:
            return rows
        features = self._features(X)
        targets = self._codes(y)
        _require_as_many(targets, features)
        groups = [] if sensitive_features is None else _arrays.group_columns(
            sensitive_features, len(features), model.groups or known)
        return model.measured_rows(features, targets, groups)

    # -- the coefficients --------------------------------------------------------------------

    @property
    def coef_(self) -> Floats:
        """Coefficients of the features: (1, d), or (K, d) of K > 2 classes; (d,) of a regression.

        They show the model that predicts, and cannot be written to or set: every deletion and
        correction starts from the optimum that they are.

        Raises
        ------
        AttributeError
            Before ``fit``.
        UsageError
            When they are set.
        """
        return cast("Floats", self._shown("coef_"))

    @coef_.setter
    def coef_(self, value: Any) -> None:
        raise _set_from_outside("coef_")

    @property
    def intercept_(self) -> Any:
        """Intercepts: (1,), or (K,) of K > 2 classes; a float of a regression. As ``coef_``.

        Raises
        ------
        AttributeError, UsageError
            As of ``coef_``.
        """
        return self._shown("intercept_")

    @intercept_.setter
    def intercept_(self, value: Any) -> None:
        raise _set_from_outside("intercept_")

    def _shown(self, name: str) -> Any:
        if "_model" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r} before fit")
        return self.__dict__["_" + name.rstrip("_")]

    # -- fitting -----------------------------------------------------------------------------

    def _fit_rows(self, rows: _core.Rows, loss: str, positive: str | None, privileged: Any,
                  label_type: str, progress: bool | ProgressCallback | None,
                  learned: dict[str, Any]) -> None:
        """Trains, and becomes what that made, with the attributes of `learned`."""
        if (self.l2 is None) == (self.l2_per_row is None):
            raise UsageError("l2: give l2 or l2_per_row, not both; the other is None" if self.l2 is not
                             None else "l2: give l2 or l2_per_row; both are None")
        with alone(self), progress_of(progress) as callback:
            model = _core.fit(rows, loss, self.l2, self.l2_per_row, bool(self.intercept), positive,
                              _arrays.privileged_groups(privileged), label_type, callback,
                              {"tolerance": self.tolerance, "max_iterations": self.max_iterations})
            self._begin_with(model, learned)
        if not model.optimal:
            warnings.warn(
                f"the fit did not reach its tolerance in {self.n_iter_} steps; raise "
                "max_iterations, or l2 where the classes are separable", ConvergenceWarning,
                stacklevel=4)

    def _begin_with(self, model: _core.Model, learned: dict[str, Any]) -> None:
        """Becomes `model`, whose rows are others, in one step: an interrupt finds the one or the other.

        Nothing that an earlier fit learned stays.
        """
        own = {name: value for name, value in self.__dict__.items() if name not in _LEARNED}
        self.__dict__ = {**own, **learned, **self._state_of(model), "_n_iter": model.iterations}

    def _take(self, model: _core.Model) -> None:
        """Becomes `model`, of the same rows, in one step as well."""
        self.__dict__.update(self._state_of(model))

    def _state_of(self, model: _core.Model) -> dict[str, Any]:
        return {"_model": model, "converged_": model.optimal,
                **self._shaped(model.coef, model.intercepts)}

    def _shaped(self, coef: Floats, intercept: Floats) -> dict[str, Any]:
        return {"_coef": coef, "_intercept": intercept}

    # -- the verbs ---------------------------------------------------------------------------

    @property
    def n_iter_(self) -> int:
        """Steps of the fit; of :func:`recant.adopt`, of the polish.

        Raises
        ------
        NotKeptError
            Of a model from a folder, which keeps none.
        """
        self._fitted()
        steps = self.__dict__["_n_iter"]
        if steps is None:
            raise NotKeptError("n_iter_: the model was not fitted in this process")
        return int(steps)

    @property
    def fit_result_(self) -> _results.FitResult:
        """How the fit ended, with the metrics on the training rows; measured when asked for.

        Raises
        ------
        NotKeptError
            Of a model from a folder, and of one that was corrected or that forgot.
        """
        model = self._fitted()
        if model.iterations is None:
            raise NotKeptError("fit_result_: the model was not fitted in this process, or was changed "
                               "since; recant.evaluate measures it")
        return _results.FitResult(model.fit_json())

    @checked
    def correct(self, X_val: Any, y_val: Any, *, metric: str | list[str] = "demographic_parity",
                sensitive_features: Any = None, keep: str | None = "utility",
                test: tuple[Any, ...] | None = None, scheme: str = "soft", update: str = "polish",
                bounds: tuple[float, float] | None = (-1.0, 1.0), rounds: int | None = None,
                target_gap: float = 0.0, utility_tolerance: float | None = None,
                kappa: float | None = None, kappa_rel: float | None = None, repay: bool = False,
                share: float | None = None, count: int | None = None,
                rows: npt.ArrayLike | None = None, privileged: Any = None,
                progress: bool | ProgressCallback | None = None) -> _results.Correction:
        r"""Close gaps by reweighting the training rows, and move the model there.

        Solves for the smallest change :math:`e` of the row weights that closes the gap to first
        order without raising the validation loss,

        .. math:: \min_e -a^T e + \kappa |e|^2 \quad \text{s.t.} \quad u^T e \ge 0,\;
                  a^T e \le |m|,\; lo \le e \le hi,\; w + e \ge 0

        with :math:`a` and :math:`u` the influences of the rows on the gap :math:`m` and on the
        loss, in ``rounds`` equal steps. The estimator becomes the corrected model; a shallow copy
        (``copy.copy``) made before keeps the old one. Gaps are never read on training rows.

        Parameters
        ----------
        X_val : array-like of shape (V, d)
            Rows that the gaps are read on.
        y_val : array-like of shape (V,)
            Their targets.
        metric : str or list of str
            Gaps to close: ``demographic_parity``, ``equal_opportunity``,
            ``equal_opportunity_loss``, ``equalized_odds``, ``robust_loss``,
            ``transferred_robust_loss``; gaps take ``:COLUMN[=GROUP]``.
        sensitive_features : array-like of shape (V,) or (V, k), data frame, series or mapping
            The group of each row: numbers or strings, one or several columns.
        keep : {"utility", None}
            Hold the validation loss, to first order, in each round.
        test : tuple (X, y) or (X, y, sensitive_features), optional
            Rows only measured on: those to believe.
        scheme : {"soft", "hard"}
            A small change of every weight, or deletion of rows.
        update : {"polish", "newton", "influence"}
            Exact, or one step (heuristic).
        bounds : (float, float) or None
            Of every weight's change; None is the closed form without bounds.
        rounds : int, optional
            Steps to the target; 8, or 1 for the closed form and for ``share``, ``count``, ``rows``.
        target_gap : float
            Stop when no gap is larger.
        utility_tolerance : float, optional
            Share by which the validation loss may rise; without it the price is told, not capped.
        kappa, kappa_rel : float, optional
            Price of the squared size of the change; the same relative to the gap.
        repay : bool
            Win back in each round what earlier ones cost.
        share, count, rows : float, int, array-like of int, optional
            For ``scheme="hard"``: how many rows to delete, or which.
        privileged : str, list or mapping, optional
            Group whose gap is that group minus the others. By default, of two groups the one with
            the higher positive rate, in training where the groups are known there, else in X_val.
        progress : bool or callable, optional
            True: a bar of tqdm where it is installed; or ``progress(phase, done, total)``.

        Returns
        -------
        Correction
            With ``weights`` for any trainer's ``sample_weight``. ``applied`` is False, and the
            estimator is as before, where nothing could be found.

        Raises
        ------
        UsageError
            For options that are wrong or do not go together.
        DataError
            For arrays that are wrong, or a group (or group and label) without a row.

        References
        ----------
        docs/mathematics.md, sections 4.1 to 4.4; soft weights: arXiv 2505.18783.
        """
        with alone(self):
            model = self._fitted()
            validation = self._measured(X_val, y_val, sensitive_features)
            held = None if test is None else self._measured(
                test[0], test[1], test[2] if len(test) > 2 else None,
                validation.groups)
            moved, correction = corrected(
                model, validation, held, progress, metric=metric, keep=keep, scheme=scheme, update=update,
                bounds=bounds, rounds=rounds, target_gap=target_gap, utility_tolerance=utility_tolerance,
                kappa=kappa, kappa_rel=kappa_rel, repay=repay, share=share, count=count, rows=rows,
                privileged=privileged)
            if correction.applied:
                self._take(moved)
        return correction

    @checked
    def forget(self, rows: Any, weighting: str = "uniform", *, method: str = "newton",
               allowance: float | None = None, alpha: float | str | None = None, values: Any = None,
               tier_at_most: str | None = None, holdout: tuple[Any, Any] | None = None,
               third_derivative: bool = False, max_steps: int = 100, step_size: float = 0.1,
               clip: float | None = 1.0, rule: str = "constant", audit: bool = False,
               form: str = "sigmoid",
               progress: bool | ProgressCallback | None = None) -> _results.Deletion:
        r"""Delete training rows: move the model to where training without them would have put it.

        One Newton step from where the model is, and a bound on how far that is from the model
        trained on the rows :math:`S` that stay:

        .. math:: \theta^- = \theta - H_S(\theta)^{-1} \nabla F_S(\theta), \qquad
                  |\theta^- - \arg\min F_S| \le \mathtt{bound}

        The estimator becomes that model; a shallow copy (``copy.copy``) made before keeps the old
        one. **No epsilon is promised**: there is no noise, and who has both models can compare
        them. Certified deletion with a budget is :class:`recant.Vault`'s.

        Rows keep their positions and count 0 from then on, in this model and what becomes of it.
        The arrays that the model was fitted on are yours and are not written to; ``save`` and
        pickle leave out the content of rows that were forgotten.

        Parameters
        ----------
        rows : int, array-like of int, or array-like of bool of shape (n,)
            Positions among the training rows, from 0; or a mask.
        weighting : {"uniform", "value", "sigmoid", "rank", "exp", "retained"}
            ``value``: rows of low value are removed with more force; the name of a ``form`` is that
            one. The bound is about plain deletion all the same, so weighting costs distance.
            ``retained``: the rows that stay count more the higher their KNN-Shapley value on
            ``holdout``, computed without those that leave; the bound is about training on them so
            weighted.
        method : {"newton", "ascent"}
            ``ascent`` (or ``gradient_ascent``): climb the loss of the rows until it is that of
            ``holdout``; nothing but the measured bound ties it to training again.
        allowance : float, optional
            Look closer until the bound is no larger, up to training again. Without it one pass over
            the rows measures the bound.
        alpha : float or "auto", optional
            How much values matter; auto: the most that half of the allowance pays for.
        values : Values, array-like of shape (n,), or str, optional
            One for every training row, as of :mod:`recant.values`; or the name of one of its
            functions, which finds them on ``holdout``.
        tier_at_most : {"0", "half", "1", "2", "retrain"}, optional
            Look no closer than this.
        third_derivative : bool
            Keep the loss's third derivative, which makes a tier ``half``. Not for softmax.
        holdout : tuple (X, y), optional
            For ``ascent``, ``retained`` and the name of a method in ``values``: rows never seen.
        max_steps, step_size, clip : int, float, float or None
            Of ``ascent``; a longer mean gradient is shortened to ``clip``.
        rule : {"constant", "decaying"}
            Of ``ascent``: every step as long, or step t divided by the root of t.
        audit : bool
            Train again without the rows and tell the true distance.
        form : {"sigmoid", "rank", "exp"}
            Of ``value`` and ``retained``: how values become weights.
        progress : bool or callable, optional
            As in :meth:`correct`.

        Returns
        -------
        Deletion
            ``done`` is False, a NotDeletedWarning says why, and the estimator is as before, where
            the last row (of a class, of a group) would leave, a row was deleted before, or the
            allowance cannot be met.

        Raises
        ------
        NotFoundError
            For a position that no row has.
        UsageError, DataError

        References
        ----------
        docs/mathematics.md, sections 4.5 and 5.3; Guo et al. 2020.

        Examples
        --------
        >>> import numpy as np, recant
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 3)); y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
        >>> model = recant.LogisticRegression().fit(X, y)
        >>> gone = model.forget([7, 11], audit=True)
        >>> gone.done and gone.distance <= gone.bound
        True
        >>> gone.level, gone.epsilon
        ('heuristic', None)
        """
        with alone(self):
            model = self._fitted()
            how = _forget.asked(method, weighting, alpha, values, tier_at_most, third_derivative,
                                max_steps, step_size, clip, rule, form)
            held = None if holdout is None else self._measured(*holdout)
            with progress_of(progress) as callback:
                left, text, applied, audited = _core.forget(
                    model, _forget.row_positions(rows, model.__len__), how, held, allowance, audit,
                    callback)
            found = None if audited is None else _results.Audit(audited)
            if applied:
                self._take(left)
            gone = _results.Deletion(text, copy.copy(self), found)
        return gone if applied else _forget.told(gone, stacklevel=3)

    @checked
    def save(self, path: str | os.PathLike[str], *, replace: bool = False) -> None:
        """Write the model with its rows to a folder, which the command and ``load`` read.

        The folder holds the training rows in the clear, but those that were forgotten: what is left
        moves up. It is there wholly or not at all. ``load`` finds labels (bool, int, float, str),
        names of features, ``l2``, ``intercept``, ``tolerance`` and ``positive`` again;
        ``max_iterations`` is not kept, nor is ``l2_per_row``, whose product ``l2`` is.

        Parameters
        ----------
        path : path
            Folder to write, NAME.rct.
        replace : bool
            Whether a model that is there may be replaced.

        Raises
        ------
        UsageError
            If it exists and ``replace`` is false, or is something else than a model; for labels of
            another type.
        DataError
            If it cannot be written.

        References
        ----------
        docs/formats/vault.md.
        """
        self._to_keep().save(os.fspath(path), replace, WAIT)

    def _to_keep(self) -> _core.Model:
        """The model, if a folder can hold all of it."""
        return self._fitted()


def _require_as_many(targets: npt.NDArray[Any], rows: npt.NDArray[Any]) -> None:
    if len(targets) != len(rows):
        raise DataError(f"y: has {len(targets)} values, but X has {len(rows)} rows")


def _set_from_outside(name: str) -> UsageError:
    return UsageError(f"{name}: is the model's and cannot be set; fit makes another model, "
                      "recant.adopt takes over coefficients of scikit-learn's")


class LogisticRegression(_sklearn.ClassifierStandIn, _LinearEstimator):
    r"""Logistic regression for two classes, softmax for more.

    Minimises, by Newton steps,

    .. math:: F(\theta) = \sum_i w_i \varphi(y_i, x_i^T \theta) + \frac{\lambda}{2} |\theta|^2

    with :math:`\varphi = \log(1 + e^t) - y t`, or :math:`\log\sum_k e^{t_k} - t_y`. The intercept
    is the coefficient of a constant 1 and is **penalised like any other**: that makes F strongly
    convex, which every bound rests on. scikit-learn's ``LogisticRegression(C=C)`` is the same
    objective with :math:`\lambda = 1/C` when it has no intercept of its own
    (``fit_intercept=False``) and X a constant column, or with ``solver="liblinear"`` and
    ``intercept_scaling=1``.

    Parameters
    ----------
    l2 : float or None, default 1.0
        :math:`\lambda`, of the sum form: scikit-learn's 1/C.
    l2_per_row : float or None
        In place of ``l2`` (then None; one of the two must be given): :math:`\lambda` is this times the
        number of rows.
    intercept : bool, default True
        Whether there is an intercept.
    tolerance : float, default 1e-10
        The gradient norm to reach, relative to the sum of the terms of the gradient.
    max_iterations : int, default 200
        Steps before giving up.
    positive : label, optional
        With more than two classes: the class whose probability the metrics read; the last of
        ``classes_`` without it.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
    coef_ : ndarray of shape (1, d) or (K, d)
    intercept_ : ndarray of shape (1,) or (K,)
        The model that predicts: neither can be written to, or set.
    n_features_in_, feature_names_in_, n_iter_ : as in scikit-learn
    converged_ : bool
        Whether the model is the optimum of its weights, to the tolerance.
    fit_result_ : FitResult
        The command's JSON of the fit.

    Raises
    ------
    UsageError
        In ``fit`` and not before, as scikit-learn wants it: for parameters out of range.

    Notes
    -----
    A C-contiguous float64 X is used in place, not copied, and kept as long as the model: do not
    change it. A pickle holds the training rows.

    References
    ----------
    docs/mathematics.md, section 1; docs/algorithms/fit.md.

    Examples
    --------
    >>> import numpy as np, recant
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> y = np.array([0, 0, 1, 1])
    >>> model = recant.LogisticRegression(l2=0.1).fit(X, y)
    >>> model.predict([[0.5], [2.5]])
    array([0, 1])
    """

    classes_: npt.NDArray[Any]

    def __init__(self, l2: float | None = 1.0, *, l2_per_row: float | None = None,
                 intercept: bool = True, tolerance: float = 1e-10, max_iterations: int = 200,
                 positive: Any = None) -> None:
        _sklearn.join()
        self.l2 = l2
        self.l2_per_row = l2_per_row
        self.intercept = intercept
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.positive = positive

    @checked
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, sensitive_features: Any = None,
            privileged: Any = None, progress: bool | ProgressCallback | None = None) -> Self:
        """Train on rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
            Labels of at least two classes, of any type that sorts.
        sample_weight : array-like of shape (n,), optional
            Weights >= 0, not all 0. Weight 2 is the row twice, weight 0 the row absent.
        sensitive_features : optional
            Groups of the training rows, as in ``correct``: then results tell of them too.
        privileged, progress : optional
            As in ``correct``.

        Returns
        -------
        LogisticRegression
            Itself.

        Raises
        ------
        UsageError
            For parameters of the constructor that are out of range.
        DataError
            For weights or groups that do not fit the rows, fewer than two classes, more than two
            and each in one row alone, numbers that are not finite. What is wrong with X and y is said by scikit-learn where it is
            installed, as its ValueError or TypeError; ours are ValueErrors too.

        Warns
        -----
        ConvergenceWarning
            Where ``converged_`` is False.

        References
        ----------
        docs/mathematics.md, section 1; docs/algorithms/fit.md.
        """
        require_parameters(self)
        data = self._training_data(X, y, numeric=False)
        classes, codes = _classes_of(data.targets)
        if len(classes) < 2:
            raise DataError("y: holds one class only, but at least 2 classes are needed")
        binary = len(classes) == 2
        if not binary and len(classes) == len(codes):
            raise DataError(f"y: has {len(classes)} classes in as many rows, so there is nothing to "
                            "learn; choose RidgeRegression, or another target")
        names = _labels.texts_of(classes)
        positive = None if self.positive is None else str(self.positive)
        if binary and positive not in (None, names[1]):
            raise UsageError("positive: of two classes it is the last of classes_; recode y")
        rows = _core.Rows(data.features, codes.astype(np.float64),
                          _arrays.training_weights(sample_weight, len(codes)), data.columns, names,
                          _arrays.group_columns(sensitive_features, len(codes)))
        self._fit_rows(rows, "logistic" if binary else "softmax", None if binary else positive,
                       privileged, _labels.type_of(classes), progress,
                       {**data.seen, "classes_": classes})
        return self

    def _to_keep(self) -> _core.Model:
        model = self._fitted()
        _labels.require_kept(model.class_names, model.label_type, self.classes_)
        return model

    def _codes(self, y: Any) -> Floats:
        _arrays.require_unmasked(y, "y")
        labels = np.asarray(y)
        if labels.ndim != 1:
            labels = labels.ravel()
        return _arrays.class_codes(labels, self.classes_)

    def decision_function(self, X: Any) -> Floats:
        """Scores: of the second of two classes, or of each.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,) or (n, K)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            For rows that are no finite numbers, or of other features than those of training: a
            DataError, or scikit-learn's own where that is installed.

        References
        ----------
        docs/mathematics.md, section 1.
        """
        scores = self._fitted().scores(self._features(X))
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The class of largest score.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,), of the type of ``classes_``

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            For rows that are no finite numbers, or of other features than those of training: a
            DataError, or scikit-learn's own where that is installed.

        References
        ----------
        docs/mathematics.md, section 1.
        """
        scores = self.decision_function(X)
        best = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return cast("npt.NDArray[Any]", self.classes_[best])

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, K)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            For rows that are no finite numbers, or of other features than those of training: a
            DataError, or scikit-learn's own where that is installed.

        References
        ----------
        docs/mathematics.md, section 1.
        """
        p = self._fitted().probabilities(self._features(X))
        return np.column_stack([1 - p[:, 0], p[:, 0]]) if p.shape[1] == 1 else p

    def predict_log_proba(self, X: Any) -> Floats:
        """Logarithms of ``predict_proba``.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, K)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            For rows that are no finite numbers, or of other features than those of training: a
            DataError, or scikit-learn's own where that is installed.

        References
        ----------
        docs/mathematics.md, section 1.
        """
        return cast("Floats", np.log(self.predict_proba(X)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows whose class is predicted, weighted.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        float

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            For rows that are no finite numbers, or of other features than those of training: a
            DataError, or scikit-learn's own where that is installed.
        DataError
            For another number of targets or weights than of rows.

        References
        ----------
        docs/algorithms/metrics.md, accuracy.
        """
        predicted, targets = self.predict(X), np.asarray(y).ravel()
        _require_as_many(targets, predicted)
        right = predicted == targets
        return float(np.average(right, weights=_arrays.row_weights(sample_weight, len(right))))


class RidgeRegression(_sklearn.RegressorStandIn, _LinearEstimator):
    r"""Linear regression with a squared penalty.

    Minimises

    .. math:: F(\theta) = \sum_i \frac{w_i}{2} (x_i^T \theta - y_i)^2 + \frac{\lambda}{2}|\theta|^2

    The intercept is penalised like any other coefficient. scikit-learn's ``Ridge(alpha=alpha)`` is
    the same objective with :math:`\lambda = \alpha` when it has no intercept of its own
    (``fit_intercept=False``) and X a constant column.

    Parameters
    ----------
    l2 : float or None, default 1.0
        :math:`\lambda`: scikit-learn's alpha.
    l2_per_row, intercept, tolerance, max_iterations
        As in :class:`LogisticRegression`.

    Attributes
    ----------
    coef_ : ndarray of shape (d,)
    intercept_ : float
        Neither can be written to, or set.
    n_features_in_, feature_names_in_, n_iter_, converged_, fit_result_
        As in :class:`LogisticRegression`.

    Raises
    ------
    UsageError
        In ``fit``, as of :class:`LogisticRegression`.

    References
    ----------
    docs/mathematics.md, section 1.

    Examples
    --------
    >>> import numpy as np, recant
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = recant.RidgeRegression(l2=1e-9).fit(X, [1.0, 3.0, 5.0, 7.0])
    >>> model.predict([[4.0]]).round(6)
    array([9.])
    """

    def __init__(self, l2: float | None = 1.0, *, l2_per_row: float | None = None,
                 intercept: bool = True, tolerance: float = 1e-10,
                 max_iterations: int = 200) -> None:
        _sklearn.join()
        self.l2 = l2
        self.l2_per_row = l2_per_row
        self.intercept = intercept
        self.tolerance = tolerance
        self.max_iterations = max_iterations

    @checked
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, sensitive_features: Any = None,
            privileged: Any = None, progress: bool | ProgressCallback | None = None) -> Self:
        """Train on rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
            Numbers.
        sample_weight : array-like of shape (n,), optional
            Weights >= 0, not all 0. Weight 2 is the row twice, weight 0 the row absent.
        sensitive_features, privileged, progress : optional
            As in :meth:`LogisticRegression.fit`.

        Returns
        -------
        RidgeRegression
            Itself.

        Raises
        ------
        UsageError, DataError
            As in :meth:`LogisticRegression.fit`.

        Warns
        -----
        ConvergenceWarning
            Where ``converged_`` is False.

        References
        ----------
        docs/mathematics.md, section 1; docs/algorithms/fit.md.
        """
        require_parameters(self)
        data = self._training_data(X, y, numeric=True)
        rows = _core.Rows(data.features, _arrays.one_a_row(data.targets, "y"),
                          _arrays.training_weights(sample_weight, len(data.targets)), data.columns, [],
                          _arrays.group_columns(sensitive_features, len(data.targets)))
        self._fit_rows(rows, "squared", None, privileged, "", progress, data.seen)
        return self

    def _codes(self, y: Any) -> Floats:
        return _arrays.as_numbers(y, "y").ravel()

    def _shaped(self, coef: Floats, intercept: Floats) -> dict[str, Any]:
        return {"_coef": coef[0], "_intercept": float(intercept[0])}

    def predict(self, X: Any) -> Floats:
        """Predictions.

        Parameters
        ----------
        X : array-like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            For rows that are no finite numbers, or of other features than those of training: a
            DataError, or scikit-learn's own where that is installed.

        References
        ----------
        docs/mathematics.md, section 1.
        """
        return self._fitted().scores(self._features(X))[:, 0]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R², 1 - residual / total sum of squares, weighted.

        Parameters
        ----------
        X : array-like of shape (n, d)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        float

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError, TypeError
            For rows that are no finite numbers, or of other features than those of training: a
            DataError, or scikit-learn's own where that is installed.
        DataError
            For another number of targets or weights than of rows.

        References
        ----------
        scikit-learn, ``r2_score``; docs/mathematics.md, section 1.
        """
        predicted, targets = self.predict(X), self._codes(y)
        _require_as_many(targets, predicted)
        weights = _arrays.row_weights(sample_weight, len(targets))
        weights = np.ones(len(targets)) if weights is None else weights
        residual = float(weights @ (targets - predicted) ** 2)
        total = float(weights @ (targets - np.average(targets, weights=weights)) ** 2)
        if total == 0:
            return 1.0 if residual == 0 else 0.0
        return 1 - residual / total


def _classes_of(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    """The classes, and the number of each row's; labels that are none are scikit-learn's to refuse."""
    found = _plain_classes_of(labels)
    if found is not None and 2 * len(found[0]) <= len(labels):
        return found  # with more it warns that they may be numbers
    if (multiclass := _sklearn.part("utils.multiclass")) is not None:
        multiclass.check_classification_targets(labels)
    return _arrays.different(labels) if found is None else found


def _plain_classes_of(
        labels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]] | None:
    """Of whole numbers and texts, which scikit-learn lets through."""
    if labels.dtype.kind == "O":
        items = labels.tolist()
        if not _arrays.are_texts(items):
            return None
        names = sorted(set(items))
        return np.array(names, dtype=object), _arrays.numbered(items, names)
    if labels.dtype.kind == "f":
        if not ((labels == np.rint(labels)) & (np.abs(labels) < 2**53)).all():
            return None
        found, codes = _arrays.different(labels.astype(np.int64))
        return found.astype(labels.dtype), codes
    return _arrays.different(labels) if labels.dtype.kind in "biufU" else None


def from_model(model: _core.Model) -> LogisticRegression | RidgeRegression:
    """An estimator that stands for a model of the core: as it was before it was saved."""
    estimator: LogisticRegression | RidgeRegression
    learned: dict[str, Any] = {"n_features_in_": model.features}
    if model.columns and not model.from_csv:  # of a file they are those of encoded features
        learned["feature_names_in_"] = np.array(model.columns, dtype=object)
    if model.loss == "squared":
        estimator = RidgeRegression(model.l2, intercept=model.intercept, tolerance=model.tolerance)
    else:
        estimator = LogisticRegression(model.l2, intercept=model.intercept,
                                       tolerance=model.tolerance)
        classes = learned["classes_"] = _labels.from_texts(model.class_names, model.label_type)
        if model.positive_class != len(classes) - 1:
            estimator.positive = classes[model.positive_class]
    estimator._begin_with(model, learned)
    return estimator


_sklearn.join_now_or_then()
