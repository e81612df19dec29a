#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows with values that are nowhere else are deleted; afterwards their bytes are nowhere in the folder.

    canary_test.py COMMAND [unittest arguments]

Looked for are the ids, and every feature as eight bytes: in rows, state, ledger and what SQLite keeps
beside it, certificates, annexes, published files, and in whatever is said on the way.
"""
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from command_support import contents, csv_text, run

COMMAND = ""
ROWS, GONE, COLUMNS = 600, 250, 4


class CoreDumps(unittest.TestCase):
    """Whatever ends the command, nothing of its memory goes to a file."""

    def test_the_command_leaves_no_core(self):
        self.assertFalse(self.dumped([COMMAND, "fit", "-", "--target", "y", "-o", "never.rct"]))

    def test_where_another_program_would(self):
        if not self.dumped(["cat"]):
            self.skipTest("this system dumps nothing of any program")

    def dumped(self, command):
        """Whether the system dumped its memory when it was aborted while reading."""
        with tempfile.TemporaryDirectory(prefix="recant-core-") as folder:
            process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, cwd=folder,
                                       stdout=subprocess.DEVNULL, preexec_fn=self.allow)
            time.sleep(0.5)
            process.send_signal(signal.SIGABRT)
            _, status = os.waitpid(process.pid, 0)
            process.returncode = 0
            process.stdin.close()
            self.assertTrue(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT)
            return os.WCOREDUMP(status) or bool(os.listdir(folder))

    @staticmethod
    def allow():
        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))


class Canaries(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="recant-canary-"))
        draw = random.Random(11)
        self.ids = [f"canary-{draw.getrandbits(64):016x}" for _ in range(ROWS)]
        self.features = [draw.gauss(0, 1) for _ in range(ROWS * COLUMNS)]
        rows = [[self.ids[i], *(repr(x) for x in self.features[i * COLUMNS:(i + 1) * COLUMNS]),
                 "yes" if draw.random() < 1 / (1 + 2.7 ** -self.features[i * COLUMNS]) else "no"] for i in range(ROWS)]
        (self.folder / "train.csv").write_text(csv_text(rows, ["id", "a", "b", "c", "d", "y"]))
        self.model = self.folder / "model.rct"
        self.call("fit", self.folder / "train.csv", "--target", "y", "--positive", "yes", "--id", "id", "--epsilon", "1",
                  "--delta", "1e-5", "--releases", "30", "--sigma", "1", "-o", self.model)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def call(self, *arguments, code=0, **more):
        done = run(COMMAND, *arguments, **more)
        self.assertEqual(done.code, code, done)
        return done

    def encoded(self, row):
        """The bytes of a row's features as the folder has them."""
        data = (self.model / "rows/features.npy").read_bytes()
        start = len(data) - 8 * ROWS * COLUMNS + 8 * COLUMNS * row
        return [data[start + 8 * j:start + 8 * j + 8] for j in range(COLUMNS)]

    def found(self, needles, said=b""):
        """How many of the needles are anywhere."""
        haystack = b"\0\0".join([*(data for data in contents(self.model).values() if data), said])
        return sum(needle in haystack for needle in needles)

    def test_nothing_of_deleted_rows_is_left(self):
        gone = random.Random(12).sample(range(ROWS), GONE)
        needles = []
        for row in gone:
            needles += [self.ids[row].encode(), *self.encoded(row),
                        *(struct.pack("<d", x) for x in self.features[row * COLUMNS:(row + 1) * COLUMNS])]
        planted = GONE * (1 + COLUMNS)
        self.assertGreaterEqual(planted, 1000)
        self.assertGreaterEqual(self.found(needles), planted, "the test looks in the right place")
        said = b""
        for batch in range(10):
            ids = self.folder / "ids.txt"
            ids.write_text("\n".join(self.ids[row] for row in gone[batch * 25:(batch + 1) * 25]))
            done = self.call("forget", self.model, "--ids-from", ids, "--request-key", f"batch {batch}")
            said += (done.out + done.err).encode()
        for arguments, code in ((["--ids", self.ids[gone[0]]], 4), (["--ids", self.ids[gone[1]] + ",nobody"], 4),
                                (["--ids", ",".join([self.ids[gone[2]]] * 2)], 2)):
            done = self.call("forget", self.model, *arguments, code=code)
            said += (done.out + done.err).encode()
        said += self.call("status", self.model, "--check").out.encode()
        self.assertEqual(self.found(needles, said), 0)
        self.assertEqual(self.found([self.ids[row].encode() for row in range(ROWS) if row not in gone]), ROWS - GONE)


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
