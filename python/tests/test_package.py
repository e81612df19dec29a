# SPDX-License-Identifier: Apache-2.0
"""What is shipped: types, stubs, documentation, examples, the time of the import."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path

import pytest
from conftest import ROOT, Problem

import recant
from recant import _estimators

PACKAGE = Path(recant.__file__).parent
MODULES = ["recant", "recant._estimators", "recant._verbs", "recant._adopt", "recant._vault",
           "recant.values", "recant.certificate", "recant.errors"]
WITHOUT_EXAMPLES = {"recant.errors"}  # of the modules above


def test_the_stub_in_the_tree_is_the_module_s() -> None:
    from nanobind.stubgen import StubGen

    generator = StubGen(recant._core, include_private=False)
    generator.put(recant._core)
    assert (ROOT / "python/recant/_core.pyi").read_text().strip() == generator.get().strip(), (
        "make python-stub writes it anew")


def test_mypy_strict_finds_nothing() -> None:
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml",
                           "--cache-dir", os.devnull, "-p", "recant"], cwd=PACKAGE.parent,
                          capture_output=True, text=True,
                          env={**os.environ, "MYPYPATH": str(PACKAGE.parent)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (PACKAGE / "py.typed").exists()


USE = """import numpy as np, recant
model = recant.LogisticRegression(l2=1.0).fit(np.ones((3, 1)), np.array([0, 1, 1]))
bound: float | None = model.forget(0).bound
reason: int = model.forget(0).reason
recant.LogisticRegression(l2="much")
recant.LogisticRegresion()
recant.values.influence, recant.certificate.verify, recant.Vault
"""


def test_types_reach_whoever_uses_the_package(tmp_path) -> None:
    """Also that mypy finds what is wrong, or the test above could not fail."""
    pytest.importorskip("mypy")
    (tmp_path / "use.py").write_text(USE)
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports",
                           "--cache-dir", os.devnull, "use.py"], cwd=tmp_path, capture_output=True,
                          text=True, env={**os.environ, "MYPYPATH": str(PACKAGE.parent)})
    wrong = re.findall(r"^use.py:(\d+): error: .*\[(\S+)\]$", done.stdout, re.MULTILINE)
    assert wrong == [("4", "assignment"), ("5", "arg-type"), ("6", "attr-defined")], done.stdout


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "docs/reference/python.md"])
def test_python_on_the_pages_runs(page: str, tmp_path, monkeypatch) -> None:
    """With rows under the names that the pages use."""
    monkeypatch.chdir(tmp_path)
    problem = Problem()
    names: dict[str, object] = {"names": ["1", "2"]}
    for part, suffix in ((problem.train, ""), (problem.validation, "_val"), (problem.test, "_test")):
        names["X" + suffix], names["y" + suffix] = problem.part(part)
        names["group" + suffix] = names["sex" + suffix] = problem.group[part]
    assert blocks(page)
    for block in blocks(page):
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted > 0 or name in WITHOUT_EXAMPLES  # a decorator could hide them


def public() -> list[tuple[str, object]]:
    """Every public function, and the public methods and properties of every class: its own, those
    of its class itself, and those that it has from another class of recant. Where scikit-learn is
    installed the estimators are its own, whether or not a test before this one has imported it."""
    _estimators._sklearn.part("base")
    found = []
    for owner in (recant, recant.values, recant.certificate):
        for name in owner.__all__:
            thing = getattr(owner, name)
            if inspect.isclass(thing) and not issubclass(thing, BaseException):
                for method in dir(thing):
                    each = inspect.getattr_static(thing, method)
                    each = getattr(each, "__func__", each)
                    own = inspect.isfunction(each) and each.__module__.startswith("recant")
                    if not method.startswith("_") and (own or isinstance(each, property)):
                        found.append((f"{name}.{method}", each))
            if callable(thing):
                found.append((name, thing))
    return found


def test_public_things_are_found() -> None:
    names = {name for name, _ in public()}
    assert {"LogisticRegression.forget", "RidgeRegression.correct", "Vault.create", "Vault.estimator",
            "SoftWeights.to_dict", "Influence.to_dict", "set_threads", "Deletion.bound"} <= names
    scikit_learn = importlib.util.find_spec("sklearn") is not None
    assert ("LogisticRegression.get_params" in names) is not scikit_learn  # it is scikit-learn's there


def sections(text: str) -> dict[str, list[str]]:
    """The lines of each section of a docstring in numpydoc form; the summary's are under ""."""
    found: dict[str, list[str]] = {"": []}
    lines = text.splitlines()
    name = ""
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line and below == "-" * len(line):
            name = line
            found[name] = []
        elif line.strip("-") or not line:
            found[name].append(line)
    return found


