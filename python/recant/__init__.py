# SPDX-License-Identifier: Apache-2.0
"""Change after the fact how much each training row counts in a trained model.

>>> import numpy as np, recant
>>> rng = np.random.default_rng(0)
>>> X = rng.normal(size=(200, 3)); group = rng.choice(["a", "b"], 200)
>>> X[group == "a", 0] += 1; y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
>>> model = recant.LogisticRegression().fit(X[:100], y[:100])
>>> result = model.correct(X[100:], y[100:], sensitive_features=group[100:])
>>> abs(result.after["validation"]["demographic_parity"]) < 1e-3
True

Estimators: :class:`LogisticRegression`, :class:`RidgeRegression`, :func:`adopt`. Questions:
:func:`evaluate`, :func:`influence`, :mod:`recant.values`. Weights: :func:`soft_weights`,
:func:`hard_weights`, ``correct``. Deletion: ``forget``. Disk: :func:`load`, :class:`Vault`, :mod:`recant.certificate`.
Errors: :mod:`recant.errors`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import errors
from ._core import version
from ._threads import set_threads, threads
from .errors import (
    BusyError,
    ConvergenceWarning,
    DamagedError,
    DataError,
    Error,
    InternalError,
    NotDeletedWarning,
    NotFoundError,
    NotKeptError,
    UsageError,
)

if TYPE_CHECKING:
    from . import certificate, values
    from ._adopt import adopt
    from ._estimators import LogisticRegression, RidgeRegression
    from ._results import (
        Adoption,
        Audit,
        Comparison,
        Correction,
        Deletion,
        Deletions,
        Evaluation,
        FitResult,
        HardWeights,
        Influence,
        SoftWeights,
        Status,
        Values,
        Verification,
    )
    from ._vault import Vault
    from ._verbs import compare, evaluate, hard_weights, influence, load, soft_weights

__all__ = ["Adoption", "Audit", "BusyError", "Comparison", "ConvergenceWarning", "Correction",
           "DamagedError", "DataError", "Deletion", "Deletions", "Error", "Evaluation", "FitResult",
           "HardWeights", "Influence", "InternalError", "LogisticRegression", "NotDeletedWarning",
           "NotFoundError", "NotKeptError", "RidgeRegression", "SoftWeights", "Status", "UsageError",
           "Values", "Vault", "Verification", "__version__", "adopt", "certificate", "compare", "errors",
           "evaluate", "hard_weights", "influence", "load", "set_threads", "soft_weights",
           "threads", "values"]

__version__ = version()

# Loaded when first used: with them comes scikit-learn's own import, where it is installed.
_LAZY = {
    **dict.fromkeys(["LogisticRegression", "RidgeRegression"], "._estimators"),
    **dict.fromkeys(["Adoption", "Audit", "Comparison", "Correction", "Deletion", "Deletions",
                     "Evaluation", "FitResult", "HardWeights", "Influence", "SoftWeights", "Status", "Values",
                     "Verification"], "._results"),
    **dict.fromkeys(["compare", "evaluate", "hard_weights", "influence", "load", "soft_weights"],
                    "._verbs"),
    "adopt": "._adopt",
    "Vault": "._vault",
}


if not TYPE_CHECKING:  # a checker would take every name for one of the package
    def __getattr__(name: str) -> Any:
        if name in ("certificate", "values"):
            return importlib.import_module(f".{name}", __name__)
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(_LAZY[name], __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
