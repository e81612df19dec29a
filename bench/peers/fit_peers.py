#!/usr/bin/env python3
"""Pairs recant's fit with scikit-learn's solvers and a plain NumPy Newton, in one run.

    fit_peers.py FIT_BENCH DATA...     FIT_BENCH: the program; DATA: folders with train_*.npy
        --repeats N   rounds, in each of which everybody fits once, one after another (7)
        --threads N   of everybody (2)
        --json FILE   every figure

All minimise  sum_i log(1 + exp(..)) + |theta|^2 / 2  over the features and a column of ones, from
0, to a gradient norm of 1e-8. scikit-learn's tolerance is chosen per solver: the largest power of
ten that gets there, or the one that gets nearest. The gradient norm is measured here, the same way
for everybody. Times are of the fit alone, with the data in memory; `spread` is (max - min) / median.
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
SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fit_bench")
    parser.add_argument("data", nargs="+", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


ARGS = arguments()
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)

import numpy as np  # noqa: E402  after the number of threads is set
import scipy  # noqa: E402
import scipy.special  # noqa: E402
import sklearn  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402


def gradient(x, y, theta):
    return x.T @ (scipy.special.expit(x @ theta) - y) + theta


def sklearn_fit(solver, tolerance):
    def fit(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tolerances out of reach are part of the search
            model = LogisticRegression(solver=solver, C=1.0, tol=tolerance, fit_intercept=False,
                                       max_iter=20000).fit(x, y)
        return model.coef_.ravel()
    return fit


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
    """The largest power of ten that reaches the target; the nearest if none does."""
    best = None
    for exponent in range(-4, -15, -1):
        seconds, theta = timed(sklearn_fit(solver, 10.0 ** exponent), x, y)
        norm = float(np.linalg.norm(gradient(x, y, theta)))
        if best is None or norm < best[0]:
            best = (norm, exponent)
        elif norm == best[0] and exponent < best[1] - 2:
            break  # the solver has stopped listening to its tolerance
        if norm <= TARGET or seconds > 120:
            break
    return 10.0 ** best[1]


def recant_fit(folder, theta_file):
    command = [ARGS.fit_bench, folder, "--threads", str(ARGS.threads), "--theta", theta_file,
               "--gradient-norm", str(TARGET)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def measure(folder):
    features = np.load(folder / "train_features.npy", mmap_mode="r")
    x = np.ones((features.shape[0], features.shape[1] + 1))
    x[:, :-1] = features
    y = np.load(folder / "train_targets.npy")
    fits = {solver: sklearn_fit(solver, tuned(solver, x, y)) for solver in SOLVERS}
    fits["numpy newton"] = numpy_newton
    found = {name: {"seconds": [], "gradient_norm": None} for name in ["recant", *fits]}
    with tempfile.TemporaryDirectory() as scratch:
        theta_file = os.path.join(scratch, "theta.npy")
        for _ in range(ARGS.repeats):
            result = recant_fit(folder, theta_file)
            found["recant"]["seconds"] += result["seconds"]
            found["recant"].update(passes=result["passes"], hessians=result["hessians"])
            thetas = {"recant": np.load(theta_file)}
            for name, fit in fits.items():
                seconds, thetas[name] = timed(fit, x, y)
                found[name]["seconds"].append(seconds)
            for name, theta in thetas.items():
                found[name]["gradient_norm"] = float(np.linalg.norm(gradient(x, y, theta)))
    ours = found["recant"]["seconds"]
    for figures in found.values():
        seconds = figures["seconds"]
        figures["median"] = statistics.median(seconds)
        figures["spread"] = (max(seconds) - min(seconds)) / figures["median"]
        # In pairs: what shares a round shares the machine's mood.
        figures["ratio"] = statistics.median(a / b for a, b in zip(seconds, ours))
    return {"data": folder.name, "rows": len(x), "columns": x.shape[1] - 1, "fits": found}


def table(measured):
    yield f"{'data':24}{'':18}{'seconds':>9}{'spread':>8}{'/recant':>9}{'gradient':>10}"
    for one in measured:
        for name, figures in one["fits"].items():
            yield (f"{one['data']:24}{name:18}{figures['median']:9.4f}{figures['spread']:8.0%}"
                   f"{figures['ratio']:9.2f}{figures['gradient_norm']:10.1e}")


def main():
    measured = []
    for folder in ARGS.data:
        measured.append(measure(folder))
        print("\n".join(table(measured[-1:])), flush=True)
    if ARGS.json:
        versions = {"python": sys.version.split()[0], "numpy": np.__version__,
                    "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
        ARGS.json.write_text(json.dumps({"threads": ARGS.threads, "versions": versions,
                                         "measured": measured}, indent=2) + "\n")


if __name__ == "__main__":
    main()
