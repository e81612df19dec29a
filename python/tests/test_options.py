# SPDX-License-Identifier: Apache-2.0
"""Whatever a command can be asked for, the package can be asked for too, and answers the same."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import say
from test_adult import same
from test_forget import comparable, write_csv

import recant

#: Flags that every command has, but for those that a command has no use for, and what they are here.
EVERYWHERE = {"help": "docstrings", "json": "to_dict()", "quiet": "warnings", "progress": "progress=",
              "threads": "set_threads()",
              "seed": "seed= of what draws; forget draws values by a method with seed 1"}
ROWS = {"features": "X", "targets": "y", "groups": "sensitive_features"}
MEASURED = {"validation": "csv", **{f"validation-{name}": f"{each} of the estimator" for name, each in ROWS.items()}}
TESTED = {"test": "test", **{f"test-{name}": f"{each} of the estimator" for name, each in ROWS.items()}}
COLUMNS = {name: name for name in ("target", "positive", "sensitive", "privileged", "id", "weight", "drop", "schema",
                                   "missing", "na", "encoding", "loss", "l2", "l2-per-row", "tolerance",
                                   "max-iterations", "refine")}
TRAINING = {**COLUMNS, "no-header": "header", "no-intercept": "intercept", "row-weights": "sample_weight of fit",
            **{name: f"{each} of fit" for name, each in ROWS.items()}}
MODEL = {"privileged": "privileged", "positive-class": "positive_class"}
#: By command the function, and by flag its argument, where it is one word, else what does the same.
PYTHON: dict[str, tuple[Callable[..., object], dict[str, str]]] = {
    "fit": (recant.Vault.fit, {
        **TRAINING, **{name: name for name in (
            "epsilon", "delta", "releases", "sigma", "allowance", "utility-price", "difference-epsilon",
            "difference-delta", "difference-step", "on-budget-spent", "ledger", "wait")},
        "validation": "validation", **{f"validation-{name}": "validation of create" for name in ROWS},
        "plan": "Vault.plan()", "output": "path", "force": "replace"}),
    "evaluate": (recant.Vault.evaluate, {
        **MODEL, **{name: f"{each} of the estimator" for name, each in ROWS.items()}, "radius": "radius",
        "threshold": "threshold", "attack-correct-only": "attack_correct_only"}),
    "influence": (recant.Vault.influence, {**MODEL, **MEASURED, "metric": "metric", "output": ".values of the result"}),
    "correct": (recant.Vault.correct, {
        **MODEL, **MEASURED, **TESTED, "validation": "validation", "close": "metric", "keep": "keep", "output": "output",
        "force": "replace", "weights": ".weights of the result", "wait": "wait of the object",
        **{name: name for name in ("scheme", "update", "bounds", "count", "rows", "share", "rounds", "target-gap",
                                   "kappa", "kappa-rel", "repay")}}),
    "value": (recant.Vault.value, {
        **MODEL, **MEASURED, "method": "method", "output": ".values of the result",
        **{name: f"{name.replace('-', '_')} of values" for name in (
            "neighbors", "truncate", "baseline", "ties", "metric", "tolerance", "utility", "max-samples",
            "standard-error", "truncation", "alpha", "beta", "state-file", "top", "flip-check")},
        "features-file": "features of values", "validation-features-file": "validation_features of values"}),
    "forget": (recant.Vault.forget, {
        "rows": "rows", "ids": "ids", "rows-from": "rows", "ids-from": "ids", "requests": "Vault.forget_requests()",
        "one-by-one": "a loop in a with block", "request-key": "key", "value-method": "values",
        "validation": "holdout", **{f"validation-{name}": "holdout" for name in ROWS},
        "require-checkpoint": "require_checkpoint of the object", "ledger": "ledger of the object",
        "from-ledger": "Vault.catch_up()", "wait": "wait of the object",
        **{name: name for name in ("method", "tier-at-most", "third-derivative", "weighting", "form", "values",
                                   "max-steps", "step-size", "clip", "rule")}}),
    "status": (recant.Vault.status, {"check": "check", "checkpoint": "Vault.write_checkpoint()"}),
    "backup": (recant.Vault.backup, {"wait": "wait of the object"}),
    "audit": (recant.Vault.audit, {
        **TESTED, "deleted": "deleted", **{f"deleted-{name}": "deleted" for name in ROWS},
        "against-retrain": "always, alone with membership=False and reconstruction=False",
        "membership": "membership", "reconstruction": "reconstruction", "bound": "bound", "annex": "annex",
        "before": "before", "shadow-models": "shadow_models", "sigma": "sigmas", "confidence": "confidence"}),
    "verify": (recant.certificate.verify, {"model": "model", "public-key": "public_key", "annex": "annex",
                                           "previous": "previous"}),
    "compare": (recant.Vault.compare, {
        **{name: f"{each} of Vault.fit" for name, each in TRAINING.items()}, **MEASURED, **TESTED,
        "privileged": "privileged", "validation": "validation", "close": "metric", "close-share": "close_share",
        "rounds": "rounds", "resamples": "resamples", "wait": "nothing is written"}),
}


def flags_of(command: str, verb: str) -> set[str]:
    done = subprocess.run([command, verb, "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"^\s+(?:-\w,\s*)?--([a-z0-9-]+)", done.stdout, re.MULTILINE))


def test_every_command_is_here(command) -> None:
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    listed = done.stdout.lower().split("subcommands:")[1]
    assert set(re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)) == set(PYTHON)


@pytest.mark.parametrize("verb", PYTHON)
def test_every_flag_has_its_argument(command, verb: str) -> None:
    function, arguments = PYTHON[verb]
    flags = flags_of(command, verb)
    assert flags - set(arguments) - set(EVERYWHERE) == set(), "flags that Python lacks"
    assert set(arguments) <= flags | {"wait"}, "flags that are none"
    parameters = inspect.signature(function).parameters
    for flag, argument in arguments.items():
        if re.fullmatch("[a-z0-9_-]+", argument):
            assert argument.replace("-", "_") in parameters, flag
        elif argument.endswith(" of values"):
            assert any(argument.split()[0] in inspect.signature(getattr(recant.values, name)).parameters
                       for name in recant.values.__all__), flag


class Small:
    """A model of the command's of two classes, and one of three."""

    def __init__(self, folder: Path, command: str) -> None:
        self.folder, self.command, self.copies = folder, command, 0
        self.train, self.held = write_csv(folder / "train.csv", 200, 7), write_csv(folder / "held.csv", 150, 8)
        self.two = folder / "two.rct"
        say(command, "fit", self.train, "--target", "hired", "--positive", "yes", "--sensitive", "sex", "--id", "id",
            "--epsilon", 1, "--delta", 1e-5, "--releases", 9, "--sigma", 1, "-o", self.two)
        self.three = folder / "three.rct"
        say(command, "fit", self.with_three_cities(self.train), "--target", "city", "--sensitive", "sex", "--drop", "id",
            "--loss", "softmax", "-o", self.three)
        self.held_of_three = self.with_three_cities(self.held)

    @staticmethod
    def with_three_cities(csv: Path) -> Path:
        """The city is what is to be told, from age: a third one for the old."""
        lines = [line.split(",") for line in csv.read_text().replace("Canary", "Oslo").splitlines()]
        for line in lines[1:]:
            line[2] = "Molde" if int(line[1]) > 55 else line[2]
        file = csv.with_name(f"three_{csv.name}")
        file.write_text("\n".join(map(",".join, lines)) + "\n")
        return file

    def copy(self, path: Path) -> Path:
        self.copies += 1
        return shutil.copytree(path, self.folder / f"copy{self.copies}" / "model.rct")


