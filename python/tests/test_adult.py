# SPDX-License-Identifier: Apache-2.0
"""On UCI Adult every object of the package is the command's JSON to the last digit.

All members are compared but times (`seconds`, and when the ledger changed), of paths the last part. From
arrays, which know less than a table, those of ARRAYS_LACK are left out; from tables none.
"""

from __future__ import annotations

import copy
import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import say

import recant

#: What arrays do not have: names, rows that were dropped before, categories.
ARRAYS_LACK = {"columns", "classes", "rows_dropped", "unseen_categories"}
BUDGET = {"epsilon": 1.0, "delta": 1e-6, "releases": 20}
METRICS = ["utility", "demographic_parity", "equal_opportunity", "equal_opportunity_loss", "equalized_odds",
           "robust_loss", "transferred_robust_loss"]


def comparable(value: object, name: str = "", without: frozenset[str] = frozenset()) -> object:
    """Without times and the members named, and of paths the last part."""
    if isinstance(value, dict):
        return {key: comparable(each, key, without) for key, each in value.items()
                if key not in {"seconds", "changed_at", *without}}
    if isinstance(value, list):
        return [comparable(each, name, without) for each in value]
    return Path(value).name if name in ("certificate", "annex") and isinstance(value, str) else value


def same(ours: dict, theirs: dict, without: set[str] | None = None) -> None:
    left_out = frozenset(without or ())
    assert comparable(ours, without=left_out) == comparable(theirs, without=left_out)
    assert ours["schema"] == theirs["schema"] and set(ours["seconds"]) == set(theirs["seconds"])


class Adult:
    """The command's model of Adult, a copy of it under a budget, and both as arrays."""

    FIT = {"target": "income", "positive": ">50K", "sensitive": "sex"}
    FLAGS = ("--target", "income", "--positive", ">50K", "--sensitive", "sex")

    def __init__(self, folder: Path, adult: Path, command: str) -> None:
        self.folder, self.train, self.copies = folder, adult / "train.csv", 0
        with open(adult / "test.csv", newline="") as file:
            header, *rows = csv.reader(file)
        half = len(rows) // 2
        self.validation, self.test, self.some = (folder / f"{part}.csv" for part in ("validation", "test", "some"))
        for file, some in ((self.validation, rows[:half]), (self.test, rows[half:]), (self.some, rows[:200])):
            with open(file, "w", newline="") as lines:
                csv.writer(lines).writerows([header, *some])
        self.path = folder / "adult.rct"
        self.fit = say(command, "fit", self.train, *self.FLAGS, "-o", self.path)
        self.vault = recant.Vault(self.path)

    def arrays(self, file: Path | None = None) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        model = self.vault._model
        rows = model.rows if file is None else model.read_csv(str(file))
        name, groups, codes = rows.sensitive[0]
        return np.array(rows.features), np.array(rows.targets).astype(int), {name: np.array(groups)[codes]}

    def two(self, path: Path) -> tuple[recant.Vault, Path]:
        """Copies, one for the package and one for the command."""
        self.copies += 1
        ours, theirs = (self.folder / f"{who}{self.copies}" / path.name for who in ("ours", "theirs"))
        shutil.copytree(path, ours)
        shutil.copytree(path, theirs)
        return recant.Vault(ours), theirs


@pytest.fixture(scope="module")
def encoded(tmp_path_factory, adult, command) -> Adult:
    return Adult(tmp_path_factory.mktemp("adult"), adult, command)


# -- tables --------------------------------------------------------------------------------------------


def test_fit(encoded, tmp_path) -> None:
    same(recant.Vault.fit(tmp_path / "m.rct", encoded.train, **encoded.FIT).fit_result.to_dict(), encoded.fit)


def test_fit_under_a_budget(encoded, command, tmp_path) -> None:
    ours = recant.Vault.fit(tmp_path / "m.rct", encoded.train, **encoded.FIT, **BUDGET, l2_per_row=0.01,
                            validation=encoded.validation)
    flags = [text for name, value in BUDGET.items() for text in (f"--{name}", value)]
    theirs = say(command, "fit", encoded.train, *encoded.FLAGS, *flags, "--l2-per-row", 0.01, "--validation",
                 encoded.validation, "-o", tmp_path / "n.rct")
    assert theirs["enrolment"]["price"]["rows"] == "validation"
    same(ours.fit_result.to_dict(), theirs)


