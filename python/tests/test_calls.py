# SPDX-License-Identifier: Apache-2.0
"""Long calls: without the lock, stopped by Ctrl-C, telling of progress. And what goes wrong."""

from __future__ import annotations

import copy
import inspect
import os
import pickle
import re
import shutil
import signal
import sys
import threading
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sklearn.linear_model import LogisticRegression

import recant
from recant._arrays import group_columns
from recant._forget import ids_of


class Long:
    """Work of many seconds on one thread."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.X, self.y = rng.normal(size=(20_000, 40)), np.arange(20_000) % 2
        self.model = recant.LogisticRegression().fit(self.X, self.y)

    def values(self, **options: object) -> recant.Values:
        return recant.values.knn_shapley(self.model, self.X, self.y, **options)

    def data_shapley(self) -> recant.Values:
        return recant.values.data_shapley(self.model, self.X[:5000], self.y[:5000], max_samples=10**6)

    def beta_shapley(self) -> recant.Values:
        return recant.values.beta_shapley(self.model, self.X[:50], self.y[:50], utility="log_loss", max_samples=10**6)

    def data_banzhaf(self) -> recant.Values:
        return recant.values.data_banzhaf(self.model, self.X[:5000], self.y[:5000], max_samples=10**6)

    def leave_one_out(self) -> recant.Values:
        return recant.values.leave_one_out(self.model, self.X[:500], self.y[:500], tolerance=1e-12)


@pytest.fixture(scope="module")
def long() -> Long:
    return Long()


def stops_at_once_after(seconds: float, work) -> None:
    """Of Ctrl-C, which is pressed then: whoever presses it sees the clock of the wall, and waits a
    second at most. Other programs may take the processors meanwhile, so what must be below one
    second is the processor time of all threads; the clock, which would show that somebody sleeps
    or waits for a lock, has ten."""
    sent = []

    def press() -> None:
        sent.extend([time.process_time(), time.monotonic()])
        os.kill(os.getpid(), signal.SIGINT)

    # A shell starts what runs in its background with SIGINT ignored, and Python leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(seconds, press)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        assert time.process_time() - sent[0] < 1
        assert time.monotonic() - sent[1] < 10
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("what", ["values", "leave_one_out", "data_shapley", "beta_shapley", "data_banzhaf"])
def test_ctrl_c_stops_within_a_second(long, what: str, threads: int) -> None:
    recant.set_threads(threads)
    try:
        stops_at_once_after(0.3, getattr(long, what))
    finally:
        recant.set_threads(0)
    # What was there is as it was, and can be used again.
    np.testing.assert_array_equal(long.model.coef_,
                                  recant.LogisticRegression().fit(long.X, long.y).coef_)


def test_ctrl_c_while_values_are_drawn_keeps_those_that_are(long, tmp_path) -> None:
    """A run that goes on from there ends where one that nobody stopped does."""
    X, y = long.X[:300], long.y[:300]
    model = recant.LogisticRegression().fit(X, y)

    def draw(file, samples: int) -> recant.Values:
        return recant.values.data_shapley(model, X[:100], y[:100], max_samples=samples, state_file=tmp_path / file)

    stops_at_once_after(0.5, lambda: draw("stopped", 10**7))
    begun = draw("stopped", 2).to_dict()["sampling"]["resumed"]
    assert begun >= 2
    on, whole = draw("stopped", begun + 100), draw("whole", begun + 100)
    assert on.to_dict()["sampling"]["resumed"] == begun
    np.testing.assert_array_equal(on.values, whole.values)


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> recant.Vault:
    """A folder of 256 MB."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(160_000, 200)), np.arange(160_000) % 2
    return recant.Vault.create(tmp_path_factory.mktemp("large") / "m.rct", recant.LogisticRegression(l2=1e3).fit(X, y))


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.3])
def test_ctrl_c_in_a_backup_leaves_nothing_of_it(large, seconds: float) -> None:
    """In the middle of a copy, or of the look at it. Of what is there nothing is kept: it is overwritten first."""
    place = large.path.parent

    def work() -> None:
        for number in range(100):
            large.backup(place / f"b{number}.rct")
            shutil.rmtree(place / f"b{number}.rct")

    stops_at_once_after(seconds, work)
    left = [each.name for each in place.iterdir() if not each.name.startswith("b")]  # one that was through may be there
    assert left == ["m.rct"] and large.status().rows_left == 160_000


