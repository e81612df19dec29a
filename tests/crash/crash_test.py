#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills a deletion at every change it makes to a file, and makes each of them fail; then asks for
the same deletion again, as a client does that got no answer. Afterwards

  - the request is done exactly once: one release more than before, no row is back;
  - rows, model and budget are, byte for byte, those of a run that nothing disturbed;
  - a certificate that was there when the process died is still the one: noise is drawn once;
  - recant status --check finds nothing.

Usage: crash_test.py RECANT SHIM [--full]
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "system"))
from command_support import FIT, csv_text, table  # noqa: E402

IDS = [f"person-3-{i:06d}" for i in (5, 17, 40)]


class Crash:
    def __init__(self, command, shim, folder):
        self.command, self.shim, self.folder = command, shim, Path(folder)
        self.base = self.folder / "base.rct"
        self.counts = {"kill": 0, "tear": 0, "random": 0, "ENOSPC": 0, "EIO": 0, "ENOMEM": 0,
                       "recovery": 0}
        (self.folder / "train.csv").write_text(csv_text(table(120, 3)))
        done = self.run("fit", self.folder / "train.csv", *FIT, "--l2", "1", "--epsilon", "1",
                        "--delta", "1e-5", "--sigma", "1", "-q", "-o", self.base)
        assert done.returncode == 0, done.stderr
        self.expected = self.undisturbed()

    def run(self, *arguments, fault=None, count=None):
        env = dict(os.environ, OMP_NUM_THREADS="1")
        if fault or count:
            env["LD_PRELOAD"] = str(self.shim)
        if fault:
            env["RECANT_FAULT"] = fault
        if count:
            env["RECANT_FAULT_COUNT"] = str(count)
        return subprocess.run([self.command, *map(str, arguments)], env=env, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def forget_arguments(self, model):
        return ["forget", model, "--ids", ",".join(IDS), "--request-key", "the key", "--json"]

    def copy(self):
        model = self.folder / "model.rct"
        shutil.rmtree(model, ignore_errors=True)
        shutil.copytree(self.base, model)
        return model

    def undisturbed(self):
        model = self.copy()
        done = self.run(*self.forget_arguments(model), count=self.folder / "count")
        assert done.returncode == 0, done.stderr
        self.changes, self.allocations = map(int, (self.folder / "count").read_text().split())
        return self.facts(model)

    def facts(self, model):
        """All that must not depend on what happened on the way."""
        status = json.loads(self.run("status", model, "--check", "--json").stdout)
        return {
            "fault": status["check"]["fault"],
            "requests": status["ledger"]["requests"],
            "releases": status["ledger"]["releases"],
            "rows_left": status["rows_left"],
            "used": status["budget"]["releases_used"],
            "unfinished": status["unfinished"],
            "files": sorted(str(p.relative_to(model)) for p in model.rglob("*")
                            if p.is_file() and not p.name.startswith("ledger.sqlite-")),
            "bytes": {name: (model / name).read_bytes()
                      for name in [f"rows/{f}.npy" for f in
                                   ("features", "targets", "weights", "groups", "ids")]
                      + ["state/1/theta.npy"] if (model / name).exists()},
        }

    def check(self, what, model):
        """Asks again, and compares."""
        folder = model / "certificates"
        before = {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}
        done = self.run(*self.forget_arguments(model))
        assert done.returncode == 0, f"{what}: {done.stderr}"
        report = json.loads(done.stdout)
        assert report["state"] == "certified", f"{what}: {report}"
        for name, found in before.items():
            assert (folder / name).read_bytes() == found, f"{what}: {name} was issued twice"
        facts = self.facts(model)
        for key, expected in self.expected.items():
            assert facts[key] == expected, f"{what}: {key} is {facts[key]}, not {expected}"

    def fault(self, kind, number, for_good=False):
        model = self.copy()
        fault = f"{kind}:{number}{'+' if for_good else ''}"
        done = self.run(*self.forget_arguments(model), fault=fault)
        if kind in ("kill", "tear"):
            assert done.returncode == -signal.SIGKILL or number > self.changes - 10, f"{fault}: {done}"
        elif kind != "ENOMEM":  # without memory for good there may be no way to say so
            assert done.returncode in range(0, 8), f"{fault}: {done}"
        self.check(fault, model)
        self.counts[kind] += 1

    def fault_of_recovery(self, first, second):
        """What recovers is disturbed too."""
        model = self.copy()
        self.run(*self.forget_arguments(model), fault=f"kill:{first}")
        self.run(*self.forget_arguments(model), fault=second)
        self.check(f"kill:{first}, then {second}", model)
        self.counts["recovery"] += 1

    def random_kill(self, draw, seconds):
        model = self.copy()
        process = subprocess.Popen([self.command, *map(str, self.forget_arguments(model))],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, seconds))
        process.kill()
        process.wait()
        self.check("random", model)
        self.counts["random"] += 1


def main():
    command, shim, full = sys.argv[1], sys.argv[2], "--full" in sys.argv[3:]
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        crash = Crash(command, shim, folder)
        changes, allocations = crash.changes, crash.allocations
        print(f"a deletion makes {changes} changes to files and {allocations} allocations")
        step = 1 if full else changes // 12
        for number in range(1, changes + 1, step):
            crash.fault("kill", number)
        for number in range(1, changes + 1, 2 * step):
            crash.fault("tear", number)
        for kind in ("ENOSPC", "EIO"):
            for number in range(1, changes + 1, 3 * step):
                crash.fault(kind, number)
                crash.fault(kind, number, for_good=True)
        for _ in range(100 if full else 3):
            crash.fault("ENOMEM", draw.randint(1, allocations), for_good=draw.random() < 0.5)
        for _ in range(200 if full else 5):
            second = draw.choice(["kill", "tear", "EIO", "ENOSPC"])
            crash.fault_of_recovery(draw.randint(1, changes), f"{second}:{draw.randint(1, changes)}")
        started = time.monotonic()
        crash.run(*crash.forget_arguments(crash.copy()))
        seconds = time.monotonic() - started
        for _ in range(1000 if full else 5):
            crash.random_kill(draw, seconds)
        print("after each of", ", ".join(f"{n} {kind}" for kind, n in crash.counts.items()),
              "the outcome was that of an undisturbed run: 0 lost, 0 applied twice, 0 second draws, "
              "0 certificates without a ledger row")


if __name__ == "__main__":
    main()
