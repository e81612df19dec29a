# SPDX-License-Identifier: Apache-2.0
"""The verbs say what the command says, and do what they say."""

from __future__ import annotations

import copy
import dataclasses
import html
import inspect
import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, Problem, say
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import recant


def same(ours: dict, theirs: dict, but: tuple[str, ...] = ()) -> None:
    """Every member but times, to the last digit."""
    for name in {"seconds", *but}:
        ours.pop(name, None), theirs.pop(name, None)
    assert ours == theirs


# -- parity with the command; more of it in test_adult.py and test_forget.py --------------------------


def test_values_are_the_command_s(problem, command, tmp_path) -> None:
    model = problem.fit()
    model.save(tmp_path / "m.rct")
    X, y = problem.part(problem.validation)
    np.save(tmp_path / "X.npy", X), np.save(tmp_path / "y.npy", y)
    rows = ["--validation-features", tmp_path / "X.npy", "--validation-targets", tmp_path / "y.npy"]
    for ours, flags in [
            (recant.values.knn_shapley(model, X, y, neighbors=3, top=4),
             ["knn_shapley", "--neighbors", 3, "--top", 4]),
            (recant.values.knn_shapley(model, X, y, ties="shared"),
             ["knn_shapley", "--ties", "shared"]),
            (recant.values.influence(model, X, y), ["influence"]),
            (recant.values.leave_one_out(model, X, y), ["leave_one_out"]),
            (recant.values.data_shapley(model, X, y, max_samples=64, seed=3),
             ["data_shapley", "--max-samples", 64, "--seed", 3]),
            (recant.values.beta_shapley(model, X, y, max_samples=64, alpha=4),
             ["beta_shapley", "--max-samples", 64, "--alpha", 4]),
            (recant.values.data_banzhaf(model, X, y, max_samples=64, neighbors=7),
             ["data_banzhaf", "--max-samples", 64, "--neighbors", 7])]:
        out = tmp_path / "v.npy"
        theirs = say(command, "value", tmp_path / "m.rct", *rows, "--method", *flags, "-o", out)
        same(ours.to_dict(), theirs)
        np.testing.assert_array_equal(ours.values, np.load(out))
        assert (ours.standard_errors is None) == (theirs["standard_error_max"] is None)


def test_comparison_of_arrays_is_of_nine_models(problem) -> None:
    model, V, group = problem.fit(), problem.part(problem.validation), problem.group
    coef = model.coef_
    found = recant.compare(model, *V, sensitive_features=group[problem.validation], close_share=0.5, resamples=50,
                           test=(*problem.part(problem.test), group[problem.test]))
    names = [(each["scheme"], each["update"]) for each in found.models]
    updates = ("influence", "newton", "polish", "retrain")
    assert set(names) == {("original", None), *((scheme, update) for scheme in ("soft", "hard") for update in updates)}
    of = {name: each for name, each in zip(names, found.models, strict=True)}
    before = recant.evaluate(model, *V, sensitive_features=group[problem.validation]).metrics["demographic_parity"]
    assert of["original", None]["validation"]["gap"] == pytest.approx(before, rel=1e-12)
    assert found.target_gap == pytest.approx(abs(before) / 2, rel=1e-12)
    soft = of["soft", "polish"]
    assert abs(soft["validation"]["gap"]) <= found.target_gap * (1 + 1e-6) and soft["reached"]
    assert of["soft", "retrain"]["test"]["gap"] == pytest.approx(soft["test"]["gap"], abs=1e-6)
    low, high = soft["test"]["gap_interval"]
    assert low < soft["test"]["gap"] < high and soft["train"] is None  # the training rows have no groups
    assert model.coef_ is coef and found.to_dict()["data"]["test"]["rows"] == 400
    assert "soft retrain, test" in found._repr_html_()
    tighter = recant.compare(model, *V, sensitive_features=group[problem.validation], close_share=0.5, resamples=50,
                             bounds=(-0.1, 0.1), keep_utility=False, test=(*problem.part(problem.test), group[problem.test]))
    assert tighter.models != found.models
    for wrong in ({"close_share": 2.0}, {"resamples": 3}, {"metric": "fairness"}, {"rounds": 0}):
        with pytest.raises(recant.UsageError):
            recant.compare(model, *V, sensitive_features=group[problem.validation], test=(*V, group[problem.validation]),
                           **wrong)


