# SPDX-License-Identifier: Apache-2.0
"""Takes over models that scikit-learn fitted."""

from __future__ import annotations

import math
import warnings
from typing import Any, cast

import numpy as np

from . import _arrays, _core, _labels, _results
from ._checked import checked
from ._estimators import LogisticRegression, RidgeRegression, _LinearEstimator
from ._progress import ProgressCallback, progress_of
from .errors import ConvergenceWarning, DataError, UsageError


@checked
def adopt(fitted: Any, X: Any, y: Any, sample_weight: Any = None, *, sensitive_features: Any = None,
          tolerance: float = 1e-10, max_iterations: int = 200,
          progress: bool | ProgressCallback | None = None) -> Any:
    r"""Make a recant estimator of a model that scikit-learn fitted on these rows.

    Reads the coefficients and the penalty (:math:`\lambda = 1/C` of ``LogisticRegression``, alpha
    of ``Ridge``), measures the gradient of recant's objective at them, and polishes them to its
    optimum, which everything later starts from. ``adoption_`` of what is returned says how far off
    they were: where the objectives are the same, by the solver's tolerance; where scikit-learn does
    not penalise its intercept and recant does, by what that changes. With :math:`\theta_0` what was
    found and :math:`\theta^*` the optimum,

    .. math:: |\theta_0 - \theta^*| \le |\nabla F(\theta_0)| / \lambda

    is ``distance_bound``, as F is :math:`\lambda`-strongly convex; what rounding took from the
    gradient is not in it.

    Parameters
    ----------
    fitted : LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV or Pipeline of scikit-learn
        Fitted; of a pipeline the final step, its transformers are applied to X.
    X : array-like of shape (n, d)
        The rows it was fitted on.
    y : array-like of shape (n,)
        Their targets.
    sample_weight : array-like of shape (n,), optional
        The weights it was fitted with; its ``class_weight`` is applied to them.
    sensitive_features, progress : optional
        As in :meth:`LogisticRegression.fit`.
    tolerance, max_iterations : float, int
        Of the polish.

    Returns
    -------
    LogisticRegression, RidgeRegression, or Pipeline
        With ``adoption_``; of a pipeline a new one, with the same transformers and parameters.

    Raises
    ------
    UsageError
        For another kind of model, several targets, no penalty or one that is not l2, one model a
        class of three or more.
    DataError
        For rows that do not fit the model, by their number or by the names of their features.

    Warns
    -----
    ConvergenceWarning
        Where the polish did not reach ``tolerance``; ``converged_`` is False then.

    References
    ----------
    docs/reference/python.md, "The same objective as scikit-learn".

    Examples
    --------
    >>> import numpy as np, recant
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 1, 0, 1])
    >>> model = recant.adopt(LogisticRegression(fit_intercept=False).fit(X, y), X, y)
    >>> model.adoption_.distance < 1e-4
    True
    """
    if hasattr(fitted, "steps"):
        return _adopt_pipeline(fitted, X, y, sample_weight, sensitive_features, tolerance,
                               max_iterations, progress)
    kind = _kind(fitted)
    coef, intercept = _coefficients(fitted)
    l2, notes = _penalty(fitted, kind)
    own: _LinearEstimator
    if kind == "squared":
        own = RidgeRegression(l2, intercept=bool(fitted.fit_intercept), tolerance=tolerance,
                              max_iterations=max_iterations)
        data = own._training_data(X, y, numeric=True)
        learned = data.seen
        names: list[str] = []
        label_type = ""
        codes = _arrays.one_a_row(data.targets, "y")
    else:
        own = LogisticRegression(l2, intercept=bool(fitted.fit_intercept), tolerance=tolerance,
                                 max_iterations=max_iterations)
        data = own._training_data(X, y, numeric=False)
        classes = np.asarray(fitted.classes_)
        learned = {**data.seen, "classes_": classes}
        names = _labels.texts_of(classes)
        label_type = _labels.type_of(classes)
        codes = _arrays.class_codes(data.targets, classes)
    _require_same_names(fitted, data.names)
    if coef.shape[1] != data.features.shape[1]:
        raise DataError(f"X: has {data.features.shape[1]} features, but the model has "
                        f"{coef.shape[1]}")
    rows = _core.Rows(data.features, codes, _class_weighted(fitted, data.targets, sample_weight),
                      data.columns, names,
                      _arrays.group_columns(sensitive_features, len(data.features)))
    theta = coef
    if fitted.fit_intercept:
        theta = np.empty((len(coef), coef.shape[1] + 1))
        theta[:, :-1], theta[:, -1] = coef, intercept
    loss = "squared" if kind == "squared" else "logistic" if len(names) == 2 else "softmax"
    with progress_of(progress) as callback:
        model, text = _core.adopt(rows, np.ascontiguousarray(theta).ravel(), loss, l2,
                                  bool(fitted.fit_intercept), label_type, callback,
                                  {"tolerance": tolerance, "max_iterations": max_iterations})
    own._begin_with(model, {**learned, "adoption_": _results.Adoption(text, tuple(notes))})
    if not model.optimal:
        warnings.warn("the polish did not reach its tolerance; raise max_iterations",
                      ConvergenceWarning, stacklevel=3)
    return own


