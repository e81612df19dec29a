#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the command promises when nothing is wrong: help, output, files, and that parts agree.

    command_test.py COMMAND [unittest arguments]
"""
import csv
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from command_support import COLUMNS, FIT, arrays, contents, csv_text, npy, read_npy, run, table

COMMAND = ""
COMMON = ["--help", "--json", "--quiet", "--progress", "--threads", "--seed"]
ARRAYS = ["--features", "--targets", "--groups", "--row-weights"]
MEASURED = [f"--{part}{kind}" for part in ("validation", "test") for kind in ("", "-features", "-targets", "-groups")]
MODEL = ["model", "--privileged", "--positive-class"]
TRAINING = ["train", *ARRAYS, "--target", "--positive", "--sensitive", "--privileged", "--drop", "--l2", "--l2-per-row", "--id",
            "--weight", "--schema", "--no-header", "--missing", "--na", "--encoding", "--loss", "--no-intercept", "--tolerance",
            "--max-iterations", "--refine"]
FLAGS = {
    "fit": [*TRAINING, "--output", "--force", "--wait", "--validation", *(f"--validation{kind}" for kind in ("-features", "-targets", "-groups")),
            "--epsilon", "--delta", "--releases", "--sigma", "--allowance", "--utility-price", "--on-budget-spent",
            "--difference-epsilon", "--difference-delta", "--difference-step", "--plan", "--ledger"],
    "forget": ["model", "--wait", "--rows", "--rows-from", "--ids", "--ids-from", "--one-by-one", "--request-key", "--method",
               "--tier-at-most", "--third-derivative", "--ledger", "--requests", "--require-checkpoint", "--from-ledger", "--weighting", "--form", "--values", "--value-method", *MEASURED[:4],
               "--max-steps", "--step-size", "--rule", "--clip"],
    "status": ["model", "--check", "--checkpoint"],
    "backup": ["model", "destination", "--wait"],
    "evaluate": [*MODEL, "data", *ARRAYS[:3], "--radius", "--threshold", "--attack-correct-only"],
    "influence": [*MODEL, *MEASURED[:4], "--metric", "--output"],
    "value": [*MODEL, *MEASURED[:4], "--method", "--neighbors", "--truncate", "--baseline", "--ties", "--features-file", "--validation-features-file",
              "--metric", "--tolerance", "--utility", "--max-samples", "--standard-error", "--truncation", "--alpha", "--beta", "--state-file", "--top", "--flip-check", "--output"],
    "correct": [*MODEL, *MEASURED, "--close", "--keep", "--scheme", "--update", "--bounds", "--count", "--share", "--rounds", "--repay", "--rows",
                "--target-gap", "--kappa", "--kappa-rel", "--output", "--weights", "--force", "--wait"],
    "compare": [*TRAINING, *MEASURED, "--close", "--close-share", "--rounds", "--resamples"],
    "audit": ["model", "--against-retrain", "--membership", "--reconstruction", "--bound", "--annex", "--before",
              *(f"--{part}{kind}" for part in ("deleted", "test") for kind in ("", "-features", "-targets", "-groups")),
              "--shadow-models", "--sigma", "--confidence"]}
# Of each command what a flag needs to be heard: arguments under which it says nothing, with {places}, and the flags
# of which that holds. Where the command refuses them in other words these stand first.
SILENT = r"^recant: {flag}: says nothing to "
COLUMNS_OF_CSV = ["--target", "--sensitive", "--id", "--weight", "--drop", "--schema", "--no-header", "--missing", "--na", "--encoding"]
AS_ARRAYS = ["--features", "{x}", "--targets", "{y}"]
VALIDATION = MEASURED[:4]
SOFT = ["correct", "{model}", "--validation", "{val}", "--close", "demographic_parity"]
HARD = [*SOFT, "--scheme", "hard"]
VALUED = ["value", "{model}", "--validation", "{val}", "--method"]
NEIGHBOURS = ["--neighbors", "--features-file", "--validation-features-file"]
DRAWN = ["--utility", "--max-samples", "--standard-error", "--truncation", "--alpha", "--beta", "--state-file"]
UNHEARD = {
    "fit": [(SILENT, ["fit", *AS_ARRAYS, "-o", "{out}"], COLUMNS_OF_CSV),
            (SILENT, ["fit", "{train}", "--target", "age", "--loss", "squared", "-o", "{out}"], ["--positive"]),
            (SILENT, ["fit", "{train}", *FIT, "-o", "{out}"], ["--wait"]),
            (r"budget", ["fit", "{train}", *FIT, "-o", "{out}"],
             [*VALIDATION, "--epsilon", "--delta", "--releases", "--sigma", "--allowance", "--utility-price", "--on-budget-spent",
              "--difference-epsilon", "--difference-delta", "--difference-step", "--plan", "--ledger"]),
            (r"not both|needs? both", ["fit", "{train}", *FIT, "-o", "{out}"], [*ARRAYS]),
            (r"names no sensitive column", ["fit", *AS_ARRAYS, "-o", "{out}"], ["--privileged"])],
    "compare": [(SILENT, ["compare", *AS_ARRAYS, "--test", "{test}"], COLUMNS_OF_CSV),
                (SILENT, ["compare", "{train}", "--target", "age", "--loss", "squared", "--test", "{test}"], ["--positive"]),
                (r"not both|needs? both", ["compare", "{train}", *FIT, "--test", "{test}"], ARRAYS),
                (r"names no sensitive column", ["compare", *AS_ARRAYS, "--test", "{test}"], ["--privileged"])],
    "forget": [(SILENT, ["forget", "{model}", "--rows", "4"], ["--values", "--value-method", "--form", *VALIDATION]),
               (SILENT, ["forget", "{model}", "--rows", "4", "--weighting", "value:1", "--values", "{y}"], VALIDATION),
               (SILENT, ["forget", "{model}", "--rows", "4", "--weighting", "retained:1", "--validation", "{val}"], ["--third-derivative"]),
               (SILENT, ["forget", "{model}", "--rows", "4", "--tier-at-most", "0"], ["--third-derivative"]),
               (r"is about gradient ascent", ["forget", "{model}", "--rows", "4"], ["--max-steps", "--step-size", "--rule", "--clip"]),
               (r"a budget, and this model has none", ["forget", "{spare}", "--rows", "4"], ["--tier-at-most", "--third-derivative"]),
               (SILENT, ["forget", "{model}", "--from-ledger", "{y}"],
                ["--one-by-one", "--request-key", "--method", "--tier-at-most", "--third-derivative", "--ledger", "--weighting", "--form",
                 "--values", "--value-method", *VALIDATION, "--max-steps", "--step-size", "--rule", "--clip"]),
               (r"none can be named", ["forget", "{model}", "--from-ledger", "{y}"], ["--rows", "--rows-from", "--ids", "--ids-from", "--requests"]),
               (r"names rows and keys itself", ["forget", "{model}", "--requests", "{y}"],
                ["--rows", "--ids", "--one-by-one", "--request-key"])],
    "evaluate": [(SILENT, ["evaluate", "{squared}", "{val}"], ["--threshold", "--radius", "--attack-correct-only"]),
                 (r"only softmax", ["evaluate", "{model}", "{val}"], ["--positive-class"]),
                 (r"not both|needs? both", ["evaluate", "{model}", "{val}"], ARRAYS[:3])],
    "influence": [(SILENT, ["influence", "{model}", "--validation", "{val}", "--metric", "utility"], ["--privileged", "--positive-class"]),
                  (r"not both|needs? both", ["influence", "{model}", "--validation", "{val}", "--metric", "utility"], VALIDATION[1:])],
    "value": [(SILENT, [*VALUED, "knn_shapley"], ["--metric", "--tolerance", "--privileged", "--positive-class", *DRAWN]),
              (SILENT, [*VALUED, "influence"], [*NEIGHBOURS, "--truncate", "--baseline", "--ties", "--tolerance", "--privileged", *DRAWN]),
              (SILENT, [*VALUED, "leave_one_out"], [*NEIGHBOURS, "--truncate", "--baseline", "--ties", "--privileged", *DRAWN]),
              (SILENT, [*VALUED, "data_shapley"], ["--metric", "--tolerance", "--truncate", "--baseline", "--ties", "--alpha", "--beta"]),
              (SILENT, [*VALUED, "data_banzhaf"], ["--truncation"]),
              (SILENT, [*VALUED, "data_shapley", "--utility", "accuracy"], NEIGHBOURS),
              (r"not both|needs? both", [*VALUED, "knn_shapley"], VALIDATION[1:])],
    "correct": [(SILENT, HARD, ["--bounds", "--kappa", "--kappa-rel", "--repay", "--keep"]),
                (SILENT, [*SOFT, "--keep", "none"], ["--repay"]),
                (SILENT, [*SOFT, "--rounds", "1"], ["--repay"]),
                (SILENT, [*SOFT, "--bounds", "none"], ["--repay"]),
                (SILENT, SOFT, ["--force", "--wait"]),
                (SILENT, [*SOFT, "-o", "{out}"], ["--wait"]),
                (r"belong to the hard scheme", SOFT, ["--count", "--share", "--rows"]),
                (r"only softmax", SOFT, ["--positive-class"]),
                (r"not both|needs? both", SOFT, [flag for flag in MEASURED if "-" in flag[2:]])],
    "audit": [(SILENT, ["audit", "{deleted}"], ["--shadow-models", "--confidence"]),
              (SILENT, ["audit", "{deleted}", "--against-retrain"], ["--sigma", "--shadow-models", "--confidence"]),
              (SILENT, ["audit", "{deleted}", "--membership", "--test", "{test}"], ["--sigma"]),
              (r"not both", ["audit", "{deleted}", "--bound", "1"], ["--annex"]),
              (r"needs rows that no model was trained on", ["audit", "{deleted}"], ["--membership"]),
              (r"not both|needs? both", ["audit", "{deleted}", "--deleted", "{test}", "--test", "{test}"],
               [f"--{part}{kind}" for part in ("deleted", "test") for kind in ("-features", "-targets", "-groups")])]}
# Those that are heard whatever else is given.
HEARD = {
    "fit": {"train", "--l2", "--l2-per-row", "--loss", "--no-intercept", "--tolerance", "--max-iterations", "--refine", "--output", "--force"},
    "compare": {"train", *MEASURED, "--l2", "--l2-per-row", "--loss", "--no-intercept", "--tolerance", "--max-iterations", "--refine", "--close",
                "--close-share", "--rounds", "--resamples"},
    "forget": {"model", "--wait", "--require-checkpoint", "--from-ledger"},
    "status": {"model", "--check", "--checkpoint"},
    "backup": {"model", "destination", "--wait"},
    "evaluate": {"model", "data", "--privileged"},
    "influence": {"model", "--validation", "--metric", "--output"},
    "value": {"model", "--validation", "--method", "--top", "--flip-check", "--output"},
    "correct": {"model", "--validation", "--test", "--close", "--scheme", "--update", "--rounds", "--target-gap", "--output", "--weights", "--privileged"},
    "audit": {"model", "--against-retrain", "--reconstruction", "--bound", "--before", "--deleted", "--test"}}
# Something that each flag takes; those that are not here are numbers, or switches.
GIVEN = {"--target": "admitted", "--sensitive": "sex", "--id": "id", "--weight": "w", "--drop": "city", "--schema": "{schema}", "--missing": "error",
         "--na": "x", "--encoding": "reference", "--positive": "yes", "--on-budget-spent": "refuse", "--ledger": "postgresql://localhost/x",
         "--privileged": "sex=male", "--positive-class": "yes", "--value-method": "knn_shapley", "--form": "rank", "--rule": "decaying",
         "--tier-at-most": "1", "--request-key": "k", "--method": "newton", "--weighting": "uniform", "--metric": "utility", "--ties": "shared",
         "--utility": "vote", "--state-file": "{out}", "--bounds": "-1,1", "--keep": "utility", "--rows": "7", "--ids": "7", "--annex": "{val}"}
FILES_GIVEN = ["--values", "--features-file", "--validation-features-file", *ARRAYS, "--rows-from", "--ids-from", "--requests",
               *(f"--{part}{kind}" for part in ("validation", "test", "deleted") for kind in ("", "-features", "-targets", "-groups"))]
SWITCHES = ["--no-header", "--plan", "--force", "--repay", "--third-derivative", "--one-by-one", "--attack-correct-only", "--membership"]
SAMPLED = ["data_shapley", "beta_shapley", "data_banzhaf"]
VALUE_METHODS = ["knn_shapley", "influence", "leave_one_out", *SAMPLED]
GAPS = ["demographic_parity", "equal_opportunity", "equal_opportunity_loss"]


def timeless(value):
    """A JSON object without what the clock says."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key != "seconds"}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def without(flags, *names):
    flags = list(flags)
    for name in names:
        del flags[flags.index(name):flags.index(name) + 2]
    return flags


