# SPDX-License-Identifier: Apache-2.0
"""Arguments that cannot be what their annotation says: one line that names the argument.

Without it they would reach the core's bindings, whose error is the signature of a function that
nobody called. Only what is passed is looked at, so a call without options costs nothing.
"""

from __future__ import annotations

import functools
import inspect
import operator
import os
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, TypeVar, cast

from .errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def _is_number(value: Any) -> bool:
    if type(value) is float:
        return True
    if isinstance(value, (str, bytes)):
        return False
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ == "bool_" or (
        type(value).__module__ == "numpy" and type(value).__name__ == "bool")


def _is_text(value: Any) -> bool:
    """The core's texts are UTF-8, which half a surrogate pair has no place in."""
    return isinstance(value, str) and (value.isascii() or not any(0xD800 <= ord(c) < 0xE000
                                                                 for c in value))


def _is_path(value: Any) -> bool:
    if not isinstance(value, str):
        if not hasattr(type(value), "__fspath__"):
            return False
        value = os.fspath(value)
    return _is_text(value)


def _are(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Not of a generator, which looking at would use up."""
    return lambda value: (isinstance(value, Collection) and not isinstance(value, (str, bytes))
                          and getattr(value, "ndim", 1) == 1 and all(map(kind, value)))


def _tuple_of(*lengths: int, kind: Callable[[Any], bool] = lambda value: True) -> Callable[[Any], bool]:
    return lambda value: (isinstance(value, (tuple, list)) and len(value) in lengths
                          and all(map(kind, value)))


_PAIR = _tuple_of(2), "a tuple (X, y)"
_PATH = _is_path, "a path"
#: What an annotation asks for, and how to say it. Annotations that are not here are not looked at.
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "None": (lambda value: value is None, "None"),
    "float": (_is_number, "a number"),
    "int": (_is_whole, "a whole number"),
    "bool": (_is_bool, "True or False"),
    "str": (_is_text, "a text (in UTF-8)"),
    "list[str]": (_are(_is_text), "a list of texts"),
    "Sequence[str]": (_are(_is_text), "a list of texts"),
    "Sequence[float]": (_are(_is_number), "a list of numbers"),
    "Sequence[_Path]": (_are(_is_path), "a list of paths"),
    "_Path": _PATH,
    "os.PathLike[str]": _PATH,
    "tuple[float, float]": (_tuple_of(2, kind=_is_number), "a pair of numbers"),
    "tuple[Any, Any]": _PAIR,
    "tuple[Any, ...]": (_tuple_of(2, 3), "a tuple (X, y) or (X, y, sensitive_features)"),
    "_Rows": (lambda value: _is_path(value) or _PAIR[0](value), "a path or a tuple (X, y)"),
}


class _Union(NamedTuple):
    """The kinds that an annotation allows."""

    tests: tuple[Callable[[Any], bool], ...]
    words: str
    whole: bool


@functools.cache
def _union_of(annotation: str) -> _Union | None:
    """None where one of its kinds is not looked at."""
    kinds = annotation.split(" | ")
    if not all(kind in _KINDS for kind in kinds):
        return None
    words = dict.fromkeys(_KINDS[kind][1] for kind in kinds)
    return _Union(tuple(_KINDS[kind][0] for kind in kinds), " or ".join(words), "int" in kinds)


def _require(name: str, union: _Union, value: Any) -> None:
    """Checks one argument against the union that its annotation is."""
    for test in union.tests:
        if test(value):
            break
    else:
        if isinstance(value, int) and _is_number in union.tests:
            raise UsageError(f"{name}: is out of range; give a number that a float can be")
        raise UsageError(f"{name}: must be {union.words}, not {type(value).__name__}")
    if union.whole and value is not None:
        low, high = (0, 2**64) if name == "seed" else (-2**31, 2**31)
        if not low <= operator.index(value) < high:
            raise UsageError(f"{name}: is out of range; give a whole number from {low} to {high - 1}")


def require_parameters(estimator: Any) -> None:
    """An estimator's own, which scikit-learn wants looked at in ``fit`` and not before."""
    for name, union, default in _parameters_of(type(estimator).__init__):
        if (value := getattr(estimator, name)) is not default:
            _require(name, union, value)


@functools.cache
def _parameters_of(constructor: Callable[..., Any]) -> list[tuple[str, _Union, object]]:
    """Names, annotations that are looked at, and defaults, which need no look."""
    return [(each.name, union, each.default)
            for each in inspect.signature(constructor).parameters.values()
            if isinstance(each.annotation, str) and (union := _union_of(each.annotation)) is not None]


def checked(function: F) -> F:
    """The function, with what it is called with looked at first."""
    unions = {name: union for name, kind in function.__annotations__.items()
              if name != "return" and (union := _union_of(kind)) is not None}
    flags = {name for name in unions if function.__annotations__[name] == "bool"}
    named_by_place = function.__code__.co_varnames[:function.__code__.co_argcount]
    positional = [(place, name, unions[name]) for place, name in enumerate(named_by_place) if name in unions]

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        for place, name, union in positional:
            if place >= len(arguments):
                break
            _require(name, union, arguments[place])
        for name, value in named.items():
            if name in unions:
                _require(name, unions[name], value)
                if name in flags:
                    named[name] = bool(value)  # NumPy's is no bool to the core
        try:
            return function(*arguments, **named)
        except TypeError as error:
            if "incompatible function arguments" in str(error):
                raise UsageError(f"{function.__name__}: an argument is of a type that it cannot "
                                 "have") from None
            raise

    return cast("F", call)
