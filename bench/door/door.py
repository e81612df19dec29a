#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the Python package costs over the C++ library: a call, a long call, the import.

    door.py DOOR_BENCH [--rows 1000000] [--repeats 7] [--json FILE]

DOOR_BENCH is the program beside this script, built with -DRECANT_BENCH=ON; the package is the one
that `import recant` finds. All on one thread. Small calls: 200 rows, medians of 2,000. Slower
calls: those in which the package does more than to pass arrays on; they have no counterpart in
C++. Large: rows x 100, C++ and Python by turns, the least processor time of all, which what else
the machine does is not in. Import, and first use (import, fit and predict, beyond NumPy's import):
the least processor time of ten new interpreters.
"""
import argparse
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
    return X, (X[:, 0] + rng.logistic(size=rows) > 0).astype(np.float64)


def of_cpp(program, folder, repeats):
    done = subprocess.run([program, *(folder / f"{name}.npy" for name in "XyVv"), str(repeats)],
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def seconds_of(work, repeats, clock=time.perf_counter):
    work()
    each = []
    for _ in range(repeats):
        start = clock()
        work()
        each.append(clock() - start)
    return each


class Case:
    """The same rows for both, and the calls."""

    def __init__(self, folder, rows, columns, held):
        self.folder = folder
        self.X, y = made_up(rows, columns, 1)
        self.V, v = made_up(held, columns, 2)
        for name, array in zip("XyVv", (self.X, y, self.V, v)):
            np.save(folder / f"{name}.npy", array)
        self.v = v.astype(int)
        self.y = y.astype(int)

    def fit(self):
        self.model = recant.LogisticRegression().fit(self.X, self.y)
        return self

    def calls(self):
        one = self.V[:1]
        return {"fit": lambda: recant.LogisticRegression().fit(self.X, self.y),
                "influence": lambda: recant.influence(self.model, self.V, self.v),
                "predict one row": lambda: self.model.decision_function(one),
                "evaluate": lambda: recant.evaluate(self.model, self.V, self.v)}


    def slower_calls(self):
        """Where arrays are not used as they are."""
        import pandas as pd

        frame, held = (pd.DataFrame(array).rename(columns=str) for array in (self.X, self.V))
        named = recant.LogisticRegression().fit(frame, self.y)
        group = ["a" if label else "b" for label in np.random.default_rng(3).integers(0, 2, len(self.v))]
        texts = np.where(self.y, "yes", "no").astype(object)
        lists, one = self.X.tolist(), self.V[:1].tolist()

        def fit(X, y):
            return lambda: recant.LogisticRegression().fit(X, y)
        return {"fit, float32": fit(self.X.astype(np.float32), self.y),
                "fit, float labels": fit(self.X, self.y.astype(float)),
                "fit, object labels": fit(self.X, texts),
                "fit, data frame": fit(frame, self.y),
                "fit, lists": fit(lists, self.y.tolist()),
                "  of which np.asarray of the lists": lambda: (np.asarray(lists), np.asarray(self.y.tolist())),
                "predict, a list of one row": lambda: self.model.predict(one),
                "influence, data frame": lambda: recant.influence(named, held, self.v),
                "evaluate, groups in a list": lambda: recant.evaluate(
                    self.model, self.V, self.v, sensitive_features=group)}


def slower_calls(folder):
    case = Case(folder, 200, 5, 100).fit()
    return {call: 1e6 * statistics.median(seconds_of(work, 2000))
            for call, work in case.slower_calls().items()}


def small_calls(program, folder):
    case = Case(folder, 200, 5, 100).fit()
    cpp = of_cpp(program, folder, 2000)
    return {call: {"python_us": 1e6 * statistics.median(seconds_of(work, 2000)),
                   "cpp_us": 1e6 * statistics.median(cpp[call]["seconds"])}
            for call, work in case.calls().items()}


def large_call(program, folder, rows, repeats):
    case = Case(folder, rows, 100, 1000)
    ours, theirs = [], []
    case.fit()
    for _ in range(2):
        theirs += of_cpp(program, folder, repeats)["influence"]["processor_seconds"]
        ours += seconds_of(case.calls()["influence"], repeats, time.process_time)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    recant.set_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        found = {"import_ms": {"recant": processor_ms("import recant"), "numpy": processor_ms("import numpy")},
                 "first_use_ms": processor_ms(USE, ROWS),
                 "calls": small_calls(args.program, folder),
                 "slower_calls_us": slower_calls(folder),
                 "influence": large_call(args.program, folder, args.rows, args.repeats)}
    for what, ms in found["import_ms"].items():
        print(f"import {what:25s} {ms:8.1f} ms")
    print(f"import, fit and predict{'':9s} {found['first_use_ms']:8.1f} ms")
    for call, each in found["calls"].items():
        print(f"{call:32s} {each['python_us']:8.1f} us, C++ {each['cpp_us']:8.1f} us, over it "
              f"{each['python_us'] - each['cpp_us']:6.1f} us")
    for call, us in found["slower_calls_us"].items():
        print(f"{call:36s} {us:8.1f} us")
    large = found["influence"]
    print(f"influence of {large['rows']:,} x 100{'':8s} {large['python_s']:8.4f} s,  C++ "
          f"{large['cpp_s']:8.4f} s, {100 * (large['python_s'] / large['cpp_s'] - 1):+.1f} %")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
