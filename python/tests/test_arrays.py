# SPDX-License-Identifier: Apache-2.0
"""What C++ cannot see: types, order, strides, lifetimes, addresses."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import tracemalloc
import warnings
import weakref
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.multiclass import check_classification_targets

import recant
from recant import _arrays, _estimators
from recant._arrays import group_columns

LAYOUTS = {
    "in place": lambda X: X,
    "fortran": np.asfortranarray,
    "strided rows": lambda X: np.repeat(X, 2, axis=0)[::2],
    "strided columns": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "reversed": lambda X: X[::-1].copy()[::-1],
    "big-endian": lambda X: X.astype(">f8"),
    "list": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X).rename(columns=str),
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "unaligned": lambda X: np.frombuffer(b"x" + X.tobytes(), dtype=np.float64, offset=1).reshape(X.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_bytes(problem, layout: str) -> None:
    X, y = problem.part(problem.train)
    given_as = LAYOUTS[layout](X)
    model, plain = recant.LogisticRegression().fit(given_as, y), problem.fit()
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    np.testing.assert_array_equal(model.predict_proba(given_as), plain.predict_proba(X))


class OwnFrame(pd.DataFrame):
    """Somebody's own."""


def with_a_bad_row(rows: list[list[object]], row: list[object]) -> list[list[object]]:
    return [*rows[:7], row, *rows[8:]]


