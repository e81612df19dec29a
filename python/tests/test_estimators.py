# SPDX-License-Identifier: Apache-2.0
"""The estimators are scikit-learn's estimators, and find its coefficients."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import recant

CHECK = """
import recant, warnings
from sklearn.utils.estimator_checks import check_estimator
warnings.simplefilter("ignore")
for estimator in (recant.LogisticRegression(), recant.RidgeRegression(),
                  recant.LogisticRegression(l2=0.5, intercept=False)):
    results = check_estimator(estimator, on_skip=None, on_fail="raise")
    assert len(results) > 40 and all(each["status"] == "passed" for each in results), results
"""


def test_scikit_learn_s_own_checks_pass_with_none_skipped() -> None:
    # A process of its own: one of the checks is skipped unless this is set before the first import.
    subprocess.run([sys.executable, "-c", CHECK], check=True,
                   env={**os.environ, "SCIPY_ARRAY_API": "1"})


def with_constant(X: np.ndarray) -> np.ndarray:
    return np.column_stack([X, np.ones(len(X))])


@pytest.mark.parametrize("C", [1e-3, 0.1, 1.0, 50.0])
def test_logistic_coefficients_are_scikit_learn_s_at_one_over_C(problem, C: float) -> None:
    X, y = problem.part(problem.train)
    weights = np.random.default_rng(3).uniform(0, 2, len(y))
    theirs = LogisticRegression(C=C, fit_intercept=False, tol=1e-12, max_iter=10_000).fit(
        with_constant(X), y, weights)
    ours = recant.LogisticRegression(l2=1 / C).fit(X, y, weights)
    np.testing.assert_allclose(np.append(ours.coef_, ours.intercept_), theirs.coef_[0], atol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(with_constant(X)),
                               atol=1e-6)


def test_liblinear_with_intercept_scaling_one_is_the_same_objective(problem) -> None:
    X, y = problem.part(problem.train)
    theirs = LogisticRegression(C=0.5, solver="liblinear", intercept_scaling=1, tol=1e-12,
                                max_iter=10_000).fit(X, y)
    ours = recant.LogisticRegression(l2=2.0).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-6)


@pytest.mark.parametrize("C", [0.05, 1.0])
def test_softmax_coefficients_are_scikit_learn_s(C: float) -> None:
    X, y = load_iris(return_X_y=True)
    theirs = LogisticRegression(C=C, fit_intercept=False, solver="newton-cg", tol=1e-12,
                                max_iter=10_000).fit(with_constant(X), y)
    ours = recant.LogisticRegression(l2=1 / C).fit(X, y)
    np.testing.assert_allclose(np.column_stack([ours.coef_, ours.intercept_]), theirs.coef_,
                               atol=1e-6)
    assert ours.coef_.shape == (3, 4) and ours.intercept_.shape == (3,)
    assert (ours.predict(X) == theirs.predict(with_constant(X))).all()


@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_ridge_coefficients_are_scikit_learn_s(alpha: float) -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(80, 4))
    y, weights = X @ [1.0, -2, 0, 3] + 5 + rng.normal(size=80), rng.uniform(0, 2, 80)
    theirs = Ridge(alpha=alpha, fit_intercept=False, tol=1e-12).fit(with_constant(X), y, weights)
    ours = recant.RidgeRegression(l2=alpha).fit(X, y, weights)
    np.testing.assert_allclose(np.append(ours.coef_, ours.intercept_), theirs.coef_, atol=1e-6)
    assert ours.coef_.shape == (4,) and isinstance(ours.intercept_, float)
    np.testing.assert_allclose(ours.score(X, y, weights),
                               theirs.score(with_constant(X), y, weights))


@pytest.mark.parametrize("C", [0.05, 1.0, 50.0])
def test_without_an_intercept_the_objectives_are_the_same_as_they_stand(problem, C: float) -> None:
    X, y = problem.part(problem.train)
    weights = np.random.default_rng(3).uniform(0, 2, len(y))
    theirs = LogisticRegression(C=C, fit_intercept=False, tol=1e-12, max_iter=10_000).fit(X, y, weights)
    ours = recant.LogisticRegression(l2=1 / C, intercept=False).fit(X, y, weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    assert ours.intercept_.tolist() == [0.0]
    target = X @ [1.0, -2, 0, 3, 1] + y
    theirs = Ridge(alpha=1 / C, fit_intercept=False, tol=1e-12).fit(X, target, weights)
    ours = recant.RidgeRegression(1 / C, intercept=False).fit(X, target, weights)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    assert ours.intercept_ == 0


def test_l2_per_row_is_times_the_rows(problem) -> None:
    X, y = problem.part(problem.train)
    per_row = recant.LogisticRegression(l2=None, l2_per_row=0.02).fit(X, y)
    np.testing.assert_array_equal(per_row.coef_, recant.LogisticRegression(0.02 * len(y)).fit(X, y).coef_)


def test_a_score_needs_as_many_targets_as_rows(problem) -> None:
    X, y = problem.part(problem.train)
    for model in (problem.fit(), recant.RidgeRegression().fit(X, y)):
        with pytest.raises(recant.DataError, match="y: has 399 values, but X has 400 rows"):
            model.score(X, y[1:])


def test_work_in_pipelines_searches_and_clones(problem) -> None:
    X, y = problem.part(problem.train)
    assert is_classifier(recant.LogisticRegression()) and is_regressor(recant.RidgeRegression())
    assert clone(recant.LogisticRegression(l2=3.0)).get_params()["l2"] == 3.0
    pipeline = make_pipeline(StandardScaler(), recant.LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__l2": [0.1, 1.0, 10.0]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.65
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.65
    frame = pd.DataFrame(X, columns=list("vwxyz")).assign(group=problem.group[problem.train])
    mixed = make_pipeline(
        make_column_transformer((OneHotEncoder(sparse_output=False), ["group"]),
                                remainder="passthrough").set_output(transform="pandas"),
        recant.LogisticRegression()).fit(frame, y)
    assert list(mixed[-1].feature_names_in_)[0] == "onehotencoder__group_a"
    assert mixed.score(frame, y) > 0.65


def test_labels_of_any_type_come_back(problem) -> None:
    X, y = problem.part(problem.train)
    model = recant.LogisticRegression().fit(X, np.where(y == 1, "yes", "no"))
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(X)) == {"no", "yes"}
    np.testing.assert_array_equal(model.coef_, problem.fit().coef_)


@pytest.mark.parametrize("make", [pickle.dumps, lambda model: pickle.dumps(copy.deepcopy(model))])
def test_a_pickled_model_is_the_same_and_can_be_corrected(problem, make) -> None:
    model = problem.fit()
    other = pickle.loads(make(model))
    X, y = problem.part(problem.validation)
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    group = problem.group[problem.validation]
    one, two = (each.correct(X, y, sensitive_features=group) for each in (model, other))
    np.testing.assert_array_equal(one.weights, two.weights)


def test_a_pickle_of_another_version_is_refused(problem) -> None:
    state = list(problem.fit()._model.__getstate__())
    state[0] = "0.0.0"
    with pytest.raises(recant.DamagedError, match="another version"):
        type(problem.fit()._model).__new__(type(problem.fit()._model)).__setstate__(tuple(state))


def test_saved_and_loaded(problem, tmp_path) -> None:
    model = problem.fit()
    model.save(tmp_path / "m.rct")
    loaded = recant.load(tmp_path / "m.rct")
    np.testing.assert_array_equal(loaded.coef_, model.coef_)
    assert loaded.predict(problem.X).tolist() == model.predict(problem.X).tolist()
    with pytest.raises(recant.UsageError, match="exists"):
        model.save(tmp_path / "m.rct")
    model.save(tmp_path / "m.rct", replace=True)


def test_what_a_folder_does_not_keep_is_not_there(problem, tmp_path) -> None:
    model = problem.fit()
    assert model.n_iter_ > 0 and hasattr(model, "fit_result_")
    assert pickle.loads(pickle.dumps(model)).n_iter_ == model.n_iter_
    model.save(tmp_path / "m.rct")
    loaded = recant.load(tmp_path / "m.rct")
    for name in ("n_iter_", "fit_result_"):
        assert not hasattr(loaded, name) and not hasattr(recant.LogisticRegression(), name)
        with pytest.raises(recant.NotKeptError, match=f"{name}: the model was not fitted in this process"):
            getattr(loaded, name)
    model.forget(0)
    assert model.n_iter_ > 0 and not hasattr(model, "fit_result_")
    assert loaded.fit(*problem.part(problem.train)).n_iter_ > 0


LABELS = {
    "float": np.array([0.0, 1.0]), "far floats": np.array([-3.0, 1e9]),
    "float32": np.array([1, 2], dtype=np.float32), "bool": np.array([False, True]),
    "digits": np.array(["0", "1"]), "int": np.array([3, 7]), "int8": np.array([-1, 1], dtype=np.int8),
    "str": np.array(["no", "yes"]), "object": np.array(["0", "1"], dtype=object),
    "floats of three": np.array([0.0, 1.0, 3.0]), "bytes of text": np.array(["True", "x"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_back_from_a_folder_as_they_were(kind: str, tmp_path) -> None:
    classes = LABELS[kind]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = classes[np.arange(60) % len(classes)]
    model = recant.LogisticRegression().fit(X, y)
    model.save(tmp_path / "m.rct")
    loaded = recant.load(tmp_path / "m.rct")
    vault = recant.Vault.create(tmp_path / "v.rct", model)
    adopted = recant.adopt(LogisticRegression().fit(X, y), X, y)
    adopted.save(tmp_path / "a.rct")
    back = [loaded, vault.estimator, recant.load(tmp_path / "a.rct"),
            recant.Vault.create(tmp_path / "b.rct", pickle.loads(pickle.dumps(loaded))).estimator]
    vault.forget([0, 1])
    back.append(recant.Vault(tmp_path / "v.rct").estimator)
    for other in back:
        assert other.classes_.dtype == model.classes_.dtype
        assert other.classes_.tolist() == classes.tolist()
        assert [type(each) for each in other.classes_.tolist()] == [type(each) for each in classes.tolist()]
    assert loaded.score(X, y) == model.score(X, y) > 0.3
    assert loaded.predict(X).dtype == model.predict(X).dtype


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_fractions_are_labels_too(dtype: str) -> None:
    """scikit-learn refuses them in ``fit``; without it they are the same to the last bit."""
    from recant import _labels

    labels = np.array([1, 2, 7], dtype=dtype) / 3
    back = _labels.from_texts(_labels.texts_of(labels), _labels.type_of(labels))
    assert back.dtype == labels.dtype and (back == labels).all()


def test_labels_that_a_folder_cannot_hold_are_refused(problem, tmp_path) -> None:
    """scikit-learn refuses them in ``fit``; without it they come as far as here."""
    model = problem.fit()
    for classes in (np.array([b"0", b"1"]), np.array([0.0, 1.0]), np.array(["0", "1"])):
        model.classes_ = classes
        for keep in (model.save, lambda path: recant.Vault.create(path, model)):
            with pytest.raises(recant.UsageError, match="y: a folder keeps labels"):
                keep(tmp_path / "m.rct")
    assert not list(tmp_path.iterdir())


def test_what_the_command_wrote_has_the_labels_it_had(command, tmp_path) -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", (np.arange(40) % 2).astype(float))
    subprocess.run([command, "fit", "--features", tmp_path / "X.npy", "--targets", tmp_path / "y.npy",
                    "-o", tmp_path / "c.rct"], check=True, capture_output=True)
    assert recant.load(tmp_path / "c.rct").classes_.tolist() == [0, 1]
    assert "label_type" not in (tmp_path / "c.rct" / "manifest.json").read_text()


@pytest.mark.parametrize("kind", ["float", "bool", "int", "three floats"])
def test_the_command_keeps_the_labels_of_a_folder(problem, command, tmp_path, kind: str) -> None:
    """To the command they are texts, "0.0" or "False"; it finds them in NumPy's arrays of any type."""
    X, y = problem.part(problem.train)
    y = (y + (X[:, 1] > 0) if kind == "three floats" else y).astype(kind.split()[-1].rstrip("s"))
    group = (problem.group[problem.train] == "a").astype(int)
    model = recant.LogisticRegression().fit(X, y, sensitive_features=group)
    model.save(tmp_path / "m.rct")
    for name, array in (("X", X), ("y", y), ("g", group)):
        np.save(tmp_path / f"{name}.npy", array)
    subprocess.run([command, "correct", "m.rct", "--close", "demographic_parity", "--validation-features",
                    "X.npy", "--validation-targets", "y.npy", "--validation-groups", "g.npy", "-o",
                    "c.rct"], check=True, capture_output=True, cwd=tmp_path)
    corrected = recant.load(tmp_path / "c.rct")
    assert corrected.classes_.dtype == y.dtype and corrected.score(X, y) > 0.5  # 0 with texts
    np.save(tmp_path / "y.npy", y.astype(int))
    again = subprocess.run([command, "evaluate", "c.rct", "--features", "X.npy", "--targets", "y.npy",
                            "--json"], check=True, capture_output=True, cwd=tmp_path, text=True)
    assert json.loads(again.stdout)["metrics"] == recant.evaluate(corrected, X, y).to_dict()["metrics"]


