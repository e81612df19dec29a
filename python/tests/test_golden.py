# SPDX-License-Identifier: Apache-2.0
"""Golden cases through the package: what an independent implementation found (RECANT_SHARED_DIR/oracle),
within the tolerances of section 10 of its README.

No verb of the package says, so that nothing here compares: Hessians and their determinants, traces and
eigenvalues; gradients of rows and of metrics, and these times the inverse Hessian; derivatives of losses by the
score; bounds that recant does not use (bound_g3_half, bound_guo: what recant claims is compared with the
true distance instead); the leverage of ridge rows; what every set of rows is worth (utility_by_mask), the weights of set
sizes, and leave-one-out of the neighbours' vote; of the privacy case delta by itself, compositions of releases that cost
different amounts, which no budget has, and whatever is below delta 1e-12 or above mu 4. The tests of the core have all of these.
"""

from __future__ import annotations

import copy
import csv
import json
import warnings
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from conftest import shared_folder

import recant

BASE = shared_folder() / "oracle" / "golden"
pytestmark = pytest.mark.skipif(not BASE.is_dir(), reason=f"{BASE} is not there")

SMALL = [f"synth_{size}_b{b}" for size in ("d5_l05", "d20_l1") for b in (0, 1)]
LARGE = [f"{data}_{l2}_b{b}" for data in ("german", "compas", "adult") for l2 in ("l1", "l001n") for b in (0, 1)]
LOGISTIC = [*SMALL, *LARGE]
OTHER = ["ridge_d5", "softmax_k3_d4", "softmax_k4_d6"]
EVERY = [*LOGISTIC, "separable_n40_d60", "mnist38_l001n", *OTHER]

METRICS = {"util": "utility", "dp": "demographic_parity", "eop": "equal_opportunity_loss",
           "robust": "transferred_robust_loss", "robust_total": "robust_loss"}
#: Of values and changes the robust loss is the one whose attack follows the model.
VALUES = {**METRICS, "util": "log_loss_sum", "robust": "robust_loss", "robust_fixed_points": "transferred_robust_loss"}
HARD = {"accuracy": "accuracy", "dp_gap_hard": "demographic_parity_hard", "eop_gap_hard": "equal_opportunity_hard"}
ACTIVE = {1: "none", 2: "utility", 3: "gap", 4: "both"}
UPDATES = {"if_update": "influence", "newton_step": "newton", "retrained": "polish"}


def near(got: object, want: object, relative: float, absolute: float = 0.0, what: str = "") -> None:
    """Relative to the largest entry."""
    want = np.asarray(want, dtype=float)
    np.testing.assert_allclose(got, want, rtol=0, atol=relative * np.abs(want).max(initial=0) + absolute,
                               err_msg=what)


def found_in(name: str) -> dict:
    return json.loads((BASE / f"{name}.json").read_text())