def _adopt_pipeline(pipeline: Any, X: Any, y: Any, *arguments: Any) -> Any:
    name, last = pipeline.steps[-1]
    transformed = pipeline[:-1].transform(X) if len(pipeline.steps) > 1 else X
    weight, sensitive, tolerance, iterations, progress = arguments
    own = adopt(last, transformed, y, weight, sensitive_features=sensitive, tolerance=tolerance,
                max_iterations=iterations, progress=progress)
    kept = {**pipeline.get_params(deep=False), "steps": [*pipeline.steps[:-1], (name, own)]}
    adopted = type(pipeline)(**kept)
    adopted.adoption_ = own.adoption_
    return adopted


def _require_same_names(fitted: Any, ours: Any) -> None:
    """Columns in another order would be other features, and polishing would hide it."""
    theirs = getattr(fitted, "feature_names_in_", None)
    if theirs is not None and ours is not None and list(theirs) != list(ours):
        raise DataError("X: has other feature names, or another order of them, than the model was "
                        "fitted with")


def _kind(fitted: Any) -> str:
    """"squared" or "classes", of the models that can be read."""
    name = type(fitted).__name__
    module = type(fitted).__module__
    if module.startswith("sklearn.linear_model"):
        if name in ("Ridge", "RidgeCV"):
            return "squared"
        if name in ("LogisticRegression", "LogisticRegressionCV"):
            return "classes"
    raise UsageError(f"fitted: {name} cannot be adopted; LogisticRegression, LogisticRegressionCV, "
                     "Ridge and RidgeCV of scikit-learn can, and a Pipeline that ends in one")