class World(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.root = Path(tempfile.mkdtemp(prefix="recant-command-"))
        cls.rows = table(400, 21)
        for name, rows in (("train", cls.rows), ("val", table(300, 22)), ("test", table(280, 23))):
            (cls.root / f"{name}.csv").write_text(csv_text(rows))
        cls.train, cls.val, cls.test = (cls.root / f"{name}.csv" for name in ("train", "val", "test"))
        cls.model = cls.root / "model.rct"
        cls.fitted = cls.call("fit", cls.train, *FIT, "-o", cls.model, "--json").json
        cls.deleted = cls.root / "deleted.rct"  # the first 30 rows
        cls.call("correct", cls.model, "--validation", cls.val, "--close", "demographic_parity", "--scheme", "hard", "--rows",
                 ",".join(map(str, range(30))), "--update", "newton", "--rounds", "1", "-o", cls.deleted)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def setUp(self):
        self.out = Path(tempfile.mkdtemp(dir=self.root))

    @classmethod
    def call(cls, *arguments, code=0, **more):
        """Runs what has to end with that exit code."""
        done = run(COMMAND, *arguments, **more)
        if done.code != code:
            raise AssertionError(str(done))
        return done

    def correct(self, *flags, model=None):
        return self.call("correct", model or self.model, "--validation", self.val, *flags, "--json").json


class Output(World):
    def test_help_names_every_flag(self):
        for command, flags in FLAGS.items():
            done = self.call(command, "--help")
            self.assertEqual(done.err, "")
            for flag in [*flags, *COMMON]:
                with self.subTest(f"{command} {flag}"):
                    self.assertRegex(done.out, rf"(^|[\s,]){re.escape(flag)}([\s,=:{{]|$)")
            listed = set(re.findall(r"^\s+(?:-\w,\s*)?(--[a-z0-9-]+)", done.out, re.M))
            self.assertLessEqual(listed, {*flags, *COMMON}, f"{command}: flags that this test does not know")
        main = self.call("--help").out
        for command in FLAGS:
            self.assertRegex(main, rf"(?m)^\s+{command}\s")

    def test_help_in_other_words(self):
        self.assertEqual(self.call("help").out, self.call("--help").out)
        for command in FLAGS:
            self.assertEqual(self.call("help", command).out, self.call(command, "--help").out)

    def test_names_cannot_steer_the_terminal(self):
        """Names of columns, groups, ids and files with line ends and escapes: a person reads them on their own line."""
        ugly = "s\n\x1b[2Jx"
        columns = [ugly if column == "sex" else column for column in COLUMNS]
        rows = [[f"{cell}\n\x1b[1m" if i in (0, 4) else cell for i, cell in enumerate(row)] for row in self.rows]
        for name, part in (("train", rows[:250]), ("val", rows[250:])):
            (self.out / f"{name}\x1b.csv").write_text(csv_text(part, columns))
        train, val, model = self.out / "train\x1b.csv", self.out / "val\x1b.csv", self.out / "a\nb.rct"
        calls = [("fit", train, *(ugly if flag == "sex" else flag for flag in FIT), "-o", model), ("evaluate", model, val),
                 ("influence", model, "--validation", val, "--metric", "demographic_parity", "-o", self.out / "i\n.csv"),
                 ("correct", model, "--validation", val, "--close", "demographic_parity"),
                 ("value", model, "--validation", val, "--method", "knn_shapley", "--top", "2"),
                 ("value", model, "--validation", val, "--method", "knn_shapley"), ("status", model, "--check"),
                 ("status", model, "--checkpoint", self.out / "c\n.json"), ("forget", model, "--rows", "3"), ("backup", model, self.out / "b\n.rct"),
                 ("audit", model), ("verify", model / "certificates/000002.json", "--annex", val)]
        for arguments in calls:
            with self.subTest(arguments[0]):
                done = run(COMMAND, *arguments)
                self.assertRegex(done.out + done.err, r"^[^\x00-\x09\x0b-\x1f\x7f]+$", done)
                self.assertLessEqual(done.err.count("\n"), 1, done)
                self.assertNotRegex(done.out + done.err, r"(?m)^(x|b\.rct|\.csv|\.json)", done)
                if done.code in (0, 4) and arguments[0] in ("evaluate", "fit"):
                    self.assertIn(r"s\n\x1b[2Jx", done.out)

    def test_version(self):
        done = self.call("--version")
        self.assertRegex(done.out, r"^recant \d+\.\d+\.\d+\n$")
        self.assertEqual(done.err, "")
        self.assertEqual(done.out.split()[1], self.fitted["version"])

    def test_only_a_ledger_on_a_server_needs_libpq(self):
        (self.out / "libpq.so.5").write_text("no library")
        broken = {**os.environ, "LD_LIBRARY_PATH": str(self.out)}
        self.call("--version", env=broken)
        self.call("evaluate", self.model, self.val, env=broken)
        done = self.call("fit", self.train, *FIT, "--epsilon", "1", "--delta", "1e-5", "--ledger", "postgresql://nowhere/db",
                         "-o", self.out / "m.rct", env=broken, code=3)
        self.assertRegex(done.err, r"^recant: libpq\.so\.5: cannot be loaded, .*; install PostgreSQL's client library\n$")
        self.assertFalse((self.out / "m.rct").exists())

    def commands(self):
        return {"fit": ("fit", self.train, *FIT, "-o", self.out / "m.rct", "--force"),
                "evaluate": ("evaluate", self.model, self.val),
                "influence": ("influence", self.model, "--validation", self.val, "--metric", "utility"),
                "value": ("value", self.model, "--validation", self.val, "--method", "knn_shapley", "--top", "3", "--flip-check", "0.1"),
                "correct": ("correct", self.model, "--validation", self.val, "--test", self.test, "--close",
                            "demographic_parity", "-o", self.out / "m2.rct", "--force"),
                "compare": ("compare", self.train, "--validation", self.val, "--test", self.test, *without(FIT, "--id"),
                            "--drop", "id", "--resamples", "40"),
                "audit": ("audit", self.deleted, "--test", self.test, "--shadow-models", "4"),
                "status": ("status", self.model)}

    SCHEMAS = {"fit": "fit", "evaluate": "evaluation", "influence": "influence", "value": "values", "correct": "correction", "compare": "comparison", "audit": "audit", "status": "status"}

    def test_json_is_one_object_and_nothing_else(self):
        for name, command in self.commands().items():
            for more in ([], ["--quiet"]):
                with self.subTest(f"{name} {more}"):
                    done = self.call(*command, "--json", *more)
                    self.assertEqual(done.json["schema"], f"recant.{self.SCHEMAS[name]}/1")
                    self.assertTrue(all(isinstance(s, float) for s in done.json["seconds"].values()))
                    self.assertEqual(done.err, "")
                    self.assertNotRegex(done.out, r"\bnan\b|\binf\b|NaN|Infinity")

    def test_a_backup_says_what_it_wrote(self):
        self.assertEqual(self.call("backup", self.model, self.out / "a.rct").out, f"wrote {self.out / 'a.rct'}\n")
        self.assertEqual(self.call("backup", self.model, self.out / "b.rct", "--quiet").out, "")
        enrolled = self.out / "enrolled.rct"
        self.call("fit", self.train, *FIT, "--epsilon", "1", "--delta", "1e-5", "-o", enrolled)
        self.call("forget", enrolled, "--rows", "3,5")
        for model, left in ((self.model, 400), (enrolled, 398)):
            copy = self.out / f"copy-{left}.rct"
            done = self.call("backup", model, copy, "--json")
            status = self.call("status", copy, "--json").json
            self.assertEqual((done.json["schema"], done.json["destination"], done.err), ("recant.backup/1", str(copy), ""))
            self.assertEqual([done.json[key] for key in ("model_id", "rows", "rows_left")], [status["model_id"], 400, left])
            self.assertEqual(done.json["events"], status["ledger"] and status["ledger"]["events"])
            self.assertGreater(done.json["seconds"]["backup"], 0)

    def test_quiet_prints_nothing(self):
        for name, command in self.commands().items():
            with self.subTest(name):
                done = self.call(*command, "--quiet")
                self.assertEqual((done.out, done.err), ("", ""))
                done = self.call(*command)
                self.assertGreater(len(done.out), 20)
                self.assertEqual(done.err, "")

    def test_progress_goes_to_standard_error_only(self):
        for name, command in self.commands().items():
            with self.subTest(name):
                told = self.call(*command, "--json", "--progress", "always")
                silent = self.call(*command, "--json", "--progress", "never")
                self.assertEqual(timeless(told.json), timeless(silent.json))
                self.assertEqual(silent.err, "")
                if name in ("fit", "value", "correct", "compare"):
                    self.assertIn("\r", told.err)
                    self.assertTrue(told.err.endswith("\r\x1b[K"), repr(told.err[-40:]))
                self.assertNotIn("\n", told.err)

    def test_json_carries_whole_doubles(self):
        theta = read_npy(self.model / "state/0/theta.npy")
        self.assertEqual([*self.fitted["coefficients"], self.fitted["intercept"]], theta)


class Unheard(World):
    """A flag that nothing listens to is a mistake about what will happen: it is refused before anything does."""

    def test_every_flag_is_heard_or_has_its_case(self):
        for command, flags in FLAGS.items():
            cases = {flag for _, _, silent in UNHEARD.get(command, []) for flag in silent}
            self.assertEqual(sorted(set(flags) - cases - HEARD[command]), [], f"{command}: flags that no case knows")
            self.assertLessEqual(cases | HEARD[command], set(flags), command)

    def test_a_flag_that_says_nothing_is_refused(self):
        features, targets, _, _ = arrays(60, 5)
        (self.root / "x.npy").write_bytes(npy(features, (60, 3)))
        (self.root / "y.npy").write_bytes(npy(targets))
        (self.root / "schema.json").write_text("{}")
        squared = self.root / "squared.rct"
        self.call("fit", self.train, "--target", "age", "--loss", "squared", "--drop", "id", "-o", squared)
        places = {"x": self.root / "x.npy", "y": self.root / "y.npy", "train": self.train, "val": self.val, "test": self.test, "model": self.model,
                  "deleted": self.deleted, "squared": squared, "schema": self.root / "schema.json", "out": self.out / "new.rct"}
        places["spare"] = self.root / "spare.rct"  # which is opened before its ledger says that it has no budget
        shutil.copytree(self.model, places["spare"])
        models = [contents(model) for model in (self.model, self.deleted)]
        tried = 0
        for cases in UNHEARD.values():
            for says, arguments, flags in cases:
                for flag in flags:
                    text = GIVEN.get(flag, "{y}" if flag in FILES_GIVEN else "0.5" if flag not in ("--neighbors", "--max-samples", "--shadow-models",
                                                                                                   "--releases", "--max-steps", "--count") else "8")
                    given = [flag] if flag in SWITCHES else [f"{flag}={text}"]
                    filled = [str(part).format(**places) for part in (*arguments, *given)]
                    with self.subTest(" ".join(filled)):
                        tried += 1
                        done = self.call(*filled, code=2)
                        self.assertRegex(done.err, says.format(flag=re.escape(flag)), done)
                        self.assertEqual(list(self.out.iterdir()), [], done)
        self.assertGreater(tried, 150)
        self.assertEqual([contents(model) for model in (self.model, self.deleted)], models)

    def test_what_is_heard_after_all_is_taken(self):
        for flags in (["--keep", "none"], ["--keep", "utility:0.5"]):
            self.call(*(part.format(model=self.model, val=self.val) for part in HARD), "--rounds", "1", *flags)
        self.call("influence", self.model, "--validation", self.val, "--metric", "demographic_parity", "--privileged", "sex=male")


class Threads(World):
    def test_the_same_bytes_for_any_number(self):
        """Enough rows for many blocks, so that the order of a sum could differ."""
        big = self.out / "big.csv"
        big.write_text(csv_text(table(6000, 24)))
        first = None
        for threads in (1, 2, 4):
            folder = self.out / f"threads{threads}"
            folder.mkdir()
            more = ["--threads", threads, "--json"]
            fit = self.call("fit", big, *FIT, "-o", folder / "m.rct", *more).json
            influence = self.call("influence", folder / "m.rct", "--validation", self.val, "--metric", "demographic_parity",
                                 "-o", folder / "i.npy", *more).json
            values = [self.call("value", folder / "m.rct", "--validation", self.val, "--method", method, "--flip-check", "0.05", "--top", "5",
                                *(["--max-samples", "40"] if method in SAMPLED else []), "-o", folder / f"{method}.npy", *more).json for method in VALUE_METHODS]
            correct = self.call("correct", folder / "m.rct", "--validation", self.val, "--test", self.test, "--close",
                               "demographic_parity", "-o", folder / "m2.rct", "--weights", folder / "w.csv", *more).json
            compare = self.call("compare", big, "--test", self.test, *without(FIT, "--id"), "--drop", "id", "--resamples", "40", *more).json
            result = [timeless(fit), timeless(influence), timeless(values), timeless(correct), timeless(compare)], contents(folder)
            first = first or result
            self.assertTrue(result == first, f"--threads {threads} gives other bytes than --threads 1")

    def threads_at_work(self, environment):
        """Of a fit that has read more than a pipe holds, so that it is at work, and waits for the rest."""
        text = csv_text(table(6000, 25)).encode()
        with subprocess.Popen([COMMAND, "fit", "-", *FIT, "-o", self.out / "m.rct", "--force", "--threads", "1", "-q"],
                              env=environment, stdin=subprocess.PIPE) as process:
            process.stdin.write(text)
            process.stdin.flush()
            threads = len(os.listdir(f"/proc/{process.pid}/task"))
            process.stdin.close()
        self.assertEqual(process.returncode, 0)
        return threads

    def test_blas_has_none_of_its_own(self):
        """OpenBLAS starts one for every further processor, unless it is told not to, and each spins."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
        self.assertEqual(self.threads_at_work(environment), self.threads_at_work({**environment, "OPENBLAS_NUM_THREADS": "1"}))

    def test_another_input_gives_other_bytes(self):
        """Else the comparison above could not fail."""
        other = self.out / "other.rct"
        self.call("fit", self.train, *FIT, "--l2", "1.000001", "-o", other)
        self.assertNotEqual(contents(other), contents(self.model))


class Audit(World):
    def audit(self, *flags, code=0):
        return timeless(self.call("audit", self.deleted, *flags, "--json", code=code).json)

    def test_says_how_far_retraining_is(self):
        found = self.audit("--against-retrain")
        self.assertEqual((found["rows"], found["deleted_rows"], found["test_rows"]), (370, 30, 0))
        self.assertIsNone(found["membership"])
        self.assertIsNone(found["reconstruction"])
        self.assertEqual(len(found["sentences"]), 1)
        # The retrained model by another way: fitted on the rows that are left, in arrays.
        distance = found["retraining"]["distance"]
        polished = self.out / "polished.rct"
        self.call("correct", self.model, "--validation", self.val, "--close", "demographic_parity", "--scheme", "hard", "--rows",
                  ",".join(map(str, range(30))), "--update", "polish", "--rounds", "1", "-o", polished)
        apart = math.dist(read_npy(polished / "state/0/theta.npy"), read_npy(self.deleted / "state/0/theta.npy"))
        self.assertAlmostEqual(distance, apart, delta=1e-6 * apart)
        self.assertEqual(self.audit("--bound", 2 * distance)["retraining"]["verdict"], "holds")
        broken = self.audit("--bound", distance / 2, code=4)
        self.assertEqual(broken["retraining"]["verdict"], "broken")

    def test_rows_from_outside_are_those_inside(self):
        gone = self.out / "gone.csv"
        gone.write_text(csv_text(self.rows[:30]))
        inside = self.audit("--test", self.test, "--shadow-models", "4", "--sigma", "0.1")
        self.assertEqual(self.audit("--test", self.test, "--shadow-models", "4", "--sigma", "0.1", "--deleted", gone), inside)
        before = self.audit("--test", self.test, "--shadow-models", "4", "--sigma", "0.1", "--before", self.model)
        self.assertEqual((inside["original_model"], before["original_model"]), ("trained", "given"))
        self.assertEqual(len(before["membership"]["attacks"]), 2)
        self.assertEqual(before["reconstruction"]["noisy"][0]["sigma"], 0.1)
        self.assertAlmostEqual(before["reconstruction"]["cosine"], inside["reconstruction"]["cosine"], delta=1e-4)

    def test_claims_come_from_the_annex_of_the_newest_certificate(self):
        model, other = self.out / "m.rct", self.out / "other.rct"
        for folder in (model, other):
            self.call("fit", self.train, *FIT, "--epsilon", "1", "--delta", "1e-5", "-o", folder)
            report = self.call("forget", folder, "--rows", "3,5", "--json").json
        annex = model / "certificates/000002.annex.json"
        found = self.call("audit", model, "--annex", annex, "--json").json["retraining"]
        self.assertEqual(found["verdict"], "holds")
        self.assertEqual(found["bound"], float(json.loads(annex.read_text())["bound"]))
        edited = self.out / "annex.json"
        edited.write_text(re.sub(r'"bound":"[^"]*"', '"bound":"9e+99"', annex.read_text()))
        example = Path(__file__).resolve().parents[2] / "examples" / "certificate" / "annex.json"
        for file, says in ((report["annex"], "is the annex of another model"), (example, "is the annex of another model"),
                           (model / "certificates/000001.annex.json", "is the annex of release 1, but the model is release 2"),
                           (edited, "is not the annex that the certificate is bound to")):
            done = self.call("audit", model, "--annex", file, code=5)
            self.assertRegex(done.err, rf"^recant: \S+json: {says}; take the annex of release 2 in \S+certificates\n$")

    def test_one_deleted_row_leaves_membership_out(self):
        one = self.out / "one.rct"
        self.call("correct", self.model, "--validation", self.val, "--close", "demographic_parity", "--scheme", "hard", "--rows", "7",
                  "--update", "polish", "--rounds", "1", "-o", one)
        done = self.call("audit", one, "--before", self.model, "--test", self.test, "--json")
        self.assertIsNone(done.json["membership"])
        self.assertIn("2 deleted rows", done.err)
        self.assertGreater(done.json["reconstruction"]["cosine"], 0.999)

    def test_a_person_reads_a_table_and_sentences(self):
        done = self.call("audit", self.deleted, "--test", self.test, "--shadow-models", "4")
        self.assertRegex(done.out, r"(?m)^\s+original\s+audited\s+retrained$")
        for line in ("accuracy on test", "loss: AUC of deleted rows", "lira: TPR at 0.1 % FPR, deleted rows"):
            self.assertIn(line, done.out)
        self.assertIn("Trained again on the 370 rows that are left, without the 30 deleted rows", done.out)
        found = self.audit("--test", self.test, "--shadow-models", "4")
        rows, sentences = [line for line in done.out.splitlines() if line.startswith("  ")][1:], found["sentences"]
        legend = rows.pop()
        self.assertEqual(len(rows), 13)
        self.assertEqual(done.out.splitlines()[-len(sentences):], sentences)
        # The distance first, then a sentence for every row of the table with its figure of the audited model.
        for row, sentence in zip(rows, sentences[1:], strict=False):
            label, cells = row.split("  ")[1], row.split("  ")[2:]
            audited = [cell.strip() for cell in cells if cell.strip()][1]
            figure = audited.split(" ")[0]
            if label.startswith("same label"):
                rate = found["retraining"]["unlearned_agreement"]["same_label"]
                self.assertEqual(f"{rate['value']:.3f}", figure)
                figure = f"{rate['hits']} of {rate['trials']}"
            elif label.startswith("mean loss"):
                figure = figure.rstrip("0")[:-1]  # rounded differently
            self.assertIn(figure, sentence, row)
            self.assertEqual(audited.endswith("*"), "not resolved" in sentence, row)
        marked = [row for row in rows if row.endswith("*")]
        points = [attack["unlearned"]["deleted"][name] for attack in found["membership"]["attacks"]
                  for name in ("at_one_percent", "at_one_in_thousand")]
        self.assertEqual(len(marked), sum(not point["resolved"] for point in points))
        self.assertGreater(len(marked), 0, "else this test shows nothing")
        self.assertRegex(legend, r"^  \* not resolved")


class Files(World):
    def weights(self, name, *flags):
        path = self.out / name
        done = self.correct("--close", "demographic_parity", "--weights", path, *flags)
        return done, path

    def test_no_output_replaces_what_another_flag_reads(self):
        file, link = self.out / "rows.npy", self.out / "link.npy"
        link.symlink_to(file)
        tried = 0
        for command, start in (("fit", []), ("influence", [self.model, "--metric", "utility"]), ("value", [self.model, "--method", "knn_shapley"]),
                               ("correct", [self.model, "--close", "demographic_parity"])):
            for read in sorted({*FILES_GIVEN, "--schema", "train"} & set(FLAGS[command])):
                for output in sorted({"--output", "--weights", "--state-file"} & set(FLAGS[command])):
                    for name in (file, link):
                        with self.subTest(f"{command} {read} {output} {name.name}"):
                            tried += 1
                            file.write_text("kept")
                            given = [file] if read == "train" else [f"{read}={file}"]
                            done = self.call(command, *start, *given, output, name, code=2)
                            self.assertRegex(done.err, rf"^recant: \S+npy: {output} would replace what {read} reads; choose another name\n$")
                            self.assertEqual(file.read_text(), "kept")
        self.assertGreater(tried, 60)

    def test_weights_as_csv_and_npy_agree(self):
        done, path = self.weights("w.csv")
        again, array = self.weights("w.npy")
        self.assertEqual(timeless(done), timeless(again))
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        values = [float(row["weight"]) for row in rows]
        self.assertEqual(values, read_npy(array))
        self.assertEqual([int(row["row"]) for row in rows], list(range(400)))
        self.assertEqual([row["id"] for row in rows], [row[0] for row in self.rows])
        changes = [w - 1 for w in values]
        self.assertAlmostEqual(min(changes), done["weights"]["min"], 12)
        self.assertAlmostEqual(max(changes), done["weights"]["max"], 12)
        self.assertAlmostEqual(math.sqrt(sum(d * d for d in changes)), done["weights"]["norm2"], 10)

    def test_influences_as_csv_and_npy_agree(self):
        for name in ("i.csv", "i.npy"):
            done = self.call("influence", self.model, "--validation", self.val, "--metric", "utility", "-o", self.out / name, "--json").json
        with open(self.out / "i.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        values = read_npy(self.out / "i.npy")
        self.assertEqual([float(row["influence"]) for row in rows], values)
        self.assertEqual([row["id"] for row in rows], [row[0] for row in self.rows])
        self.assertEqual((values[done["argmin"]], values[done["argmax"]]), (min(values), max(values)))
        self.assertEqual((values[done["argmin"]], values[done["argmax"]], len(values)), (done["min"], done["max"], done["count"]))

    def value(self, *flags, model=None):
        return self.call("value", model or self.model, "--validation", self.val, *flags, "--json").json

    def test_values_as_csv_and_npy_agree(self):
        for name in ("v.csv", "v.npy"):
            done = self.value("--method", "knn_shapley", "--neighbors", "7", "--top", "4", "-o", self.out / name)
        with open(self.out / "v.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        values = read_npy(self.out / "v.npy")
        self.assertEqual(list(rows[0]), ["row", "id", "value"])
        self.assertEqual([float(row["value"]) for row in rows], values)
        self.assertEqual([row["id"] for row in rows], [row[0] for row in self.rows])
        self.assertAlmostEqual(done["total"], math.fsum(values), 12)
        self.assertAlmostEqual(done["sum"], done["total"], 12)
        best = sorted(range(400), key=lambda i: (-values[i], i))[:4]
        self.assertEqual([row["row"] for row in done["highest"]], best)
        self.assertEqual([row["id"] for row in done["highest"]], [self.rows[i][0] for i in best])
        self.assertEqual([row["value"] for row in done["lowest"]], sorted(values)[:4])
        self.assertEqual((done["standard_error_max"], done["error_bound"], done["flip_check"]), (None, 0, None))

    def test_truncated_values_are_within_their_bound(self):
        self.value("--method", "knn_shapley", "-o", self.out / "exact.npy")
        done = self.value("--method", "knn_shapley", "--truncate", "0.05", "-o", self.out / "rough.npy")
        errors = [abs(a - b) for a, b in zip(read_npy(self.out / "exact.npy"), read_npy(self.out / "rough.npy"))]
        self.assertLess(done["error_bound"], 0.05)
        self.assertLessEqual(max(errors), done["error_bound"])
        self.assertGreater(max(errors), 0)
        self.assertIsNone(done["total"])

    def test_values_of_squared_loss_are_of_the_squared_error(self):
        data = [(float(row[2]), float(row[1])) for row in self.rows]
        text = csv_text([[f"{x!r}", f"{y!r}"] for x, y in data], ["x", "y"])
        (self.out / "t.csv").write_text(text)
        self.call("fit", self.out / "t.csv", "--target", "y", "--loss", "squared", "-o", self.out / "m.rct")
        done = self.call("value", self.out / "m.rct", "--validation", self.out / "t.csv", "--method", "knn_shapley", "--neighbors", "1", "--json").json
        # Every row is its own nearest, but for equal x, so that little of the error is left.
        mean = math.fsum(y for _, y in data) / 400
        self.assertAlmostEqual(done["baseline"], mean, 10)
        self.assertEqual(done["utility"], "squared_error")
        spread = math.fsum((y - mean) ** 2 for _, y in data) / 400
        self.assertGreater(done["total"], 0.9 * spread)
        self.assertLessEqual(done["total"], spread)
        none = self.call("value", self.out / "m.rct", "--validation", self.out / "t.csv", "--method", "knn_shapley", "--baseline", "0", "--json").json
        self.assertEqual(none["baseline"], 0)

    def test_embeddings_of_the_user(self):
        """The model's own features given as files change nothing; others do."""
        x, y, _, _ = arrays(60, 51)
        v, w, _, _ = arrays(40, 52)
        for name, values, shape in (("x", x, (60, 3)), ("y", y, None), ("v", v, (40, 3)), ("w", w, None), ("z", [a * a for a in x], (60, 3))):
            (self.out / f"{name}.npy").write_bytes(npy(values, shape))
        files = {name: self.out / f"{name}.npy" for name in "xyvwz"}
        self.call("fit", "--features", files["x"], "--targets", files["y"], "-o", self.out / "m.rct")
        base = ["value", self.out / "m.rct", "--validation-features", files["v"], "--validation-targets", files["w"], "--method", "knn_shapley", "--json"]
        plain = timeless(self.call(*base).json)
        self.assertEqual(timeless(self.call(*base, "--features-file", files["x"], "--validation-features-file", files["v"]).json), plain)
        self.assertNotEqual(timeless(self.call(*base, "--features-file", files["z"], "--validation-features-file", files["v"]).json), plain)

    def test_a_flip_check_is_seeded(self):
        check = [self.value("--method", "influence", "--flip-check", "0.1", "--seed", seed)["flip_check"] for seed in ("3", "3", "4")]
        self.assertEqual(check[0], check[1])
        self.assertNotEqual(check[0], check[2])
        self.assertEqual((check[0]["rows"], check[0]["flipped"]), (400, 40))
        self.assertGreater(check[0]["area"], 0.55)

    def test_sampling_goes_on_from_its_state_file(self):
        base = ["--method", "data_banzhaf", "--seed", "5"]
        once = self.value(*base, "--max-samples", "600", "-o", self.out / "once.npy")
        self.value(*base, "--max-samples", "200", "--state-file", self.out / "state")
        then = self.value(*base, "--max-samples", "600", "--state-file", self.out / "state", "-o", self.out / "then.npy")
        self.assertEqual((once["sampling"]["resumed"], then["sampling"]["resumed"]), (0, 200))
        self.assertEqual(read_npy(self.out / "once.npy"), read_npy(self.out / "then.npy"))
        self.value(*base, "--max-samples", "600", "-o", self.out / "v.csv")
        rows = list(csv.DictReader((self.out / "v.csv").read_text().splitlines()))
        self.assertEqual(list(rows[0]), ["row", "id", "value", "standard_error"])
        self.assertEqual(max(float(row["standard_error"]) for row in rows), once["standard_error_max"])

    def test_an_interrupt_keeps_the_samples_drawn(self):
        state = self.out / "state"
        base = ["--method", "data_shapley", "--utility", "log_loss", "--seed", "5"]
        command = [COMMAND, "value", self.model, "--validation", self.val, *base, "--max-samples", "100000000", "--state-file", state, "--progress", "always"]
        with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as program:
            seen = b""
            while b"of 100000000" not in seen:  # some have been drawn
                read = program.stderr.read(1)
                self.assertTrue(read, seen)
                seen += read
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=60)
        self.assertEqual(program.returncode, 128 + signal.SIGINT)
        then = self.value(*base, "--max-samples", "2", "--state-file", state)
        self.assertGreater(then["sampling"]["resumed"], 0)

    def test_a_standard_error_that_is_not_reached_is_an_outcome(self):
        base = ["value", self.model, "--validation", self.val, "--method", "data_shapley", "--max-samples", "64", "--json"]
        done = self.call(*base, "--standard-error", "1e-9", code=4)
        self.assertFalse(done.json["sampling"]["precise"])
        self.assertTrue(self.call(*base, "--standard-error", "1").json["sampling"]["precise"])

    def test_leaving_out_says_how_well_influences_predict_it(self):
        left = self.value("--method", "leave_one_out", "--metric", "demographic_parity", "-o", self.out / "l.npy")
        self.value("--method", "influence", "--metric", "demographic_parity", "-o", self.out / "i.npy")
        both = list(zip(read_npy(self.out / "l.npy"), read_npy(self.out / "i.npy")))
        worst = left["leave_one_out"]["influence"]["worst"]
        self.assertGreater(left["leave_one_out"]["influence"]["pearson"], 0.9)
        self.assertAlmostEqual(left["leave_one_out"]["influence"]["largest_error"], abs(both[worst][0] - both[worst][1]), 9)

    def test_deleted_rows_have_no_value(self):
        self.call("correct", self.model, "--validation", self.val, "--close", "demographic_parity", "--scheme", "hard", "--rows", "3,8",
                  "-o", self.out / "m.rct")
        self.value("--method", "knn_shapley", "-o", self.out / "v.npy", model=self.out / "m.rct")
        values = read_npy(self.out / "v.npy")
        self.assertEqual((values[3], values[8]), (0, 0))
        self.assertEqual(values.count(0), 2)

    def test_differing_weights_are_warned_of(self):
        self.call("correct", self.model, "--validation", self.val, "--close", "demographic_parity", "-o", self.out / "m.rct")
        done = self.call("value", self.out / "m.rct", "--validation", self.val, "--method", "knn_shapley", "--json")
        self.assertTrue(done.json["weights_ignored"])
        self.assertIn("the row weights differ, which knn_shapley does not look at", done.err)
        self.assertFalse(self.value("--method", "knn_shapley")["weights_ignored"])

    def test_ids_that_need_quotes(self):
        rows = table(60, 31)
        rows[3][0], rows[7][0], rows[9][0] = 'a,"b"', "two\nlines", "æ"
        (self.out / "t.csv").write_text(csv_text(rows), encoding="utf-8")
        self.call("fit", self.out / "t.csv", *FIT, "-o", self.out / "m.rct")
        self.correct("--close", "demographic_parity", "--weights", self.out / "w.csv", model=self.out / "m.rct")
        with open(self.out / "w.csv", newline="", encoding="utf-8") as file:
            self.assertEqual([row["id"] for row in csv.DictReader(file)], [row[0] for row in rows])

    def test_rows_keep_their_numbers_after_dropped_ones(self):
        rows = table(80, 32)
        for i in (0, 5, 6, 79):
            rows[i][1] = "?"
        (self.out / "t.csv").write_text(csv_text(rows))
        fitted = self.call("fit", self.out / "t.csv", *without(FIT, "--id"), "--drop", "id", "-o", self.out / "m.rct", "--json").json
        self.assertEqual((fitted["rows"], fitted["rows_dropped"]), (76, 4))
        self.correct("--close", "demographic_parity", "--weights", self.out / "w.csv", model=self.out / "m.rct")
        with open(self.out / "w.csv", newline="") as file:
            self.assertEqual([int(row["id"]) for row in csv.DictReader(file)],
                             [i + 1 for i in range(80) if i not in (0, 5, 6, 79)])


