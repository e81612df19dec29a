# SPDX-License-Identifier: Apache-2.0
"""A deletion is killed, its folder is lost but for the ledger, and a backup from before it is brought up to
date from that (crash_test.py)."""
import collections
import json
import shutil
import signal

from folder_copy import FolderCopy
from ledger_facts import Ledger, read_file, require
from scenario import ROW_FILES

STAGES = ["nothing", "received", "validated", "prepared", "applied", "noised", "released", "certified"]


class Restoring:
    """The deletion `arguments` ask for in `base`, which is the backup too."""

    def __init__(self, command, name, base, arguments, scratch):
        self.command, self.name, self.base, self.more, self.scratch = command, name, base, arguments, scratch
        self.counts, self.copy_of_base = collections.Counter(), FolderCopy(base)
        newer = self.copy("newer.rct")
        done = self.run("forget", newer, *self.more, "--json", RECANT_FAULT_COUNT=scratch / "count")
        require(done.returncode == 0, f"{name}: {done.stderr}")
        self.operations = int((scratch / "count").read_text().split()[0])
        self.before, self.after = self.rows(base), self.rows(newer)
        require(self.before != self.after, f"{name}: no row was deleted")
        self.kills_of = collections.defaultdict(list)  # by how far the deletion then is
        for number in range(1, self.operations + 1):
            self.kills_of[self.stage(self.killed_at(number)[1])].append(number)
        require(list(self.kills_of) == STAGES, f"{name}: kills at the stages {list(self.kills_of)}")
        restored = self.copy("restored.rct")
        self.killed_at(self.kills_of["prepared"][0])
        self.catch_up(restored, RECANT_FAULT_COUNT=scratch / "count")
        self.operations_of_catching_up = int((scratch / "count").read_text().split()[0])

    def describe(self):
        numbers = ", ".join(f"{stage} {len(kills)}" for stage, kills in self.kills_of.items())
        return f"{self.name}: {self.operations} operations, by where they leave the ledger: {numbers}"

    def copy(self, name):
        self.copy_of_base.write_to(self.scratch / name)
        return self.scratch / name

    def run(self, *arguments, **more):
        done = self.command.run(*arguments, **more)
        require(not done.timed_out, f"{self.name}: {arguments[0]} {more} did not end")
        return done

    def catch_up(self, restored, **more):
        return self.run("forget", restored, "--from-ledger", self.scratch / "newer.rct/ledger.sqlite", "--json", **more)

    @staticmethod
    def rows(model):
        return {name: (model / name).read_bytes() for name in ROW_FILES}

    @staticmethod
    def stage(found):
        if len(found["batches"]) > 1:
            return found["batches"][1][1]
        return found["requests"][0][3] if found["requests"] else "nothing"

    def killed_at(self, number):
        """The ledger that a deletion killed there leaves; whether it was killed."""
        newer = self.copy("newer.rct")
        done = self.run("forget", newer, *self.more, RECANT_FAULT=f"kill:{number}")
        require(done.returncode in (0, -signal.SIGKILL), f"{self.name}, kill:{number}: {done.stderr}")
        return done.returncode != 0, read_file(newer, self.scratch)

    def kill(self, number, then=None):
        """With `then`: catching up is killed too, and asked for again."""
        what = f"{self.name}, kill:{number}, then {then}"
        killed, newer = self.killed_at(number)
        stage, sealed = self.stage(newer), Ledger(dict(newer)).sealed
        restored = self.copy("restored.rct")
        if then:
            disturbed = self.catch_up(restored, RECANT_FAULT=then)
            require(disturbed.returncode in (*range(0, 8), -signal.SIGKILL), f"{what}: {disturbed.returncode}")
        done = self.catch_up(restored)
        require(done.returncode == 0, f"{what}: exit {done.returncode}: {done.stderr}")
        under_way = stage in STAGES[STAGES.index("prepared"):STAGES.index("certified")]
        said = f"was {stage}: its release 2 counts as published" in done.stderr
        require(then or said == under_way, f"{what}, {stage}: said {done.stderr}")
        self.check(f"{what}, {stage}", restored, newer, stage, sealed)
        self.counts[f"restored from {stage}" if killed else "done before it was killed"] += 1

    def check(self, what, restored, newer, stage, sealed):
        asked = stage != "nothing"
        found = read_file(restored, self.scratch)
        after = Ledger(dict(found))
        require(self.rows(restored) == (self.after if asked else self.before), f"{what}: the rows are others")
        require(len(found["erased_rows"]) == (len(newer["request_rows"]) if asked else 0), f"{what}: not all are erased")
        require([(*row[:3], "certified") for row in newer["requests"]] == [row[:4] for row in found["requests"]],
                f"{what}: a request was lost: {found['requests']}")
        for batch, payload in sealed.items():
            require(after.sealed.get(batch) == payload, f"{what}: the noise of batch {batch} was drawn again")
        # From `prepared` on another may have published the newer vault's release 2: ours is the third.
        decided = STAGES.index(stage) >= STAGES.index("prepared")
        published = json.loads((restored / "published/parameters.json").read_text())
        release = 3 if decided else 2 if asked else 1
        require(published["release"] == release, f"{what}: published release {published['release']}, not {release}")
        require(not asked or bytes.fromhex(published["parameters_hash"]) not in {hash for _, hash in newer["issued"]},
                f"{what}: published what the newer vault published")
        require(len(found["releases"]) == release, f"{what}: {found['releases']}")
        self.require_sound(what, restored)
        # The same again changes nothing, and whoever asked has an answer.
        again = self.catch_up(restored)
        require(again.returncode == 0 and read_file(restored, self.scratch)["releases"] == found["releases"],
                f"{what}: caught up twice: {again.stderr}")
        done = self.run("forget", restored, *self.more, "--json")
        require(done.returncode == 0, f"{what}: asked again: {done.stderr}")
        report = json.loads(done.stdout)
        require(report["state"] == "certified" and report["repeated"] == asked, f"{what}: {report}")
        require(self.rows(restored) == self.after, f"{what}: a row is still there")
        self.require_sound(what, restored)

    def require_sound(self, what, restored):
        done = self.run("status", restored, "--check")
        require(done.returncode == 0, f"{what}: status: {done.stderr}")
        left = [path.name for path in restored.rglob("*") if ".partial" in path.name]
        require(not left, f"{what}: leaves {left}")

    def trials(self, full, draw):
        numbers = range(1, self.operations + 1) if full else [draw.choice(kills) for kills in self.kills_of.values()]
        made = [lambda which, n=n: which.kill(n) for n in numbers]
        # .. and catching up is disturbed, from stages in which a batch is under way.
        each = range(1, self.operations_of_catching_up + 1)
        for at in each if full else draw.sample(each, 8):
            number = draw.choice(self.kills_of[draw.choice(("prepared", "applied", "noised", "released"))])
            kind = draw.choice(("kill", "kill", "tear", "EIO"))
            made.append(lambda which, n=number, then=f"{kind}:{at}": which.kill(n, then))
        return made