@pytest.fixture(scope="module")
def small(tmp_path_factory, command) -> Small:
    return Small(tmp_path_factory.mktemp("options"), command)


#: Of Vault.correct arguments, and the command's flags.
CORRECTIONS = {
    "nothing": ({}, []),
    "what it costs": ({"keep": None}, ["--keep", "none"]),
    "a tolerance": ({"utility_tolerance": 0.001}, ["--keep", "utility:0.001"]),
    "one round of the closed form": ({"bounds": None, "rounds": 1, "update": "influence"},
                                     ["--bounds", "none", "--rounds", 1, "--update", "influence"]),
    "bounds": ({"bounds": (-0.2, 0.3), "update": "newton", "rounds": 3},
               ["--bounds", "-0.2,0.3", "--update", "newton", "--rounds", 3]),
    "kappa": ({"kappa": 0.01}, ["--kappa", 0.01]),
    "kappa_rel": ({"kappa_rel": 2.0, "repay": True}, ["--kappa-rel", 2, "--repay"]),
    "target_gap": ({"target_gap": 0.02}, ["--target-gap", 0.02]),
    "share": ({"scheme": "hard", "share": 0.05}, ["--scheme", "hard", "--share", 0.05]),
    "count": ({"scheme": "hard", "count": 4}, ["--scheme", "hard", "--count", 4]),
    "rows": ({"scheme": "hard", "rows": [3, 9, 27]}, ["--scheme", "hard", "--rows", "3,9,27"]),
    "privileged": ({"privileged": "sex=f"}, ["--privileged", "sex=f"]),
    "another gap": ({"metric": ["equal_opportunity:sex", "demographic_parity"]},
                    ["--close", "equal_opportunity:sex,demographic_parity"]),
}