def test_parameters_and_names_come_back_from_a_folder(tmp_path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(90, 3)), columns=["u", "v", "w"])
    y = np.array(["a", "b", "c"])[np.arange(90) % 3]
    model = recant.LogisticRegression(2.0, positive="b", tolerance=1e-8).fit(frame, y)
    model.save(tmp_path / "m.rct")
    loaded = recant.load(tmp_path / "m.rct")
    assert (loaded.positive, loaded.tolerance, loaded.l2) == ("b", 1e-8, 2.0)
    assert loaded.feature_names_in_.tolist() == ["u", "v", "w"]
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame[["w", "v", "u"]])
    recant.RidgeRegression(tolerance=1e-9).fit(frame, np.arange(90.0)).save(tmp_path / "r.rct")
    assert recant.load(tmp_path / "r.rct").tolerance == 1e-9


def test_a_folder_whose_classes_are_no_labels_is_damaged() -> None:
    from recant._labels import from_texts

    for texts, kind in ((["0", "x"], "int64"), (["yes", "no"], "bool"), (["1"], "no type at all")):
        with pytest.raises(recant.DamagedError, match="no labels of type"):
            from_texts(texts, kind)


def test_a_fit_that_does_not_converge_says_so(problem) -> None:
    X, y = problem.part(problem.train)
    with pytest.warns(recant.ConvergenceWarning, match="max_iterations"):
        model = recant.LogisticRegression(max_iterations=1).fit(X, y)
    assert not model.converged_
    assert model.fit_result_.to_dict()["converged"] is False
    with pytest.raises(recant.UsageError, match="not the optimum"):
        model.correct(X, y, sensitive_features=problem.group[problem.train])


