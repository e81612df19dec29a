# SPDX-License-Identifier: Apache-2.0
"""What each training row is worth to the rows that a model is measured on.

Every function takes a fitted model and validation rows and returns :class:`Values`: positive, the
row helps. ``top`` lists so many rows of highest and of lowest value in ``to_dict()``;
``flip_check`` flips that share of the labels on a copy and says how many the lowest values find.
Formulas: docs/mathematics.md, section 7.
"""

from __future__ import annotations

import os
from typing import Any

from ._checked import checked
from ._progress import ProgressCallback
from ._results import Values
from ._verbs import value_rows

__all__ = ["beta_shapley", "data_banzhaf", "data_shapley", "influence", "knn_shapley",
           "leave_one_out"]


@checked
def knn_shapley(model: Any, X_val: Any, y_val: Any, *, neighbors: int = 5,
                truncate: float | None = None, ties: str = "row_number",
                baseline: float | None = None, features: Any = None,
                validation_features: Any = None, top: int = 0, flip_check: float | None = None,
                seed: int = 1, progress: bool | ProgressCallback | None = None) -> Values:
    r"""Exact Shapley values for the vote of the nearest rows (regression: their squared error).

    .. math:: v(S) = \frac1V \sum_{val} \frac1K \sum_{i \le \min(K,|S|)\ nearest} [y_i = y_{val}]

    Parameters
    ----------
    model : LogisticRegression, RidgeRegression, or a Pipeline that ends in one
        Only its training rows are read.
    X_val : array-like of shape (V, d)
    y_val : array-like of shape (V,)
    neighbors : int
        K.
    truncate : float, optional
        Classification: values off by at most this, for less work.
    ties : {"row_number", "shared"}
        Who is nearer of rows at the same distance: the first, or either with equal chances.
    baseline : float, optional
        Regression: what a missing neighbour predicts; the mean training target.
    features, validation_features : array-like of shape (n, k) and (V, k), optional
        Measure distances in these, such as embeddings, instead; both or none.
    top, flip_check, seed, progress
        See the module; the seed is that of the flips.

    Returns
    -------
    Values
        ``values`` of shape (n,), in the order of the training rows.

    Raises
    ------
    UsageError, DataError

    References
    ----------
    Jia et al. 2019, theorems 1 and 2.

    Examples
    --------
    >>> import numpy as np, recant
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 1, 0, 1])
    >>> model = recant.LogisticRegression().fit(X, y)
    >>> recant.values.knn_shapley(model, [[0.1], [2.9]], [0, 1], neighbors=1).values.round(3)
    array([0.417, 0.083, 0.083, 0.417])
    """
    return value_rows("knn_shapley", model, X_val, y_val, progress, neighbors=neighbors,
                      truncate=truncate, ties=ties, baseline=baseline, features=features,
                      validation_features=validation_features, top=top, flip_check=flip_check,
                      seed=seed)


@checked
def influence(model: Any, X_val: Any, y_val: Any, *, metric: str = "utility",
              sensitive_features: Any = None, privileged: Any = None, top: int = 0,
              flip_check: float | None = None, seed: int = 1,
              progress: bool | ProgressCallback | None = None) -> Values:
    """Influences on a metric, as values; see :func:`recant.influence`.

    Parameters
    ----------
    model, X_val, y_val
        As in :func:`knn_shapley`.
    metric : str
        Must stand for one metric.
    sensitive_features, privileged, top, flip_check, seed, progress
        See :func:`recant.influence` and the module; what is told of is the training with flips.

    Returns
    -------
    Values
        ``values`` of shape (n,), in the order of the training rows.

    Raises
    ------
    UsageError, DataError

    References
    ----------
    Koh and Liang 2017; docs/mathematics.md, section 3.
    """
    return value_rows("influence", model, X_val, y_val, progress, metric=metric,
                      sensitive_features=sensitive_features, privileged=privileged, top=top,
                      flip_check=flip_check, seed=seed)


@checked
def leave_one_out(model: Any, X_val: Any, y_val: Any, *, metric: str = "utility",
                  sensitive_features: Any = None, privileged: Any = None,
                  tolerance: float = 1e-6, top: int = 0,
                  flip_check: float | None = None, seed: int = 1,
                  progress: bool | ProgressCallback | None = None) -> Values:
    """The change of a metric when a row is left out and the model trained again, for every row.

    Parameters
    ----------
    model, X_val, y_val
        As in :func:`knn_shapley`.
    metric : str
        Must stand for one metric.
    tolerance : float
        Distance to the optimum without the row that may be left, relative to what its removal
        moves.
    sensitive_features, privileged, top, flip_check, seed, progress
        See :func:`recant.influence` and the module.

    Returns
    -------
    Values
        ``values`` of shape (n,), in the order of the training rows.

    Raises
    ------
    UsageError, DataError

    References
    ----------
    docs/mathematics.md, section 7.1.
    """
    return value_rows("leave_one_out", model, X_val, y_val, progress, metric=metric,
                      sensitive_features=sensitive_features, privileged=privileged,
                      tolerance=tolerance, top=top,
                      flip_check=flip_check, seed=seed)