@pytest.mark.parametrize("what", CORRECTIONS)
def test_correct_is_the_command_s(small, tmp_path, what: str) -> None:
    arguments, flags = CORRECTIONS[what]
    ours = recant.Vault(small.two).correct(small.held, output=tmp_path / "ours.rct", **arguments)
    close = [] if "metric" in arguments else ["--close", "demographic_parity"]
    theirs = say(small.command, "correct", small.two, "--validation", small.held, *close, *flags, "-o",
                 tmp_path / "theirs.rct", "--weights", tmp_path / "w.npy")
    assert ours.applied and comparable(ours.to_dict()) == comparable(theirs)
    np.testing.assert_array_equal(ours.weights, np.load(tmp_path / "w.npy"))
    np.testing.assert_array_equal(recant.load(tmp_path / "ours.rct").coef_, recant.load(tmp_path / "theirs.rct").coef_)


def test_correcting_named_rows_after_a_deletion_keeps_their_numbers(problem, tmp_path) -> None:
    """Rows that were forgotten keep their places, and so do those after them."""
    X, y = problem.part(problem.train)
    V = (*problem.part(problem.validation), problem.group[problem.validation])
    vault = recant.Vault.create(tmp_path / "v.rct", recant.LogisticRegression().fit(X, y))
    vault.forget([0, 5])
    with pytest.raises(recant.UsageError, match="rows: names a row that was erased"):
        vault.estimator.correct(V[0], V[1], sensitive_features=V[2], scheme="hard", rows=[5])
    fixed = vault.estimator.correct(V[0], V[1], sensitive_features=V[2], scheme="hard", rows=[7, 399])
    assert np.flatnonzero(fixed.delta).tolist() == [7, 399]
    assert np.flatnonzero(fixed.weights == 0).tolist() == [0, 5, 7, 399]


@pytest.mark.parametrize("labels", [("no", "yes"), ("1", "2")])
def test_the_estimator_of_a_folder_takes_labels_in_any_order(small, tmp_path, labels: tuple[str, str]) -> None:
    """Of two classes of a table the positive one is the last, though it be the smaller."""
    files = []
    for csv in (small.train, small.held):
        files.append(tmp_path / csv.name)
        files[-1].write_text(re.sub(r"(no|yes)$", lambda found: labels[found[0] == "yes"], csv.read_text(), flags=re.M))
    vault = recant.Vault.fit(tmp_path / "m.rct", files[0], target="hired", positive=labels[0], drop=["id", "sex"])
    rows, estimator = vault._model.read_csv(str(files[1])), vault.estimator
    assert [str(each) for each in estimator.classes_] == list(labels)[::-1]
    y = estimator.classes_[np.array(rows.targets).astype(int)]
    assert recant.evaluate(estimator, rows.features, y).metrics == vault.evaluate(files[1]).metrics
    with pytest.raises(recant.DataError, match="a class"):
        recant.evaluate(estimator, rows.features, np.where(y == y[0], y, type(y[0])(9)))


