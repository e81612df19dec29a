#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deleting rows by the command: what is promised, what is erased, what is refused.

    forget_test.py COMMAND [unittest arguments]
"""
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from command_support import FIT, arrays, changed_ledger, contents, csv_text, npy, read_npy, run, table

COMMAND = ""


def sign_with_zeros(path):
    """A signature of zeros for the last checkpoint of a ledger, and hashes from there on that fit (docs/formats/ledger.md)."""
    def hashed(domain, *parts):
        return hashlib.blake2b(b"\0".join((domain, b"".join(parts))), digest_size=32).digest()

    def number(value):
        return value.to_bytes(8, "little", signed=True)

    def text(value):
        return number(len(value)) + value.encode()

    with changed_ledger(path) as ledger:
        seq, at, kind, subject, former = ledger.execute(
            "SELECT seq, at, kind, subject, former FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        assert kind == "checkpoint"
        model, event, hash, releases = ledger.execute(
            "SELECT model_id, event, hash, releases FROM checkpoints ORDER BY event DESC LIMIT 1").fetchone()
        file = json.dumps({"schema": "recant.checkpoint/1", "model_id": model, "event": event, "hash": hash.hex(),
                           "releases": releases, "signature": "00" * 64}, separators=(",", ":")) + "\n"
        payload = '{"checkpoint":"' + hashed(b"recant.checkpoint_file/1", text(file)).hex() + '"}'
        end = hashed(b"recant.event/1", former, number(seq), number(at), text(kind), number(subject), text(payload))
        ledger.execute("UPDATE checkpoints SET signature = zeroblob(64) WHERE event = ?", (event,))
        ledger.execute("UPDATE events SET payload = ?, hash = ? WHERE seq = ?", (payload, end, seq))
        ledger.execute("UPDATE ledger SET hash = ?", (end,))


BUDGET = ["--epsilon", "1", "--delta", "1e-5", "--releases", "20"]


def keyed_hash(key, domain, text):
    return hashlib.blake2b(domain + b"\0" + text, digest_size=32, key=key).digest()


def request_digest(model, ids):
    """Of a request for rows, as docs/formats/certificate.md has it ("Requests")."""
    key = bytes.fromhex(json.loads((model / "secret/vault.key").read_text())["key"])
    rows = sorted(keyed_hash(key, b"recant.row/1", i.encode()) for i in ids)
    annex_key = keyed_hash(key, b"recant.annex_key/1", b"")
    return hmac.new(annex_key, b"recant.request/1\0" + b"".join(rows), hashlib.sha256).hexdigest()


class Vaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Path(tempfile.mkdtemp(prefix="recant-forget-"))
        cls.rows = table(200, 7)
        cls.train = cls.root / "train.csv"
        cls.train.write_text(csv_text(cls.rows))
        cls.validation = cls.root / "validation.csv"
        cls.validation.write_text(csv_text(table(150, 8)))
        cls.plain = cls.root / "plain.rct"
        cls.enrolled = cls.root / "enrolled.rct"
        cls.fit(cls.plain)
        cls.fit(cls.enrolled, *BUDGET, "--sigma", "1")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    @classmethod
    def fit(cls, output, *more, code=0):
        done = run(COMMAND, "fit", cls.train, *FIT, "--l2", "1", *more, "-o", output, "--json")
        assert done.code == code, done
        return done

    def call(self, *arguments, code=0, **more):
        done = run(COMMAND, *arguments, **more)
        self.assertEqual(done.code, code, done)
        return done

    def copy(self, model):
        target = Path(tempfile.mkdtemp(dir=self.root)) / "model.rct"
        shutil.copytree(model, target)
        return target

    def forget(self, model, *arguments, code=0):
        return self.call("forget", model, *arguments, "--json", code=code).json

    def status(self, model, *arguments, code=0):
        return self.call("status", model, *arguments, "--json", code=code).json


class Fit(Vaults):
    def test_enrolment_is_release_one_with_a_certificate(self):
        model = self.enrolled
        certificate = model / "certificates/000001.json"
        self.call("verify", certificate, "--public-key", model / "public-key.json", "--model", model,
                  "--annex", model / "certificates/000001.annex.json")
        self.assertEqual(json.loads(certificate.read_text())["level"], "certified")
        self.assertEqual((model / "published/certificate.json").read_bytes(), certificate.read_bytes())
        theta, published = read_npy(model / "state/0/theta.npy"), read_npy(model / "published/parameters.npy")
        self.assertNotEqual(theta, published)
        self.assertLess(max(abs(a - b) for a, b in zip(theta, published)), 8)
        for secret in (model / "secret").iterdir():
            self.assertEqual(stat.S_IMODE(secret.stat().st_mode), 0o600)
        status = self.status(model, "--check")
        self.assertEqual(status["budget"]["releases_used"], 1)
        self.assertEqual(status["budget"]["releases_left"], 19)
        self.assertIsNone(status["check"]["fault"])

    def test_what_it_costs_is_said(self):
        done = self.fit(self.root / "priced.rct", *BUDGET, "--utility-price", "0.01", "--validation", self.validation).json
        price = done["enrolment"]["price"]
        self.assertEqual(price["rows"], "validation")
        self.assertLessEqual(price["relative_rise"], 0.01)
        self.assertGreater(price["relative_rise"], 0.003, "the largest power of sqrt(2) within")
        text = self.call("fit", self.train, *FIT, *BUDGET, "--sigma", "0.5", "--validation", self.validation,
                         "-o", self.root / "said.rct").out
        self.assertRegex(text, r"budget: epsilon 1, delta 1e-05 over 20 releases; sigma 0\.5, allowance 0\.0")
        self.assertRegex(text, r"raises the mean loss of the validation rows by .*%")

    def test_two_enrolments_of_one_model_are_two(self):
        self.fit(self.root / "again.rct", *BUDGET, "--sigma", "1")
        a, b = (json.loads((m / "certificates/000001.json").read_text()) for m in (self.enrolled, self.root / "again.rct"))
        self.assertNotEqual(a["model_id"], b["model_id"])
        self.assertNotEqual(a["parameters_hash"], b["parameters_hash"])

    def test_bad_budgets(self):
        target = self.root / "bad.rct"
        for flags, code, says in [
                (["--epsilon", "0", "--delta", "1e-5"], 2, "epsilon"),
                (["--epsilon", "-1", "--delta", "1e-5"], 2, "epsilon"),
                (["--epsilon", "nan", "--delta", "1e-5"], 2, "epsilon"),
                (["--epsilon", "1", "--delta", "0"], 2, "delta"),
                (["--epsilon", "1", "--delta", "1"], 2, "delta"),
                (["--epsilon", "1", "--delta", "1.5"], 2, "delta: must be below 1"),
                (["--epsilon", "1", "--delta", "-1e-5"], 2, "delta"),
                (["--epsilon", "1", "--delta", "inf"], 2, "delta"),
                (["--epsilon", "1", "--delta", "nan"], 2, "delta"),
                (["--epsilon", "1"], 2, "--delta"),
                (["--delta", "0.1"], 2, "--epsilon"),
                (["--sigma", "1"], 2, "--epsilon"),
                ([*BUDGET, "--sigma", "0"], 2, "sigma"),
                ([*BUDGET, "--sigma", "1", "--allowance", "1"], 2, "at most one"),
                ([*BUDGET, "--on-budget-spent", "hope"], 2, "retrain or refuse"),
                (["--epsilon", "1", "--delta", "1e-5", "--releases", "0"], 2, "releases"),
                ([*BUDGET, "--sigma", "1e-30"], 4, "no deletion could be certified"),
                (["--validation", self.validation], 2, "--epsilon")]:
            with self.subTest(flags=flags):
                done = run(COMMAND, "fit", self.train, *FIT, *flags, "-o", target)
                self.assertEqual(done.code, code, done)
                self.assertIn(says, done.err)
                self.assertEqual(len(done.err.strip().splitlines()), 1, done)
                self.assertFalse(target.exists())


    def test_too_little_noise_is_refused_with_the_reason_and_a_remedy(self):
        target = self.root / "quiet.rct"
        for flag, much, reason in [("--sigma", "1e-150", "out_of_range"), ("--sigma", "1e-16", "sigma_too_small"),
                                   ("--sigma", "1e-12", "sigma_too_small"), ("--allowance", "1e-20", "allowance_too_small")]:
            done = self.fit(target, *BUDGET, flag, much, code=4)
            enrolment = done.json["enrolment"]
            self.assertEqual((enrolment["outcome"], enrolment["reason"], enrolment["budget"]), ("no", reason, None))
            self.assertRegex(done.err, r"^recant: fit: nothing was written: [^\n]*\n$")
            self.assertFalse(target.exists())
            if reason == "out_of_range":
                continue
            self.assertRegex(done.err, rf"{flag[2:]} [0-9.e-]+ is too small, no deletion could be certified: ")
            remedy = re.search(rf"give an? {flag[2:]} of ([0-9.e-]+), which leaves deletions room", done.err)[1]
            self.assertEqual(flag == "--sigma", ", or promise less" in done.err, "an allowance stays what it is")
            self.fit(target, *BUDGET, flag, remedy)
            self.assertEqual(self.forget(target, "--rows", "3")["state"], "certified")
            shutil.rmtree(target)


class Forget(Vaults):
    def test_certified(self):
        model = self.copy(self.enrolled)
        gone = [3, 50, 121]
        report = self.forget(model, "--ids", ",".join(self.rows[i][0] for i in gone))
        self.assertEqual((report["state"], report["level"], report["rows"]), ("certified", "certified", 3))
        self.assertLessEqual(report["bound"]["distance"], report["allowance"])
        self.assertEqual(report["sequence"]["releases"], 2)
        done = self.call("verify", report["certificate"], "--annex", report["annex"], "--model", model, "--public-key",
                         model / "public-key.json", "--previous", model / "certificates/000001.json", "--json").json
        self.assertTrue(done["complete"])
        # The bound holds: against training on the rows that stay.
        weights = [0.0 if i in gone else 1.0 for i in range(200)]
        (self.root / "w.npy").write_bytes(npy(weights))
        truth = self.root / "truth.rct"
        # Of a copy from before: its rows are still there.
        self.call("fit", "--features", self.enrolled / "rows/features.npy", "--targets", self.enrolled / "rows/targets.npy",
                  "--row-weights", self.root / "w.npy", "--l2", "1", "--tolerance", "1e-13", "--force", "-o", truth)
        theta, exact = read_npy(model / "state/1/theta.npy"), read_npy(truth / "state/0/theta.npy")
        distance = sum((a - b) ** 2 for a, b in zip(theta, exact)) ** 0.5
        self.assertLessEqual(distance, report["bound"]["distance"])
        self.assertGreater(report["bound"]["distance"], 0)
        self.assertIsNone(self.status(model, "--check")["check"]["fault"])

    def test_exact_without_a_budget(self):
        model = self.copy(self.plain)
        before = contents(model)
        self.assertFalse(any("ledger" in name or "secret" in name for name in before), "fit leaves neither")
        gone = [0, 199]
        report = self.forget(model, "--rows", "0,199")
        self.assertEqual((report["state"], report["level"], report["tier"]), ("certified", "exact", "retrain"))
        self.assert_bounded_by_the_gradient(report, "retrain")
        self.assertIsNone(report["epsilon"])
        self.assertTrue(any("without noise" in text for text in report["assumptions"]))
        (self.root / "w2.npy").write_bytes(npy([0.0 if i in gone else 1.0 for i in range(200)]))
        truth = self.root / "truth2.rct"
        self.call("fit", "--features", self.plain / "rows/features.npy", "--targets", self.plain / "rows/targets.npy",
                  "--row-weights", self.root / "w2.npy", "--l2", "1", "--force", "-o", truth)
        theta, exact = read_npy(model / "state/1/theta.npy"), read_npy(truth / "state/0/theta.npy")
        self.assertLess(max(abs(a - b) for a, b in zip(theta, exact)), 1e-8)
        self.assertEqual(read_npy(model / "published/parameters.npy"), theta)
        self.call("verify", report["certificate"], "--model", model)
        annex = json.loads(Path(report["annex"]).read_text())
        self.assertEqual(annex["requests"], [request_digest(model, [self.rows[i][0] for i in gone])])

    def test_the_rows_are_gone(self):
        model = self.copy(self.enrolled)
        features = read_npy(model / "rows/features.npy")
        width = len(features) // 200
        self.forget(model, "--rows", "7")
        after = read_npy(model / "rows/features.npy")
        for i in range(200):
            row = after[i * width:(i + 1) * width]
            self.assertEqual(row, [0.0] * width if i == 7 else features[i * width:(i + 1) * width])
        self.assertEqual(read_npy(model / "rows/weights.npy")[7], 0)
        self.assertFalse((model / "state/0").exists())
        everything = b"".join(data for data in contents(model).values() if data)
        self.assertNotIn(self.rows[7][0].encode(), everything)
        self.assertIn(self.rows[8][0].encode(), everything, "the test looks at something")

    def test_the_same_key_is_one_deletion(self):
        model = self.copy(self.enrolled)
        first = self.forget(model, "--rows", "9", "--request-key", "K")
        again = self.forget(model, "--rows", "9", "--request-key", "K")
        self.assertTrue(again["repeated"])
        self.assertEqual(again["request_id"], first["request_id"])
        self.assertEqual(again["certificate"], first["certificate"])
        self.assertEqual(self.status(model)["budget"]["releases_used"], 2)
        self.call("forget", model, "--rows", "10", "--request-key", "K", code=2)

    def test_requests_of_a_file_are_one_batch(self):
        model = self.copy(self.enrolled)
        ids = [row[0] for row in self.rows]
        requests = self.root / "requests.csv"
        requests.write_text(f"key,id\na,{ids[3]}\nb,{ids[50]}\na,{ids[4]}\nc,nobody\nd,{ids[3]}\n")
        report = self.call("forget", model, "--requests", requests, "--json", code=4)
        self.assertNotIn(ids[3], report.out + report.err)
        deletions = report.json["deletions"]
        self.assertEqual([(d["request_key"], d["state"], d["rows"]) for d in deletions],
                         [("a", "certified", 2), ("b", "certified", 1), ("c", "not_found", 1), ("d", "already_erased", 1)])
        self.assertEqual(deletions[0]["certificate"], deletions[1]["certificate"])
        self.assertEqual(len(report.err.strip().splitlines()), 2, "a line for each no")
        status = self.status(model, "--check")
        self.assertEqual((status["rows_left"], status["budget"]["releases_used"]), (197, 2))
        self.assertEqual(self.call("verify", deletions[0]["certificate"], "--annex", deletions[0]["annex"]).code, 0)
        annex = json.loads(Path(deletions[0]["annex"]).read_text())
        self.assertEqual(annex["requests"], [request_digest(model, [ids[3], ids[4]]), request_digest(model, [ids[50]])])
        self.assertEqual({term["name"]: float(term["value"]) for term in annex["terms"]}, deletions[0]["bound"]["terms"])
        again = self.call("forget", model, "--requests", requests, "--json", code=4).json["deletions"]
        self.assertTrue(all(d["repeated"] for d in again))
        self.assertEqual(self.status(model)["budget"]["releases_used"], 2)
        requests.write_text("key,row\nx,7\ny,many\nz,9\nw,200\n")
        done = self.call("forget", model, "--requests", requests, code=7)
        self.assertIn("2 of 4 requests done: 2 rows", done.out)
        self.assertEqual(len(done.err.strip().splitlines()), 2)
        requests.write_text("key,row\nx,7\nz,9\n")
        self.assertIn("2 of them before", self.call("forget", model, "--requests", requests).out)
        requests.write_text("key,row\nfar,200\n")
        self.call("forget", model, "--requests", requests, code=7)
        for text, says in (("", "key,row or key,id"), ("a,b\n1,2\n", "key,row or key,id"), ("key\n1\n", "key,row or key,id"),
                           ("key,row\n,1\n", "no key"), ("key,row\n1\n", "cells")):
            requests.write_text(text)
            done = self.call("forget", model, "--requests", requests, code=3)
            self.assertIn(says, done.err)
            self.assertEqual(len(done.err.strip().splitlines()), 1, done)
        requests.write_text("key,row\n")
        self.assertIn("names no row", self.call("forget", model, "--requests", requests, code=2).err)
        for more in (["--rows", "1"], ["--request-key", "k"], ["--one-by-one"]):
            self.assertIn("--requests", self.call("forget", model, "--requests", requests, *more, code=2).err)
        self.assertIsNone(self.status(model, "--check")["check"]["fault"])

    def test_where_a_ledger_may_be(self):
        model = self.copy(self.plain)
        before = contents(model)
        for address, code, says in [
                ("postgresql://anna:swordfish@localhost/db", 2, "PGPASSWORD"),
                ("postgresql://localhost/db?password=swordfish", 2, "~/.pgpass"),
                ("mysql://localhost/db", 2, "postgresql://"), ("elsewhere.sqlite", 2, "postgresql://"),
                ("postgresql:///db?host=/no/such/folder", 3, "PostgreSQL database db at /no/such/folder")]:
            for arguments in (["forget", model, "--rows", "1"],
                              ["fit", self.train, *FIT, *BUDGET, "--sigma", "1", "-o", self.root / "never.rct"]):
                with self.subTest(address=address, command=arguments[0]):
                    done = self.call(*arguments, "--ledger", address, code=code)
                    self.assertIn(says, done.err)
                    self.assertNotIn("swordfish", done.err)
                    self.assertEqual(len(done.err.strip().splitlines()), 1, done)
        self.assertFalse((self.root / "never.rct").exists())
        after = {name: data for name, data in contents(model).items() if name != "lock" and not name.startswith(("secret", "public-key"))}
        self.assertEqual(after, before)
        self.assertIn("--epsilon", self.call("fit", self.train, *FIT, "--ledger", "postgresql://h/d", "-o", self.root / "never.rct", code=2).err)
        self.assertIn("another place", self.call("forget", self.copy(self.enrolled), "--rows", "1", "--ledger", "postgresql://h/d", code=2).err)
        self.forget(model, "--rows", "1")

    def test_an_audit_by_retraining_needs_no_erased_row(self):
        model = self.copy(self.enrolled)
        report = self.forget(model, "--rows", "4,5,6")
        annex = ["--annex", report["annex"]]
        done = self.call("audit", model, *annex, "--against-retrain")
        self.assertRegex(done.out, r"without the 3 deleted rows, .*; the claimed bound [0-9.e-]+ holds\.\n")
        self.assertEqual(len(done.out.strip().splitlines()), 2, "the distance, and what was left out")
        self.assertRegex(done.out, r"\nWhat needs the deleted rows was left out, [^\n]*membership[^\n]*\n$")
        self.assertEqual(done.err, "")
        found = self.call("audit", model, *annex, "--test", self.validation, "--json").json
        self.assertEqual((found["retraining"]["bound"], found["retraining"]["verdict"]), (report["bound"]["distance"], "holds"))
        self.assertEqual([found[name] for name in ("original_model", "twins", "membership", "reconstruction")], [None] * 4)
        self.assertEqual(found["deleted_rows"], 3)
        table = self.call("audit", model, *annex, "--test", self.validation).out
        self.assertRegex(table, r"(?m)^  accuracy on test +- +0\.")
        for attack in ("--membership", "--reconstruction"):
            refused = self.call("audit", model, attack, "--test", self.validation, code=3)
            self.assertIn("give the rows with --deleted, or a model from before", refused.err)
        self.call("audit", model, "--bound", "1e-12", code=4)
        before = self.call("audit", model, *annex, "--before", self.enrolled, "--test", self.validation, "--shadow-models", "0", "--json").json
        self.assertEqual((before["original_model"], before["deleted_rows"]), ("given", 3))
        self.assertIsNotNone(before["reconstruction"])

    def test_noes(self):
        model = self.copy(self.enrolled)
        self.forget(model, "--rows", "4")
        gone = self.rows[4][0]
        for arguments, code, state in [
                (["--ids", "nobody"], 7, "not_found"),
                (["--ids", self.rows[5][0] + ",nobody"], 7, "not_found"),
                (["--ids", gone], 4, "already_erased"),
                (["--ids", gone + "," + self.rows[5][0]], 4, "already_erased"),
                (["--rows", "4"], 4, "already_erased"),
                (["--rows", ",".join(str(i) for i in range(200) if i != 4)], 4, "rejected"),
                (["--rows", ",".join(str(i) for i, row in enumerate(self.rows) if row[-1] == "yes" and i != 4)], 4, "rejected"),
                (["--rows", ",".join(str(i) for i, row in enumerate(self.rows) if row[4] == "male" and i != 4)], 4, "rejected")]:
            with self.subTest(arguments=arguments[:1], state=state):
                before = self.status(model)
                report = self.forget(model, *arguments, code=code)
                self.assertEqual(report["state"], state)
                self.assertIsNone(report["certificate"])
                after = self.status(model)
                self.assertEqual(after["rows_left"], before["rows_left"])
                self.assertEqual(after["budget"], before["budget"])
        self.assertIsNone(self.status(model, "--check")["check"]["fault"])

    def test_a_row_number_is_read_as_decimal_wherever_it_stands(self):
        (self.root / "ten.txt").write_text("010\n")
        (self.root / "ten.csv").write_text("key,row\nk,010\n")
        states = set()
        for arguments in (["--rows", "10"], ["--rows", "010"], ["--rows-from", self.root / "ten.txt"], ["--requests", self.root / "ten.csv"]):
            model = self.copy(self.plain)
            self.call("forget", model, *arguments)
            states.add((model / "state/1/theta.npy").read_bytes())
            self.call("forget", model, "--rows", "10", code=4)
        self.assertEqual(len(states), 1)
        (self.root / "minus.txt").write_text("-0\n")
        (self.root / "minus.csv").write_text("key,row\nk,-0\n")
        model = self.copy(self.plain)
        before = contents(model)
        self.call("forget", model, "--rows-from", self.root / "minus.txt", code=3)
        self.assertEqual(contents(model), before)
        self.call("forget", model, "--requests", self.root / "minus.csv", code=7)
        self.assertEqual((model / "rows/features.npy").read_bytes(), before["rows/features.npy"])

    def test_files_of_rows_as_windows_writes_them(self):
        (self.root / "rows.txt").write_bytes(b"\xef\xbb\xbf15\r\n\r\n16\r\n")
        (self.root / "ids.txt").write_bytes(b"\xef\xbb\xbf" + self.rows[15][0].encode() + b"\r\n" + self.rows[16][0].encode())
        for flag, file in (("--rows-from", "rows.txt"), ("--ids-from", "ids.txt")):
            model = self.copy(self.plain)
            self.assertEqual(self.forget(model, flag, self.root / file)["rows"], 2)
            self.assertEqual([i for i, w in enumerate(read_npy(model / "rows/weights.npy")) if w == 0], [15, 16])

    def test_bad_requests(self):
        model = self.copy(self.enrolled)
        (self.root / "words.txt").write_text("one\ntwo\n")
        (self.root / "empty.txt").write_text("\n\n")
        (self.root / "later.txt").write_text("7\n\n8\nsecret\n")
        for arguments, code, says in [
                ([], 2, "no row"), (["--rows-from", self.root / "empty.txt"], 2, "no row"),
                (["--rows", "1", "--ids", self.rows[3][0]], 2, "both"),
                (["--rows", "1,1"], 2, "twice"), (["--ids", "a,a"], 2, "twice"),
                (["--rows", "200"], 7, "0 to 199"), (["--rows=-1"], 7, "0 to 199"),
                (["--rows-from", self.root / "words.txt"], 3, "words.txt, line 1: holds something else than a row number"),
                (["--rows-from", self.root / "later.txt"], 3, "later.txt, line 4: holds something else than a row number"),
                (["--rows-from", self.root], 3, "is a folder; name a file in it"),
                (["--ids-from", self.root], 3, "is a folder; name a file in it"),
                (["--rows-from", self.root / "none.txt"], 7, "does not exist"),
                (["--rows", "1", "--weighting", "value"], 2, "--weighting"),
                (["--rows", "1", "--weighting", "value:much"], 2, "--weighting"),
                (["--rows", "1", "--weighting", "value:1"], 2, "--values"),
                (["--rows", "1", "--method", "magic"], 2, "newton or ascent"),
                (["--rows", "1", "--method", "ascent"], 2, "--validation"),
                (["--rows", "1", "--step-size", "0.1"], 2, "add --method ascent"),
                (["--rows", "1", "--rule", "decaying"], 2, "add --method ascent"),
                (["--rows", "1", "--tier-at-most", "7"], 2, "retrain"),
                (["--rows", "1", "--require-checkpoint", self.root / "none"], 7, "does not exist")]:
            with self.subTest(arguments=arguments):
                done = self.call("forget", model, *arguments, code=code)
                self.assertIn(says, done.err)
                self.assertEqual(len(done.err.strip().splitlines()), 1, done)
        self.call("forget", self.root / "no.rct", "--rows", "1", code=7)
        self.call("forget", self.root, "--rows", "1", code=7)
        self.assertEqual(self.status(model)["budget"]["releases_used"], 1)

    def test_the_budget_is_spent(self):
        for spent in ("refuse", "retrain"):
            model = self.root / f"{spent}.rct"
            self.fit(model, "--epsilon", "1", "--delta", "1e-5", "--releases", "3", "--sigma", "1", "--on-budget-spent", spent)
            reports = self.forget(model, "--rows", "1,2", "--one-by-one")["deletions"]
            self.assertEqual([r["sequence"]["releases_left"] for r in reports], [1, 0])
            if spent == "refuse":
                report = self.forget(model, "--rows", "3", code=4)
                self.assertEqual((report["state"], report["reason"]), ("rejected", "budget_spent"))
                continue
            for more in (["--weighting", "value:0.1", "--value-method", "knn_shapley", "--validation", self.validation],
                         ["--method", "ascent", "--validation", self.validation], ["--tier-at-most", "0"]):
                done = self.call("forget", model, "--rows", "3", *more, "--json", code=4)
                self.assertEqual((done.json["state"], done.json["reason"]), ("rejected", "budget_spent_needs_retraining"))
                self.assertRegex(done.err, r"^recant: forget: nothing was deleted: the budget is spent, .*: ask without them; [^\n]*\n$")
            old = json.loads((model / "certificates/000003.json").read_text())
            report = self.forget(model, "--rows", "3")
            new = json.loads((model / "certificates/000004.json").read_text())
            self.assertEqual((report["tier"], report["new_enrolment"]), ("retrain", True))
            self.assertNotEqual(new["model_id"], old["model_id"])
            self.assertEqual((new["release"], new["former"]), (1, None))
            self.assertIsNone(self.status(model, "--check")["check"]["fault"])

    def test_by_value(self):
        draw = random.Random(1)
        values = [draw.random() for _ in range(200)]
        (self.root / "v.npy").write_bytes(npy(values))
        rows = ["--rows", "10,20,30,40", "--values", self.root / "v.npy"]
        wide = self.root / "wide.rct"
        self.fit(wide, *BUDGET, "--sigma", "64")
        uniform = self.forget(self.copy(wide), *rows[:2])
        zero = self.forget(self.copy(wide), *rows, "--weighting", "value:0")
        self.assertEqual(zero["bound"]["distance"], uniform["bound"]["distance"])
        report = self.forget(self.copy(wide), *rows, "--weighting", "value:1")
        self.assertEqual(report["alpha"], 1)
        self.assertEqual((report["tier"], report["cheaper"], report["dearer"], list(report["bound"]["tried"])), ("1", None, None, ["1"]))
        said = self.call("forget", self.copy(wide), *rows, "--weighting", "value:1").out
        self.assertRegex(said, r"tier 1: within .* of the model retrained")
        self.assertNotRegex(said, r"would look closer|gave no bound")
        self.assertGreater(report["bound"]["distance"], 2 * report["bound"]["uniform_distance"])
        auto = self.forget(self.copy(wide), *rows, "--weighting", "value:auto")
        self.assertLessEqual(auto["bound"]["distance"], auto["allowance"] / 2 * (1 + 1e-9))
        self.assertGreater(auto["alpha"], 0)
        found = self.forget(self.copy(wide), *rows[:2], "--weighting", "value:1", "--value-method", "knn_shapley", "--validation", self.validation)
        self.assertEqual(found["state"], "certified")
        heuristic = self.forget(self.copy(self.plain), *rows, "--weighting", "value:1")
        self.assertEqual(heuristic["level"], "heuristic")
        self.assert_bounded_by_the_gradient(heuristic, "1")
        self.assertGreater(heuristic["bound"]["distance"], 2 * heuristic["bound"]["uniform_distance"])
        self.assertRegex(self.call("forget", self.copy(self.plain), *rows, "--weighting", "value:1").out, r"uniform deletion: within [0-9.e-]+\n")
        ascent = self.forget(self.copy(self.plain), *rows[:2], "--method", "ascent", "--validation", self.validation)
        self.assertEqual((ascent["level"], ascent["method"]), ("heuristic", "ascent"))
        self.assert_bounded_by_the_gradient(ascent, "1")

    def assert_bounded_by_the_gradient(self, report, tier):
        """What a deletion without a budget says of its bound, here and in the annex; docs/algorithms/certified_deletion.md, "The terms"."""
        bound = report["bound"]
        terms = bound["terms"]
        self.assertEqual((report["tier"], report["cheaper"], report["dearer"], bound["tried"]), (tier, None, None, {tier: bound["distance"]}))
        self.assertEqual((terms["statement"], terms["statement_4"], terms["v_h_norm"], terms["dropped"]), (4, bound["distance"], 0, 0))
        r = terms["r_norm"] + terms["r_sum_rounding"] + terms["r_score_rounding"]
        self.assertAlmostEqual((r / terms["lambda"] * (1 + 1e-9) + 1e-40) / bound["distance"], 1, delta=1e-14)
        self.assertEqual(bound["residual_norm"], terms["r_norm"])
        annex = json.loads(Path(report["annex"]).read_text())
        self.assertEqual((annex["tier"], {term["name"]: float(term["value"]) for term in annex["terms"]}), (tier, terms))

    def test_the_bound_without_a_budget_is_said_with_its_terms(self):
        said = self.call("forget", self.copy(self.plain), "--rows", "10,20").out
        self.assertRegex(said, r"\n  tier retrain: within [0-9.e-]+ of the model retrained without them\n"
                               r"  terms: statement 4, statement_4 [0-9.e-]+, lambda 1, v_h_norm 0, r_norm [0-9.e-]+, "
                               r"r_sum_rounding [0-9.e-]+, r_score_rounding [0-9.e-]+, dropped 0\n")

    def test_a_step_of_ascent_that_is_too_large_deletes_nothing(self):
        features, targets, _, _ = arrays(60, 4)
        flags = []
        for name, values, shape in (("features", features, (60, 3)), ("targets", targets, None),
                                    ("validation-features", features, (60, 3)), ("validation-targets", [y + 5 for y in targets], None)):
            (self.root / f"{name}.npy").write_bytes(npy(values, shape))
            flags.append([f"--{name}", self.root / f"{name}.npy"])
        model = self.root / "squared.rct"
        self.call("fit", *flags[0], *flags[1], "--loss", "squared", "-o", model)
        before = contents(model / "state")
        ascent = ["--rows", "1,2", "--method", "ascent", *flags[2], *flags[3], "--step-size", "1e308", "--request-key", "far"]
        report = self.forget(model, *ascent, code=4)
        self.assertEqual((report["state"], report["reason"], report["tier"], report["level"]), ("rejected", "step_too_large", None, None))
        self.assertEqual(contents(model / "state"), before)
        said = self.call("forget", model, *ascent, code=4).err
        self.assertRegex(said, r"^recant: forget: nothing was deleted: .*give a smaller step size\n$")

    def test_gradient_ascent_under_a_budget(self):
        wide, narrow = self.root / "wide_ascent.rct", self.root / "narrow_ascent.rct"
        self.fit(wide, *BUDGET, "--sigma", "64")
        self.fit(narrow, *BUDGET, "--allowance", "1e-5")
        ascent = ["--rows", "10,20", "--method", "ascent", "--validation", self.validation]
        report = self.forget(wide, *ascent)
        self.assertEqual((report["state"], report["level"], report["method"]), ("certified", "certified", "ascent"))
        self.assertEqual((report["tier"], report["cheaper"], report["dearer"], list(report["bound"]["tried"])), ("1", None, None, ["1"]))
        self.assertLessEqual(report["bound"]["distance"], report["allowance"])
        self.call("verify", report["certificate"], "--annex", report["annex"], "--model", wide, "--public-key", wide / "public-key.json")
        self.assertEqual(json.loads(Path(report["certificate"]).read_text())["level"], "certified")
        before = contents(narrow / "published")
        report = self.forget(narrow, *ascent, code=4)
        self.assertEqual((report["state"], report["reason"]), ("rejected", "above_allowance"))
        self.assertEqual(contents(narrow / "published"), before)

    def test_the_rule_of_gradient_ascent(self):
        ascent = ["--rows", "10,20", "--method", "ascent", "--validation", self.validation, "--step-size", "1e-3", "--max-steps", "4"]
        moved = {rule: self.forget(self.copy(self.plain), *ascent, "--rule", rule)["step_norm"] for rule in ("constant", "decaying")}
        self.assertGreater(moved["decaying"], 0)
        self.assertLess(moved["decaying"], 0.9 * moved["constant"])
        self.assertEqual(self.forget(self.copy(self.plain), *ascent)["step_norm"], moved["constant"])
        done = self.call("forget", self.copy(self.plain), *ascent, "--rule", "rising", code=2)
        self.assertIn("constant or decaying", done.err)
        model = self.copy(self.plain)
        first = self.forget(model, *ascent, "--request-key", "A")
        self.assertTrue(self.forget(model, *ascent, "--request-key", "A")["repeated"])
        self.assertFalse(first["repeated"])
        self.assertEqual((first["stop"], first["steps"]), ("steps", 4))
        for more in (["--rule", "decaying"], ["--clip", "0.5"]):
            done = self.call("forget", model, *ascent, *more, "--request-key", "A", code=2)
            self.assertIn("this key was used for another request", done.err)
        done = self.call("forget", model, "--rows", "11", *ascent[2:-1], "0", code=2)
        self.assertIn("max_steps", done.err)

    def test_the_rows_that_stay_weighted_by_value(self):
        model = self.root / "stay.rct"
        self.fit(model, *BUDGET, "--sigma", "1")
        rows = ["--rows", "10,20,30", "--validation", self.validation]
        report = self.forget(model, *rows, "--weighting", "retained:0.5")
        self.assertEqual((report["state"], report["level"], report["weighting"], report["alpha"]), ("certified", "certified", "retained", 0.5))
        self.assertIn(report["tier"], ("2", "retrain"))
        self.assertIsNone(report["bound"]["uniform_distance"])
        self.assertLessEqual(report["bound"]["distance"], report["allowance"])
        public = json.loads(Path(report["certificate"]).read_text())
        self.assertTrue(any("weighted by their values" in text for text in public["assumptions"]))
        self.call("verify", report["certificate"], "--annex", report["annex"], "--model", model, "--public-key", model / "public-key.json")
        self.assertIn("the rows that stay weighted by value, alpha 0.5", self.call("forget", model, "--rows", "40", *rows[2:], "--weighting", "retained:0.5").out)
        self.assertEqual(self.forget(model, "--rows", "50")["weighting"], "uniform")
        self.assertIsNone(self.status(model, "--check")["check"]["fault"])
        exact = self.forget(self.copy(self.plain), *rows, "--weighting", "retained:0.5")
        self.assertEqual((exact["level"], exact["tier"]), ("exact", "retrain"))
        for more, says in [(["--weighting", "retained:auto"], "no number"), (["--weighting", "retained:"], "retained:ALPHA"),
                           (["--weighting", "retained:1e3"], "alpha: 1000 is so large that a row"),
                           (["--weighting", "retained:1", "--value-method", "influence"], "KNN-Shapley"),
                           (["--weighting", "retained:1", "--method", "ascent"], "use newton")]:
            done = self.call("forget", self.copy(self.plain), *rows, *more, code=2)
            self.assertIn(says, done.err)
        self.assertIn("--validation", self.call("forget", self.copy(self.plain), *rows[:2], "--weighting", "retained:1", code=2).err)

    def test_sampled_values_say_what_they_cost(self):
        done = self.call("forget", self.copy(self.plain), "--rows", "10,20", "--weighting", "value:1", "--value-method", "data_shapley",
                         "--validation", self.validation)
        self.assertRegex(done.err, r"data_shapley draws 1000 samples of sets of 200 rows, while the model folder is locked")

    def test_the_tier_that_is_allowed(self):
        narrow = self.root / "narrow.rct"
        self.fit(narrow, *BUDGET, "--allowance", "1e-7")
        report = self.forget(self.copy(narrow), "--rows", "1,2,3,4", "--tier-at-most", "0", code=4)
        self.assertEqual((report["state"], report["reason"]), ("rejected", "tier_limit"))
        report = self.forget(self.copy(narrow), "--rows", "1,2,3,4")
        self.assertIn(report["tier"], ("1", "2", "retrain"))
        self.assertIsNotNone(report["cheaper"])

    def test_tier_half(self):
        narrow = self.root / "half.rct"
        self.fit(narrow, *BUDGET, "--allowance", "1e-5")
        plain = self.forget(self.copy(narrow), "--rows", "1,2,3,4", "--tier-at-most", "0", code=4)
        self.assertEqual(plain["reason"], "tier_limit", "else this test shows nothing")
        report = self.forget(self.copy(narrow), "--rows", "1", "--tier-at-most", "half", "--third-derivative")
        self.assertEqual((report["state"], report["tier"], report["cheaper"], report["dearer"]), ("certified", "half", "0", "1"))
        self.assertIsNone(report["bound"]["residual_norm"], "no pass was made")
        refused = self.call("forget", self.copy(narrow), "--rows", "1", "--tier-at-most", "half", code=2)
        self.assertIn("--third-derivative", refused.err)

    def test_protection_of_differences(self):
        protected = [*BUDGET, "--allowance", "0.01", "--difference-epsilon", "2", "--difference-delta", "1e-4"]
        planned = self.call("fit", self.train, *FIT, "--l2", "1", *protected, "--difference-step", "0.2", "--plan", "--json").json
        enrolment = planned["enrolment"]
        self.assertEqual(enrolment["outcome"], "planned")
        self.assertIn("--epsilon", self.call("fit", self.train, *FIT, "--plan", code=2).err)
        self.assertEqual(enrolment["budget"]["difference"], {"epsilon": 2, "delta": 1e-4, "step": 0.2})
        self.assertGreater(enrolment["price"]["sigma"], enrolment["price_without_difference"]["sigma"])
        self.assertGreater(enrolment["price"]["rise"], enrolment["price_without_difference"]["rise"])
        text = self.call("fit", self.train, *FIT, *protected, "--difference-step", "0.2", "--plan").out
        self.assertRegex(text, r"two releases that follow each other: epsilon 2, delta 0\.0001, for steps up to 0\.2")
        self.assertRegex(text, r"without that: sigma .*%")
        self.assertRegex(text, r"nothing was written")

        model = self.root / "protected.rct"
        self.fit(model, *protected, "--difference-step", "0.2")
        report = self.forget(model, "--rows", "1")
        self.assertEqual(report["state"], "certified")
        difference = report["difference"]
        self.assertEqual({name: difference[name] for name in ("epsilon", "delta", "step")}, {"epsilon": 2, "delta": 1e-4, "step": 0.2})
        self.assertAlmostEqual(difference["share"], report["step_norm"] / 0.2, 12)
        self.assertTrue(0 < difference["share"] < 1)
        said = self.call("forget", self.copy(model), "--rows", "2").out
        share = re.search(r"(?m)^  who also holds the release before it: epsilon 2, delta 0\.0001, for steps up to 0\.2; this step took ([0-9.]+) % of that$", said)
        self.assertTrue(0 < float(share[1]) < 100, said)
        self.assertIsNone(self.forget(self.copy(self.enrolled), "--rows", "1")["difference"])
        public = json.loads(Path(report["certificate"]).read_text())
        self.assertEqual(float(public["budget"]["difference_step"]), 0.2)
        self.call("verify", report["certificate"], "--model", model, "--public-key", model / "public-key.json")
        self.assertEqual(self.status(model, "--check")["budget"]["difference"]["epsilon"], 2)

        short = self.root / "short.rct"
        self.fit(short, *protected, "--difference-step", "1e-4")
        report = self.forget(short, "--rows", "1", code=4)
        self.assertEqual((report["state"], report["reason"]), ("rejected", "difference_exceeded"))
        said = self.call("forget", short, "--rows", "2", code=4).err
        self.assertIn("allows: by more than 0.0001, the --difference-step of the enrolment", said)
        self.assertEqual(self.status(short, "--check")["budget"]["releases_used"], 1)

        for more, named in [(["--difference-epsilon", "2"], "difference"),
                            (["--difference-epsilon", "0", "--difference-delta", "0.1", "--difference-step", "1"], "difference_epsilon"),
                            (["--difference-epsilon", "1", "--difference-delta", "1", "--difference-step", "1"], "difference_delta")]:
            done = self.call("fit", self.train, *FIT, *BUDGET, "--sigma", "1", *more, "--plan", code=2)
            self.assertIn(named, done.err)
        done = self.call("fit", self.train, *FIT, *BUDGET, "--sigma", "0.01", "--difference-epsilon", "0.1", "--difference-delta",
                         "1e-9", "--difference-step", "1", "--plan", code=4)
        self.assertIn("difference", done.err)

    def test_arrays_and_softmax(self):
        features, targets, groups, weights = arrays(90, 4)
        folder = self.root / "arrays"
        folder.mkdir()
        (folder / "x.npy").write_bytes(npy(features, (90, 3)))
        (folder / "s.npy").write_bytes(npy(groups, descr="<i4"))
        for loss, y in (("logistic", targets), ("squared", features[::3]), ("softmax", [float(i % 3) for i in range(90)])):
            (folder / "y.npy").write_bytes(npy(y))
            model = folder / f"{loss}.rct"
            self.call("fit", "--features", folder / "x.npy", "--targets", folder / "y.npy", "--loss", loss, *BUDGET,
                      "--sigma", "1", "-o", model)
            report = self.forget(model, "--ids", "1,17")
            self.assertEqual(report["level"], "certified")
            self.forget(model, "--ids", "17", code=4)
            self.assertIsNone(self.status(model, "--check")["check"]["fault"])


class Keep(Vaults):
    def test_every_other_command_reads_what_is_left(self):
        model = self.copy(self.enrolled)
        self.forget(model, "--rows", "0,1,2")
        self.call("evaluate", model, self.validation)
        self.call("influence", model, "--validation", self.validation, "--metric", "utility")
        self.call("value", model, "--validation", self.validation, "--method", "knn_shapley")
        plain = self.copy(self.plain)
        self.forget(plain, "--rows", "0,1,2")
        done = self.call("correct", plain, "--validation", self.validation, "--close", "demographic_parity", "--json",
                         "-o", model.parent / "c.rct").json
        self.assertEqual(done["data"]["train"]["rows"], 197, "erased rows are neither counted nor weighted")
        self.call("status", model.parent / "c.rct", "--check")

    def test_a_backup_beside_deletions_is_whole(self):
        model = self.copy(self.enrolled)
        over = threading.Event()
        deleted = []

        def delete():
            for row in itertools.count():
                if over.is_set() or row == 18:  # the budget has 20 releases
                    return
                # Busy while a backup keeps the writers out.
                code = subprocess.run([COMMAND, "forget", model, "--rows", str(row), "-q"], capture_output=True).returncode
                self.assertIn(code, (0, 6))
                deleted.append(code == 0)

        writer = threading.Thread(target=delete)
        writer.start()
        try:
            for i in range(6):
                backup = model.parent / f"backup{i}.rct"
                self.call("backup", model, backup)
                self.assertIsNone(self.status(backup, "--check")["check"]["fault"])
        finally:
            over.set()
            writer.join()
        self.assertGreater(sum(deleted), 0)
        self.assertEqual(self.status(model, "--check")["rows_left"], 200 - sum(deleted))

    def test_backup_and_checkpoint(self):
        model = self.copy(self.enrolled)
        backup = model.parent / "backup.rct"
        self.call("backup", model, backup)
        self.assertIsNone(self.status(backup, "--check")["check"]["fault"])
        self.forget(model, "--rows", "3")
        checkpoint = model.parent / "checkpoint.json"
        self.call("status", model, "--checkpoint", checkpoint)
        self.forget(model, "--rows", "4", "--require-checkpoint", checkpoint)
        done = self.call("forget", backup, "--rows", "4", "--require-checkpoint", checkpoint, code=5)
        self.assertIn("older backup", done.err)
        self.assertEqual(self.status(backup)["rows_left"], 200)
        self.call("backup", model, backup, code=2)
        # The newer ledger makes the deletions again, and counts on.
        newer = model.parent / "newer.sqlite"
        self.call("backup", model, model.parent / "later.rct")
        shutil.copy(model.parent / "later.rct/ledger.sqlite", newer)
        self.call("forget", backup, "--from-ledger", newer)
        status = self.status(backup, "--check")
        self.assertIsNone(status["check"]["fault"])
        self.assertEqual((status["rows_left"], status["budget"]["releases_used"]), (198, 4))
        self.assertEqual((backup / "rows/features.npy").read_bytes(), (model / "rows/features.npy").read_bytes())
        self.forget(backup, "--rows", "5", "--require-checkpoint", checkpoint)
        self.call("forget", self.copy(self.enrolled), "--from-ledger", self.plain / "manifest.json", code=5)

    def newer(self, *rows, base=None):
        """A backup, and a ledger that has deletions of rows since."""
        model = self.copy(base or self.enrolled)
        backup, later, ledger = (model.parent / name for name in ("backup.rct", "later.rct", "newer.sqlite"))
        self.call("backup", model, backup)
        for row in rows:
            self.forget(model, "--rows", row)
        self.call("backup", model, later)
        shutil.copy(later / "ledger.sqlite", ledger)
        return model, backup, ledger

    def refused(self, backup, *arguments, code, says):
        """In one line, with nothing changed or left behind."""
        def there():  # but for files that SQLite makes by being looked at
            return {name: data for name, data in contents(backup).items()
                    if name not in ("lock", "ledger.sqlite-wal", "ledger.sqlite-shm")}
        before = there()
        done = self.call("forget", backup, *arguments, code=code)
        self.assertRegex(done.err, says)
        self.assertEqual(done.err.count("\n"), 1, done.err)
        self.assertEqual(there(), before)
        self.assertEqual(self.status(backup)["rows_left"], 200)

    def test_a_newer_ledger_that_does_not_check_is_not_believed(self):
        _, backup, newer = self.newer("3", "4", "5")
        flip = "CAST(substr({0}, 1, 31) || CASE WHEN substr({0}, 32) = x'00' THEN x'01' ELSE x'00' END AS BLOB)"
        for what, says in (
                (f"erased_rows SET row_hash = {flip.format('row_hash')} WHERE batch = 2", "rows that batch 2 erased"),
                (f"request_rows SET row_hash = {flip.format('row_hash')} WHERE request = 1", "applied"),
                (f"chunks SET hash = {flip.format('hash')} WHERE batch = 3", "prepared"),
                (f"events SET hash = {flip.format('hash')} WHERE seq = 5", "event 5"),
                (f"requests SET content = {flip.format('content')} WHERE id = 2", "request 2"),
                (f"releases SET parameters_hash = {flip.format('parameters_hash')} WHERE batch = 1", "noised"),
                ("batches SET plan = CAST(plan || ' ' AS BLOB) WHERE number = 1", "prepared"),
                ("checkpoints SET signature = zeroblob(64)", "checkpoint"),
                ("enrolments SET statement = CAST(statement || ' ' AS BLOB)", "enrolled")):
            with self.subTest(what):
                damaged = newer.parent / "damaged.sqlite"
                shutil.copy(newer, damaged)
                with changed_ledger(damaged) as ledger:
                    self.assertGreater(ledger.execute(f"UPDATE {what}").rowcount, 0)
                self.refused(backup, "--from-ledger", damaged, code=5, says=rf"damaged\.sqlite.*{says}")
        with self.subTest("a signature that is not the model's, in a chain that holds together"):
            sign_with_zeros(damaged := shutil.copy(newer, newer.parent / "forged.sqlite"))
            self.refused(backup, "--from-ledger", damaged, code=5, says=r"forged\.sqlite.*the signature of the checkpoint")
        self.call("forget", backup, "--from-ledger", newer)
        self.assertEqual(self.status(backup, "--check")["rows_left"], 197)

    def test_a_newer_ledger_contains_the_required_checkpoint(self):
        model, backup, newer = self.newer("3")
        checkpoint = model.parent / "checkpoint.json"
        self.forget(model, "--rows", "4")
        self.call("status", model, "--checkpoint", checkpoint)
        required = ["--require-checkpoint", checkpoint]
        self.refused(backup, "--from-ledger", newer, *required, code=5, says=r"newer\.sqlite.*does not contain the checkpoint")
        text = checkpoint.read_text()
        for name, changed in (("event", text.replace('"releases":3', '"releases":4')),
                              ("signature", text[:-10] + ("0" if text[-10] != "0" else "1") + text[-9:])):
            with self.subTest(name):
                self.assertNotEqual(changed, text)
                (forged := model.parent / "forged.json").write_text(changed)
                self.refused(backup, "--from-ledger", newer, "--require-checkpoint", forged, code=5,
                             says=r"forged\.json.*not signed")
                done = self.call("forget", self.copy(model), "--rows", "9", "--require-checkpoint", forged, code=5)
                self.assertRegex(done.err, r"forged\.json.*not signed")
        self.call("backup", model, model.parent / "newest.rct")
        self.call("forget", backup, "--from-ledger", model.parent / "newest.rct/ledger.sqlite", *required)
        self.assertEqual(self.status(backup, "--check")["rows_left"], 198)

    def test_a_spent_budget_is_an_outcome_of_a_newer_ledger(self):
        self.fit(base := self.root / "two.rct", "--epsilon", "1", "--delta", "1e-5", "--releases", "2", "--sigma", "2")
        _, backup, newer = self.newer("3", base=base)
        self.refused(backup, "--from-ledger", newer, code=4, says="nothing was deleted: the releases .* are used up")

    def test_a_backup_that_went_its_own_way_is_not_brought_up_to_date(self):
        _, backup, newer = self.newer("3")
        self.call("forget", backup, "--ids", "nobody", code=7)
        self.refused(backup, "--from-ledger", newer, code=2, says=r"newer\.sqlite: does not continue the ledger of this model")

    def test_a_newer_ledger_is_refused_by_what_opens_it(self):
        model = self.copy(self.enrolled)
        with changed_ledger(model / "ledger.sqlite") as ledger:
            ledger.execute("PRAGMA user_version = 3")
        def there():  # but for files that SQLite and the lock make by being looked at
            return {name: data for name, data in contents(model).items() if name != "lock" and not name.startswith("ledger.sqlite-")}
        before = there()
        for command in (["status", model], ["forget", model, "--rows", "1"], ["backup", model, model.parent / "b.rct"],
                        ["evaluate", model, self.validation]):
            done = self.call(*command, code=5)
            self.assertRegex(done.err, r"^recant: .*ledger\.sqlite: the ledger has format version 3, and this program "
                                       r"knows none above 2; use a newer recant\n$")
        self.assertEqual(there(), before)
        self.assertFalse((model.parent / "b.rct").exists())

    def test_damage_is_named(self):
        model = self.copy(self.enrolled)
        self.forget(model, "--rows", "3")
        draw = random.Random(2)
        whole = {name: data for name, data in contents(model).items()
                 if data and name != "lock" and not name.startswith("ledger.sqlite-")}
        for name, data in whole.items():
            for _ in range(5):
                damaged = bytearray(data)
                damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
                (model / name).write_bytes(damaged)
                done = run(COMMAND, "status", model, "--check")
                self.assertEqual(done.code, 5, (name, done))
                self.assertIn(Path(name).name, done.err)
            (model / name).write_bytes(data)
        self.call("status", model, "--check")

    @contextlib.contextmanager
    def small_disk(self):
        """A file system of its own with a model on it."""
        if os.geteuid() != 0:
            self.skipTest("SKIPPED: needs root to mount a small file system")
        with tempfile.TemporaryDirectory(dir=self.root) as place:
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode != 0:
                self.skipTest("SKIPPED: may not mount a small file system")
            try:
                shutil.copytree(self.enrolled, Path(place) / "model.rct")
                yield Path(place) / "model.rct"
            finally:
                subprocess.run(["umount", place], check=True)

    def test_a_full_disk(self):
        with self.small_disk() as model:
            whole, failed = contents(model), 0
            for pages in (0, 1, 3, 8, 16, 30):
                with open(model.parent / "filler", "wb", buffering=0) as filler:
                    try:
                        while True:
                            filler.write(b"x" * 4096)
                    except OSError:
                        pass
                    filler.truncate(max(0, filler.tell() // 4096 - pages) * 4096)
                done = run(COMMAND, "forget", model, "--rows", "3", "--request-key", "k")
                self.assertIn(done.code, (0, 3), done)
                if done.code == 3:
                    failed += 1
                    self.assertRegex(done.err, "space|full", done)
                    self.assertEqual(len(done.err.strip().splitlines()), 1, done)
                (model.parent / "filler").unlink()
                self.assertIsNone(self.status(model, "--check")["check"]["fault"])
                report = self.forget(model, "--rows", "3", "--request-key", "k")
                self.assertEqual(report["state"], "certified")
                self.assertEqual(self.status(model, "--check")["budget"]["releases_used"], 2)
                shutil.rmtree(model)
                shutil.copytree(self.enrolled, model)
            self.assertGreaterEqual(failed, 3, "the test fills the disk")
            self.assertEqual(contents(model), whole)

    def test_a_read_only_folder(self):
        with self.small_disk() as model:
            whole = contents(model)
            subprocess.run(["mount", "-o", "remount,ro", model.parent], check=True)
            self.assertIsNone(self.status(model, "--check")["check"]["fault"])
            self.call("evaluate", model, self.validation)
            done = self.call("forget", model, "--rows", "3", code=3)
            self.assertIn("Read-only", done.err)
            self.assertEqual(len(done.err.strip().splitlines()), 1, done)
            self.assertEqual(contents(model), whole)

    def test_one_writer(self):
        import fcntl
        model = self.copy(self.enrolled)
        with open(model / "lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.call("forget", model, "--rows", "3", "--wait", "0", code=6)
            self.assertIn("another process", done.err)
            self.call("status", model)
            self.call("evaluate", model, self.validation)
        self.forget(model, "--rows", "3")


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