def test_comparison_names_gaps_of_too_few_rows(problem) -> None:
    model, V, group = problem.fit(), problem.part(problem.validation), problem.group
    few = np.full(len(V[1]), "many")
    few[:29] = "few"
    found = recant.compare(model, *V, sensitive_features=group[problem.validation], rounds=1, resamples=40,
                           test=(*V, group[problem.validation]))
    assert not found.models[0]["test"]["gap_too_few_rows"]
    found = recant.compare(model, *V, sensitive_features=few, rounds=1, resamples=40, test=(*V, few))
    test = found.models[0]["test"]
    assert test["gap_interval"] is None and test["gap_too_few_rows"]
    assert test["gaps"]["demographic_parity"]["interval"] is None
    assert test["gaps"]["demographic_parity"]["too_few_rows"]
    assert "too few rows for an interval" in repr(found)


def test_certificates_are_checked_as_by_the_command(command, tmp_path) -> None:
    folder = ROOT / "examples" / "certificate"
    certificate, key = folder / "certificate.json", folder / "public-key.json"
    ours = recant.certificate.verify(certificate, public_key=key,
                                     model=folder / "parameters.npy", annex=folder / "annex.json")
    assert not ours.damaged and "signature" in repr(ours)
    same(ours.to_dict(), say(command, "verify", certificate, "--public-key", key, "--model",
                             folder / "parameters.npy", "--annex", folder / "annex.json"))
    broken = tmp_path / "broken.json"
    broken.write_bytes(certificate.read_bytes().replace(b"1", b"2", 1))
    assert recant.certificate.verify(broken, public_key=key).damaged
    with pytest.raises(FileNotFoundError):
        recant.certificate.verify(tmp_path / "none.json")


# -- influence and weights -----------------------------------------------------------------------


def test_influence_predicts_what_deleting_a_row_does(problem) -> None:
    X, y = problem.part(problem.train)
    V = problem.part(problem.validation)
    model = problem.fit(l2=5.0)
    effect = recant.influence(model, *V)
    loss = lambda m: recant.evaluate(m, *V).metrics["log_loss_sum"]  # noqa: E731
    for row in (effect.values.argmax(), effect.values.argmin()):
        without = recant.LogisticRegression(5.0).fit(np.delete(X, row, 0), np.delete(y, row))
        np.testing.assert_allclose(loss(without) - loss(model), effect.values[row], rtol=0.2)


def test_soft_weights_close_the_gap_to_first_order(problem) -> None:
    model, V = problem.fit(), problem.part(problem.validation)
    group = problem.group[problem.validation]
    gap = recant.influence(model, *V, metric="demographic_parity", sensitive_features=group)
    loss = recant.influence(model, *V)
    for bounds in (None, (-1.0, 1.0)):
        free = recant.soft_weights(gap, bounds=bounds, keep_utility=False)
        share = -free["predicted_change"] / gap.metric_value
        assert 0.5 < share < 1 if bounds else share == pytest.approx(1)
        held = recant.soft_weights(gap, loss, bounds=bounds)
        np.testing.assert_allclose(held["predicted_change"], -gap.values @ held.delta, rtol=1e-9)
        assert held["predicted_change"] * gap.metric_value < 0
        assert loss.values @ free.delta < -1e-3 and loss.values @ held.delta >= -1e-8
        assert held["active"] in ("utility", "both") and "SoftWeights" in repr(held)
    with pytest.raises(recant.UsageError, match="keep_utility=False"):
        recant.soft_weights(gap)
    with pytest.raises(recant.UsageError, match="value: is needed"):
        recant.soft_weights(gap.values, loss)
    # Golden case of the closed form.
    given_by_hand = recant.soft_weights([3.0, 4.0], [1.0, 0.0], value=10.0, kappa=2.0)
    np.testing.assert_allclose(given_by_hand.delta, [0.75, 1.0])


