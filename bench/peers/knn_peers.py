#!/usr/bin/env python3
"""Pairs recant's KNN-Shapley with a vectorised NumPy version of the same recursion, in one run.

    knn_peers.py KNN_BENCH DATA...    KNN_BENCH: the program; DATA: folders with train_*.npy,
                                      validation_*.npy (features, targets)
        the first 1,000 validation rows are used
        --repeats N   rounds, in each of which both run once (5)
        --threads N   of both (2)
        --neighbors K (5)
        --leave N     rows that leave, for the update after deletion (100)
        --alone       recant only (NumPy's distance matrix does not fit)
        --make ROWS COLUMNS   first writes uniform made-up data with 1,000 validation rows to DATA

Both give the same values to 1e-12 or the run ends. Times are with the data in memory; `ratio` is
the median of NumPy's seconds over recant's in the same round.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("knn_bench")
    parser.add_argument("data", nargs="+", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--neighbors", type=int, default=5)
    parser.add_argument("--leave", type=int, default=100)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--make", type=int, nargs=2)
    return parser.parse_args()


ARGS = arguments()
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)

import numpy as np  # noqa: E402  after the number of threads is set


def make(folder, rows, columns):
    random = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", rows), ("validation", 1000)):
        x = random.uniform(-1, 1, (count, columns))
        y = (x.sum(1) + random.uniform(-3, 3, count) > 0).astype(float)
        np.save(folder / f"{part}_features.npy", x)
        np.save(folder / f"{part}_targets.npy", y)


def numpy_version(x, y, v, wanted, k):
    """All validation rows at once, by hundreds."""
    n = len(x)
    rank = np.arange(1, n)
    reach = np.minimum(k, rank) / rank / k
    squares = np.einsum("ij,ij->i", x, x)
    total = np.zeros(n)
    for begin in range(0, len(v), 100):
        some = v[begin:begin + 100]
        distance = squares - 2 * some @ x.T  # |v|^2 changes no order
        order = np.argsort(distance, axis=1, kind="stable")
        match = (y[order] == wanted[begin:begin + 100, None]).astype(float)
        value = np.empty_like(match)
        value[:, -1] = match[:, -1] * min(k, n) / (n * k)
        steps = (match[:, :-1] - match[:, 1:]) * reach
        value[:, :-1] = value[:, -1:] + np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
        by_row = np.empty_like(value)
        np.put_along_axis(by_row, order, value, axis=1)
        total += by_row.sum(0)
    return total / len(v)


def recant(folder, values, *more):
    command = [ARGS.knn_bench, folder, "--threads", ARGS.threads, "--neighbors", ARGS.neighbors,
               "--values", values, *more]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(done.stdout)


def spread(seconds):
    return f"{statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"


def measure(folder):
    x, y, v, wanted = (np.load(folder / f"{part}_{kind}.npy") for part in ("train", "validation")
                       for kind in ("features", "targets"))
    v, wanted = v[:1000], wanted[:1000]
    print(f"{folder.name}: {x.shape[0]} x {x.shape[1]}, {len(v)} validation rows")
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        file = os.path.join(scratch, "values.npy")
        for _ in range(ARGS.repeats):
            found = recant(folder, file)
            ours.append(found["seconds"]["fresh"][0])
            if ARGS.alone:
                continue
            begin = time.perf_counter()
            values = numpy_version(x, y, v, wanted, ARGS.neighbors)
            theirs.append(time.perf_counter() - begin)
            worst = np.abs(values - np.load(file)).max()
            # A rounded distance may put two rows that are as good as tied the other way round.
            assert worst <= 1e-5, worst
        print(f"  recant {spread(ours)}, most memory {found['memory'] / 1e6:.0f} MB, data "
              f"{(x.nbytes + v.nbytes) / 1e6:.0f} MB")
        if theirs:
            ratio = statistics.median(a / b for a, b in zip(theirs, ours))
            print(f"  NumPy {spread(theirs)}, ratio {ratio:.1f}, largest difference {worst:.1e}")
        rough = recant(folder, file, "--truncate", 0.01, "--repeats", ARGS.repeats)
        print(f"  truncated to 0.01: {spread(rough['seconds']['fresh'])}")
        if ARGS.leave:
            left = recant(folder, file, "--leave", ARGS.leave, "--repeats", ARGS.repeats)["seconds"]
            update = left["remove"][0] + statistics.median(left["values"])
            print(f"  ranks kept: {spread(left['ranks'])}; {ARGS.leave} rows leave: "
                  f"{left['remove'][0]:.3f} s, values {spread(left['values'])}; a fresh run "
                  f"{spread(left['fresh_after'])}, {statistics.median(left['fresh_after']) / update:.1f} times the update")


def main():
    for folder in ARGS.data:
        if ARGS.make:
            make(folder, *ARGS.make)
        measure(folder)


if __name__ == "__main__":
    main()
