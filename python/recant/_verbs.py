# SPDX-License-Identifier: Apache-2.0
"""What one asks of a fitted model and of rows that it was not trained on."""

from __future__ import annotations

import os
from typing import Any, cast

import numpy as np

from . import _arrays, _core, _results
from ._checked import checked
from ._estimators import LogisticRegression, RidgeRegression, _LinearEstimator, from_model
from ._progress import ProgressCallback, progress_of
from .errors import UsageError

Estimator = LogisticRegression | RidgeRegression


def unwrapped(model: Any, X: Any) -> tuple[_LinearEstimator, Any]:
    """The final step of a pipeline, and X as its transformers pass it on."""
    if hasattr(model, "steps"):
        return unwrapped(model.steps[-1][1], model[:-1].transform(X) if len(model.steps) > 1 else X)
    if not isinstance(model, _LinearEstimator):
        raise UsageError("model: is no estimator of recant; recant.adopt() makes one of a fitted "
                         "scikit-learn model")
    return model, X


@checked
def evaluate(model: Any, X: Any, y: Any, *, sensitive_features: Any = None, privileged: Any = None,
             threshold: float = 0.5, radius: float = 0.0,
             attack_correct_only: bool = False) -> _results.Evaluation:
    r"""Utility, fairness gaps and robustness of a model on rows.

    With :math:`p_i` the probability of the positive class and :math:`G` the privileged group of a
    sensitive column, demographic parity and equal opportunity are

    .. math:: \frac1{n_G} \sum_{i \in G} p_i - \frac1{n_{\bar G}} \sum_{i \notin G} p_i,
              \qquad \text{the same over the rows with } y_i = 1,

    and the mean log loss is :math:`\frac1n \sum_i \varphi(y_i, x_i^T \theta)`. The other metrics
    are in docs/algorithms/metrics.md.

    Parameters
    ----------
    model : LogisticRegression, RidgeRegression, or a Pipeline that ends in one
    X : array-like of shape (V, d)
    y : array-like of shape (V,)
    sensitive_features, privileged : optional
        As in :meth:`LogisticRegression.correct`.
    threshold : float
        Probability above which a label is positive.
    radius : float
        Length of the attack of margin-robust accuracy.
    attack_correct_only : bool
        The robust losses move only rows that are classified rightly.

    Returns
    -------
    Evaluation

    Raises
    ------
    UsageError, DataError

    References
    ----------
    docs/mathematics.md, section 3; docs/algorithms/metrics.md.
    """
    estimator, X = unwrapped(model, X)
    rows = estimator._measured(X, y, sensitive_features)
    return _results.Evaluation(_core.evaluate(
        estimator._fitted(), rows, _arrays.privileged_groups(privileged), threshold, radius,
        attack_correct_only))


@checked
def influence(model: Any, X_val: Any, y_val: Any, *, metric: str = "utility",
              sensitive_features: Any = None, privileged: Any = None) -> _results.Influence:
    r"""What each training row does to a metric, to first order, per unit of its weight:

    .. math:: I_m(j) = \nabla m(\theta)^T H^{-1} g_j(\theta)

    Positive: more weight on row j lowers the metric, deleting it raises it by about
    :math:`w_j I_m(j)`.

    Parameters
    ----------
    model : LogisticRegression, RidgeRegression, or a Pipeline that ends in one
    X_val : array-like of shape (V, d)
        Rows that the metric is read on.
    y_val : array-like of shape (V,)
    metric : str
        ``utility``, ``demographic_parity``, ``equal_opportunity``, ``equal_opportunity_loss``,
        ``equalized_odds``, ``robust_loss``, ``transferred_robust_loss``; gaps take
        ``:COLUMN[=GROUP]``. Where a name stands for several gaps the largest is taken.
    sensitive_features, privileged : optional
        As in :meth:`LogisticRegression.correct`.

    Returns
    -------
    Influence
        With ``values`` of shape (n,), in the order of the training rows.

    Raises
    ------
    UsageError, DataError

    References
    ----------
    Koh and Liang 2017; docs/mathematics.md, section 3.

    Examples
    --------
    >>> import numpy as np, recant
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 1, 0, 1])
    >>> model = recant.LogisticRegression().fit(X, y)
    >>> effect = recant.influence(model, X, y)
    >>> effect.values.shape
    (4,)
    """
    estimator, X_val = unwrapped(model, X_val)
    rows = estimator._measured(X_val, y_val, sensitive_features)
    values, text = _core.influence(estimator._fitted(), rows, metric,
                                   _arrays.privileged_groups(privileged))
    return _results.Influence(text, values)


