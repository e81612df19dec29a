#!/usr/bin/env python3
"""Pairs recant's KNN-Shapley with the same recursion in NumPy, and with pyDVL, in one run.

    knn_peers.py KNN_BENCH DATA...    KNN_BENCH: the program; DATA: folders with train_*.npy,
                                      validation_*.npy (features, targets)
        the first 1,000 validation rows are used, or as many as make 10^8 pairs with the
        training rows
        --repeats N   rounds, in each of which everybody runs once (5)
        --threads N   where the library uses them (2); NumPy multiplies matrices with them and sorts
                      in one
        --neighbors K (5)
        --leave N     rows that leave, for the update after deletion (100)
        --alone       recant only, always by 1,000 validation rows
        --make ROWS COLUMNS   first writes uniform made-up data with 1,000 validation rows to DATA
        --json FILE   every figure

NumPy's is vectorised, by hundreds of validation rows, or by as many as make 10^7 pairs, and sorts by
NumPy's default, which is its fastest here. pyDVL walks every pair in Python, so it gets the first
100 validation rows alone, or as many as make 2 * 10^7 pairs, and recant the same beside it: nothing
is scaled. Where it cannot be imported the table says so.

Ties: recant gives rows with the same features their order in the data, whatever rounding did to the
distances. In the timed runs of the others a tie falls as the sort and rounding have it; their values
may differ from recant's by 1% of their size (root mean squares over the training rows), else the run
ends. Before the rounds, NumPy's recursion also runs on distances without their last digits and with a
stable sort, which breaks ties as recant does, by the first 100 validation rows: there it is 0.1%, and
hardly more than rounding in all data sets of run.py.

Times are with the data in memory; `ratio` is the median (least to most) of the others' seconds over
recant's in the same round.

`floor` is, for every pair of a validation and a training row, one multiply-add a feature at their
peak and three passes of a sort over 8 bytes, reading and writing them at the rate at which a core
reads such a list. Both rates are measured in the same process.
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
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


ARGS = arguments()
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = str(ARGS.threads)
os.environ["PYTHONWARNINGS"] = "ignore::FutureWarning"  # of pyDVL's processes, on what they import

import numpy as np  # noqa: E402  after the number of threads is set

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        import joblib
        import pydvl
        import pydvl.valuation
        from sklearn.neighbors import KNeighborsClassifier
    NO_PYDVL = None
except ImportError as error:
    NO_PYDVL = str(error)

# What everybody gets, and pyDVL: validation rows at most, and pairs of them with training rows.
ALL = (1000, 10 ** 15 if ARGS.alone else 10 ** 8)
PYDVL = (100, 2 * 10 ** 7)
NUMPY_PAIRS = 10 ** 7  # at once: six arrays of so many numbers
# Differences of the values, relative to their size.
TOLERANCE = 1e-2
TOLERANCE_WITH_TIES_ALIKE = 1e-3
CHECKED = (100, NUMPY_PAIRS)


def most_rows(limit, training_rows):
    rows, pairs = limit
    return max(1, min(rows, pairs // training_rows))


def make(folder, rows, columns):
    random = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", rows), ("validation", 1000)):
        x = random.uniform(-1, 1, (count, columns))
        y = (x.sum(1) + random.uniform(-3, 3, count) > 0).astype(float)
        np.save(folder / f"{part}_features.npy", x)
        np.save(folder / f"{part}_targets.npy", y)


def by_row_number(distance):
    """Order by distance; rows that rounding alone keeps apart count as tied."""
    return np.argsort(np.round(distance, 9), axis=1, kind="stable")


def numpy_version(x, y, v, wanted, k, in_order=lambda distance: np.argsort(distance, axis=1)):
    """All validation rows at once, by hundreds."""
    n = len(x)
    together = most_rows((100, NUMPY_PAIRS), n)
    rank = np.arange(1, n)
    reach = np.minimum(k, rank) / rank / k
    squares = np.einsum("ij,ij->i", x, x)
    total = np.zeros(n)
    for begin in range(0, len(v), together):
        some = v[begin:begin + together]
        order = in_order(squares - 2 * some @ x.T)  # |v|^2 changes no order
        match = (y[order] == wanted[begin:begin + together, None]).astype(float)
        value = np.empty_like(match)
        value[:, -1] = match[:, -1] * min(k, n) / (n * k)
        steps = (match[:, :-1] - match[:, 1:]) * reach
        value[:, :-1] = value[:, -1:] + np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
        for rows, values in zip(order, value):
            total[rows] += values
    return total / len(v)


def pydvl_version(x, y, v, wanted, k):
    """As many processes as threads."""
    test = pydvl.valuation.Dataset(v, wanted.astype(int))
    valuation = pydvl.valuation.KNNShapleyValuation(KNeighborsClassifier(n_neighbors=k), test,
                                                    progress=False)
    with joblib.parallel_config(n_jobs=ARGS.threads):
        valuation.fit(pydvl.valuation.Dataset(x, y.astype(int)))
    return valuation.result.values


PEERS = {"NumPy": (numpy_version, ALL), "pyDVL": (pydvl_version, PYDVL)}


def recant(folder, rows, values, *more):
    command = [ARGS.knn_bench, folder, "--threads", ARGS.threads, "--neighbors", ARGS.neighbors,
               "--validation-rows", rows, "--values", values, *more]
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def difference(file, values):
    """Root mean squares: of the difference from recant's values, over theirs."""
    ours = np.load(file)
    return float(np.linalg.norm(values - ours) / np.linalg.norm(ours))


