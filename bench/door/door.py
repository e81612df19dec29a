#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the Python package costs over the C++ library: a call, a long call, the import.

    door.py DOOR_BENCH [--parts PART...] [--only TEXT] [--seconds 3] [--rounds 5] [--rows 1000000]
            [--repeats 7] [--json FILE]

DOOR_BENCH is the library beside this script, door_bench.so, built with -DRECANT_BENCH=ON; the package
is the one that `import recant` finds. Both in this process, on one thread. First every call is made by
both, and what they found must be the same to the last digit. Calls: 60 rows x 5 and 60 to measure on, so
that the core does little (300 rows in folders to delete from, which are new in each round; in memory, where
there is a folder there); C++ and Python in pairs, by turns the one or the other first, as many pairs in each
of the rounds as the seconds allow, up to 200. Each half makes the call 15 times and takes the median of the
last 10: by then the processor's caches are no longer full of the other half, which has a copy of the core of
its own. A pair lasts too little for what else the machine does, and for its changing speed, to be in one half
only: the median of the differences is told, with the interval of 95 % that it lies in; and the difference of
what the fastest tenths take, which a busy machine slows down least. Slower calls:
those in which the package does more than to pass arrays on, 200 rows. Large: rows x 100, in pairs, the
least processor time of all.
Import, and first use (import, fit and predict, beyond
NumPy's import): the least processor time of ten new interpreters.
"""
import argparse
import copy
import csv
import ctypes
import itertools
import json
import math
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


def on_a_cache_line(array):
    """A copy that begins where C++'s does: passes over rows are a few percent slower elsewhere."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copied = memory[start:start + array.nbytes].view(array.dtype).reshape(array.shape)
    copied[:] = array
    return copied


def made_up(rows, columns, seed):
    rng = np.random.default_rng(seed)
    X = on_a_cache_line(rng.normal(size=(rows, columns)))
    group = rng.integers(0, 2, rows)
    return X, (X[:, 0] + group + rng.logistic(size=rows) > 0.5).astype(np.float64), group


class Cpp:
    """The calls in C++, by the names of those in Python."""

    def __init__(self, library):
        self.library = ctypes.CDLL(str(library))
        self.library.door_error.restype = self.library.door_found.restype = ctypes.c_char_p
        self.library.door_seconds.restype = ctypes.c_double

    def _checked(self, found):
        if error := self.library.door_error():
            sys.exit(f"door.py: C++: {error.decode()}")
        return found

    def arrays(self, folder):
        self._checked(self.library.door_arrays(str(folder).encode()))

    def folders(self, folder):
        self._checked(self.library.door_folders(str(folder).encode()))

    def once(self, call):
        return self._checked(self.library.door_seconds(call.encode()))

    def found(self, call):
        """(the command's JSON or None, numbers) of the last call."""
        told = json.loads(self._checked(self.library.door_found(call.encode())))
        return told.get("json"), told["numbers"]


class Call:
    """A call of the package, and its counterpart in C++.

    work(*on()) is the call, without what `on` takes; of what the two found numbers(result) must be
    theirs(numbers of C++), and the JSON the same but for what differs from run to run.
    """

    def __init__(self, work, *, same=None, on=lambda: (), numbers=lambda result: [],
                 theirs=lambda numbers: numbers):
        self.work, self.same, self.on, self.numbers, self.theirs = work, same, on, numbers, theirs

    def once(self):
        arguments = self.on()
        start = time.perf_counter()
        self.work(*arguments)
        return time.perf_counter() - start


#: What is another in every run, or in every folder.
DIFFERENT = {"seconds", "request_id", "certificate", "annex", "changed_at"}
#: What arrays in memory do not have, and files of arrays do.
ARRAYS_LACK = {"classes", "columns"}


def without(value, names):
    if isinstance(value, dict):
        return {name: without(each, names) for name, each in value.items() if name not in names}
    return [without(each, names) for each in value] if isinstance(value, list) else value


def require_same(cpp, name, call, names=frozenset()):
    """Both make the call once; what they found must be the same."""
    same = call.same or name
    cpp.once(same)
    result = call.work(*call.on())
    their_json, numbers = cpp.found(same)
    ours, theirs = list(np.ravel(call.numbers(result))), list(np.ravel(call.theirs(np.array(numbers))))
    if ours != theirs:
        sys.exit(f"door.py: {name}: Python found {ours[:3]}..., C++ {theirs[:3]}...")
    if their_json is None or call.same:
        return
    shown = getattr(result, "adoption_", result).to_dict()
    one, other = (without(each, DIFFERENT | names) for each in (shown, their_json))
    if one != other:
        different = [key for key in {*one, *other} if one.get(key) != other.get(key)]
        sys.exit(f"door.py: {name}: Python and C++ found different {', '.join(sorted(different))}")


def in_a_row(once):
    """Seconds of a call once others of its kind went before it."""
    return statistics.median([once() for _ in range(15)][5:])


def pairs(cpp, name, call, count, seconds):
    """Seconds of C++ and of Python."""
    found = []
    start = time.perf_counter()

    def theirs():
        return in_a_row(lambda: cpp.once(call.same or name))
    for k in range(count):
        if k >= 10 and time.perf_counter() - start > seconds:
            break
        if k % 2:
            first = theirs()
            found.append((first, in_a_row(call.once)))
        else:
            first = in_a_row(call.once)
            found.append((theirs(), first))
    return found


def told(found):
    """Microseconds: medians, and the median of the differences with its interval of 95 %."""
    more = sorted(ours - theirs for theirs, ours in found)
    half = 0.98 * math.sqrt(len(more))  # 1.96 standard deviations of the rank
    middle = (len(more) - 1) / 2
    low, high = (more[min(max(int(middle + side * half), 0), len(more) - 1)] for side in (-1, 1))
    cpp, python, over = (statistics.median(each) for each in (
        [theirs for theirs, _ in found], [ours for _, ours in found], more))
    theirs, ours = (sorted(each)[len(more) // 10] for each in zip(*found))
    return {"python_us": 1e6 * python, "cpp_us": 1e6 * cpp, "over_us": 1e6 * over,
            "over_low_us": 1e6 * low, "over_high_us": 1e6 * high, "pairs": len(more),
            "fastest_python_us": 1e6 * ours, "fastest_cpp_us": 1e6 * theirs}


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
        more = made_up(300, self.X.shape[1], 3)
        for name, X, y, group in (("train", self.X, self.y, self.g), ("held", self.V, self.v, self.h),
                                  ("many", *more)):
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
        return Call(lambda: recant.influence(self.model, self.V, self.v), numbers=lambda result: result.values)

    def calls(self):
        """Of a model that the work changes a copy, as it was."""
        X, V, v, h, one, m = self.X, self.V, self.v, self.h, self.V[:1], self.model
        theirs = self.adopted_from()
        gap = recant.influence(m, V, v, metric="demographic_parity", sensitive_features=h)
        loss = recant.influence(m, V, v)
        weights = np.ones(len(X))

        def another():
            return [copy.copy(m)]

        def theta(model):
            return [*model.coef_.ravel(), *model.intercept_]

        def delta(result):
            return result.delta
        calls = {
            "fit": Call(lambda: recant.LogisticRegression().fit(X, self.y, sensitive_features=self.g),
                        numbers=theta),
            "adopt": Call(lambda: recant.adopt(theirs, X, self.y, sensitive_features=self.g), numbers=theta),
            "decision_function, one row": Call(lambda: m.decision_function(one), numbers=lambda scores: scores),
            "decision_function": Call(lambda: m.decision_function(V), numbers=lambda scores: scores),
            "predict": Call(lambda: m.predict(V), same="decision_function", numbers=lambda labels: labels,
                            theirs=lambda scores: scores > 0),
            "predict_proba": Call(lambda: m.predict_proba(V), numbers=lambda p: p[:, 1]),
            "score": Call(lambda: m.score(V, v), same="decision_function", numbers=lambda share: [share],
                          theirs=lambda scores: [np.mean((scores > 0) == v)]),
            "evaluate": Call(lambda: recant.evaluate(m, V, v, sensitive_features=h)),
            "influence": self.influence(),
            "soft_weights": Call(lambda: recant.soft_weights(gap, loss), numbers=delta),
            "soft_weights, bounds": Call(lambda: recant.soft_weights(gap, loss, bounds=(-1.0, 1.0)),
                                         numbers=delta),
            "hard_weights": Call(lambda: recant.hard_weights(gap, weights=weights, count=5), numbers=delta),
            "correct": Call(lambda model: model.correct(V, v, sensitive_features=h), on=another,
                            numbers=lambda result: result.weights),
            "correct, one step": Call(lambda model: model.correct(
                V, v, sensitive_features=h, rounds=1, bounds=None, update="influence"), on=another,
                numbers=lambda result: result.weights),
            "forget": Call(lambda model: model.forget([7, 11]), on=another)}
        for method in ("knn_shapley", "influence", "leave_one_out"):
            calls[f"values.{method}"] = Call(lambda of: of(m, V, v), numbers=lambda result: result.values,
                                             on=lambda of=getattr(recant.values, method): [of])
        for method in ("data_shapley", "beta_shapley", "data_banzhaf"):
            calls[f"values.{method}"] = Call(lambda of: of(m, V, v, max_samples=64),
                                             numbers=lambda result: result.values,
                                             on=lambda of=getattr(recant.values, method): [of])
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
        self.held = folder / "held.csv"
        self.path = folder / "py.rct"
        self.vault, self.own, self.alone = (
            recant.Vault.fit(folder / f"{name}.rct", folder / f"{rows}.csv", **self.FIT)
            for name, rows in (("py", "train"), ("py_own", "many"), ("py_alone", "many")))

    def reads(self):
        return {"Vault()": Call(lambda: recant.Vault(self.path), numbers=lambda vault: vault._model.theta),
                "Vault.evaluate": Call(lambda: self.vault.evaluate(self.held)),
                "Vault.influence": Call(lambda: self.vault.influence(self.held, metric="utility"),
                                        numbers=lambda result: result.values),
                "Vault.correct": Call(lambda: self.vault.correct(self.held), numbers=lambda result: result.weights)}

    def reads_of_what_was_deleted_from(self):
        self.vault.forget([0])
        names = ("certificate.json", "parameters.npy", "public-key.json")
        certificate, parameters, key = (self.path / "published" / name for name in names)
        return {"Vault.status": Call(self.vault.status),
                "Vault.check": Call(self.vault.check),
                "certificate.verify": Call(lambda: recant.certificate.verify(
                    certificate, model=parameters, public_key=key))}

    def deletions(self):
        """Of folders of their own, by name those that are open for writing meanwhile."""
        def next_row():
            rows = itertools.count()
            return lambda: [next(rows)]
        return {"Vault.forget, in a with block": Call(self.own.forget, on=next_row()),
                "Vault.forget, alone": Call(self.alone.forget, on=next_row())}


def calls(cpp, args):
    """Of small rows, in pairs, after a look at what they find."""
    found = {}

    def take(name, call, count, names=frozenset()):
        if args.only in name:
            require_same(cpp, name, call, names)
            found.setdefault(name, []).extend(pairs(cpp, name, call, count, args.seconds))
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory(dir=in_memory) as name:
            folder = pathlib.Path(name)
            case = Case(folder, 60, 5, 60)
            case.write_tables()
            cpp.arrays(folder)
            for call, of in case.calls().items():
                take(call, of, 200, ARRAYS_LACK)
            folders = Folders(folder)
            cpp.folders(folder)
            for reads in (folders.reads, folders.reads_of_what_was_deleted_from):
                for call, of in reads().items():
                    take(call, of, 200)
            with folders.own:
                for call, of in folders.deletions().items():
                    take(call, of, 14)
    return {name: told(each) for name, each in found.items()}


def microseconds(seconds):
    """Of the fastest tenth, the slowest."""
    return 1e6 * sorted(seconds)[len(seconds) // 10]


def slower_calls(folder):
    case = Case(folder, 200, 5, 100)
    return {call: microseconds([Call(work).once() for _ in range(2000)])
            for call, work in case.slower_calls().items()}


def large_call(cpp, folder, rows, repeats):
    case = Case(folder, rows, 100, 1000)
    cpp.arrays(folder)
    call = case.influence()
    require_same(cpp, "influence", call, ARRAYS_LACK)

    def processor(work):
        start = time.process_time()
        work()
        return time.process_time() - start
    theirs, ours = zip(*((processor(lambda: cpp.once("influence")), processor(call.work))
                         for _ in range(2 * repeats)))
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
    cpp = Cpp(args.library)
    if "calls" in args.parts:
        found["calls"] = calls(cpp, args)
    if "slower" in args.parts:
        found["slower_calls_us"] = slower_calls(folder)
    if "large" in args.parts:
        found["influence"] = large_call(cpp, folder, args.rows, args.repeats)
    if "import" in args.parts:
        found["import_ms"] = {"recant": processor_ms("import recant"), "numpy": processor_ms("import numpy")}
        found["first_use_ms"] = processor_ms(USE, ROWS)
    return found


def tell(found):
    for call, each in found.get("calls", {}).items():
        print(f"{call:32s} {each['python_us']:8.1f} us, C++ {each['cpp_us']:8.1f} us, over it "
              f"{each['over_us']:6.1f} us ({each['over_low_us']:.1f} to {each['over_high_us']:.1f}, "
              f"{each['pairs']} pairs); of the fastest {each['fastest_python_us']:.1f} and "
              f"{each['fastest_cpp_us']:.1f}, {each['fastest_python_us'] - each['fastest_cpp_us']:.1f}")
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
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", default="", help="calls whose name has this text")
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