#: Made of a data frame of five columns.
FEATURES = {
    "as trained": lambda f: f,
    "in another order": lambda f: f[f.columns[::-1]],
    "one more": lambda f: f.assign(more=1.0),
    "one fewer": lambda f: f[f.columns[1:]],
    "renamed": lambda f: f.rename(columns={"c": "see"}),
    "numbered": lambda f: f.set_axis(range(5), axis=1),
    "names and numbers": lambda f: f.rename(columns={"c": 3}),
    "two of a name": lambda f: f.rename(columns={"c": "b"}),
    "whole numbers": lambda f: f.round().astype(int),
    "mixed": lambda f: f.assign(c=1),
    "float32": lambda f: f.astype(np.float32),
    "nullable": lambda f: f.astype("Float64"),
    "sparse": lambda f: f.astype(pd.SparseDtype(float)),
    "texts": lambda f: f.astype(str),
    "complex": lambda f: f.astype(complex),
    "missing": lambda f: f.mask(f == f.iloc[3, 2]),
    "infinite": lambda f: f.replace(f.iloc[3, 2], np.inf),
    "without rows": lambda f: f.iloc[:0],
    "without columns": lambda f: f[[]],
    "one's own": OwnFrame,
    "one block of texts": lambda f: f.astype(str).astype(object),
    "whole numbers and booleans": lambda f: (10 * f).astype(int).assign(c=True),
    "long doubles in a frame": lambda f: f.astype(np.longdouble),
    "large, of two types": lambda f: pd.concat([f] * 30, ignore_index=True).astype({"c": np.float32}),
    "an array": lambda f: f.to_numpy(),
    "float32 array": lambda f: f.to_numpy(np.float32),
    "float16 array": lambda f: f.to_numpy(np.float16),
    "long doubles": lambda f: f.to_numpy(np.longdouble),
    "beyond float64": lambda f: f.to_numpy(np.longdouble) * np.longdouble("1e4000"),
    "int8 array": lambda f: (10 * f.to_numpy()).astype(np.int8),
    "large whole numbers": lambda f: np.full(f.shape, 2**64 - 1, dtype=np.uint64),
    "boolean array": lambda f: f.to_numpy() > 0,
    "objects": lambda f: f.to_numpy(dtype=object),
    "texts in an array": lambda f: f.to_numpy().astype(str),
    "complex array": lambda f: f.to_numpy() * 1j,
    "dates": lambda f: f.to_numpy().astype("M8[s]"),
    "fortran": lambda f: np.asfortranarray(f.to_numpy()),
    "float32 with a NaN": lambda f: np.where(f.to_numpy() == f.iloc[3, 2], np.nan, f.to_numpy()).astype("f4"),
    "masked": lambda f: np.ma.array(f.to_numpy(), mask=f.to_numpy() > 2),
    "matrix": lambda f: f.to_numpy().view(np.matrix),
    "one dimension": lambda f: f.to_numpy()[:, 0],
    "three dimensions": lambda f: f.to_numpy()[:, :, None],
    "no rows": lambda f: f.to_numpy()[:0],
    "lists": lambda f: f.to_numpy().tolist(),
    "lists of whole numbers": lambda f: (10 * f.to_numpy()).astype(int).tolist(),
    "lists of arrays": lambda f: list(f.to_numpy()),
    "tuples": lambda f: [tuple(row) for row in f.to_numpy().tolist()],
    "a tuple": lambda f: tuple(f.to_numpy().tolist()),
    "lists of texts": lambda f: f.to_numpy().astype(str).tolist(),
    "lists with a text": lambda f: with_a_bad_row(f.to_numpy().tolist(), [1, 2, "3", 4, 5]),
    "lists with a NaN": lambda f: with_a_bad_row(f.to_numpy().tolist(), [1, 2, np.nan, 4, 5]),
    "lists with None": lambda f: with_a_bad_row(f.to_numpy().tolist(), [1, 2, None, 4, 5]),
    "lists with a very large number": lambda f: with_a_bad_row(f.to_numpy().tolist(), [10**400, 2, 3, 4, 5]),
    "lists of different lengths": lambda f: with_a_bad_row(f.to_numpy().tolist(), [1, 2]),
    "an empty list": lambda f: [],
    "a list of numbers": lambda f: [1.0, 2.0],
}
TARGETS = {
    "array": lambda y: y,
    "series": lambda y: pd.Series(y),
    "strings": lambda y: np.where(y, "yes", "no"),
    "series of strings": lambda y: pd.Series(np.where(y, "yes", "no")),
    "booleans": lambda y: y > 0,
    "fractions": lambda y: y + 0.5,
    "nullable": lambda y: pd.Series(y, dtype="Int64"),
    "missing": lambda y: np.where(y, np.nan, 1.0),
    "column": lambda y: y[:, None],
    "short": lambda y: y[:-1],
    "one class": lambda y: y * 0,
    "many classes": lambda y: np.arange(len(y)),
    "a list": lambda y: y.tolist(),
    "a list of texts": lambda y: np.where(y, "yes", "no").tolist(),
    "a list of both": lambda y: ["yes" if each else 0 for each in y],
    "a list of fractions": lambda y: (y + 0.5).tolist(),
    "a list with None": lambda y: [*y[1:].tolist(), None],
    "a list with a NaN": lambda y: [*y[1:].tolist(), np.nan],
    "a list of booleans": lambda y: (y > 0).tolist(),
    "lists in a list": lambda y: y[:, None].tolist(),
    "lists of different lengths": lambda y: [[1], [1, 2], *y[2:].tolist()],
    "an empty list": lambda y: [],
    "floats": lambda y: y.astype(float),
    "float32": lambda y: y.astype(np.float32),
    "floats of three": lambda y: np.arange(len(y)) % 3 - 1.0,
    "many floats": lambda y: np.arange(len(y), dtype=float),
    "large floats": lambda y: y * 1e30,
    "infinite": lambda y: np.where(y, np.inf, 1.0),
    "long doubles": lambda y: y.astype(np.longdouble),
    "complex": lambda y: y * 1j,
    "objects": lambda y: np.where(y, "yes", "no").astype(object),
    "many objects": lambda y: np.arange(len(y)).astype(str).astype(object),
    "objects of one class": lambda y: np.full(len(y), "yes", dtype=object),
    "objects that are numbers": lambda y: y.astype(object),
    "objects of both": lambda y: np.array(["yes" if each else 0 for each in y], dtype=object),
    "objects with a NaN": lambda y: np.array(["yes" if each else np.nan for each in y], dtype=object),
    "objects with None": lambda y: np.array(["yes" if each else None for each in y], dtype=object),
    "bytes": lambda y: np.where(y, "yes", "no").astype("S3"),
    "dates": lambda y: y.astype("M8[D]"),
    "series of floats": lambda y: pd.Series(y.astype(float)),
    "series of objects": lambda y: pd.Series(np.where(y, "yes", "no").astype(object), dtype=object),
    "series with a missing text": lambda y: pd.Series(["yes" if each else None for each in y]),
    "categories": lambda y: pd.Series(np.where(y, "yes", "no")).astype("category"),
    "categories of numbers": lambda y: pd.Series(y).astype("category"),
    "series of pandas' texts": lambda y: pd.Series(np.where(y, "yes", "no"), dtype="string"),
    "masked": lambda y: np.ma.array(y, mask=y),
}


