# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share: made data, NPY files, running the command."""
import contextlib
import csv
import hashlib
import io
import json
import math
import random
import sqlite3
import struct
import subprocess
from pathlib import Path

COLUMNS = ["id", "age", "hours", "city", "sex", "region", "w", "admitted"]
# The columns that are no features, so that the two groups of `sex` differ only through the others.
FIT = ["--target", "admitted", "--positive", "yes", "--sensitive", "sex", "--drop", "region,w",
       "--id", "id"]


def table(rows, seed):
    """`rows` lists of cells under COLUMNS: unsorted, unbalanced, two sexes that differ, three regions."""
    draw = random.Random(seed)
    made = []
    for i in range(rows):
        sex = "female" if draw.random() < 0.4 else "male"
        age = draw.gauss(38 if sex == "male" else 34, 9)
        hours = draw.gauss(42 if sex == "male" else 36, 6)
        city = draw.choice(["oslo", "rome", "lima"])
        region = draw.choices(["north", "south", "west"], [5, 3, 2])[0]
        score = 0.05 * (age - 36) + 0.12 * (hours - 40) + (0.7 if city == "rome" else 0) - 0.3
        label = "yes" if draw.random() < 1 / (1 + math.exp(-score)) else "no"
        made.append([f"person-{seed}-{i:06d}", f"{age:.3f}", f"{hours:.3f}", city, sex, region,
                     f"{draw.uniform(0.5, 2):.3f}", label])
    return made


def csv_text(rows, columns=COLUMNS, end="\n"):
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows([columns, *rows])
    return out.getvalue()


def npy(values, shape=None, descr="<f8", fortran=False):
    """The bytes of an NPY file; `values` are numbers in row order, or bytes as they are."""
    codes = {"<f8": "<d", "<f4": "<f", "<i8": "<q", "<i4": "<i", ">f8": ">d"}
    if not isinstance(values, bytes):
        shape = (len(values),) if shape is None else shape
        code = codes[descr]
        values = struct.pack(f"{code[0]}{len(values)}{code[1]}", *values)
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values


def read_npy(path):
    """A float64 vector as the command writes it."""
    data = Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00" and b"'<f8'" in data[:128], path
    return list(memoryview(data[10 + struct.unpack("<H", data[8:10])[0]:]).cast("d"))


def arrays(rows, seed):
    """Features (n x 3), targets, groups and weights as lists, in row order."""
    draw = random.Random(seed)
    features, targets, groups, weights = [], [], [], []
    for _ in range(rows):
        group = 1 if draw.random() < 0.6 else 0
        x = [draw.gauss(0.5 * group, 1), draw.gauss(0, 2), draw.gauss(0.3 * group, 1)]
        features += x
        targets.append(1.0 if draw.random() < 1 / (1 + math.exp(-(x[0] - 0.4 * x[1] + x[2]))) else 0.0)
        groups.append(group)
        weights.append(draw.uniform(0.5, 2))
    return features, targets, groups, weights


def contents(folder):
    """Every file under `folder` with its bytes, and every folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(Path(folder).rglob("*"))}


@contextlib.contextmanager
def changed_ledger(path):
    """A connection; what it changes is written with sums of the pages that fit, of which SQLite knows nothing
    (docs/formats/ledger.md)."""
    def number(value):
        return value.to_bytes(8, "little")

    with contextlib.closing(sqlite3.connect(path)) as ledger:
        yield ledger
        ledger.commit()
    file = bytearray(Path(path).read_bytes())
    for at in range(0, len(file), 4096):
        page = b"recant.page/1\0" + number(at // 4096 + 1) + number(4080) + file[at:at + 4080]
        file[at + 4080:at + 4096] = hashlib.blake2b(page, digest_size=32).digest()[:16]
    Path(path).write_bytes(file)


class Done:
    """A run of the command that has ended."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    def __str__(self):
        return (f"recant {' '.join(self.arguments)}\nexit {self.code}\nstdout: {self.out[:1000]!r}\n"
                f"stderr: {self.err[:1000]!r}")

    @property
    def json(self):
        return json.loads(self.out)


def run(command, *arguments, **more):
    """Runs `command`; its standard input is empty unless `input` says otherwise."""
    arguments = [str(a) for a in arguments]
    more.setdefault("input", b"")
    done = subprocess.run([command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120, **more)
    return Done(arguments, done.returncode, done.stdout.decode(), done.stderr.decode())
