# SPDX-License-Identifier: Apache-2.0
"""The models of the crash tests."""
import hashlib
import json
import sys
from pathlib import Path

from ledger_facts import require

sys.path.insert(0, str(Path(__file__).parent.parent / "system"))
from command_support import COLUMNS, FIT, csv_text, table  # noqa: E402

IDS = [f"person-3-{i:06d}" for i in (5, 17, 40)]
# The first two have a city that nobody else has, the third shares one with a row that stays.
CITIES = {5: b"canary-city-5", 17: b"canary-city-17", 40: b"canary-city-shared", 41: b"canary-city-shared"}
BUDGET = ["--epsilon", "1", "--delta", "1e-5", "--sigma", "1"]


def as_format_one(model):
    """Makes of a folder what version 1 wrote: one hash a file, the state in no folder of its own."""
    for name in ("theta.npy", "gradient.npy"):
        (model / "state/0" / name).rename(model / "state" / name)
    (model / "state/0").rmdir()
    manifest = json.loads((model / "manifest.json").read_text())
    for name in ("enrolment", "ledger"):
        del manifest[name]
    manifest["format_version"], manifest["model_id"] = 1, ""
    manifest["files"] = {str(file.relative_to(model)): blake2b(file.read_bytes()) for file in sorted(model.glob("*/*.npy"))}
    text = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False)
    manifest["model_id"] = blake2b(text.encode())[:32]
    (model / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def blake2b(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def do(command, *arguments):
    done = command.run(*arguments)
    require(done.returncode == 0, done.stderr)


def make_models(command, folder, *more):
    """One with a budget and one without, and a file of requests."""
    rows = table(120, 3)
    for row, city in CITIES.items():
        rows[row][COLUMNS.index("city")] = city.decode()
    (folder / "train.csv").write_text(csv_text(rows))
    fit = ["fit", folder / "train.csv", *FIT, "--l2", "1", "-q"]
    do(command, *fit, *BUDGET, *more, "-o", folder / "enrolled.rct")
    do(command, *fit, "-o", folder / "plain.rct")
    (folder / "requests.csv").write_text("key,id\n" + "".join(f"key {i % 2},{name}\n" for i, name in enumerate(IDS)))