def check_ties(data, folder, file):
    """How far the values are apart where ties are broken alike."""
    x, y, v, wanted = data
    rows = min(most_rows(CHECKED, len(x)), len(v))
    recant(folder, rows, file)
    values = numpy_version(x, y, v[:rows], wanted[:rows], ARGS.neighbors, by_row_number)
    found = difference(file, values)
    if not found <= TOLERANCE_WITH_TIES_ALIKE:
        sys.exit(f"knn_peers: with ties broken alike values differ by {found:.1e} of their size")
    return found


def compared(peer, rows, data, folder, file):
    """One of the peers and recant on the first `rows` validation rows, by turns."""
    x, y, v, wanted = data
    ours, theirs, floors, worst = [], [], [], 0.0
    for _ in range(ARGS.repeats):
        found = recant(folder, rows, file)
        ours.append(found["seconds"]["fresh"][0])
        floors.append(found["floor"])
        if peer is None:
            continue
        begin = time.perf_counter()
        values = peer(x, y, v[:rows], wanted[:rows], ARGS.neighbors)
        theirs.append(time.perf_counter() - begin)
        worst = max(worst, difference(file, values))
        if not worst <= TOLERANCE:
            sys.exit(f"knn_peers: values differ by {worst:.1e} of their size")
    return {"validation_rows": rows, "recant": ours, "peer": theirs, "memory": found["memory"],
            "floor": statistics.median(floors), "times_floor": rounds.ratio(ours, floors),
            "difference": worst if theirs else None,
            "ratio": rounds.ratio(theirs, ours) if theirs else None}


def updated(folder, rows, file):
    """All values again after rows have left, from ranks that were kept."""
    seconds = recant(folder, rows, file, "--leave", ARGS.leave, "--repeats",
                     ARGS.repeats)["seconds"]
    update = seconds["remove"][0] + statistics.median(seconds["values"])
    return {"rows": ARGS.leave, "seconds": seconds, "update": update,
            "ratio": rounds.ratio(seconds["fresh_after"],
                                  [seconds["remove"][0] + one for one in seconds["values"]])}


def measure(folder):
    data = [np.load(folder / f"{part}_{kind}.npy") for part in ("train", "validation")
            for kind in ("features", "targets")]
    training = len(data[0])
    data[2:] = [part[:most_rows(ALL, training)] for part in data[2:]]
    rows = len(data[2])
    peers = {} if ARGS.alone else dict(PEERS)
    if NO_PYDVL:
        peers.pop("pyDVL", None)
    with tempfile.TemporaryDirectory() as scratch:
        file = os.path.join(scratch, "values.npy")
        against, ties = {}, None if ARGS.alone else check_ties(data, folder, file)
        for name, (peer, most) in (peers or {"": (None, ALL)}).items():
            if name == "pyDVL":  # starts its processes, which stay for a while
                pydvl_version(data[0][:100], data[1][:100], data[2][:10], data[3][:10], 1)
            against[name] = compared(peer, min(most_rows(most, training), rows), data, folder,
                                     file)
        truncated = recant(folder, rows, file, "--truncate", 0.01, "--repeats", ARGS.repeats)
        return {"data": folder.name, "rows": training, "columns": data[0].shape[1],
                "data_bytes": data[0].nbytes + data[2].nbytes, "against": against,
                "difference_with_ties_alike": ties,
                "truncated": truncated["seconds"]["fresh"],
                "update": updated(folder, rows, file) if ARGS.leave else None}


def spread(seconds):
    return f"{statistics.median(seconds):10.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"


LEGEND = """\
seconds: median (least to most) of the rounds; ratio: the other's over recant's in the same round,
above 1 recant is faster, median (least to most); floor: least seconds that the products and the sort
could take here, and recant's over it; size: root mean square of the values"""


def table(one):
    ties = one["difference_with_ties_alike"]
    alike = ("" if ties is None else
             f"; with ties broken alike NumPy's values differ by {ties:.0e} of their size")
    yield f"{one['data']}: {one['rows']} x {one['columns']}, {ARGS.neighbors} neighbours{alike}"
    for name, figures in one["against"].items():
        yield f"  {figures['validation_rows']:,} validation rows, {name or 'recant alone'}"
        yield (f"    recant{spread(figures['recant'])}, floor {figures['floor']:.4f} s, over it "
               f"{rounds.times(figures['times_floor'])}; most memory "
               f"{figures['memory'] / 1e6:.0f} MB, data {one['data_bytes'] / 1e6:.0f} MB")
        if name:
            yield (f"    {name:6}{spread(figures['peer'])}, ratio {rounds.times(figures['ratio'])}, "
                   f"values differ by {figures['difference']:.0e} of their size")
    if NO_PYDVL and not ARGS.alone:
        yield f"  pyDVL was not measured: {NO_PYDVL}"
    most = max(figures["validation_rows"] for figures in one["against"].values())
    yield f"  recant truncated to 0.01, {most:,} validation rows {spread(one['truncated'])}"
    if one["update"]:
        update = one["update"]
        yield (f"  {update['rows']} rows leave, ranks kept (made in "
               f"{statistics.median(update['seconds']['ranks']):.3f} s): all values again in "
               f"{update['update']:.3f} s; a fresh run takes {rounds.times(update['ratio'])} that")


def main():
    measured = []
    print(LEGEND)
    for folder in ARGS.data:
        if ARGS.make:
            make(folder, *ARGS.make)
        measured.append(measure(folder))
        print("\n".join(table(measured[-1])), flush=True)
    if ARGS.json:
        versions = {"python": sys.version.split()[0], "numpy": np.__version__,
                    "pydvl": "missing" if NO_PYDVL else pydvl.__version__}
        ARGS.json.write_text(json.dumps({"threads": ARGS.threads, "neighbors": ARGS.neighbors,
                                         "versions": versions, "measured": measured},
                                        indent=2) + "\n")


if __name__ == "__main__":
    main()
