#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disturbs a deletion at every operation that changes the disk: kills it before the operation or in the
middle of a write, makes the operation fail once or from there on, takes the power away (disk_model.py),
fails allocations, kills at random moments; and does the same to what recovers. After each

  - a reader that comes first sees the model of before or of after, and neither waits nor fails;

  - recant status --check finds nothing wrong, and no certificate or published parameters are there that
    the ledger has no release for;
  - the same request, asked for again as a client does that got no answer, ends as that of a run that
    nothing disturbed: rows, model, request, ledger and certificate are the same to the byte, but for
    noise, signatures and times: nothing is lost and nothing done twice;
  - noise that was sealed is still the one that was sealed: a release draws once;
  - what a command had reported as done is not done again, even if power failed right after it;
  - where the ledger's -wal was damaged too, a release that was certified is finished as it was, or the request
    refused: nothing is drawn for it again;
  - names of categories that only deleted rows had are nowhere in the folder.

Commands that make a folder, fit, correct and backup, are disturbed likewise: it is there wholly or not at all,
and the same command again leaves nothing beside it (making.py). A backup is brought up to date from the ledger
of a deletion that was killed anywhere: nothing that was asked for is lost, and no release is drawn twice (restoring.py).

Usage: crash_test.py RECANT INTERPOSER [--full] [--share N [--part K]] [--seed N]
--full: all of that, of all scenarios. Where most operations are those of a deletion (SIMILAR), of what is drawn and not
done to every operation (allocations, moments, damaged -wal, faults of recovery) a fifth is. With --share N every Nth of it, from the Kth on.
"""
import contextlib
import shutil
import statistics
import sys
import time

from crash_run import crash_run
from disk_model import WRITE
from forked_command import ForkedCommand
from making import Making
from models import BUDGET, FIT, IDS, as_format_one, csv_text, do, make_models, table
from restoring import Restoring
from scenario import Scenario, spread


BATCH = "a batch of requests"
SIMILAR = FIRST, OLD, WEIGHTED, RESTORED = (
    "the first deletion", "the first deletion in a folder of format 1", "a deletion that weights the rows that stay",
    "a restored backup")


def make_folders(program, interposer, folder):
    """The folders that scenarios begin with, and a file of requests."""
    with contextlib.closing(ForkedCommand(program, interposer)) as command:
        make_models(command, folder)
        shutil.copytree(folder / "plain.rct", folder / "old.rct")
        as_format_one(folder / "old.rct")
        # A backup, and what its model has deleted since.
        shutil.copytree(folder / "enrolled.rct", folder / "later.rct")
        do(command, "forget", folder / "later.rct", "--ids", IDS[0])
        do(command, "backup", folder / "later.rct", folder / "latest.rct")
        (folder / "validation.csv").write_text(csv_text(table(120, 4)))


def scenarios(program, interposer, scratch, folder):
    with contextlib.closing(ForkedCommand(program, interposer)) as command:
        one = ["--ids", ",".join(IDS), "--request-key", "the key"]
        many = ["--requests", folder / "requests.csv"]
        # What it is weighted by is not in the ledger: before it is decided the client has to ask again.
        weighted = [*one, "--weighting", "retained:0.5", "--validation", folder / "validation.csv"]
        restored = ["--from-ledger", folder / "latest.rct/ledger.sqlite"]
        for name, base, arguments in (("a deletion", "enrolled", one), (FIRST, "plain", one),
                                      (OLD, "old", one), (BATCH, "enrolled", many),
                                      (WEIGHTED, "enrolled", weighted), (RESTORED, "enrolled", restored)):
            scratch.mkdir(parents=True)
            yield Scenario(command, name, folder / f"{base}.rct", arguments, scratch)
            shutil.rmtree(scratch)
        scratch.mkdir(parents=True)
        yield Restoring(command, "a backup, and the ledger of a killed deletion", folder / "enrolled.rct", one, scratch)
        shutil.rmtree(scratch)
        fit = ["fit", folder / "train.csv", *FIT, "--l2", "1", "-o", "PLACE/made.rct"]
        correct = ["correct", folder / "plain.rct", "--validation", folder / "validation.csv", "--close",
                   "demographic_parity", "--weights", "PLACE/weights.csv", "-o", "PLACE/made.rct"]
        for name, arguments, replaces in (("a fit", [*fit, *BUDGET], None), ("a fit in the place of a model", [*fit, "--force"], "enrolled"),
                                          ("a correction", correct, None),
                                          ("a backup", ["backup", folder / "enrolled.rct", "PLACE/made.rct"], None)):
            scratch.mkdir(parents=True)
            yield Making(command, name, arguments, scratch, replaces and folder / f"{replaces}.rct")
            shutil.rmtree(scratch)


def duration(scenario):
    folder = scenario.fresh()
    started = time.monotonic()
    scenario.ask(folder)
    return time.monotonic() - started


def trials(scenario, full, draw):
    """What is done to a scenario, as calls: in full, or a sample."""
    if isinstance(scenario, (Making, Restoring)):
        return scenario.trials(full, draw)
    operations, allocations, log = scenario.operations, scenario.allocations, len(scenario.log)
    made = []

    def add(function, *arguments, **more):
        made.append(lambda which, f=function.__name__: getattr(which, f)(*arguments, **more))

    def some(of, count):
        return of if full else sorted(draw.sample(of, count))

    def drawn(in_full, in_sample):
        return (in_full // 5 if similar else in_full) if full else in_sample

    similar = full and scenario.name in SIMILAR
    each = range(1, operations + 1)
    # Not in full, where all operations are.
    for number in [] if full else scenario.replaces_names:
        add(scenario.fault, "kill", number)
    for number in some(each, 8):
        add(scenario.fault, "kill", number)
    for number in some([operation.number for operation in scenario.log if operation.kind == WRITE], 3):
        add(scenario.fault, "tear", number)
    errors = ("ENOSPC", "EIO", "ENOMEM")
    for number in some(each, 3):
        add(scenario.fault, errors[number % 3], number)
    for number in some(each, 3):
        add(scenario.fault, errors[(number // 3 + number) % 3], number, for_good=True)
    # One of every so many, most of them while the folder is open.
    for number in spread(draw, 1, allocations, drawn(30, 1)):
        add(scenario.fault, "malloc", number, draw.random() < 0.5)
    for number in spread(draw, *scenario.allocations_at_work, drawn(220, 2)):
        add(scenario.fault, "malloc", number, draw.random() < 0.5)
    for first in some(each, 2)[::4 if similar else 2 if full else 1]:
        second = draw.choice(["kill", "tear", *errors])
        for_good = "+" if second in errors and draw.random() < 0.5 else ""
        add(scenario.fault_of_recovery, first, f"{second}:{draw.randint(1, operations)}{for_good}")
    for number in spread(draw, *scenario.allocations_at_work, drawn(100, 2)):
        for_good = "+" if draw.random() < 0.5 else ""
        add(scenario.fault_of_recovery, draw.randint(1, operations), f"malloc:{number}{for_good}")
    for at in [*some(range(log), 5), log]:
        add(scenario.power_loss, at, draw.random())
    for _ in range(drawn(100, 2)):
        add(scenario.power_loss_of_recovery, draw.randint(1, operations), draw.random(), draw.random())
    for number in spread(draw, 1, operations, drawn(100, 4)):
        add(scenario.damaged_wal, number, draw.random())
    # Of 1,500 moments of a batch some come when it has ended, a third where the machine was busier while it was
    # measured: 1,000 kill it.
    seconds = statistics.median(duration(scenario) for _ in range(5))
    moments = 1500 if scenario.name == BATCH else 50
    for _ in range(drawn(moments, 2)):
        add(scenario.random_kill, draw.uniform(0, seconds))
    add(scenario.read_only)
    add(scenario.a_disk_that_lies, draw)
    return made


def unkilled(counts):
    """Of the full run: a thousand random moments of a batch must have killed it."""
    killed = counts[f"{BATCH} killed at random"]
    return [] if killed >= 1000 else [f"only {killed} random moments of a batch killed it"]


if __name__ == "__main__":
    crash_run(make_folders, scenarios, trials, sys.argv[1:], unkilled).run()