def outcome(work) -> tuple[object, ...]:
    """What came of it, and every warning."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = work()
        except Exception as error:  # noqa: BLE001: whatever it is, it must be the same
            found = type(error), str(error)
    return found, [(each.category, str(each.message)) for each in told]


def fitted(estimator: type, X: object, y: object) -> tuple[object, ...]:
    model = estimator().fit(X, y)
    return (model.coef_.tobytes(), model.n_features_in_, getattr(model, "classes_", np.zeros(0)).tolist(),
            str(getattr(model, "classes_", np.zeros(0)).dtype), list(getattr(model, "feature_names_in_", ["none"])))


def classes_of(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    check_classification_targets(labels)
    return np.unique(labels, return_inverse=True)


def looked_at_by_scikit_learn(monkeypatch, work) -> tuple[object, ...]:
    with monkeypatch.context() as patch:
        patch.setattr(_arrays, "plain_matrix", lambda X: None)
        patch.setattr(_arrays, "plain_targets", lambda y, kinds: None)
        patch.setattr(_estimators, "_classes_of", classes_of)
        return outcome(work)


@pytest.mark.parametrize("kind", FEATURES)
def test_features_mean_what_scikit_learn_says(problem, kind: str, monkeypatch) -> None:
    X, y = problem.part(problem.train)
    named = pd.DataFrame(X, columns=list("abcde"))
    given_as = FEATURES[kind](named)
    for trained_on in (named, X):
        model = recant.LogisticRegression().fit(trained_on, y)

        def predicted(model=model) -> bytes:
            return model.decision_function(given_as).tobytes()

        assert outcome(predicted) == looked_at_by_scikit_learn(monkeypatch, predicted)

    def fit() -> tuple[object, ...]:
        return fitted(recant.LogisticRegression, given_as, np.resize(y, max(len(given_as), 2)))

    assert outcome(fit) == looked_at_by_scikit_learn(monkeypatch, fit)


@pytest.mark.parametrize("estimator", [recant.LogisticRegression, recant.RidgeRegression])
@pytest.mark.parametrize("kind", TARGETS)
def test_targets_mean_what_scikit_learn_says(problem, kind: str, estimator, monkeypatch) -> None:
    X, y = problem.part(problem.train)

    def fit() -> tuple[object, ...]:
        return fitted(estimator, X[:40], TARGETS[kind](y[:40]))

    assert outcome(fit) == looked_at_by_scikit_learn(monkeypatch, fit)


def test_numbers_and_texts_are_not_looked_at_twice(problem, monkeypatch) -> None:
    from sklearn.utils import validation

    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("scikit-learn was asked")

    monkeypatch.setattr(validation, "validate_data", refuse)
    X, y = problem.part(problem.train)
    frame = pd.DataFrame(X, columns=list("abcde"))
    for features in (X, frame, X.astype(np.float32), X.tolist(), frame.assign(c=1), np.asfortranarray(X)):
        texts = np.where(y, "yes", "no")
        for targets in (y, y.tolist(), y.astype(float), pd.Series(y), texts, texts.tolist(), texts.astype(object),
                        pd.Series(texts)):
            model = recant.LogisticRegression().fit(features, targets)
            recant.influence(model, features, targets)
        recant.RidgeRegression().fit(features, y + 0.5).predict(features)
    with pytest.raises(AssertionError, match="asked"):
        model.predict(frame[frame.columns[::-1]])


def test_a_fit_on_an_array_forgets_the_names(problem) -> None:
    X, y = problem.part(problem.train)
    model = recant.LogisticRegression().fit(pd.DataFrame(X, columns=list("abcde")), y)
    assert not hasattr(model.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "uint16", "bool"])
def test_other_numbers_are_converted(dtype: str) -> None:
    X = (np.random.default_rng(0).uniform(0, 9, (50, 3))).astype(dtype)
    y = np.arange(50) % 2
    np.testing.assert_array_equal(recant.LogisticRegression().fit(X, y).coef_,
                                  recant.LogisticRegression().fit(X.astype(float), y).coef_)


def test_a_contiguous_float64_matrix_is_used_where_it_is(problem) -> None:
    X, y = problem.part(problem.train)
    kept = recant.LogisticRegression().fit(X, y)._model.rows.features
    assert kept.ctypes.data == X.ctypes.data and not kept.flags.writeable
    copied = recant.LogisticRegression().fit(np.asfortranarray(X), y)._model.rows.features
    assert not np.shares_memory(copied, X)


MEMORY = """
import resource, sys
import numpy as np, recant
recant.LogisticRegression, recant.influence
X, y = np.random.default_rng(0).normal(size=(400_000, 50)), np.arange(400_000) % 2
recant.LogisticRegression().fit(X[:1000], y[:1000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = recant.LogisticRegression().fit(X, y)
recant.influence(model, X, y)
model.predict(X)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / X.nbytes)
"""


def test_peak_memory_has_no_second_matrix() -> None:
    share = float(subprocess.run([sys.executable, "-c", MEMORY], check=True, capture_output=True,
                                 text=True).stdout)
    assert share < 0.6  # vectors of n, and the finite check's; a copy would be 1


def mixed(X: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(X, columns=list("abcdefghij")).astype({"a": np.float32, "b": int, "c": bool})


#: Made of a matrix, and how often they are copied: 0, or once into rows of float64.
COPIED = {
    "in place": (lambda X: X, 0),
    "frame of the matrix": (lambda X: pd.DataFrame(X, copy=False), 0),
    "frame with a copy": (lambda X: pd.DataFrame(X, copy=True), 1),
    "read-only": (lambda X: np.frombuffer(X.tobytes()).reshape(X.shape), 0),
    "fortran": (np.asfortranarray, 1),
    "float32": (lambda X: X.astype(np.float32), 1),
    "whole numbers": (lambda X: X.astype(int), 1),
    "booleans": (lambda X: X > 0, 1),
    "strided": (lambda X: np.repeat(X, 2, axis=0)[::2], 1),
    "big-endian": (lambda X: X.astype(">f8"), 1),
    "frame of columns": (lambda X: pd.DataFrame({str(c): X[:, c].copy() for c in range(X.shape[1])}), 1),
    "frame of float32": (lambda X: pd.DataFrame(X.astype(np.float32)), 1),
    "frame of single blocks": (lambda X: pd.concat([pd.Series(X[:, c], name=c) for c in range(X.shape[1])], axis=1), 1),
    "frame, mixed": (mixed, 1),
    "list": (lambda X: X.tolist(), 1),
}


def peak_of(work) -> int:
    """The most bytes that Python and NumPy held at once for it; the core's own are not in it."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", COPIED)
def test_what_is_not_in_place_is_copied_once(kind: str) -> None:
    make, copies = COPIED[kind]
    X = np.random.default_rng(0).normal(size=(20_000, 10))
    given_as = make(X)
    peak = peak_of(lambda: _arrays.plain_matrix(given_as)) / X.nbytes
    aside = 0.5 if kind == "list" else 0.05  # NumPy keeps notes of what it found in a list
    assert copies - 0.01 < peak < copies + aside
    model = recant.RidgeRegression().fit(given_as, X[:, 0])
    assert np.shares_memory(model._model.rows.features, given_as) is (copies == 0)


def test_columns_of_every_type_keep_their_numbers() -> None:
    frame = mixed(np.random.default_rng(0).normal(size=(2000, 10)))
    for rows in (frame, frame.iloc[:20]):
        found = _arrays.plain_matrix(rows)
        assert _arrays.usable_in_place(found)
        np.testing.assert_array_equal(found, rows.to_numpy(dtype=np.float64))


@pytest.mark.parametrize("weights", [False, True])
def test_targets_and_weights_of_float64_are_copied_by_the_core_alone(weights: bool) -> None:
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(100_000, 2)), rng.normal(size=100_000), rng.uniform(1, 2, 100_000)
    model = recant.RidgeRegression()
    assert peak_of(lambda: model.fit(X, y, w if weights else None)) < 0.3 * y.nbytes  # whether all are finite
    y[:], w[:] = 0, 0
    assert model._model.rows.targets.any() and model._model.rows.weights.all()


