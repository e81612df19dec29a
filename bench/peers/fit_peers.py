#!/usr/bin/env python3
"""Pairs recant's fit with scikit-learn's solvers and a plain NumPy Newton, in one run.

    fit_peers.py FIT_BENCH DATA...     FIT_BENCH: the program; DATA: folders with train_*.npy
        --repeats N   rounds, in each of which everybody fits once, one after another (7)
        --slow S      who needs more than S seconds a fit fits in the first round alone, and its
                      tolerance is not made smaller (60)
        --threads N   of everybody (2)
        --all-solvers scikit-learn's liblinear, sag and saga too, once each and to no tolerance: they
                      take minutes
        --json FILE   every figure

All minimise  sum_i log(1 + exp(..)) + |theta|^2 / 2  over the features and a column of ones, from
0, to a gradient norm of 1e-8. scikit-learn's tolerance is chosen per solver: the largest power of
ten that gets there, or the one that gets nearest; who does not get there is compared with recant
stopped at the norm that was reached. "lbfgs, ftol 0" is scikit-learn's objective in SciPy's L-BFGS-B
without its test on the value, which newer versions of scikit-learn all but switch off. The
gradient norm is measured here, the same way for everybody. Times are of the fit alone, with the
data in memory, recant's the median of three; `spread` is (max - min) / median, `ratio` the median of seconds over recant's, in
the same round. `floor` is the least that recant's own passes and Hessians, as many as its fit took,
could take here: reading the features once for each pass, n p (p + 1) operations for each Hessian
(or a pass where that takes longer), at the rate of reading them and the peak of fused multiply-adds
measured after the fit in the same process. `parts` is what as many passes and Hessians take alone,
each the least of five in that process.
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

TARGET = 1e-8


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fit_bench")
    parser.add_argument("data", nargs="+", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--slow", type=float, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--all-solvers", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


ARGS = arguments()
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)

import numpy as np  # noqa: E402  after the number of threads is set
import scipy  # noqa: E402
import scipy.optimize  # noqa: E402
import scipy.special  # noqa: E402
import sklearn  # noqa: E402
from sklearn._loss import HalfBinomialLoss  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.linear_model._linear_loss import LinearModelLoss  # noqa: E402


def gradient(x, y, theta):
    return x.T @ (scipy.special.expit(x @ theta) - y) + theta


def sklearn_fit(solver, tolerance, max_iter=20000):
    def fit(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tolerances out of reach are part of the search
            model = LogisticRegression(solver=solver, C=1.0, tol=tolerance, fit_intercept=False,
                                       max_iter=max_iter).fit(x, y)
        return model.coef_.ravel()
    return fit


def lbfgs_fit(solver, tolerance):
    def fit(x, y):
        loss = LinearModelLoss(base_loss=HalfBinomialLoss(), fit_intercept=False)
        # Their loss is the mean of the rows', so its penalty and its gradient are 1/n of ours.
        return scipy.optimize.minimize(
            loss.loss_gradient, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B",
            args=(x, y, None, 1.0 / len(y), ARGS.threads),
            options={"gtol": tolerance / len(y), "ftol": 0.0, "maxiter": 20000, "maxfun": 40000}).x
    return fit


SOLVERS = {"newton-cholesky": sklearn_fit, "newton-cg": sklearn_fit, "lbfgs": sklearn_fit,
           "lbfgs, ftol 0": lbfgs_fit}


# Their solvers for other ends, by iterations: liblinear has one thread, the other two take a row at
# a time. They stop far from 1e-8.
OTHERS = {"liblinear": 1000, "sag": 100, "saga": 100}


def once(solver, x, y):
    fit = sklearn_fit(solver, 1e-10, OTHERS[solver])
    seconds, theta = timed(fit, x, y)
    return theta, float(np.linalg.norm(gradient(x, y, theta))), seconds


def numpy_newton(x, y):
    theta = np.zeros(x.shape[1])
    for _ in range(100):
        p = scipy.special.expit(x @ theta)
        g = x.T @ (p - y) + theta
        if np.linalg.norm(g) <= TARGET:
            break
        scaled = x * np.sqrt(p * (1 - p))[:, None]
        hessian = scaled.T @ scaled
        hessian[np.diag_indices_from(hessian)] += 1.0
        theta = theta - np.linalg.solve(hessian, g)
    return theta


def timed(fit, x, y):
    begin = time.perf_counter()
    theta = fit(x, y)
    return time.perf_counter() - begin, theta


def tuned(solver, x, y):
    """The fit at the largest power of ten that reaches the target, else at the nearest; its norm and
    its seconds."""
    best = None
    for exponent in range(-4, -13, -1):
        fit = SOLVERS[solver](solver, 10.0 ** exponent)
        seconds, theta = timed(fit, x, y)
        norm = float(np.linalg.norm(gradient(x, y, theta)))
        if best is None or norm < best[1]:
            best = (fit, norm, seconds)
        if norm <= TARGET or seconds > ARGS.slow:
            break
    # Whoever minimises something else is not compared.
    assert best[1] < 1e-4 * np.linalg.norm(gradient(x, y, np.zeros(x.shape[1]))), (solver, best[1])
    return best


def recant_fit(folder, theta_file, norm):
    """The median of three fits: a process that has just begun finds its processors asleep, and the
    others' here is awake."""
    command = [ARGS.fit_bench, folder, "--threads", str(ARGS.threads), "--theta", theta_file,
               "--gradient-norm", str(norm), "--repeats", "3"]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {**found, "seconds": statistics.median(found["seconds"])}


