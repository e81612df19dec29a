#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many processes that delete rows of one folder at once: each request is done once, and none is lost.

    several_writers_test.py COMMAND [unittest arguments]
"""
import collections
import fcntl
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from command_support import FIT, csv_text, run, table

COMMAND = ""
ROWS, PROCESSES, ROUNDS = 300, 32, 3


class SeveralWriters(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="recant-writers-"))
        (self.root / "train.csv").write_text(csv_text(table(ROWS, 7)))
        self.model = self.root / "model.rct"
        self.call("fit", self.root / "train.csv", *FIT, "--l2", "1", "--epsilon", "1", "--delta", "1e-5", "--releases", "200",
                  "--sigma", "1", "-q", "-o", self.model)

    def tearDown(self):
        shutil.rmtree(self.root)

    def call(self, *arguments, code=0):
        done = run(COMMAND, *arguments)
        self.assertEqual(done.code, code, done)
        return done

    def test_32_processes_with_duplicates_end_in_exactly_once(self):
        draw = random.Random(5)
        asked = []  # by process: the keys that it asks for, three in ten of them by others or itself too
        for process in range(PROCESSES):
            asked.append([f"shared {draw.randrange(8)}" if draw.random() < 0.3 else f"own {process} {i}" for i in range(ROUNDS)])
        keys = sorted({key for some in asked for key in some})
        row = {key: str(i) for i, key in enumerate(keys)}
        asks = PROCESSES * ROUNDS
        self.assertLess(len(keys), 0.85 * asks)
        together = threading.Barrier(PROCESSES)

        def ask(some):
            together.wait()
            return [(key, self.call("forget", self.model, "--rows", row[key], "--request-key", key, "--json").json) for key in some]

        with ThreadPoolExecutor(PROCESSES) as processes:
            answers = [answer for some in processes.map(ask, asked) for answer in some]
        outcomes = collections.defaultdict(list)
        for key, report in answers:
            self.assertEqual((report["state"], report["rows"]), ("certified", 1))
            outcomes[key].append(report)
        self.assertEqual(sum(map(len, outcomes.values())), asks)
        self.assertEqual(sorted(outcomes), keys)
        for key, reports in outcomes.items():
            self.assertEqual(sum(not report["repeated"] for report in reports), 1, key)
            self.assertEqual(len({(report["request_id"], report["certificate"]) for report in reports}), 1, key)
        status = self.call("status", self.model, "--check", "--json").json
        self.assertIsNone(status["check"]["fault"])
        self.assertEqual(status["rows_left"], ROWS - len(keys))
        self.assertEqual(status["ledger"]["requests"]["certified"], len(keys))
        self.assertEqual(sum(status["ledger"]["requests"].values()), len(keys))
        self.assertEqual(status["budget"]["releases_used"], 1 + len(keys))

    def held(self, seconds):
        """A process that writes for so long."""
        lock = open(self.model / "lock", "a")
        fcntl.flock(lock, fcntl.LOCK_EX)
        timer = threading.Timer(seconds, lock.close)
        timer.start()
        self.addCleanup(timer.join)

    def test_what_it_waits_for_is_said_after_a_second(self):
        self.held(1.6)
        done = self.call("forget", self.model, "--rows", "1", "--wait", "30")
        self.assertEqual(done.err, f"recant: {self.model}: waiting for another writer, 30 s at most\n")
        self.held(0.3)
        self.assertEqual(self.call("forget", self.model, "--rows", "2").err, "")

    def test_the_wait_is_bounded(self):
        self.held(3)
        for command in (["forget", self.model, "--rows", "1"],
                        ["fit", self.root / "train.csv", *FIT, "--force", "-o", self.model]):
            for wait in (0, 0.4):
                started = time.monotonic()
                done = self.call(*command, "--wait", wait, code=6)
                self.assertGreaterEqual(time.monotonic() - started, wait)
                self.assertRegex(done.err, r"^recant: .*model\.rct: is being written by another process; try again later\n$")
        self.call("forget", self.model, "--rows", "1", "--wait", "-1", code=2)
        self.assertEqual(self.call("status", self.model, "--json").json["rows_left"], ROWS)


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