@pytest.mark.parametrize("kind", ["big-endian", "unaligned", "reversed", "read-only"])
def test_targets_and_weights_of_every_layout_are_the_same(kind: str) -> None:
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(50, 2)), rng.normal(size=50), rng.uniform(1, 2, 50)
    laid_out = [LAYOUTS[kind](np.ascontiguousarray(each[:, None]))[:, 0] for each in (y, w)]
    assert any(not each.flags.c_contiguous or not each.flags.aligned or not each.flags.writeable
               or each.dtype != np.float64 for each in laid_out)
    for each in laid_out:
        assert _arrays.as_numbers(each, "y").flags.aligned
    np.testing.assert_array_equal(recant.RidgeRegression().fit(X, *laid_out).coef_,
                                  recant.RidgeRegression().fit(X, y, w).coef_)


def test_the_model_keeps_its_rows_alive_and_lets_them_go(problem) -> None:
    class Kept(np.ndarray):
        """An array that can be watched."""

    X = problem.X[problem.train].copy().view(Kept)
    watched = weakref.ref(X)
    model = recant.LogisticRegression().fit(X, problem.y[problem.train])
    before = model.coef_.copy()
    del X
    gc.collect()
    np.random.default_rng(0).normal(size=(1000, 50))  # would fall onto freed memory
    recant.influence(model, *problem.part(problem.validation))
    np.testing.assert_array_equal(model.coef_, before)
    del model
    gc.collect()
    assert watched() is None


