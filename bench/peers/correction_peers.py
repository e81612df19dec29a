#!/usr/bin/env python3
"""Pairs recant's pipeline with the soft-weighting paper's formulas in NumPy, in one run.

    correction_peers.py PIPELINE_BENCH DATA...   PIPELINE_BENCH: the program; DATA: folders with
                                                 {train,validation}_{features,targets,groups}.npy
        --repeats N   rounds, in each of which each corrects once (3)
        --threads N   where the library uses them (2); NumPy multiplies matrices with them and does
                      the rest in one
        --json FILE   every figure

Both are a process of their own a round, on the same arrays: fit, Hessian and its factor, influences
of all training rows on three metrics of the validation rows (utility, demographic parity, robust
loss), soft weights in closed form, one Newton step. NumPy's is correction_numpy.py: vectorised, one
Cholesky factor, no array beyond n x p. Influences, weights and both models have to agree to 1e-6 of
their largest entry or the run ends. NumPy's side is fitted, on each data set, by whoever of
logistic_fits.py (scikit-learn's solvers, its lbfgs without the test on the value, a Newton method in
NumPy) got there quickest in a fit of its own before the rounds, at the largest power of ten of its
tolerance with which all answers agree. recant fits to its own default, which is closer.

`ratio` is the median (least to most) over the rounds of NumPy's seconds over recant's in the same
round. `floor` is what the pipeline's parts could take at least on recant's way (pipeline/run.py says
how). recant also finds bounded weights, which the published method does not have: they stand apart
and in no sum.

The published code itself was measured once, apart from this; its figures are constants here.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "support"))
import rounds  # noqa: E402
from correction_numpy import TOLERANCE, differences, loaded  # noqa: E402

PARTS = ["load", "fit", "curvature", "influence", "closed_form", "update"]
CORRECTION = ["curvature", "influence", "closed_form", "update"]

# The code published with "Soft Weighted Machine Unlearning" (arXiv 2505.18783), run by us on a
# machine of 2 cores: its whole pipeline, fit included. It makes a tensor of n x d x d.
PUBLISHED = {
    "adult": "6.6 s and 2.8 GB on its own encoding, 30,162 x 102",
    "100000x100": "16 s and 8.1 GB",
    "12000x784": "does not run: it asks for 55 GiB",
    "1000000x100": "does not run: it asks for 74 GiB",
}


def run(threads, *command):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads),
                                "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE,
                          env=environment)
    return json.loads(done.stdout)


def agreement(ours, theirs):
    found = differences(loaded(ours), loaded(theirs))
    for name, difference in found.items():
        if not difference <= TOLERANCE:
            sys.exit(f"correction_peers: {name} differs by {difference:.1e} of its largest entry")
    return found


def with_sums(seconds):
    return {**seconds, "correction": sum(seconds[part] for part in CORRECTION),
            "with the fit": sum(seconds[part] for part in [*CORRECTION, "fit"])}


def compared(ours, theirs, part):
    """Of one part, over the rounds."""
    a, b = ([with_sums(one["seconds"])[part] for one in runs] for runs in (ours, theirs))
    floors = [with_sums(one["floor_seconds"])[part] for one in ours]
    return {"numpy": b, "recant": a, "numpy_median": statistics.median(b),
            "recant_median": statistics.median(a), "numpy_spread": rounds.spread(b),
            "recant_spread": rounds.spread(a), "ratio": rounds.ratio(b, a),
            "floor": statistics.median(floors), "times_floor": rounds.ratio(a, floors)}


def measure(args, folder):
    ours, theirs, found = [], [], {}
    with tempfile.TemporaryDirectory() as name:
        mine, other = pathlib.Path(name, "recant"), pathlib.Path(name, "numpy")
        mine.mkdir()
        other.mkdir()

        def recant():
            return run(args.threads, args.pipeline_bench, folder, "--answers", mine, "--threads",
                       args.threads)

        def numpy(*more):
            return run(args.threads, sys.executable, HERE / "correction_numpy.py", folder, *more)

        recant()
        fit = numpy(mine, "--choose")
        for _ in range(args.repeats):
            ours.append(recant())
            theirs.append(numpy(other, fit["solver"], repr(fit["tolerance"])))
            found = agreement(mine, other)
    return {"data": folder.name, "rows": ours[0]["rows"], "columns": ours[0]["columns"],
            "numpy_fit": fit,
            "parts": {part: compared(ours, theirs, part)
                      for part in [*PARTS, "correction", "with the fit"]},
            "bounded": rounds.over_rounds(one["seconds"]["bounded"] for one in ours),
            "recant_mb": max(one["peak_mb"] for one in ours),
            "numpy_mb": max(one["memory"] for one in theirs) / (1 << 20),
            "matrix_mb": ours[0]["matrix_mb"], "differences": found,
            "published": PUBLISHED.get(folder.name)}


LEGEND = """\
seconds: medians of the rounds; spread: (most - least) / median; ratio: NumPy's over recant's in the
same round, above 1 recant is faster, median (least to most); floor: least seconds on recant's way
here, and recant's over it; correction: curvature to update, with the fit: those and the fit"""


def fitted_by(fit):
    """The one that was taken, and how the others did."""
    rest = ", ".join(
        f"{name} {one['seconds']:.3g} s" + ("" if one["agrees"] else " without agreeing")
        for name, one in fit["tried"].items() if name != fit["solver"])
    taken = fit["tried"][fit["solver"]]["seconds"]
    return (f"  NumPy's side is fitted by {fit['solver']}, tolerance {fit['tolerance']:.0e}: "
            f"{taken:.3g} s when tried; {rest}")


def table(one):
    worst = max(one["differences"].values())
    yield f"{one['data']}: {one['rows']} x {one['columns']}; answers agree to {worst:.0e}"
    yield fitted_by(one["numpy_fit"])
    yield (f"  {'':14}{'NumPy':>10}{'spread':>8}{'recant':>10}{'spread':>8}{'ratio':>26}"
           f"{'floor':>11}{'recant over it':>26}")
    for part, figures in one["parts"].items():
        yield (f"  {part:14}{figures['numpy_median']:10.4f}{figures['numpy_spread']:8.0%}"
               f"{figures['recant_median']:10.4f}{figures['recant_spread']:8.0%}"
               f"{rounds.times(figures['ratio']):>26}{figures['floor']:11.5f}"
               f"{rounds.times(figures['times_floor']):>26}")
    bounded = one["bounded"]
    yield (f"  most memory, MB: NumPy {one['numpy_mb']:.0f}, recant {one['recant_mb']:.0f}; the "
           f"matrix {one['matrix_mb']:.0f}. recant's bounded weights besides: "
           f"{bounded['median']:.4f} s ({bounded['least']:.4f} to {bounded['most']:.4f})")
    if one["published"]:
        yield f"  the published code, not in this run: {one['published']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline_bench", type=pathlib.Path)
    parser.add_argument("data", nargs="+", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    measured = []
    print(LEGEND)
    for folder in args.data:
        measured.append(measure(args, folder))
        print("\n".join(table(measured[-1])), flush=True)
    if args.json:
        import scipy
        import sklearn
        versions = {"python": sys.version.split()[0], "numpy": np.__version__,
                    "scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
        args.json.write_text(json.dumps({"threads": args.threads, "tolerance": TOLERANCE,
                                         "versions": versions, "measured": measured},
                                        indent=2) + "\n")


if __name__ == "__main__":
    main()
