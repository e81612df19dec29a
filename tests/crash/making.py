# SPDX-License-Identifier: Apache-2.0
"""A folder that is made beside its place, by fit, correct or backup, and what a death on the way leaves
(crash_test.py)."""
import collections
import os
import random
import shutil
import signal
import time

from disk_model import UNLINK, WRITE, Disk, read_log
from folder_copy import FolderCopy
from ledger_facts import require
from scenario import spread


def numbers(model):
    """The files that must be the same to the byte."""
    return {str(p.relative_to(model)): p.read_bytes() for p in model.glob("*/**/*.npy") if "published" not in p.parts}


class Making:
    """A command that makes DESTINATION, run in a folder of its own."""

    def __init__(self, command, name, arguments, scratch, replaces=None):
        self.command, self.name, self.scratch, self.replaces = command, name, scratch, replaces
        self.more = arguments
        self.counts, self.copy_of_former = collections.Counter(), replaces and FolderCopy(replaces)
        self.fresh()
        done = self.make(RECANT_FAULT_COUNT=scratch / "count", RECANT_FAULT_LOG=scratch / "log")
        require(done.returncode == 0, f"{name}: {done.stderr}")
        self.operations, self.allocations = map(int, (scratch / "count").read_text().split()[:2])
        self.log = read_log(scratch / "log")
        self.made = sorted(os.listdir(self.place))
        self.expected = numbers(self.destination)
        self.former = numbers(replaces) if replaces else None
        self.require_overwritten()

    def require_overwritten(self):
        """No row and no key of the model that is replaced lies in free blocks."""
        self.fresh()
        disk, lost = Disk(self.place), 0
        for operation in self.log:
            if operation.kind == UNLINK and any(f"/{name}/" in operation.path for name in ("rows", "state", "secret")):
                lost += 1
                require(not any(disk.content(operation.path)), f"{self.name}: leaves {operation.path} in free blocks")
            disk.apply(operation)
        require(lost > 0 or not self.replaces, f"{self.name}: the former rows are not seen to go")

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
            self.copy_of_former.write_to(self.destination)

    def run(self, **more):
        arguments = [str(a).replace("PLACE", str(self.place)) for a in self.more]
        return self.command.run(*arguments, **more)

    def make(self, **more):
        done = self.run(**more)
        require(not done.timed_out, f"{self.name}: {more} did not end")
        return done

    def check(self, what, reported):
        """What is there is whole, and is there if it was said to be; the same again makes it, and leaves nothing
        beside it."""
        require(self.destination.exists() or not reported, f"{what}: was reported as done and is not there")
        if self.destination.exists():
            done = self.command.run("status", self.destination, "--check")
            require(done.returncode == 0, f"{what}: status: exit {done.returncode}: {done.stderr}")
            found = numbers(self.destination)
            require(found in (self.expected, None if reported else self.former),
                    f"{what}: the folder is neither as before nor as it should be")
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
        self.check(what, reported=done.returncode == 0)

    def failed(self, code, number, for_good=False):
        """An error cleans up by itself, where the disk lets it."""
        self.fresh()
        fault = f"{code}:{number}{'+' if for_good else ''}"
        what = f"{self.name}, {fault}"
        done = self.make(RECANT_FAULT=fault)
        # Without memory there may be none left to say so, and GMP, OpenMP and libsodium give up by abort().
        aborted = code == "malloc" and done.returncode == -signal.SIGABRT
        require(done.returncode in range(0, 8) or aborted, f"{what}: ended by a signal: {done.returncode}: {done.stderr}")
        require(done.returncode <= 0 or len(done.stderr.strip().splitlines()) == 1, f"{what}: said {done.stderr}")
        self.counts["aborted for want of memory" if aborted else code + (" for good" if for_good else "")] += 1
        self.check(what, reported=done.returncode == 0)

    def power_loss(self, at, seed):
        """After the first `at` operations."""
        self.fresh()
        disk = Disk(self.place)
        for operation in self.log[:at]:
            disk.apply(operation)
        shutil.rmtree(self.place)
        disk.power_loss(random.Random(seed)).write_to(self.place)
        self.check(f"{self.name}, power lost after {at} of {len(self.log)} operations, seed {seed}", at >= len(self.log))
        self.counts["power lost"] += 1

    def random_kill(self, seconds):
        self.fresh()
        done = self.run(seconds=seconds)
        ended = done.returncode == 0
        what = f"{self.name}, killed after {seconds:.4f} s"
        require(ended or done.returncode == -signal.SIGKILL, f"{what}: exit {done.returncode}: {done.stderr}")
        self.check(what, reported=ended)
        self.counts["ended before a random moment" if ended else "killed at random"] += 1

    def trials(self, full, draw):
        made = []

        def add(function, *arguments, **more):
            made.append(lambda which, f=function.__name__: getattr(which, f)(*arguments, **more))

        def some(of, count):
            return of if full else sorted(draw.sample(of, count))

        each = range(1, self.operations + 1)
        errors = ("ENOSPC", "EIO", "ENOMEM")
        for number in some(each, 4):
            add(self.killed, "kill", number)
        for number in some([operation.number for operation in self.log if operation.kind == WRITE], 2):
            add(self.killed, "tear", number)
        for number in some(each, 2):
            add(self.failed, errors[number % 3], number)
        for number in some(each, 2):
            add(self.failed, errors[(number // 3 + number) % 3], number, for_good=True)
        for number in spread(draw, 1, self.allocations, 100 if full else 2):
            add(self.failed, "malloc", number, draw.random() < 0.5)
        for at in [*some(range(len(self.log)), 3), len(self.log)]:
            add(self.power_loss, at, draw.random())
        started = time.monotonic()
        self.fresh()
        self.make()
        seconds = time.monotonic() - started
        for _ in range(50 if full else 2):
            add(self.random_kill, draw.uniform(0, seconds))
        return made
