#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the system gives no random bytes: the command says so in one line and publishes nothing.

    entropy_test.py COMMAND [unittest arguments]

getrandom() is forbidden by seccomp, and /dev/null stands in the place of /dev/urandom in a mount namespace of
its own. Skipped where a user may not have one.
"""
import ctypes
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from command_support import FIT, contents, csv_text, run, table

COMMAND = ""
GETRANDOM = {"x86_64": 318, "aarch64": 278}
BUDGET = ["--epsilon", "1", "--delta", "1e-5", "--releases", "20", "--sigma", "1"]
NO_DEVICE = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/urandom && exec "$@"', "sh"]


def forbid_getrandom(error=1):
    """From here on, and in every program that this process becomes, it answers EPERM."""
    number = GETRANDOM[platform.machine()]
    filter = b"".join(struct.pack("=HBBI", *statement) for statement in [
        (0x20, 0, 0, 0),                    # load the number of the call
        (0x15, 0, 1, number),               # if it is getrandom
        (0x06, 0, 0, 0x00050000 | error),   # answer with an error
        (0x06, 0, 0, 0x7fff0000)])          # else allow it
    code = ctypes.create_string_buffer(filter, len(filter))
    program = struct.pack("@HP", len(filter) // 8, ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(38, 1, 0, 0, 0) or prctl(22, 2, program, 0, 0):  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
        raise OSError(ctypes.get_errno(), "seccomp")


def sandbox_works():
    asked = [*NO_DEVICE, sys.executable, "-c",
             "import os\ntry: os.getrandom(1)\nexcept PermissionError: print(len(open('/dev/urandom', 'rb').read(9)))"]
    try:
        done = subprocess.run(asked, capture_output=True, preexec_fn=forbid_getrandom, timeout=60,
                              env=os.environ | {"PYTHONHASHSEED": "0"})
    except (OSError, subprocess.SubprocessError, KeyError):
        return False
    return done.stdout == b"0\n"


class NoEntropy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not sandbox_works():
            raise unittest.SkipTest("no seccomp and mount namespaces for this user")
        cls.root = Path(tempfile.mkdtemp(prefix="recant-entropy-"))
        cls.train = cls.root / "train.csv"
        cls.train.write_text(csv_text(table(200, 7)))
        cls.model = cls.root / "enrolled.rct"
        done = run(COMMAND, "fit", cls.train, *FIT, "--l2", "1", *BUDGET, "-o", cls.model)
        assert done.code == 0, done

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def without(self, *arguments, device=False):
        command = [COMMAND] if device else [*NO_DEVICE, COMMAND]
        return run(*command, *arguments, preexec_fn=forbid_getrandom)

    def refused(self, *arguments):
        done = self.without(*arguments)
        self.assertEqual(done.code, 3, done)
        self.assertEqual(done.err, "recant: the system gives no random bytes, so nothing was drawn; "
                                   "make getrandom() or /dev/urandom available to this process\n")
        self.assertEqual(done.out, "")

    def test_no_enrolment(self):
        self.refused("fit", self.train, *FIT, "--l2", "1", *BUDGET, "-o", self.root / "none.rct")
        self.assertEqual([p.name for p in self.root.iterdir() if "none" in p.name], [])

    def test_no_deletion(self):
        model = self.root / "copy.rct"
        shutil.copytree(self.model, model)
        before = contents(model)
        self.refused("forget", model, "--rows", "3")
        after = contents(model)
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        self.assertLessEqual(changed, {"ledger.sqlite", "lock"}, "opened for writing, no more")
        status = [run(COMMAND, "status", one, "--json").json for one in (self.model, model)]
        self.assertEqual(*((s["budget"], s["ledger"]["requests"], s["ledger"]["releases"], s["unfinished"]) for s in status))
        done = run(COMMAND, "forget", model, "--rows", "3", "--json")
        self.assertEqual(json.loads(done.out)["state"], "certified", done)

    def test_what_draws_nothing_works_all_the_same(self):
        for arguments in (["status", self.model, "--check"], ["evaluate", self.model, self.train]):
            done = self.without(*arguments)
            self.assertEqual((done.code, done.err), (0, ""), done)
        done = self.without("verify", self.model / "certificates/000001.json", "--public-key", self.model / "public-key.json",
                            "--model", self.model, "--annex", self.model / "certificates/000001.annex.json")
        self.assertEqual((done.code, done.err), (0, ""), done)

    def test_the_device_alone_is_enough(self):
        model = self.root / "device.rct"
        done = self.without("fit", self.train, *FIT, "--l2", "1", *BUDGET, "-o", model, device=True)
        self.assertEqual(done.code, 0, done)
        self.assertNotEqual((model / "published/parameters.npy").read_bytes(), (self.model / "published/parameters.npy").read_bytes())


if __name__ == "__main__":
    COMMAND = sys.argv.pop(1)
    unittest.main()
