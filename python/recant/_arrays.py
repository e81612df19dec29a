# SPDX-License-Identifier: Apache-2.0
"""From whatever holds numbers and groups to the arrays that the core looks at.

A C-contiguous float64 array is used where it is. Anything else is converted once, to such a copy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import DataError

Floats = npt.NDArray[np.float64]
#: Name of a sensitive column, its groups, and the number of each row's group.
Groups = tuple[str, list[str], npt.NDArray[np.int32]]
#: Name and groups of columns that came before.
KnownGroups = list[tuple[str, list[str]]]


def usable_in_place(X: object) -> bool:
    """Whether the core can look at X as it is."""
    return (type(X) is np.ndarray and X.dtype == np.float64 and X.ndim == 2
            and X.flags.c_contiguous and X.flags.aligned)


def _is_pandas(values: object, kind: str) -> bool:
    """Whether values are of a class of pandas, of no other that derives from it; does not load it."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and type(values) is getattr(pandas, kind, None)


def _of_list(values: list[Any]) -> npt.NDArray[Any] | None:
    """The array that NumPy makes of a list."""
    try:
        return np.asarray(values)
    except (OverflowError, TypeError, ValueError):
        return None


def _of_frame(frame: Any) -> npt.NDArray[Any] | None:
    """The matrix of a data frame whose columns are numbers as NumPy knows them."""
    few = frame.size <= 10_000  # asking for the types of columns takes longer than to copy them
    if few:
        array = frame.to_numpy()
        if np.may_share_memory(array, frame.to_numpy()):
            return cast("npt.NDArray[Any]", array)  # it shows its one block of numbers
    elif _is_one_block(frame):
        return cast("npt.NDArray[Any]", frame.to_numpy())
    kinds = set(frame.dtypes.tolist())
    if not all(isinstance(kind, np.dtype) and _are_numbers(kind) for kind in kinds):
        return None
    if few:
        return cast("npt.NDArray[Any]", frame.to_numpy(dtype=np.float64))
    # pandas would make one array of the columns, which would be copied again into rows.
    array = np.empty(frame.shape)
    for place, (_, column) in enumerate(frame.items()):
        array[:, place] = column.to_numpy()
    return array


def _is_one_block(frame: Any) -> bool:
    """Whether ``to_numpy`` shows what the frame holds, and copies nothing."""
    head = frame.iloc[:1]
    return bool(np.may_share_memory(head.to_numpy(), head.to_numpy()))


def _are_numbers(kind: np.dtype[Any]) -> bool:
    """Whether every number of this kind has its place among float64, if rounded."""
    return kind.kind in "biuf" and kind.itemsize <= 8


def plain_matrix(X: Any) -> Floats | None:
    """X as the core looks at it, of arrays, lists and data frames of finite numbers.

    None for anything else: scikit-learn knows what to say about it, and takes five times as long.
    """
    if type(X) is list:
        X = _of_list(X)
    elif _is_pandas(X, "DataFrame"):
        X = _of_frame(X)
    if type(X) is not np.ndarray or X.ndim != 2 or 0 in X.shape or not _are_numbers(X.dtype):
        return None
    if not usable_in_place(X):
        X = np.array(X, dtype=np.float64, order="C")
    try:
        _core.require_finite(X, "X")
    except DataError:
        return None
    return cast("Floats", X)


def plain_names(X: Any) -> list[str] | None:
    """Names of the features: a data frame's, if they are texts, and none of anything else.

    None where scikit-learn has something to say about them.
    """
    if not _is_pandas(X, "DataFrame"):
        return []
    names = X.columns.tolist()
    kinds = set(map(type, names))
    if str not in kinds:
        return []
    return names if len(kinds) == 1 and len(set(names)) == len(names) else None


def plain_targets(y: Any, kinds: str) -> npt.NDArray[Any] | None:
    """An array, list or series of one dimension, of these kinds of NumPy's types; "O": of texts.

    None for anything else, as of :func:`plain_matrix`.
    """
    if type(y) is list:
        y = _of_list(y)
    elif _is_pandas(y, "Series") and (isinstance(y.dtype, np.dtype) or y.dtype.kind == "O"):
        y = y.to_numpy()
    if type(y) is not np.ndarray or y.ndim != 1 or y.dtype.kind not in kinds:
        return None
    if y.dtype.kind == "O" and not are_texts(y.tolist()):
        return None
    return None if y.dtype.kind == "f" and not np.isfinite(y).all() else y


