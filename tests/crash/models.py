# SPDX-License-Identifier: Apache-2.0
"""The models of the crash tests."""
import sys
from pathlib import Path

from ledger_facts import require

sys.path.insert(0, str(Path(__file__).parent.parent / "system"))
from command_support import FIT, csv_text, table  # noqa: E402

IDS = [f"person-3-{i:06d}" for i in (5, 17, 40)]
BUDGET = ["--epsilon", "1", "--delta", "1e-5", "--sigma", "1"]


def do(command, *arguments):
    done = command.run(*arguments)
    require(done.returncode == 0, done.stderr)


def make_models(command, folder, *more):
    """One with a budget and one without, and a file of requests."""
    (folder / "train.csv").write_text(csv_text(table(120, 3)))
    fit = ["fit", folder / "train.csv", *FIT, "--l2", "1", "-q"]
    do(command, *fit, *BUDGET, *more, "-o", folder / "enrolled.rct")
    do(command, *fit, "-o", folder / "plain.rct")
    (folder / "requests.csv").write_text("key,id\n" + "".join(f"key {i % 2},{name}\n" for i, name in enumerate(IDS)))