class Agreement(World):
    def metrics(self, model, data, *flags):
        return self.call("evaluate", model, data, *flags, "--json").json["metrics"]

    def close(self, got, want, tolerance, what=""):
        if isinstance(want, dict):
            self.assertEqual(set(got), set(want), what)
            for key in want:
                self.close(got[key], want[key], tolerance, f"{what}.{key}")
        elif isinstance(want, float):
            self.assertLessEqual(abs(got - want), tolerance * max(1, abs(want)), f"{what}: {got} and {want}")
        else:
            self.assertEqual(got, want, what)

    def test_evaluate_reads_the_folder_as_fit_left_it(self):
        self.close(self.metrics(self.model, self.train), self.fitted["metrics"], 1e-12)

    def test_privileged_flips_the_sign(self):
        male, female = (self.metrics(self.model, self.val, "--privileged", f"sex={group}") for group in ("male", "female"))
        for gap in [*GAPS, "demographic_parity_hard", "equal_opportunity_hard"]:
            self.assertNotEqual(male[gap], 0)
            self.assertAlmostEqual(male[gap], -female[gap], 14, gap)
        self.assertEqual((male["privileged"], female["privileged"]), ("male", "female"))
        self.assertEqual(male["log_loss_sum"], female["log_loss_sum"])
        self.assertEqual(self.metrics(self.model, self.val), male)  # has the higher rate in training

    def test_several_sensitive_columns(self):
        model = self.out / "m.rct"
        flags = [*without(FIT, "--sensitive", "--drop"), "--sensitive", "sex,region", "--drop", "w,region"]
        self.call("fit", self.train, *flags, "-o", model)
        both, one = self.metrics(model, self.val), self.metrics(self.model, self.val)
        for gap in [*GAPS, "equalized_odds", "groups", "privileged"]:
            self.assertEqual(list(both[gap]), ["sex", "region"])
            self.close(both[gap]["sex"], one[gap], 1e-12, gap)
        scores = [both["groups"]["region"][g] for g in ("north", "south", "west")]
        self.assertEqual(sum(group["rows"] for group in scores), 300)
        # Of several groups the gap is the largest of one minus all others.
        gaps = []
        for i, group in enumerate(scores):
            others = [g for j, g in enumerate(scores) if j != i]
            rest = sum(g["mean_score"] * g["rows"] for g in others) / sum(g["rows"] for g in others)
            gaps.append(group["mean_score"] - rest)
        self.assertAlmostEqual(abs(both["demographic_parity"]["region"]), max(map(abs, gaps)), 12)
        self.assertEqual(["north", "south", "west"].index(both["privileged"]["region"]),
                         max(range(3), key=lambda i: abs(gaps[i])))
        done = self.correct("--close", "demographic_parity:region", "--keep", "none", model=model)
        self.assertLess(abs(done["after"]["validation"]["metrics"]["demographic_parity"]["region"]),
                        0.1 * abs(both["demographic_parity"]["region"]))

    def test_softmax_with_positive(self):
        model = self.out / "m.rct"
        flags = ["--target", "city", "--loss", "softmax", "--sensitive", "sex", "--drop", "region,w,id"]
        fitted = self.call("fit", self.train, *flags, "--positive", "rome", "-o", model, "--json").json
        self.assertEqual(fitted["classes"], ["lima", "oslo", "rome"])
        self.assertEqual((len(fitted["coefficients"]), len(fitted["intercept"])), (3, 3))
        rates = [float(row[3] == "rome") for row in self.rows if row[4] == "male"]
        self.assertAlmostEqual(fitted["metrics"]["groups"]["male"]["positive_rate"], sum(rates) / len(rates), 14)
        lima = self.metrics(model, self.val, "--positive-class", "lima")
        rome = self.metrics(model, self.val)
        self.assertNotEqual(lima["demographic_parity"], rome["demographic_parity"])
        self.assertEqual(lima["log_loss_sum"], rome["log_loss_sum"])
        done = self.correct("--close", "demographic_parity", model=model)
        self.assertLess(abs(done["after"]["validation"]["metrics"]["demographic_parity"]), abs(rome["demographic_parity"]))

    def test_squared_loss(self):
        """Against the closed form of one standardised feature."""
        data = [(float(row[2]), float(row[1])) for row in self.rows]
        (self.out / "t.csv").write_text(csv_text([[f"{x!r}", f"{y!r}"] for x, y in data], ["x", "y"]))
        fitted = self.call("fit", self.out / "t.csv", "--target", "y", "--loss", "squared", "--l2", "2.5", "--no-intercept",
                          "-o", self.out / "m.rct", "--json").json
        n = len(data)
        mean = math.fsum(x for x, _ in data) / n
        scale = math.sqrt(math.fsum((x - mean) ** 2 for x, _ in data) / n)
        slope = math.fsum((x - mean) / scale * y for x, y in data) / (n + 2.5)
        self.assertAlmostEqual(fitted["coefficients"][0] / slope, 1, 11)
        self.assertIsNone(fitted["metrics"]["accuracy"])

    def test_the_corrected_folder_is_what_the_correction_measured(self):
        for update in ("polish", "influence", "newton"):
            with self.subTest(update):
                target = self.out / f"{update}.rct"
                done = self.correct("--close", "demographic_parity", "--test", self.test, "--update", update, "-o", target)
                for part, data in (("train", self.train), ("validation", self.val), ("test", self.test)):
                    before, after = self.metrics(self.model, data), self.metrics(target, data)
                    # How the points of the transferred attack were made is not part of a model.
                    for metrics in (after, done["after"][part]["metrics"]):
                        metrics.pop("transferred_robust_loss")
                    self.close(done["before"][part]["metrics"], before, 1e-12)
                    self.close(after, done["after"][part]["metrics"], 1e-12)
                for name, change in done["actual_change"].items():
                    if name in GAPS:
                        was, is_ = (done[when]["validation"]["metrics"][name] for when in ("before", "after"))
                        self.assertAlmostEqual(change, is_ - was, 12)

    def test_corrected_weights_train_the_same_model(self):
        target = self.out / "m2.rct"
        done = self.correct("--close", "demographic_parity", "-o", target, "--weights", self.out / "w.csv")
        self.assertGreater(done["weights"]["nonzero"], 0)
        with open(self.out / "w.csv", newline="") as file:
            weights = [row["weight"] for row in csv.DictReader(file)]
        self.assertGreaterEqual(min(map(float, weights)), 0)
        rows = [row[:6] + [weight] + row[7:] for row, weight in zip(self.rows, weights)]
        (self.out / "t.csv").write_text(csv_text(rows))
        fit = ["fit", self.out / "t.csv", *without(FIT, "--drop"), "--drop", "region"]
        again = self.call(*fit, "--weight", "w", "-o", self.out / "again.rct", "--json").json
        self.close(self.metrics(self.out / "again.rct", self.test), self.metrics(target, self.test), 1e-8)
        for a, b in zip([*again["coefficients"], again["intercept"]], [*done["coefficients"], done["intercept"]]):
            self.assertLess(abs(a - b), 1e-8)
        self.assertGreater(max(abs(a - b) for a, b in zip(again["coefficients"], self.fitted["coefficients"])), 1e-3)

    def test_weight_2_is_a_row_twice(self):
        x, y, _, w = arrays(50, 41)
        w = [float(1 + i % 2) for i in range(50)]
        for name, values, shape in (("x", x, (50, 3)), ("y", y, None), ("w", w, None)):
            (self.out / f"{name}.npy").write_bytes(npy(values, shape))
        weighted = self.call("fit", "--features", self.out / "x.npy", "--targets", self.out / "y.npy", "--row-weights",
                            self.out / "w.npy", "-o", self.out / "a.rct", "--json").json
        keep = [i for i in range(50) for _ in range(int(w[i]))]
        (self.out / "x.npy").write_bytes(npy([v for i in keep for v in x[3 * i:3 * i + 3]], (len(keep), 3)))
        (self.out / "y.npy").write_bytes(npy([y[i] for i in keep]))
        twice = self.call("fit", "--features", self.out / "x.npy", "--targets", self.out / "y.npy", "-o", self.out / "b.rct", "--json").json
        for a, b in zip(weighted["coefficients"], twice["coefficients"]):
            self.assertLess(abs(a - b), 1e-10)

    def test_rounds_at_most(self):
        for most in (1, 2, 3):
            done = self.correct("--close", "demographic_parity", "--rounds", most)
            # A step that is halved costs a round, which is added, up to as many again.
            self.assertLessEqual(done["rounds"], 2 * most if most > 1 else 1)

    def test_target_gap_is_reached(self):
        done = self.correct("--close", "demographic_parity", "--target-gap", "0.02")
        self.assertEqual(done["stop"], "target")
        self.assertLessEqual(abs(done["after"]["validation"]["metrics"]["demographic_parity"]), 0.02 + 1e-9)

    def test_count_deletes_so_many(self):
        done = self.correct("--close", "demographic_parity", "--scheme", "hard", "--count", "7", "--weights", self.out / "w.npy")
        self.assertEqual(read_npy(self.out / "w.npy").count(0.0), 7)
        self.assertEqual(done["weights"]["nonzero"], 7)

    def test_force_replaces_a_model(self):
        target = self.out / "m.rct"
        self.call("fit", self.train, *FIT, "-o", target, "--l2", "9")
        self.call("fit", self.train, *FIT, "-o", target, "--force")
        self.assertEqual(contents(target), contents(self.model))


