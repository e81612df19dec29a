#!/usr/bin/env python3
"""Pairs recant's deletion with retraining by scikit-learn and a one-step Newton in NumPy, in one run.

    deletion_peers.py DELETION_BENCH DATA...    DELETION_BENCH: the program; DATA: folders with
                                                train_*.npy
        --repeats N   rounds, in each of which everybody deletes (3)
        --singles N   single deletions that NumPy's Newton does one after another (20)
        --threads N   where the library uses them (2); scikit-learn's solvers multiply matrices with
                      them and do the rest in one
        --l2 L...     penalties, each a number or one times the rows, as in 0.01n (1 0.01n)
        --json FILE   every figure

Three requests: one row; 1,000 rows one after the other, a new model after each; 1% of the rows at
once. recant answers each without a pass over the data (tier 0) and bounds how far it is from
retraining where tier 0 can, which is counted. "Every one bounded" goes on until every deletion of
the 1,000, or that of the 1%, has a finite bound: by a pass (tier 1), else by a second step in a new
base (tier 2); each is counted. How many tier 0 can bound depends on the penalty, so that two are
measured. Nobody else bounds anything; the time to build what it keeps of the fit stands apart, as
`base`. scikit-learn retrains without the rows (weight 0), from zero and from the fitted model, by
lbfgs and newton-cholesky at its own tolerance. NumPy's Newton step forms the Hessian of the rows that
stay each time. Nobody retrains a thousand times here: for 1,000 rows one after the other
scikit-learn's figure is 1,000 times its figure for one row; NumPy does --singles of them, each from
the model of the one before, and its seconds are scaled to 1,000. The table says both.

`ratio` is the median (least to most) over the rounds of their seconds over recant's in the same
round. `off` is the largest distance of any row's score from exact retraining, `distance` that of the
parameters, `bound` what recant says that this is at most. NumPy's after --singles rows stands beside
recant's after the same rows. The run ends where a finite bound is below the distance, where recant's
step of tier 0 and NumPy's are not the same step, or where somebody's gradient is above 1e-2 of that
at zero, which would be no retraining of this model.

`floor` is the least that recant's way could take here: for each request reading a p x p matrix one
and a half times (a solve with the factor, forward and back, and one product with the Hessian) from
wherever it lies, and p^2 multiply-adds a row at their peak; for each pass reading the rows once; for
each new base two passes, a Hessian and n p^2 operations. Rates are measured in the same process,
after the deletions.
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

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import rounds  # noqa: E402

ONE_BY_ONE = 1000
# As deletion_bench names them, and which rows leave.
REQUESTS = {"one": "one", "one_by_one": "many", "one_by_one_bounded": "many", "batch": "batch",
            "batch_bounded": "batch"}
NEAR = 1e-2  # of the gradient at zero: whoever stops above it minimises something else
SAME_STEP = 1e-6  # of the largest parameter


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


def gradient_norm(x, y, weights, l2, theta):
    return float(np.linalg.norm(
        x.T @ (weights * (scipy.special.expit(x @ theta) - y)) + l2 * theta))


def exact(x, y, weights, l2, theta):
    """Newton steps to a gradient of 1e-8, and one more, which leaves rounding."""
    for _ in range(50):
        last = gradient_norm(x, y, weights, l2, theta) <= 1e-8
        theta = newton_step(x, y, weights, l2, theta)
        if last:
            return theta
    sys.exit("deletion_peers: Newton steps do not get to a gradient of 1e-8")


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
        self.leaving = {"one": self.rows[:1], "many": self.rows[:ONE_BY_ONE],
                        "batch": self.rows[:self.batch], "some": self.rows[:ARGS.singles]}
        self.retrained = {what: exact(self.x, self.y, self.weights(what), self.l2, self.fitted)
                          for what in self.leaving}

    def weights(self, what):
        weights = np.ones(len(self.y))
        weights[self.leaving[what]] = 0
        return weights

    def answer(self, what, theta):
        """How far from retraining. `slack`: what the gradient left there moves that, at most."""
        step = theta - self.retrained[what]
        weights = self.weights(what)
        left, norm, zero = (gradient_norm(self.x, self.y, weights, self.l2, at) for at in
                            (self.retrained[what], theta, np.zeros(len(theta))))
        if not norm <= NEAR * zero:
            sys.exit(f"deletion_peers: a gradient of {norm:.1e} is no retraining")
        return {"off": float(np.abs(self.x @ step).max()), "distance": float(np.linalg.norm(step)),
                "slack": left / self.l2}

    def recant(self, scratch, one_by_one=ONE_BY_ONE):
        """Figures and parameters of every request."""
        np.save(scratch / "rows.npy", self.rows.astype(np.int64))
        command = [ARGS.deletion_bench, self.folder, scratch / "rows.npy", scratch, "--batch",
                   self.batch, "--one-by-one", one_by_one, "--repeats", 1, "--l2", self.l2,
                   "--threads", ARGS.threads]
        done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
        return (json.loads(done.stdout),
                {request: np.load(scratch / f"{request}.npy") for request in REQUESTS})

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
        """Seconds of one of `singles` deletions one after the other, each from the last model; and
        the last."""
        weights, theta = np.ones(len(self.y)), self.fitted
        begin = time.perf_counter()
        for row in self.leaving["some"]:
            weights[row] = 0
            theta = newton_step(self.x, self.y, weights, self.l2, theta)
        return (time.perf_counter() - begin) / ARGS.singles, theta


def checked(request, answer, figures):
    """recant's answer with its bound, where that is finite and holds."""
    bound = figures.get("bound")
    if bound is not None and not answer["distance"] <= bound + answer["slack"]:
        sys.exit(f"deletion_peers: {request} is {answer['distance']:.2e} from retraining, its bound "
                 f"says {bound:.2e}")
    if request.endswith("_bounded") and bound is None:
        sys.exit(f"deletion_peers: {request} has no bound")
    return {**answer, "bound": bound}