def test_evaluate(encoded, command) -> None:
    same(encoded.vault.evaluate(encoded.test).to_dict(), say(command, "evaluate", encoded.path, encoded.test))
    ours = encoded.vault.evaluate(encoded.test, threshold=0.3, radius=0.1, attack_correct_only=True)
    same(ours.to_dict(), say(command, "evaluate", encoded.path, encoded.test, "--threshold", 0.3, "--radius", 0.1,
                             "--attack-correct-only"))


@pytest.mark.parametrize("metric", METRICS)
def test_influence(encoded, command, metric: str, tmp_path) -> None:
    ours = encoded.vault.influence(encoded.validation, metric=metric)
    same(ours.to_dict(), say(command, "influence", encoded.path, "--validation", encoded.validation, "--metric",
                             metric, "-o", tmp_path / "i.npy"))
    np.testing.assert_array_equal(ours.values, np.load(tmp_path / "i.npy"))


def test_correct(encoded, command, tmp_path) -> None:
    ours = encoded.vault.correct(encoded.validation, test=encoded.test, metric=["demographic_parity", "equal_opportunity"],
                                 target_gap=0.01, output=tmp_path / "ours.rct")
    theirs = say(command, "correct", encoded.path, "--validation", encoded.validation, "--test", encoded.test,
                 "--close", "demographic_parity,equal_opportunity", "--target-gap", 0.01, "-o", tmp_path / "theirs.rct",
                 "--weights", tmp_path / "w.npy")
    same(ours.to_dict(), theirs)
    np.testing.assert_array_equal(ours.weights, np.load(tmp_path / "w.npy"))
    np.testing.assert_array_equal(recant.load(tmp_path / "ours.rct").coef_, recant.load(tmp_path / "theirs.rct").coef_)


@pytest.mark.parametrize("under_a_budget", [False, True])
def test_forget_status_audit_and_verify(encoded, command, tmp_path, under_a_budget: bool) -> None:
    path = encoded.path
    if under_a_budget:
        path = recant.Vault.fit(tmp_path / "m.rct", encoded.train, **encoded.FIT, **BUDGET, l2_per_row=0.01).path
    ours, theirs = encoded.two(path)
    # Each opens the folder anew, as the command does: the ledger counts that too.
    mine = [ours.forget([3, 9]), ours.forget(ids=[77, 1000], key="k"), ours.forget(ids=[77, 1000], key="k")]
    for gone, flags in zip(mine, [["--rows", "3,9"], *[["--ids", "77,1000", "--request-key", "k"]] * 2], strict=True):
        assert gone.done and gone.level == ("certified" if under_a_budget else "exact")
        same(gone.to_dict(), say(command, "forget", theirs, *flags))
    same(ours.status().to_dict(), say(command, "status", theirs))
    same(ours.check().to_dict(), say(command, "status", theirs, "--check"))
    same(ours.audit(test=encoded.test, bound=1e-3).to_dict(),
         say(command, "audit", ours.path, "--test", encoded.test, "--bound", 1e-3))
    public = ours.path / "published"
    same(recant.certificate.verify(mine[1].certificate, model=ours.path, public_key=public / "public-key.json",
                                   annex=mine[1].to_dict()["annex"]).to_dict(),
         say(command, "verify", mine[1].certificate, "--model", ours.path, "--public-key", public / "public-key.json",
             "--annex", mine[1].to_dict()["annex"]))


def test_compare(encoded, command, tmp_path) -> None:
    vault = recant.Vault.fit(tmp_path / "m.rct", encoded.train, **encoded.FIT)
    ours = vault.compare(encoded.test, validation=encoded.validation, resamples=40, rounds=2)
    theirs = say(command, "compare", encoded.train, *encoded.FLAGS, "--validation", encoded.validation, "--test",
                 encoded.test, "--resamples", 40, "--rounds", 2)
    same(ours.to_dict(), theirs)
    X, y, sex = encoded.arrays()
    model = recant.LogisticRegression().fit(X, y, sensitive_features=sex)
    V, v, sex_v = encoded.arrays(encoded.validation)
    from_arrays = recant.compare(model, V, v, sensitive_features=sex_v, test=encoded.arrays(encoded.test), resamples=40,
                                 rounds=2)
    same(from_arrays.to_dict(), theirs, ARRAYS_LACK)