def test_hard_weights_choose_by_predicted_reduction(problem) -> None:
    model, V = problem.fit(), problem.part(problem.validation)
    gap = recant.influence(model, *V, metric="demographic_parity",
                           sensitive_features=problem.group[problem.validation])
    found = recant.hard_weights(gap, count=5)
    order = np.argsort(np.sign(gap.metric_value) * gap.values, kind="stable")
    assert found.rows == order[:5].tolist()
    assert (found.delta[found.rows] == -1).all() and np.count_nonzero(found.delta) == 5
    with pytest.raises(recant.UsageError):
        recant.hard_weights(gap)


# -- correct -------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["demographic_parity", "equal_opportunity",
                                    "equal_opportunity_loss"])
def test_correct_closes_the_gap_and_its_weights_retrain_to_the_same(problem, metric) -> None:
    model = problem.fit()
    group = problem.group[problem.validation]
    result = model.correct(*problem.part(problem.validation), metric=metric,
                           sensitive_features=group,
                           test=(*problem.part(problem.test), problem.group[problem.test]))
    assert result.applied and result.level == "exact"
    before, after = (each["validation"][metric] for each in (result.before, result.after))
    assert abs(after) < 0.01 * abs(before)
    assert abs(result.after["test"][metric]) < abs(result.before["test"][metric])
    retrained = recant.LogisticRegression().fit(*problem.part(problem.train), result.weights)
    np.testing.assert_allclose(model.coef_, retrained.coef_, atol=1e-8)
    theirs = LogisticRegression(fit_intercept=False, tol=1e-10, max_iter=5000).fit(
        np.column_stack([problem.X[problem.train], np.ones(400)]), problem.y[problem.train],
        result.weights)
    np.testing.assert_allclose(np.append(model.coef_, model.intercept_), theirs.coef_[0], atol=1e-5)
    np.testing.assert_allclose(result.actual_change[metric], after - before, atol=1e-15)


def test_training_groups_add_a_split_and_change_no_weight(problem) -> None:
    group = problem.group
    with_groups = recant.LogisticRegression().fit(*problem.part(problem.train),
                                                  sensitive_features=group[problem.train])
    V = problem.part(problem.validation)
    one = with_groups.correct(*V, sensitive_features=group[problem.validation])
    two = problem.fit().correct(*V, sensitive_features=group[problem.validation])
    assert set(one.before) == {"train", "validation"} and set(two.before) == {"validation"}
    np.testing.assert_array_equal(one.weights, two.weights)


def test_privileged_turns_the_sign(problem) -> None:
    model, V = problem.fit(), problem.part(problem.validation)
    group = {"sex": problem.group[problem.validation]}
    gaps = [recant.evaluate(model, *V, sensitive_features=group, privileged=privileged).metrics[
        "demographic_parity"] for privileged in ("a", "b", {"sex": "b"}, ["sex=a"])]
    assert gaps[0] == -gaps[1] == -gaps[2] == gaps[3] > 0
    with pytest.raises(recant.UsageError, match="groups are a, b"):
        recant.evaluate(model, *V, sensitive_features=group, privileged="c")


def test_several_columns_and_many_groups(problem) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sex": problem.group, "race": rng.integers(0, 3, len(problem.y))})
    model, V = problem.fit(), problem.part(problem.validation)
    result = model.correct(*V, metric=["demographic_parity:sex", "demographic_parity:race"],
                           sensitive_features=frame[problem.validation])
    gaps = result.after["validation"]["demographic_parity"]
    assert set(gaps) == {"sex", "race"} and all(abs(gap) < 0.02 for gap in gaps.values())
    with pytest.raises(recant.UsageError, match="which sensitive column"):
        model.correct(*V, sensitive_features=frame[problem.validation])


