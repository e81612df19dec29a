#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The model of a disk that loses power: what was synced is there, and everything else may or may not be."""
import random
import tempfile
import unittest
from pathlib import Path

import disk_model as model
from disk_model import Disk, Operation


class DiskModel(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.root = Path(self.scratch.name) / "folder"
        self.root.mkdir()
        self.made = 0
        (self.root / "old").write_bytes(b"o" * 8192)

    def tearDown(self):
        self.scratch.cleanup()

    def outcomes(self, operations, tries=100):
        """The different disks that may be found, each as {name: bytes}."""
        disk = Disk(self.root)
        for kind, path, *rest in operations:
            other, at, data = (*rest, "", 0, b"")[:3] if kind in (model.RENAME, model.EXCHANGE) else ("", *(*rest, 0, b"")[:2])
            disk.apply(Operation(0, kind, str(self.root / path), str(self.root / other) if other else "", at, data))
        found = {}
        for seed in range(tries):
            self.made += 1
            target = Path(self.scratch.name) / f"out{self.made}"
            disk.power_loss(random.Random(seed)).write_to(target)
            one = {p.name: p.read_bytes() for p in target.iterdir()}
            found[repr(sorted(one.items()))] = one
            self.assertTrue(all(p.stat().st_mode & 0o777 == 0o600 for p in target.iterdir()))
        return list(found.values())

    def test_what_was_there_stays(self):
        self.assertEqual(self.outcomes([]), [{"old": b"o" * 8192}])

    def test_a_file_needs_a_sync_and_so_does_its_name(self):
        made = [(model.CREATE, "new"), (model.WRITE, "new", 0, b"n" * 1000)]
        without = self.outcomes(made)
        self.assertIn({"old": b"o" * 8192}, without)
        self.assertIn(b"", [o["new"] for o in without if "new" in o], "a name without bytes")
        self.assertIn(b"n" * 1000, [o["new"] for o in without if "new" in o])
        self.assertIn(b"n" * 512, [o["new"] for o in without if "new" in o], "torn")
        named = self.outcomes([*made, (model.SYNC, "new")])
        self.assertEqual({o.get("new") for o in named}, {None, b"n" * 1000}, "bytes without a name")
        both = self.outcomes([*made, (model.SYNC, "new"), (model.SYNC, ".")])
        self.assertEqual([o["new"] for o in both], [b"n" * 1000])

    def test_a_rename_is_whole_or_not_at_all(self):
        made = [(model.CREATE, "new"), (model.WRITE, "new", 0, b"n"), (model.SYNC, "new"), (model.SYNC, "."),
                (model.RENAME, "new", "old")]
        found = self.outcomes(made)
        self.assertEqual(len(found), 2)
        self.assertIn({"old": b"o" * 8192, "new": b"n"}, found)
        self.assertIn({"old": b"n"}, found)
        self.assertEqual(self.outcomes([*made, (model.SYNC, ".")]), [{"old": b"n"}])
        swapped = [*made[:4], (model.EXCHANGE, "new", "old"), (model.SYNC, ".")]
        self.assertEqual(self.outcomes(swapped), [{"old": b"n", "new": b"o" * 8192}])

    def test_writes_are_reordered_and_torn(self):
        found = self.outcomes([(model.WRITE, "old", 0, b"1" * 4096), (model.WRITE, "old", 0, b"2" * 4096)])
        firsts = {o["old"][:1] for o in found}
        self.assertEqual(firsts, {b"o", b"1", b"2"})
        self.assertTrue(any(o["old"][:4096].count(b"2") not in (0, 4096) for o in found), "torn")
        self.assertTrue(all(o["old"][4096:] == b"o" * 4096 for o in found))

    def test_what_was_removed_may_come_back(self):
        self.assertEqual(len(self.outcomes([(model.UNLINK, "old")])), 2)
        self.assertEqual(self.outcomes([(model.UNLINK, "old"), (model.SYNC, ".")]), [{}])
        self.assertEqual({len(o["old"]) for o in self.outcomes([(model.TRUNCATE, "old", 10)])}, {10, 8192})

    def test_a_mapped_file_may_hold_anything(self):
        self.assertGreater(len(self.outcomes([(model.MAP, "old")])), 10)


if __name__ == "__main__":
    unittest.main()
