#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows with values that are nowhere else are deleted; afterwards their bytes are nowhere in the folder.

    canary_test.py COMMAND [--interposer FILE] [unittest arguments]

With the interposer of tests/crash also after deletions that were killed on the way, and finished by the next.

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

COMMAND, INTERPOSER = "", ""
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


class House(unittest.TestCase):
    """The folder that the model lies in, one for temporary files, and all that is said."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="recant-canary-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.house, self.temporary = self.folder / "house", self.folder / "temporary"
        for place in (self.house, self.temporary):
            place.mkdir()
        self.model = self.house / "model.rct"
        self.said = b""

    def call(self, *arguments, code=0, **variables):
        done = run(COMMAND, *arguments, env=dict(os.environ, TMPDIR=str(self.temporary), **variables))
        self.assertEqual(done.code, code, done)
        self.said += (done.out + done.err).encode()
        return done

    def everything(self):
        files = [*contents(self.house).values(), *contents(self.temporary).values()]
        return b"\0\0".join([*(data for data in files if data), self.said])


class Canaries(House):
    LEDGER = []  # where fit makes it

    def setUp(self):
        super().setUp()
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
        self.holders = {}  # of each name: the rows that have it
        for row, texts in enumerate(zip(jobs, towns)):
            for text in texts:
                if text.startswith("canary"):
                    self.holders.setdefault(text.encode(), set()).add(row)
        self.names = sorted(self.holders)
        rows = [[self.ids[i], *(repr(x) for x in self.features[i * COLUMNS:(i + 1) * COLUMNS]), jobs[i], towns[i],
                 "yes" if draw.random() < 1 / (1 + 2.7 ** -self.features[i * COLUMNS]) else "no"] for i in range(ROWS)]
        (self.folder / "train.csv").write_text(csv_text(rows, ["id", "a", "b", "c", "d", "job", "town", "y"]))
        self.call("fit", self.folder / "train.csv", "--target", "y", "--positive", "yes", "--id", "id", "--epsilon", "1",
                  "--delta", "1e-5", "--releases", "30", "--sigma", "1", *self.LEDGER, "-o", self.model)

    def encoded(self, row):
        """The bytes of a row's numbers as the folder has them."""
        data = (self.model / "rows/features.npy").read_bytes()
        width = int(re.search(rb"'shape': \(\d+, (\d+)\)", data[:128])[1])
        start = len(data) - 8 * ROWS * width + 8 * width * row
        return [data[start + 8 * j:start + 8 * j + 8] for j in range(COLUMNS)]

    def numbers_of(self, row):
        """Of each feature the bytes as it was given and as the folder has it, and its digits, as a message would have them."""
        given = self.features[row * COLUMNS:(row + 1) * COLUMNS]
        return [*self.encoded(row), *(struct.pack("<d", x) for x in given), *(repr(abs(x))[:13].encode() for x in given)]

    def asked(self, batch):
        ids = self.folder / "ids.txt"
        ids.write_text("\n".join(self.ids[row] for row in self.gone[batch * 25:(batch + 1) * 25]))
        return ["forget", self.model, "--ids-from", ids, "--request-key", f"batch {batch}"]

    def forget(self):
        for batch in range(10):
            self.call(*self.asked(batch))
        for arguments, code in ((["--ids", self.ids[self.gone[0]]], 4), (["--ids", self.ids[self.gone[1]] + ",nobody"], 4),
                                (["--ids", ",".join([self.ids[self.gone[2]]] * 2)], 2)):
            self.call("forget", self.model, *arguments, code=code)
        self.call("status", self.model, "--check")

    def test_nothing_of_deleted_rows_is_left(self):
        numbers = [number for row in self.gone for number in self.numbers_of(row)]
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