def test_what_cannot_be_found_changes_nothing(problem) -> None:
    model = problem.fit()
    before = model.coef_
    result = model.correct(*problem.part(problem.validation), bounds=None, update="polish",
                           sensitive_features=problem.group[problem.validation], kappa=1e-9,
                           keep=None)
    assert not result.applied and result.stop == "update_failed"
    assert model.coef_ is before and (result.weights == 1).all()
    assert "applied" in repr(result)


def test_a_copy_keeps_the_old_model(problem) -> None:
    model = problem.fit()
    old = copy.copy(model)
    coef = old.coef_.copy()
    model.correct(*problem.part(problem.validation),
                  sensitive_features=problem.group[problem.validation])
    assert not np.array_equal(model.coef_, coef)
    np.testing.assert_array_equal(old.coef_, coef)
    np.testing.assert_array_equal(old.decision_function(problem.X), problem.fit().decision_function(problem.X))


def test_hard_scheme_takes_exactly_the_rows(problem) -> None:
    model = problem.fit()
    result = model.correct(*problem.part(problem.validation), scheme="hard", rows=[3, 1, 4],
                           sensitive_features=problem.group[problem.validation])
    assert np.flatnonzero(result.delta == -1).tolist() == [1, 3, 4]
    X, y = problem.part(problem.train)
    np.testing.assert_allclose(
        model.coef_, recant.LogisticRegression().fit(np.delete(X, [1, 3, 4], 0),
                                                     np.delete(y, [1, 3, 4])).coef_, atol=1e-8)


def test_hard_scheme_takes_a_mask_and_refuses_what_is_no_position(problem) -> None:
    V, group = problem.part(problem.validation), problem.group[problem.validation]
    mask = np.zeros(400, dtype=bool)
    mask[[5, 9]] = True
    result = problem.fit().correct(*V, scheme="hard", rows=mask, sensitive_features=group)
    assert np.flatnonzero(result.delta).tolist() == [5, 9]
    for rows, text in (([0.7], "rows: must be whole numbers"), (mask[:3], "rows: a mask has one")):
        model = problem.fit()
        with pytest.raises(recant.UsageError, match=text):
            model.correct(*V, scheme="hard", rows=rows, sensitive_features=group)
        assert (model._model.weights == 1).all()


@given(st.integers(0, 1000))
def test_weights_never_fall_below_zero_within_bounds(seed: int) -> None:
    problem = Problem(rows=60, features=2, seed=seed)
    model = problem.fit()
    try:
        result = model.correct(*problem.part(problem.validation),
                               sensitive_features=problem.group[problem.validation])
    except recant.DataError as error:  # a group without rows, rarely
        assert "has no row" in str(error)
        return
    assert (result.weights >= 0).all() and (np.abs(result.delta) <= 1).all()
    if result.applied:
        assert (abs(result.after["validation"]["demographic_parity"])
                <= abs(result.before["validation"]["demographic_parity"]) + 1e-12)