def results(model: object, rows: tuple[np.ndarray, np.ndarray], group: np.ndarray) -> dict[str, np.ndarray]:
    """Every array that is shown of a model or a result."""
    effect = recant.influence(model, *rows)
    sampled = recant.values.data_shapley(model, *rows, max_samples=4)
    correction = model.correct(*rows, sensitive_features=group)
    return {"coef_": model.coef_, "intercept_": model.intercept_, "influence": effect.values,
            "values": sampled.values, "standard errors": sampled.standard_errors,
            "soft": recant.soft_weights(effect, keep_utility=False).delta,
            "bounded": recant.soft_weights(effect, keep_utility=False, bounds=(-1, 1)).delta,
            "hard": recant.hard_weights(effect, count=2).delta,
            "weights": correction.weights, "delta": correction.delta}


def require_unchangeable(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    while array is not None:  # nor what it looks at
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="WRITEABLE"):
                array.setflags(write=True)
        else:
            assert memoryview(array).readonly
        array = getattr(array, "base", None)


def test_results_cannot_be_written_to(problem) -> None:
    part = problem.validation
    for array in results(problem.fit(), problem.part(part), problem.group[part]).values():
        require_unchangeable(array)
    effect = recant.influence(problem.fit(), *problem.part(part))
    with pytest.raises(AttributeError):
        effect.values = None


def test_coefficients_cannot_be_set(problem) -> None:
    """They would not be those that predict, nor the optimum that a deletion starts from."""
    model = problem.fit()
    for estimator in (model, copy.copy(model), recant.RidgeRegression().fit(problem.X, problem.y)):
        for name in ("coef_", "intercept_"):
            before = getattr(estimator, name)
            with pytest.raises(recant.UsageError, match=f"^{name}: .* cannot be set"):
                setattr(estimator, name, np.zeros(5))
            assert getattr(estimator, name) is before
    assert not hasattr(recant.LogisticRegression(), "coef_")
    X = problem.X[:9]
    np.testing.assert_allclose(model.decision_function(X), X @ model.coef_[0] + model.intercept_)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda kept: pickle.loads(pickle.dumps(kept))])
def test_copies_cannot_be_written_to_either(problem, again) -> None:
    model, V = problem.fit(), problem.part(problem.validation)
    effect = recant.influence(model, *V)
    part = problem.validation
    copied = again(model)
    np.testing.assert_array_equal(copied.coef_, model.coef_)
    for array in (*results(copied, V, problem.group[part]).values(), again(copied).coef_, again(effect).values,
                  again(recant.values.knn_shapley(model, *V)).values,
                  again(recant.soft_weights(effect, keep_utility=False)).delta,
                  again(problem.fit().correct(*V, sensitive_features=problem.group[part])).weights):
        require_unchangeable(array)
    assert again(effect).to_dict() == effect.to_dict()


