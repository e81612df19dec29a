# SPDX-License-Identifier: Apache-2.0
"""Deletion: in memory, and of models on disk as the command does it."""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Problem
from hypothesis import given, settings
from hypothesis import strategies as st

import recant

# -- in memory -------------------------------------------------------------------------------------


def distance(one: recant.LogisticRegression, other: recant.LogisticRegression) -> float:
    return float(np.linalg.norm(one._model.theta - other._model.theta))


def without(problem: Problem, rows: list[int], **parameters: object) -> recant.LogisticRegression:
    X, y = problem.part(problem.train)
    return recant.LogisticRegression(tolerance=1e-13, **parameters).fit(np.delete(X, rows, 0),
                                                                        np.delete(y, rows))


def test_the_model_is_within_the_bound_of_training_again(problem) -> None:
    model = problem.fit()
    old = copy.copy(model)
    gone = model.forget([3, 77, 200], audit=True)
    truth = distance(model, without(problem, [3, 77, 200]))
    assert gone.done and gone.state == "applied" and gone.tier == "1" and gone.rows == 3
    assert 0 < truth <= gone.bound < 1e-3 < gone.to_dict()["step_norm"]
    np.testing.assert_allclose(gone.distance, truth, atol=1e-10)
    assert gone.audit.verdict == "holds"
    assert gone.level == "heuristic" and gone.epsilon is None and gone.delta is None
    assert gone.certificate is None and not model.converged_
    assert distance(gone.model, model) == 0 and gone.model is not model
    assert {"a", "b", "rho", "c", "eta", "least_eigenvalue"} <= set(gone.terms)
    np.testing.assert_array_equal(old.coef_, problem.fit().coef_)


def test_bounds_of_one_deletion_after_another_are_about_all_of_them(problem) -> None:
    model, rows = problem.fit(), []
    for row in range(0, 100, 10):
        rows.append(row)
        gone = model.forget(row)
        assert distance(model, without(problem, rows)) <= gone.bound < 1e-3
    before = model.coef_
    with pytest.warns(recant.NotDeletedWarning, match="erased before"):
        again = model.forget([1, 10])
    assert not again.done and again.state == "already_erased" and model.coef_ is before


def test_rows_that_stay_are_weighted_by_value(problem) -> None:
    held, rows = problem.part(problem.validation), [3, 77, 200]
    model, plain = problem.fit(), problem.fit()
    gone = model.forget(rows, weighting="retained", alpha=1.0, holdout=held, allowance=1e-6, audit=True)
    assert gone.done and gone.tier in ("2", "retrain") and gone.to_dict()["weighting"] == "retained"
    assert gone.audit.verdict == "holds" and 0 < gone.distance <= gone.bound <= 1e-6
    plain.forget(rows)
    assert distance(model, plain) > 1e-3
    model.forget(5, allowance=1e-6)  # to training with the rows' own weights again
    assert distance(model, without(problem, [*rows, 5])) <= 1e-6
    for more, says in (({"alpha": "auto"}, "a number"), ({"alpha": 1000.0}, "smaller alpha"),
                       ({"alpha": 1.0, "values": np.ones(400)}, "values")):
        with pytest.raises(recant.UsageError, match=says):
            problem.fit().forget(rows, weighting="retained", holdout=held, **more)
    with pytest.raises(recant.UsageError, match="validation"):
        problem.fit().forget(rows, weighting="retained", alpha=1.0)


def test_a_pickle_keeps_what_the_model_is_compared_with(problem, tmp_path) -> None:
    """Weights of rows that stay: a folder of the copy is audited against training on rows so weighted."""
    held, rows = problem.part(problem.validation), [3, 77, 200]
    model = problem.fit()
    model.forget(rows, weighting="retained", alpha=1.0, holdout=held, allowance=1e-8)
    distances = []
    for number, each in enumerate((model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model))):
        each.save(tmp_path / f"{number}.rct")
        gone = problem.X[rows], problem.y[rows]
        distances.append(recant.Vault(tmp_path / f"{number}.rct").audit(deleted=gone, reconstruction=False).distance)
    assert max(distances) < 1e-7 and len(set(distances)) == 1


def test_a_vault_that_was_pickled_waits_and_looks_for_its_checkpoint(folders, tmp_path) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    vault.forget(1)
    vault.write_checkpoint(tmp_path / "c")
    again = pickle.loads(pickle.dumps(recant.Vault(vault.path, require_checkpoint=tmp_path / "c", wait=0.25)))
    assert again.path == vault.path and again._wait == 0.25 and again.forget(2).done
    older = recant.Vault(folders.copy(folders.plain), require_checkpoint=tmp_path / "c")
    with pytest.raises(recant.DamagedError):
        pickle.loads(pickle.dumps(older)).forget(3)


def test_an_allowance_is_met_by_looking_closer_up_to_retraining(problem) -> None:
    first = problem.fit().forget([1, 2], allowance=1.0)
    assert first.tier == "0" and first.bound <= 1.0
    closer = problem.fit().forget([1, 2], allowance=first.bound / 2)
    assert closer.tier == "1" and closer.bound <= first.bound / 2
    model = problem.fit()
    exact = model.forget(list(range(50)), allowance=1e-9)
    assert exact.tier in ("2", "retrain") and exact.bound <= 1e-9
    assert distance(model, without(problem, list(range(50)))) <= 1e-9
    model = problem.fit()
    with pytest.warns(recant.NotDeletedWarning, match="tier"):
        no = model.forget(list(range(50)), allowance=1e-9, tier_at_most="0")
    assert not no.done and no.reason == "tier_limit" and distance(model, problem.fit()) == 0
    assert "no: the model is as before" in repr(no)


@pytest.mark.parametrize("form", ["sigmoid", "rank", "exp"])
def test_weighting_by_value_is_bounded_too_and_costs_distance(problem, form) -> None:
    values = recant.values.knn_shapley(problem.fit(), *problem.part(problem.validation))
    rows = list(range(30))
    plain, model = problem.fit(), problem.fit()
    uniform = plain.forget(rows, audit=True)
    weighted = model.forget(rows, form, alpha=0.5, values=values, audit=True)
    assert weighted.distance <= weighted.bound and weighted.distance > uniform.distance
    assert weighted.to_dict()["alpha"] == 0.5 and weighted.audit.verdict == "holds"
    np.testing.assert_allclose(weighted.to_dict()["bound"]["uniform_distance"], uniform.bound)
    none = problem.fit()
    none.forget(rows, form, alpha=0.0, values=values)
    np.testing.assert_array_equal(none.coef_, plain.coef_)
    free = problem.fit().forget(rows, form, alpha="auto", values=values, allowance=1.0)
    assert free.to_dict()["alpha"] > 0 and free.bound <= 0.5


