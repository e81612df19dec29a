#!/usr/bin/env python3
"""Durable deletions a second through the command: `recant forget --requests`, one row a request.

    requests.py COMMAND FOLDER...     COMMAND: recant; FOLDER: as generate.py or encode_csv make them
        --sizes N ...                 requests of a batch (100 1000 10000)
        --bulk N                      rows of one request (20000), by --rows-from
        --repeats N                   batches of each size (5), each on a fresh copy of the model
        --programs DIR                where syncs.so and long_ledger are: the floor of syncs, and opening
                                      a vault whose ledger is long
        --events N --batches N        of that ledger (1000000, 1000)
        --json FILE

A model with a budget, its ledger in the folder. Timed is the whole command, from its start to the
last outcome: opening and checking the folder, receipts, the deletion, zeros over the rows, release
and certificate. When it ends everything is synced. The outcomes are counted, and after each size
`recant status --check` derives everything anew. Models are made in a folder beside the data, since
it is that disk's syncs that count: what one costs is measured before each batch. The floor of a batch
is its syncs, counted in a run of their own, one after another; what it took over that floor is the
median (least to most) over the batches of a size.

A long ledger is made of a model of the first folder: batches of one row, and for the rest requests for rows that
are not there. Opening it by the library (reading, writing) and `recant status` stand beside the same of the model
when it had one batch, which is the floor: hashing its rows, starting a process.
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

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import rounds  # noqa: E402


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

    def call(self, *arguments):
        return json.loads(subprocess.run([str(part) for part in (self.command, *arguments, "--json")], check=True,
                                         stdout=subprocess.PIPE).stdout)

    def asked(self, size, seed, bulk):
        """On a fresh copy of the model: what the command gets."""
        model, file = self.scratch / "model.rct", self.scratch / "requests.csv"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(self.scratch / "made.rct", model)
        os.sync()
        rows = random.Random(seed).sample(range(self.rows), size)
        if bulk:
            file.write_text("".join(f"{row}\n" for row in rows))
            return ["forget", model, "--rows-from", file]
        file.write_text("key,row\n" + "".join(f"request {row},{row}\n" for row in rows))
        return ["forget", model, "--requests", file]

    def batch(self, size, seed, bulk):
        """Seconds of one batch, on the clock and of processors; and of a sync just before."""
        arguments = self.asked(size, seed, bulk)
        sync = sync_seconds(self.scratch)
        before, started = processor_seconds(), time.perf_counter()
        outcome = self.call(*arguments)
        seconds = time.perf_counter() - started, processor_seconds() - before
        outcomes = outcome.get("deletions", [outcome])
        done = sum(one["rows"] for one in outcomes if one["state"] == "certified" and not one["repeated"])
        if done != size or len({one["certificate"] for one in outcomes}) != 1:
            sys.exit(f"{done} of {size} rows deleted")
        return *seconds, sync

    def syncs(self, size, bulk, counter):
        """How often a batch waits for the disk."""
        count, arguments = self.scratch / "syncs", self.asked(size, 0, bulk)
        subprocess.run([str(part) for part in (self.command, *arguments, "-q")], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, LD_PRELOAD=str(counter), RECANT_SYNCS=str(count)))
        return int(count.read_text())

    def measure(self, size, repeats, bulk, counter):
        """`counter`: what counts syncs, or nothing."""
        seconds, processor, syncs = zip(*(self.batch(size, seed, bulk) for seed in range(repeats)))
        left = self.call("status", self.scratch / "model.rct", "--check")["rows_left"]
        if left != self.rows - size:
            sys.exit(f"{left} rows are left")
        found = {"rows": self.rows, "requests": 1 if bulk else size, "deleted": size,
                 "seconds": statistics.median(seconds), "least_seconds": min(seconds), "most_seconds": max(seconds),
                 "processor_seconds": statistics.median(processor), "sync_seconds": statistics.median(syncs)}
        if counter:
            found["syncs"] = self.syncs(size, bulk, counter)
            found["times_floor"] = rounds.ratio(seconds, [found["syncs"] * sync for sync in syncs])
        return found

    def long_ledger(self, program, events, batches):
        model = self.scratch / "long.rct"
        self.call("fit", "--features", self.data / "train_features.npy", "--targets", self.data / "train_targets.npy",
                  "--l2", "1", "--epsilon", "1", "--delta", "1e-5", "--releases", "1000000", "--sigma", "64", "-o", model)
        shutil.copytree(model, self.scratch / "short.rct")
        made = subprocess.run([program, model, "--events", str(events), "--batches", str(batches)], check=True,
                              stdout=subprocess.PIPE)
        found = json.loads(made.stdout)
        for name in ("short", "long"):
            found[name]["command_seconds"] = self.status_seconds(self.scratch / f"{name}.rct")
        return found

    def status_seconds(self, model):
        """Of `recant status`, the process with it: nine times."""
        times = []
        for _ in range(9):
            started = time.perf_counter()
            self.call("status", model)
            times.append(time.perf_counter() - started)
        return rounds.over_rounds(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", type=pathlib.Path)
    parser.add_argument("folders", type=pathlib.Path, nargs="+")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--bulk", type=int, default=20000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--programs", type=pathlib.Path)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=1_000)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    found = {"batches": [], "opening": None}
    print(f"{'':14}{'rows':>9}{'requests':>9}{'deleted':>9}{'seconds':>9}{'least':>8}{'most':>8}{'processor':>11}"
          f"{'rows/s':>10}{'syncs':>7}{'each':>10}{'their floor':>13}{'over it':>24}")
    for data in args.folders:
        with tempfile.TemporaryDirectory(dir=data.parent, prefix="requests-") as scratch:
            requests = Requests(args.command, data, pathlib.Path(scratch))
            counter = args.programs / "syncs.so" if args.programs else None
            for size, bulk in [*((size, False) for size in args.sizes), (args.bulk, True)]:
                one = {"data": data.name, **requests.measure(size, args.repeats, bulk, counter)}
                found["batches"].append(one)
                floor = ""
                if counter:
                    sync = 1e3 * one["sync_seconds"]
                    floor = (f"{one['syncs']:7}{sync:7.2f} ms{sync * one['syncs']:10.1f} ms"
                             f"{rounds.times(one['times_floor']):>24}")
                print(f"{data.name:14}{one['rows']:9}{one['requests']:9}{size:9}{one['seconds']:9.3f}{one['least_seconds']:8.3f}"
                      f"{one['most_seconds']:8.3f}{one['processor_seconds']:11.3f}{size / one['seconds']:10.0f}{floor}", flush=True)
            if args.programs and not found["opening"]:
                found["opening"] = requests.long_ledger(args.programs / "long_ledger", args.events, args.batches)
                print(f"{'opening ' + data.name:24}{'events':>9}{'batches':>9}{'to read':>11}{'to write':>11}{'status':>11}"
                      f"{'recant status (least to most)':>36}")
                for name in ("short", "long"):
                    one = found["opening"][name]
                    print(f"{name:24}{one['events']:9}{one['batches']:9}"
                          + "".join(f"{1e3 * one[member]:8.1f} ms" for member in
                                    ("open_seconds", "open_for_writing_seconds", "status_seconds"))
                          + "{median:12.1f} ms ({least:.1f} to {most:.1f})".format(
                              **{key: 1e3 * value for key, value in one["command_seconds"].items()}), flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