def test_values_of_a_model_without_groups_take_a_privileged_one(problem) -> None:
    model, V = problem.fit(), problem.part(problem.validation)
    group = problem.group[problem.validation]
    asked = {"metric": "demographic_parity", "sensitive_features": group}
    one, other = (recant.values.influence(model, *V, privileged=name, **asked).values for name in "ab")
    np.testing.assert_allclose(one, -other, rtol=1e-12)
    same = recant.influence(model, *V, privileged="a", **asked).values
    np.testing.assert_allclose(np.abs(one), np.abs(same), rtol=1e-9)


VALUED = {"knn_shapley": ({"neighbors": 3, "ties": "shared", "top": 2}, ["--neighbors", 3, "--ties", "shared", "--top", 2]),
          "leave_one_out": ({"tolerance": 1e-5}, ["--tolerance", 1e-5]),
          "influence": ({"metric": "equal_opportunity", "privileged": "sex=f"},
                        ["--metric", "equal_opportunity", "--privileged", "sex=f"]),
          "beta_shapley": ({"max_samples": 8, "alpha": 4.0, "seed": 5},
                           ["--max-samples", 8, "--alpha", 4, "--seed", 5]),
          "data_banzhaf": ({"max_samples": 16, "utility": "vote", "neighbors": 2},
                           ["--max-samples", 16, "--utility", "vote", "--neighbors", 2]),
          "data_shapley": ({"max_samples": 8, "truncation": 0.01}, ["--max-samples", 8, "--truncation", 0.01])}


@pytest.mark.parametrize("method", VALUED)
def test_values_of_a_folder_are_the_command_s(small, tmp_path, method: str) -> None:
    arguments, flags = VALUED[method]
    ours = recant.Vault(small.two).value(small.held, method, **arguments)
    theirs = say(small.command, "value", small.two, "--validation", small.held, "--method", method, *flags, "-o",
                 tmp_path / "v.npy")
    assert comparable(ours.to_dict()) == comparable(theirs)
    np.testing.assert_array_equal(ours.values, np.load(tmp_path / "v.npy"))


def test_values_refuse_what_their_method_does_not_know(small) -> None:
    vault = recant.Vault(small.two)
    with pytest.raises(recant.UsageError, match="method: 'magic' is none; choose beta_shapley"):
        vault.value(small.held, "magic")
    for options in ({"alpha": 1.0}, {"sensitive_features": "a"}, {"model": 3}):
        with pytest.raises(recant.UsageError, match=f"{next(iter(options))}: is no option of knn_shapley"):
            vault.value(small.held, **options)