def test_gradient_ascent_climbs_until_the_rows_look_unseen(problem) -> None:
    X, y = problem.part(problem.train)
    model = problem.fit()
    loss = -np.log(model.predict_proba(X)[np.arange(len(y)), y])
    rows = np.argsort(loss)[:40]
    holdout = problem.part(problem.validation)
    mean = lambda m, X, y: -np.log(m.predict_proba(X)[np.arange(len(y)), y]).mean()  # noqa: E731
    assert mean(model, X[rows], y[rows]) < mean(model, *holdout)
    gone = model.forget(rows, method="ascent", holdout=holdout, max_steps=1000)
    np.testing.assert_allclose(mean(model, X[rows], y[rows]), mean(model, *holdout), rtol=1e-6)
    assert gone.level == "heuristic" and gone.to_dict()["method"] == "ascent"
    assert distance(model, without(problem, rows.tolist())) <= gone.bound
    same = problem.fit()
    same.forget(rows, method="gradient_ascent", holdout=holdout, max_steps=1000)
    np.testing.assert_array_equal(same.coef_, model.coef_)


def test_what_no_model_outlives_is_refused(problem) -> None:
    X, y = problem.part(problem.train)
    model = problem.fit()
    for rows, reason in [(np.arange(400), "every_row"), (np.flatnonzero(y == 1), "last_of_class"),
                         (y == 1, "last_of_class")]:
        with pytest.warns(recant.NotDeletedWarning):
            assert model.forget(rows).reason == reason
    grouped = recant.LogisticRegression().fit(X, y, sensitive_features=["rare"] + ["usual"] * 399)
    with pytest.warns(recant.NotDeletedWarning, match="last row of a group"):
        assert grouped.forget(0).reason == "last_of_group"
    assert distance(model, problem.fit()) == 0


def test_what_is_asked_wrongly_is_an_error(problem) -> None:
    model, values = problem.fit(), np.arange(400.0)
    for call in [lambda: model.forget([]), lambda: model.forget([1, 1]), lambda: model.forget([0.5]),
                 lambda: model.forget([True, False]), lambda: model.forget(1, "value"),
                 lambda: model.forget(1, method="magic"), lambda: model.forget(1, "sigmoid"),
                 lambda: model.forget(1, alpha=1.0), lambda: model.forget(1, values=values),
                 lambda: model.forget(1, "rank", alpha=2.0, values=values),
                 lambda: model.forget(1, "exp", alpha="auto", values=values),
                 lambda: model.forget(1, "exp", alpha="much", values=values),
                 lambda: model.forget(1, "exp", alpha=1.0, values=values[:3]),
                 lambda: model.forget(1, method="ascent"), lambda: model.forget(1, tier_at_most="3"),
                 lambda: model.forget(1, tier_at_most="half"), lambda: model.forget(1, rule="decaying"),
                 lambda: model.forget(1, max_steps=7), lambda: model.forget(1, clip=None),
                 lambda: model.forget(1, method="ascent", holdout=problem.part(problem.test), rule="steep"),
                 lambda: model.forget(1, allowance=0.0), lambda: model.forget(1, allowance=np.nan)]:
        with pytest.raises(recant.UsageError):
            call()
    for row in (400, -1):
        with pytest.raises(recant.NotFoundError):
            model.forget(row)
    assert distance(model, problem.fit()) == 0


def test_masks_arrays_and_numbers_name_the_same_rows(problem) -> None:
    mask = np.zeros(400, bool)
    mask[[4, 9]] = True
    found = []
    for rows in ([4, 9], (9, 4), np.array([4, 9], np.uint8), mask, mask.tolist()):
        model = problem.fit()
        assert model.forget(rows).rows == 2
        found.append(model.coef_)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def test_forgotten_rows_take_no_part_from_then_on(problem) -> None:
    V, group = problem.part(problem.validation), problem.group[problem.validation]
    rows = [5, 6, 7]
    model, other = problem.fit(), without(problem, rows)
    model.forget(rows, allowance=1e-10)
    np.testing.assert_allclose(np.delete(recant.influence(model, *V).values, rows),
                               recant.influence(other, *V).values, rtol=1e-6)
    assert (recant.influence(model, *V).values[rows] == 0).all()
    knn = recant.values.knn_shapley(model, *V).values
    np.testing.assert_array_equal(np.delete(knn, rows), recant.values.knn_shapley(other, *V).values)
    result = model.correct(*V, sensitive_features=group)
    assert len(result.weights) == len(result.delta) == 400
    assert (result.weights[rows] == 0).all() and (result.delta[rows] == 0).all()
    theirs = other.correct(*V, sensitive_features=group)
    np.testing.assert_allclose(np.delete(result.weights, rows), theirs.weights, atol=1e-6)
    with pytest.warns(recant.NotDeletedWarning, match="erased before"):
        model.forget(5)


def test_no_file_holds_what_was_forgotten(problem, tmp_path) -> None:
    X, y = problem.part(problem.train)
    X = X.copy()
    X[7] = 1234.5678
    model = recant.LogisticRegression().fit(X, y)
    secret = np.float64(1234.5678).tobytes()
    assert secret in pickle.dumps(model)
    model.forget(7)
    text = pickle.dumps(model)
    assert secret not in text
    again = pickle.loads(text)
    with pytest.warns(recant.NotDeletedWarning, match="erased before"):
        again.forget(7)
    assert again.forget(8).done and distance(again, model) > 0
    model.save(tmp_path / "m.rct")
    assert not any(secret in file.read_bytes() for file in (tmp_path / "m.rct").rglob("*")
                   if file.is_file())
    saved = recant.Vault(tmp_path / "m.rct")
    assert saved.status().rows_left == 399 and distance(saved.estimator, model) == 0
    assert X[7, 0] == 1234.5678  # the caller's own


@given(seed=st.integers(0, 10_000), count=st.integers(1, 12), l2=st.sampled_from([0.1, 1.0, 10.0]),
       kind=st.sampled_from(["logistic", "softmax", "squared"]))
@settings(max_examples=30)
def test_bounds_hold(seed: int, count: int, l2: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 3))
    y = {"logistic": rng.integers(0, 2, 60), "softmax": np.arange(60) % 3,
         "squared": X @ [1.0, -2.0, 0.5] + rng.normal(size=60)}[kind]
    rows = rng.choice(60, count, replace=False)
    kind_of = recant.RidgeRegression if kind == "squared" else recant.LogisticRegression
    model = kind_of(l2).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", recant.NotDeletedWarning)
        gone = model.forget(rows)
    if not gone.done:
        assert gone.reason == "last_of_class"
        return
    again = kind_of(l2, tolerance=1e-13).fit(np.delete(X, rows, 0), np.delete(y, rows))
    assert distance(model, again) <= gone.bound


def test_a_deletion_shows_itself_and_its_dictionary_is_documented(problem) -> None:
    gone = problem.fit().forget([1, 2], audit=True)
    text = repr(gone)
    for part in ("level: heuristic", "no epsilon and delta", "bound on the distance", "tier: 1",
                 "least_eigenvalue", "distance to retraining, measured"):
        assert part in text
    assert gone._repr_html_().startswith("<table>") and "heuristic" in gone._repr_html_()
    assert gone.to_dict()["schema"] == "recant.deletion/1"
    assert gone.audit.to_dict()["schema"] == "recant.audit/1" and "holds" in repr(gone.audit)
    page = (Path(__file__).resolve().parents[2] / "docs/formats/json.md").read_text()
    section = page.split("## recant.deletion/1")[1].split("\n## ")[0]
    for name in set(gone.to_dict()) - {"schema", "version", "seconds"}:
        assert f"`{name}`" in section, name