def test_ctrl_c_while_a_model_is_written_leaves_nothing_of_it(large, tmp_path) -> None:
    model = large.estimator

    def work() -> None:
        while True:
            model.save(tmp_path / "n.rct", replace=True)

    stops_at_once_after(0.2, work)
    assert {each.name for each in tmp_path.iterdir()} <= {"n.rct"}


def test_ctrl_c_in_a_pass_that_reports_nothing(long) -> None:
    X = np.vstack([long.X] * 20)
    y = np.tile(long.y, 20)
    model = recant.LogisticRegression().fit(X, y)

    def work() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            recant.influence(model, X, y)

    stops_at_once_after(0.3, work)


def test_ctrl_c_in_a_deletion_leaves_the_model(long) -> None:
    coef = long.model.coef_

    def work() -> None:
        while True:
            copy.copy(long.model).forget([1, 2])

    stops_at_once_after(0.3, work)
    assert long.model.coef_ is coef


@pytest.mark.parametrize("what", ["influence", "forget"])
def test_ctrl_c_in_the_middle_of_a_wide_matrix(what: str) -> None:
    """Of one Hessian of 4,000 columns: its rows, its factor, its eigenvalues."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 4000)), np.arange(2000) % 2
    model = recant.LogisticRegression(l2=1e4).fit(X, y)
    coef = model.coef_

    def work() -> None:
        while True:
            if what == "influence":
                recant.influence(model, X[:10], y[:10])
            else:
                copy.copy(model).forget([1])

    for seconds in (0.1, 0.6, 1.5):  # somewhere else each time
        stops_at_once_after(seconds, work)
    assert model.coef_ is coef
    np.testing.assert_allclose(model.decision_function(X[:10]), X[:10] @ coef[0] + model.intercept_[0])


def test_ctrl_c_in_correct_leaves_the_old_model_whole(problem) -> None:
    model = problem.fit()
    coef = model.coef_
    V, group = problem.part(problem.validation), problem.group[problem.validation]

    def stop(phase: str, done: float, total: float) -> None:
        if done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.correct(*V, sensitive_features=group, progress=stop)
    assert model.coef_ is coef
    np.testing.assert_array_equal(model.decision_function(problem.X),
                                  problem.fit().decision_function(problem.X))


class Refit:
    """A model of three columns and two classes, and other rows: five columns, three classes."""

    def __init__(self, problem, model: object) -> None:
        X, y = problem.part(problem.train)
        classifier = isinstance(model, recant.LogisticRegression)
        self.old = pd.DataFrame(X[:, :3], columns=["u", "v", "w"]), np.where(y, "yes", "no") if classifier else y
        self.X = pd.DataFrame(X, columns=list("abcde"))
        self.y = y + (X[:, 1] > 1)
        self.model = model.fit(*self.old)

    def shown(self) -> tuple[object, ...]:
        """Everything that a fit makes."""
        model = self.model
        return (model.n_features_in_, model.feature_names_in_.tolist(), getattr(model, "classes_", self.y).tolist(),
                model.coef_.tobytes(), np.asarray(model.intercept_).tobytes(), model.n_iter_, model.converged_)


def interrupt(*now: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(params=[recant.LogisticRegression, recant.RidgeRegression])
def refit(request, problem) -> Refit:
    return Refit(problem, request.param())


@pytest.mark.parametrize("plain", [True, False])  # X of numbers, and what scikit-learn is asked about
@pytest.mark.parametrize("what", ["interrupt", "a parameter", "a weight", "a row"])
def test_a_second_fit_that_fails_leaves_the_first(refit, what: str, plain: bool) -> None:
    before = refit.shown()
    X = refit.X if plain else refit.X.astype("Float64")
    options: dict[str, object] = {}
    if what == "interrupt":
        options["progress"] = interrupt
    elif what == "a parameter":
        refit.model.set_params(l2=-1.0)
    elif what == "a weight":
        options["sample_weight"] = -np.ones(len(X))
    else:
        X = X.assign(a=X["a"].mask(X.index == 3))
    with pytest.raises(KeyboardInterrupt if what == "interrupt" else ValueError):
        refit.model.fit(X, refit.y, **options)
    assert refit.shown() == before
    X, y = refit.old
    assert refit.model.score(X, y) > 0.1
    assert recant.influence(refit.model, X, y).values.shape == (len(X),)


def test_a_second_fit_whose_warning_is_an_error_is_the_second(problem) -> None:
    refit = Refit(problem, recant.LogisticRegression(max_iterations=1, l2=1e6))
    refit.model.set_params(l2=1e-3)
    with warnings.catch_warnings(), pytest.raises(recant.ConvergenceWarning):
        warnings.simplefilter("error")
        refit.model.fit(refit.X, refit.y)
    found = refit.shown()
    with pytest.warns(recant.ConvergenceWarning):
        refit.model = recant.LogisticRegression(max_iterations=1, l2=1e-3).fit(refit.X, refit.y)
    assert found == refit.shown() and found[0] == 5 and not refit.model.converged_


def test_a_second_fit_leaves_nothing_of_the_first(problem) -> None:
    X, y = problem.part(problem.train)
    theirs = LogisticRegression().fit(pd.DataFrame(X, columns=list("abcde")), y)
    model = recant.adopt(theirs, pd.DataFrame(X, columns=list("abcde")), y)
    model.own = "mine"
    model.fit(X, y)
    assert not hasattr(model, "adoption_") and not hasattr(model, "feature_names_in_")
    assert model.own == "mine"


@pytest.fixture(scope="module")
def many(long) -> tuple[np.ndarray, np.ndarray, recant.LogisticRegression]:
    """Rows that one pass takes tenths of a second for."""
    X, y = np.vstack([long.X] * 10), np.tile(long.y, 10)
    return X, y, recant.LogisticRegression().fit(X, y)


VERBS = {
    "knn_shapley": lambda long, X, y, m: recant.values.knn_shapley(long.model, long.X[:2000], long.y[:2000]),
    "fit": lambda long, X, y, m: recant.LogisticRegression().fit(X, y),
    "influence": lambda long, X, y, m: recant.influence(m, X, y),
    "evaluate": lambda long, X, y, m: recant.evaluate(m, X, y),
    "forget": lambda long, X, y, m: copy.copy(m).forget([1, 2], audit=True),
}


@pytest.mark.parametrize("verb", VERBS)
def test_other_threads_run_meanwhile(long, many, verb: str) -> None:
    """The lock is free: a counter in another thread goes on while the core works."""
    ticks, done = [], threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.monotonic()
    VERBS[verb](long, *many)
    end = time.monotonic()
    done.set()
    thread.join()
    during = [tick for tick in ticks if begin <= tick <= end]
    assert len(during) > 0.2 * (end - begin) / 0.005


def test_one_model_serves_many_threads(problem) -> None:
    model, V = problem.fit(), problem.part(problem.validation)
    want = recant.influence(model, *V).values
    wrong = []

    def work() -> None:
        for _ in range(20):
            if not np.array_equal(recant.influence(model, *V).values, want):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_any_number_of_threads_gives_the_same_bytes(problem) -> None:
    try:
        found = []
        for count in (1, 2, 5):
            recant.set_threads(count)
            assert recant.threads() == count
            found.append(recant.influence(problem.fit(), *problem.part(problem.validation)).values)
        for other in found[1:]:
            np.testing.assert_array_equal(found[0], other)
    finally:
        recant.set_threads(0)


def test_progress_comes_to_a_callback_in_the_calling_thread(long) -> None:
    told = []
    recant.values.knn_shapley(long.model, long.X[:500], long.y[:500],
                              progress=lambda *now: told.append((threading.get_ident(), *now)))
    before = len(told)
    recant.values.influence(long.model, long.X, long.y, flip_check=0.1,
                            progress=lambda *now: told.append((threading.get_ident(), *now)))
    assert len(told) > before > 0 and {each[0] for each in told} == {threading.get_ident()}
    assert all(isinstance(each[1], str) and each[2] <= each[3] or each[3] == 0 for each in told)


class Places:
    """A problem, and what verbs with progress work on; nothing of it is changed by a call that fails."""

    def __init__(self, problem, folder) -> None:
        self.problem, self.folder, self.model = problem, folder, problem.fit()
        self.X, self.y = problem.part(problem.train)
        self.V = problem.part(problem.validation)
        self.group = problem.group[problem.validation]
        self.csv = folder / "rows.csv"
        pd.DataFrame(self.X, columns=list("abcde")).assign(y=self.y, s=problem.group[problem.train]).to_csv(
            self.csv, index=False)
        lines = self.csv.read_text().splitlines(keepends=True)
        (folder / "few.csv").write_text("".join(lines[:4]))
        self.vault = recant.Vault.fit(folder / "v.rct", self.csv, target="y", sensitive="s")
        self.fitted = LogisticRegression().fit(self.X, self.y)

    def new(self) -> object:
        return self.folder / "new.rct"

    def state(self) -> tuple[object, ...]:
        """What a verb could have changed, and files that it could have left."""
        return (self.model.coef_.tobytes(), self.vault.estimator.coef_.tobytes(), self.vault.status().rows_left,
                sorted(each.name for each in self.folder.iterdir()))


#: Every verb that takes progress; `p` is it.
TOLD = {
    "fit": lambda w, p: recant.LogisticRegression().fit(w.X, w.y, progress=p),
    "fit, ridge": lambda w, p: recant.RidgeRegression().fit(w.X, w.y, progress=p),
    "adopt": lambda w, p: recant.adopt(w.fitted, w.X, w.y, progress=p),
    "correct": lambda w, p: w.model.correct(*w.V, sensitive_features=w.group, progress=p),
    "forget": lambda w, p: w.model.forget([1, 2], progress=p),
    "forget, ascent": lambda w, p: w.model.forget([1, 2], method="ascent", holdout=w.V, progress=p),
    **{f"values.{name}": lambda w, p, name=name: getattr(recant.values, name)(w.model, *w.V, progress=p)
       for name in recant.values.__all__},
    "values.influence, flips": lambda w, p: recant.values.influence(w.model, *w.V, flip_check=0.1, progress=p),
    "Vault.create": lambda w, p: recant.Vault.create(w.new(), w.model, epsilon=1.0, delta=1e-5, sigma=1.0, progress=p),
    "Vault.fit": lambda w, p: recant.Vault.fit(w.new(), w.csv, target="y", progress=p),
    "Vault.forget": lambda w, p: w.vault.forget(1, progress=p),
    "Vault.audit": lambda w, p: w.vault.audit(deleted=w.folder / "few.csv", progress=p),
    "Vault.correct": lambda w, p: w.vault.correct(w.csv, output=w.new(), progress=p),
    "Vault.value": lambda w, p: w.vault.value(w.csv, progress=p),
    "Vault.compare": lambda w, p: w.vault.compare(w.csv, resamples=40, progress=p),
    "Vault.plan": lambda w, p: recant.Vault.plan(w.csv, target="y", epsilon=1.0, delta=1e-5, sigma=1.0, progress=p),
    "Vault.forget_requests": lambda w, p: w.vault.forget_requests({"a": 1, "b": [2, 3]}, progress=p),
    "compare": lambda w, p: recant.compare(w.model, *w.V, sensitive_features=w.group, test=(*w.V, w.group),
                                           resamples=40, progress=p),
}


def verbs_with_progress() -> set[str]:
    """By their signatures."""
    public = [(name, getattr(owner, name)) for owner, names in (
        (recant, recant.__all__), (recant.values, recant.values.__all__),
        *((kind, vars(kind)) for base in (recant.LogisticRegression, recant.Vault) for kind in base.__mro__
          if kind.__module__.startswith("recant"))) for name in names
        if not name.startswith(("_", "set_"))]  # set_fit_request is scikit-learn's
    return {name for name, each in public if inspect.isroutine(each)
            and "progress" in inspect.signature(each).parameters}


@pytest.mark.parametrize("verb", TOLD)
def test_every_long_verb_tells_of_its_progress(problem, tmp_path, verb: str) -> None:
    told = []
    TOLD[verb](Places(problem, tmp_path), lambda *now: told.append((threading.get_ident(), *now)))
    assert told or verb == "values.influence"  # which has no part that takes long, but for flips
    for thread, phase, done, total in told:
        assert thread == threading.get_ident() and isinstance(phase, str) and (done <= total or total == 0)


@pytest.mark.parametrize("verb", sorted(set(TOLD) - {"values.influence"}))
def test_an_interrupt_while_a_verb_tells_changes_nothing(problem, tmp_path, verb: str) -> None:
    work = Places(problem, tmp_path)
    before = work.state()
    with pytest.raises(KeyboardInterrupt):
        TOLD[verb](work, interrupt)
    assert work.state() == before
    TOLD[verb](work, None)


def test_every_verb_with_progress_is_among_those_tried() -> None:
    tried = {verb.split(",")[0].split(".")[-1] for verb in TOLD}
    assert verbs_with_progress() == tried


def test_progress_as_a_bar(long, capsys) -> None:
    pytest.importorskip("tqdm")
    told = []
    recant.values.knn_shapley(long.model, long.X[:500], long.y[:500], progress=lambda phase, *_: told.append(phase))
    recant.values.knn_shapley(long.model, long.X[:500], long.y[:500], progress=True)
    said = capsys.readouterr().err
    assert told and all(re.search(rf"{phase}: +\d+%.*/500", said) for phase in told), said


def test_progress_as_a_bar_without_tqdm_is_none(long, capsys, monkeypatch) -> None:
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)
    quiet = recant.values.knn_shapley(long.model, long.X[:500], long.y[:500])
    same = recant.values.knn_shapley(long.model, long.X[:500], long.y[:500], progress=True)
    np.testing.assert_array_equal(quiet.values, same.values)
    assert capsys.readouterr().err == ""


def test_an_exception_of_the_callback_comes_through(long) -> None:
    class Mine(Exception):
        """Nobody else's."""

    def fail(*now: object) -> None:
        raise Mine("here")

    with pytest.raises(Mine, match="here"):
        long.values(progress=fail)
    with pytest.raises(recant.UsageError, match="progress"):
        long.values(progress=3)


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error, family", [
    (recant.UsageError, ValueError), (recant.DataError, ValueError),
    (recant.DamagedError, RuntimeError), (recant.BusyError, OSError),
    (recant.NotFoundError, FileNotFoundError), (recant.InternalError, RuntimeError)])
