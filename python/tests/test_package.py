# SPDX-License-Identifier: Apache-2.0
"""What is shipped: types, stubs, documentation, examples, the time of the import."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Problem

import recant

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
"""


def test_types_reach_whoever_uses_the_package(tmp_path) -> None:
    """Also that mypy finds what is wrong, or the test above could not fail."""
    pytest.importorskip("mypy")
    (tmp_path / "use.py").write_text(USE)
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports",
                           "--cache-dir", os.devnull, "use.py"], cwd=tmp_path, capture_output=True,
                          text=True, env={**os.environ, "MYPYPATH": str(PACKAGE.parent)})
    wrong = re.findall(r"^use.py:(\d+): error: .*\[(\S+)\]$", done.stdout, re.MULTILINE)
    assert wrong == [("4", "assignment"), ("5", "arg-type")], done.stdout


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
    of its class itself, and those that it has from another class of recant."""
    found = []
    for owner in (recant, recant.values, recant.certificate):
        for name in owner.__all__:
            thing = getattr(owner, name)
            if inspect.isclass(thing) and not issubclass(thing, BaseException):
                for method in dir(thing):
                    each = inspect.getattr_static(thing, method)
                    each = getattr(each, "__func__", getattr(each, "fget", each))
                    if not method.startswith("_") and inspect.isfunction(each) and (
                            each.__module__.startswith("recant")):
                        found.append((f"{name}.{method}", each))
            if callable(thing):
                found.append((name, thing))
    return found


def test_public_things_are_found() -> None:
    names = {name for name, _ in public()}
    assert {"LogisticRegression.forget", "RidgeRegression.correct", "Vault.create", "Vault.estimator",
            "SoftWeights.to_dict", "Influence.to_dict", "set_threads", "Deletion.bound"} <= names
    assert "LogisticRegression.get_params" not in names  # scikit-learn's


def lacking(thing: object) -> list[str]:
    """What the docstring of a function does not speak of."""
    text = inspect.getdoc(thing) or ""
    if not inspect.isfunction(thing):
        return [] if text else ["docstring"]
    signature = inspect.signature(thing)
    missing = [name for name in signature.parameters
               if name not in ("self", "cls") and not re.search(rf"\b{re.escape(name)}\b", text)]
    is_property = len(signature.parameters) == 1 and "self" in signature.parameters
    if not is_property and signature.return_annotation != "None" and "Returns\n-------" not in text:
        missing.append("Returns")
    return missing if text else ["docstring"]


@pytest.mark.parametrize("name, thing", public())
def test_every_public_thing_has_a_docstring_with_its_parameters(name: str, thing) -> None:
    assert lacking(thing) == []


def test_a_docstring_that_lacks_something_is_found() -> None:
    def count(rows: int, row: int) -> int:
        """Of rows, as in docs; see there."""

    def nothing(self) -> None:
        pass

    assert lacking(count) == ["row", "Returns"]
    assert lacking(nothing) == ["docstring"]


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


def test_the_import_leaves_scikit_learn_alone() -> None:
    code = ("import sys, recant; assert not {'sklearn', 'pandas', 'matplotlib', 'scipy'} "
            "& set(sys.modules), sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


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
