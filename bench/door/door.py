#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the Python package costs over the C++ library: a call, a long call, the import.

    door.py DOOR_BENCH [--parts PART...] [--rounds 5] [--rows 1000000] [--repeats 7] [--json FILE]

DOOR_BENCH is the library beside this script, door_bench.so, built with -DRECANT_BENCH=ON; the package
is the one that `import recant` finds. Both in this process, on one thread. Calls: 60 rows x 5 and 60 to
measure on, so that the core does little; C++ and Python by turns, in each round what the fastest tenth
takes of 300 calls or of as many as two seconds allow (of 40 deletions on disk, in a folder in memory
where there is one), and of the rounds the least: what else the machine does is in the others. Slower
calls: those in which the package does more than to pass arrays on, 200 rows. Large: rows x 100, by turns,
the least processor time of all.
Import, and first use (import, fit and predict, beyond
NumPy's import): the least processor time of ten new interpreters.
"""
import argparse
import copy
import csv
import ctypes
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before NumPy reads them

import numpy as np

import recant


def made_up(rows, columns, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    group = rng.integers(0, 2, rows)
    return X, (X[:, 0] + group + rng.logistic(size=rows) > 0.5).astype(np.float64), group


def of_cpp(library, folder, repeats):
    told = ctypes.CDLL(str(library)).door_bench
    told.restype = ctypes.c_char_p
    return json.loads(told(str(folder).encode(), repeats))


def seconds_of(work, repeats, clock=time.perf_counter, on=lambda: ()):
    """Of work(*on()), without what `on` takes: as often as DOOR_BENCH does it."""
    work(*on())
    each = []
    for k in range(repeats):
        if k >= 7 and sum(each) > 2:
            break
        arguments = on()
        start = clock()
        work(*arguments)
        each.append(clock() - start)
    return each


class Case:
    """The same rows for both, and the calls."""

    def __init__(self, folder, rows, columns, held):
        self.folder = folder
        self.X, y, self.g = made_up(rows, columns, 1)
        self.V, v, self.h = made_up(held, columns, 2)
        for name, array in zip("XygVvh", (self.X, y, self.g, self.V, v, self.h)):
            np.save(folder / f"{name}.npy", array)
        self.v = v.astype(int)
        self.y = y.astype(int)
        self.model = recant.LogisticRegression().fit(self.X, self.y, sensitive_features=self.g)
        np.save(folder / "theta.npy", np.zeros(columns + 1))

    def write_tables(self):
        for name, X, y, group in (("train", self.X, self.y, self.g), ("held", self.V, self.v, self.h)):
            with open(self.folder / f"{name}.csv", "w", newline="") as file:
                table = csv.writer(file)
                table.writerow([*(f"x{k}" for k in range(X.shape[1])), "group", "label"])
                table.writerows([*row, "ab"[s], "yes" if label else "no"]
                                for row, s, label in zip(X.tolist(), group, y))

    def adopted_from(self):
        """A model of scikit-learn with coefficients of 0: the polish does all the work of a fit."""
        from sklearn.linear_model import LogisticRegression

        theirs = LogisticRegression().fit(self.X, self.y)
        theirs.coef_, theirs.intercept_ = np.zeros_like(theirs.coef_), np.zeros_like(theirs.intercept_)
        return theirs

    def influence(self):
        return recant.influence(self.model, self.V, self.v)

    def calls(self):
        """Work, and what it works on if it changes that: of a model a copy, as it was."""
        X, V, v, h, one, m = self.X, self.V, self.v, self.h, self.V[:1], self.model
        theirs = self.adopted_from()
        gap = recant.influence(m, V, v, metric="demographic_parity", sensitive_features=h)
        loss = self.influence()
        weights = np.ones(len(X))

        def another():
            return [copy.copy(m)]
        calls = {
            "fit": lambda: recant.LogisticRegression().fit(X, self.y, sensitive_features=self.g),
            "adopt": lambda: recant.adopt(theirs, X, self.y, sensitive_features=self.g),
            "decision_function, one row": lambda: m.decision_function(one),
            "decision_function": lambda: m.decision_function(V),
            "predict": lambda: m.predict(V),
            "predict_proba": lambda: m.predict_proba(V),
            "score": lambda: m.score(V, v),
            "evaluate": lambda: recant.evaluate(m, V, v, sensitive_features=h),
            "influence": self.influence,
            "soft_weights": lambda: recant.soft_weights(gap, loss),
            "soft_weights, bounds": lambda: recant.soft_weights(gap, loss, bounds=(-1.0, 1.0)),
            "hard_weights": lambda: recant.hard_weights(gap, weights=weights, count=5)}
        calls = {name: (work, lambda: ()) for name, work in calls.items()}
        calls["correct"] = lambda model: model.correct(V, v, sensitive_features=h), another
        calls["correct, one step"] = (lambda model: model.correct(
            V, v, sensitive_features=h, rounds=1, bounds=None, update="influence"), another)
        calls["forget"] = lambda model: model.forget([7, 11]), another
        for method in ("knn_shapley", "influence", "leave_one_out"):
            calls[f"values.{method}"] = (lambda of: of(m, V, v), lambda of=getattr(recant.values, method): [of])
        for method in ("data_shapley", "beta_shapley", "data_banzhaf"):
            calls[f"values.{method}"] = (lambda of: of(m, V, v, max_samples=64),
                                         lambda of=getattr(recant.values, method): [of])
        return calls

    def slower_calls(self):
        """Where arrays are not used as they are: work, and the call that it is beyond."""
        import pandas as pd

        frame, held = (pd.DataFrame(array).rename(columns=str) for array in (self.X, self.V))
        named = recant.LogisticRegression().fit(frame, self.y)
        group = ["ab"[one] for one in self.h]
        texts = np.where(self.y, "yes", "no").astype(object)
        lists, one = self.X.tolist(), self.V[:1].tolist()

        def fit(X, y):
            return lambda: recant.LogisticRegression().fit(X, y)
        return {"fit": fit(self.X, self.y),
                "fit, float32": fit(self.X.astype(np.float32), self.y),
                "fit, float labels": fit(self.X, self.y.astype(float)),
                "fit, object labels": fit(self.X, texts),
                "fit, data frame": fit(frame, self.y),
                "fit, lists": fit(lists, self.y.tolist()),
                "  of which np.asarray of the lists": lambda: (np.asarray(lists), np.asarray(self.y.tolist())),
                "predict, a list of one row": lambda: self.model.predict(one),
                "influence, data frame": lambda: recant.influence(named, held, self.v),
                "evaluate, groups in a list": lambda: recant.evaluate(
                    self.model, self.V, self.v, sensitive_features=group)}


class Folders:
    """Models on disk, each made of a CSV file; a call that deletes takes a row more each time."""

    FIT = {"target": "label", "positive": "yes", "sensitive": "group", "replace": True}

    def __init__(self, folder):
        self.folder, self.train, self.held = folder, folder / "train.csv", folder / "held.csv"
        self.path = folder / "py.rct"
        self.vault, self.alone = (recant.Vault.fit(folder / name, self.train, **self.FIT)
                                  for name in ("py.rct", "py_alone.rct"))

    def reads(self):
        return {"Vault()": lambda: recant.Vault(self.path),
                "Vault.evaluate": lambda: self.vault.evaluate(self.held),
                "Vault.influence": lambda: self.vault.influence(self.held, metric="utility"),
                "Vault.correct": lambda: self.vault.correct(self.held)}

    def reads_of_what_was_deleted_from(self):
        published = self.path / "published"
        return {"Vault.status": self.vault.status, "Vault.check": self.vault.check,
                "certificate.verify": lambda: recant.certificate.verify(
                    published / "certificate.json", model=published / "parameters.npy",
                    public_key=published / "public-key.json")}

    def seconds(self, repeats):
        found = {call: seconds_of(work, repeats) for call, work in self.reads().items()}
        rows = itertools.count()
        with self.vault:
            found["Vault.forget, in a with block"] = seconds_of(self.vault.forget, 40, on=lambda: [next(rows)])
        rows = itertools.count()
        found["Vault.forget, alone"] = seconds_of(self.alone.forget, 40, on=lambda: [next(rows)])
        found.update((call, seconds_of(work, repeats))
                     for call, work in self.reads_of_what_was_deleted_from().items())
        return found


def microseconds(seconds):
    """Of the fastest tenth, the slowest."""
    return 1e6 * sorted(seconds)[len(seconds) // 10]


#: What C++ is asked for, where the call has no counterpart of its own.
SAME = {"predict": "decision_function", "score": "decision_function"}


def one_round(library, folder, repeats):
    """Microseconds in C++ and in Python, by call."""
    case = Case(folder, 60, 5, 60)
    case.write_tables()
    cpp = of_cpp(library, folder, repeats)
    ours = {call: seconds_of(work, repeats, on=on) for call, (work, on) in case.calls().items()}
    ours.update(Folders(folder).seconds(repeats))
    return ({call: microseconds(each["seconds"]) for call, each in cpp.items()},
            {call: microseconds(seconds) for call, seconds in ours.items()})


def calls(library, rounds, repeats=300):
    """Of small rows, by turns: the least of the rounds."""
    cpp, ours = {}, {}
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=in_memory) as name:
            for least, found in zip((cpp, ours), one_round(library, pathlib.Path(name), repeats)):
                least.update((call, min(us, least.get(call, us))) for call, us in found.items())
    return {call: {"python_us": us, "cpp_us": cpp[SAME.get(call, call)]} for call, us in ours.items()}


def slower_calls(folder):
    case = Case(folder, 200, 5, 100)
    return {call: microseconds(seconds_of(work, 2000))
            for call, work in case.slower_calls().items()}


def large_call(library, folder, rows, repeats):
    case = Case(folder, rows, 100, 1000)
    ours, theirs = [], []
    for _ in range(2):
        theirs += of_cpp(library, folder, repeats)["influence"]["processor_seconds"]
        ours += seconds_of(case.influence, repeats, time.process_time)
    return {"rows": rows, "python_s": min(ours), "cpp_s": min(theirs),
            "python_median_s": statistics.median(ours), "cpp_median_s": statistics.median(theirs)}


ROWS = "import numpy as np; X = np.zeros((9, 2)); X[:, 0] = range(9); y = X[:, 0] > 4"
USE = f"{ROWS}; import recant; recant.LogisticRegression().fit(X, y).predict(X)"


def processor_ms(code, before="pass"):
    """Milliseconds of the processor that the code takes in a new interpreter beyond `before`."""
    def least(code):
        return min(float(subprocess.run(
            [sys.executable, "-c", f"{code}; import time; print(time.process_time())"], check=True,
            capture_output=True, text=True).stdout) for _ in range(10))
    return 1000 * (least(code) - least(before))


def measured(args, folder):
    """The parts that were asked for."""
    found = {}
    if "calls" in args.parts:
        found["calls"] = calls(args.library, args.rounds)
    if "slower" in args.parts:
        found["slower_calls_us"] = slower_calls(folder)
    if "large" in args.parts:
        found["influence"] = large_call(args.library, folder, args.rows, args.repeats)
    if "import" in args.parts:
        found["import_ms"] = {"recant": processor_ms("import recant"), "numpy": processor_ms("import numpy")}
        found["first_use_ms"] = processor_ms(USE, ROWS)
    return found


def tell(found):
    for call, each in found.get("calls", {}).items():
        print(f"{call:32s} {each['python_us']:8.1f} us, C++ {each['cpp_us']:8.1f} us, over it "
              f"{each['python_us'] - each['cpp_us']:6.1f} us")
    for call, us in found.get("slower_calls_us", {}).items():
        print(f"{call:36s} {us:8.1f} us")
    if large := found.get("influence"):
        print(f"influence of {large['rows']:,} x 100{'':8s} {large['python_s']:8.4f} s,  C++ "
              f"{large['cpp_s']:8.4f} s, {100 * (large['python_s'] / large['cpp_s'] - 1):+.1f} %")
    for what, ms in found.get("import_ms", {}).items():
        print(f"import {what:25s} {ms:8.1f} ms")
    if "first_use_ms" in found:
        print(f"import, fit and predict{'':9s} {found['first_use_ms']:8.1f} ms")


PARTS = ["calls", "slower", "large", "import"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    recant.set_threads(1)
    with tempfile.TemporaryDirectory() as name:
        found = measured(args, pathlib.Path(name))
    tell(found)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