def _penalty(fitted: Any, kind: str) -> tuple[float, list[str]]:
    """lambda, and where the objectives differ."""
    notes: list[str] = []
    if kind == "squared":
        strength = _different(getattr(fitted, "alpha_", fitted.__dict__.get("alpha")))
        if getattr(fitted, "positive", False):
            raise UsageError("fitted: keeps its coefficients above 0 (positive=True), recant does not")
        if len(strength) != 1:
            raise UsageError("fitted: has several penalties, but recant has one")
        if fitted.fit_intercept:
            notes.append("scikit-learn does not penalise the intercept of Ridge, recant does")
        return float(strength[0]), notes
    if not _only_l2(fitted):
        raise UsageError("fitted: its penalty is not l2")
    inverse = _different(getattr(fitted, "C_", fitted.__dict__.get("C")))
    if len(inverse) != 1 or not math.isfinite(inverse[0]):
        raise UsageError("fitted: needs one finite C; recant has one penalty, above 0")
    if fitted.fit_intercept and fitted.solver != "liblinear":
        notes.append(f"scikit-learn does not penalise the intercept with solver {fitted.solver!r}, "
                     "recant does")
    if fitted.fit_intercept and fitted.solver == "liblinear" and fitted.intercept_scaling != 1:
        notes.append("intercept_scaling is not 1: scikit-learn penalises the intercept otherwise")
    if not _is_one_softmax(fitted):
        raise UsageError("fitted: liblinear and multi_class='ovr' fit one model a class, which is no "
                         "softmax")
    if getattr(fitted, "multi_class", "auto") == "multinomial" and len(fitted.classes_) == 2:
        raise UsageError("fitted: multi_class='multinomial' of two classes is a softmax of two, whose "
                         "scores are twice those of its coefficients; fit it without")
    return 1 / float(inverse[0]), notes


def _different(strength: Any) -> list[float]:
    """Of a number, or of several, those that differ."""
    return [strength] if isinstance(strength, (int, float)) else np.unique(np.asarray(strength)).tolist()


def _only_l2(fitted: Any) -> bool:
    """Across scikit-learn's versions: `penalty` by name, later `l1_ratio` alone."""
    penalty = getattr(fitted, "penalty", "l2")
    if penalty in ("l1", None):
        return False
    ratios = getattr(fitted, "l1_ratio_", fitted.__dict__.get("l1_ratio"))
    if ratios is None or isinstance(ratios, (int, float)):  # not so of a search
        return not ratios or penalty == "l2"
    mixed = any(ratio not in (None, 0) for ratio in np.ravel(np.asarray(ratios, dtype=object)))
    return not mixed or penalty == "l2"


def _is_one_softmax(fitted: Any) -> bool:
    """Not one model a class; by `multi_class` up to version 1.7 of scikit-learn, which is gone since."""
    asked = "ovr" if fitted.solver == "liblinear" else getattr(fitted, "multi_class", "auto")
    return len(fitted.classes_) == 2 or asked != "ovr"


def _coefficients(fitted: Any) -> tuple[_arrays.Floats, _arrays.Floats]:
    """C x d and C."""
    if not hasattr(fitted, "coef_"):
        raise UsageError("fitted: is not fitted yet")
    if np.ndim(fitted.coef_) == 2 and not hasattr(fitted, "classes_") and len(fitted.coef_) > 1:
        raise UsageError("fitted: predicts several targets")
    coef = np.atleast_2d(np.asarray(fitted.coef_, dtype=np.float64))
    intercept = np.asarray(fitted.intercept_, dtype=np.float64)
    if intercept.shape != (len(coef),):
        intercept = np.broadcast_to(intercept, (len(coef),))
    return coef, intercept


def _class_weighted(fitted: Any, targets: Any, sample_weight: Any) -> _arrays.Floats | None:
    weights = _arrays.training_weights(sample_weight, len(targets))
    class_weight = getattr(fitted, "class_weight", None)
    if class_weight is None:
        return weights
    from sklearn.utils.class_weight import compute_class_weight

    # "balanced" counts rows by their weight since scikit-learn 1.8; recant follows what it says.
    by_class = _weights_of_classes(compute_class_weight, class_weight, fitted, targets, weights)
    factors = np.asarray(by_class)[_arrays.class_codes(targets, fitted.classes_).astype(np.intp)]
    return cast("_arrays.Floats", factors if weights is None else factors * weights)


def _weights_of_classes(compute: Any, class_weight: Any, fitted: Any, targets: Any,
                        weights: Any) -> Any:
    import inspect

    if "sample_weight" in inspect.signature(compute).parameters:
        return compute(class_weight, classes=fitted.classes_, y=targets, sample_weight=weights)
    return compute(class_weight, classes=fitted.classes_, y=targets)