class Golden:
    """A case and the model of its training rows."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder, self.found = name, folder, found_in(name)
        self.l2 = self.found["lambda"]
        self.kind = recant.RidgeRegression if self.found["family"] == "ridge" else recant.LogisticRegression
        self.rows = self._from_csv() if self.data["kind"] == "csv" else self._from_arrays()
        self.report = self.fit().fit_result_.to_dict()

    @property
    def data(self) -> dict:
        return self.found["data"]

    def _from_arrays(self) -> dict[str, tuple[np.ndarray, ...]]:
        """Features, targets and, if there are any, groups by part."""
        if self.data["kind"] == "mnist38":
            digits = shared_folder() / "data" / "mnist38"
            parts = {part: (np.load(digits / f"{part}_x.npy") / 255.0,
                            (np.load(digits / f"{part}_y.npy") == 8).astype(int)) for part in ("train", "test")}
            half = len(parts["test"][0]) // 2
            return {"train": parts["train"], "val": tuple(each[:half] for each in parts["test"]),
                    "test": tuple(each[half:] for each in parts["test"])}
        return {part: tuple(np.load(BASE / self.data[f"{letter}_{part}"]) for letter in "Xys"
                            if f"{letter}_{part}" in self.data) for part in ("train", "val")}

    def _from_csv(self) -> dict[str, tuple[np.ndarray, ...]]:
        """As the package encodes the tables."""
        source = shared_folder() / "data" / self.data["set"]
        target = json.loads((source / "schema.json").read_text())["target"]
        self.vault = recant.Vault.fit(
            self.folder / "m.rct", source / "train.csv", target=target["column"], positive=target["positive"],
            sensitive=self.data["sensitive"], privileged=f"{self.data['sensitive']}={self.data['privileged']}",
            na=["?"], l2=self.l2, intercept=self.found["intercept"])
        encoded = {"train": self.vault._model.rows} | {
            part: self.vault._model.read_csv(str(file)) for part, file in self._halves(source / "test.csv").items()}
        return {part: (np.array(each.features), np.array(each.targets).astype(int),
                       np.array(each.sensitive[0][1])[each.sensitive[0][2]]) for part, each in encoded.items()}

    def _halves(self, file: Path) -> dict[str, Path]:
        with open(file, newline="") as lines:
            header, *rows = csv.reader(lines)
        kept = [row for row in rows if "?" not in row]
        parts = {"val": kept[: len(kept) // 2], "test": kept[len(kept) // 2 :]}
        for part, some in parts.items():
            with open(self.folder / f"{part}.csv", "w", newline="") as lines:
                csv.writer(lines).writerows([header, *some])
        return {part: self.folder / f"{part}.csv" for part in parts}

    def fit(self, weights: object = None) -> recant.LogisticRegression | recant.RidgeRegression:
        X, y, *groups = self.rows["train"]
        privileged = self.data.get("privileged", "1") if groups else None
        model = self.kind(l2=self.l2, intercept=bool(self.found.get("intercept")))
        return model.fit(X, y, weights, sensitive_features=groups[0] if groups else None, privileged=privileged)

    @cached_property
    def model(self) -> recant.LogisticRegression | recant.RidgeRegression:
        return self.fit()

    def evaluate(self, model: object, part: str) -> dict:
        X, y, *groups = self.rows[part]
        return recant.evaluate(model, X, y, sensitive_features=groups[0] if groups else None).metrics

    @cached_property
    def influence(self) -> dict[str, recant.Influence]:
        X, y, *groups = self.rows["val"]
        return {key: recant.influence(self.model, X, y, metric=METRICS[key],
                                      sensitive_features=groups[0] if groups else None)
                for key in self.found["influence"]}

    def corrected(self, update: str, **options: object) -> tuple[object, recant.Correction]:
        """Another model, and what made it; exactly one linearisation and one update."""
        X, y, *groups = self.rows["val"]
        model = copy.copy(self.model)
        return model, model.correct(X, y, sensitive_features=groups[0] if groups else None,
                                    test=self.rows.get("test"), update=update, rounds=1, **options)


@pytest.fixture(scope="module")
def golden(request, tmp_path_factory) -> Golden:
    return Golden(request.param, tmp_path_factory.mktemp(request.param))


def cases(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("golden", names, indirect=True, scope="module")


def theta_of(model: object) -> np.ndarray:
    """As the oracle has it: class by class, the intercept last."""
    coef = np.atleast_2d(model.coef_)
    return (np.column_stack([coef, model.intercept_]) if model.intercept else coef).ravel()


def near_theta(golden: Golden, model: object, want: object, leftover: float = 0.0, what: str = "") -> None:
    """`leftover`: gradient norms of the optima that are compared, twice that of the fit in any case."""
    slack = 2 * (golden.report["gradient_norm"] + leftover) / golden.l2
    theta = theta_of(model)
    if isinstance(want, list):
        near(theta, want, 1e-8, slack, what)
        return
    norm = np.linalg.norm(theta)
    near(norm, want["norm"], 1e-8, slack, what)
    near(theta.sum(), want["sum"], 0, 10 * (1e-8 * norm + slack), what)
    near(theta[:10], want["first10"], 0, 1e-8 * norm + slack, what)


def near_metrics(got: dict, want: dict, what: str = "") -> None:
    for key, value in want.items():
        if key in VALUES:
            near(got[VALUES[key]], value, 1e-9, 1e-10, f"{what} {key}")
    # Labels are exact unless a score is 0 to within the models' difference: then one may flip.
    flip = 1e-12 if want.get("min_abs_margin", 0) > 1e-6 else 1e-2
    for key, name in HARD.items():
        if key in want:
            near(got[name], want[key], 0, flip, f"{what} {key}")


def near_rows(got: np.ndarray, want: object, what: str = "") -> None:
    """A number for every row, or what is kept of so many."""
    if isinstance(want, list):
        near(got, want, 1e-8, 1e-300, what)
        return
    scale = max(abs(want["min"]), abs(want["max"]))
    near(got[:50], want["first50"], 0, 1e-8 * scale, what)
    near(got.sum(), want["sum"], 0, 1e-8 * scale * np.sqrt(len(got)), what)
    near(np.linalg.norm(got), want["norm"], 1e-8, 0, what)
    near([got.min(), got.max()], [want["min"], want["max"]], 0, 1e-8 * scale, what)
    assert (got.argmin(), got.argmax()) == (want["argmin"], want["argmax"]), what


# -- tables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adult", "compas", "german", "edge"])
def test_tables_are_encoded(name: str, tmp_path) -> None:
    found = found_in(f"prep_{name}")
    folder = BASE / "edge" if name == "edge" else shared_folder() / "data" / name
    target = json.loads((folder / "schema.json").read_text())["target"]
    vault = recant.Vault.fit(
        tmp_path / "m.rct", folder / "train.csv", target=target["column"], positive=target["positive"],
        sensitive=found["data"]["sensitive"], na=["?"], schema=folder / "schema.json")
    assert vault.columns == found["feature_names"]
    rows = vault._model.rows
    X, wanted = np.array(rows.features), found["train"]
    assert len(X) == wanted["rows"] and rows.targets.sum() == wanted["y_positive"]
    near(X[0], wanted["first_row"], 1e-12, 1e-12)
    near(X[-1], wanted["last_row"], 1e-12, 1e-12)
    near((X**2).sum(), wanted["squared_frobenius"], 1e-12)
    near(np.sqrt((X**2).sum(axis=1).max()), wanted["max_row_norm"], 1e-12)
    _, groups, codes = rows.sensitive[0]
    is_privileged = codes == groups.index(found["data"]["privileged"])
    assert is_privileged.sum() == wanted["s_one"]
    assert (is_privileged & (rows.targets == 1)).sum() == wanted["y_and_s"]
    if name == "edge":
        near(X, np.load(BASE / found["data"]["X_train"]), 1e-12, 1e-12)


# -- models and their metrics ------------------------------------------------------------------------


@cases(*EVERY)
def test_coefficients_and_loss(golden) -> None:
    near_theta(golden, golden.model, golden.found["theta_hat"])
    near(golden.report["loss"], golden.found["train_objective"], 1e-11)
    near(golden.report["metrics"]["log_loss_sum"],
         golden.found["train_data_loss"], 1e-9, 1e-10)
    if golden.data["kind"] == "csv":  # the same model as from the arrays that were made of the table
        np.testing.assert_array_equal(theta_of(golden.vault.estimator), theta_of(golden.model))


@cases(*EVERY)
def test_metrics(golden) -> None:
    for part in ("val", "test"):
        if f"metrics_{part}" in golden.found:
            near_metrics(golden.evaluate(golden.model, part), golden.found[f"metrics_{part}"], part)


@cases(*SMALL)
def test_losses_of_rows(golden) -> None:
    X, y, *_ = golden.rows["train"]
    losses = -golden.model.predict_log_proba(X)[np.arange(len(y)), y.astype(int)]
    near(losses, golden.found["sample_losses"], 1e-8)


@cases(*EVERY)
def test_influences(golden) -> None:
    assert golden.influence
    for key, effect in golden.influence.items():
        near_rows(effect.values, golden.found["influence"][key], key)
        value = golden.found["metrics_val"]["robust" if key == "robust_total" else key]
        near(effect.metric_value, value, 1e-9, 1e-10, key)


@cases(*SMALL, *OTHER)
def test_weighted_fits(golden) -> None:
    wanted = golden.found["weighted_fit"]
    model = golden.fit(wanted["weights"])
    near_theta(golden, model, wanted["theta"], model.fit_result_.to_dict()["gradient_norm"])
    near(model.fit_result_.to_dict()["loss"], wanted["objective"], 1e-11)


def test_scores_of_any_size() -> None:
    """Margins to 900: F and its gradient at a given theta are what adoption starts from."""
    from sklearn.linear_model import LogisticRegression

    found = found_in("eval_margins")
    X, y, w, theta = (np.load(BASE / found["data"][key]) for key in ("X", "y", "w", "theta"))
    theirs = LogisticRegression(C=1 / found["lambda"], fit_intercept=False).fit(X, y)
    theirs.coef_ = theta[None, :]
    with np.errstate(all="raise"):
        ours = recant.adopt(theirs, X, y, w)
    near(ours.adoption_.before["gradient_norm"], np.linalg.norm(found["gradient"]), 1e-11)
    near(ours.adoption_.before["excess_loss"] + ours.fit_result_.to_dict()["loss"], found["objective"], 1e-11)


# -- weights and what they do ------------------------------------------------------------------------


@cases(*LOGISTIC)
def test_soft_weights(golden) -> None:
    utility = golden.influence["util"]
    for wanted in golden.found["soft_weights"]:
        what, gap, box = f"{wanted['target']}/{wanted['rule']}", golden.influence[wanted["target"]], wanted["box"]
        found = recant.soft_weights(gap, utility, kappa=wanted["lambda_e"], bounds=None if box is None else tuple(box))
        near_rows(found.delta, wanted["e"], what)
        assert found["active"] == ACTIVE[wanted["kkt_case"]], what
        near(found["utility_multiplier"], wanted["mu_utility"], 1e-8, 1e-12, what)
        near(found["gap_multiplier"], wanted["mu_budget"], 1e-8, 1e-12, what)
        near(found["objective"], wanted["objective"], 1e-8, 0, what)
        near(found["predicted_change"], -np.sign(gap.metric_value) * wanted["a_dot_e"], 1e-8, 0, what)
        rounding = 1e-9 * np.linalg.norm(utility) * np.linalg.norm(found.delta)  # it is truly 0 where it is held
        near(found["predicted_utility_change"], -wanted["u_dot_e"], 1e-8, rounding, what)
        if box is not None:
            assert found["at_lower"] + found["at_upper"] == wanted["n_at_bound"], what


@cases(*LOGISTIC)
def test_rows_to_delete(golden) -> None:
    for wanted in golden.found["hard_topk"]:
        gap = golden.influence[wanted["target"]]
        found = recant.hard_weights(gap, count=wanted["k"])
        assert sum(found.rows) == wanted["index_sum"] and len(found.rows) == wanted["k"]
        if wanted["indices"] is not None:  # left out of the file where there are thousands
            assert sorted(found.rows) == sorted(wanted["indices"])
        near(np.sign(gap.metric_value) * gap.values[found.rows[-1]], wanted["kth_value"], 1e-7, 1e-12)
        if wanted["rule"] == "budget":
            # Where the cut falls among equal rows the oracle takes none of them.
            budget = recant.hard_weights(gap, predicted_total=1.0)
            beyond = gap.values[budget.rows[wanted["k"]:]]
            assert len(budget.rows) >= wanted["k"]
            assert len(beyond) == 0 or np.ptp(beyond) <= 2e-7 * np.abs(beyond).max()


def options_of(wanted: dict) -> dict[str, object]:
    """What makes ``correct`` choose these weights."""
    goal = {"metric": METRICS[wanted["target"]]}
    if "k" in wanted:
        return {**goal, "scheme": "hard", "count": wanted["k"]}
    box = wanted["box"]
    return {**goal, "kappa": wanted["lambda_e"], "bounds": None if box is None else tuple(box)}


def check_correction(golden: Golden, update: str, wanted: dict, model: object, result: recant.Correction,
                     what: str) -> None:
    text, after = result.to_dict(), wanted[update]
    size = np.linalg.norm(result.delta)
    for key, value in wanted["predicted_val_change"].items():
        rounding = 1e-9 * np.linalg.norm(golden.influence[key]) * size
        near(result.predicted_change[METRICS[key]], value, 1e-8, rounding, f"{what} predicted {key}")
    near([result.weights.min(), result.weights.max()], [wanted["min_weight"], wanted["max_weight"]], 1e-8, 0, what)
    if "theta" in after:
        near_theta(golden, model, after["theta"], text["gradient_norm"] if update == "retrained" else 0.0, what)
    if "grad_residual" in after:
        near(text["gradient_norm"], after["grad_residual"], 1e-6, 1e-9, what)
    near_metrics(result.after["validation"], after["val"], f"{what} val")
    if "test" in golden.rows:
        near_metrics(result.after["test"], after["test"], f"{what} test")
    for key, change in after["val_change"].items():
        if key in VALUES:
            # Each of the two values that it is between may be off as a value may.
            size = abs(after["val"][key]) + abs(after["val"][key] - change)
            name = "utility" if key == "util" else VALUES[key]
            near(result.actual_change[name], change, 0, 1e-9 * size + 2e-10, f"{what} change of {key}")


@cases(*LOGISTIC)
@pytest.mark.parametrize("scheme", ["soft_weights", "hard_topk"])
def test_corrections(golden, scheme: str) -> None:
    """Predicted and actual, of one step towards the new weights' optimum and of the optimum."""
    for wanted in golden.found[scheme]:
        thetas = {}
        for key, update in UPDATES.items():
            what = f"{wanted['target']}/{wanted['rule']}/{update}"
            model, result = golden.corrected(update, **options_of(wanted))
            if update == "polish" and not wanted["retrain_convex"]:  # there may be no optimum
                assert not result.applied and result.stop == "update_failed", what
                continue
            assert result.applied and result.level == ("exact" if update == "polish" else "heuristic"), what
            check_correction(golden, key, wanted, model, result, what)
            thetas[key] = theta_of(model)
        if "retrained" in thetas:
            for key in ("if_update", "newton_step"):
                near(np.linalg.norm(thetas["retrained"] - thetas[key]), wanted["retrained"][f"dist_from_{key}"], 1e-6,
                     2e-9 / golden.l2)
        if "step_norm" in wanted["newton_step"]:
            near(np.linalg.norm(thetas["newton_step"] - theta_of(golden.model)), wanted["newton_step"]["step_norm"],
                 1e-6, 1e-10)