@checked
def compare(model: Any, X_val: Any, y_val: Any, *, test: tuple[Any, ...],
            metric: str = "demographic_parity", sensitive_features: Any = None,
            privileged: Any = None, close_share: float = 0.8, keep_utility: bool = True,
            bounds: tuple[float, float] = (-1.0, 1.0), rounds: int = 8, resamples: int = 1000,
            seed: int = 1, progress: bool | ProgressCallback | None = None) -> _results.Comparison:
    """Is it better to change all weights a little or to delete rows, and is a quick update enough?

    Closes the same share of a gap by soft weights and by deleting rows, and applies the weights
    found to the model in one influence step, in one Newton step, exactly, and by training from
    scratch: nine models with the one there is, each on training, validation and test rows, with 95 %
    intervals by bootstrap on the last two. A gap with fewer than 30 rows on a side has none: it is
    None, and ``too_few_rows`` True. The model stays as it is.

    Parameters
    ----------
    model : LogisticRegression, RidgeRegression, or a Pipeline that ends in one
    X_val : array-like of shape (V, d)
        Rows that the gap is closed on.
    y_val : array-like of shape (V,)
    test : tuple (X, y) or (X, y, sensitive_features)
        Rows only measured on: those to believe.
    metric : str
        The gap; must stand for one metric.
    sensitive_features, privileged : optional
        As in :meth:`LogisticRegression.correct`.
    close_share : float
        Share of the validation gap to close.
    keep_utility : bool
        Of the soft weights: hold the validation loss, to first order.
    bounds : (float, float)
        Of every soft weight's change.
    rounds : int
        Equal steps to the target.
    resamples, seed : int
        Of the bootstrap.
    progress : bool or callable, optional
        As in :meth:`LogisticRegression.correct`.

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError, DataError

    References
    ----------
    arXiv 2505.18783; docs/algorithms/compare.md.
    """
    estimator, X_val = unwrapped(model, X_val)
    validation = estimator._measured(X_val, y_val, sensitive_features)
    held = estimator._measured(unwrapped(model, test[0])[1], test[1],
                               test[2] if len(test) > 2 else None, validation.groups)
    with progress_of(progress) as callback:
        return _results.Comparison(_core.compare(
            estimator._fitted(), validation, held, 0, _arrays.privileged_groups(privileged), callback,
            metric, close_share, keep_utility, *bounds, rounds, resamples, seed))


@checked
def soft_weights(gap: Any, utility: Any = None, *, value: float | None = None, weights: Any = None,
                 bounds: tuple[float, float] | None = None, kappa: float | None = None,
                 kappa_rel: float = 1.0, keep_utility: bool = True,
                 target_share: float = 1.0) -> _results.SoftWeights:
    r"""The weights that narrow one gap most for their size, from influences:

    .. math:: \min_e -a^T e + \kappa |e|^2 \quad\text{s.t.}\quad u^T e \ge 0,\; a^T e \le |m|,
              \qquad a = \mathrm{sign}(m)\, I_m

    Parameters
    ----------
    gap : Influence or array-like of shape (n,)
        :math:`I_m`.
    utility : Influence or array-like of shape (n,), optional
        :math:`u`, the influences on the validation loss; needed for ``keep_utility``.
    value : float, optional
        :math:`m`; taken from ``gap`` where that is an Influence.
    weights : array-like of shape (n,), optional
        Row weights w; with ``bounds``, and 1 without.
    bounds : (float, float), optional
        Of every weight's change, and w + e >= 0; the closed form without.
    kappa, kappa_rel : float
        Price of the squared size; relative, 1 is where the change that nothing holds back just
        closes the gap.
    keep_utility : bool
        Demand that the loss does not rise, to first order.
    target_share : float
        With ``bounds``: close at most this share of the gap.

    Returns
    -------
    SoftWeights
        ``delta`` is e; the multipliers and predicted changes by name.

    Raises
    ------
    UsageError

    References
    ----------
    arXiv 2505.18783; docs/mathematics.md, sections 4.2 and 4.3.
    """
    a = _arrays.one_a_row(gap, "gap")
    u = None if utility is None else _arrays.one_a_row(utility, "utility")
    m = _metric_value(gap, value)
    if keep_utility and u is None:
        raise UsageError("utility: is needed to keep it; pass keep_utility=False to do without")
    if bounds is None:
        if target_share != 1.0 or weights is not None:
            raise UsageError("bounds: weights and target_share go with bounds")
        facts = _core.soft_weights(a, u, m, {"kappa": kappa, "kappa_rel": kappa_rel,
                                             "keep_utility": keep_utility})
    else:
        w = np.ones(len(a)) if weights is None else _arrays.row_weights(weights, len(a), "weights")
        facts = _core.soft_weights_bounded(
            a, u, m, cast("_arrays.Floats", w),
            {"kappa": kappa, "kappa_rel": kappa_rel, "keep_utility": keep_utility,
             "target_share": target_share, "lower": bounds[0], "upper": bounds[1]})
    return _results.SoftWeights(_delta(facts), facts)