def are_texts(items: list[Any]) -> bool:
    """Whether all are strings of Python."""
    return set(map(type, items)) == {str}


def numbered(items: list[Any], names: Iterable[Any]) -> npt.NDArray[np.int64]:
    """The place of each item among the names."""
    places = {name: place for place, name in enumerate(names)}
    return np.fromiter(map(places.__getitem__, items), np.int64, len(items))


def different(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    """The different values in order, and the number of each: ``np.unique`` with its inverse.

    Whole numbers that are near each other are counted, which needs no sorting.
    """
    if (whole := _whole(values)) is not None and (counted := _core.different(whole)) is not None:
        found, codes = counted
        return found.astype(values.dtype), codes
    return np.unique(values, return_inverse=True)


def _whole(values: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """Whole numbers and booleans as the core looks at them; None for what is none, or too large."""
    kind = values.dtype.kind
    if kind in "bi" or (kind == "u" and values.dtype.itemsize < 8):
        return np.asarray(values, dtype=np.int64, order="C")
    return None


def plain_features(X: Any, features: int | None = None) -> Floats:
    """A float64 matrix of finite numbers, checked without scikit-learn."""
    if hasattr(X, "toarray"):
        raise TypeError("Sparse data was passed for X, but dense data is required.")
    require_unmasked(X, "X")
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise DataError("X: Complex data not supported")
    array = np.ascontiguousarray(as_numbers(array, "X"))
    if array.ndim != 2:
        raise DataError(f"X: Expected 2D array, got {array.ndim}D array instead. Reshape your data")
    if features is not None and array.shape[1] != features:
        raise DataError(f"X has {array.shape[1]} features, but {features} are expected")
    _core.require_finite(array, "X")
    return array


def require_unmasked(values: Any, where: str) -> None:
    """That no entry is hidden by a mask, which NumPy and scikit-learn would show as any other."""
    if np.ma.is_masked(values):
        raise DataError(f"{where}: has masked entries; leave such rows out")


def as_numbers(values: Any, where: str) -> Floats:
    """The values as float64, in place if they are; strings are none, even if they look like numbers."""
    require_unmasked(values, where)
    try:
        array = np.asarray(values)
        if array.dtype.kind in "biufO" and not any(
                isinstance(each, (str, bytes)) for each in (array.flat if array.dtype == object else ())):
            return array.astype(np.float64, copy=not array.flags.aligned)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(f"{where}: holds something else than numbers")


def one_a_row(values: Any, where: str) -> Floats:
    """Numbers in one dimension, as the core looks at them."""
    array = as_numbers(values, where)
    if array.ndim != 1:
        raise DataError(f"{where}: has shape {array.shape}, but one number for each row is needed")
    return np.ascontiguousarray(array)


def matrix(values: Any, where: str) -> Floats:
    """Numbers in two dimensions, as the core looks at them, which checks that they are finite."""
    array = as_numbers(values, where)
    if array.ndim != 2:
        raise DataError(f"{where}: has shape {array.shape}, but two dimensions are needed")
    return np.ascontiguousarray(array)


def row_weights(sample_weight: Any, rows: int, where: str = "sample_weight") -> Floats | None:
    """One weight a row; None stays None and counts every row once."""
    if sample_weight is None:
        return None
    weights = as_numbers(sample_weight, where)
    if weights.ndim == 0:
        weights = np.full(rows, weights)
    if weights.shape != (rows,):
        raise DataError(f"{where}: has shape {weights.shape}, but there are {rows} rows")
    return np.ascontiguousarray(weights)


def training_weights(sample_weight: Any, rows: int) -> Floats | None:
    """Of rows to train on, which the core would call by a name of its own where they are wrong."""
    weights = row_weights(sample_weight, rows)
    if weights is not None and rows > 0:
        least, most = weights.min(), weights.max()
        if not 0 <= least <= most < np.inf:
            raise DataError("sample_weight: are not all finite and >= 0")
        if most == 0:
            raise DataError("sample_weight: are zero in every row")
    return weights


def class_codes(y: npt.NDArray[Any], classes: npt.NDArray[Any]) -> Floats:
    """The number of each row's class as float64, which the core counts in."""
    if (labels := _whole(y)) is not None and (names := _whole(classes)) is not None:
        if (found := _core.class_codes(labels, names)) is None:
            raise DataError("y: holds a class that the training data had not")
        return found
    try:
        order = np.argsort(classes)  # of a table the positive class is the last one
        codes = classes.searchsorted(y, sorter=order)
    except TypeError:  # what does not compare with the classes is none of them
        raise DataError("y: holds a class that the training data had not") from None
    codes = order[np.minimum(codes, len(classes) - 1)]
    if not _are_equal(classes[codes], y):
        raise DataError("y: holds a class that the training data had not")
    return codes.astype(np.float64)


def _are_equal(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """Entry by entry, of arrays of one shape; texts are no numbers."""
    if one.dtype.kind in "biuf" and other.dtype.kind in "biuf":
        return bool((one == other).all())
    return np.array_equal(one, other)


def utf8(value: Any, where: str) -> str:
    """The text of a value, which the core takes in UTF-8."""
    try:
        text = value.decode() if isinstance(value, bytes) else str(value)
        text.encode()
    except UnicodeError:
        raise DataError(f"{where}: holds a name that is not UTF-8") from None
    return text


def _text(value: Any, where: str) -> str:
    """The name of a group: 1 and 1.0 are the same group, True is not 1."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return utf8(value, where)


def _is_missing(value: Any) -> bool:
    """None, what masks hide, and what does not equal itself: NaN and NaT of every library."""
    if value is None or value is np.ma.masked:
        return True
    try:
        return bool(value != value)
    except (ArithmeticError, TypeError, ValueError):  # pandas.NA; a signalling NaN
        return True


class _Coded(NamedTuple):
    """A column as pandas keeps a categorical one."""

    categories: list[Any]
    codes: npt.NDArray[np.int64]


_Column = npt.NDArray[Any] | _Coded


def _rows_of(column: _Column) -> int:
    return len(column.codes if isinstance(column, _Coded) else column)


def _factorise(column: _Column, where: str) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of the groups as they come, and the number of each row's group."""
    if isinstance(column, _Coded):
        found = np.flatnonzero(np.bincount(column.codes, minlength=len(column.categories)))
        return ([_text(column.categories[code], where) for code in found],
                np.searchsorted(found, column.codes))
    if column.dtype.kind in "biuUS" or (column.dtype.kind == "f" and not np.isnan(column).any()):
        found, codes = different(column)
        if found.dtype.kind in "biu":
            return list(map(str, found.tolist())), codes.astype(np.int64, copy=False)
        return [_text(value, where) for value in found.tolist()], codes.astype(np.int64, copy=False)
    items = column.tolist()
    if set(map(type, items)) in ({str}, {int}):
        values = dict.fromkeys(items)
        return [_text(value, where) for value in values], numbered(items, values)
    numbers: dict[str, int] = {}
    codes = np.empty(len(column), dtype=np.int64)
    for row, value in enumerate(items):
        if _is_missing(value):
            raise DataError(f"{where}: has no value in row {row} (from 0); leave such rows out, or "
                            "make missing a group of its own")
        codes[row] = numbers.setdefault(_text(value, where), len(numbers))
    return list(numbers), codes


def _require_no_written_nan(column: _Column, names: list[str], where: str) -> None:
    """NumPy writes a NaN among strings down as the text: who has it can mean a missing value only."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "UST" and "nan" in names:
        raise DataError(f"{where}: has the text nan, which NumPy makes of a missing value among "
                        "strings; leave such rows out or, if it is the name of a group, pass a list")


def _columns(sensitive: Any) -> list[tuple[str, _Column]]:
    """Name and values of each sensitive column."""
    if type(sensitive) is np.ndarray and sensitive.ndim == 1 and sensitive.dtype.kind not in "mM":
        return [("", sensitive)]
    if isinstance(sensitive, Mapping):
        return [(utf8(name, "sensitive_features"), _one_column(values))
                for name, values in sensitive.items()]
    if hasattr(sensitive, "columns") and hasattr(sensitive, "shape"):  # a data frame
        return [(utf8(name, "sensitive_features"), _one_column(sensitive[name]))
                for name in sensitive.columns]
    name = getattr(sensitive, "name", None)  # a series
    if name is not None:
        return [(utf8(name, "sensitive_features"), _one_column(sensitive))]
    if (coded := _coded(sensitive)) is not None:
        return [("", coded)]
    array = _array(sensitive)
    if array.ndim == 1:
        return [("", array)]
    if array.ndim != 2:
        raise DataError(f"sensitive_features: has {array.ndim} dimensions, but one or two are needed")
    if array.shape[1] == 1:
        return [("", array[:, 0])]
    return [(str(c + 1), array[:, c]) for c in range(array.shape[1])]


def _array(values: Any) -> npt.NDArray[Any]:
    """Values with those that are missing still to be seen as such."""
    if not hasattr(values, "__array__"):
        return _object_array(values)
    if np.ma.is_masked(values):  # as an array it would show what the mask hides
        shown = np.array(values, dtype=object)
        shown[np.ma.getmaskarray(values)] = None
        return shown
    array = np.asarray(values)
    # Dates: NaT is a number inside.
    return array.astype(object) if array.dtype.kind in "mM" and np.isnat(array).any() else array


def _object_array(values: Any) -> npt.NDArray[Any]:
    """Of a list: its items as they are, so that None and 1 do not turn into text."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise DataError("sensitive_features: must be one value for each row, or several columns of "
                        f"these, not {type(values).__name__}")
    try:
        return np.array(list(values), dtype=object)
    except ValueError:
        raise DataError("sensitive_features: has rows of different lengths") from None


def _coded(values: Any) -> _Coded | None:
    """A categorical of pandas in which nothing is missing, and nothing a date."""
    if _is_pandas(values, "Series"):
        values = values.array
    if not _is_pandas(values, "Categorical") or values.categories.dtype.kind not in "biufO":
        return None
    codes = values.codes.astype(np.int64)
    return _Coded(values.categories.tolist(), codes) if (codes >= 0).all() else None


def _one_column(values: Any) -> _Column:
    if (coded := _coded(values)) is not None:
        return coded
    array = _array(values)
    if array.ndim != 1:
        raise DataError("sensitive_features: a column has more than one dimension")
    return array


def group_columns(sensitive: Any, rows: int, known: KnownGroups | None = None) -> list[Groups]:
    """Sensitive features as the core takes them.

    Parameters
    ----------
    sensitive : array-like of shape (n,) or (n, k), data frame, series or mapping, or None
        Numbers, strings or booleans; every different value is a group, named by its text.
    rows : int
        n.
    known : list, optional
        Columns that came before (the training rows'): their groups keep their numbers, new ones
        follow.

    Raises
    ------
    DataError
        For missing values, another number of rows, or columns that do not match ``known``.
    """
    if sensitive is None:
        return []
    columns = _columns(sensitive)
    if not columns:
        raise DataError("sensitive_features: has no columns")
    if len({name for name, _ in columns}) < len(columns):
        raise DataError("sensitive_features: has two columns whose names have the same text")
    if known:
        columns = _in_order_of(known, columns)
    result: list[Groups] = []
    for c, (name, values) in enumerate(columns):
        where = f"sensitive_features, column {name}" if name else "sensitive_features"
        if _rows_of(values) != rows:
            raise DataError(f"{where}: has {_rows_of(values)} values, but there are {rows} rows")
        names, found = _factorise(values, where)
        _require_no_written_nan(values, names, where)
        groups = list(known[c][1]) if known else []
        if names != groups:
            groups += sorted(set(names) - set(groups), key=lambda text: text.encode())
        if names != groups:
            place = {group: code for code, group in enumerate(groups)}
            found = np.array([place[text] for text in names])[found]
        result.append((name, groups, found.astype(np.int32, copy=False)))
    return result


def _in_order_of(known: KnownGroups,
                 columns: list[tuple[str, _Column]]) -> list[tuple[str, _Column]]:
    """The columns under the names and in the order of those that came before."""
    if len(columns) != len(known):
        raise DataError(f"sensitive_features: has {len(columns)} columns, but the model was trained "
                        f"with {len(known)}")
    names = [name for name, _ in known]
    by_name = dict(columns)
    if set(names) == set(by_name):
        return [(name, by_name[name]) for name in names]
    if all(names) and all(by_name) and len(columns) > 1 and not all(n.isdigit() for n in by_name):
        raise DataError("sensitive_features: names other columns than the model was trained with")
    return [(name, values) for name, (_, values) in zip(names, columns, strict=True)]


def privileged_groups(privileged: Any) -> list[str]:
    """``"GROUP"``, ``"COLUMN=GROUP"``, a list of these, or a mapping from column to group."""
    if privileged is None:
        return []
    if isinstance(privileged, str):
        return [_text(privileged, "privileged")]
    if isinstance(privileged, Mapping):
        return [f"{column}={_text(group, 'privileged')}" for column, group in privileged.items()]
    if isinstance(privileged, Iterable):
        return [_text(group, "privileged") for group in privileged]
    return [_text(privileged, "privileged")]
