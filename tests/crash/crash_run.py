# SPDX-License-Identifier: Apache-2.0
"""A run of a crash test: its scenarios, disturbed by as many workers as there are processors.

Arguments: RECANT INTERPOSER [--full] [--share N [--part K]] [--seed N]
--full: all disturbances instead of a sample; with --share N every Nth of them, from the Kth on.
"""
import collections
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from ledger_facts import Failure


@dataclass
class CrashRun:
    scenarios: Callable  # of (program, interposer, folder for scratch, folder with what prepare() made)
    trials: Callable     # of (scenario, full, random.Random): what is done to it, as calls of (scenario)
    prepare: Callable    # of (program, interposer, folder)
    program: str
    interposer: str
    full: bool = False
    share: int = 1
    part: int = 0
    seed: int = 1
    lacking: Callable | None = None  # of (counts): what a full run that is not shared must have done and has not

    def work(self, folder, worker, workers):
        """A worker's part; all workers draw the same trials."""
        failures, counts = [], collections.Counter()
        begun = time.monotonic()
        for scenario in self.scenarios(self.program, self.interposer, folder / f"worker-{worker}", folder):
            all_of_them = self.trials(scenario, self.full, random.Random(self.seed))[self.part::self.share]
            if worker == 0:
                print(scenario.describe(), flush=True)
            made = time.monotonic()
            for trial in all_of_them[worker::workers]:
                try:
                    trial(scenario)
                except Failure as failure:
                    failures.append(str(failure)[:2000])
                    print(f"FAILED: {failures[-1]}", flush=True)
                    if len(failures) > 20:
                        return failures, counts + scenario.counts
            counts += scenario.counts
            if worker == 0:
                print(f"  {len(all_of_them)} disturbances, {time.monotonic() - made:.0f} s after {made - begun:.0f} s "
                      "to see what there is to disturb", flush=True)
            begun = time.monotonic()
        return failures, counts

    def run(self):
        workers = len(os.sched_getaffinity(0)) if self.full else 1
        print(f"seed {self.seed}, {workers} at a time", flush=True)
        started = time.monotonic()
        # In memory where that is possible: what a sync does is the interposer's to say here.
        place = "/dev/shm" if Path("/dev/shm").is_dir() and os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix="recant-crash-", dir=place) as scratch:
            folder = Path(scratch)
            folder.chmod(0o711)  # a database server, which runs as another user, has its place in it
            self.prepare(self.program, self.interposer, folder)
            with multiprocessing.Pool(workers) as pool:
                parts = pool.starmap(self.work, [(folder, worker, workers) for worker in range(workers)], chunksize=1)
                pool.close()
                pool.join()
        self.conclude([failure for failed, _ in parts for failure in failed],
                      sum((counted for _, counted in parts), collections.Counter()), time.monotonic() - started)

    def conclude(self, failures, counts, seconds):
        used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        print(", ".join(f"{number} {kind}" for kind, number in counts.items()))
        print(f"{counts.total()} disturbances, {seconds:.0f} s, "
              f"{sum(one.ru_utime + one.ru_stime for one in used):.0f} s of processor time")
        if counts["done before it was killed"] > (counts["kill"] + counts["tear"]) / 50:
            failures.append("too many runs had fewer operations than were counted")
        if self.full and self.share == 1 and self.lacking:
            failures += self.lacking(counts)
        if failures:
            sys.exit(f"{len(failures)} failed: {failures[-1]}")
        print("after each the outcome was that of an undisturbed run, or what was damaged on purpose was named: 0 lost, "
              "0 applied twice, 0 second draws, 0 certificates without a ledger row")


def crash_run(prepare, scenarios, trials, arguments, lacking=None):
    program, interposer, *flags = arguments
    numbers = {name: int(flags[flags.index(f"--{name}") + 1]) for name in ("share", "part", "seed") if f"--{name}" in flags}
    return CrashRun(scenarios, trials, prepare, program, interposer, "--full" in flags, lacking=lacking, **numbers)