def test_weights_keep_what_was_found() -> None:
    found = recant.hard_weights(np.array([3.0, 1.0, 2.0]), value=1.0, count=2)
    rows = found.rows
    with pytest.raises(TypeError):
        found["rows"][0] = 9
    found.to_dict()["rows"].append(9)
    found.rows.append(9)
    assert found.rows == rows and found.to_dict()["rows"] == rows and len(rows) == 2
    assert isinstance(rows, list)


@pytest.mark.parametrize("wrong", [np.zeros((3, 2), dtype=np.float32),
                                   np.asfortranarray(np.zeros((3, 2))), np.zeros(3), [[0.0, 0.0]]])
def test_the_core_itself_refuses_what_it_cannot_look_at(wrong) -> None:
    with pytest.raises(TypeError):
        recant._core.Rows(wrong, np.zeros(3))


def test_the_core_checks_what_it_could_trip_over() -> None:
    X, y = np.zeros((3, 2)), np.array([0.0, 1, 1])
    codes = np.zeros(3, dtype=np.int32)
    for arguments, text in [
            ((X, y[:2]), "targets: has 2"), ((X, y, y[:2]), "weights: has 2"),
            ((X, y, -np.ones(3)), ">= 0"), ((X, y, np.full(3, np.nan)), ">= 0"),
            ((X, np.array([0, np.inf, 0])), "finite"), ((X, y, None, ["a"]), "columns"),
            ((X, np.array([0, 2.0, 1]), None, [], ["a", "b"]), "classes"),
            ((X, np.array([0, 0.5, 1]), None, [], ["a", "b"]), "classes"),
            ((X, y, None, [], [], [("g", ["a"], codes + 1)]), "groups"),
            ((X, y, None, [], [], [("g", ["a"], codes - 1)]), "groups"),
            ((X, y, None, [], [], [("g", ["a"], codes[:2])]), "sensitive"),
            ((np.zeros((0, 2)), np.zeros(0)), "no rows"), ((np.zeros((3, 0)), y), "no columns")]:
        with pytest.raises(recant.DataError, match=text):
            recant._core.Rows(*arguments)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_stop_at_every_door(problem, bad: float) -> None:
    model, X, y = problem.fit(), *problem.part(problem.validation)
    X = X.copy()
    X[7, 2] = bad
    for call in (lambda: recant.LogisticRegression().fit(X, y), lambda: model.predict(X),
                 lambda: recant.influence(model, X, y)):
        with pytest.raises(ValueError, match="NaN|nan|infinity|finite"):
            call()


# -- sensitive features ------------------------------------------------------------------------

SAME = {
    "list": lambda g: g.tolist(),
    "strings": lambda g: np.asarray(g),
    "objects": lambda g: g.astype(object),
    "bytes": lambda g: g.astype("S1"),
    "series": lambda g: pd.Series(g),
    "named series": lambda g: pd.Series(g, name="sex"),
    "categorical": lambda g: pd.Series(g, dtype="category"),
    "categories in another order": lambda g: pd.Categorical(g, categories=["c", "b", "a"]),
    "series of objects": lambda g: pd.Series(g.astype(object)),
    "subclass": lambda g: [np.str_(each) for each in g],
    "frame": lambda g: pd.DataFrame({"sex": g}),
    "frame of categories": lambda g: pd.DataFrame({"sex": g}).astype("category"),
    "mapping": lambda g: {"sex": g.tolist()},
    "column": lambda g: g.reshape(-1, 1),
}


@pytest.mark.parametrize("form", SAME)
def test_sensitive_features_of_any_form_are_the_same_groups(problem, form: str) -> None:
    group = problem.group[problem.validation]
    (_, names, codes), = group_columns(SAME[form](group), len(group))
    assert names == ["a", "b"] and codes.dtype == np.int32
    assert np.array(names)[codes].tolist() == group.tolist()


@pytest.mark.parametrize("values", [[2, 10, 2], [1.0, 2.5, 1.0], [True, False, True],
                                    ["b", "ä", "b"], [10**30, 1, 1], pd.to_datetime(["2020", "2021", "2020"]).as_unit("ns")])