@unittest.skipIf("--interposer" not in sys.argv, "no interposer to kill with")
class CanariesAfterKills(Canaries):
    """Every deletion is killed at one of its operations on the disk, and what finishes it at one of its own."""

    def killed(self, at, arguments):
        """False: it had fewer operations than that."""
        done = run(COMMAND, *arguments, env=dict(os.environ, TMPDIR=str(self.temporary), LD_PRELOAD=INTERPOSER,
                                                 RECANT_FAULT=f"kill:{at}"))
        self.said += (done.out + done.err).encode()
        self.assertIn(done.code, (0, -signal.SIGKILL), done)
        return done.code != 0

    def operations(self, batch):
        """Of a deletion, counted in a copy."""
        count, copy = self.folder / "count", self.folder / "copy.rct"
        shutil.copytree(self.model, copy)
        command, _, *more = self.asked(batch)
        done = run(COMMAND, command, copy, *more, env=dict(os.environ, LD_PRELOAD=INTERPOSER, RECANT_FAULT_COUNT=str(count)))
        self.assertEqual(done.code, 0, done)
        shutil.rmtree(copy)
        return int(count.read_text().split()[0])

    def forget(self):
        draw, killed, numbers = random.Random(13), 0, {row: self.numbers_of(row) for row in self.gone}
        for batch in range(10):
            operations = self.operations(batch)
            self.assertGreater(operations, 50)
            part = operations / 10
            killed += self.killed(1 + int(part * (batch + draw.random())), self.asked(batch))
            for _ in range(2):
                killed += self.killed(draw.randrange(1, operations), self.asked(batch))
            self.call(*self.asked(batch))
            status = self.call("status", self.model, "--check", "--json").json
            self.assertEqual((status["ledger"]["requests"]["certified"], status["unfinished"]), (batch + 1, None))
            gone = set(self.gone[:(batch + 1) * 25])
            there = self.everything()
            self.assertEqual(set(TEXT.findall(there)), {self.ids[row].encode() for row in range(ROWS) if row not in gone}
                             | {name for name, rows in self.holders.items() if rows - gone})
            self.assertEqual([number for row in gone for number in numbers[row] if number in there], [])
        self.assertGreaterEqual(killed, 15)


class CanariesOfGroups(House):
    """Names of groups stay, where docs/formats/vault.md says, as their last row does; of the other rows nothing."""

    def test_a_group_stays_and_what_else_a_deleted_row_held_does_not(self):
        draw = random.Random(21)
        teams = [f"canary-team-{draw.getrandbits(64):016x}" for _ in range(40)]
        ids = [f"canary-id-{draw.getrandbits(64):016x}" for _ in range(200)]
        team_of = [teams[row % 40] for row in range(200)]
        rows = [[ids[row], repr(draw.gauss(0, 1)), team_of[row], "yes" if draw.random() < 0.5 else "no"] for row in range(200)]
        (self.folder / "train.csv").write_text(csv_text(rows, ["id", "a", "team", "y"]))
        for feature, more in ((True, []), (False, ["--drop", "team"])):
            with self.subTest(feature=feature):
                self.said = b""
                self.call("fit", self.folder / "train.csv", "--target", "y", "--positive", "yes", "--id", "id", "--sensitive",
                          "team", *more, "--epsilon", "1", "--delta", "1e-5", "--releases", "30", "--sigma", "1", "--l2", "5",
                          "-o", self.model, "--force")
                gone = [row for row in range(200) if row % 40 < 30 and row >= 40]  # of 30 teams all but the first
                self.call("forget", self.model, "--ids", ",".join(ids[row] for row in gone[:100]))
                self.call("forget", self.model, "--ids", ",".join(ids[row] for row in gone[100:]))
                for last in range(3):
                    self.assertRegex(self.call("forget", self.model, "--ids", ids[last], code=4).err, "last row of a group")
                self.call("status", self.model, "--check")
                left = {ids[row].encode() for row in range(200) if row not in gone}
                self.assertEqual(set(TEXT.findall(self.everything())), left | {team.encode() for team in teams})
                holding = {name for name, data in contents(self.model).items() if data and b"canary-team-" in data}
                self.assertEqual(holding, {"manifest.json", "published/parameters.json"})
                for name in ("features", "targets", "weights", "groups", "ids"):
                    data = (self.model / f"rows/{name}.npy").read_bytes()
                    start = 10 + struct.unpack("<H", data[8:10])[0]
                    size = (len(data) - start) // 200
                    for row in gone:
                        self.assertEqual(data[start + size * row:start + size * (row + 1)], bytes(size), (name, row))


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
    if "--interposer" in sys.argv:
        at = sys.argv.index("--interposer")
        INTERPOSER = os.path.abspath(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    unittest.main()