def test_plan_and_a_batch(encoded, command, tmp_path) -> None:
    flags = [text for name, value in BUDGET.items() for text in (f"--{name}", value)]
    ours = recant.Vault.plan(encoded.train, **encoded.FIT, **BUDGET, l2_per_row=0.01, validation=encoded.validation)
    same(ours.to_dict(), say(command, "fit", encoded.train, *encoded.FLAGS, *flags, "--l2-per-row", 0.01,
                             "--validation", encoded.validation, "--plan"))
    path = recant.Vault.fit(tmp_path / "m.rct", encoded.train, **encoded.FIT, **BUDGET, l2_per_row=0.01).path
    vault, theirs = encoded.two(path)
    (tmp_path / "requests.csv").write_text("key,id\na,5\nb,6\na,7\n")
    same(vault.forget_requests({"a": [5, 7], "b": 6}, by="id").to_dict(),
         say(command, "forget", theirs, "--requests", tmp_path / "requests.csv"))


VALUES = {"knn_shapley": {"neighbors": 3, "top": 4}, "influence": {"flip_check": 0.1, "seed": 3},
          "data_shapley": {"max_samples": 10, "seed": 2},
          "beta_shapley": {"max_samples": 10, "alpha": 4.0, "beta": 1.0}, "data_banzhaf": {"max_samples": 40}}


@pytest.mark.parametrize("method", VALUES)
def test_values(encoded, command, method: str, tmp_path) -> None:
    """Of encoded features and the labels of the file, as the estimator of a folder takes them. Leave-one-out,
    which takes minutes here, is compared on small data (test_verbs.py)."""
    X, y, _ = encoded.arrays(encoded.some)
    estimator = encoded.vault.estimator
    ours = getattr(recant.values, method)(estimator, X, estimator.classes_[y], **VALUES[method])
    flags = [text for name, value in VALUES[method].items() for text in (f"--{name.replace('_', '-')}", value)]
    theirs = say(command, "value", encoded.path, "--validation", encoded.some, "--method", method, *flags, "-o",
                 tmp_path / "v.npy")
    assert theirs.pop("validation_rows_dropped") >= 0 == ours.to_dict()["validation_rows_dropped"]
    same({name: value for name, value in ours.to_dict().items() if name != "validation_rows_dropped"}, theirs,
         without={"unseen_categories"})
    np.testing.assert_array_equal(ours.values, np.load(tmp_path / "v.npy"))


# -- arrays --------------------------------------------------------------------------------------------


def test_arrays_give_the_same(encoded, command, tmp_path) -> None:
    """The rows as the command encodes them, in arrays: the same fit, metrics, influences, correction."""
    X, y, sex = encoded.arrays()
    V, v, sex_v = encoded.arrays(encoded.validation)
    model = recant.LogisticRegression().fit(X, y, sensitive_features=sex)
    same(model.fit_result_.to_dict(), encoded.fit, ARRAYS_LACK)
    same(recant.evaluate(model, V, v, sensitive_features=sex_v).to_dict(),
         say(command, "evaluate", encoded.path, encoded.validation), ARRAYS_LACK)
    ours = recant.influence(model, V, v, metric="equalized_odds", sensitive_features=sex_v)
    theirs = say(command, "influence", encoded.path, "--validation", encoded.validation, "--metric", "equalized_odds",
                 "-o", tmp_path / "i.npy")
    same(ours.to_dict(), theirs, {*ARRAYS_LACK, "validation_rows_dropped"})
    np.testing.assert_array_equal(ours.values, np.load(tmp_path / "i.npy"))
    corrected = copy.copy(model)
    result = corrected.correct(V, v, sensitive_features=sex_v, test=encoded.arrays(encoded.test))
    same(result.to_dict(), say(command, "correct", encoded.path, "--validation", encoded.validation, "--test",
                               encoded.test, "--close", "demographic_parity", "--weights", tmp_path / "w.npy"),
         ARRAYS_LACK)
    np.testing.assert_array_equal(result.weights, np.load(tmp_path / "w.npy"))
    assert abs(result.after["validation"]["demographic_parity"]) < 1e-3
    retrained = recant.LogisticRegression().fit(X, y, result.weights)
    np.testing.assert_allclose(corrected.coef_, retrained.coef_, atol=1e-7)