small = st.integers(0, 10_000)


@given(small)
def test_weight_two_is_the_row_twice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2
    twice = rng.choice(30, 7, replace=False)
    weights = np.ones(30)
    weights[twice] = 2
    one = recant.LogisticRegression().fit(X, y, weights)
    two = recant.LogisticRegression().fit(np.vstack([X, X[twice]]), np.append(y, y[twice]))
    np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-9)


@given(small)
def test_weight_zero_is_the_row_absent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 3
    absent = rng.choice(30, 6, replace=False)
    weights = rng.uniform(0.5, 1.5, 30)
    weights[absent] = 0
    left = np.setdiff1d(np.arange(30), absent)
    one = recant.LogisticRegression().fit(X, y, weights)
    if len(np.unique(y[left])) == 3:
        two = recant.LogisticRegression().fit(X[left], y[left], weights[left])
        np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-9)


@given(small)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    order = rng.permutation(40)
    one = recant.RidgeRegression().fit(X, y)
    two = recant.RidgeRegression().fit(X[order], y[order])
    np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-11)


def test_wrong_parameters_are_told_by_name(problem) -> None:
    X, y = problem.part(problem.train)
    for parameters, text in [({"l2": 0.0}, "l2 must be"), ({"l2": float("nan")}, "l2 must be"),
                             ({"l2_per_row": 1.0}, "not both"), ({"l2": None}, "both are None"),
                             ({"tolerance": -1.0}, "tolerance must be"),
                             ({"max_iterations": "many"}, "max_iterations: must be a whole number"),
                             ({"positive": 0}, "recode")]:
        with pytest.raises(ValueError, match=text):
            recant.LogisticRegression(**parameters).fit(X, y)