@checked
def data_shapley(model: Any, X_val: Any, y_val: Any, *, utility: str = "vote", neighbors: int = 5,
                 max_samples: int = 1000, standard_error: float = 0.0, truncation: float = 0.0,
                 state_file: str | os.PathLike[str] = "", features: Any = None,
                 validation_features: Any = None, top: int = 0,
                 flip_check: float | None = None, seed: int = 1,
                 progress: bool | ProgressCallback | None = None) -> Values:
    """Shapley values by sampled permutations, with standard errors.

    Parameters
    ----------
    model, X_val, y_val
        As in :func:`knn_shapley`.
    utility : {"vote", "accuracy", "log_loss"}
        What a set of rows is worth: the vote of the nearest of its rows, or a score of the model
        trained on it.
    neighbors : int
        K of the vote.
    max_samples : int
        Permutations to draw at most.
    standard_error : float
        Stop when no row's standard error is above this, which biases values by about a tenth of
        it, less with more samples; 0 draws max_samples.
    truncation : float
        The rest of a permutation adds nothing once it is this close to the value of all rows; a
        bias that no standard error shows.
    state_file : path, optional
        Keeps what was drawn, and goes on from it if it exists.
    features, validation_features : array-like of shape (n, k) and (V, k), optional
        Of the vote: measure distances in these instead; both or none.
    top, flip_check, seed, progress
        See the module.

    Returns
    -------
    Values
        ``values`` of shape (n,), in the order of the training rows, and ``standard_errors``.

    Raises
    ------
    UsageError, DataError, DamagedError

    References
    ----------
    Ghorbani and Zou 2019; docs/mathematics.md, section 7.2.
    """
    return value_rows("data_shapley", model, X_val, y_val, progress, utility=utility,
                      neighbors=neighbors, max_samples=max_samples, standard_error=standard_error,
                      truncation=truncation, state_file=os.fspath(state_file), features=features,
                      validation_features=validation_features, top=top, flip_check=flip_check,
                      seed=seed)


@checked
def beta_shapley(model: Any, X_val: Any, y_val: Any, *, alpha: float = 16.0, beta: float = 1.0,
                 utility: str = "vote", neighbors: int = 5, max_samples: int = 1000,
                 standard_error: float = 0.0, truncation: float = 0.0,
                 state_file: str | os.PathLike[str] = "", features: Any = None,
                 validation_features: Any = None, top: int = 0,
                 flip_check: float | None = None, seed: int = 1,
                 progress: bool | ProgressCallback | None = None) -> Values:
    """Beta(alpha, beta) Shapley values: alpha above beta favours small sets.

    Parameters
    ----------
    alpha, beta : float
        Both 1 is :func:`data_shapley`.
    model, X_val, y_val, utility, neighbors, max_samples, standard_error, truncation, state_file,
    features, validation_features, top, flip_check, seed, progress
        As in :func:`data_shapley`.

    Returns
    -------
    Values
        ``values`` of shape (n,), in the order of the training rows, and ``standard_errors``.

    Raises
    ------
    UsageError, DataError, DamagedError

    References
    ----------
    Kwon and Zou 2022; docs/mathematics.md, section 7.2.
    """
    return value_rows("beta_shapley", model, X_val, y_val, progress, alpha=alpha, beta=beta,
                      utility=utility, neighbors=neighbors, max_samples=max_samples,
                      standard_error=standard_error, truncation=truncation,
                      state_file=os.fspath(state_file), features=features,
                      validation_features=validation_features, top=top, flip_check=flip_check,
                      seed=seed)


@checked
def data_banzhaf(model: Any, X_val: Any, y_val: Any, *, utility: str = "vote", neighbors: int = 5,
                 max_samples: int = 1000, standard_error: float = 0.0,
                 state_file: str | os.PathLike[str] = "", features: Any = None,
                 validation_features: Any = None, top: int = 0,
                 flip_check: float | None = None, seed: int = 1,
                 progress: bool | ProgressCallback | None = None) -> Values:
    """Banzhaf values by maximum sample reuse: the mean of the sets with the row, minus without.

    Parameters
    ----------
    model : LogisticRegression, RidgeRegression, or a Pipeline that ends in one
    X_val : array-like of shape (V, d)
    y_val : array-like of shape (V,)
    utility : {"vote", "accuracy", "log_loss"}
        What a set of rows is worth, as in :func:`data_shapley`.
    neighbors : int
        K of the vote.
    max_samples : int
        Subsets to draw at most.
    standard_error : float
        Stop when no row's standard error is above this, which biases values by about a tenth of
        it, less with more samples; 0 draws max_samples.
    state_file : path, optional
        Keeps what was drawn, and goes on from it if it exists.
    features, validation_features : array-like of shape (n, k) and (V, k), optional
        Of the vote: measure distances in these instead; both or none.
    top, flip_check, seed, progress
        See the module.

    Returns
    -------
    Values
        ``values`` of shape (n,), in the order of the training rows, and ``standard_errors``.

    Raises
    ------
    UsageError, DataError, DamagedError

    References
    ----------
    Wang and Jia 2023; docs/mathematics.md, section 7.2.
    """
    return value_rows("data_banzhaf", model, X_val, y_val, progress, utility=utility,
                      neighbors=neighbors, max_samples=max_samples, standard_error=standard_error,
                      state_file=os.fspath(state_file), features=features,
                      validation_features=validation_features, top=top, flip_check=flip_check,
                      seed=seed)