class Compare(World):
    def compare(self, *flags, split=True):
        validation = ["--validation", self.val] if split else []
        return self.call("compare", self.train, *validation, "--test", self.test, *without(FIT, "--id"), "--drop", "id", "--resamples", "40",
                        "--json", *flags).json

    def test_the_table_is_consistent(self):
        done = self.compare()
        models = {(row["scheme"], row["update"]): row for row in done["models"]}
        updates = ["influence", "newton", "polish", "retrain"]
        self.assertEqual(set(models), {("original", None), *((s, u) for s in ("soft", "hard") for u in updates)})
        start = models["original", None]
        metrics = self.call("evaluate", self.model, self.test, "--json").json["metrics"]
        self.assertAlmostEqual(start["test"]["gap"], metrics["demographic_parity"], 12)
        self.assertAlmostEqual(start["test"]["log_loss_mean"], metrics["log_loss_mean"], 12)
        self.assertEqual(start["removed_rows"], 0)
        for scheme in ("soft", "hard"):
            polish, retrain = models[scheme, "polish"], models[scheme, "retrain"]
            for part in ("train", "validation", "test"):
                self.assertLess(abs(polish[part]["gap"] - retrain[part]["gap"]), 1e-8)
                for row in models.values():
                    intervals = [row[part]["gap_interval"], *(gap["interval"] for gap in row[part]["gaps"].values())]
                    self.assertEqual(len(intervals), 1 + 7)
                    for interval in intervals:
                        if part == "train":
                            self.assertIsNone(interval)
                        else:
                            self.assertLess(*interval)
            self.assertEqual(polish["reached"], abs(polish["validation"]["gap"]) <= done["target_gap"] * (1 + 1e-3) + 1e-9)
        printed = self.call("compare", self.train, "--validation", self.val, "--test", self.test, *without(FIT, "--id"), "--drop", "id",
                           "--resamples", "40").out
        for row in models.values():
            for part in ("train", "validation", "test"):
                cell = row[part]
                numbers = [cell["gap"], cell["gap_predicted"]]
                if part != "train":
                    numbers.append(cell["gaps"]["equal_opportunity"]["value"])
                numbers = ".* ".join(re.escape(format(number, "+.4f")) for number in numbers)
                self.assertRegex(printed, rf"(?m)^\s*{row['scheme']}\s.* {numbers} ")

    def test_gaps_of_too_few_rows_are_named(self):
        (self.out / "few.csv").write_text(csv_text(table(40, 29)))
        flags = ["compare", self.train, "--validation", self.val, "--test", self.out / "few.csv", *without(FIT, "--id"), "--drop", "id",
                 "--rounds", "1", "--resamples", "40"]
        first = self.call(*flags, "--json").json["models"][0]
        self.assertFalse(first["validation"]["gap_too_few_rows"])
        self.assertTrue(first["test"]["gap_too_few_rows"])
        self.assertIsNone(first["test"]["gap_interval"])
        printed = self.call(*flags).out
        self.assertEqual(printed.count("too few rows  "), 9 * 3)  # nine models: the goal, its hard labels, equal opportunity
        self.assertIn("too few rows: fewer than 30 on a side", printed)

    def test_changes_are_told_as_correct_tells_them(self):
        """One round: what is predicted there is what the influences at the original model say."""
        polish = next(row for row in self.compare("--rounds", "1")["models"] if (row["scheme"], row["update"]) == ("soft", "polish"))
        target = 0.2 * abs(self.call("evaluate", self.model, self.val, "--json").json["metrics"]["demographic_parity"])
        corrected = self.correct("--test", self.test, "--close", "demographic_parity", "--rounds", "1", "--target-gap", target)
        self.assertEqual(set(corrected["changes"]), {"train", "validation", "test"})
        for part, wanted in corrected["changes"].items():
            for kind in ("predicted_change", "actual_change"):
                self.assertEqual(set(polish[part][kind]), set(wanted[kind]))
                for name, change in wanted[kind].items():
                    self.assertAlmostEqual(polish[part][kind][name], change, 7, f"{part} {kind} {name}")

    def test_softmax_has_everything_but_a_robust_loss(self):
        models = self.compare("--loss", "softmax")["models"]
        for row in models:
            self.assertIsNone(row["test"]["robust_loss_mean"])
            self.assertEqual(len(row["test"]["gaps"]), 7)
        self.assertLess(abs(models[3]["validation"]["gap"]), 0.5 * abs(models[0]["validation"]["gap"]))

    def test_seed_changes_only_intervals(self):
        def bare(value):
            if isinstance(value, dict):
                return {key: bare(item) for key, item in value.items() if not key.endswith("interval")}
            return [bare(item) for item in value] if isinstance(value, list) else value
        one, two, again = (timeless(self.compare("--seed", seed)) for seed in (1, 2, 1))
        self.assertEqual(one, again)
        self.assertNotEqual(one, two)
        self.assertEqual(bare(one), bare(two))

    def test_a_test_file_alone_is_halved(self):
        rows = table(280, 23)
        (self.out / "first.csv").write_text(csv_text(rows[:140]))
        (self.out / "second.csv").write_text(csv_text(rows[140:]))
        halved = self.compare(split=False)
        given = self.call("compare", self.train, "--validation", self.out / "first.csv", "--test", self.out / "second.csv",
                         *without(FIT, "--id"), "--drop", "id", "--resamples", "40", "--json").json
        self.assertEqual(set(halved.pop("data")), {"train", "test"})
        self.assertEqual(set(given.pop("data")), {"train", "validation", "test"})
        self.assertEqual(timeless(halved), timeless(given))