def test_categories_are_named_as_their_values_are(values) -> None:
    (_, names, codes), = group_columns(pd.Series(values), 3)
    (_, categories, same), = group_columns(pd.Series(values).astype("category"), 3)
    assert names == categories and codes.tolist() == same.tolist()


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT, Decimal("NaN"),
                                     Decimal("sNaN"), np.datetime64("NaT"), np.float32("nan"),
                                     complex("nan"), np.ma.masked])
def test_missing_groups_are_an_error_that_says_so(missing) -> None:
    for sensitive in (["a", missing, "b"], pd.Series(["a", missing, "b"]),
                      {"sex": ["a", missing, "b"]}):
        with pytest.raises(recant.DataError, match="has no value in row 1"):
            group_columns(sensitive, 3)
    with pytest.raises(recant.DataError, match="has no value in row 1"):
        group_columns(np.array([1.0, np.nan, 2.0]), 3)


@pytest.mark.parametrize("values", [
    pd.Categorical(["a", None, "b"]),
    np.ma.array([1, 2, 3], mask=[0, 1, 0]), np.ma.array(["a", "b", "c"], mask=[0, 1, 0]),
    np.array(["2020-01-01", "NaT", "2021-01-01"], dtype="M8[ns]"),
    np.array(["2020-01-01", "NaT", "2021-01-01"], dtype="M8[D]")], ids=str)
def test_what_is_masked_or_no_time_is_missing(values) -> None:
    for sensitive in (values, {"sex": values}, values.reshape(-1, 1), list(values)):
        with pytest.raises(recant.DataError, match="has no value in row 1"):
            group_columns(sensitive, 3)


def test_masks_that_hide_nothing_are_no_matter(problem) -> None:
    (_, names, codes), = group_columns(np.ma.array([1, 2, 1], mask=[0, 0, 0]), 3)
    assert names == ["1", "2"] and codes.tolist() == [0, 1, 0]
    X, y = problem.part(problem.train)
    with pytest.raises(recant.DataError, match="sample_weight: has masked"):
        recant.LogisticRegression().fit(X, y, np.ma.array(np.ones(len(y)), mask=y))


@pytest.mark.parametrize("written", [
    np.array(["a", "b", np.nan]), np.array([b"a", b"b", np.nan]), np.array([1, "b", np.nan]),
    np.array(["a", "b", np.nan], dtype=np.dtypes.StringDType())], ids=lambda array: str(array.dtype))
def test_a_missing_value_that_numpy_wrote_down_is_refused(written) -> None:
    """It makes a text of a NaN among strings before anyone could ask."""
    for sensitive in (written, {"sex": written}, written.reshape(-1, 1)):
        with pytest.raises(recant.DataError, match="has the text nan, .* pass a list"):
            group_columns(sensitive, 3)
    (_, names, _), = group_columns(["a", "b", "nan"], 3)  # on purpose
    assert names == ["a", "b", "nan"]
    with pytest.raises(recant.DataError, match="row 2"):
        group_columns(["a", "b", np.nan], 3)


def test_numbers_name_the_same_group_in_any_type() -> None:
    for values in ([1, 0, 10], np.array([1, 0, 10]), np.array([1.0, 0, 10]), [1.0, 0, 10]):
        (_, names, codes), = group_columns(values, 3)
        assert names == ["0", "1", "10"] and codes.tolist() == [1, 0, 2]
    (_, names, _), = group_columns([True, False], 2)
    assert names == ["False", "True"]


def test_columns_find_their_names_again() -> None:
    known = [("sex", ["f", "m"]), ("age", ["old"])]
    found = group_columns(pd.DataFrame({"age": ["new", "old"], "sex": ["m", "f"]}), 2, known)
    assert [(name, groups, codes.tolist()) for name, groups, codes in found] == [
        ("sex", ["f", "m"], [1, 0]), ("age", ["old", "new"], [1, 0])]
    with pytest.raises(recant.DataError, match="1 columns"):
        group_columns(["m", "f"], 2, known)
    with pytest.raises(recant.DataError, match="other columns"):
        group_columns({"sex": ["m", "f"], "race": ["x", "y"]}, 2, known)
    with pytest.raises(recant.DataError, match="has 2 values, but there are 3"):
        group_columns(["m", "f"], 3)


