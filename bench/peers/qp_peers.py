#!/usr/bin/env python3
"""Pairs recant's bounded quadratic program with OSQP and Clarabel, in one run.

    qp_peers.py QP_BENCH        QP_BENCH: the program
        --sizes N ...           unknowns (10,000 100,000 1,000,000)
        --repeats N             rounds, in each of which everybody solves once (3)
        --slow S                who needs more than S seconds solves in the first round alone (60)
        --threads N             of recant (2); OSQP and Clarabel factor in one
        --json FILE             every figure

    minimise -a^T e + kappa |e|^2   with   a^T e <= limit,  u^T e >= 0,  -1 <= e <= 1

a and u are normal, about 5% of the unknowns end at a bound, both promises hold the answer back.
OSQP and Clarabel are asked for 1e-6, absolute and relative. recant solves to its default, 1e-12: its
last step gets there from far above, so that asking for less changes what it calls the answer and no
figure. Seconds are from the arrays to the answer, for everybody, recant's the median of three. How
good the answers are is measured here, the same way for everybody: `objective` is what the value is
above the best one found, relative; `violation` the largest violation of a promise, relative to
|c| |e|, or of a bound. The run ends where somebody does not say "solved", where recant's objective
or violation is above 1e-10, or where another's is above 1e-5 or 1e-3.

`ratio` is the median (least to most) over the rounds of their seconds over recant's in the same
round. `floor` is reading the four vectors of the program (a, u and both bounds) once for each of
recant's dual steps, from wherever they lie, at the rate measured in the same process.
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

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import rounds  # noqa: E402

TOLERANCE = 1e-6
# Of |objective| and violation. Others' tolerances are relative to their largest row of constraints,
# which is a sum over all unknowns.
LIMITS = {"recant": (1e-10, 1e-10), "OSQP": (1e-5, 1e-3), "Clarabel": (1e-5, 1e-3)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("qp_bench")
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--slow", type=float, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


ARGS = arguments()
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)

import clarabel  # noqa: E402  after the number of threads is set
import numpy as np  # noqa: E402
import osqp  # noqa: E402
import scipy.sparse as sparse  # noqa: E402


class Program:
    def __init__(self, n):
        random = np.random.default_rng(7)
        self.a = random.standard_normal(n)
        self.u = random.standard_normal(n) - 0.3 * self.a
        self.kappa = 0.25
        self.limit = 0.6 * float(np.abs(self.a).sum())

    def value(self, e):
        return float(-self.a @ e + self.kappa * e @ e)

    def violation(self, e):
        size = np.linalg.norm(e)
        return float(max(0, (self.a @ e - self.limit) / (np.linalg.norm(self.a) * size),
                         -(self.u @ e) / (np.linalg.norm(self.u) * size),
                         np.abs(e).max() - 1))


def by_osqp(program):
    n = len(program.a)
    rows = sparse.vstack([sparse.csc_matrix(program.a), sparse.csc_matrix(program.u),
                          sparse.identity(n, format="csc")], format="csc")
    solver = osqp.OSQP()
    solver.setup(2 * program.kappa * sparse.identity(n, format="csc"), -program.a, rows,
                 np.concatenate([[-np.inf, 0], -np.ones(n)]),
                 np.concatenate([[program.limit, np.inf], np.ones(n)]),
                 eps_abs=TOLERANCE, eps_rel=TOLERANCE, max_iter=20000, verbose=False)
    found = solver.solve()
    return np.asarray(found.x), found.info.status


def by_clarabel(program):
    n = len(program.a)
    identity = sparse.identity(n, format="csc")
    rows = sparse.vstack([sparse.csc_matrix(program.a), -sparse.csc_matrix(program.u), identity,
                          -identity], format="csc")
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    found = clarabel.DefaultSolver(
        2 * program.kappa * identity, -program.a, rows,
        np.concatenate([[program.limit, 0], np.ones(2 * n)]),
        [clarabel.NonnegativeConeT(2 * n + 2)], settings).solve()
    return np.asarray(found.x), str(found.status)


PEERS = {"OSQP": by_osqp, "Clarabel": by_clarabel}


def recant(program, scratch):
    np.save(scratch / "gap.npy", program.a)
    np.save(scratch / "utility.npy", program.u)
    command = [ARGS.qp_bench, scratch, "--kappa", program.kappa, "--limit", repr(program.limit),
               "--threads", ARGS.threads, "--answer", scratch / "e.npy", "--repeats", 3]
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    return statistics.median(found["seconds"]), np.load(scratch / "e.npy"), found


def checked(name, found):
    objective, violation = LIMITS[name]
    if not (found["status"].lower() == "solved" and abs(found["objective"]) <= objective
            and found["violation"] <= violation):
        sys.exit(f"qp_peers: {name} ended {found['status']}, objective {found['objective']:.1e}, "
                 f"violation {found['violation']:.1e}")
    return found


def measure(n):
    program = Program(n)
    seconds, answers, status, floors = {"recant": []}, {}, {}, []
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        for _ in range(ARGS.repeats):
            took, answers["recant"], ours = recant(program, scratch)
            seconds["recant"].append(took)
            floors.append(ours["floor"])
            status["recant"] = ours["status"]
            for peer, solve in PEERS.items():
                if max(seconds.get(peer, [0])) > ARGS.slow:
                    continue
                begin = time.perf_counter()
                answers[peer], status[peer] = solve(program)
                seconds.setdefault(peer, []).append(time.perf_counter() - begin)
    best = min(program.value(e) for e in answers.values()
               if program.violation(e) <= LIMITS["recant"][1])
    return {"unknowns": n, "at_bound": ours["at_bound"], "iterations": ours["iterations"],
            "floor": statistics.median(floors),
            "times_floor": rounds.ratio(seconds["recant"], floors),
            "solvers": {
                name: checked(name, {
                    "seconds": times, "median": statistics.median(times),
                    "spread": rounds.spread(times), "ratio": rounds.ratio(times, seconds["recant"]),
                    "status": status[name],
                    "objective": (program.value(answers[name]) - best) / abs(best),
                    "violation": program.violation(answers[name])})
                for name, times in seconds.items()}}


LEGEND = """\
seconds: median of the rounds; spread: (most - least) / median; ratio: theirs over recant's in the
same round, above 1 recant is faster, median (least to most); objective: above the best, relative;
violation: of a promise; rounds: who needs over {slow:g} s solves once"""


def table(one):
    yield (f"{one['unknowns']:,} unknowns, {one['at_bound']} at a bound, {one['iterations']} dual "
           f"steps; recant over its floor of {one['floor']:.5f} s: {rounds.times(one['times_floor'])}")
    yield (f"  {'':10}{'seconds':>10}{'spread':>8}{'ratio':>26}  {'ended':10}{'objective':>10}"
           f"{'violation':>10}{'rounds':>8}")
    for name, figures in one["solvers"].items():
        yield (f"  {name:10}{figures['median']:10.4f}{figures['spread']:8.0%}"
               f"{rounds.times(figures['ratio']):>26}  {figures['status']:10}"
               f"{figures['objective']:10.1e}{figures['violation']:10.1e}"
               f"{len(figures['seconds']):8}")


def main():
    measured = []
    print(LEGEND.format(slow=ARGS.slow))
    for n in ARGS.sizes:
        measured.append(measure(n))
        print("\n".join(table(measured[-1])), flush=True)
    if ARGS.json:
        versions = {"python": sys.version.split()[0], "numpy": np.__version__,
                    "osqp": osqp.__version__, "clarabel": clarabel.__version__}
        ARGS.json.write_text(json.dumps({"threads": ARGS.threads, "versions": versions,
                                         "measured": measured}, indent=2) + "\n")


if __name__ == "__main__":
    main()
