#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows with values that are nowhere else are deleted; afterwards their bytes are nowhere in the folder.

    canary_test.py COMMAND [unittest arguments]

Looked for are the ids, every feature as eight bytes, and the names of categories that no other row has: in
rows, manifest, state, ledger and what SQLite keeps beside it, or a server's tables and files, certificates,
annexes, published files, in the folder that the model lies in, in that of temporary files, and in whatever is said
on the way.
"""
import os
import random
import re
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

sys.path.insert(0, str(Path(__file__).parent.parent / "crash"))
from postgresql import PostgresqlServer, programs  # noqa: E402

COMMAND = ""
ROWS, GONE, COLUMNS = 600, 250, 4
TEXT = re.compile(rb"canary-[a-z]+-[0-9a-f]{16}")  # an id, a job or a town


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
    LEDGER = []  # where fit makes it

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="recant-canary-"))
        self.house, self.temporary = self.folder / "house", self.folder / "temporary"
        for place in (self.house, self.temporary):
            place.mkdir()
        self.model = self.house / "model.rct"
        self.said = b""
        draw = random.Random(11)
        name = lambda kind: f"canary-{kind}-{draw.getrandbits(64):016x}"  # noqa: E731
        self.ids = [name("id") for _ in range(ROWS)]
        self.features = [draw.gauss(0, 1) for _ in range(ROWS * COLUMNS)]
        self.gone = random.Random(12).sample(range(ROWS), GONE)
        jobs = [draw.choice(["cook", "guard", "nurse"]) for _ in range(ROWS)]
        towns = [draw.choice(["lima", "oslo"]) for _ in range(ROWS)]
        # Names of one deleted row and of several, of one batch and of two; of rows with one such name and with two.
        for row in self.gone[:60]:
            jobs[row] = name("job")
        for row in self.gone[40:80]:
            towns[row] = name("town")
        for first, second in ((100, 101), (102, 249), (103, 200)):
            jobs[self.gone[first]] = jobs[self.gone[second]] = name("job")
        self.names = sorted({text.encode() for text in jobs + towns if text.startswith("canary")})
        rows = [[self.ids[i], *(repr(x) for x in self.features[i * COLUMNS:(i + 1) * COLUMNS]), jobs[i], towns[i],
                 "yes" if draw.random() < 1 / (1 + 2.7 ** -self.features[i * COLUMNS]) else "no"] for i in range(ROWS)]
        (self.folder / "train.csv").write_text(csv_text(rows, ["id", "a", "b", "c", "d", "job", "town", "y"]))
        self.call("fit", self.folder / "train.csv", "--target", "y", "--positive", "yes", "--id", "id", "--epsilon", "1",
                  "--delta", "1e-5", "--releases", "30", "--sigma", "1", *self.LEDGER, "-o", self.model)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def call(self, *arguments, code=0):
        done = run(COMMAND, *arguments, env=dict(os.environ, TMPDIR=str(self.temporary)))
        self.assertEqual(done.code, code, done)
        self.said += (done.out + done.err).encode()
        return done

    def encoded(self, row):
        """The bytes of a row's numbers as the folder has them."""
        data = (self.model / "rows/features.npy").read_bytes()
        width = int(re.search(rb"'shape': \(\d+, (\d+)\)", data[:128])[1])
        start = len(data) - 8 * ROWS * width + 8 * width * row
        return [data[start + 8 * j:start + 8 * j + 8] for j in range(COLUMNS)]

    def everything(self):
        """All bytes of the folder that the model lies in and of the one for temporary files, and all that was said."""
        files = [*contents(self.house).values(), *contents(self.temporary).values()]
        return b"\0\0".join([*(data for data in files if data), self.said])

    def forget(self):
        for batch in range(10):
            ids = self.folder / "ids.txt"
            ids.write_text("\n".join(self.ids[row] for row in self.gone[batch * 25:(batch + 1) * 25]))
            self.call("forget", self.model, "--ids-from", ids, "--request-key", f"batch {batch}")
        for arguments, code in ((["--ids", self.ids[self.gone[0]]], 4), (["--ids", self.ids[self.gone[1]] + ",nobody"], 4),
                                (["--ids", ",".join([self.ids[self.gone[2]]] * 2)], 2)):
            self.call("forget", self.model, *arguments, code=code)
        self.call("status", self.model, "--check")

    def test_nothing_of_deleted_rows_is_left(self):
        numbers = []
        for row in self.gone:
            numbers += [*self.encoded(row), *(struct.pack("<d", x) for x in self.features[row * COLUMNS:(row + 1) * COLUMNS])]
        texts = {self.ids[row].encode() for row in self.gone} | set(self.names)
        self.assertEqual(len(self.names), 103)
        before = self.everything()
        self.assertLessEqual(texts, set(TEXT.findall(before)), "the test looks in the right place")
        for file in ("manifest.json", "published/parameters.json"):
            self.assertEqual(set(TEXT.findall((self.model / file).read_bytes())), set(self.names), file)
        planted = sum(number in before for number in numbers) + len(texts)
        self.assertGreaterEqual(planted, GONE * COLUMNS + len(texts))
        self.assertGreaterEqual(planted, 1000)
        self.forget()
        after = self.everything()
        self.assertEqual(set(TEXT.findall(after)), {self.ids[row].encode() for row in range(ROWS) if row not in self.gone})
        self.assertEqual(sum(number in after for number in numbers), 0)
        for name in (b"job=cook", b"town=oslo", b"job=(erased"):
            self.assertIn(name, (self.model / "manifest.json").read_bytes())
        self.look_further(texts)
        # What was a canary is a category that training has not seen.
        done = self.call("evaluate", self.model, self.folder / "train.csv", "--json")
        self.assertEqual(done.json["unseen_categories"], {"job": 66, "town": 40})

    def look_further(self, texts):
        pass


@unittest.skipIf(programs() is None, "there is no PostgreSQL server here (package postgresql)")
class CanariesOnAServer(Canaries):
    """The ledger on a server: its tables and its files."""

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="recant-canary-server-")
        self.addCleanup(place.cleanup)
        Path(place.name).chmod(0o711)  # the server runs as another user
        self.server = PostgresqlServer(Path(place.name) / "server")
        self.addCleanup(self.server.close)
        self.server.psql("CREATE SCHEMA model")
        self.LEDGER = ["--ledger", self.server.address("model")]
        super().setUp()

    def look_further(self, texts):
        dump = self.server.dump("model").encode()
        dump += b"\0".join(bytes.fromhex(found.decode()) for found in re.findall(rb"\\\\x((?:[0-9a-f]{2})+)", dump))
        model_id = self.call("status", self.model, "--json").json["model_id"].encode()
        self.assertIn(model_id, dump, "the test looks in the right place")
        self.assertIn(b'"schema":"recant.certificate/1"', dump, "and reads what tables hold as bytes")
        self.assertFalse(set(TEXT.findall(dump)) & texts)
        files = b"\0".join(path.read_bytes() for path in self.server.folder.rglob("*") if path.is_file())
        self.assertIn(model_id, files)
        self.assertFalse(set(TEXT.findall(files)) & texts)


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