def entries(section: list[str]) -> dict[str, str]:
    """Names and types of a section's entries: "a, b : type", or "a, b" where text below says what."""
    found = {}
    for line in section:
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            found.update({name.strip(" *"): kind for name in names.split(",") if name.strip()})
    return found


#: Take nothing and cannot fail, and rest on no source.
SIMPLE = {"close", "threads", "to_dict"}


def lacking(thing: object) -> list[str]:
    """What the docstring does not speak of.

    The rule: a function or a method, and a class that is made by its constructor, has a section of
    Parameters with each of them, of arrays with their shape; Returns, unless that is None; Raises;
    and References. Without Returns: classes. Without Raises and References: SIMPLE. A property and
    a class that only functions make have a docstring.
    """
    text = inspect.getdoc(thing) or ""
    if not text:
        return ["docstring"]
    own = vars(thing).get("__init__") if inspect.isclass(thing) else thing
    if not inspect.isfunction(own) or is_dataclass(thing):
        return []
    signature = inspect.signature(own)
    parameters = [name for name in signature.parameters if name not in ("self", "cls")]
    there = sections(text)
    described = entries(there.get("Parameters", []))
    missing = [name for name in parameters if name not in described]
    missing += [f"shape of {name}" for name, kind in described.items()
                if "array" in kind and not re.search("shape|of int|of bool", kind)]
    wanted = [] if inspect.isclass(thing) or signature.return_annotation == "None" else ["Returns"]
    if own.__name__ not in SIMPLE:
        wanted += ["Raises", "References"]
    return missing + [name for name in wanted if not "".join(there.get(name, []))]


@pytest.mark.parametrize("name, thing", public())
def test_every_public_thing_has_a_docstring_in_numpydoc_form(name: str, thing) -> None:
    assert lacking(thing) == []


def test_a_docstring_that_lacks_something_is_found() -> None:
    def count(rows: int, row: int) -> int:
        """Of rows, as in docs; see there: row.

        Parameters
        ----------
        rows : array-like

        References
        ----------
        """

    def nothing(self) -> None:
        pass

    class Made:
        """By its constructor."""

        def __init__(self, X) -> None:
            pass

    assert lacking(count) == ["row", "shape of rows", "Returns", "Raises", "References"]
    assert lacking(nothing) == ["docstring"]
    assert lacking(Made) == ["X", "Raises", "References"]


def test_scikit_learn_is_not_needed() -> None:
    """Nor pandas, nor matplotlib: they are hidden, and everything of recant goes on."""
    code = """
import sys
for name in ("sklearn", "scipy", "pandas", "matplotlib", "tqdm"):
    sys.modules[name] = None
import numpy as np, pickle, recant
rng = np.random.default_rng(0)
X, y, s = rng.normal(size=(200, 3)), rng.integers(0, 2, 200), rng.integers(0, 2, 200)
model = recant.LogisticRegression().fit(X, y)
assert model.get_params()["l2"] == 1.0 and "l2=" in repr(model)
assert model.set_params(l2=2.0).fit(X, y).l2 == 2.0
model.correct(X, y, sensitive_features=s, progress=True)
recant.values.knn_shapley(pickle.loads(pickle.dumps(model)), X, y)
assert recant.RidgeRegression().fit(X, y).score(X, y) < 1
for bad in (X[:, :2], X[0], X * np.nan, X + 1j):
    try:
        model.predict(bad)
    except ValueError:
        continue
    raise SystemExit("not refused")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def in_a_new_process(code: str, **environment: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True,
                          env={**os.environ, **environment})
    return done.stdout


def test_the_import_leaves_scikit_learn_alone() -> None:
    in_a_new_process("import sys, recant; assert not {'numpy', 'sklearn', 'pandas', 'matplotlib', 'scipy'} "
                     "& set(sys.modules), sys.modules")


def test_the_import_takes_less_than_a_seventh_of_a_second() -> None:
    """Of processor time, the least of five: what other programs do is not in it, what one import
    might have to read from the disk is not either."""
    code = "import time; begin = time.process_time(); import recant; print(time.process_time() - begin)"
    assert min(float(in_a_new_process(code)) for _ in range(5)) < 0.15


ON_ARRAYS = """
import pickle, sys
import numpy as np, recant
rng = np.random.default_rng(0)
X, y, s = rng.normal(size=(200, 3)), rng.integers(0, 2, 200), rng.choice(["a", "b"], 200)
for features in (X, X.astype(np.float32), X.tolist()):
    for targets in (y, y.tolist(), y.astype(float), np.where(y, "yes", "no").astype(object)):
        model = recant.LogisticRegression().fit(features, targets)
        model.predict(features), model.predict_log_proba(features), model.score(features, targets)
        recant.influence(model, features, targets), recant.evaluate(model, features, targets)
        recant.values.knn_shapley(model, features, targets)
        model.correct(features, targets, sensitive_features=s)
        model.forget([3])
