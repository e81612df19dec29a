# SPDX-License-Identifier: Apache-2.0
"""The base classes of scikit-learn where it is installed, else as much of them as is needed.

Not imported by ``import recant``: scikit-learn's own import comes with the first use of an
estimator.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

    class BaseEstimator:
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...

    class ClassifierMixin: ...

    class RegressorMixin: ...

    class NotFittedError(ValueError, AttributeError): ...

    HAS_SKLEARN: bool

else:
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
        from sklearn.exceptions import NotFittedError

        HAS_SKLEARN = True
    except ImportError:
        HAS_SKLEARN = False

        class NotFittedError(ValueError, AttributeError):
            """The estimator is used before ``fit``."""

        class ClassifierMixin:
            _estimator_type = "classifier"

        class RegressorMixin:
            _estimator_type = "regressor"

        class BaseEstimator:
            """Parameters by the names of the constructor's arguments."""

            def get_params(self, deep=True):
                names = list(inspect.signature(type(self).__init__).parameters)[1:]
                return {name: getattr(self, name) for name in names}

            def set_params(self, **params):
                known = self.get_params()
                for name, value in params.items():
                    if name not in known:
                        raise ValueError(f"{name} is no parameter of {type(self).__name__}")
                    setattr(self, name, value)
                return self

            def __repr__(self):
                params = ", ".join(f"{k}={v!r}" for k, v in self.get_params().items())
                return f"{type(self).__name__}({params})"