def need_same_step(request, ours, theirs):
    if not np.abs(ours - theirs).max() <= SAME_STEP * np.abs(theirs).max():
        sys.exit(f"deletion_peers: {request}: recant's step is not NumPy's")


def measure(folder, l2):
    case = Case(folder, l2)
    seconds = {request: {"recant": []} for request in REQUESTS}
    answers, runs = {request: {} for request in REQUESTS}, []
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        figures, thetas = case.recant(scratch, ARGS.singles)
        some = checked("one_by_one", case.answer("some", thetas["one_by_one"]),
                       figures["one_by_one"])
        for _ in range(ARGS.repeats):
            ours, thetas = case.recant(scratch)
            runs.append(ours)
            theirs = {what: case.peers(what) for what in ("one", "batch")}
            step_seconds, step = case.numpy_one_by_one()
            theirs["many"] = {
                name: (ONE_BY_ONE * took, None) for name, (took, _) in theirs["one"].items()
                if name.startswith("scikit")} | {
                "NumPy Newton step": (ONE_BY_ONE * step_seconds, step)}
            for request, what in REQUESTS.items():
                seconds[request]["recant"].append(ours[request]["seconds"][0])
                answers[request]["recant"] = checked(
                    request, case.answer(what, thetas[request]), ours[request])
                for name, (took, theta) in theirs[what].items():
                    seconds[request].setdefault(name, []).append(took)
                    if theta is not None:
                        answers[request][name] = case.answer("some" if what == "many" else what,
                                                             theta)
                if request == what and ours[request]["rebuilt"] == 0:
                    need_same_step(request, thetas[request], theirs[what]["NumPy Newton step"][1])
    found = {"data": folder.name, "l2": case.l2, "rows": len(case.y),
             "columns": case.x.shape[1] - 1, "after_singles": some, "requests": {},
             **{key: statistics.median(one[key] for one in runs) for key in ("base", "base_floor")}}
    for request, what in REQUESTS.items():
        ours = seconds[request]["recant"]
        floors = [one[request]["floor"] for one in runs]
        found["requests"][request] = {
            "rows": len(case.leaving[what]),
            **{key: runs[-1][request][key] for key in
               ("rebuilt", "passes", "bounded_without_a_pass", "bounded_by_a_pass",
                "bounded_by_a_new_base")},
            "floor": statistics.median(floors), "times_floor": rounds.ratio(ours, floors),
            "answers": {name: {"seconds": took, "median": statistics.median(took),
                               "spread": rounds.spread(took), "ratio": rounds.ratio(took, ours),
                               **answers[request].get(name, {})}
                        for name, took in seconds[request].items()}}
    return found


LEGEND = """\
seconds: median of the rounds; spread: (most - least) / median; ratio: theirs over recant's in the
same round, above 1 recant is faster, median (least to most); off: of any row's score, at most, from
exact retraining; distance: of the parameters; bound: what recant says that this is at most"""


def title(request, one):
    rows = f"{one['rows']:,} rows"
    named = {"one": "one row", "one_by_one": f"{rows} one after another, a model after each",
             "one_by_one_bounded": "the same, every one bounded",
             "batch": f"1 % of the rows at once, {rows}",
             "batch_bounded": "the same, bounded"}[request]
    asked = one["rows"] if request.startswith("one_by_one") else 1
    yield (f"  {named}; recant over its floor of {one['floor']:.6f} s: "
           f"{rounds.times(one['times_floor'])}")
    if request.endswith("_bounded"):
        yield (f"    of {asked:,}: {one['bounded_without_a_pass']:,} without a pass (tier 0), "
               f"{one['bounded_by_a_pass']:,} by a pass (1), {one['bounded_by_a_new_base']:,} by a "
               f"second step in a new base (2); {one['passes']:,} passes, {one['rebuilt']} new bases")
    else:
        rebuilt = f"; {one['rebuilt']} new bases" if one["rebuilt"] else ""
        yield f"    of {asked:,}: {one['bounded_without_a_pass']:,} bounded without a pass{rebuilt}"


def scaled(request, name):
    """What was not done as often as the figure says."""
    if not request.startswith("one_by_one") or name == "recant":
        return ""
    done = ARGS.singles if name.startswith("NumPy") else 1
    where = f", off and distance after {done}" if name.startswith("NumPy") else ""
    return f"  {done} done, times {ONE_BY_ONE / done:g}{where}"


def table(one):
    def number(figures, key):
        return f"{figures[key]:10.1e}" if figures.get(key) is not None else f"{'':10}"

    yield (f"{one['data']}: {one['rows']} x {one['columns']}, l2 = {one['l2']:g}; recant's base, "
           f"once: {one['base']:.4f} s, floor {one['base_floor']:.4f} s")
    yield (f"  {'':40}{'seconds':>14}{'spread':>8}{'ratio':>34}{'off':>10}{'distance':>10}"
           f"{'bound':>10}")
    for request, figures in one["requests"].items():
        yield from title(request, figures)
        for name, answer in figures["answers"].items():
            yield (f"    {name:38}{answer['median']:14.6f}{answer['spread']:8.0%}"
                   f"{rounds.times(answer['ratio']):>34}{number(answer, 'off')}"
                   f"{number(answer, 'distance')}{number(answer, 'bound')}{scaled(request, name)}"
                   ).rstrip()
        if request == "one_by_one":
            some = one["after_singles"]
            yield (f"    {f'recant after {ARGS.singles} of them':94}{number(some, 'off')}"
                   f"{number(some, 'distance')}{number(some, 'bound')}").rstrip()


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