def test_results_show_themselves(problem) -> None:
    model = problem.fit()
    V, group = problem.part(problem.validation), problem.group[problem.validation]
    results = [model.fit_result_, recant.evaluate(model, *V, sensitive_features=group),
               recant.influence(model, *V), recant.values.knn_shapley(model, *V),
               model.correct(*V, sensitive_features=group)]
    weights = [recant.soft_weights(results[2], keep_utility=False), recant.hard_weights(results[2], count=3)]
    for result in [*results, *weights]:
        assert type(result).__name__ in repr(result) and len(repr(result).splitlines()) > 3
        assert result._repr_html_().startswith("<pre>" if result in weights else "<table>")
        assert ("schema" in result.to_dict()) is (result not in weights)
        assert result.to_dict() and result.to_dict() is not result.to_dict()
        for name in ("delta", "foo"):
            with pytest.raises(AttributeError):
                setattr(result, name, 1)
        for other in (copy.copy(result), copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
            assert other.to_dict() == result.to_dict() and type(other) is type(result)
    assert weights[1].to_dict()["rows"] == weights[1].rows and len(weights[1].rows) == 3
    assert np.asarray(results[2]).shape == (400,) == (len(results[3]),)


#: How each kind of result is come by, of (a problem, its model, a folder's path).
SHOWN = {
    "FitResult": lambda p, m, path: m.fit_result_,
    "Evaluation": lambda p, m, path: recant.evaluate(m, *p.part(p.validation)),
    "Influence": lambda p, m, path: recant.influence(m, *p.part(p.validation)),
    "Values": lambda p, m, path: recant.values.data_shapley(m, *p.part(p.validation), max_samples=4),
    "Correction": lambda p, m, path: m.correct(*p.part(p.validation), sensitive_features=p.group[p.validation]),
    "Adoption": lambda p, m, path: recant.adopt(LogisticRegression().fit(*p.part(p.train)),
                                                *p.part(p.train)).adoption_,
    "Deletion": lambda p, m, path: m.forget([1, 2], audit=True),
    "Audit": lambda p, m, path: m.forget([1, 2], audit=True).audit,
    "Comparison": lambda p, m, path: recant.compare(
        m, *p.part(p.validation), sensitive_features=p.group[p.validation],
        test=(*p.part(p.test), p.group[p.test]), resamples=40, rounds=2),
    "Deletions": lambda p, m, path: recant.Vault.create(path, m).forget_requests({"a": 1, "b": [2, 3]}),
    "Status": lambda p, m, path: recant.Vault.create(path, m).check(),
    "Verification": lambda p, m, path: recant.certificate.verify(recant.Vault.create(path, m).forget(1).certificate),
    "SoftWeights": lambda p, m, path: recant.soft_weights(recant.influence(m, *p.part(p.validation)),
                                                          keep_utility=False),
    "HardWeights": lambda p, m, path: recant.hard_weights(recant.influence(m, *p.part(p.validation)), count=3),
}


def kinds_of(base: type) -> set[str]:
    below = base.__subclasses__()
    return set().union(*map(kinds_of, below)) if below else {base.__name__}


def test_every_kind_of_result_is_among_those_shown() -> None:
    assert kinds_of(recant._results.Frozen) == set(SHOWN) <= set(recant.__all__)


@pytest.mark.parametrize("kind", SHOWN)
def test_every_kind_of_result_is_small_frozen_and_readable(problem, tmp_path, kind: str) -> None:
    result = SHOWN[kind](problem, problem.fit(), tmp_path / "m.rct")
    assert type(result).__name__ == kind and dataclasses.is_dataclass(result)
    lines = repr(result).splitlines()
    assert lines[0].startswith(kind) and len(lines) > 3
    shown = html.unescape(re.sub("<[^>]*>", "\n", result._repr_html_()))
    for line in lines[1:]:  # what is in the one is in the other
        for part in line.strip().split(": ", 1):
            assert part.strip() in shown, part
    told = result.to_dict()
    assert told == result.to_dict() and json.loads(json.dumps(told)) == told
    told.clear()
    assert result.to_dict()
    for name in [field.name for field in dataclasses.fields(result)] + ["foo"]:
        with pytest.raises(AttributeError):
            setattr(result, name, 1)


def test_plot_draws_before_and_after(problem) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    result = problem.fit().correct(*problem.part(problem.validation),
                                   sensitive_features=problem.group[problem.validation])
    axes = result.plot()
    widths = [bar.get_width() for bar in axes.patches]
    assert result.before["validation"]["demographic_parity"] in widths
    assert result.after["validation"]["demographic_parity"] in widths
    assert result.plot(axes) is axes


# -- adopt ---------------------------------------------------------------------------------------


def test_adopting_the_same_objective_moves_nothing(problem) -> None:
    X, y = problem.part(problem.train)
    theirs = LogisticRegression(C=0.5, solver="liblinear", tol=1e-10, max_iter=5000).fit(X, y)
    ours = recant.adopt(theirs, X, y)
    assert ours.adoption_.distance < 1e-6 and ours.adoption_.notes == ()
    assert ours.l2 == 2.0 and ours.converged_
    assert ours.adoption_.after["gradient_norm"] <= ours.adoption_.before["gradient_norm"]
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)