def test_errors_have_two_families(error, family) -> None:
    assert issubclass(error, recant.Error) and issubclass(error, family)
    again = pickle.loads(pickle.dumps(error("one line")))
    assert type(again) is error and str(again) == "one line"


def test_errors_are_the_core_s_one_line_with_its_parts(problem, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist") as caught:
        recant.load(tmp_path / "none.rct")
    assert caught.value.where.endswith("none.rct") and caught.value.message == "does not exist"
    (tmp_path / "broken.rct").mkdir()
    (tmp_path / "broken.rct" / "manifest.json").write_text("{")
    with pytest.raises(recant.DamagedError) as damaged:
        recant.Vault(tmp_path / "broken.rct")
    assert len(str(damaged.value).splitlines()) == 1
    with pytest.raises(recant.UsageError) as usage:
        recant.influence(problem.fit(), *problem.part(problem.validation), metric="fairness")
    assert "\n" not in str(usage.value) and usage.value.message in str(usage.value)


def test_before_fit_everything_says_so() -> None:
    from sklearn.exceptions import NotFittedError

    model = recant.LogisticRegression()
    for call in (lambda: model.predict([[1.0]]), lambda: model.correct([[1.0]], [1]),
                 lambda: recant.influence(model, [[1.0]], [1]), lambda: model.fit_result_,
                 lambda: model.save("nowhere")):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            call()


def test_a_group_without_rows_is_named(problem) -> None:
    model, (X, y) = problem.fit(), problem.part(problem.validation)
    with pytest.raises(recant.DataError, match="no row"):
        recant.influence(model, X, np.zeros_like(y), metric="equal_opportunity",
                         sensitive_features=problem.group[problem.validation])
    with pytest.raises(recant.UsageError, match="sensitive"):
        model.correct(X, y)


WRONG = {
    "threshold": lambda m, X, y: recant.evaluate(m, X, y, threshold="a"),
    "radius": lambda m, X, y: recant.evaluate(m, X, y, radius=[1]),
    "attack_correct_only": lambda m, X, y: recant.evaluate(m, X, y, attack_correct_only="no"),
    "metric": lambda m, X, y: recant.influence(m, X, y, metric=3),
    "metric, correct": lambda m, X, y: m.correct(X, y, metric=[3]),
    "metric, generator": lambda m, X, y: m.correct(X, y, metric=(each for each in ["utility"])),
    "metric, no list": lambda m, X, y: m.correct(X, y, metric=np.array("utility")),
    "rounds": lambda m, X, y: m.correct(X, y, rounds="x"),
    "count": lambda m, X, y: m.correct(X, y, scheme="hard", count="x"),
    "bounds": lambda m, X, y: m.correct(X, y, bounds=(1,)),
    "bounds, texts": lambda m, X, y: m.correct(X, y, bounds=("a", "b")),
    "test": lambda m, X, y: m.correct(X, y, test=(X,)),
    "holdout": lambda m, X, y: m.forget(0, method="ascent", holdout=(X,)),
    "allowance": lambda m, X, y: m.forget(0, allowance="a"),
    "max_steps": lambda m, X, y: m.forget(0, max_steps=1.5),
    "tier_at_most": lambda m, X, y: m.forget(0, tier_at_most=1),
    "rows": lambda m, X, y: m.forget([[1], [2, 3]]),
    "values": lambda m, X, y: m.forget(0, "rank", values=["a"] * 400, alpha=1.0),
    "sensitive_features": lambda m, X, y: recant.evaluate(m, X, y, sensitive_features=3),
    "sensitive_features, text": lambda m, X, y: recant.evaluate(m, X, y, sensitive_features="ab"),
    "sensitive_features, column": lambda m, X, y: recant.evaluate(m, X, y, sensitive_features={"s": 3}),
    "sensitive_features, bytes": lambda m, X, y: group_columns([b"\xff", b"a"], 2),
    "sensitive_features, half": lambda m, X, y: group_columns(["\ud800", "a"], 2),
    "privileged": lambda m, X, y: recant.evaluate(m, X, y, privileged="\ud800"),
    "l2": lambda m, X, y: recant.LogisticRegression("a").fit(X, y),
    "l2, none": lambda m, X, y: recant.LogisticRegression(None).fit(X, y),
    "intercept": lambda m, X, y: recant.RidgeRegression(intercept="no").fit(X, y),
    "max_iterations": lambda m, X, y: recant.LogisticRegression(max_iterations=2**40).fit(X, y),
    "y": lambda m, X, y: recant.LogisticRegression().fit(X, np.where(y, "\ud800", "a")),
    "y, other": lambda m, X, y: recant.evaluate(m, X, np.where(y, "a", "b")),
    "y, ridge": lambda m, X, y: recant.evaluate(recant.RidgeRegression().fit(X, y), X, ["a"] * len(X)),
    "sample_weight": lambda m, X, y: recant.LogisticRegression().fit(X, y, ["1"] * len(X)),
    "sample_weight, score": lambda m, X, y: m.score(X, y, ["1"] * len(X)),
    "gap": lambda m, X, y: recant.soft_weights(np.ones((3, 2)), value=1.0, keep_utility=False),
    "utility": lambda m, X, y: recant.soft_weights(np.ones(3), ["a", "b", "c"], value=1.0),
    "value": lambda m, X, y: recant.soft_weights(np.ones(3), np.ones(3), value="a"),
    "weights": lambda m, X, y: recant.hard_weights(np.ones(3), value=1.0, weights=["a"] * 3, count=1),
    "influence": lambda m, X, y: recant.hard_weights(np.ones((3, 1)), value=1.0, count=1),
    "top": lambda m, X, y: recant.values.knn_shapley(m, X, y, top="a"),
    "seed": lambda m, X, y: recant.values.knn_shapley(m, X, y, seed=-1),
    "state_file": lambda m, X, y: recant.values.data_shapley(m, X, y, state_file=3),
    "threads": lambda m, X, y: recant.set_threads("a"),
    "path": lambda m, X, y: recant.load(3),
    "path, save": lambda m, X, y: m.save("\ud800"),
    "certificate": lambda m, X, y: recant.certificate.verify(3),
    "ids": lambda m, X, y: ids_of(3.5),
    "resamples": lambda m, X, y: recant.compare(m, X, y, test=(X, y), resamples="a"),
    "test, compare": lambda m, X, y: recant.compare(m, X, y, test=(X,)),
    "fit_intercept": lambda m, X, y: recant.adopt(m, X, y, tolerance="a"),
}


@pytest.mark.parametrize("what", WRONG)
def test_arguments_of_the_wrong_kind_are_named_in_one_line(problem, what: str) -> None:
    name = {"threads": "count", "fit_intercept": "tolerance"}.get(what, what.split(",")[0])
    model = problem.fit()
    coef = model.coef_
    with pytest.raises(recant.Error) as caught:
        WRONG[what](model, *problem.part(problem.validation))
    text = str(caught.value)
    assert isinstance(caught.value, ValueError) and text.startswith(name), text
    assert "\n" not in text and "_core" not in text and "incompatible" not in text
    assert model.coef_ is coef


def test_numbers_that_no_metric_can_read_are_named(problem, tmp_path) -> None:
    """NaN would otherwise be a threshold that no probability is above."""
    work = Places(problem, tmp_path)
    for name, wrong in (("threshold", [np.nan, -0.1, 1.1, 7, np.inf]), ("radius", [np.nan, -1, np.inf])):
        for value in wrong:
            for call in (lambda **option: recant.evaluate(work.model, *work.V, **option),
                         lambda **option: work.vault.evaluate(work.csv, **option)):
                with pytest.raises(recant.UsageError, match=f"^{name} must be"):
                    call(**{name: value})
    for edge in (0, 1):
        assert recant.evaluate(work.model, *work.V, threshold=edge, radius=edge).metrics


def test_numpy_s_own_scalars_are_arguments(problem) -> None:
    model, V = problem.fit(), problem.part(problem.validation)
    for wanted, given in ((True, np.True_), (False, np.False_)):
        assert (recant.evaluate(model, *V, attack_correct_only=given, threshold=np.float32(0.5),
                                radius=np.int64(1)).metrics
                == recant.evaluate(model, *V, attack_correct_only=wanted, radius=1.0).metrics)
    found = recant.values.knn_shapley(model, *V, top=np.int8(2), seed=np.uint64(3))
    assert len(found.to_dict()["highest"]) == 2


def test_warnings_point_at_the_caller(problem, tmp_path) -> None:
    with pytest.warns(recant.ConvergenceWarning) as fit:
        recant.LogisticRegression(max_iterations=1).fit(*problem.part(problem.train))
    model = problem.fit()
    vault = recant.Vault.create(tmp_path / "v.rct", model)
    for one in (model, vault):
        one.forget(1)
        with pytest.warns(recant.NotDeletedWarning) as again:
            one.forget(1)
        assert again[0].filename == __file__
    assert fit[0].filename == __file__


def test_a_call_that_the_core_cannot_take_names_itself() -> None:
    from recant._checked import checked

    @checked
    def ask(anything) -> None:
        recant._core.threads(anything)

    with pytest.raises(recant.UsageError, match="^ask: an argument is of a type"):
        ask(3)


# -- the words of the package --------------------------------------------------------------------


def hints_with_options() -> list[str]:
    """Every text in the core that has an option of the command in it."""
    found = []
    for file in sorted([*(ROOT / "src").rglob("*.cpp"), *(ROOT / "src").rglob("*.hpp")]):
        found += re.findall(r'"([^"\n]*--[a-z][^"\n]*)"', file.read_text())
    return found


def test_no_message_names_an_option_of_the_command() -> None:
    assert len(hints_with_options()) > 10
    for text in hints_with_options():
        where, message = (text, "") if text.startswith("--") else ("", text)
        error = recant.errors._of_core("UsageError", message, where, text)
        for part in (str(error), error.message, error.where, error.hint):
            assert "--" not in part and "recant forget" not in part, part


def test_hints_are_in_the_words_of_the_package(problem, tmp_path) -> None:
    model, (X, y) = problem.fit(), problem.part(problem.validation)
    model.save(tmp_path / "m.rct")
    ridge = recant.RidgeRegression().fit(X, y)
    for call, hint in [
            (lambda: model.save(tmp_path / "m.rct"), "choose another name or give replace=True"),
            (lambda: recant.Vault(tmp_path / "m.rct").backup(tmp_path / "m.rct"), "choose another name"),
            (lambda: model.correct(X, y, sensitive_features=problem.group[problem.validation],
                                   bounds=None, rounds=2), "give rounds=1, or bounds"),
            (lambda: model.forget(0, method="ascent"), "give holdout"),
            (lambda: recant.influence(model, X, y, metric="demographic_parity"),
             "give sensitive_features"),
            (lambda: recant.values.data_shapley(ridge, X, y), "write utility='log_loss'")]:
        with pytest.raises(recant.UsageError) as caught:
            call()
        assert caught.value.hint == hint and str(caught.value).endswith(f"; {hint}")


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_errors_name_the_argument_that_was_given(problem) -> None:
    """Where the core calls it by another name, and where it cannot see that it was given."""
    model, (X, y) = problem.fit(), problem.part(problem.validation)
    group, ones = problem.group[problem.validation], np.ones(len(X))
    for call, text in [
            (lambda: model.correct(X, y, metric=[]), "metric: there is no gap to close"),
            (lambda: model.correct(X, y, metric="utility"), "metric: utility is kept, not closed"),
            (lambda: model.correct(X, y, sensitive_features=group, scheme="hard", rows=[]), "rows: names no row"),
            (lambda: model.forget([]), "rows: names no row"),
            (lambda: model.forget(np.zeros(len(model._model), dtype=bool)), "rows: names no row"),
            (lambda: recant.LogisticRegression().fit(X, y, -ones), "sample_weight: are not all finite and >= 0"),
            (lambda: recant.LogisticRegression().fit(X, y, np.nan), "sample_weight: are not all finite and >= 0"),
            (lambda: recant.RidgeRegression().fit(X, y, 0 * ones), "sample_weight: are zero in every row"),
            (lambda: recant.LogisticRegression().fit(X, np.arange(len(X))),
             f"y: has {len(X)} classes in as many rows, so there is nothing to learn"),
            *((lambda none=none: recant.evaluate(model, X, y, sensitive_features=none),
               "sensitive_features: has no columns") for none in (pd.DataFrame(index=range(len(X))), X[:, :0], {}))]:
        with pytest.raises(recant.Error) as caught:
            call()
        assert isinstance(caught.value, ValueError) and str(caught.value).split(";")[0] == text


def test_only_options_are_translated() -> None:
    error = recant.errors._of_core("DataError", "holds nothing", "a--b/c.csv", "see --max-steps")
    assert str(error) == "a--b/c.csv: holds nothing; see max_steps"
