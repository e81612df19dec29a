# SPDX-License-Identifier: Apache-2.0
"""A folder that is made beside its place, by fit, correct or backup, and what a death on the way leaves
(crash_test.py)."""
import collections
import os
import shutil
import signal

from disk_model import WRITE, read_log
from ledger_facts import require


def numbers(model):
    """The files that must be the same to the byte."""
    return {str(p.relative_to(model)): p.read_bytes() for p in model.glob("*/**/*.npy") if "published" not in p.parts}


class Making:
    """A command that makes DESTINATION, run in a folder of its own."""

    def __init__(self, command, name, arguments, scratch, replaces=None):
        self.command, self.name, self.scratch, self.replaces = command, name, scratch, replaces
        self.more = arguments
        self.counts = collections.Counter()
        self.fresh()
        done = self.make(RECANT_FAULT_COUNT=scratch / "count", RECANT_FAULT_LOG=scratch / "log")
        require(done.returncode == 0, f"{name}: {done.stderr}")
        self.operations, self.allocations = map(int, (scratch / "count").read_text().split()[:2])
        self.log = read_log(scratch / "log")
        self.made = sorted(os.listdir(self.place))
        self.expected = numbers(self.destination)
        self.former = numbers(replaces) if replaces else None

    @property
    def place(self):
        return self.scratch / "place"

    @property
    def destination(self):
        return self.place / "made.rct"

    def describe(self):
        return f"{self.name}: {self.operations} operations that change the disk, {self.allocations} allocations"

    def fresh(self):
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        if self.replaces:
            shutil.copytree(self.replaces, self.destination)

    def make(self, **more):
        arguments = [str(a).replace("PLACE", str(self.place)) for a in self.more]
        done = self.command.run(*arguments, **more)
        require(not done.timed_out, f"{self.name}: {more} did not end")
        return done

    def check(self, what):
        """What is there is whole; the same again makes it, and leaves nothing beside it."""
        if self.destination.exists():
            done = self.command.run("status", self.destination, "--check")
            require(done.returncode == 0, f"{what}: status: exit {done.returncode}: {done.stderr}")
            found = numbers(self.destination)
            require(found in (self.expected, self.former), f"{what}: the folder is neither as before nor as it should be")
            if not self.replaces:
                shutil.rmtree(self.destination)
        else:
            require(not self.replaces, f"{what}: the former folder is gone")
        done = self.make()
        require(done.returncode == 0, f"{what}: again: exit {done.returncode}: {done.stderr}")
        require(sorted(os.listdir(self.place)) == self.made, f"{what}: {sorted(os.listdir(self.place))} is left beside it")
        require(numbers(self.destination) == self.expected, f"{what}: made another folder")

    def killed(self, kind, number):
        self.fresh()
        what = f"{self.name}, {kind}:{number}"
        done = self.make(RECANT_FAULT=f"{kind}:{number}")
        if done.returncode == 0:  # this run had fewer operations than the one they were counted in
            self.counts["done before it was killed"] += 1
        else:
            require(done.returncode == -signal.SIGKILL, f"{what}: exit {done.returncode}: nothing was killed")
            self.counts["abandoned" if any(".partial" in name for name in os.listdir(self.place)) else kind] += 1
        self.check(what)

    def failed(self, code, number):
        """An error cleans up by itself."""
        self.fresh()
        what = f"{self.name}, {code}:{number}"
        done = self.make(RECANT_FAULT=f"{code}:{number}")
        require(done.returncode in range(0, 8), f"{what}: ended by a signal: {done.returncode}: {done.stderr}")
        require(done.returncode == 0 or len(done.stderr.strip().splitlines()) == 1, f"{what}: said {done.stderr}")
        self.counts[code] += 1
        self.check(what)

    def trials(self, full, draw):
        each = range(1, self.operations + 1)
        some = each if full else sorted(draw.sample(each, 4))
        writes = [operation.number for operation in self.log if operation.kind == WRITE]
        torn = writes if full else draw.sample(writes, 1)
        failing = each if full else sorted(draw.sample(each, 2))
        return ([lambda which, n=n: which.killed("kill", n) for n in some] +
                [lambda which, n=n: which.killed("tear", n) for n in torn] +
                [lambda which, n=n: which.failed(("ENOSPC", "EIO", "ENOMEM")[n % 3], n) for n in failing])