@checked
def hard_weights(influence: Any, *, value: float | None = None, weights: Any = None,
                 count: int | None = None, share: float | None = None,
                 predicted_total: float | None = None) -> _results.HardWeights:
    r"""Rows to delete, those first that are predicted to reduce a metric's size most:
    :math:`-\mathrm{sign}(m)\, w_j I_m(j)`, descending, equal scores by row number.

    Parameters
    ----------
    influence : Influence or array-like of shape (n,)
        :math:`I_m`.
    value : float, optional
        :math:`m`; taken from ``influence`` where that is an Influence.
    weights : array-like of shape (n,), optional
        Row weights; 1 without.
    count, share, predicted_total : int, float, float
        Exactly one: this many rows, this share of all, or as long as the predicted reduction stays
        within this share of the metric.

    Returns
    -------
    HardWeights
        ``delta`` is -w of the rows chosen; ``rows`` in the order of deletion.

    Raises
    ------
    UsageError

    References
    ----------
    docs/mathematics.md, section 4.1.
    """
    values = _arrays.one_a_row(influence, "influence")
    w = np.ones(len(values)) if weights is None else _arrays.row_weights(
        weights, len(values), "weights")
    facts = _core.hard_weights(values, _metric_value(influence, value), cast("_arrays.Floats", w),
                               {"count": count, "share": share, "predicted_total": predicted_total})
    return _results.HardWeights(_delta(facts), facts)


def _delta(facts: dict[str, object]) -> _arrays.Floats:
    return cast("_arrays.Floats", facts.pop("delta"))


def _metric_value(influence: Any, value: float | None) -> float:
    if value is not None:
        return float(value)
    if isinstance(influence, _results.Influence):
        return influence.metric_value
    raise UsageError("value: is needed with an array of influences")


@checked
def load(path: str | os.PathLike[str]) -> Estimator:
    """A model that ``save`` or the command wrote, as an estimator; its features stay on disk, mapped.

    Of a model that was trained on a CSV file the estimator takes encoded features;
    :class:`recant.Vault` reads CSV files.

    Parameters
    ----------
    path : path
        A folder, NAME.rct.

    Returns
    -------
    LogisticRegression or RidgeRegression
        Of a model that Python saved with the labels that it was trained with; of one that the
        command wrote, classes are whole numbers where all their names are, else texts.

    Raises
    ------
    NotFoundError, DamagedError

    References
    ----------
    docs/formats/vault.md.
    """
    return from_model(_core.Model.open(os.fspath(path)))


def value_rows(method: str, model: Any, X_val: Any, y_val: Any,
               progress: bool | ProgressCallback | None, **options: Any) -> _results.Values:
    """Shared by the functions of :mod:`recant.values`; `options` are those of the method. Of a folder
    X_val are rows as the core has read them."""
    estimator, X_val = unwrapped(model, X_val)
    sensitive = options.pop("sensitive_features", None)
    rows = X_val if isinstance(X_val, _core.Rows) else estimator._measured(X_val, y_val, sensitive)
    own: dict[str, Any] = {"privileged": _arrays.privileged_groups(options.pop("privileged", None))}
    for name in ("metric", "ties", "utility", "state_file", "top", "flip_check", "seed"):
        if name in options:
            own[name] = options.pop(name)
    for name in ("features", "validation_features"):
        if (embeddings := options.pop(name, None)) is not None:
            own[name] = _arrays.matrix(embeddings, name)
    with progress_of(progress) as callback:
        values, errors, text = _core.value(
            estimator._fitted(), rows, method, options, progress=callback, **own)
    return _results.Values(text, values, errors)