def test_adopting_says_what_the_unpenalised_intercept_is_worth(problem) -> None:
    X, y = problem.part(problem.train)
    X = X + 1  # an intercept that matters
    theirs = LogisticRegression(tol=1e-10, max_iter=5000).fit(X, y)
    ours = recant.adopt(theirs, X, y)
    report = ours.adoption_
    # F's gradient at their optimum is lambda times their intercept, in that coordinate alone.
    np.testing.assert_allclose(report.before["gradient_norm"], abs(theirs.intercept_[0]), rtol=1e-4)
    moved = np.append(ours.coef_ - theirs.coef_, ours.intercept_ - theirs.intercept_)
    np.testing.assert_allclose(report.distance, np.linalg.norm(moved), rtol=1e-9)
    assert report.distance <= report.before["distance_bound"]
    assert len(report.notes) == 1 and "intercept" in repr(report)
    np.testing.assert_allclose(ours.coef_, recant.LogisticRegression().fit(X, y).coef_, atol=1e-8)


def test_adopting_a_pipeline_with_weights_and_class_weights(problem) -> None:
    X, y = problem.part(problem.train)
    frame = pd.DataFrame(X, columns=list("vwxyz"))
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(
        C=2.0, fit_intercept=False, class_weight={0: 1, 1: 3}, tol=1e-10, max_iter=5000))
    pipeline.fit(frame, y, logisticregression__sample_weight=weights)
    ours = recant.adopt(pipeline, frame, y, weights)
    assert ours.adoption_.distance < 1e-5
    np.testing.assert_allclose(ours.predict_proba(frame), pipeline.predict_proba(frame), atol=1e-6)
    effect = recant.influence(ours, pd.DataFrame(problem.X[problem.test], columns=list("vwxyz")),
                              problem.y[problem.test])
    assert len(effect.values) == len(y)


def test_adopting_ridge_and_softmax() -> None:
    X, y = load_iris(return_X_y=True)
    ours = recant.adopt(Ridge(alpha=2.0, fit_intercept=False).fit(X, y), X, y)
    assert ours.adoption_.distance < 1e-8 and ours.l2 == 2.0
    theirs = LogisticRegression(fit_intercept=False, tol=1e-10, max_iter=5000).fit(X, y)
    ours = recant.adopt(theirs, X, y)
    assert ours.adoption_.distance < 1e-4
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of scikit-learn's defaults
@pytest.mark.parametrize("options", [{}, {"use_legacy_attributes": True}, {"use_legacy_attributes": False}])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", [LogisticRegression, LogisticRegressionCV])
def test_adopting_classes_with_defaults(kind, classes: int, options: dict) -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[y < classes] - X.mean(axis=0), y[y < classes]
    options = options if "use_legacy_attributes" in inspect.signature(kind).parameters else {}
    theirs = kind(tol=1e-10, max_iter=5000, fit_intercept=False, **options).fit(X, y)
    ours = recant.adopt(theirs, X, y)
    assert ours.l2 == pytest.approx(1 / np.ravel(getattr(theirs, "C_", 1.0))[0])
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def test_adopting_a_searched_ridge() -> None:
    X, y = load_iris(return_X_y=True)
    theirs = RidgeCV([0.1, 3.0], fit_intercept=False).fit(X, y)
    ours = recant.adopt(theirs, X, y)
    assert ours.adoption_.distance < 1e-8 and ours.l2 == theirs.alpha_
    with pytest.raises(recant.UsageError, match="several targets"):
        recant.adopt(RidgeCV([0.1, 3.0]).fit(X, np.column_stack([y, y])), X, y)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of scikit-learn's defaults