recant.RidgeRegression().fit(X, X[:, 0]).score(X, y)
try:
    recant.LogisticRegression().predict(X)
except ValueError as error:
    assert "not fitted yet" in str(error)
assert not hasattr(recant.LogisticRegression(), "coef_") and not hasattr(model, "transform")
print(repr(model), model.get_params())
assert not {"sklearn", "scipy", "pandas"} & set(sys.modules)
"""


def test_estimators_on_arrays_leave_scikit_learn_alone() -> None:
    """Its import takes a second, and they need nothing of it."""
    pytest.importorskip("sklearn")
    assert "LogisticRegression(l2=1.0" in in_a_new_process(ON_ARRAYS)


LATER = """
import copy, pickle, sys, warnings
import numpy as np, recant
rng = np.random.default_rng(0)
X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
class Mine(recant.LogisticRegression):
    pass
model, ridge, mine = (kind().fit(X, y) for kind in (recant.LogisticRegression, recant.RidgeRegression, Mine))
state = pickle.dumps(model)
assert "sklearn" not in sys.modules
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
assert is_classifier(model) and is_classifier(mine) and is_regressor(ridge)
for each in (model, mine, copy.deepcopy(model), pickle.loads(state)):
    assert isinstance(each, BaseEstimator) and isinstance(each, ClassifierMixin)
    assert clone(each).get_params() == model.get_params()
    assert (each.coef_ == model.coef_).all() and each._repr_html_()
GridSearchCV(make_pipeline(StandardScaler(), model), {"logisticregression__l2": [0.1, 1.0]}).fit(X, y)
with sklearn.config_context(enable_metadata_routing=True):
    for each in (model, Mine(), ridge):
        each.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
try:
    recant.LogisticRegression().predict(X)
except NotFittedError:
    print("not fitted")
warnings.simplefilter("ignore")
for each in (recant.RidgeRegression(), Mine()):
    assert all(found["status"] == "passed" for found in check_estimator(each, on_skip=None))