@given(st.lists(st.text(max_size=3), min_size=1, max_size=30))
def test_any_texts_are_groups_in_order_of_their_bytes(texts: list[str]) -> None:
    (_, names, codes), = group_columns(texts, len(texts))
    assert names == sorted(set(texts), key=lambda text: text.encode())
    assert [names[code] for code in codes] == texts


WHOLE = {
    "two": lambda rng: rng.integers(0, 2, 400), "below zero": lambda rng: rng.integers(-3, 3, 400),
    "ten": lambda rng: rng.integers(1, 11, 400), "one": lambda rng: np.full(400, 7),
    "far apart": lambda rng: rng.choice([-2**62, 0, 2**62], 400), "small": lambda rng: rng.integers(0, 2, 400).astype(np.int8),
    "strided": lambda rng: rng.integers(0, 2, 800)[::2], "none": lambda rng: None}


@pytest.mark.parametrize("trained", ["two", "ten", "none"])
@pytest.mark.parametrize("groups", WHOLE)
def test_what_one_call_makes_of_whole_numbers_is_what_a_closer_look_finds(problem, trained: str, groups: str) -> None:
    rng = np.random.default_rng(0)
    X, y = problem.part(problem.train)
    model = recant.LogisticRegression().fit(X, y * 4 - 1, sensitive_features=WHOLE[trained](rng))
    V, v, s = X[::-1].copy(), (y * 4 - 1)[::-1].copy(), WHOLE[groups](rng)
    quick = model._plain_rows(model._fitted(), V, v, s)
    model._plain_rows = lambda *_: None
    slow = model._measured(V, v, s)
    known = {name for _, names in model._fitted().groups for name in names}
    plain = s is None or bool(s.dtype == np.int64 and s.flags.c_contiguous and np.ptp(s.astype(float)) < 4096
                          and (not known or set(map(str, s.tolist())) <= known))
    assert (quick is not None) is plain
    if quick is not None:
        assert quick.groups == slow.groups and quick.features.ctypes.data == V.ctypes.data
        np.testing.assert_array_equal(quick.targets, slow.targets)
        for one, other in zip(quick.sensitive, slow.sensitive, strict=True):
            np.testing.assert_array_equal(one[2], other[2])
    for wrong in ((V, v + 1, s), (np.where(V > 2, np.nan, V), v, s), (V[:9], v, s), (V[:, :2], v, s), (V, v, np.ones(3, int))):
        assert model.__class__._plain_rows(model, model._fitted(), *wrong) is None


@given(st.lists(st.integers(-9, 5000), min_size=1, max_size=30))
def test_counted_values_are_those_that_sorting_finds(numbers: list[int]) -> None:
    for dtype in (np.int64, np.int16, np.float64):
        values = np.array(numbers, dtype=dtype)
        found, codes = _arrays.different(values)
        wanted, places = np.unique(values, return_inverse=True)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(codes, places)


@pytest.mark.parametrize("estimator", [recant.LogisticRegression, recant.RidgeRegression])
def test_what_a_mask_hides_is_not_learned_from(problem, estimator: type) -> None:
    X, y = problem.part(problem.train)
    hidden = np.ma.array(X, mask=X > 2)
    model = estimator().fit(np.ma.array(X), np.ma.array(y))  # which hide nothing
    for ask, where in ((lambda: estimator().fit(hidden, y), "X"), (lambda: model.predict(hidden), "X"),
                       (lambda: estimator().fit(X, np.ma.array(y, mask=y)), "y"),
                       (lambda: recant.evaluate(model, X, np.ma.array(y, mask=y)), "y"),
                       (lambda: recant.evaluate(model, hidden, y), "X")):
        with pytest.raises(recant.DataError, match=f"^{where}: has masked entries"):
            ask()


def test_columns_of_one_name_are_no_two_columns(problem) -> None:
    X, y = problem.part(problem.train)
    group = problem.group[problem.train]
    with pytest.raises(recant.DataError, match="two columns whose names have the same text"):
        recant.LogisticRegression().fit(X, y, sensitive_features={1: group, "1": y})
    recant.LogisticRegression().fit(X, y, sensitive_features={1: group, "2": y})