@pytest.mark.parametrize("kind", [LogisticRegression, LogisticRegressionCV])
def test_adopting_heeds_what_earlier_versions_call_multi_class(kind) -> None:
    """Up to version 1.7 of scikit-learn it was a parameter."""
    X, y = load_iris(return_X_y=True)
    for rows, asked, refused in [(y < 3, "ovr", "one model a class"), (y < 2, "multinomial", "a softmax of two"),
                                 (y < 3, "multinomial", None), (y < 2, "ovr", None),
                                 (y < 3, "deprecated", None), (y < 2, "auto", None)]:
        theirs = kind(max_iter=5000).fit(X[rows], y[rows])
        theirs.multi_class = asked
        if refused is None:
            assert recant.adopt(theirs, X[rows], y[rows]).converged_
        else:
            with pytest.raises(recant.UsageError, match=refused):
                recant.adopt(theirs, X[rows], y[rows])


def test_an_adopted_pipeline_keeps_its_parameters(problem, tmp_path) -> None:
    X, y = problem.part(problem.train)
    theirs = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())], memory=str(tmp_path),
                      verbose=True).fit(X, y)
    theirs.set_params(transform_input=["sample_weight"])  # its fit asks for a setting of scikit-learn's
    ours = recant.adopt(theirs, X, y)
    for name in ("memory", "verbose", "transform_input"):
        assert getattr(ours, name) == getattr(theirs, name) is not None
    assert ours.named_steps["scale"] is theirs.named_steps["scale"]


def test_adopting_compares_the_names_of_features(problem, tmp_path) -> None:
    X, y = problem.part(problem.train)
    frame = pd.DataFrame(X, columns=list("vwxyz"))
    theirs = LogisticRegression().fit(frame, y)
    with pytest.raises(recant.DataError, match="X: has other feature names"):
        recant.adopt(theirs, frame[list("zyxwv")], y)
    recant.adopt(theirs, frame, y).save(tmp_path / "m.rct")
    assert recant.load(tmp_path / "m.rct").feature_names_in_.tolist() == list("vwxyz")


def test_adopting_warns_where_the_optimum_was_not_reached(problem) -> None:
    X, y = problem.part(problem.train)
    theirs = LogisticRegression(C=1e3).fit(X + 1, y)
    with pytest.warns(recant.ConvergenceWarning, match="polish") as told:
        ours = recant.adopt(theirs, X + 1, y, max_iterations=1, tolerance=1e-15)
    assert not ours.converged_ and told[0].filename == __file__


def test_what_cannot_be_adopted_is_refused(problem) -> None:
    from sklearn.ensemble import RandomForestClassifier

    X, y = problem.part(problem.train)
    lasso = LogisticRegression(l1_ratio=1.0, solver="liblinear").fit(X, y)
    for fitted, text in [(RandomForestClassifier(n_estimators=2).fit(X, y), "cannot be adopted"),
                         (LogisticRegression(), "not fitted"), (lasso, "not l2"),
                         (LogisticRegression(C=np.inf).fit(X, y), "finite C"),
                         (Ridge().fit(X, np.column_stack([y, y])), "several targets"),
                         (Ridge(positive=True).fit(X, y), "positive=True")]:
        with pytest.raises(recant.UsageError, match=text):
            recant.adopt(fitted, X, y)
    with pytest.raises(recant.DataError, match="class that the training"):
        recant.adopt(LogisticRegression().fit(X, y), X, y + 1)
    with pytest.raises(recant.UsageError, match="recant.adopt"):
        recant.influence(LogisticRegression().fit(X, y), X, y)
