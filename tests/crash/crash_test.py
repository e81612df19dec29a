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
import contextlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from disk_model import Disk, SYNC, WRITE, read_log
from forked_command import ForkedCommand

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

    def __init__(self, command, name, base, arguments, scratch):
        self.command, self.name, self.base, self.more, self.scratch = command, name, base, arguments, scratch
        self.counts = collections.Counter()
        # Keys are drawn by the first deletion of a plain model: what is hashed with them is then by chance too.
        self.has_keys = (base / "secret").exists()  # and it has a budget
        model = self.fresh()
        done = self.ask(model, RECANT_FAULT_COUNT=scratch / "count", RECANT_FAULT_LOG=scratch / "log")
        require(done.returncode == 0, f"{name}: {done.stderr}")
        self.operations, self.allocations = map(int, (scratch / "count").read_text().split())
        self.log = read_log(scratch / "log")
        self.expected = self.facts(model)
        if self.has_keys:
            first, second = self.released(model), self.fresh()
            self.ask(second)
            require(self.released(second) != first, f"{name}: two runs drew the same noise: a second draw would not show")

    def count(self, kind):
        self.counts[kind] += 1

    def fresh(self):
        model = self.scratch / "model.rct"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(self.base, model)
        return model

    def ask(self, model, **more):
        return self.run("forget", model, *self.more, "--json", **more)

    def run(self, *arguments, **more):
        done = self.command.run(*arguments, **more)
        require(not done.timed_out, f"{self.name}: {arguments[0]} {more} did not end")
        return done

    def facts(self, model):
        """All that must not depend on what happened on the way."""
        done = self.run("status", model, "--check", "--json")
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

    @staticmethod
    def released(model):
        return json.loads((model / "published/parameters.json").read_text())["parameters_hash"]

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
        done = self.run("status", model, "--check")
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
        done = self.ask(model, RECANT_FAULT=fault)
        if kind in ("kill", "tear"):
            if done.returncode == 0:  # this run had fewer operations than the one they were counted in
                self.count("done before it was killed")
                self.check(what, model, reported=True)
                return
            require(done.returncode == -signal.SIGKILL, f"{what}: exit {done.returncode}: nothing was killed")
        else:
            # Without memory there may be none left to say so, and GMP, OpenMP and libsodium give up by abort().
            aborted = kind == "malloc" and done.returncode == -signal.SIGABRT
            require(done.returncode in range(0, 8) or aborted,
                    f"{what}: ended by a signal: {done.returncode}: {done.stderr}")
            if aborted:
                self.count("aborted for want of memory")
            require(done.returncode <= 0 or len(done.stderr.strip().splitlines()) == 1, f"{what}: said {done.stderr}")
        self.check(what, model, reported=done.returncode == 0)
        self.count(kind + (" for good" if for_good else ""))

    def fault_of_recovery(self, first, second):
        """What recovers is disturbed too."""
        model = self.fresh()
        self.ask(model, RECANT_FAULT=f"kill:{first}")
        done = self.ask(model, RECANT_FAULT=second)
        self.check(f"{self.name}, kill:{first}, then {second}", model, reported=done.returncode == 0)
        self.count("recovery disturbed")

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
        self.count("power lost")

    def power_loss_of_recovery(self, first, share, seed):
        """Killed, and the power goes while that is being recovered."""
        draw = random.Random(seed)
        model = self.fresh()
        self.ask(model, RECANT_FAULT=f"kill:{first}")
        disk = Disk(model)
        (self.scratch / "recovery").unlink(missing_ok=True)
        self.ask(model, RECANT_FAULT_LOG=self.scratch / "recovery")
        log = read_log(self.scratch / "recovery")
        at = round(share * len(log))
        for operation in log[:at]:
            disk.apply(operation)
        shutil.rmtree(model)
        disk.power_loss(draw).write_to(model)
        self.check(f"{self.name}, kill:{first}, power lost after {at} of {len(log)} operations of its recovery, "
                   f"seed {seed}", model, reported=at >= len(log))
        self.count("power lost in recovery")

    def random_kill(self, seconds):
        model = self.fresh()
        self.command.run("forget", model, *self.more, seconds=seconds)
        self.check(f"{self.name}, killed after {seconds:.4f} s", model)
        self.count("killed at random")

    def read_only(self):
        """No operation works at all: reading goes on, writing says why not, and nothing changes."""
        model = self.fresh()
        before = {p: p.read_bytes() for p in model.rglob("*") if p.is_file()}
        done = self.run("status", model, "--check", RECANT_FAULT="EROFS:1+")
        require(done.returncode == 0, f"{self.name}, read-only: status: exit {done.returncode}: {done.stderr}")
        done = self.ask(model, RECANT_FAULT="EROFS:1+")
        require(done.returncode == 3 and "Read-only" in done.stderr and len(done.stderr.strip().splitlines()) == 1,
                f"{self.name}, read-only: exit {done.returncode}: {done.stderr}")
        require({p: p.read_bytes() for p in model.rglob("*") if p.is_file()} == before, f"{self.name}: changed")
        self.check(f"{self.name}, read-only", model)
        self.count("read-only")

    def a_disk_that_lies(self, draw):
        """This program must be able to fail: on a disk that syncs nothing some loss of power shows."""
        unsynced = [operation for operation in self.log if operation.kind != SYNC]
        for trial in range(50):
            try:
                self.power_loss(len(unsynced), draw.random(), unsynced)
            except Failure:
                self.count("found on a disk that lies")
                return
        raise Failure(f"{self.name}: nothing was found in 50 losses of power on a disk that syncs nothing")


