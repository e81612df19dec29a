#!/usr/bin/env python3
"""Durable deletions a second through the command: `recant forget --requests`, one row a request.

    requests.py COMMAND FOLDER...     COMMAND: recant; FOLDER: as generate.py or encode_csv make them
        --sizes N ...                 requests of a batch (100 1000 10000)
        --repeats N                   batches of each size (5), each on a fresh copy of the model
        --syncs LIBRARY               syncs.so, which counts them (beside the programs of the bench preset)
        --json FILE

A model with a budget, its ledger in the folder. Timed is the whole command, from its start to the
last outcome: opening and checking the folder, receipts, the deletion, zeros over the rows, release
and certificate. When it ends everything is synced. The outcomes are counted, and after each size
`recant status --check` derives everything anew. Models are made in a folder beside the data, since
it is that disk's syncs that count: what one costs is measured too, and with --syncs how many a batch
asks for, in one batch more that is not timed. The floor is that many syncs of 4 KB each; reading, hashing
and computing are not in it.
"""
import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np


def sync_seconds(folder):
    """Of 4 KB more at the end of a file, the median of 100."""
    times = []
    with open(folder / "synced", "wb", buffering=0) as file:
        for _ in range(100):
            file.write(bytes(4096))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Requests:
    def __init__(self, command, data, scratch):
        self.command, self.data, self.scratch = command, data, scratch
        self.rows = len(np.load(data / "train_targets.npy", mmap_mode="r"))
        self.call("fit", "--features", data / "train_features.npy", "--targets", data / "train_targets.npy", "--groups",
                  data / "train_groups.npy", "--l2", "1", "--epsilon", "1", "--delta", "1e-5", "-o", scratch / "made.rct")

    def call(self, *arguments, environment=None):
        return json.loads(subprocess.run([str(part) for part in (self.command, *arguments, "--json")], check=True,
                                         stdout=subprocess.PIPE, env=os.environ | (environment or {})).stdout)

    def batch(self, size, seed, environment=None):
        """Seconds of one batch on a fresh copy, on the clock and of processors."""
        model, file = self.scratch / "model.rct", self.scratch / "requests.csv"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(self.scratch / "made.rct", model)
        os.sync()
        rows = random.Random(seed).sample(range(self.rows), size)
        file.write_text("key,row\n" + "".join(f"request {row},{row}\n" for row in rows))
        before, started = processor_seconds(), time.perf_counter()
        outcomes = self.call("forget", model, "--requests", file, environment=environment)["deletions"]
        seconds = time.perf_counter() - started, processor_seconds() - before
        done = sum(one["state"] == "certified" and not one["repeated"] for one in outcomes)
        if done != size or len({one["certificate"] for one in outcomes}) != 1:
            sys.exit(f"{done} of {size} requests done")
        return seconds

    def syncs(self, size, library):
        """How many one batch asks for."""
        file = self.scratch / "syncs"
        self.batch(size, 0, {"LD_PRELOAD": str(library.resolve()), "RECANT_SYNCS": str(file)})
        return int(file.read_text())

    def measure(self, size, repeats):
        seconds, processor = zip(*(self.batch(size, seed) for seed in range(repeats)))
        left = self.call("status", self.scratch / "model.rct", "--check")["rows_left"]
        if left != self.rows - size:
            sys.exit(f"{left} rows are left")
        return {"rows": self.rows, "requests": size, "seconds": statistics.median(seconds),
                "least_seconds": min(seconds), "most_seconds": max(seconds),
                "processor_seconds": statistics.median(processor)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", type=pathlib.Path)
    parser.add_argument("folders", type=pathlib.Path, nargs="+")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--syncs", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    found = []
    print(f"{'':14}{'rows':>9}{'requests':>9}{'seconds':>9}{'least':>8}{'most':>8}{'processor':>11}{'a second':>10}{'a sync':>10}"
          f"{'syncs':>7}{'floor':>9}{'times':>8}")
    for data in args.folders:
        with tempfile.TemporaryDirectory(dir=data.parent, prefix="requests-") as scratch:
            requests = Requests(args.command, data, pathlib.Path(scratch))
            sync = sync_seconds(pathlib.Path(scratch))
            for size in args.sizes:
                one = {"data": data.name, **requests.measure(size, args.repeats), "sync_seconds": sync}
                if args.syncs:
                    one["syncs"] = requests.syncs(size, args.syncs)
                    one["floor"] = one["syncs"] * sync
                found.append(one)
                floor = f"{one['syncs']:7}{one['floor']:9.4f}{one['seconds'] / one['floor']:6.1f} x" if args.syncs else ""
                print(f"{data.name:14}{one['rows']:9}{size:9}{one['seconds']:9.3f}{one['least_seconds']:8.3f}"
                      f"{one['most_seconds']:8.3f}{one['processor_seconds']:11.3f}{size / one['seconds']:10.0f}{1e3 * sync:7.2f} ms{floor}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
