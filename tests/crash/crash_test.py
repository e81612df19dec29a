#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disturbs a deletion at every operation that changes the disk: kills it before the operation or in the
middle of a write, makes the operation fail once or from there on, takes the power away (disk_model.py),
fails allocations, kills at random moments; and does the same to what recovers. After each

  - recant status --check finds nothing wrong, and no certificate or published parameters are there that
    the ledger has no release for;
  - the same request, asked for again as a client does that got no answer, ends as that of a run that
    nothing disturbed: rows, model, request, ledger and certificate are the same to the byte, but for
    noise, signatures and times: nothing is lost and nothing done twice;
  - noise that was sealed is still the one that was sealed: a release draws once;
  - what a command had reported as done is not done again, even if power failed right after it.

Usage: crash_test.py RECANT INTERPOSER [--full] [--share N [--part K]] [--seed N]

--full: all of that; with --share N every Nth of it, from the Kth on.
"""
import collections
import concurrent.futures
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from disk_model import Disk, SYNC, read_log

sys.path.insert(0, str(Path(__file__).parent.parent / "system"))
from command_support import FIT, csv_text, table  # noqa: E402

IDS = [f"person-3-{i:06d}" for i in (5, 17, 40)]
BUDGET = ["--epsilon", "1", "--delta", "1e-5", "--sigma", "1"]
ROW_FILES = [f"rows/{name}.npy" for name in ("features", "targets", "weights", "groups", "ids")]
# Of a certificate and its annex: what noise, salt, signature and clock decide.
BY_CHANCE = {"parameters_hash", "annex_commitment", "signature", "released_on", "former", "key_id", "salt",
             "commitment_salt", "seconds"}


class Failure(AssertionError):
    """What must not be; everything else is a mistake of this program."""


def require(good, what):
    if not good:
        raise Failure(what)


def difference(found, expected):
    """The first place where two values differ."""
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        places = [(k, found[k], expected[k]) for k in found]
    elif type(found) is type(expected) and isinstance(found, (list, tuple)) and len(found) == len(expected):
        places = list(zip(range(len(found)), found, expected))
    else:
        places = []
    for place, f, e in places:
        if f != e:
            return f"{place}: {difference(f, e)}"
    return f"is {found!r:.300}, not {expected!r:.300}"


def without_chance(text):
    if isinstance(text, (str, bytes)):
        text = json.loads(text)
    return {name: value for name, value in text.items() if name not in BY_CHANCE}


class Ledger:
    """What a ledger says, read by SQLite itself from a copy, so that looking changes nothing."""

    def __init__(self, model, scratch):
        self.there = (model / "ledger.sqlite").exists()
        self.sealed, self.certificates, self.parameters, self.facts = {}, set(), set(), {}
        if not self.there:
            return
        copy = scratch / "looked-at.sqlite"
        for end in ("", "-wal", "-shm"):
            Path(str(copy) + end).unlink(missing_ok=True)
        for end in ("", "-wal"):
            if Path(str(model / "ledger.sqlite") + end).exists():
                shutil.copyfile(str(model / "ledger.sqlite") + end, str(copy) + end)
        connection = sqlite3.connect(copy)
        for subject, payload in self.rows(connection, "SELECT subject, payload FROM events WHERE kind = 'noised'"):
            require(subject not in self.sealed, f"batch {subject} was sealed twice")
            self.sealed[subject] = payload
        for certificate, parameters in self.rows(connection, "SELECT certificate, parameters_hash FROM releases"):
            self.certificates.add(certificate)
            self.parameters.add(parameters.hex())
        facts = {table: self.rows(connection, f"SELECT {columns} FROM {table} ORDER BY 1, 2") for table, columns in (
            ("request_rows", "request, row_hash"), ("erased_rows", "row_hash, batch"),
            ("chunks", "batch, file, chunk, hash"), ("releases", "batch, release, enrolment"),
            ("batches", "number, stage, open"), ("sealed_noise", "batch, noise"),
            ("requests", "id, key, content, state, reason, batch"))}
        facts["annexes"] = [without_chance(row[0]) for row in self.rows(connection, "SELECT annex FROM releases ORDER BY batch")]
        plans = self.rows(connection, "SELECT plan FROM batches ORDER BY number")
        facts["plans"] = [without_chance(row[0]) for row in plans]
        connection.close()
        self.facts = facts

    @staticmethod
    def rows(connection, sql):
        return connection.execute(sql).fetchall()


class Scenario:
    """A folder, and something to be done in it that a client repeats until it is answered."""

    def __init__(self, crash, name, base, arguments, scratch):
        self.crash, self.name, self.base, self.more, self.scratch = crash, name, base, arguments, scratch
        # Keys are drawn by the first deletion of a plain model: what is hashed with them is then by chance too.
        self.has_keys = (base / "secret").exists()
        model = self.fresh()
        done = self.ask(model, count=scratch / "count", log=scratch / "log")
        require(done.returncode == 0, f"{name}: {done.stderr}")
        self.operations, self.allocations = map(int, (scratch / "count").read_text().split())
        self.log = read_log(scratch / "log")
        self.expected = self.facts(model)

    def fresh(self):
        model = self.scratch / "model.rct"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(self.base, model)
        return model

    def ask(self, model, **more):
        return self.crash.run("forget", model, *self.more, "--json", **more)

    def facts(self, model):
        """All that must not depend on what happened on the way."""
        done = self.crash.run("status", model, "--check", "--json")
        require(done.returncode == 0, f"status: {done.stderr}")
        status = json.loads(done.stdout)
        ledger = Ledger(model, self.scratch)
        certificates = sorted(p.name for p in (model / "certificates").iterdir())
        facts = {
            "requests": status["ledger"]["requests"], "releases": status["ledger"]["releases"],
            "rows_left": status["rows_left"], "budget": status["budget"], "unfinished": status["unfinished"],
            "files": sorted(str(p.relative_to(model)) for p in model.rglob("*")
                            if p.is_file() and not p.name.startswith("ledger.sqlite-")),
            "bytes": {name: (model / name).read_bytes() for name in ROW_FILES},
            "state": [p.read_bytes() for p in model.glob("state/*/theta.npy")],
            "certificates": [without_chance((model / "certificates" / name).read_text()) for name in certificates],
            "published": without_chance((model / "published/parameters.json").read_text()),
            "sealed": sorted(ledger.sealed),
        }
        keyed = {"request_rows", "erased_rows", "requests", "annexes", "plans"}
        for name, value in ledger.facts.items():
            facts[name] = len(value) if name in keyed and not self.has_keys else value
        if not self.has_keys:
            for annex in facts["certificates"]:
                annex["requests"] = len(annex.get("requests", []))
            facts["states"] = [row[3:] for row in ledger.facts["requests"]]
        return facts

    def look(self, what, model):
        """Before anything recovers: what is out there was sealed, and the folder opens."""
        ledger = Ledger(model, self.scratch)
        certificates = {}
        if (model / "certificates").exists():
            certificates = {p.name: p.read_bytes() for p in (model / "certificates").iterdir() if p.name[0] != "."}
        for name, found in certificates.items():
            if ".annex." not in name:
                require(found in ledger.certificates, f"{what}: {name} has no release in the ledger")
        if (model / "published/parameters.json").exists():
            published = json.loads((model / "published/parameters.json").read_text())
            require(published["parameters_hash"] in ledger.parameters, f"{what}: published and not in the ledger")
        done = self.crash.run("status", model, "--check")
        require(done.returncode == 0, f"{what}: status: exit {done.returncode}: {done.stderr}")
        return ledger, certificates

    def check(self, what, model, reported=False):
        """Asks again, and compares."""
        before, certificates = self.look(what, model)
        done = self.ask(model)
        require(done.returncode == 0, f"{what}: asked again: exit {done.returncode}: {done.stderr}")
        report = json.loads(done.stdout)
        for one in report.get("deletions", [report] if "state" in report else []):
            require(one["state"] == "certified", f"{what}: {one}")
            require(one["repeated"] or not reported, f"{what}: was reported as done, and done again")
        for name, found in certificates.items():
            require((model / "certificates" / name).read_bytes() == found, f"{what}: {name} was issued twice")
        after = Ledger(model, self.scratch)
        for batch, payload in before.sealed.items():
            require(after.sealed.get(batch) == payload, f"{what}: the noise of batch {batch} was drawn again")
        facts = self.facts(model)
        for key, expected in self.expected.items():
            require(facts[key] == expected, f"{what}: {key}: {difference(facts[key], expected)}")

    def fault(self, kind, number, for_good=False):
        model = self.fresh()
        fault = f"{kind}:{number}{'+' if for_good else ''}"
        what = f"{self.name}, {fault}"
        done = self.ask(model, fault=fault)
        if kind in ("kill", "tear"):
            if done.returncode == 0:  # this run had fewer operations than the one they were counted in
                self.crash.count("done before it was killed")
                self.check(what, model, reported=True)
                return
            require(done.returncode == -signal.SIGKILL, f"{what}: exit {done.returncode}: nothing was killed")
        else:
            # Without memory there may be none left to say so, and GMP, OpenMP and libsodium give up by abort().
            aborted = kind == "malloc" and done.returncode == -signal.SIGABRT
            require(done.returncode in range(0, 8) or aborted,
                    f"{what}: ended by a signal: {done.returncode}: {done.stderr}")
            if aborted:
                self.crash.count("aborted for want of memory")
            require(done.returncode <= 0 or len(done.stderr.strip().splitlines()) == 1, f"{what}: said {done.stderr}")
        self.check(what, model, reported=done.returncode == 0)
        self.crash.count(kind + (" for good" if for_good else ""))

    def fault_of_recovery(self, first, second):
        """What recovers is disturbed too."""
        model = self.fresh()
        self.ask(model, fault=f"kill:{first}")
        done = self.ask(model, fault=second)
        self.check(f"{self.name}, kill:{first}, then {second}", model, reported=done.returncode == 0)
        self.crash.count("recovery disturbed")

    def power_loss(self, at, seed, log=None):
        """After the first `at` operations."""
        draw = random.Random(seed)
        log = log or self.log
        disk = Disk(self.base)
        disk.root = self.scratch / "model.rct"  # where the log was written
        for operation in log[:at]:
            disk.apply(operation)
        model = self.scratch / "model.rct"
        shutil.rmtree(model, ignore_errors=True)
        disk.power_loss(draw).write_to(model)
        self.check(f"{self.name}, power lost after {at} of {len(log)} operations, seed {seed}", model,
                   reported=at >= len(log))
        self.crash.count("power lost")

    def power_loss_of_recovery(self, first, share, seed):
        """Killed, and the power goes while that is being recovered."""
        draw = random.Random(seed)
        model = self.fresh()
        self.ask(model, fault=f"kill:{first}")
        disk = Disk(model)
        (self.scratch / "recovery").unlink(missing_ok=True)
        self.ask(model, log=self.scratch / "recovery")
        log = read_log(self.scratch / "recovery")
        at = round(share * len(log))
        for operation in log[:at]:
            disk.apply(operation)
        shutil.rmtree(model)
        disk.power_loss(draw).write_to(model)
        self.check(f"{self.name}, kill:{first}, power lost after {at} of {len(log)} operations of its recovery, "
                   f"seed {seed}", model, reported=at >= len(log))
        self.crash.count("power lost in recovery")

    def random_kill(self, seconds):
        model = self.fresh()
        process = subprocess.Popen([self.crash.command, "forget", str(model), *map(str, self.more)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
        self.check(f"{self.name}, killed after {seconds:.4f} s", model)
        self.crash.count("killed at random")

    def read_only(self):
        """No operation works at all: reading goes on, writing says why not, and nothing changes."""
        model = self.fresh()
        before = {p: p.read_bytes() for p in model.rglob("*") if p.is_file()}
        done = self.crash.run("status", model, "--check", fault="EROFS:1+")
        require(done.returncode == 0, f"{self.name}, read-only: status: exit {done.returncode}: {done.stderr}")
        done = self.ask(model, fault="EROFS:1+")
        require(done.returncode == 3 and "Read-only" in done.stderr and len(done.stderr.strip().splitlines()) == 1,
                f"{self.name}, read-only: exit {done.returncode}: {done.stderr}")
        require({p: p.read_bytes() for p in model.rglob("*") if p.is_file()} == before, f"{self.name}: changed")
        self.check(f"{self.name}, read-only", model)
        self.crash.count("read-only")

    def a_disk_that_lies(self, draw):
        """This program must be able to fail: on a disk that syncs nothing some loss of power shows."""
        unsynced = [operation for operation in self.log if operation.kind != SYNC]
        for trial in range(50):
            try:
                self.power_loss(len(unsynced), draw.random(), unsynced)
            except Failure:
                self.crash.count("found on a disk that lies")
                return
        raise Failure(f"{self.name}: nothing was found in 50 losses of power on a disk that syncs nothing")


class Crash:
    def __init__(self, command, interposer, folder):
        self.command, self.interposer, self.folder = command, interposer, Path(folder)
        self.counts, self.lock = collections.Counter(), threading.Lock()
        (self.folder / "train.csv").write_text(csv_text(table(120, 3)))
        for name, more in (("enrolled", BUDGET), ("plain", [])):
            self.done("fit", self.folder / "train.csv", *FIT, "--l2", "1", *more, "-q", "-o", self.folder / f"{name}.rct")
        (self.folder / "requests.csv").write_text("key,id\n" + "".join(f"key {i % 2},{name}\n" for i, name in enumerate(IDS)))
        # A backup, and what its model has deleted since.
        shutil.copytree(self.folder / "enrolled.rct", self.folder / "later.rct")
        self.done("forget", self.folder / "later.rct", "--ids", IDS[0])
        self.done("backup", self.folder / "later.rct", self.folder / "latest.rct")

    def scenarios(self, worker):
        """Of a worker, which has places of its own."""
        one = ["--ids", ",".join(IDS), "--request-key", "the key"]
        many = ["--requests", self.folder / "requests.csv"]
        restored = ["--from-ledger", self.folder / "latest.rct/ledger.sqlite"]
        made = []
        for name, base, arguments in (("a deletion", "enrolled", one), ("the first deletion", "plain", one),
                                      ("a batch of requests", "enrolled", many), ("a restored backup", "enrolled", restored)):
            scratch = self.folder / f"{worker}-{len(made)}"
            scratch.mkdir()
            made.append(Scenario(self, name, self.folder / f"{base}.rct", arguments, scratch))
        return made

    def count(self, kind):
        with self.lock:
            self.counts[kind] += 1

    def done(self, *arguments):
        done = self.run(*arguments)
        require(done.returncode == 0, done.stderr)

    def run(self, *arguments, fault=None, count=None, log=None):
        env = dict(os.environ, OMP_NUM_THREADS="1")
        if fault or count or log:
            env["LD_PRELOAD"] = str(self.interposer)
        for name, value in (("RECANT_FAULT", fault), ("RECANT_FAULT_COUNT", count), ("RECANT_FAULT_LOG", log)):
            if value:
                env[name] = str(value)
        return subprocess.run([self.command, *map(str, arguments)], env=env, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def trials(scenario, full, draw):
    """What is done to a scenario, as calls: in full, or a sample."""
    operations, allocations, log = scenario.operations, scenario.allocations, len(scenario.log)
    made = []

    def add(function, *arguments, **more):
        made.append(lambda which, f=function.__name__: getattr(which, f)(*arguments, **more))

    def some(count):
        return range(1, operations + 1) if full else sorted(draw.sample(range(1, operations + 1), count))

    for number in some(8):
        add(scenario.fault, "kill", number)
    for number in some(3)[::4 if full else 1]:
        add(scenario.fault, "tear", number)
    failures = [(error, for_good) for error in ("ENOSPC", "EIO", "ENOMEM") for for_good in (False, True)]
    for first, (error, for_good) in enumerate(failures, 1):  # each operation fails in one way
        for number in (range(first, operations + 1, len(failures)) if full else some(1)):
            add(scenario.fault, error, number, for_good)
    for _ in range(50 if full else 2):
        add(scenario.fault, "malloc", draw.randint(1, allocations), draw.random() < 0.5)
    for _ in range(50 if full else 2):
        second = draw.choice(["kill", "tear", "EIO", "ENOSPC"])
        add(scenario.fault_of_recovery, draw.randint(1, operations), f"{second}:{draw.randint(1, operations)}")
    for at in ([*range(0, log, 2), log] if full else [*draw.sample(range(log), 5), log]):
        add(scenario.power_loss, at, draw.random())
    for _ in range(50 if full else 2):
        add(scenario.power_loss_of_recovery, draw.randint(1, operations), draw.random(), draw.random())
    started = time.monotonic()
    scenario.ask(scenario.fresh())
    seconds = time.monotonic() - started
    for _ in range(250 if full else 2):
        add(scenario.random_kill, draw.uniform(0, seconds))
    add(scenario.read_only)
    add(scenario.a_disk_that_lies, draw)
    return made


def work(crash, worker, workers, full, share, part, seed):
    """A worker's part; all workers draw the same trials."""
    failures = []
    for scenario in crash.scenarios(worker):
        draw = random.Random(seed)
        all_of_them = trials(scenario, full, draw)[part::share]
        if worker == 0:
            print(f"{scenario.name}: {scenario.operations} operations that change the disk, "
                  f"{scenario.allocations} allocations", flush=True)
        for trial in all_of_them[worker::workers]:
            try:
                trial(scenario)
            except Failure as failure:
                failures.append(str(failure)[:2000])
                print(f"FAILED: {failures[-1]}", flush=True)
                if len(failures) > 20:
                    return failures
    return failures