class RowsRead(World):
    """Every command that measures on a file says what became of its rows."""
    def setUp(self):
        super().setUp()
        self.files = {}
        for name, missing, unseen, seed in (("val", 1, 6, 31), ("test", 3, 1, 32)):
            rows = table(200, seed)
            for row in rows[:missing]:
                row[1] = "?"
            for row in rows[missing:missing + unseen]:
                row[3] = "paris"
            self.files[name] = self.out / f"{name}.csv"
            self.files[name].write_text(csv_text(rows))

    def lines(self, rows, name=""):
        dropped, unseen = {"val": (1, 6), "test": (3, 1)}[rows]
        start = f"(?m)^{name}: " if name else "(?m)^"
        return [start + (f"{dropped} more row{'s were' if dropped > 1 else ' was'} dropped for missing values$"),
                start + (f"{unseen} row{'s have' if unseen > 1 else ' has'} a category of city that training has not seen$")]

    def said(self, lines, *command):
        printed = self.call(*command).out
        for line in lines:
            self.assertRegex(printed, line)
        return self.call(*command, "--json").json

    def counts(self, rows, found):
        self.assertEqual((found["rows_dropped"], found["unseen_categories"]),
                         {"val": (1, {"city": 6}), "test": (3, {"city": 1})}[rows])

    def test_evaluate(self):
        for rows, file in self.files.items():
            self.counts(rows, self.said(self.lines(rows), "evaluate", self.model, file))

    def test_influence_and_value(self):
        for rows, file in self.files.items():
            for command in (["influence", "--metric", "utility"], ["value", "--method", "knn_shapley"]):
                found = self.said(self.lines(rows, "validation"), command[0], self.model, "--validation", file, *command[1:])
                self.counts(rows, {**found, "rows_dropped": found["validation_rows_dropped"]})

    def test_correct(self):
        found = self.said(self.lines("val", "validation") + self.lines("test", "test"), "correct", self.model, "--validation",
                          self.files["val"], "--test", self.files["test"], "--close", "demographic_parity")
        self.counts("val", found["data"]["validation"])
        self.counts("test", found["data"]["test"])

    def test_compare(self):
        flags = [*without(FIT, "--id"), "--drop", "id", "--resamples", "40"]
        train = self.out / "train.csv"
        rows = [list(row) for row in self.rows]
        rows[0][2] = ""
        train.write_text(csv_text(rows))
        found = self.said(["(?m)^train: 1 more row was dropped", *self.lines("val", "validation"), *self.lines("test", "test")], "compare",
                          train, "--validation", self.files["val"], "--test", self.files["test"], *flags)
        self.assertEqual(found["data"]["train"], {"rows": 399, "rows_dropped": 1, "unseen_categories": {}})
        self.counts("val", found["data"]["validation"])
        self.counts("test", found["data"]["test"])
        alone = self.said(self.lines("test", "test"), "compare", train, "--test", self.files["test"], *flags)
        self.counts("test", alone["data"]["test"])
        self.assertEqual(alone["data"]["test"]["rows"], 197)

    def test_nothing_is_said_of_rows_that_are_as_usual(self):
        for command in (["evaluate", self.model, self.val], ["influence", self.model, "--validation", self.val, "--metric", "utility"],
                        ["correct", self.model, "--validation", self.val, "--close", "demographic_parity"]):
            self.assertNotRegex(self.call(*command).out, "dropped|not seen")


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