"""


def test_scikit_learn_may_be_imported_later() -> None:
    """Estimators that were there before, and classes that derive from them, are its estimators then."""
    pytest.importorskip("sklearn")
    assert in_a_new_process(LATER, SCIPY_ARRAY_API="1") == "not fitted\n"


MODELS = """
import numpy as np, recant
X, y = np.arange(8.0).reshape(8, 1), np.arange(8) % 2
model, ridge = recant.LogisticRegression().fit(X, y), recant.RidgeRegression().fit(X, y)
"""
#: What scikit-learn and others ask of an estimator, each the first that anybody asks.
FIRST = {
    "isinstance": "assert isinstance(model, base.BaseEstimator) and isinstance(ridge, base.RegressorMixin)",
    "issubclass": "assert issubclass(recant.LogisticRegression, base.ClassifierMixin)",
    "clone": "assert base.clone(model).get_params() == model.get_params()",
    "is_classifier": "assert base.is_classifier(model) and not base.is_classifier(ridge)",
    "tags": "assert model.__sklearn_tags__().estimator_type == 'classifier'",
    "html": "assert model._repr_html_().startswith('<style>')",
}
ALL_OF_THEM = """
from sklearn.utils import estimator_html_repr, get_tags
from sklearn.utils.validation import check_is_fitted
assert get_tags(ridge).estimator_type == "regressor" and base.is_regressor(ridge)
check_is_fitted(model)
assert "fitted" in estimator_html_repr(model)
assert not [each for each in sys.meta_path if type(each).__module__.startswith("recant")]
"""


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("first", FIRST)
def test_scikit_learn_knows_the_estimators(order: str, first: str) -> None:
    """Imported before recant or after it, and with nothing of recant called in between."""
    pytest.importorskip("sklearn")
    parts = ["from sklearn import base", MODELS]
    in_a_new_process("\n".join(["import sys", *(parts if order == "before" else parts[::-1]), FIRST[first],
                                *FIRST.values(), ALL_OF_THEM]))


def test_everything_named_is_there() -> None:
    assert sorted(recant.__all__) == dir(recant)
    for name in recant.__all__:
        assert getattr(recant, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        recant.nothing_like_it  # noqa: B018


EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path) -> None:
    done = subprocess.run([sys.executable, ROOT / "examples" / name], cwd=tmp_path,
                          capture_output=True, text=True, env={**os.environ, "MPLBACKEND": "Agg"})
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 5


def compared(tmp_path: Path, *arguments: object, fairlearn: bool) -> tuple[dict[str, dict], str]:
    """What examples/peers.py found, by goal and method, and what it said beside it."""
    code = (f"import runpy, sys; {'' if fairlearn else 'sys.modules[%r] = None; ' % 'fairlearn'}"
            f"sys.argv = {['peers.py', *map(str, arguments), '--json', str(tmp_path / 'found')]!r}; "
            f"runpy.run_path({str(ROOT / 'examples/peers.py')!r}, run_name='__main__')")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    found = json.loads((tmp_path / "found").read_text())
    return {goal: {row["method"]: row for row in rows} for goal, rows in found.items()}, done.stderr


RANDOMISED = [f"ExponentiatedGradient, bound {bound}" for bound in (0.01, 0.001)]
THRESHOLDS = [f"ThresholdOptimizer on {part} rows, beyond the fit" for part in ("training", "validation")]


def test_peers_without_fairlearn_say_what_is_left_out(tmp_path) -> None:
    found, said = compared(tmp_path, fairlearn=False)
    assert "FAIRLEARN IS NOT INSTALLED: ExponentiatedGradient and ThresholdOptimizer are left out" in said
    for rows in found.values():
        assert not any("Gradient" in method or "Threshold" in method for method in rows)
        before, after = (rows[name]["gap_probabilities"] for name in (
            "scikit-learn, nothing corrected", "scikit-learn again, with the weights of the latter"))
        assert before > 0.1 and abs(after) < 0.1 * before


def test_peers_with_fairlearn(tmp_path) -> None:
    pytest.importorskip("fairlearn")
    found, said = compared(tmp_path, fairlearn=True)
    assert "NOT INSTALLED" not in said
    for rows in found.values():
        assert {*RANDOMISED, *THRESHOLDS} < set(rows)
        assert abs(rows[RANDOMISED[0]]["gap_labels"]) < 0.1 * rows["recant fit, nothing corrected"]["gap_labels"]


def test_the_page_of_peers_has_the_figures_of_adult(adult, tmp_path) -> None:
    """But for seconds and Fairlearn, whose rows take a minute and a half."""
    found, _ = compared(tmp_path, adult, "--repeats", 1, fairlearn=False)
    page = (ROOT / "docs/experiments/fairness-peers.md").read_text()
    for goal, rows in found.items():
        title = goal.replace("_", " ").capitalize()
        table = page.split(f"## {title}\n")[1].split("## ")[0]
        written = {cells[0]: cells[1:] for line in table.splitlines() if line.startswith("| ")
                   for cells in [[cell.strip() for cell in line.strip("| ").split("|")]]}
        assert {*RANDOMISED, *THRESHOLDS} < set(written)
        for method, row in rows.items():
            figures = [float(written[method][0].split(" ")[0]), *map(float, written[method][1:4])]
            assert figures == pytest.approx([row["gap_labels"], row["gap_probabilities"], row["accuracy"],
                                             row["log_loss"]], abs=2e-3), method
