# SPDX-License-Identifier: Apache-2.0
"""What the estimators have of scikit-learn, without importing it.

Its import takes a second, and an estimator that is given arrays needs nothing of it. So the base
classes are stand-ins until somebody imports scikit-learn: with that its own take their places, and
``isinstance``, ``clone``, pipelines and searches find what they look for.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import threading
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from typing_extensions import Self


@functools.cache
def part(name: str) -> Any:
    """A module of scikit-learn, imported if need be; None where scikit-learn is not installed."""
    try:
        module = importlib.import_module(f"sklearn.{name}")
    except ImportError:
        return None
    join()
    return module


class NotFittedError(ValueError, AttributeError):
    """The estimator is used before ``fit``."""


def not_fitted(text: str) -> Exception:
    """scikit-learn's own where somebody has imported it: who has not cannot catch that one."""
    exceptions = part("exceptions") if "sklearn" in sys.modules else None
    error: Exception = (NotFittedError if exceptions is None else exceptions.NotFittedError)(text)
    return error


class ClassifierStandIn:
    """In place of ClassifierMixin."""

    _estimator_type = "classifier"


class RegressorStandIn:
    """In place of RegressorMixin."""

    _estimator_type = "regressor"


class EstimatorStandIn:
    """In place of BaseEstimator: parameters by the names of the constructor's arguments."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments.

        Parameters
        ----------
        deep : bool
            Of no effect: no argument has parameters of its own.

        Returns
        -------
        dict
            Values by name.

        Raises
        ------
        AttributeError
            For an argument that a class of one's own does not keep.

        References
        ----------
        scikit-learn, "Developing scikit-learn estimators".
        """
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Set some of the constructor's arguments anew.

        Parameters
        ----------
        **params : any
            Values by name.

        Returns
        -------
        estimator
            Itself.

        Raises
        ------
        ValueError
            For a name that is no argument.

        References
        ----------
        scikit-learn, "Developing scikit-learn estimators".
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"{name} is no parameter of {type(self).__name__}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"

    def __getattr__(self, name: str) -> Any:
        """Of an estimator that is older than the import: what scikit-learn looks for in it."""
        join()
        if EstimatorStandIn not in type(self).__mro__:
            return getattr(self, name)
        if isinstance(own := getattr(type(self), name, None), property):
            return own.__get__(self)  # it said why it has none, which only it can say again
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


_STAND_INS: dict[type, str] = {
    EstimatorStandIn: "BaseEstimator", ClassifierStandIn: "ClassifierMixin",
    RegressorStandIn: "RegressorMixin"}
_turn = threading.Lock()
_joined = False


def join() -> None:
    """Puts scikit-learn's classes in the places of the stand-ins, once, if somebody has imported it."""
    global _joined
    if _joined or sys.modules.get("sklearn.base") is None:
        return
    base = importlib.import_module("sklearn.base")  # waits for a thread that is not done with it
    with _turn:
        if _joined:
            return
        family = _family(EstimatorStandIn)[1:]
        for child in family:
            if any(each in _STAND_INS for each in child.__bases__):
                child.__bases__ = tuple(
                    getattr(base, _STAND_INS[each]) if each in _STAND_INS else each
                    for each in child.__bases__)
        for child in family:
            base.BaseEstimator.__init_subclass__.__func__(child)  # set_fit_request and the like
        _joined = True


class _WhenImported:
    """A finder of modules that has :func:`join` called at the end of the import of sklearn.base.

    ``isinstance`` and ``issubclass`` look at the bases of a class and ask nobody: later would be too late.
    """

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "sklearn.base":
            return None
        others = [each for each in sys.meta_path if each is not self and hasattr(each, "find_spec")]
        spec = next(filter(None, (each.find_spec(name, path, target) for each in others)), None)
        loader = getattr(spec, "loader", None)
        if hasattr(loader, "__dict__") and hasattr(loader, "exec_module"):
            self._have_joined_by(loader)
        return spec

    def _have_joined_by(self, loader: Any) -> None:
        """The loader is of this one import."""
        execute = loader.exec_module

        def execute_and_join(module: Any) -> None:
            del vars(loader)["exec_module"]
            execute(module)
            join()
            sys.meta_path.remove(cast("Any", self))

        vars(loader)["exec_module"] = execute_and_join


def join_now_or_then() -> None:
    """:func:`join`, of whoever imported scikit-learn before, or when somebody does."""
    if "sklearn.base" in sys.modules:
        join()
    else:
        sys.meta_path.insert(0, cast("Any", _WhenImported()))


def _family(kind: type) -> list[type]:
    """A class and those that derive from it."""
    children: list[type] = kind.__subclasses__()
    return [kind, *(each for child in children for each in _family(child))]
