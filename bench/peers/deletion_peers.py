#!/usr/bin/env python3
"""Pairs recant's deletion with retraining by scikit-learn and a one-step Newton in NumPy, in one run.

    deletion_peers.py DELETION_BENCH DATA...    DELETION_BENCH: the program; DATA: folders with
                                                train_*.npy
        --repeats N   rounds, in each of which everybody deletes (3)
        --singles N   single deletions that NumPy's Newton does one after another (20)
        --threads N   of everybody (2)
        --l2 L...     penalties, each a number or one times the rows, as in 0.01n (1 0.01n)
        --json FILE   every figure

Three requests: one row; 1,000 rows one after the other, a new model after each; 1% of the rows at
once. recant answers each without a pass over the data (tier 0) and bounds how far it is from
retraining where tier 0 can, which is counted. "recant, all bounded" goes on until every deletion of
the 1,000 has a finite bound: by a pass (tier 1), else by a second step in a new base (tier 2); each
is counted. How many tier 0 can bound depends on the penalty, so that two are measured. Nobody else
bounds anything; the time to build what it keeps of the fit stands apart, as `base`. scikit-learn
retrains without the rows (weight 0), from zero and from the fitted model, by lbfgs and
newton-cholesky at its own tolerance. NumPy's Newton step forms the Hessian of the rows that stay
each time. Nobody retrains a thousand times here: for 1,000 rows one after the other scikit-learn's
figure is 1,000 times its figure for one row; NumPy does --singles of them, each from the model of
the one before, and its seconds are scaled to 1,000. The table says both.

`ratio` is the median over the rounds of their seconds over recant's in the same round; `off` the
largest distance of any row's score from a retraining to a gradient of 1e-8.

`floor` is the least that recant's way could take here: for each request reading a p x p matrix one
and a half times (a solve with the factor, forward and back, and one product with the Hessian) from
wherever it lies, and p^2 multiply-adds a row at their peak; a new base, where one was needed, two
passes, a Hessian and n p^2 operations. Rates are measured in the same process, after the deletions.
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
import warnings

ONE_BY_ONE = 1000
BOUNDED = "recant, all bounded"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("deletion_bench")
    parser.add_argument("data", nargs="+", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--singles", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--l2", nargs="+", default=["1", "0.01n"])
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


ARGS = arguments()
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)

import numpy as np  # noqa: E402  after the number of threads is set
import scipy.special  # noqa: E402
import sklearn  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402


def sklearn_fit(solver, x, y, weights, l2, start=None):
    model = LogisticRegression(solver=solver, C=1 / l2, fit_intercept=False, max_iter=1000,
                               warm_start=start is not None)
    if start is not None:
        model.coef_, model.intercept_ = start[None, :].copy(), np.zeros(1)
        model.classes_ = np.array([0.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y, sample_weight=weights)
    return model.coef_.ravel()


def newton_step(x, y, weights, l2, theta):
    """The textbook's: the Hessian and the gradient of the rows that stay, and one solve."""
    p = scipy.special.expit(x @ theta)
    scaled = x * np.sqrt(weights * p * (1 - p))[:, None]
    hessian = scaled.T @ scaled
    hessian[np.diag_indices_from(hessian)] += l2
    return theta - np.linalg.solve(hessian, x.T @ (weights * (p - y)) + l2 * theta)


def exact(x, y, weights, l2, theta):
    for _ in range(50):
        gradient = x.T @ (weights * (scipy.special.expit(x @ theta) - y)) + l2 * theta
        if np.linalg.norm(gradient) <= 1e-8:
            break
        theta = newton_step(x, y, weights, l2, theta)
    return theta