def main():
    arguments = sys.argv[3:]
    full = "--full" in arguments
    seed, share, part = (int(arguments[arguments.index(name) + 1]) if name in arguments else default
                         for name, default in (("--seed", 1), ("--share", 1), ("--part", 0)))
    workers = len(os.sched_getaffinity(0)) if full else 1
    print(f"seed {seed}, {workers} at a time")
    started = time.monotonic()
    # In memory where that is possible: what a sync does is the interposer's to say here.
    place = "/dev/shm" if Path("/dev/shm").is_dir() and os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="recant-crash-", dir=place) as folder:
        crash = Crash(sys.argv[1], sys.argv[2], folder)
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            parts = [pool.submit(work, crash, worker, workers, full, share, part, seed) for worker in range(workers)]
            failures = [failure for part in parts for failure in part.result()]
    print(", ".join(f"{number} {kind}" for kind, number in crash.counts.items()) + f"; {time.monotonic() - started:.0f} s")
    if crash.counts["done before it was killed"] > (crash.counts["kill"] + crash.counts["tear"]) / 50:
        failures.append("too many runs had fewer operations than were counted")
    if failures:
        sys.exit(f"{len(failures)} failed")
    print("after each the outcome was that of an undisturbed run: 0 lost, 0 applied twice, 0 second draws, "
          "0 certificates without a ledger row")


if __name__ == "__main__":
    main()
