#!/usr/bin/env python3
"""Pairs recant's fit with scikit-learn's solvers and a plain NumPy Newton, in one run.

    fit_peers.py FIT_BENCH DATA...     FIT_BENCH: the program; DATA: folders with train_*.npy
        --repeats N   rounds, in each of which everybody fits once, one after another (7)
        --slow S      who needs more than S seconds a fit fits in the first round alone, and its
                      tolerance is not made smaller (60)
        --threads N   where the library uses them (2); scikit-learn's solvers multiply matrices with
                      them and do the rest in one
        --all-solvers scikit-learn's liblinear, sag and saga too, once each and to no tolerance: they
                      take minutes
        --json FILE   every figure

All minimise  sum_i log(1 + exp(..)) + |theta|^2 / 2  over the features and a column of ones, from
0, to a gradient norm of 1e-8. Each tolerance is chosen per solver: the largest power of ten that gets
there, or the one that gets nearest; who does not get there is compared with recant stopped at the
norm that was reached. "lbfgs, ftol 0" is scikit-learn's objective in SciPy's L-BFGS-B without its
test on the value, which newer versions of scikit-learn all but switch off. The gradient norm is
measured here, the same way for everybody; the run ends where recant's is above what it was asked for.
Times are of the fit alone, with the data in memory, recant's the median of three; `spread` is
(most - least) / median, `ratio` the median (least to most) of seconds over recant's, in the same
round. `floor` is the least that recant's own passes and Hessians, as many as its fit took,
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

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import rounds  # noqa: E402

TARGET = 1e-8
ROUNDING = 1e-2  # of the goal: gradients that are summed here in another order


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
import sklearn  # noqa: E402
from logistic_fits import SOLVERS, gradient, sklearn_fit, timed, tried  # noqa: E402

# Their solvers for other ends, by iterations: liblinear has one thread, the other two take a row at
# a time. They stop far from 1e-8.
OTHERS = {"liblinear": 1000, "sag": 100, "saga": 100}


def gradient_norm(x, y, theta):
    return float(np.linalg.norm(gradient(x, y, theta)))


def once(solver, x, y):
    seconds, theta = timed(sklearn_fit(solver, 1e-10, OTHERS[solver]), x, y)
    return theta, gradient_norm(x, y, theta), seconds


def tuned(solver, x, y):
    """The fit at the largest power of ten that reaches the target, else at the nearest; its norm and
    its seconds."""
    best = None
    for fit, _, seconds, theta in tried(solver, x, y):
        norm = gradient_norm(x, y, theta)
        if best is None or norm < best[1]:
            best = (fit, norm, seconds)
        if norm <= TARGET or seconds > ARGS.slow:
            break
    # Whoever minimises something else is not compared.
    if not best[1] < 1e-4 * gradient_norm(x, y, np.zeros(x.shape[1])):
        sys.exit(f"fit_peers: {solver} stops at a gradient of {best[1]:.1e}")
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
    others = {solver: once(solver, x, y) for solver in OTHERS if ARGS.all_solvers}
    floors = []
    found = {name: {"seconds": [], "recant_seconds": []} for name in ["recant", *fits, *others]}

    def note(name, seconds, theta):
        found[name]["seconds"].append(seconds)
        found[name]["gradient_norm"] = gradient_norm(x, y, theta)

    with tempfile.TemporaryDirectory() as scratch:
        theta_file = os.path.join(scratch, "theta.npy")
        for round_number in range(ARGS.repeats):
            ours = {}
            norms = [norm for _, norm, _ in [*fits.values(), *others.values()]]
            for goal in {max(TARGET, norm) for norm in norms} | {TARGET}:
                one = recant_fit(folder, theta_file, goal)
                ours[goal] = one["seconds"]
                reached = gradient_norm(x, y, np.load(theta_file))
                if not (one["converged"] and reached <= (1 + ROUNDING) * goal):
                    sys.exit(f"fit_peers: recant stopped at {reached:.3e}, asked for {goal:.3e}")
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
        figures |= {"median": statistics.median(seconds), "spread": rounds.spread(seconds),
                    "ratio": rounds.ratio(seconds, figures["recant_seconds"])}
    median = {key: statistics.median(one[key] for one in floors)
              for key in ("floor", "parts", "bytes_per_second", "flops")}
    return {"data": folder.name, "rows": len(x), "columns": x.shape[1] - 1, "fits": found, **median,
            **{f"times_{key}": rounds.over_rounds(one["seconds"] / one[key] for one in floors)
               for key in ("floor", "parts")}}


LEGEND = """\
seconds: median of the rounds; spread: (most - least) / median; gradient: norm where it stopped;
recant: its seconds to the same gradient norm, or to 1e-8 where that was passed; ratio: theirs over
recant's in the same round, above 1 recant is faster, median (least to most); rounds: a fit of over
{slow:g} s is done once"""


def table(one):
    yield (f"{one['data']}: {one['rows']} x {one['columns']}; recant over its floor "
           f"of {one['floor']:.4f} s: {rounds.times(one['times_floor'])}; reads "
           f"{one['bytes_per_second'] / 1e9:.1f} GB/s, multiplies {one['flops'] / 1e9:.0f} Gflop/s; "
           f"over what its passes and Hessians take alone: {rounds.times(one['times_parts'])}")
    yield (f"  {'':18}{'seconds':>9}{'spread':>8}{'gradient':>10}{'recant':>9}{'ratio':>26}"
           f"{'rounds':>8}")
    for name, figures in one["fits"].items():
        yield (f"  {name:18}{figures['median']:9.4f}{figures['spread']:8.0%}"
               f"{figures['gradient_norm']:10.1e}{statistics.median(figures['recant_seconds']):9.4f}"
               f"{rounds.times(figures['ratio']):>26}{len(figures['seconds']):8}")


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
