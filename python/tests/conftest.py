# SPDX-License-Identifier: Apache-2.0
"""Data that tests share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import recant

ROOT = Path(__file__).resolve().parents[2]
settings.register_profile("recant", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("recant")


def shared_folder() -> Path:
    """Golden values and public data sets, which are not in the tree."""
    return Path(os.environ.get("RECANT_SHARED_DIR", ROOT.parent / "shared"))


def say(command: str, *arguments: object) -> dict:
    """What the command prints with --json."""
    done = subprocess.run([command, *map(str, arguments), "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def command() -> str:
    """The command, of the same build."""
    found = os.environ.get("RECANT_COMMAND") or shutil.which("recant")
    if not found:
        pytest.skip("no command to compare with: set RECANT_COMMAND")
    return found


@pytest.fixture(scope="session")
def adult() -> Path:
    folder = shared_folder() / "data" / "adult"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[object]:
    """A PostgreSQL server of the tests' own."""
    sys.path.append(str(ROOT / "tests" / "crash"))
    import postgresql

    if postgresql.programs() is None:
        pytest.skip("there is no PostgreSQL server here (package postgresql)")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # it runs as another user where root tests
        own = postgresql.PostgresqlServer(Path(folder) / "server")
        yield own
        own.close()


class Problem:
    """Rows with a gap between two groups, in three splits."""

    def __init__(self, rows: int = 400, features: int = 5, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.group = rng.choice(["b", "a"], 3 * rows, p=[0.6, 0.4])
        self.X = rng.normal(size=(3 * rows, features))
        self.X[self.group == "a", 0] += 0.8
        score = 0.3 * self.X @ rng.normal(size=features) + 0.5 * self.X[:, 0]
        self.y = (score + rng.logistic(size=3 * rows) > 0.3).astype(int)
        self.train, self.validation, self.test = (slice(i * rows, (i + 1) * rows) for i in range(3))

    def part(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        return self.X[part], self.y[part]

    def fit(self, **parameters: object) -> recant.LogisticRegression:
        return recant.LogisticRegression(**parameters).fit(*self.part(self.train))


@pytest.fixture
def problem() -> Problem:
    return Problem()