@pytest.mark.parametrize("method", ["knn_shapley", "data_shapley", "beta_shapley", "data_banzhaf"])
def test_distances_in_embeddings_are_the_command_s(small, problem, tmp_path, method: str) -> None:
    rng = np.random.default_rng(3)
    near, far = rng.normal(size=(200, 3)), rng.normal(size=(150, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", near), np.save(tmp_path / "v.npy", far.astype(float))
    vault = recant.Vault(small.two)
    ours = vault.value(small.held, method, features=near, validation_features=far)
    theirs = say(small.command, "value", small.two, "--validation", small.held, "--method", method, "--features-file",
                 tmp_path / "x.npy", "--validation-features-file", tmp_path / "v.npy", "-o", tmp_path / "o.npy")
    assert comparable(ours.to_dict()) == comparable(theirs)
    np.testing.assert_array_equal(ours.values, np.load(tmp_path / "o.npy"))
    assert (ours.values != vault.value(small.held, method).values).any()
    function, model, V = getattr(recant.values, method), problem.fit(), problem.part(problem.validation)
    spaces = {"features": rng.normal(size=(400, 2)), "validation_features": rng.normal(size=(400, 2))}
    for wrong, error in [({"features": None}, "both"), ({"features": np.ones(400)}, "features: has shape"),
                         ({"features": np.ones((3, 2))}, "features: has 3 rows"),
                         ({"validation_features": np.ones((400, 3))}, "validation_features: has 3 columns"),
                         ({"features": np.full((400, 2), np.nan)}, "features")]:
        with pytest.raises((recant.DataError, recant.UsageError), match=error):
            function(model, *V, **{**spaces, **wrong})


@pytest.mark.parametrize("kind", ["retained", "value", "value by a method", "values by their name"])
def test_forget_weighs_as_the_command_does(small, tmp_path, kind: str) -> None:
    ours, theirs = recant.Vault(small.copy(small.two)), small.copy(small.two)
    values = np.random.default_rng(0).normal(size=200)
    np.save(tmp_path / "v.npy", values)
    held = ["--validation", small.held]
    arguments, flags = {
        "retained": ({"weighting": "retained", "form": "rank", "alpha": 0.01, "holdout": small.held},
                     ["--weighting", "retained:0.01", "--form", "rank", *held]),
        "value": ({"weighting": "value", "form": "exp", "alpha": 0.01, "values": values},
                  ["--weighting", "value:0.01", "--form", "exp", "--values", tmp_path / "v.npy"]),
        "value by a method": ({"weighting": "value", "alpha": "auto", "values": "knn_shapley", "holdout": small.held},
                              ["--weighting", "value:auto", "--value-method", "knn_shapley", *held]),
        "values by their name": ({"weighting": "rank", "alpha": 0.01, "values": "influence", "holdout": small.held},
                                 ["--weighting", "value:0.01", "--form", "rank", "--value-method", "influence", *held])}[kind]
    done = ours.forget([3, 9], key="k", **arguments)
    assert done.done and comparable(done.to_dict()) == comparable(
        say(small.command, "forget", theirs, "--rows", "3,9", "--request-key", "k", *flags))
    # The answer to the key knows how the rows were weighted, whoever asks.
    assert say(small.command, "forget", ours.path, "--rows", "3,9", "--request-key", "k", *flags)["repeated"]
    assert ours.forget([3, 9], key="k", **arguments).to_dict()["repeated"]
    batch = ours.forget_requests({"a": 20, "b": [21, 22]}, **{
        **arguments, **({"values": values} if kind == "value" else {})})
    assert batch.done


def test_weighting_in_memory_is_that_on_disk(problem) -> None:
    import copy

    model, held = problem.fit(), problem.part(problem.test)
    values = recant.values.knn_shapley(model, *held)
    for named, given in [({"values": "knn_shapley"}, {"values": values}), ({"values": values}, {"values": "knn_shapley"})]:
        one, other = copy.copy(model), copy.copy(model)
        one.forget([1, 2], "value", form="rank", alpha=0.1, holdout=held, **named)
        other.forget([1, 2], "rank", alpha=0.1, holdout=held, **given)
        np.testing.assert_array_equal(one.coef_, other.coef_)
    forms = []
    for form in ("sigmoid", "rank", "exp"):
        forms.append(copy.copy(model))
        forms[-1].forget([1, 2], "retained", form=form, alpha=0.5, holdout=held)
    assert len({each.coef_.tobytes() for each in forms}) == 3
    for wrong, error in [({"form": "rank"}, "go with"), ({"weighting": "exp", "form": "rank"}, "names another"),
                         ({"weighting": "value", "form": "line", "alpha": 1.0, "values": values}, "form: 'line' is none"),
                         ({"weighting": "value", "values": "knn_shapley", "alpha": 1.0}, "give holdout"),
                         ({"weighting": "value", "values": "magic", "alpha": 1.0, "holdout": held}, "not a method"),
                         ({"weighting": "value", "values": values}, "alpha")]:
        with pytest.raises(recant.UsageError, match=error):
            model.forget(1, **wrong)


def test_audit_reads_the_bound_of_an_annex(small) -> None:
    vault = recant.Vault(small.copy(small.two))
    annex = vault.forget([3, 9]).to_dict()["annex"]
    ours = vault.audit(annex=annex, confidence=0.8, test=small.held, deleted=small.held, shadow_models=4)
    theirs = say(small.command, "audit", vault.path, "--annex", annex, "--confidence", 0.8, "--test", small.held,
                 "--deleted", small.held, "--shadow-models", 4)
    assert ours.verdict == "holds" and comparable(ours.to_dict()) == comparable(theirs)
    wider = vault.audit(annex=annex, confidence=0.99, test=small.held, deleted=small.held, shadow_models=4)
    assert comparable(wider.to_dict()) != comparable(ours.to_dict())
    with pytest.raises(recant.UsageError, match="bound or annex"):
        vault.audit(annex=annex, bound=1.0)
    with pytest.raises(recant.NotFoundError):
        vault.audit(annex=small.folder / "none.json")
    with pytest.raises(recant.DamagedError, match=r"train\.csv"):
        vault.audit(annex=small.train)
    other = recant.Vault(small.copy(small.two))
    edited = small.folder / "edited.json"
    edited.write_text(re.sub('"bound":"[^"]*"', '"bound":"9e+99"', Path(annex).read_text()))
    for file, says in ((other.forget([3, 9]).to_dict()["annex"], "not the annex that the certificate is bound to"),
                       (edited, "not the annex that the certificate is bound to"),
                       (vault.path / "certificates/000001.annex.json", "is the annex of release 1, but the model is release 2")):
        with pytest.raises(recant.DamagedError, match=says):
            vault.audit(annex=file)
    with pytest.raises(recant.UsageError, match="confidence"):
        vault.audit(confidence=2.0)


def test_nothing_is_written_into_a_model(small) -> None:
    vault = recant.Vault(small.copy(small.two))
    path = Path(vault.path)
    for place in (path / "b", path / "published" / "b", path / "rows" / ".." / "b"):
        with pytest.raises(recant.UsageError, match="lies in the model folder"):
            vault.backup(place)
        with pytest.raises(recant.UsageError, match="lies in the model folder"):
            vault.write_checkpoint(place)
        with pytest.raises(recant.UsageError, match="lies in the model folder"):
            vault.correct(small.held, output=place)
    with pytest.raises(recant.UsageError, match="lies in the model folder"):
        vault.write_checkpoint(path / "ledger.sqlite")
    with pytest.raises(recant.UsageError, match="is not a checkpoint, so it is not replaced"):
        vault.write_checkpoint(small.train)
    assert vault.check().fault is None


def test_compare_takes_a_privileged_group(small, tmp_path) -> None:
    vault = recant.Vault.fit(tmp_path / "m.rct", small.train, target="hired", positive="yes", sensitive="sex", id="id")
    flags = ["--target", "hired", "--positive", "yes", "--sensitive", "sex", "--id", "id", "--privileged", "sex=f"]
    ours = vault.compare(small.held, privileged="sex=f", resamples=40, rounds=2)
    same(ours.to_dict(), say(small.command, "compare", small.train, *flags, "--test", small.held, "--resamples", 40,
                             "--rounds", 2))
    assert ours.to_dict()["models"] != vault.compare(small.held, resamples=40, rounds=2).to_dict()["models"]


def test_writing_over_a_model_waits_for_its_writer(small, problem) -> None:
    path = small.copy(small.two)
    model = problem.fit()
    with recant.Vault(path) as vault:
        vault.forget(1)  # from here on it is the writer
        for write in (lambda: recant.Vault.create(path, model, replace=True, wait=0),
                      lambda: recant.Vault.fit(path, small.train, target="hired", positive="yes", drop=["id"],
                                               replace=True, wait=0.05),
                      lambda: recant.Vault(small.two, wait=0).correct(small.held, output=path, replace=True)):
            with pytest.raises(recant.BusyError):
                write()
    assert recant.Vault.create(path, model, replace=True, wait=0)._wait == 0
    with pytest.raises(recant.UsageError, match="wait"):
        recant.Vault.create(path, model, replace=True, wait=-1)


def test_numbers_beyond_floats_are_out_of_range(problem) -> None:
    for wrong in (10**400, -10**400):
        with pytest.raises(recant.UsageError, match="^l2: is out of range; give a number that a float can be$"):
            recant.LogisticRegression(l2=wrong).fit(*problem.part(problem.train))


def test_errors_about_embeddings_name_the_package_s_argument(problem) -> None:
    model, (X, y) = problem.fit(), problem.part(problem.validation)
    with pytest.raises(recant.UsageError, match="^features: are needed of both"):
        recant.values.knn_shapley(model, X, y, features=problem.X[problem.train])