def measure(folder):
    features = np.load(folder / "train_features.npy", mmap_mode="r")
    x = np.ones((features.shape[0], features.shape[1] + 1))
    x[:, :-1] = features
    y = np.load(folder / "train_targets.npy")
    fits = {solver: tuned(solver, x, y) for solver in SOLVERS}
    fits["numpy newton"] = (numpy_newton, 0.0, 0.0)
    others = {solver: once(solver, x, y) for solver in OTHERS if ARGS.all_solvers}
    floors = []
    found = {name: {"seconds": [], "recant_seconds": []} for name in ["recant", *fits, *others]}

    def note(name, seconds, theta):
        found[name]["seconds"].append(seconds)
        found[name]["gradient_norm"] = float(np.linalg.norm(gradient(x, y, theta)))

    with tempfile.TemporaryDirectory() as scratch:
        theta_file = os.path.join(scratch, "theta.npy")
        for round_number in range(ARGS.repeats):
            ours = {}
            norms = [norm for _, norm, _ in [*fits.values(), *others.values()]]
            for goal in {max(TARGET, norm) for norm in norms} | {TARGET}:
                one = recant_fit(folder, theta_file, goal)
                ours[goal] = one["seconds"]
                if goal == TARGET:
                    note("recant", ours[goal], np.load(theta_file))
                    floors.append(one)
            found["recant"]["recant_seconds"].append(ours[TARGET])
            for name, (fit, norm, tried) in fits.items():
                slow = max([tried, *found[name]["seconds"]]) > ARGS.slow
                if slow and round_number > 0:
                    continue
                note(name, *timed(fit, x, y))
                found[name]["recant_seconds"].append(ours[max(TARGET, norm)])
            for name, (_, norm, seconds) in others.items() if round_number == 0 else ():
                found[name] |= {"seconds": [seconds], "gradient_norm": norm}
                found[name]["recant_seconds"].append(ours[max(TARGET, norm)])
    for figures in found.values():
        seconds = figures["seconds"]
        figures["median"] = statistics.median(seconds)
        figures["spread"] = (max(seconds) - min(seconds)) / figures["median"]
        # In pairs: what shares a round shares the machine's mood.
        figures["ratio"] = statistics.median(
            a / b for a, b in zip(seconds, figures["recant_seconds"]))
    median = {key: statistics.median(one[key] for one in floors)
              for key in ("floor", "parts", "bytes_per_second", "flops")}
    return {"data": folder.name, "rows": len(x), "columns": x.shape[1] - 1, "fits": found, **median,
            "times_floor": statistics.median(one["seconds"] / one["floor"] for one in floors),
            "times_parts": statistics.median(one["seconds"] / one["parts"] for one in floors)}


LEGEND = """\
seconds: median of the rounds; spread: (most - least) / median; gradient: norm where it stopped;
recant: its seconds to the same gradient norm, or to 1e-8 where that was passed; ratio: theirs over
recant's in the same round, above 1 recant is faster; rounds: a fit of over {slow:g} s is done once"""


def table(one):
    yield (f"{one['data']}: {one['rows']} x {one['columns']}; recant's floor {one['floor']:.4f} s, it "
           f"took {one['times_floor']:.1f} times that (reads {one['bytes_per_second'] / 1e9:.1f} GB/s, "
           f"multiplies {one['flops'] / 1e9:.0f} Gflop/s), and {one['times_parts']:.2f} times what its "
           "passes and Hessians take alone")
    yield (f"  {'':18}{'seconds':>9}{'spread':>8}{'gradient':>10}{'recant':>9}{'ratio':>11}"
           f"{'rounds':>8}")
    for name, figures in one["fits"].items():
        yield (f"  {name:18}{figures['median']:9.4f}{figures['spread']:8.0%}"
               f"{figures['gradient_norm']:10.1e}{statistics.median(figures['recant_seconds']):9.4f}"
               f"{figures['ratio']:9.1f} x{len(figures['seconds']):8}")


def main():
    measured = []
    print(LEGEND.format(slow=ARGS.slow))
    for folder in ARGS.data:
        measured.append(measure(folder))
        print("\n".join(table(measured[-1])), flush=True)
    if ARGS.json:
        versions = {"python": sys.version.split()[0], "numpy": np.__version__,
                    "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
        ARGS.json.write_text(json.dumps({"threads": ARGS.threads, "slow": ARGS.slow,
                                         "versions": versions,
                                         "measured": measured}, indent=2) + "\n")


if __name__ == "__main__":
    main()