def make_folders(command, folder):
    """The folders that scenarios begin with, and a file of requests."""

    def done(*arguments):
        done = command.run(*arguments)
        require(done.returncode == 0, done.stderr)

    (folder / "train.csv").write_text(csv_text(table(120, 3)))
    for name, more in (("enrolled", BUDGET), ("plain", [])):
        done("fit", folder / "train.csv", *FIT, "--l2", "1", *more, "-q", "-o", folder / f"{name}.rct")
    (folder / "requests.csv").write_text("key,id\n" + "".join(f"key {i % 2},{name}\n" for i, name in enumerate(IDS)))
    # A backup, and what its model has deleted since.
    shutil.copytree(folder / "enrolled.rct", folder / "later.rct")
    done("forget", folder / "later.rct", "--ids", IDS[0])
    done("backup", folder / "later.rct", folder / "latest.rct")


def scenarios(command, folder, scratch):
    one = ["--ids", ",".join(IDS), "--request-key", "the key"]
    many = ["--requests", folder / "requests.csv"]
    restored = ["--from-ledger", folder / "latest.rct/ledger.sqlite"]
    for name, base, arguments in (("a deletion", "enrolled", one), ("the first deletion", "plain", one),
                                  ("a batch of requests", "enrolled", many), ("a restored backup", "enrolled", restored)):
        scratch.mkdir(parents=True)
        yield Scenario(command, name, folder / f"{base}.rct", arguments, scratch)
        shutil.rmtree(scratch)


def trials(scenario, full, draw):
    """What is done to a scenario, as calls: in full, or a sample."""
    operations, allocations, log = scenario.operations, scenario.allocations, len(scenario.log)
    made = []

    def add(function, *arguments, **more):
        made.append(lambda which, f=function.__name__: getattr(which, f)(*arguments, **more))

    def some(of, count):
        return of if full else sorted(draw.sample(of, count))

    each = range(1, operations + 1)
    for number in some(each, 8):
        add(scenario.fault, "kill", number)
    for number in some([operation.number for operation in scenario.log if operation.kind == WRITE], 3):
        add(scenario.fault, "tear", number)
    errors = ("ENOSPC", "EIO", "ENOMEM")
    for number in some(each, 3):
        add(scenario.fault, errors[number % 3], number)
    for number in some(each, 3):
        add(scenario.fault, errors[(number // 3 + number) % 3], number, for_good=True)
    for _ in range(100 if full else 2):
        add(scenario.fault, "malloc", draw.randint(1, allocations), draw.random() < 0.5)
    for first in some(each, 2)[::2 if full else 1]:
        second = draw.choice(["kill", "tear", *errors])
        for_good = "+" if second in errors and draw.random() < 0.5 else ""
        add(scenario.fault_of_recovery, first, f"{second}:{draw.randint(1, operations)}{for_good}")
    for at in [*some(range(log), 5), log]:
        add(scenario.power_loss, at, draw.random())
    for _ in range(100 if full else 2):
        add(scenario.power_loss_of_recovery, draw.randint(1, operations), draw.random(), draw.random())
    started = time.monotonic()
    scenario.ask(scenario.fresh())
    seconds = time.monotonic() - started
    for _ in range(250 if full else 2):
        add(scenario.random_kill, draw.uniform(0, seconds))
    add(scenario.read_only)
    add(scenario.a_disk_that_lies, draw)
    return made


def work(command, folder, worker, workers, full, share, part, seed):
    """A worker's part; all workers draw the same trials."""
    failures, counts = [], collections.Counter()
    for scenario in scenarios(command, folder, folder / f"worker-{worker}"):
        all_of_them = trials(scenario, full, random.Random(seed))[part::share]
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
                    return failures, counts
        counts += scenario.counts
    return failures, counts


def work_alone(program, interposer, *arguments):
    """In a process of its own."""
    with contextlib.closing(ForkedCommand(program, interposer)) as command:
        return work(command, *arguments)


def main():
    program, interposer, *arguments = sys.argv[1:]
    full = "--full" in arguments
    seed, share, part = (int(arguments[arguments.index(name) + 1]) if name in arguments else default
                         for name, default in (("--seed", 1), ("--share", 1), ("--part", 0)))
    workers = len(os.sched_getaffinity(0)) if full else 1
    print(f"seed {seed}, {workers} at a time", flush=True)
    started = time.monotonic()
    # In memory where that is possible: what a sync does is the interposer's to say here.
    place = "/dev/shm" if Path("/dev/shm").is_dir() and os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="recant-crash-", dir=place) as scratch:
        folder = Path(scratch)
        with contextlib.closing(ForkedCommand(program, interposer)) as command:
            make_folders(command, folder)
        with multiprocessing.Pool(workers) as pool:
            parts = pool.starmap(work_alone, [(program, interposer, folder, worker, workers, full, share, part, seed)
                                              for worker in range(workers)], chunksize=1)
    failures = [failure for failed, _ in parts for failure in failed]
    counts = sum((counted for _, counted in parts), collections.Counter())
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(", ".join(f"{number} {kind}" for kind, number in counts.items()))
    print(f"{counts.total()} disturbances, {time.monotonic() - started:.0f} s, "
          f"{sum(one.ru_utime + one.ru_stime for one in used):.0f} s of processor time")
    if counts["done before it was killed"] > (counts["kill"] + counts["tear"]) / 50:
        failures.append("too many runs had fewer operations than were counted")
    if failures:
        sys.exit(f"{len(failures)} failed")
    print("after each the outcome was that of an undisturbed run: 0 lost, 0 applied twice, 0 second draws, "
          "0 certificates without a ledger row")


if __name__ == "__main__":
    main()
