# SPDX-License-Identifier: Apache-2.0
"""A deletion that can be disturbed, and what must hold afterwards (crash_test.py)."""
import collections
import json
import random
import re
import shutil
import signal

from disk_model import Disk, RENAME, SYNC, UNLINK, read_log
from folder_copy import FolderCopy
from ledger_facts import Failure, Ledger, read_file, require, without_chance
from models import CITIES

ROW_FILES = [f"rows/{name}.npy" for name in ("features", "targets", "weights", "groups", "ids")]
STATE_FILE = r"state/\d+/(theta|trained_weights)\.npy"


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


def named(files):
    """The cities of rows to be deleted that can be read somewhere in files."""
    data = b"\0".join(files.values())
    return sorted(city.decode() for city in set(CITIES.values()) if city in data)


def spread(draw, first, last, count):
    """So many of a range, one at random in each of as many parts of the same size."""
    edges = [first + (last + 1 - first) * i // count for i in range(count + 1)]
    return [draw.randrange(low, max(low + 1, high)) for low, high in zip(edges, edges[1:])]


class Scenario:
    """A folder, and something to be done in it that a client repeats until it is answered."""

    def __init__(self, command, name, base, arguments, scratch):
        self.command, self.name, self.base, self.more, self.scratch = command, name, base, arguments, scratch
        self.counts, self.copy_of_base = collections.Counter(), FolderCopy(base)
        # Keys are drawn by the first deletion of a plain model: what is hashed with them is then by chance too.
        self.has_keys = (base / "secret").exists()  # and it has a budget
        before = self.reading(self.fresh())
        model = self.fresh()
        done = self.ask(model, RECANT_FAULT_COUNT=scratch / "count", RECANT_FAULT_LOG=scratch / "log")
        require(done.returncode == 0, f"{name}: {done.stderr}")
        self.operations, self.allocations, *self.allocations_at_work = map(int, (scratch / "count").read_text().split())
        self.log = read_log(scratch / "log")
        self.expected = self.facts(model)
        self.readings = [before, self.reading(model)]
        require(self.readings[0] != self.readings[1], f"{name}: the deletion does not show in what is read")
        stay = sorted({"canary-city-shared"} | ({"canary-city-17"} if "restored" in name else set()))
        require(set(named(self.copy_of_base.files)) > set(stay), f"{name}: the names are to be found before")
        require(self.expected["named"] == stay, f"{name}: there are names of {self.expected['named']}, not of {stay}")
        self.require_overwritten()
        # Where a manifest is replaced, for the names in it or by a migration, and what was published before.
        replaces = [o.number for o in self.log
                    if any(part in text for text in (o.path, o.other) for part in ("manifest.json", ".published."))]
        self.replaces_names = sorted({number + more for number in replaces for more in (0, 1)})
        if "format 1" in name:  # its state is copied before
            self.replaces_names = [*range(1, replaces[0]), *self.replaces_names]
        if self.has_keys:
            first, second = self.released(model), self.fresh()
            self.ask(second)
            require(self.released(second) != first, f"{name}: two runs drew the same noise: a second draw would not show")

    def describe(self):
        return (f"{self.name}: {self.operations} operations that change disk or server, "
                f"{self.allocations} allocations")

    def require_overwritten(self):
        """No file has lost its last name while a name of a category could be read in it."""
        disk = Disk(self.base)
        disk.root = self.scratch / "model.rct"
        for operation in self.log:
            lost = {UNLINK: operation.path, RENAME: operation.other}.get(operation.kind)
            content = disk.content(lost) if lost else None
            require(content is None or not any(city in content for city in CITIES.values()),
                    f"{self.name}: operation {operation.number} leaves names of categories in free blocks: {lost}")
            disk.apply(operation)

    def count(self, kind):
        self.counts[kind] += 1

    def fresh(self):
        model = self.scratch / "model.rct"
        self.copy_of_base.write_to(model)
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
        ledger, files = self.ledger(model), FolderCopy(model).files
        facts = {
            "requests": status["ledger"]["requests"], "releases": status["ledger"]["releases"],
            "rows_left": status["rows_left"], "budget": status["budget"], "unfinished": status["unfinished"],
            "files": sorted(name for name in files if not name.startswith("ledger.sqlite-")),
            "bytes": {name: files[name] for name in ROW_FILES},
            "state": {name: data for name, data in files.items() if re.fullmatch(STATE_FILE, name)},
            "certificates": [without_chance(files[name].decode()) for name in sorted(files) if name.startswith("certificates/")],
            "published": without_chance(files["published/parameters.json"].decode()),
            "named": named(files), "manifest": files["manifest.json"],
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

    def ledger(self, model):
        return Ledger(read_file(model, self.scratch))

    @staticmethod
    def released(model):
        return json.loads((model / "published/parameters.json").read_text())["parameters_hash"]

    def reading(self, model):
        """What a reader makes of the model, to the last digit."""
        done = self.run("evaluate", model, self.base.parent / "train.csv", "--json")
        require(done.returncode == 0, f"{self.name}: evaluate: exit {done.returncode}: {done.stderr}")
        return {name: value for name, value in json.loads(done.stdout).items() if name != "seconds"}

    def look(self, what, model):
        """Before anything recovers: the folder opens, and what is out there was sealed."""
        done = self.run("status", model, "--check")
        require(done.returncode == 0, f"{what}: status: exit {done.returncode}: {done.stderr}")
        require(self.reading(model) in self.readings, f"{what}: a reader saw half a deletion")
        ledger = self.ledger(model)
        certificates = {path.name: path.read_bytes() for path in (model / "certificates").glob("[!.]*")}
        for name, found in certificates.items():
            if ".annex." not in name:
                require(found in ledger.certificates, f"{what}: {name} has no release in the ledger")
        if (model / "published/parameters.json").exists():
            published = json.loads((model / "published/parameters.json").read_text())
            require(published["parameters_hash"] in ledger.parameters, f"{what}: published and not in the ledger")
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
        after = self.ledger(model)
        for batch, payload in before.sealed.items():
            require(after.sealed.get(batch) == payload, f"{what}: the noise of batch {batch} was drawn again")
        beside = [place.name for place in self.scratch.iterdir() if ".partial" in place.name]
        require(not beside, f"{what}: rows may be left beside the model: {beside}")
        facts = self.facts(model)
        for key, expected in self.expected.items():
            require(facts[key] == expected, f"{what}: {key}: {difference(facts[key], expected)}")

    def fault(self, kind, number, for_good=False):
        model = self.fresh()
        fault = f"{kind}:{number}{'+' if for_good else ''}"
        what = f"{self.name}, {fault}"
        done = self.ask(model, RECANT_FAULT=fault)
        if kind in ("kill", "tear", "sent"):
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
            require(done.returncode <= 0 or len(done.stderr.strip().splitlines()) == 1, f"{what}: said {done.stderr}")
        self.check(what, model, reported=done.returncode == 0)
        gave_up = kind == "malloc" and done.returncode == -signal.SIGABRT  # as above
        self.count("aborted for want of memory" if gave_up else kind + (" for good" if for_good else ""))

    def fault_of_recovery(self, first, second):
        """What recovers is disturbed too."""
        model = self.fresh()
        self.ask(model, RECANT_FAULT=f"kill:{first}")
        done = self.ask(model, RECANT_FAULT=second)
        what = f"{self.name}, kill:{first}, then {second}"
        signals = {"kill": signal.SIGKILL, "tear": signal.SIGKILL, "sent": signal.SIGKILL, "malloc": signal.SIGABRT}
        allowed = [*range(0, 8), -signals.get(second.split(":")[0], 0)]
        require(done.returncode in allowed, f"{what}: exit {done.returncode}: {done.stderr}")
        self.check(what, model, reported=done.returncode == 0)
        self.count("malloc in recovery" if second.startswith("malloc") else "recovery disturbed")

    def damaged_wal(self, number, seed):
        """Killed, and a bit of the ledger's -wal turns over: SQLite takes the transactions from there on for
        unfinished. What was certified is not drawn again: it is finished as it was, or refused."""
        draw = random.Random(seed)
        model = self.fresh()
        self.ask(model, RECANT_FAULT=f"kill:{number}")
        wal = model / "ledger.sqlite-wal"
        data = bytearray(wal.read_bytes()) if wal.exists() else b""
        if not data:
            self.count("no -wal to damage")
            return
        at = draw.randrange(len(data))
        data[at] ^= 1 << draw.randrange(8)
        wal.write_bytes(data)
        what = f"{self.name}, kill:{number}, then a bit of byte {at} of the -wal"
        before = self.given_out(model)
        done = self.ask(model)
        after = self.given_out(model)
        require(done.returncode in (0, 5), f"{what}: exit {done.returncode}: {done.stderr}")
        if done.returncode == 5:
            require(len(done.stderr.strip().splitlines()) == 1, f"{what}: said {done.stderr}")
            require(after == before, f"{what}: refused, and what is published was changed")
            require("lost its end" not in done.stderr or (wal.exists() and wal.read_bytes() == data),
                    f"{what}: refused, and the -wal was changed")
        else:
            for name, found in before.items():
                require(name.startswith("published") or after[name] == found, f"{what}: {name} was issued twice")
            facts = self.facts(model)
            for key, expected in self.expected.items():
                require(facts[key] == expected, f"{what}: {key}: {difference(facts[key], expected)}")
        self.count("damaged -wal refused" if done.returncode else "damaged -wal finished")

    @staticmethod
    def given_out(model):
        return {str(p.relative_to(model)): p.read_bytes() for place in ("certificates", "published")
                for p in (model / place).glob("[!.]*") if p.is_file()}

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
        done = self.command.run("forget", model, *self.more, "--json", seconds=seconds)
        ended = done.returncode == 0
        require(ended or done.returncode == -signal.SIGKILL,
                f"{self.name}, killed after {seconds:.4f} s: exit {done.returncode}: {done.stderr}")
        self.check(f"{self.name}, killed after {seconds:.4f} s", model, reported=ended)
        self.count(f"{self.name} ended before a random moment" if ended else f"{self.name} killed at random")

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