def timed(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


class Case:
    def __init__(self, folder, l2):
        features = np.load(folder / "train_features.npy", mmap_mode="r")
        n = len(features)
        self.folder = folder
        self.x = np.ones((n, features.shape[1] + 1))
        self.x[:, :-1] = features
        self.y = np.load(folder / "train_targets.npy")
        self.l2 = float(l2[:-1]) * n if l2.endswith("n") else float(l2)
        self.batch = n // 100
        self.rows = np.random.default_rng(5).permutation(n)[:max(ONE_BY_ONE, self.batch)]
        self.fitted = exact(self.x, self.y, np.ones(n), self.l2, np.zeros(self.x.shape[1]))
        self.leaving = {"one": self.rows[:1], "one_by_one": self.rows[:ONE_BY_ONE],
                        "batch": self.rows[:self.batch]}

    def weights(self, what):
        weights = np.ones(len(self.y))
        weights[self.leaving[what]] = 0
        return weights

    def recant(self, scratch):
        np.save(scratch / "rows.npy", self.rows.astype(np.int64))
        command = [ARGS.deletion_bench, self.folder, scratch / "rows.npy", scratch, "--batch",
                   self.batch, "--one-by-one", ONE_BY_ONE, "--repeats", 1, "--l2", self.l2,
                   "--threads", ARGS.threads]
        done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def peers(self, what):
        """Seconds and parameters of everybody, for one of the requests."""
        weights, found = self.weights(what), {}
        for solver in ("lbfgs", "newton-cholesky"):
            for name, start in (("from zero", None), ("warm", self.fitted)):
                found[f"scikit-learn {solver} {name}"] = timed(
                    lambda s=solver, t=start: sklearn_fit(s, self.x, self.y, weights, self.l2, t))
        found["NumPy Newton step"] = timed(
            lambda: newton_step(self.x, self.y, weights, self.l2, self.fitted))
        return found

    def numpy_one_by_one(self):
        """Seconds of one of `singles` deletions one after the other, each from the last model."""
        weights, theta = np.ones(len(self.y)), self.fitted
        begin = time.perf_counter()
        for row in self.rows[:ARGS.singles]:
            weights[row] = 0
            theta = newton_step(self.x, self.y, weights, self.l2, theta)
        return (time.perf_counter() - begin) / ARGS.singles


def summary(seconds, ours):
    middle = statistics.median(seconds)
    return {"seconds": seconds, "median": middle, "spread": (max(seconds) - min(seconds)) / middle,
            "ratio": statistics.median(a / b for a, b in zip(seconds, ours))}


def measure(folder, l2):
    case = Case(folder, l2)
    wanted = {what: exact(case.x, case.y, case.weights(what), case.l2, case.fitted)
              for what in case.leaving}

    def off(what, theta):
        return float(np.abs(case.x @ (theta - wanted[what])).max())

    rounds = {what: {"recant": []} for what in case.leaving}
    distance, runs = {what: {} for what in case.leaving}, []
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        for _ in range(ARGS.repeats):
            ours = case.recant(scratch)
            runs.append(ours)
            for what in case.leaving:
                rounds[what]["recant"].append(ours[what]["seconds"][0])
                distance[what]["recant"] = off(what, np.load(scratch / f"{what}.npy"))
            every = ours["one_by_one_bounded"]
            rounds["one_by_one"].setdefault(BOUNDED, []).append(every["seconds"][0])
            distance["one_by_one"][BOUNDED] = off(
                "one_by_one", np.load(scratch / "one_by_one_bounded.npy"))
            for what in ("one", "batch"):
                for name, (seconds, theta) in case.peers(what).items():
                    rounds[what].setdefault(name, []).append(seconds)
                    distance[what][name] = off(what, theta)
            many = rounds["one_by_one"]
            many.setdefault("NumPy Newton step", []).append(ONE_BY_ONE * case.numpy_one_by_one())
            for name, seconds in rounds["one"].items():
                if name.startswith("scikit"):
                    many.setdefault(name, []).append(ONE_BY_ONE * seconds[-1])
    found = {"data": folder.name, "l2": case.l2,
             "rows": len(case.y), "columns": case.x.shape[1] - 1,
             **{key: statistics.median(one[key] for one in runs) for key in ("base", "base_floor")},
             "requests": {}}
    for what, by_name in rounds.items():
        found["requests"][what] = {
            "rows": len(case.leaving[what]), "rebuilt": runs[-1][what]["rebuilt"],
            "bounded_without_a_pass": runs[-1][what]["bounded_without_a_pass"],
            "floor": statistics.median(one[what]["floor"] for one in runs),
            "times_floor": statistics.median(
                one[what]["seconds"][0] / one[what]["floor"] for one in runs),
            "answers": {name: {**summary(seconds, by_name["recant"]),
                               "off": distance[what].get(name)}
                        for name, seconds in by_name.items()}}
    found["bounded"] = {key: runs[-1]["one_by_one_bounded"][key]
                        for key in ("rebuilt", "bounded_without_a_pass", "bounded_by_a_pass",
                                    "bounded_by_a_new_base", "bound")}
    return found


LEGEND = """\
seconds: median of the rounds; spread: (most - least) / median; ratio: theirs over recant's in the
same round, above 1 recant is faster; off: of any row's score, at most, from exact retraining"""


def title(what, request):
    rows = f"{request['rows']:,} rows"
    named = {"one": "one row", "one_by_one": f"{rows} one after another, a model after each",
             "batch": f"1 % of the rows at once, {rows}"}[what]
    rebuilt = f", {request['rebuilt']} new bases with it" if request["rebuilt"] else ""
    asked = ONE_BY_ONE if what == "one_by_one" else 1
    bounded = f", {request['bounded_without_a_pass']:,} of {asked:,} bounded without a pass"
    return (f"  {named}{rebuilt}{bounded}; floor {request['floor']:.6f} s, recant "
            f"{request['times_floor']:.1f} times that")


def scaled(what, name):
    """What was not done as often as the figure says."""
    if what != "one_by_one" or name.startswith("recant"):
        return ""
    done = ARGS.singles if name.startswith("NumPy") else 1
    return f"  {done} done, times {ONE_BY_ONE / done:g}"


def table(one):
    yield (f"{one['data']}: {one['rows']} x {one['columns']}, l2 = {one['l2']:g}; recant's base, "
           f"once: {one['base']:.4f} s, floor {one['base_floor']:.4f} s")
    yield f"  {'':40}{'seconds':>14}{'spread':>8}{'ratio':>11}{'off':>10}"
    for what, request in one["requests"].items():
        yield title(what, request)
        if what == "one_by_one":
            every = one["bounded"]
            yield (f"    all bounded: {every['bounded_without_a_pass']:,} without a pass (tier 0), "
                   f"{every['bounded_by_a_pass']:,} by a pass (1), "
                   f"{every['bounded_by_a_new_base']:,} by a second step in a new base (2), "
                   f"{every['rebuilt']} new bases, the last within {every['bound']:.1e}")
        for name, figures in request["answers"].items():
            off = "" if figures["off"] is None else f"{figures['off']:.1e}"
            yield (f"    {name:38}{figures['median']:14.6f}{figures['spread']:8.0%}"
                   f"{figures['ratio']:9.1f} x{off:>10}{scaled(what, name)}")


def main():
    measured = []
    print(LEGEND)
    for folder in ARGS.data:
        for l2 in ARGS.l2:
            measured.append(measure(folder, l2))
            print("\n".join(table(measured[-1])), flush=True)
    if ARGS.json:
        versions = {"python": sys.version.split()[0], "numpy": np.__version__,
                    "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
        ARGS.json.write_text(json.dumps({"threads": ARGS.threads, "versions": versions,
                                         "singles": ARGS.singles, "measured": measured},
                                        indent=2) + "\n")


if __name__ == "__main__":
    main()