def test_ctrl_c_during_a_deletion_leaves_the_model(problem) -> None:
    model = problem.fit()
    coef = model.coef_

    def stop(*now: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.forget(1, progress=stop)
    assert model.coef_ is coef and model.forget(1).done


# -- on disk ---------------------------------------------------------------------------------------

FIT = {"target": "hired", "positive": "yes", "sensitive": "sex", "id": "id"}
BUDGET = {"epsilon": 1.0, "delta": 1e-5, "releases": 5, "sigma": 1.0}


def write_csv(path: Path, rows: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    lines = ["id,age,city,sex,hired"]
    for i in range(rows):
        age, sex = rng.integers(18, 68), rng.choice(["f", "m"])
        hired = rng.random() < 1 / (1 + np.exp(-(0.05 * (age - 40) + (0.8 if sex == "m" else -0.4))))
        city = rng.choice(["Oslo", "Bergen"])
        lines.append(f"p{seed}-{i},{age},{'Canary' if (seed, i) == (7, 30) else city},{sex},"
                     f"{'yes' if hired else 'no'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def run(command: str, *arguments: object, code: int = 0) -> dict:
    done = subprocess.run([command, *map(str, arguments), "--json"], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def comparable(result: dict) -> dict:
    """All but times; paths by their last part."""
    kept = {name: value for name, value in result.items() if name != "seconds"}
    for name in ("certificate", "annex"):
        if kept.get(name):
            kept[name] = Path(kept[name]).name
    if kept.get("ledger"):
        kept["ledger"] = {name: value for name, value in kept["ledger"].items() if name != "changed_at"}
    return kept


class Folders:
    """A model with and one without a budget, and copies of them to work on."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.copies = folder, 0
        self.train = write_csv(folder / "train.csv", 200, 7)
        self.held = write_csv(folder / "held.csv", 150, 8)
        self.plain = recant.Vault.fit(folder / "plain.rct", self.train, **FIT)
        self.enrolled = recant.Vault.fit(folder / "enrolled.rct", self.train, **FIT, **BUDGET)

    def copy(self, vault: recant.Vault) -> Path:
        self.copies += 1
        target = self.folder / f"copy{self.copies}" / "model.rct"
        shutil.copytree(vault.path, target)
        return target

    def two(self, vault: recant.Vault) -> tuple[recant.Vault, Path]:
        return recant.Vault(self.copy(vault)), self.copy(vault)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Folders:
    return Folders(tmp_path_factory.mktemp("vaults"))


def test_fit_is_the_command_s(folders, command, tmp_path) -> None:
    flags = ["--target", "hired", "--positive", "yes", "--sensitive", "sex", "--id", "id"]
    for vault, more in [(folders.plain, []), (folders.enrolled, [
            "--epsilon", 1, "--delta", 1e-5, "--releases", 5, "--sigma", 1])]:
        theirs = run(command, "fit", folders.train, *flags, *more, "-o", tmp_path / "m.rct", "--force")
        assert comparable(vault.fit_result.to_dict()) == comparable(theirs)
    assert folders.enrolled.fit_result.to_dict()["enrolment"]["outcome"] == "enrolled"
    with pytest.raises(recant.UsageError, match="not fitted in this process"):
        recant.Vault(folders.plain.path).fit_result  # noqa: B018


def test_differences_are_protected_as_by_the_command(folders, command, tmp_path) -> None:
    protection = {"difference_epsilon": 1.0, "difference_delta": 1e-5, "difference_step": 0.05}
    vault = recant.Vault.fit(tmp_path / "m.rct", folders.train, **FIT, **BUDGET, **protection)
    flags = [text for name, value in {**FIT, **BUDGET, **protection}.items()
             for text in (f"--{name.replace('_', '-')}", value)]
    theirs = run(command, "fit", folders.train, *flags, "-o", tmp_path / "n.rct")
    assert comparable(vault.fit_result.to_dict()) == comparable(theirs)
    assert theirs["enrolment"]["budget"]["difference"]["step"] == 0.05
    gone = vault.forget(3)
    assert 0 < gone.to_dict()["difference"]["share"] < 1 and "differences are protected" in repr(gone)
    with pytest.warns(recant.NotDeletedWarning, match="would move further"):
        assert vault.forget(np.arange(10, 90)).reason == "difference_exceeded"
    created = recant.Vault.create(tmp_path / "c.rct", folders.plain.estimator, **BUDGET, **protection)
    assert created.fit_result.to_dict()["enrolment"]["budget"] == theirs["enrolment"]["budget"]
    for options in ({**BUDGET, "difference_epsilon": 1.0}, {"difference_step": 1.0}):
        with pytest.raises(recant.UsageError):
            recant.Vault.create(tmp_path / "d.rct", folders.plain.estimator, **options)


@pytest.mark.parametrize("kind", ["plain", "enrolled"])
def test_forget_and_status_are_the_command_s(folders, command, kind) -> None:
    vault, theirs = folders.two(getattr(folders, kind))
    for ours, flags in [(vault.forget([3, 9]), ["--rows", "3,9"]),
                        (vault.forget(ids="p7-20", key="k"), ["--ids", "p7-20", "--request-key", "k"]),
                        (vault.forget(ids=["p7-20"], key="k"), ["--ids", "p7-20", "--request-key", "k"])]:
        assert comparable(ours.to_dict()) == comparable(run(command, "forget", theirs, *flags))
        assert ours.done and ours.state == "certified"
    assert comparable(vault.status().to_dict()) == comparable(run(command, "status", theirs))
    checked = vault.check()
    assert comparable(checked.to_dict()) == comparable(run(command, "status", theirs, "--check"))
    assert checked.fault is None and checked.rows_left == 197 and "197 of 200" in repr(checked)
    assert ours.to_dict()["repeated"] and vault.outcome("k").to_dict()["repeated"]
    assert ours.level == ("certified" if kind == "enrolled" else "exact")
    assert ours.epsilon == (1.0 if kind == "enrolled" else None)


def test_weighting_by_value_is_the_command_s(folders, command, tmp_path) -> None:
    vault, theirs = folders.two(folders.enrolled)
    values = np.random.default_rng(0).normal(size=200)
    np.save(tmp_path / "v.npy", values)
    one = vault.forget([1, 2, 3], key="key", weighting="rank", alpha=0.01, values=values)
    two = vault.forget([4, 5], weighting="sigmoid", alpha="auto", values=values)
    assert comparable(one.to_dict()) == comparable(run(
        command, "forget", theirs, "--rows", "1,2,3", "--request-key", "key", "--weighting",
        "value:0.01", "--form", "rank", "--values", tmp_path / "v.npy"))
    assert comparable(two.to_dict()) == comparable(run(
        command, "forget", theirs, "--rows", "4,5", "--weighting", "value:auto", "--values",
        tmp_path / "v.npy"))
    # The key knows the values: the same by the command, others are another request.
    assert run(command, "forget", vault.path, "--rows", "1,2,3", "--request-key", "key", "--weighting",
               "value:0.01", "--form", "rank", "--values", tmp_path / "v.npy")["repeated"]
    with pytest.raises(recant.UsageError, match="another request"):
        vault.forget([1, 2, 3], key="key", weighting="rank", alpha=0.01, values=values + 1)


def test_gradient_ascent_on_disk_reads_a_hold_out(folders, command) -> None:
    vault, theirs = folders.two(folders.plain)
    ours = vault.forget([1, 2], method="ascent", holdout=folders.held, max_steps=5)
    assert ours.level == "heuristic"
    assert comparable(ours.to_dict()) == comparable(run(
        command, "forget", theirs, "--rows", "1,2", "--method", "ascent", "--validation", folders.held,
        "--max-steps", 5))


def test_without_a_budget_the_bound_has_its_tier_and_terms(folders) -> None:
    # docs/algorithms/certified_deletion.md, "The terms": statement 4 alone.
    values = np.random.default_rng(0).normal(size=200)
    for tier, how in [("retrain", {}), ("1", {"weighting": "value", "alpha": 1.0, "values": values}),
                      ("1", {"method": "ascent", "holdout": folders.held, "max_steps": 5})]:
        vault, _ = folders.two(folders.plain)
        gone = vault.forget([1, 2], **how)
        d, terms = gone.to_dict(), gone.terms
        assert (gone.tier, d["cheaper"], d["dearer"], d["bound"]["tried"]) == (tier, None, None, {tier: gone.bound})
        r = terms["r_norm"] + terms["r_sum_rounding"] + terms["r_score_rounding"]
        assert gone.bound == pytest.approx(r / terms["lambda"] * (1 + 1e-9), rel=1e-14)
        assert terms["statement"] == 4 and "statement_4" in repr(gone)


def test_a_step_of_ascent_that_is_too_large_deletes_nothing() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 3))
    y = X @ [1.0, -1.0, 0.5] + rng.normal(size=60)
    climb = {"method": "ascent", "holdout": (X, y + 5)}
    model = recant.RidgeRegression().fit(X, y)
    before = model.coef_.copy()
    with pytest.warns(recant.NotDeletedWarning, match="smaller step size"):
        no = model.forget([1, 2], step_size=1e308, **climb)  # its end is no number
    assert not no.done and no.reason == "step_too_large"
    np.testing.assert_array_equal(model.coef_, before)
    # However far a step would lead, it ends where the losses are equal; this one left a norm of 1e85.
    far, near = recant.RidgeRegression().fit(X, y), recant.RidgeRegression().fit(X, y)
    for one, size in ((far, 1e100), (near, 1e3)):
        assert one.forget([1, 2], step_size=size, **climb).to_dict()["stop"] == "reached"
    np.testing.assert_allclose(far.coef_, near.coef_, rtol=1e-6)


def test_the_rule_of_ascent_is_the_command_s(folders, command) -> None:
    vault, theirs = folders.two(folders.plain)
    flags = ["--rows", "1,2", "--method", "ascent", "--validation", folders.held, "--max-steps", 5]
    ours = vault.forget([1, 2], key="k", method="ascent", holdout=folders.held, max_steps=5, rule="decaying")
    assert ours.to_dict()["rule"] == "decaying"
    assert comparable(ours.to_dict()) == comparable(
        run(command, "forget", theirs, *flags, "--rule", "decaying", "--request-key", "k"))
    # The answer to the key knows the rule too, and another rule is another request.
    assert vault.outcome("k").to_dict()["rule"] == "decaying"
    with pytest.raises(recant.UsageError, match="another request"):
        vault.forget([1, 2], key="k", method="ascent", holdout=folders.held, max_steps=5)
    assert vault.forget(3).to_dict()["rule"] is None


def test_tier_half_is_the_command_s(folders, command) -> None:
    vault, theirs = folders.two(folders.enrolled)
    ours = vault.forget([3], third_derivative=True, tier_at_most="half")
    assert comparable(ours.to_dict()) == comparable(run(
        command, "forget", theirs, "--rows", "3", "--third-derivative", "--tier-at-most", "half"))
    with pytest.raises(recant.UsageError, match="third_derivative=True"):
        vault.forget([4], tier_at_most="half")


@pytest.mark.parametrize("kind", ["plain", "enrolled"])
def test_a_batch_is_the_command_s(folders, command, tmp_path, kind: str) -> None:
    vault, theirs = folders.two(getattr(folders, kind))
    requests = {"anna": [3, 9], "ben": 20, "twice": [5, 5], "beyond": 200, "late": [9]}
    file = tmp_path / "requests.csv"
    file.write_text("key,row\n" + "".join(f"{key},{row}\n" for key, rows in requests.items()
                                          for row in np.atleast_1d(rows)))
    with pytest.warns(recant.NotDeletedWarning, match="for 3 of 5 requests"):
        ours = vault.forget_requests(requests)
    of_command = run(command, "forget", theirs, "--requests", file, code=4)
    for one, other in zip(ours.to_dict()["deletions"], of_command["deletions"], strict=True):
        assert comparable(one) == comparable(other)
    assert {**ours.to_dict(), "deletions": 0, "seconds": 0} == {**of_command, "deletions": 0, "seconds": 0}
    assert [each.reason or each.state for each in ours] == [
        "certified", "certified", "row_twice", "row_unknown", "already_erased"]
    with pytest.raises(IndexError):
        ours[5]
    assert len(ours) == 5 and not ours.done and ours[1].done and ours[-1].state == "already_erased"
    assert ours[0].certificate == ours[1].certificate and ours[0].rows == 2
    assert "already_erased: 1" in repr(ours) and "rows: 3" in repr(ours)
    assert {name for name in ours[0].to_dict()} == {name for name in vault.outcome("anna").to_dict()}
    assert vault.status().rows_left == 197
    # The file itself, and ids; the same keys are answered and not done again.
    with pytest.warns(recant.NotDeletedWarning):
        again = recant.Vault(theirs).forget_requests(file)
    assert [each.to_dict()["repeated"] for each in again][:2] == [True, True]
    assert vault.forget_requests({"carl": "p7-30", "dora": ["p7-31", "p7-32"]}, by="id").done
    assert vault.status().rows_left == 194


def test_a_batch_that_is_none_is_refused(folders, tmp_path) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    (tmp_path / "no.csv").write_text("name,row\na,1\n")
    for requests, more, error in [({}, {}, "names no row"), ([1, 2], {}, "requests: must be"), ({"": 1}, {}, "a key is empty"),
                                  ({1: 3, "1": 4}, {}, "two have the same text"), ({"a": 1}, {"by": "name"}, "by: 'name'"),
                                  ({"a": 1.5}, {}, "rows: must be whole"), ({"a": 3.5}, {"by": "id"}, "ids: must be"),
                                  (tmp_path / "no.csv", {"by": "id"}, "by: goes with"),
                                  (tmp_path / "no.csv", {}, "is not a file of requests"),
                                  (tmp_path / "none.csv", {}, "there is no such file")]:
        with pytest.raises(recant.Error, match=error):
            vault.forget_requests(requests, **more)
    assert vault.status().rows_left == 200


def test_a_batch_shares_values_and_what_is_asked(folders, command, tmp_path) -> None:
    vault, theirs = folders.two(folders.enrolled)
    values = np.random.default_rng(0).normal(size=200)
    np.save(tmp_path / "v.npy", values)
    (tmp_path / "r.csv").write_text("key,row\na,1\nb,2\nb,3\n")
    ours = vault.forget_requests({"a": 1, "b": [2, 3]}, weighting="rank", alpha=0.01, values=values)
    of_command = run(command, "forget", theirs, "--requests", tmp_path / "r.csv", "--weighting", "value:0.01", "--form",
                     "rank", "--values", tmp_path / "v.npy")
    assert ours.done and ours[0].to_dict()["alpha"] == 0.01
    for one, other in zip(ours.to_dict()["deletions"], of_command["deletions"], strict=True):
        assert comparable(one) == comparable(other)


def test_a_plan_is_the_command_s(folders, command, tmp_path) -> None:
    flags = [text for name, value in {**FIT, **BUDGET}.items() for text in (f"--{name}", value)]
    theirs = run(command, "fit", folders.train, *flags, "--validation", folders.held, "--plan")
    ours = recant.Vault.plan(folders.train, **FIT, **BUDGET, validation=folders.held)
    assert comparable(ours.to_dict()) == comparable(theirs)
    assert theirs["enrolment"]["outcome"] == "planned" and theirs["enrolment"]["price"]["rows"] == "validation"
    few = {**BUDGET, "sigma": 1e-25}
    flags = [text for name, value in {**FIT, **few}.items() for text in (f"--{name}", value)]
    refused = recant.Vault.plan(folders.train, **FIT, **few).to_dict()
    assert refused["enrolment"]["outcome"] == "no" and refused["enrolment"]["reason"]
    assert comparable(refused) == comparable(run(command, "fit", folders.train, *flags, "--plan", code=4))
    # Of a model that is there: the same plan, and where the model is.
    model = folders.plain.estimator
    of_model = recant.Vault.plan(model, **BUDGET, validation=folders.held).to_dict()
    assert of_model["enrolment"] == theirs["enrolment"] and of_model["converged"]
    assert (of_model["loss"], of_model["gradient_norm"]) == pytest.approx((theirs["loss"], theirs["gradient_norm"]))
    assert of_model["iterations"] == 0
    for wrong in (lambda: recant.Vault.plan(model, **BUDGET, target="hired"),
                  lambda: recant.Vault.plan(folders.train, **FIT, **{**BUDGET, "epsilon": -1.0}),
                  lambda: recant.Vault.plan(folders.train, **BUDGET), lambda: recant.Vault.plan(folders.train, **FIT, **BUDGET, path="m"),
                  lambda: recant.Vault.plan(folders.train, **FIT, **BUDGET, max_iterations=1)):
        with pytest.raises(recant.UsageError):
            wrong()


@pytest.mark.parametrize("halved", [False, True])
def test_comparison_is_the_command_s(folders, command, tmp_path, halved: bool) -> None:
    train = tmp_path / "train.csv"
    train.write_text(folders.train.read_text() + "p7-999,,Oslo,f,yes\n")  # a row that is dropped
    vault = recant.Vault.fit(tmp_path / "m.rct", train, **FIT)
    test = write_csv(tmp_path / "test.csv", 150, 9)
    options = {} if halved else {"validation": folders.held}
    ours = vault.compare(test, **options, close_share=0.5, rounds=4, resamples=50, seed=3)
    flags = [text for name, value in {**FIT, **options}.items() for text in (f"--{name}", value)]
    theirs = run(command, "compare", train, *flags, "--test", test, "--close-share", 0.5, "--rounds", 4, "--resamples", 50,
                 "--seed", 3)
    without_times = lambda each: {name: value for name, value in each.items() if name != "seconds"}  # noqa: E731
    for one, other in zip(ours.models, theirs["models"], strict=True):
        assert without_times(one) == without_times(other)
    assert {**ours.to_dict(), "models": 0, "seconds": 0} == {**theirs, "models": 0, "seconds": 0}
    assert ours.to_dict()["data"]["train"] == {"rows": 200, "rows_dropped": 1, "unseen_categories": {}}
    assert ours.target_gap == theirs["target_gap"] and len(ours.models) == 9 and "soft polish, test" in repr(ours)
    opened = recant.Vault(vault.path).compare(test, **options, close_share=0.5, rounds=4, resamples=50, seed=3)
    assert opened.to_dict()["data"]["train"]["rows_dropped"] is None
    vault.forget([1, 2])
    assert vault.compare(test, resamples=40).to_dict()["data"]["train"]["rows"] == 198


def test_the_bytes_go_and_the_certificate_stays(folders) -> None:
    vault = recant.Vault(folders.copy(folders.enrolled))
    old = vault.estimator
    secrets = (b"p7-30", b"Canary")  # an id, and a category that no other row has
    assert all(any(secret in file.read_bytes() for file in vault.path.rglob("*") if file.is_file())
               for secret in secrets)
    gone = vault.forget(ids="p7-30", audit=True)
    assert gone.distance <= gone.bound and gone.audit.to_dict()["deleted_rows"] == 1
    checked = recant.certificate.verify(gone.certificate, model=vault.path,
                                        public_key=vault.path / "public-key.json")
    assert not checked.damaged
    assert distance(gone.model, old) > 0 and distance(gone.model, recant.Vault(vault.path).estimator) == 0
    assert vault.published.shape == gone.model._model.theta.shape
    assert not np.array_equal(vault.published, gone.model._model.theta)  # the noise
    assert not any(secret in file.read_bytes() for file in vault.path.rglob("*") if file.is_file()
                   for secret in secrets)
    assert b"Canary" in pickle.dumps(old)
    old.forget(30)
    assert b"Canary" not in pickle.dumps(old)
    with pytest.raises(recant.NotFoundError, match="nothing was published"):
        folders.plain.published  # noqa: B018


def test_nothing_of_rows_that_python_deletes_is_left(tmp_path, monkeypatch, capfd) -> None:
    house, temporary = tmp_path / "house", tmp_path / "temporary"
    for place in (house, temporary):
        place.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    rng = np.random.default_rng(31)
    rows, gone = 200, [int(row) for row in np.random.default_rng(32).permutation(200)[:80]]
    ids = [f"canary-id-{rng.bytes(8).hex()}" for _ in range(rows)]
    jobs = [f"canary-job-{rng.bytes(8).hex()}" if row in gone[:40] else rng.choice(["cook", "nurse"])
            for row in range(rows)]
    numbers = rng.normal(size=(rows, 3))
    labels = np.where(numbers[:, 0] + rng.logistic(size=rows) > 0, "yes", "no")
    lines = ["id,a,b,c,job,hired"] + [
        ",".join([ids[row], *map(repr, map(float, numbers[row])), jobs[row], labels[row]]) for row in range(rows)]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    vault = recant.Vault.fit(house / "m.rct", tmp_path / "train.csv", target="hired", positive="yes", id="id", **BUDGET)
    encoded = np.load(house / "m.rct/rows/features.npy")
    texts = {text.encode() for row in gone for text in (ids[row], jobs[row]) if text.startswith("canary")}
    bits = {number.tobytes() for row in gone for number in (*numbers[row], *encoded[row][:3])}
    said: list[object] = []

    def everything() -> bytes:
        files = [path.read_bytes() for place in (house, temporary) for path in place.rglob("*") if path.is_file()]
        return b"\0\0".join([*files, repr(said).encode(), "".join(capfd.readouterr()).encode()])

    before = everything()
    assert len(texts) == 120 and all(text in before for text in texts), "the test looks in the right place"
    assert sum(number in before for number in bits) >= 240
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = [vault.forget(ids=[ids[row] for row in gone[:30]], key="first", audit=True)]
        with vault:
            done += [vault.forget(gone[30:60]), vault.forget(ids=[ids[row] for row in gone[60:]])]
            done += [vault.outcome("first"), vault.forget(ids=ids[gone[0]]), vault.forget(gone[1])]
        for wrong in (lambda: vault.forget(ids=[ids[gone[2]] + "x"]),
                      lambda: vault.forget(ids=[ids[gone[3]]] * 2),
                      lambda: vault.forget(ids=[ids[gone[4]]], key="first")):
            with pytest.raises(recant.Error) as error:
                wrong()
            said.append(str(error.value))
    assert [one.state for one in done] == ["certified"] * 4 + ["already_erased"] * 2
    said += [str(warning.message) for warning in caught]
    said += [(repr(one), one.to_dict(), repr(one.audit)) for one in done]
    said += [repr(vault), repr(vault.status()), vault.status().to_dict(), repr(vault.check())]
    after = everything()
    assert not [text for text in texts if text in after]
    assert not [number for number in bits if number in after]
    assert all(ids[row].encode() in after for row in range(rows) if row not in gone)


def test_a_no_warns_and_what_is_not_there_is_an_error(folders) -> None:
    vault = recant.Vault(folders.copy(folders.enrolled))
    with pytest.raises(recant.NotFoundError, match="not in this model"):
        vault.forget(ids=["nobody"])
    with pytest.raises(recant.NotFoundError):
        vault.forget(200)
    for wrong in (lambda: vault.forget(), lambda: vault.forget([1], ids=["p7-1"]),
                  lambda: vault.forget([1, 1])):
        with pytest.raises(recant.UsageError):
            wrong()
    with vault:
        assert [vault.forget(row).to_dict()["sequence"]["releases_left"] for row in range(4)] == [3, 2, 1, 0]
        with pytest.warns(recant.NotDeletedWarning, match="used up"):
            spent = vault.forget(9)
    assert not spent.done and spent.reason == "budget_spent"
    with pytest.warns(recant.NotDeletedWarning, match="erased before"):
        assert vault.forget(1).state == "already_erased"
    assert vault.status().rows_left == 196 and vault.status().budget["releases_left"] == 0


def test_a_spent_budget_that_retrains_says_what_retraining_rules_out(folders, tmp_path) -> None:
    vault = recant.Vault.create(tmp_path / "m.rct", folders.plain.estimator, **{**BUDGET, "releases": 1},
                                on_budget_spent="retrain")
    for ask in ({"weighting": "rank", "alpha": 0.5, "values": np.linspace(0, 1, 200)},
                {"method": "ascent", "holdout": folders.held}, {"tier_at_most": "0"}):
        with pytest.warns(recant.NotDeletedWarning, match="the budget is spent.*: ask without them"):
            no = vault.forget([1, 2], **ask)
        assert not no.done and no.reason == "budget_spent_needs_retraining"
    assert vault.forget([1, 2]).tier == "retrain"


def test_the_lock_is_held_in_a_with_block_and_for_a_call_only_outside(folders) -> None:
    path = folders.copy(folders.plain)
    vault, other = recant.Vault(path), recant.Vault(path, wait=0)
    vault.forget(1)
    assert other.forget(2).done
    with vault:
        vault.forget(3)
        with pytest.raises(recant.BusyError):
            other.forget(4)
        recant.Vault(path)  # readers do not wait
        with pytest.raises(recant.UsageError):
            vault.forget([5, 5])
        assert vault.forget(5).done
        with vault:  # which lets go only where the outer one ends
            vault.forget(6)
        with pytest.raises(recant.BusyError):
            other.forget(4)
        assert vault.forget(7, audit=True).audit.verdict == "holds"
        with pytest.raises(recant.BusyError):
            other.forget(4)
    assert vault.forget(8, audit=True).audit.verdict == "holds"
    with pytest.raises(recant.UsageError):  # nor does an exception that somebody keeps hold it
        vault.forget([5, 5])
    assert other.forget(4).done


def test_another_writer_is_waited_for(folders) -> None:
    path = folders.copy(folders.plain)
    with recant.Vault(path) as vault:
        vault.forget(1)
        started = time.monotonic()
        with pytest.raises(recant.BusyError):
            recant.Vault(path, wait=0.3).forget(2)
        assert 0.3 <= time.monotonic() - started < 30
        later = threading.Thread(target=lambda: recant.Vault(path).forget(2))
        later.start()
        time.sleep(0.2)
        assert later.is_alive()
    later.join()
    assert recant.Vault(path).status().rows_left == 198
    for wait in (-1, math.nan, math.inf, "long"):
        with pytest.raises(recant.UsageError, match="wait"):
            recant.Vault(path, wait=wait)


def test_threads_take_turns(folders) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    failed = []

    def work(row: int) -> None:
        try:
            assert vault.forget(row).done
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(row,)) for row in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and vault.status().rows_left == 196


def test_an_interrupt_leaves_a_folder_that_goes_on(folders) -> None:
    vault = recant.Vault(folders.copy(folders.plain))

    def stop(*now: object) -> None:
        raise KeyboardInterrupt

    for held in (False, True):
        row = 10 + held
        with pytest.raises(KeyboardInterrupt):
            if held:
                with vault:
                    vault.forget(row, key=f"k{row}", progress=stop)
            else:
                vault.forget(row, key=f"k{row}", progress=stop)
        assert vault.outcome(f"k{row}").state == "failed_retryable"
        assert vault.forget(row, key=f"k{row}").done
    assert vault.check().fault is None and vault.status().rows_left == 198


@pytest.mark.parametrize("rows", [5, [5, 5]])
def test_what_a_killed_process_left_is_told_once_also_by_a_call_that_fails(folders, rows) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    killed = subprocess.run([sys.executable, "-c", f"""if True:
        import os, recant
        recant.Vault({os.fspath(vault.path)!r}).forget(3, progress=lambda *now: os._exit(9))"""])
    assert killed.returncode == 9
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            assert vault.forget(rows).done == (rows == 5)
        except recant.UsageError:
            assert rows == [5, 5]
            assert_as_on_disk(vault)
        first = len(told)
        assert vault.forget(6).done
    assert first == len(told) >= 1 and "request" in str(told[0].message)
    assert told[0].filename == __file__ and vault.check().fault is None
    assert_as_on_disk(vault)


def assert_as_on_disk(vault) -> None:
    """It answers about the model that anybody finds in the folder."""
    fresh = recant.Vault(vault.path)._model
    assert np.array_equal(vault._model.theta, fresh.theta)
    assert np.array_equal(vault._model.weights, fresh.weights)


@pytest.mark.parametrize("before", ["nothing", "reading", "outcome", "repeated", "block"])
def test_the_model_is_the_folder_s_whoever_moved_it(folders, tmp_path, before) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    vault.forget(1, key="one")
    vault.backup(tmp_path / "backup.rct")
    vault.forget([7, 11])
    older = recant.Vault(tmp_path / "backup.rct")
    if before == "reading":
        assert older.estimator.n_features_in_
    elif before == "outcome":
        assert older.outcome("one").done
    elif before == "repeated":
        assert older.forget(1, key="one").to_dict()["repeated"]
    elif before == "block":
        with older:
            assert older.outcome("one").done
    assert older.catch_up(vault.path / "ledger.sqlite") == 2
    assert_as_on_disk(older)
    other = recant.Vault(older.path)
    with other:
        assert other.forget(20).done and other.forget(21).done
        assert_as_on_disk(other)
        assert_as_on_disk(older)
    assert older.forget(22).done
    assert_as_on_disk(other)
    recant.Vault.create(older.path, folders.plain.estimator, replace=True)
    assert_as_on_disk(other)
    kept = tmp_path / "kept.rct"  # a copy that keeps times, from which as many batches lead elsewhere
    shutil.copytree(older.path, kept)
    assert other.forget(3).done
    assert_as_on_disk(other)
    shutil.rmtree(older.path)
    shutil.copytree(kept, older.path)
    assert recant.Vault(older.path).forget(7).done
    assert_as_on_disk(other)
    few = recant.LogisticRegression().fit(np.arange(20.0).reshape(10, 2) % 7, np.arange(10) % 2)
    recant.Vault.create(older.path, few, replace=True)
    assert other.forget(np.arange(10) == 3).done


def test_a_callback_or_a_handler_may_look_at_the_vault_and_close_it(folders) -> None:
    path = folders.copy(folders.plain)
    vault, other = recant.Vault(path), recant.Vault(path, wait=0)
    seen = []

    def look(*now: object) -> None:
        if not seen:
            seen.append((repr(vault), vault.status().rows_left))
            with pytest.raises(recant.UsageError, match="busy with the call"):
                vault.outcome("a")

    def close(*now: object) -> None:
        vault.close()

    with vault:
        for row in (1, 2):  # after the first nothing was read
            assert vault.forget(row, key=f"k{row}", progress=look).done and seen
            seen.clear()
        assert vault.forget(3, progress=close).done
        assert other.forget(4).done
        assert vault.forget(5).done
        with pytest.raises(recant.BusyError):
            other.forget(6)
    former = signal.signal(signal.SIGALRM, close)
    try:
        with vault:
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            for row in range(30, 40):
                assert vault.forget(row).done
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert_as_on_disk(vault)


def test_a_wrong_file_of_requests_does_not_let_go_of_the_folder(folders, tmp_path) -> None:
    path = folders.copy(folders.plain)
    vault, other = recant.Vault(path), recant.Vault(path, wait=0)
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,row\na,1\n")
    with vault:
        assert vault.forget(1).done
        with pytest.raises(recant.DataError):
            vault.forget_requests(wrong)
        with pytest.raises(recant.BusyError):
            other.forget(2)
        closed = threading.Thread(target=vault.close)  # as good as the block's own thread
        closed.start()
        closed.join()
        assert other.forget(2).done and vault.forget(3).done
        with pytest.raises(recant.BusyError):
            other.forget(4)
    assert other.forget(4).done


@pytest.mark.parametrize("ids", [
    1.0, [1.0], np.array([1.0, 2.0]), pd.Series([3.0]), [None], [np.nan], pd.Series([4, None]), True, [True],
    np.bool_(True), [[6]], np.array([[5]]), [(7,)], {"a": 8}, b"9", [b"9"], np.array([b"9"]),
    np.datetime64("2020"), pd.array([None], dtype="Int64"), np.ma.array([1, 2], mask=[1, 0])], ids=repr)
def test_ids_that_are_none_are_refused_and_nothing_is_recorded(folders, ids) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    for ask in (lambda: vault.forget(ids=ids), lambda: vault.forget_requests({"a": ids}, by="id"),
                lambda: vault.forget(ids=ids, audit=True)):
        with pytest.raises(recant.UsageError, match="^ids: must be a text, a whole number or several"):
            ask()
    assert vault.status().to_dict()["ledger"] is None


def test_ids_of_every_library_name_rows(problem, tmp_path) -> None:
    vault = recant.Vault.create(tmp_path / "m.rct", problem.fit())
    several = [{8, 9}, pd.array([10], dtype="Int64"), np.array([11]), np.int32(12), ["13"], "14", np.array(["15"]),
               pd.Series(["16"]), pd.Series(["17"], dtype="string"), np.str_("18"),
               np.array(["19"], dtype=object), pd.Index([20]), range(21, 23), iter([23]), np.array(24), [np.int64(25)]]
    with vault:
        assert all(vault.forget(ids=ids).done for ids in several)
    assert vault.status().rows_left == 400 - 18


@pytest.mark.parametrize("rows", [
    [[1, 2]], np.array([[1, 2]]), [1, True], [1.0], 1.0, [None], {"a": 1}, "1", ["1"], np.array([[True]]),
    np.ma.array([1, 2], mask=[1, 0]), np.ma.array(np.ones(200, bool), mask=np.ones(200, bool))], ids=repr)
def test_rows_that_are_no_positions_are_refused(folders, rows) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    model = vault.estimator
    for ask in (lambda: vault.forget(rows), lambda: vault.forget_requests({"a": rows}), lambda: model.forget(rows)):
        with pytest.raises(recant.UsageError, match="^rows: "):
            ask()
    assert vault.status().to_dict()["ledger"] is None


def test_backup_checkpoint_and_catching_up(folders, tmp_path) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    vault.forget(1)
    vault.backup(tmp_path / "backup.rct")
    vault.forget(2)
    vault.write_checkpoint(tmp_path / "checkpoint")
    older = recant.Vault(tmp_path / "backup.rct", require_checkpoint=tmp_path / "checkpoint")
    with pytest.raises(recant.DamagedError, match="older backup"):
        older.forget(3)
    with pytest.raises(recant.DamagedError, match="does not contain the checkpoint"):
        older.catch_up(tmp_path / "backup.rct" / "ledger.sqlite")
    assert older.catch_up(vault.path / "ledger.sqlite") == 1
    assert older.status().rows_left == 198 and older.forget(3).done
    with pytest.raises(recant.UsageError, match="exists"):
        vault.backup(tmp_path / "backup.rct")


def test_audit_is_the_command_s(folders, command, tmp_path) -> None:
    vault = recant.Vault(folders.copy(folders.plain))
    lines = folders.train.read_text().splitlines()
    deleted = tmp_path / "deleted.csv"
    deleted.write_text("\n".join([lines[0], *lines[1:31]]) + "\n")
    vault.forget(np.arange(30))
    ours = vault.audit(deleted=deleted, test=folders.held, shadow_models=4, sigmas=[0.1], bound=1.0)
    theirs = run(command, "audit", vault.path, "--deleted", deleted, "--test", folders.held,
                 "--shadow-models", 4, "--sigma", 0.1, "--bound", 1.0)
    assert comparable(ours.to_dict()) == comparable(theirs)
    assert ours.verdict == "holds" and ours.sentences and ours.distance < 1e-6
    assert ours.distance_interval[0] <= ours.distance <= ours.distance_interval[1]
    with pytest.raises(recant.DataError, match="erased"):
        vault.audit(reconstruction=True)
    alone = vault.audit(test=folders.held, bound=1.0)
    assert comparable(alone.to_dict()) == comparable(run(command, "audit", vault.path, "--test", folders.held, "--bound", 1.0))
    assert (alone.verdict, alone.distance, alone.to_dict()["deleted_rows"]) == ("holds", ours.distance, 30)
    assert alone.to_dict()["reconstruction"] is None and "left out" in alone.sentences[-1]
    with pytest.raises(recant.UsageError, match="no model was trained on"):
        vault.audit(deleted=deleted, membership=True)


def test_an_estimator_can_be_enrolled(problem, tmp_path) -> None:
    model = problem.fit()
    vault = recant.Vault.create(tmp_path / "m.rct", model, **BUDGET,
                                validation=problem.part(problem.validation))
    plan = vault.fit_result.to_dict()["enrolment"]
    assert plan["outcome"] == "enrolled" and plan["price"]["rows"] == "validation"
    gone = vault.forget([0, 1])
    assert gone.level == "certified" and gone.bound <= plan["budget"]["allowance"]
    # The same step, in memory and on disk; on disk under a budget.
    here = model.forget([0, 1], allowance=plan["budget"]["allowance"])
    assert here.bound == gone.bound and here.terms == gone.terms
    assert distance(gone.model, model) == 0
    with pytest.raises(recant.UsageError, match="exists"):
        recant.Vault.create(tmp_path / "m.rct", model)
    assert recant.Vault.create(tmp_path / "m.rct", model, replace=True).status().budget is None


def test_budgets_that_cannot_be_are_refused_before_anything_is_written(problem, folders, tmp_path) -> None:
    model = problem.fit()
    for options in ({"epsilon": 1.0}, {"delta": 1e-5}, {"sigma": 1.0},
                    {"epsilon": 0.0, "delta": 1e-5}, {"epsilon": 1.0, "delta": 1e-5, "sigma": 1e-25},
                    {**BUDGET, "allowance": 1.0}, {**BUDGET, "on_budget_spent": "shrug"}):
        with pytest.raises(recant.UsageError):
            recant.Vault.create(tmp_path / "m.rct", model, **options)
    for options in ({"missing": "shrug"}, {"encoding": "none"}, {"target": "nothing"}, {"loss": "hinge"},
                    {"max_iterations": 1}):
        with pytest.raises((recant.UsageError, recant.DataError)):
            recant.Vault.fit(tmp_path / "m.rct", folders.train, **{**FIT, **options})
    assert not (tmp_path / "m.rct").exists()


# -- a ledger on a server ----------------------------------------------------------------------------


@pytest.fixture
def schema(server, request) -> object:
    """Makes an empty schema: its address."""
    def make(name: str) -> str:
        server.psql(f"CREATE SCHEMA {name}")
        return server.address(name)

    return make


@pytest.mark.parametrize("kind", ["plain", "enrolled"])
def test_a_ledger_on_a_server_is_the_command_s(folders, command, tmp_path, schema, kind: str) -> None:
    """Made with the budget or, without one, by the first deletion; from then on the folder knows it."""
    budget = BUDGET if kind == "enrolled" else {}
    flags = [text for name, value in {**FIT, **budget}.items() for text in (f"--{name}", value)]
    addresses = [schema(f"{kind}_{who}") for who in ("ours", "theirs")]
    of_fit = [{"ledger": each} if budget else {} for each in addresses]
    of_first = [{} if budget else {"ledger": each} for each in addresses]
    vault = recant.Vault.fit(tmp_path / "ours.rct", folders.train, **FIT, **budget, **of_fit[0])
    vault = recant.Vault(vault.path, **of_first[0])
    theirs = tmp_path / "theirs.rct"
    run(command, "fit", folders.train, *flags, *(["--ledger", addresses[1]] if budget else []), "-o", theirs)
    first = [] if budget else ["--ledger", addresses[1]]
    ours = [vault.forget([3, 9], key="k"), recant.Vault(vault.path).forget([3, 9], key="k"), vault.forget(20)]
    for gone, more in zip(ours, [["--rows", "3,9", "--request-key", "k", *first], ["--rows", "3,9", "--request-key", "k"],
                                 ["--rows", "20"]], strict=True):
        assert gone.done and comparable(gone.to_dict()) == comparable(run(command, "forget", theirs, *more))
    status, of_command = vault.status().to_dict(), run(command, "status", theirs)
    assert status.pop("ledger_address").replace(f"{kind}_ours", "") == of_command.pop(
        "ledger_address").replace(f"{kind}_theirs", "")
    assert status.pop("model_id") != of_command.pop("model_id")  # of the manifest, which has the address
    assert comparable(status) == comparable(of_command) and vault.check().fault is None
    assert not (vault.path / "ledger.sqlite").exists()
    with pytest.raises(recant.UsageError, match="another place"):
        recant.Vault(vault.path, ledger="postgresql://nowhere/db").forget(5)


def test_a_server_s_ledger_is_backed_up_into_a_file_and_caught_up_with(folders, tmp_path, schema) -> None:
    address = schema("backed_up")
    vault = recant.Vault.create(tmp_path / "m.rct", folders.plain.estimator, **BUDGET, ledger=address)
    vault.forget(1)
    vault.backup(tmp_path / "b.rct")
    vault.forget(2)
    older = recant.Vault(tmp_path / "b.rct")
    assert older.status().rows_left == 199 and older.status().to_dict()["ledger_address"] is None
    assert older.catch_up(address) == 1 and older.status().rows_left == 198


def test_ledgers_that_cannot_be_are_refused(folders, tmp_path) -> None:
    model = folders.plain.estimator
    for ledger, says in [("postgresql://anna:swordfish@localhost/db", "PGPASSWORD"), ("elsewhere.sqlite", "postgresql://")]:
        with pytest.raises(recant.UsageError, match=says) as error:
            recant.Vault.create(tmp_path / "m.rct", model, **BUDGET, ledger=ledger)
        assert "swordfish" not in str(error.value)
        with pytest.raises(recant.UsageError, match=says):
            recant.Vault(folders.copy(folders.plain), ledger=ledger).forget(1)
    with pytest.raises(recant.UsageError, match="from its first deletion"):
        recant.Vault.create(tmp_path / "m.rct", model, ledger="postgresql://localhost/db")
    with pytest.raises(recant.UsageError, match="ledger: must be"):
        recant.Vault(folders.plain.path, ledger=3)
    assert not (tmp_path / "m.rct").exists()