# -- deletions ---------------------------------------------------------------------------------------


@cases(*EVERY)
def test_deletions(golden) -> None:
    for wanted in golden.found["deletions"]:
        what = f"{wanted.get('kind', '')} {wanted['size']}"
        model = copy.copy(golden.model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", recant.NotDeletedWarning)
            gone = model.forget(wanted["indices"], audit=True)
        if gone.reason == "last_of_group":  # which a model that knows its groups refuses
            assert golden.name.startswith("compas"), what
            continue
        assert gone.done and gone.tier == "1", what
        near_theta(golden, model, wanted["theta_newton"], what=what)
        near(gone.to_dict()["step_norm"], np.linalg.norm(theta_of(model) - theta_of(golden.model)), 1e-9, 1e-12, what)
        if "step_norm" in wanted:
            near(gone.to_dict()["step_norm"], wanted["step_norm"], 1e-6, 1e-10, what)
        if "grad_residual_newton" in wanted:
            near(gone.to_dict()["bound"]["residual_norm"], wanted["grad_residual_newton"], 1e-6, 1e-9, what)
        if "dist_newton" in wanted:
            near(gone.distance, wanted["dist_newton"], 1e-6, 2e-9 / golden.l2, what)
            assert gone.bound is None or wanted["dist_newton"] <= gone.bound + 2e-9 / golden.l2, what
        changes_of(golden, "newton", model, wanted["metric_change"], what)


def changes_of(golden: Golden, which: str, model: object, wanted: dict, what: str) -> None:
    """Of the metrics that a model has by itself: those of the attack on the old one are correct()'s to say."""
    before, after = (golden.evaluate(each, "val") for each in (golden.model, model))
    for key, changes in wanted.items():
        name = VALUES[key]
        if which in changes and key != "robust":
            near(after[name] - before[name], changes[which], 1e-6, 1e-9 * max(1, abs(before[name])), f"{what} {key}")


@cases(*EVERY)
def test_training_again_without_rows(golden) -> None:
    X, y, *groups = golden.rows["train"]
    for wanted in golden.found["deletions"]:
        what = f"{wanted.get('kind', '')} {wanted['size']}"
        weights = np.ones(len(X))
        weights[wanted["indices"]] = 0
        model = golden.fit(weights)
        near_theta(golden, model, wanted["theta_retrained"], model.fit_result_.to_dict()["gradient_norm"], what)
        changes_of(golden, "retrained", model, wanted["metric_change"], what)
        for key, changes in wanted["metric_change"].items():
            effect = golden.influence[key]
            near(effect.values[wanted["indices"]].sum(), changes["predicted"], 1e-6,
                 1e-9 * max(1, abs(effect.metric_value)), f"{what} {key}")


@cases(*LOGISTIC, "separable_n40_d60", "mnist38_l001n")
def test_deletions_by_the_influence_step(golden) -> None:
    for wanted in golden.found["deletions"]:
        model, result = golden.corrected("influence", metric="robust_loss", scheme="hard", rows=wanted["indices"],
                                         keep=None)
        what = f"{wanted['kind']} {wanted['size']}"
        assert result.applied, what
        near_theta(golden, model, wanted["theta_influence"], what=what)
        near(result.to_dict()["gradient_norm"], wanted["grad_residual_influence"], 1e-6, 1e-9, what)


@cases("ridge_d5")
def test_leaving_one_row_out_of_a_ridge(golden) -> None:
    """The Newton step of a quadratic is exact: the residual of the row that left tells."""
    X, y = golden.rows["train"]
    for row, residual in enumerate(golden.found["loo_residual"]):
        model = copy.copy(golden.model)
        model.forget(row)
        near(model.predict(X[row : row + 1])[0] - y[row], residual, 1e-11, 1e-12)


# -- values and weights by themselves ----------------------------------------------------------------


def test_weights_of_given_influences() -> None:
    """Free and in a box, degenerate ones too."""
    problems = found_in("soft_weights")["problems"]
    assert len(problems) == 22
    for number, problem in enumerate(problems):
        given = {"value": problem["budget"], "kappa": problem["lambda_e"]}
        a, u = problem["a"], problem["u"]
        slack = {"share": 1e-8, "rest": 1e-10}
        for wanted, bounds in ((problem["free"], None), (problem["box"], (problem["box"]["lo"], problem["box"]["hi"]))):
            found = recant.soft_weights(a, u, bounds=bounds, **given)
            what = f"{number} {problem['kind']} {bounds}"
            near(found.delta, wanted["e"], slack["share"], slack["rest"], what)
            near(-found["predicted_change"], wanted["a_dot_e"], slack["share"], slack["rest"], what)
            near(found["objective"], wanted["objective"], slack["share"], slack["rest"], what)
            if problem["kind"] == "random":
                assert found["active"] == ACTIVE[wanted["kkt_case"]], what


class Valued:
    """Rows of a case about data values, and a model of them: of it only the rows are read."""

    def __init__(self, name: str) -> None:
        self.found = found_in(name)
        self.X, self.y, self.V, self.v = (np.load(BASE / self.found["data"][key])
                                          for key in ("X_train", "y_train", "X_val", "y_val"))
        self.model = recant.LogisticRegression(self.found.get("lambda", 1.0)).fit(self.X, self.y)

    def values(self, method: str, **options: object) -> recant.Values:
        return getattr(recant.values, method)(self.model, self.V, self.v, **options)


def test_neighbours() -> None:
    case = Valued("knn_shapley_k5")
    found = case.values("knn_shapley", neighbors=case.found["K"])
    near(found.values, case.found["knn_shapley"], 0, 1e-13)
    near(found.to_dict()["sum"], case.found["sum"], 0, 1e-12)


@pytest.mark.parametrize("name", ["semivalues_n8_k5", "semivalues_n10_k3"])
def test_semivalues(name: str) -> None:
    """5 methods of 18 rows in all: beyond 4 standard errors by chance in 0.6 % of seeds."""
    case = Valued(name)
    K = case.found["K"]
    near(case.values("knn_shapley", neighbors=K).values, case.found["knn_shapley_recursion"], 0, 1e-13)
    for wanted, method, options in [
            ("shapley", "data_shapley", {}), ("banzhaf", "data_banzhaf", {}),
            ("beta_16_1", "beta_shapley", {"alpha": 16.0}), ("beta_4_1", "beta_shapley", {"alpha": 4.0}),
            ("beta_1_16", "beta_shapley", {"alpha": 1.0, "beta": 16.0})]:
        found = case.values(method, neighbors=K, max_samples=3000, **options)
        error = np.abs(found.values - case.found[wanted])
        assert (error <= 4 * found.standard_errors + 1e-13).all(), wanted
        assert found.standard_errors.max() < 0.02, wanted


def test_leave_one_out() -> None:
    case = Valued("loo_n60")
    leftover = case.model.fit_result_.to_dict()["gradient_norm"] / case.found["lambda"]
    near(theta_of(case.model), case.found["theta_hat"], 1e-8, 2 * leftover)
    loss = recant.evaluate(case.model, case.V, case.v).metrics["log_loss_sum"]
    near(loss, case.found["val_loss"], 1e-9)
    near(case.values("leave_one_out", tolerance=1e-10).values, case.found["loo_value"], 1e-8)
    for row, (theta, without) in enumerate(zip(case.found["theta_without"], case.found["val_loss_without"], strict=True)):
        model = copy.copy(case.model)
        assert model.forget(row, allowance=1e-9).done
        near(theta_of(model), theta, 1e-8, 2e-9)
        near(recant.evaluate(model, case.V, case.v).metrics["log_loss_sum"], without, 1e-8)


# -- budgets -----------------------------------------------------------------------------------------


def conversions() -> list[tuple[float, float, float]]:
    """epsilon, delta and mu that belong together, of every kind that a budget of one release can have."""
    if not BASE.is_dir():
        return []
    found = found_in("privacy")
    all_of_them = [(each["eps"], each["delta"], each.get("mu", each.get("mu_gdp")))
                   for kind in ("gaussian_calibration", "gdp_mu", "gdp_eps", "gdp_delta") for each in found[kind]]
    return [each for each in all_of_them if 0 < each[0] and 1e-12 < each[1] < 0.5 and each[2] <= 4]


@pytest.fixture(scope="module")
def any_model() -> recant.LogisticRegression:
    rng = np.random.default_rng(0)
    return recant.LogisticRegression().fit(rng.normal(size=(60, 2)), np.arange(60) % 2)


def test_conversions_are_many() -> None:
    assert len(conversions()) >= 50


@pytest.mark.parametrize("epsilon, delta, mu", conversions())
def test_what_one_release_costs(any_model, tmp_path, epsilon: float, delta: float, mu: float) -> None:
    """A budget that one release uses up: its mu, what that is at delta, and the noise for a sensitivity."""
    vault = recant.Vault.create(tmp_path / "m.rct", any_model, epsilon=epsilon, delta=delta, releases=1, sigma=2.0)
    spent = vault.status().budget
    near(spent["mu_spent"], mu, 1e-9)
    near(spent["epsilon_spent"], epsilon, 1e-9)
    # The allowance is the sensitivity that this noise bears, but for the share of the grid.
    near(spent["sigma"] / spent["allowance"], 1 / mu, 3e-3)


def test_what_releases_cost_together(any_model, tmp_path) -> None:
    """Of releases that cost the same, which those of a budget do: the root of the sum of squares."""
    vault = recant.Vault.create(tmp_path / "m.rct", any_model, epsilon=1.0, delta=1e-5, releases=9, sigma=2.0)
    mus = [vault.status().budget["mu_spent"]]
    with vault:
        for row in range(3):
            vault.forget(row)
            mus.append(vault.status().budget["mu_spent"])
    near(mus, mus[0] * np.sqrt([1, 2, 3, 4]), 1e-12)
    whole = next(mu for epsilon, delta, mu in conversions() if (epsilon, delta) == (1.0, 1e-5))
    near(3 * mus[0], whole, 1e-9)
