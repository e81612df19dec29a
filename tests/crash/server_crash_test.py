#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""As crash_test.py, with the ledger on a PostgreSQL server: disturbs a deletion at every operation that changes
the disk and at every message to the server, COMMIT among them. The command is killed before it, in its middle or
right after it; the operation fails; the connection ends right after the message; so does the server's process for
us, in order or killed; the whole server shuts down at once, and makes its files whole when it starts again. After
each, the same must hold as there.

Usage: server_crash_test.py RECANT INTERPOSER [--full] [--share N [--part K]] [--seed N]
--full: all of that; with --share N every Nth of it, from the Kth on.
"""
import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time

from crash_run import crash_run
from disk_model import MESSAGE, WRITE, Disk, read_log
from forked_command import ForkedCommand
from ledger_facts import QUERIES, Ledger, require
from models import IDS, make_models
from postgresql import PostgresqlServer, programs
from scenario import Scenario

SKIPPED = 77
SCHEMA = "ledger"
GOODBYE = b"X\x00\x00\x00\x04"  # the message that ends a connection


def value_of(json_value):
    return bytes.fromhex(json_value[2:]) if str(json_value).startswith("\\x") else json_value


def read_server(server):
    """The answers to QUERIES; None: there are no tables."""
    if not server.ask(f"SELECT to_regclass('{SCHEMA}.ledger');").strip():
        return None
    answers = server.ask(f"SET search_path = {SCHEMA};" + "".join(
        f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t;\n" for sql in QUERIES.values()))
    # One answer a query, over several lines.
    decoder, found, at = json.JSONDecoder(), {}, 0
    for name in QUERIES:
        rows, at = decoder.raw_decode(answers, at)
        at += len(answers[at:]) - len(answers[at:].lstrip())
        found[name] = [tuple(value_of(value) for value in row.values()) for row in rows]
    return found


class ServerScenario(Scenario):
    """Its folder has its ledger in the one schema of the server."""

    def __init__(self, server, dump, *more):
        self.server, self.dump = server, dump
        super().__init__(*more)

    def fresh(self):
        self.server.restore(SCHEMA, self.dump)
        return super().fresh()

    def ledger(self, model):
        return Ledger(read_server(self.server))

    def fault_of_server(self, kind, number):
        """The server, or its process for us, ends right after a message."""
        model = self.fresh()
        done = self.ask(model, RECANT_FAULT=f"{kind}:{number}")
        require(done.returncode in (0, 3) and len(done.stderr.strip().splitlines()) <= 1,
                f"{self.name}, {kind}:{number}: exit {done.returncode}: {done.stderr}")
        if kind != "terminate":
            require(self.server.wait_and_restart(), f"{self.name}, {kind}:{number}: the server goes on")
        self.check(f"{self.name}, {kind}:{number}", model, reported=done.returncode == 0)
        self.count({"terminate": "server's process ended", "crash": "server's process killed", "stop": "server stopped"}[kind])

    def random_stop(self, seconds):
        model = self.fresh()
        timer = threading.Timer(seconds, os.kill, (self.server.process.pid, signal.SIGQUIT))
        timer.start()
        done = self.ask(model)
        timer.join()
        require(self.server.wait_and_restart(), f"{self.name}: the server goes on")
        self.check(f"{self.name}, server stopped after {seconds:.4f} s", model, reported=done.returncode == 0)
        self.count("server stopped at random")

    def power_loss_at(self, number, draw):
        """Of the machine that has the folder; the server is another."""
        model, disk = self.fresh(), Disk(self.base)
        disk.root = self.scratch / "model.rct"
        (self.scratch / "until").unlink(missing_ok=True)
        self.ask(model, RECANT_FAULT=f"sent:{number}", RECANT_FAULT_LOG=self.scratch / "until")
        for operation in read_log(self.scratch / "until"):
            disk.apply(operation)
        shutil.rmtree(model)
        disk.power_loss(draw).write_to(model)
        self.check(f"{self.name}, power lost after {number}", model)
        self.count("power lost")


def make_nothing(program, interposer, folder):
    """Every worker has a server of its own, and models whose ledgers are there."""


def scenarios(program, interposer, scratch, folder):
    server = PostgresqlServer(scratch / "server")
    with contextlib.closing(server), contextlib.closing(ForkedCommand(program, interposer)) as command:
        empty = f"CREATE SCHEMA {SCHEMA};\n"
        server.restore(SCHEMA, empty)
        make_models(command, scratch, "--ledger", server.address(SCHEMA))
        enrolled = server.dump(SCHEMA)
        one = ["--ids", ",".join(IDS), "--request-key", "the key"]
        many = ["--requests", scratch / "requests.csv"]
        for name, dump, base, arguments in (
                ("a deletion", enrolled, "enrolled", one), ("a batch of requests", enrolled, "enrolled", many),
                ("the first deletion", empty, "plain", [*one, "--ledger", server.address(SCHEMA)])):
            place = scratch / "scenario"
            place.mkdir()
            yield ServerScenario(server, dump, command, f"{name}, ledger on a server", scratch / f"{base}.rct", arguments, place)
            shutil.rmtree(place)


def trials(scenario, full, draw):
    """What is done to a scenario, as calls: in full, or a sample."""
    operations = scenario.operations
    # Of a connection that is made: one begins with a message without a letter.
    messages = [o.number for o in scenario.log if o.kind == MESSAGE and o.data[0] != 0 and o.data != GOODBYE]
    commits = [o.number for o in scenario.log if o.kind == MESSAGE and b"COMMIT\0" in o.data]
    made = []

    def add(function, *arguments):
        made.append(lambda which, f=function.__name__: getattr(which, f)(*arguments))

    def some(of, count):
        return of if full else sorted(draw.sample(of, count))

    each = range(1, operations + 1)
    for kind in ("kill", "tear", "sent", "cut"):
        for number in some(commits, 1):
            add(scenario.fault, kind, number)
    for kind in ("terminate", "crash", "stop"):
        for number in some(commits, 1):
            add(scenario.fault_of_server, kind, number)
    for number in some(each, 2) if full else [*some(each, 2), *some(scenario.replaces_names, 4)]:
        add(scenario.fault, "kill", number)
    for number in some([o.number for o in scenario.log if o.kind in (WRITE, MESSAGE)], 1)[::2 if full else 1]:
        add(scenario.fault, "tear", number)
    for number in some(messages, 1):
        add(scenario.fault, draw.choice(["sent", "cut"]), number)
    for number in some(messages, 1)[::2 if full else 1]:
        add(scenario.fault_of_server, "terminate", number)
    for number in messages[::10] if full else []:
        add(scenario.fault_of_server, draw.choice(["crash", "stop"]), number)
    for number in some(each, 2)[::2 if full else 1]:
        add(scenario.fault, draw.choice(["EIO", "ENOSPC", "ENOMEM"]), number, draw.random() < 0.5)
    for _ in range(50 if full else 1):
        second = draw.choice(["kill", "tear", "sent", "cut", "EIO", "ENOSPC"])
        add(scenario.fault_of_recovery, draw.choice(commits), f"{second}:{draw.randint(1, operations)}")
    for number in some(messages, 1)[::2 if full else 1]:
        add(scenario.power_loss_at, number, draw)
    started = time.monotonic()
    scenario.ask(scenario.fresh())
    seconds = time.monotonic() - started
    for _ in range(100 if full else 1):
        add(scenario.random_kill, draw.uniform(0, seconds))
    for _ in range(10 if full else 1):
        add(scenario.random_stop, draw.uniform(0, seconds))
    return made


if __name__ == "__main__":
    if programs() is None:
        print("SKIPPED: there is no PostgreSQL server here (package postgresql)")
        sys.exit(SKIPPED)
    crash_run(make_nothing, scenarios, trials, sys.argv[1:]).run()
