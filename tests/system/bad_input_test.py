#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the command says and leaves behind when files, options or the machine are wrong.

    bad_input_test.py COMMAND [unittest arguments]

Each case of the tables runs twice: for a person and with --json. Checked are the exit code; one
line on standard error that says what, where and what to do; the recant.error/1 object, made of
the same three parts; that a hint names options that there are; that no cell or row id is repeated;
and that nothing is left behind.
"""
import functools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from command_support import COLUMNS, FIT, arrays, contents, csv_text, npy, run, table

COMMAND = ""
KINDS = {1: "internal", 2: "usage", 3: "data", 5: "damaged", 6: "busy", 7: "not_found"}
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "certificate"
SECRETS = ["secret", "person-"]  # in cells and ids of every file here, in no name of a column


class Bad:
    """One table entry: arguments with {places}, files to make first, what has to come of it."""

    def __init__(self, name, code, line, *arguments, where=None, hint=True, files=None, links=None, **more):
        self.name, self.code, self.line, self.arguments = name, code, line, arguments
        self.where, self.hint, self.files, self.links, self.more = where, hint, files or {}, links or {}, more


@functools.cache
def commands():
    return set(re.findall(r"(?m)^  ([a-z]+) ", run(COMMAND, "--help").out))


@functools.cache
def options_of(command):
    return set(re.findall(r"--[a-z][a-z-]*", run(COMMAND, command, "--help").out))


def printable(text):
    """As the command writes names for a person: with no control character, which a terminal would obey."""
    def escape(found):
        named = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}
        return named.get(found[0]) or (rf"\x{ord(found[0]):02x}" if found[0] < "\x80" else rf"\u{ord(found[0]):04x}")
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", escape, text)


class World(unittest.TestCase):
    """Good files and models, made once."""

    @classmethod
    def setUpClass(cls):
        cls.root = Path(tempfile.mkdtemp(prefix="recant-bad-"))
        cls.rows = table(160, 1)
        for name, rows in (("train", cls.rows), ("val", table(120, 2)), ("test", table(110, 3))):
            (cls.root / f"{name}.csv").write_text(csv_text(rows))
        for name, seed in (("a", 4), ("v", 5)):
            x, y, s, w = arrays(60, seed)
            (cls.root / f"{name}_x.npy").write_bytes(npy(x, (60, 3)))
            (cls.root / f"{name}_y.npy").write_bytes(npy(y))
            (cls.root / f"{name}_s.npy").write_bytes(npy(s, descr="<i8"))
            (cls.root / f"{name}_w.npy").write_bytes(npy(w))
        cls.good("fit", "{train}", *FIT, "-o", "{model}")
        cls.good("correct", "{model}", "--validation", "{val}", "--close", "demographic_parity", "--scheme", "hard", "--rows",
                 ",".join(map(str, range(12))), "--update", "newton", "--rounds", "1", "-o", "{deleted}")
        cls.good("correct", "{model}", "--validation", "{val}", "--close", "demographic_parity", "--scheme", "hard", "--rows",
                 "3", "--update", "newton", "--rounds", "1", "-o", "{deleted_one}")
        cls.good("fit", "--features", "{a_x}", "--targets", "{a_y}", "--groups", "{a_s}", "-o", "{array_model}")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    @classmethod
    def places(cls, **more):
        places = {name: cls.root / f"{name}.csv" for name in ("train", "val", "test")}
        places |= {f"{a}_{b}": cls.root / f"{a}_{b}.npy" for a in "av" for b in "xysw"}
        places |= {"model": cls.root / "model.rct", "array_model": cls.root / "arrays.rct",
                   "deleted": cls.root / "deleted.rct", "deleted_one": cls.root / "one.rct", "root": cls.root}
        return places | more

    @classmethod
    def fill(cls, arguments, **more):
        return [str(a).format(**cls.places(**more)) for a in arguments]

    @classmethod
    def good(cls, *arguments, **more):
        done = run(COMMAND, *cls.fill(arguments), **more)
        if done.code != 0:
            raise AssertionError(str(done))
        return done

    def check(self, case):
        with self.subTest(case.name), tempfile.TemporaryDirectory(dir=self.root) as scratch:
            scratch = Path(scratch)
            out = scratch / "out"
            out.mkdir()
            for name, target in case.links.items():
                (scratch / name).symlink_to(str(target).format(**self.places()))
            for name, content in case.files.items():
                (scratch / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            arguments = self.fill(case.arguments, out=out, bad=scratch / "bad.csv", here=scratch)
            before = contents(scratch), contents(self.root / "model.rct")
            plain = run(COMMAND, *arguments, **case.more)
            with_json = run(COMMAND, *arguments, "--json", **case.more)
            self.assertEqual(before, (contents(scratch), contents(self.root / "model.rct")),
                             f"something was left behind or changed by\n{plain}")
            self.assert_said(case, plain, scratch)
            self.assert_object(case, with_json, plain, scratch)

    def assert_said(self, case, done, scratch):
        self.assertEqual(done.code, case.code, str(done))
        self.assertEqual(done.err.count("\n"), 1, f"not one line\n{done}")
        self.assertTrue(done.err.endswith("\n") and done.err.startswith("recant: "), str(done))
        self.assertNotRegex(done.err, r"recant: recant\b", str(done))
        self.assertRegex(done.err, case.line, str(done))
        for secret in SECRETS:
            self.assertNotIn(secret, done.err.replace(str(scratch), ""), str(done))
        if case.code != 4:
            self.assertEqual(done.out, "", str(done))
            # The programmer's words for a caller's mistake are no help to the caller.
            self.assertNotRegex(done.err, r"(?i)stoi|exception|std::|null", str(done))

    def assert_object(self, case, done, plain, scratch):
        self.assertEqual((done.code, done.err), (plain.code, plain.err), str(done))
        said = done.json  # one object: json.loads refuses more
        if case.code == 4:
            self.assertRegex(said["schema"], r"^recant\.(fit|correction|comparison|audit)/1$")
            return
        self.assertEqual(said["schema"], "recant.error/1", str(done))
        self.assertEqual(said["kind"], KINDS[case.code], str(done))
        self.assertTrue(said["message"], str(done))
        parts = (said["where"] + ": " if said["where"] else "") + said["message"]
        parts += "; " + said["hint"] if said["hint"] else ""
        self.assertEqual(done.err, f"recant: {printable(parts)}\n", str(done))
        if case.code != 2:  # an option out of range is named in the message
            self.assertTrue(said["where"], f"says no where\n{done}")
        if case.where is not None:
            self.assertRegex(said["where"], case.where, str(done))
        if case.hint:
            self.assertTrue(said["hint"], f"says not what to do\n{done}")
        self.assert_has_options(said["hint"] or "", done)

    def assert_has_options(self, hint, done):
        """A command, or another that the hint names, has every option that it is told to try."""
        named = {done.arguments[0], *re.findall(r"[a-z]+", hint)} & commands()
        known = {"--help"}.union(*map(options_of, named))
        self.assertLessEqual(set(re.findall(r"(?<!\S)--[a-z][a-z-]*", hint)), known, str(done))


def lines_with(change):
    """The training file after change(lines), in place."""
    lines = csv_text(table(40, 7)).splitlines()
    change(lines)
    return "\n".join(lines) + "\n"


def with_cells(changes, rows=40, seed=7, columns=COLUMNS):
    """A good file but for cells: {(data row from 0, column): text}; None is every row."""
    made = table(rows, seed)
    for (row, column), text in changes.items():
        for i in range(rows) if row is None else [row]:
            made[i][COLUMNS.index(column)] = text(i) if callable(text) else text
    return csv_text(made, columns)


def fit_case(name, code, line, content, *flags, fit=FIT, **more):
    return Bad(name, code, line, "fit", "{bad}", *fit, *flags, "-o", "{out}/m.rct",
               files={"bad.csv": content}, **more)


def without_flag(flag):
    at = FIT.index(flag)
    return FIT[:at] + FIT[at + 2:]


GARBAGE = bytes((i * 197 + 31) % 256 for i in range(4000))

TRAINING_FILES = [
    Bad("missing file", 7, r"nothere\.csv: there is no such file", "fit", "{here}/nothere.csv", *FIT,
        "-o", "{out}/m.rct", where=r"nothere\.csv$", hint=False),
    Bad("a folder", 3, r": is a folder; ", "fit", "{root}", *FIT, "-o", "{out}/m.rct"),
    fit_case("empty", 3, r"bad\.csv: is empty", "", where=r"bad\.csv$", hint=False),
    fit_case("only blank lines", 3, r"bad\.csv: is empty", "\n  \n\n", hint=False),
    fit_case("header only", 3, r"bad\.csv: has no rows", csv_text([]), where=r"bad\.csv$", hint=False),
    fit_case("one row", 3, r"bad\.csv, column 'admitted': has the same value", csv_text(table(1, 7)), hint=False),
    fit_case("a row too long", 3, r"bad\.csv, line 5: has 9 cells, but the first record has 8",
             lines_with(lambda l: l.__setitem__(4, l[4] + ",secret")), where=r"bad\.csv, line 5$", hint=False),
    fit_case("a row too short", 3, r"bad\.csv, line 41: has 7 cells",
             lines_with(lambda l: l.__setitem__(40, l[40].rsplit(",", 1)[0])), hint=False),
    fit_case("the line after a blank one and a quoted line break", 3, r"bad\.csv, line 5: has 2 cells",
             lines_with(lambda l: l.__setitem__(slice(1, 4), ["", '"secret\nid",1,1,oslo,male,north,1,yes', "secret,1"])),
             where=r"bad\.csv, line 5$", hint=False),
    fit_case("unterminated quote", 3, r"bad\.csv, line 8: a quote that opens in this record is never closed",
             lines_with(lambda l: l.__setitem__(7, '"secret' + l[7])), where=r"line 8$", hint=False),
    fit_case("quote inside a cell", 3, r"bad\.csv, line 3: has a quote inside an unquoted cell",
             lines_with(lambda l: l.__setitem__(2, 'sec"secret' + l[2])), where=r"line 3$"),
    fit_case("two columns of one name", 3, r"bad\.csv, line 1: columns 2 and 3 have the same name 'age'; rename",
             csv_text(table(40, 7), ["id", "age", "age", *COLUMNS[3:]]), where=r"line 1$"),
    fit_case("a column without a name", 3, r"bad\.csv, line 1: column 3 has no name; give it one",
             csv_text(table(40, 7), ["id", "age", "", *COLUMNS[3:]])),
    fit_case("the same id twice", 3, r"bad\.csv: column 'id' has the same id in lines 4 and 12; give every row its own",
             with_cells({(10, "id"): table(40, 7)[2][0]})),
    fit_case("three target values", 3, r"bad\.csv, column 'admitted': has 3 distinct values, but a binary model needs 2; ",
             with_cells({(5, "admitted"): "secret"})),
    fit_case("one target value", 3, r"bad\.csv, column 'admitted': has the same value in every row", hint=False,
             content=with_cells({(None, "admitted"): "yes"})),
    fit_case("text in a numeric target", 3, r"bad\.csv, line 7: column 'age' holds something that is no finite number; ",
             with_cells({(5, "age"): "secret"}), fit=["--target", "age", "--loss", "squared", "--drop", "id,region,w"],
             where=r"bad\.csv, line 7$"),
    fit_case("infinite numeric target", 3, r"bad\.csv, line 7: column 'age' holds something that is no finite number",
             with_cells({(5, "age"): "inf"}), fit=["--target", "age", "--loss", "squared", "--drop", "id,region,w"]),
    fit_case("unknown target", 2, r"bad\.csv: has no column 'grade', which is named as target; its columns are 'id', 'age'",
             csv_text(table(40, 7)), fit=["--target", "grade"]),
    fit_case("unknown sensitive", 2, r"has no column 'race', which is named as sensitive; its columns are",
             csv_text(table(40, 7)), fit=["--target", "admitted", "--positive", "yes", "--sensitive", "race"]),
    fit_case("unknown id", 2, r"has no column 'key', which is named as id; its columns are",
             csv_text(table(40, 7)), fit=without_flag("--id") + ["--id", "key"]),
    fit_case("unknown weight", 2, r"has no column 'weights', which is named as weight; its columns are",
             csv_text(table(40, 7)), "--weight", "weights"),
    fit_case("unknown drop", 2, r"has no column 'zip', which is named as dropped; its columns are",
             csv_text(table(40, 7)), "--drop", "zip"),
    fit_case("no target named", 2, r"--target COLUMN is needed", csv_text(table(40, 7)), fit=[], hint=False),
    fit_case("one column in two roles", 2, r"column 'admitted' is named as target and as sensitive; name it once",
             csv_text(table(40, 7)), fit=["--target", "admitted", "--positive", "yes", "--sensitive", "admitted"]),
    fit_case("one column twice in a role", 2, r"column 'sex' is named twice as sensitive; name it once",
             csv_text(table(40, 7)), fit=["--target", "admitted", "--positive", "yes", "--sensitive", "sex,sex"]),
    fit_case("the target is dropped", 2, r"column 'admitted' is the target, but is dropped",
             csv_text(table(40, 7)), "--drop", "admitted", hint=False),
    fit_case("no feature left", 3, r"bad\.csv: has no feature columns left; drop fewer",
             csv_text(table(40, 7)), "--drop", "age,hours,city,sex"),
    fit_case("features that are all the same", 3, r"bad\.csv: has no column that differs between rows", hint=False,
             content=with_cells({(None, "city"): "rome"}), fit=["--target", "admitted", "--positive", "yes", "--drop",
             "id,age,hours,sex,region,w", "--encoding", "reference"]),
    fit_case("no positive value", 2, r"bad\.csv, column 'admitted': it is not said which of the two values is positive; name it with --positive",
             csv_text(table(40, 7)), fit=["--target", "admitted"]),
    fit_case("a positive value that never occurs", 2, r"column 'admitted': the positive value never occurs; check --positive",
             csv_text(table(40, 7)), fit=["--target", "admitted", "--positive", "maybe"]),
    fit_case("negative weight", 3, r"bad\.csv, line 6: column 'w' holds a negative weight", hint=False,
             content=with_cells({(4, "w"): "-0.5"}), fit=[*without_flag("--drop"), "--drop", "region", "--weight", "w"]),
    fit_case("NaN weight", 3, r"bad\.csv, line 6: column 'w' holds something that is no finite number; ",
             with_cells({(4, "w"): "nan"}), fit=[*without_flag("--drop"), "--drop", "region", "--weight", "w"]),
    fit_case("all weights 0", 3, r"bad\.csv, column 'w': is 0 in every row that is kept", hint=False,
             content=with_cells({(None, "w"): "0"}), fit=[*without_flag("--drop"), "--drop", "region", "--weight", "w"]),
    fit_case("every row has a missing cell", 3, r"bad\.csv: has a missing value in each of its rows", hint=False,
             content=with_cells({(None, "age"): "?"})),
    fit_case("a missing cell under --missing error", 3, r"bad\.csv, line 9: column 'age' has a missing value; ",
             with_cells({(7, "age"): "NA"}), "--missing", "error", where=r"line 9$"),
    fit_case("a class for every row", 3, r"bad\.csv, column 'admitted': has 40 classes in as many rows, so there is nothing to learn; ",
             with_cells({(None, "admitted"): lambda i: f"secret{i}"}),
             fit=["--target", "admitted", "--loss", "softmax", "--drop", "id,region,w"]),
    fit_case("binary garbage", 3, r"bad\.csv, line 1: ", GARBAGE, where=r"bad\.csv, line \d+$"),
    fit_case("UTF-16", 3, r"bad\.csv, line 1: holds a zero byte; save the file as UTF-8",
             csv_text(table(40, 7)).encode("utf-16")),
    fit_case("Latin-1 category", 3, r"bad\.csv, line 6: column 'city' holds text that is not UTF-8; convert",
             with_cells({(4, "city"): "secret-M\xfcnchen"}).encode("latin-1")),
    fit_case("a cell of 80 MiB", 3, r"bad\.csv, line 3: the record that begins here is longer than 64 MiB; look for a quote",
             with_cells({(1, "city"): "secret" * (80 * 2**20 // 6)}, rows=4), where=r"line 3$"),
    fit_case("a schema that is none", 3, r"schema\.json", csv_text(table(40, 7)), "--schema", "{here}/schema.json", hint=False),
    Bad("nothing on standard input", 3, r"standard input: is empty", "fit", "-", *FIT, "-o", "{out}/m.rct", hint=False),
]
TRAINING_FILES[-2].files["schema.json"] = "{not json"


def measured(name, code, line, content, **more):
    """A file that evaluate, influence and correct must refuse in the same words."""
    model = more.pop("model", "{model}")
    commands = more.pop("commands", ("evaluate", "influence", "correct", "correct test"))
    arguments = {
        "evaluate": ["evaluate", model, "{bad}"],
        "influence": ["influence", model, "--validation", "{bad}", "--metric", "demographic_parity",
                      "-o", "{out}/i.csv"],
        "correct": ["correct", model, "--validation", "{bad}", "--close", "demographic_parity", "-o", "{out}/m2.rct",
                    "--weights", "{out}/w.csv"],
        "correct test": ["correct", model, "--validation", "{val}", "--test", "{bad}", "--close", "demographic_parity",
                         "-o", "{out}/m2.rct", "--weights", "{out}/w.npy"]}
    return [Bad(f"{name} ({command})", code, line, *arguments[command], files={"bad.csv": content}, **more)
            for command in commands]


def keep(rows, test):
    return csv_text([row for row in rows if test(row)])


GAPS = ("influence", "correct")
MEASURED_FILES = [
    Bad("missing data file", 7, r"nothere\.csv: there is no such file", "evaluate", "{model}", "{here}/nothere.csv", hint=False),
    *measured("empty", 3, r"bad\.csv: is empty", "", hint=False),
    *measured("header only", 3, r"bad\.csv: has no rows", csv_text([]), hint=False),
    *measured("text in a numeric column", 3, r"bad\.csv, line 5: column 'hours' holds something that is no finite number; correct it",
              with_cells({(3, "hours"): "secret"}), where=r"bad\.csv, line 5$"),
    *measured("a number beyond doubles", 3, r"bad\.csv, line 5: column 'hours' holds something that is no finite number",
              with_cells({(3, "hours"): "1e999"})),
    *measured("a class training had not", 3, r"bad\.csv, line 5: column 'admitted' holds a class that the training data had not",
              with_cells({(3, "admitted"): "secret"}), hint=False),
    *measured("a column is missing", 3, r"bad\.csv: lacks columns of the training data: 'hours'",
              csv_text([row[:2] + row[3:] for row in table(40, 7)], COLUMNS[:2] + COLUMNS[3:]), hint=False),
    *measured("the sensitive column is missing", 3, r"bad\.csv: lacks columns of the training data: 'sex'",
              csv_text([row[:4] + row[5:] for row in table(40, 7)], COLUMNS[:4] + COLUMNS[5:]), hint=False),
    *measured("a column too many", 3, r"bad\.csv: has columns that the training data had not: 'height'",
              csv_text([row + ["secret"] for row in table(40, 7)], [*COLUMNS, "height"]), hint=False),
    *measured("ragged", 3, r"bad\.csv, line 4: has 9 cells",
              lines_with(lambda l: l.__setitem__(3, l[3] + ",secret")), hint=False),
    *measured("a group without rows", 3, r"sex: group '(male|female)' has no row, so demographic_parity has no value",
              keep(table(40, 7), lambda row: row[4] == "male"), commands=GAPS, hint=False, where="sex"),
    Bad("a group without positive rows", 3, r"sex: group 'female' has no row with a positive target, so equal_opportunity has no value",
        "correct", "{model}", "--validation", "{bad}", "--close", "equal_opportunity", "-o", "{out}/m2.rct", hint=False,
        files={"bad.csv": keep(table(40, 7), lambda row: row[4] == "male" or row[7] == "no")}),
    Bad("a group without negative rows", 3, r"sex: group 'female' has no row with a negative target, so equalized_odds has no value",
        "influence", "{model}", "--validation", "{bad}", "--metric", "equalized_odds", hint=False,
        files={"bad.csv": keep(table(40, 7), lambda row: row[4] == "male" or row[7] == "yes")}),
    Bad("CSV for a model of arrays", 2, r"val\.csv: the model was trained on arrays, so it cannot read a CSV file; give arrays",
        "evaluate", "{array_model}", "{val}"),
    Bad("garbage (evaluate)", 3, r"bad\.csv, line 1: ", "evaluate", "{model}", "{bad}", files={"bad.csv": GARBAGE}),
]

X, Y, S, W = arrays(60, 4)


def changed(values, at, value):
    return [*values[:at], value, *values[at + 1:]]


def array_case(name, code, line, which, content, *flags, **more):
    """The good arrays with one of them replaced."""
    names = {"features": "{a_x}", "targets": "{a_y}", "groups": "{a_s}", "row-weights": "{a_w}"}
    files = {}
    if which:
        names[which] = "{here}/bad.npy"
        files["bad.npy"] = content
    given = [text for key, file in names.items() for text in (f"--{key}", file)]
    return Bad(name, code, line, "fit", *given, *flags, "-o", "{out}/m.rct", files=files, **more)


ARRAYS = [
    array_case("row weights whose sums overflow", 3, r"training rows: the gradient is beyond double precision: row weights, features or targets are "
               r"too large; scale them down$", "row-weights", npy([1e300] * 60)),
    array_case("NaN in features", 3, r"bad\.npy, row 8, column 2: is NaN; leave the row out or fill", "features",
               npy(changed(X, 22, float("nan")), (60, 3)), where=r"bad\.npy, row 8, column 2$"),
    array_case("infinity in features", 3, r"bad\.npy, row 8, column 3: is infinite; ", "features",
               npy(changed(X, 23, float("-inf")), (60, 3))),
    array_case("NaN target", 3, r"bad\.npy, row 60, column 1: is NaN; ", "targets", npy(changed(Y, 59, float("nan")))),
    array_case("complex numbers", 3, r"bad\.npy: .*type.*; ", "features",
               npy(b"\0" * (60 * 3 * 16), (60, 3), "<c16"), where=r"bad\.npy$"),
    array_case("objects", 3, r"bad\.npy: .*type.*; ", "features", npy(b"\0" * (60 * 3 * 8), (60, 3), "|O")),
    array_case("texts as features", 3, r"bad\.npy: holds texts, but numbers are needed", "features",
               npy(b"a" * (60 * 3 * 4), (60, 3), "|S4"), hint=False),
    array_case("Fortran order", 3, r"bad\.npy: is in Fortran order; save it with numpy\.ascontiguousarray", "features",
               npy(X, (60, 3), fortran=True)),
    array_case("flat features", 3, r"bad\.npy: has 1 dimensions, but 2 are needed", "features", npy(X), hint=False),
    array_case("square targets", 3, r"bad\.npy: has 2 dimensions, but 1 are needed", "targets", npy(Y, (20, 3)), hint=False),
    array_case("three dimensions", 3, r"bad\.npy: has 3 dimensions, but 1 or 2 are needed", "features",
               npy(X, (20, 3, 3)), hint=False),
    array_case("truncated values", 3, r"bad\.npy: holds 1440 bytes .*needs? 1440|bad\.npy: holds 1433 bytes of values, but its shape .* needs 1440; it was cut short",
               "features", npy(X, (60, 3))[:-7]),
    array_case("truncated header", 3, r"bad\.npy: is cut short in its header", "features", npy(X, (60, 3))[:40], hint=False),
    array_case("truncated magic", 3, r"bad\.npy: is not an NPY file; write it with numpy\.save", "features", b"\x93NUM"),
    array_case("empty file", 3, r"bad\.npy: is not an NPY file; ", "features", b""),
    array_case("bytes behind the values", 3, r"bad\.npy: holds 1445 bytes of values", "features",
               npy(X, (60, 3)) + b"12345", hint=False),
    array_case("a CSV file", 3, r"bad\.npy: is not an NPY file; ", "features", csv_text(table(3, 1))),
    array_case("no rows", 3, r"bad\.npy: has no rows", "features", npy([], (0, 3)), hint=False),
    array_case("no columns", 3, r"bad\.npy: has no columns", "features", npy([], (60, 0)), hint=False),
    array_case("fewer targets", 3, r"bad\.npy: has 59 rows, but .*a_x\.npy has 60", "targets", npy(Y[1:]), hint=False),
    array_case("fewer groups", 3, r"bad\.npy: has 59 rows, but .*a_x\.npy has 60", "groups", npy(S[1:], descr="<i8"), hint=False),
    array_case("more weights", 3, r"bad\.npy: has 61 rows, but .*a_x\.npy has 60", "row-weights", npy([1.0, *W]), hint=False),
    array_case("groups that are no integers", 3, r"bad\.npy, row 3: is no whole number", "groups",
               npy(changed([float(s) for s in S], 2, 0.5)), hint=False),
    array_case("three target values", 3, r"bad\.npy: has 3 distinct values, but a binary model needs 2; ", "targets",
               npy(changed(Y, 9, 2.0))),
    array_case("one target value", 3, r"bad\.npy: has 1 distinct values, but a binary model needs 2; ", "targets", npy([1.0] * 60)),
    array_case("classes that are no integers", 3, r"bad\.npy, row 10: is no whole number", "targets",
               npy(changed(Y, 9, 0.5)), "--loss", "softmax", hint=False),
    array_case("a class for every row", 3, r"bad\.npy: has 60 classes in as many rows, so there is nothing to learn; ", "targets",
               npy([float(i) for i in range(60)]), "--loss", "softmax"),
    array_case("negative weight", 3, r"bad\.npy, row 5: is a negative weight", "row-weights", npy(changed(W, 4, -1.0)), hint=False),
    array_case("NaN weight", 3, r"bad\.npy, row 5, column 1: is NaN", "row-weights", npy(changed(W, 4, float("nan")))),
    array_case("all weights 0", 3, r"bad\.npy: is 0 in every row", "row-weights", npy([0.0] * 60), hint=False),
    array_case("a positive value that is no number", 2, r"positive", None, None, "--positive", "yes", hint=False),
    Bad("missing array", 7, r"nothere\.npy: there is no such file", "fit", "--features", "{here}/nothere.npy", "--targets", "{a_y}",
        "-o", "{out}/m.rct", hint=False),
    Bad("both CSV and arrays", 2, r"give either a CSV file or arrays", "fit", "{train}", *FIT, "--features", "{a_x}",
        "--targets", "{a_y}", "-o", "{out}/m.rct", hint=False),
    Bad("neither CSV nor arrays", 2, r"train: is missing; give a CSV file", "fit", *FIT, "-o", "{out}/m.rct"),
    Bad("neither (evaluate)", 2, r"data: is missing; give a CSV file", "evaluate", "{model}"),
    Bad("neither (influence)", 2, r"--validation: is missing; give a CSV file", "influence", "{model}", "--metric", "utility"),
    Bad("neither (correct)", 2, r"--validation is needed", "correct", "{model}", "--close", "demographic_parity",
        "-o", "{out}/m2.rct", hint=False),
    Bad("both (correct)", 2, r"give either a CSV file or arrays", "correct", "{model}", "--validation", "{val}",
        "--validation-features", "{v_x}", "--validation-targets", "{v_y}", "--close", "demographic_parity", "-o", "{out}/m2.rct", hint=False),
    Bad("features alone", 2, r"arrays need both features and targets", "fit", "--features", "{a_x}", "-o", "{out}/m.rct", hint=False),
    Bad("targets alone", 2, r"arrays need both features and targets", "evaluate", "{array_model}", "--targets", "{v_y}", hint=False),
    Bad("test groups alone", 2, r"arrays need both features and targets", "correct", "{array_model}", "--validation-features", "{v_x}",
        "--validation-targets", "{v_y}", "--validation-groups", "{v_s}", "--test-groups", "{v_s}",
        "--close", "demographic_parity", "-o", "{out}/m2.rct", hint=False),
    Bad("another number of features", 3, r"bad\.npy: has 2 columns, but the model has 3 features", "correct", "{array_model}",
        "--validation-features", "{here}/bad.npy", "--validation-targets", "{v_y}", "--validation-groups", "{v_s}",
        "--close", "demographic_parity", "-o", "{out}/m2.rct", hint=False, files={"bad.npy": npy(X[:120], (60, 2))}),
    Bad("other classes", 3, r"bad\.npy, row 10: is a class that the training data had not", "evaluate", "{array_model}",
        "--features", "{v_x}", "--targets", "{here}/bad.npy", hint=False, files={"bad.npy": npy(changed(Y, 9, 2.0))}),
    Bad("another number of group columns", 3, r"bad\.npy: has 2 group columns, but the training data had 1", "evaluate", "{array_model}",
        "--features", "{v_x}", "--targets", "{v_y}", "--groups", "{here}/bad.npy", hint=False,
        files={"bad.npy": npy(S + S, (60, 2), "<i8")}),
    *(Bad(f"feature file: {name}", 3, line, "value", "{array_model}", "--validation-features", "{v_x}", "--validation-targets", "{v_y}",
          "--method", "knn_shapley", "--features-file", first, "--validation-features-file", second, hint=hint, files={"bad.npy": content})
      for name, line, first, second, hint, content in (
          ("other rows", r"bad\.npy: has 59 rows, but the training rows of the model are 60", "{here}/bad.npy", "{v_x}", False, npy(X[:177], (59, 3))),
          ("other validation rows", r"bad\.npy: has 59 rows, but the validation rows are 60", "{a_x}", "{here}/bad.npy", False, npy(X[:177], (59, 3))),
          ("other columns", r"bad\.npy: has 2 columns, but that of the training rows has 3", "{a_x}", "{here}/bad.npy", False, npy(X[:120], (60, 2))),
          ("not finite", r"bad\.npy, row 2, column 2: is NaN", "{a_x}", "{here}/bad.npy", True, npy(changed(X, 4, float("nan")), (60, 3))),
          ("not an array", r"bad\.npy: ", "{a_x}", "{here}/bad.npy", False, b"1,2\n"))),
    Bad("feature file: not there", 7, r"nothere\.npy: there is no such file", "value", "{array_model}", "--validation-features", "{v_x}",
        "--validation-targets", "{v_y}", "--method", "knn_shapley", "--features-file", "{here}/nothere.npy", "--validation-features-file", "{v_x}",
        hint=False),
    Bad("a class that validation has not", 3, r"validation: no row is of class '1', so no training row of that class could get a value above 0; ",
        "value", "{array_model}", "--validation-features", "{v_x}", "--validation-targets", "{here}/bad.npy", "--method", "knn_shapley",
        files={"bad.npy": npy([0.0] * 60)}),
    Bad("a class that training has not", 3, r"bad\.npy, row 10: is a class that the training data had not", "value", "{array_model}",
        "--validation-features", "{v_x}", "--validation-targets", "{here}/bad.npy", "--method", "knn_shapley", hint=False,
        files={"bad.npy": npy(changed(Y, 9, 2.0))}),
    Bad("a gap without groups", 2, r"demographic_parity needs a sensitive column", "correct", "{array_model}",
        "--validation-features", "{v_x}", "--validation-targets", "{v_y}", "--close", "demographic_parity", "-o", "{out}/m2.rct"),
]


def option(name, line, command, *flags, code=2, **more):
    base = {"fit": ["fit", "{train}", *FIT, "-o", "{out}/m.rct"],
            "evaluate": ["evaluate", "{model}", "{val}"],
            "influence": ["influence", "{model}", "--validation", "{val}", "-o", "{out}/i.csv"],
            "value": ["value", "{model}", "--validation", "{val}", "-o", "{out}/v.csv"],
            "correct": ["correct", "{model}", "--validation", "{val}", "-o", "{out}/m2.rct", "--weights", "{out}/w.csv"],
            "compare": ["compare", "{train}", "--test", "{test}", *without_flag("--id"), "--drop", "id", "--resamples", "40"]}[command]
    if command == "correct" and "--close" not in flags:
        base += ["--close", "demographic_parity"]
    if command == "value" and "--method" not in flags:
        base += ["--method", "knn_shapley"]
    for flag in ("-o", "--weights"):
        if flag in flags and flag in base:
            del base[base.index(flag):base.index(flag) + 2]
    return Bad(name, code, line, *base, *flags, **more)


def numbers(flag, name, command, values, *flags):
    return [option(f"{command} {flag} {value}", rf"{name}.*{re.escape(value)}|{name} must be|{flag}", command, f"{flag}={value}", *flags, hint=False)
            for value in values]


OPTIONS = [
    *numbers("--l2", "l2", "fit", ["0", "-1", "nan", "inf", "-inf", "abc", "1e999", "1x"]),
    *numbers("--l2-per-row", "l2_per_row", "fit", ["0", "-1", "nan", "inf", "abc"]),
    *numbers("--l2", "l2", "compare", ["0", "nan", "abc"]),
    *numbers("--tolerance", "tolerance", "fit", ["0", "-1", "nan", "inf", "abc"]),
    *numbers("--max-iterations", "max_iterations", "fit", ["-1", "abc", "1.5", "99999999999999999999"]),
    *numbers("--threads", "threads", "fit", ["-1", "abc", "1.5", "99999999999"]),
    *numbers("--seed", "seed", "compare", ["-1", "abc", "99999999999999999999999"]),
    *numbers("--threshold", "threshold", "evaluate", ["-0.1", "1.1", "nan", "abc"]),
    *numbers("--radius", "radius", "evaluate", ["-1", "nan", "inf", "abc"]),
    *numbers("--rounds", "rounds", "correct", ["0", "-1", "abc", "1.5"]),
    *numbers("--target-gap", "target_gap", "correct", ["-1", "nan", "abc"]),
    *numbers("--kappa", "kappa", "correct", ["0", "-1", "nan", "inf", "abc"]),
    *numbers("--kappa-rel", "kappa_rel", "correct", ["0", "-1", "nan", "inf", "abc"]),
    *numbers("--count", "count", "correct", ["0", "-3", "161", "abc"], "--scheme", "hard"),
    *numbers("--share", "share", "correct", ["-0.1", "1.5", "nan", "abc"], "--scheme", "hard"),
    *numbers("--close-share", "close_share", "compare", ["-0.1", "1.5", "nan", "abc"]),
    *numbers("--rounds", "rounds", "compare", ["0", "abc"]),
    *numbers("--resamples", "resamples", "compare", ["-1", "0", "abc"]),
    *numbers("--neighbors", "neighbors", "value", ["0", "-1", "161", "abc", "1.5", "99999999999"]),
    *numbers("--truncate", "truncate", "value", ["0", "-1", "nan", "inf", "abc"]),
    *numbers("--flip-check", "flip_check", "value", ["0", "-0.1", "1", "1.5", "nan", "0.001", "abc"]),
    *numbers("--top", "top", "value", ["-1", "abc", "1.5"]),
    *numbers("--seed", "seed", "value", ["-1", "abc"]),
    option("unknown method", r"method: 'worth' is not a method; methods are knn_shapley, influence, leave_one_out, data_shapley, beta_shapley, data_banzhaf", "value", "--method", "worth"),
    option("unknown ties", r"ties must be row_number or shared, but is 'random'", "value", "--ties", "random", hint=False),
    option("truncated and shared", r"ties: truncated values are for ties by row number", "value", "--truncate", "0.1", "--ties", "shared", hint=False),
    option("neighbours of influence", r"--neighbors: says nothing to influence", "value", "--method", "influence", "--neighbors", "3", hint=False),
    option("feature file of influence", r"--features-file: says nothing to influence", "value", "--method", "influence", "--features-file", "{a_x}",
           hint=False),
    *numbers("--max-samples", "max_samples", "value", ["0", "1", "-1", "abc"], "--method", "data_shapley"),
    *numbers("--standard-error", "standard_error", "value", ["-1", "nan", "abc"], "--method", "data_shapley"),
    *numbers("--truncation", "truncation", "value", ["-1", "1", "2", "nan"], "--method", "data_shapley"),
    *numbers("--alpha", "alpha", "value", ["0", "-1", "nan", "inf"], "--method", "beta_shapley"),
    *numbers("--beta", "beta", "value", ["0", "-1", "nan", "inf"], "--method", "beta_shapley"),
    *numbers("--tolerance", "tolerance", "value", ["0", "-1", "nan", "inf"], "--method", "leave_one_out"),
    option("too few sets", r"max_samples: 3 subsets leave 160 of 160 rows fewer than twice in or twice out; draw more", "value",
           "--method", "data_banzhaf", "--max-samples", "3"),
    option("unknown utility", r"utility: must be vote, accuracy or log_loss, but is 'worth'", "value", "--method", "data_shapley", "--utility", "worth", hint=False),
    option("metric of neighbours", r"--metric: says nothing to knn_shapley, which is about no metric", "value", "--metric", "utility", hint=False),
    option("two metrics", r"metric: equalized_odds is 2 metrics, and a row has one value; write equal_opportunity", "value",
           "--method", "leave_one_out", "--metric", "equalized_odds"),
    option("samples of influence", r"--max-samples: says nothing to influence, which draws no samples", "value", "--method", "influence",
           "--max-samples", "9", hint=False),
    option("neighbours of a model", r"--neighbors: says nothing to data_shapley, whose utility here is a model's", "value", "--method", "data_shapley",
           "--utility", "accuracy", "--neighbors", "9", hint=False),
    option("alpha of Shapley", r"--alpha: says nothing to data_shapley, which is not beta_shapley", "value", "--method", "data_shapley",
           "--alpha", "4", hint=False),
    option("truncated sets", r"--truncation: says nothing to data_banzhaf, which draws no permutations", "value", "--method", "data_banzhaf",
           "--truncation", "0.1", hint=False),
    option("a state file that is none", r"bad\.state: ", "value", "--method", "data_shapley", "--max-samples", "9", "--state-file", "{here}/bad.state", code=5,
           hint=False, files={"bad.state": b"hello"}),
    option("one feature file", r"feature files are needed of both", "value", "--features-file", "{a_x}", hint=False),
    option("values of an unknown kind", r"v\.txt: must end in \.npy or \.csv", "value", "-o", "{out}/v.txt", hint=False),
    Bad("no method", 2, r"--method is required; see recant value --help", "value", "{model}", "--validation", "{val}"),
    Bad("no validation (value)", 2, r"--validation: is missing; give a CSV file", "value", "{model}", "--method", "influence"),
    option("both strengths", r"give l2 or l2_per_row, not both|--l2.*--l2-per-row", "fit", "--l2", "1", "--l2-per-row", "0.1", hint=False),
    option("both l2 (compare)", r"give l2 or l2_per_row, not both|--l2.*--l2-per-row", "compare", "--l2", "1", "--l2-per-row", "0.1", hint=False),
    option("unknown loss", r"loss must be logistic, squared or softmax, but is 'hinge'", "fit", "--loss", "hinge", hint=False),
    option("unknown missing", r"--missing", "fit", "--missing", "ignore"),
    option("unknown encoding", r"--encoding", "fit", "--encoding", "half"),
    option("unknown flag", r"--lambda.*; see recant fit --help", "fit", "--lambda", "3"),
    option("a word too many", r"surplus.*; see recant fit --help", "fit", "surplus"),
    option("unknown metric", r"metric: 'accuracy' is not a metric; ", "influence", "--metric", "accuracy"),
    option("no metric", r"--metric is required; see recant influence --help", "influence"),
    option("unknown column of a metric", r"metric: 'race' is not a sensitive column", "influence", "--metric", "demographic_parity:race", hint=False),
    option("unknown group of a metric", r"sex: 'other' is not a group; groups are female, male", "influence", "--metric", "demographic_parity:sex=other"),
    option("a column for utility", r"metric: utility takes no column", "influence", "--metric", "utility:sex", hint=False),
    option("output of an unknown kind", r"i\.txt: must end in \.npy or \.csv", "influence", "--metric", "utility", "-o", "{out}/i.txt", hint=False),
    option("unknown goal", r"metric: 'fairness' is not a metric; ", "correct", "--close", "fairness"),
    option("unknown scheme", r"scheme must be soft or hard, but is 'firm'", "correct", "--scheme", "firm", hint=False),
    option("unknown update", r"update must be influence, newton or polish, but is 'retrain'", "correct", "--update", "retrain", hint=False),
    option("bounds of one number", r"--bounds: must be LO,HI or none", "correct", "--bounds", "1", hint=False),
    option("bounds of text", r"--bounds: 'high' is not a number", "correct", "--bounds=-1,high", hint=False),
    option("bounds of three numbers", r"--bounds: '1,2' is not a number|--bounds: must be LO,HI", "correct", "--bounds=-1,1,2", hint=False),
    option("bounds that are no bounds", r"bounds", "correct", "--bounds=nan,1", hint=False),
    option("bounds without 0", r"bounds must be two numbers with 0 between them, but are 0\.5 and 1", "correct", "--bounds=0.5,1", hint=False),
    option("bounds the wrong way", r"bounds must be two numbers with 0 between them, but are 1 and -1", "correct", "--bounds=1,-1", hint=False),
    option("keep of text", r"--keep: must be utility, utility:TOL or none; ", "correct", "--keep", "loss"),
    option("keep with a bad tolerance", r"--keep: 'much' is not a number", "correct", "--keep", "utility:much", hint=False),
    option("keep with a negative tolerance", r"utility_tolerance must be finite and >= 0, but is -1", "correct", "--keep", "utility:-1", hint=False),
    option("count with soft", r"scheme: count, share and rows to delete belong to the hard scheme", "correct", "--count", "3", hint=False),
    option("share with soft", r"scheme: count, share and rows to delete belong to the hard scheme", "correct", "--share", "0.1", hint=False),
    option("count and share", r"count.*share", "correct", "--scheme", "hard", "--count", "3", "--share", "0.1", hint=False),
    option("count with rounds", r"rounds: count, share and listed rows delete once, so rounds must be 1", "correct", "--scheme", "hard", "--count", "3",
           "--rounds", "2", hint=False),
    option("closed form with rounds", r"bounds: the closed form is one linearisation, so rounds must be 1; ", "correct", "--bounds", "none", "--rounds", "2"),
    option("closed form with two gaps", r"bounds: the closed form closes one gap, but there are several; give bounds", "correct",
           "--bounds", "none", "--close", "demographic_parity,equal_opportunity"),
    option("weights of an unknown kind", r"w\.txt: must end in \.npy or \.csv", "correct", "--weights", "{out}/w.txt", hint=False),
    option("privileged names nothing", r"privileged: 'race=red' names no sensitive column; write COLUMN=GROUP", "evaluate", "--privileged", "race=red"),
    option("privileged is no group", r"privileged: 'other' is not a group; groups are female, male", "evaluate", "--privileged", "sex=other"),
    option("positive class of a binary model", r"positive: only softmax", "evaluate", "--positive-class", "yes", hint=False),
    option("unknown progress", r"--progress", "evaluate", "--progress", "sometimes"),
    Bad("no command", 2, r"recant: command line: a command is required; see recant --help$"),
    Bad("unknown command", 2, r"recant: train: is not a command; see recant --help$", "train", "x"),
    Bad("nearly a command", 2, r"recant: forgt: is not a command; is forget meant\? see recant --help$", "forgt", "x"),
    Bad("a short word that is none", 2, r"recant: foo: is not a command; see recant --help$", "foo"),
    Bad("nearly a short command", 2, r"recant: fi: is not a command; is fit meant\? see recant --help$", "fi"),
    Bad("help of no command", 2, r"recant: corect: is not a command; is correct meant\? see recant --help$", "help", "corect"),
    Bad("help of two commands", 2, r"recant: help: explains one command at a time; see recant --help$", "help", "fit", "forget"),
    Bad("unknown option of recant", 2, r"recant: --foo: is no option of recant itself; those of a command stand behind it; see", "--foo"),
    Bad("a command's option before it", 2, r"recant: -q: is no option of recant itself; ", "-q", "status", "{model}"),
    *(Bad(f"a target named {name!r}", 2, rf"has no column '{said}', which is named as target", "fit", "{train}", "--target", name, "-o",
          "{out}/m.rct")
      for name, said in (("z\nz", r"z\\nz"), ("z\x1b[31mz", r"z\\x1b\[31mz"), ("z\x85z", r"z\\u0085z"), ("z\x7f", r"z\\x7f"))),
    option("a group with a line end", r"'a\\nb' is not a group; groups are female, male$", "evaluate", "--privileged", "sex=a\nb"),
    option("a flag with an escape", r"a\\x1bb", "evaluate", "--progress", "a\x1bb"),
    Bad("a file with a line end", 7, r"a\\nb\.csv: there is no such file$", "evaluate", "{model}", "{here}/a\nb.csv", hint=False),
    option("every row by share", r"share: all 160 rows that count would be deleted, and nothing is left to train on; delete fewer$", "correct",
           "--scheme", "hard", "--share", "1"),
    option("every row by count", r"count: all 160 rows that count would be deleted", "correct", "--scheme", "hard", "--count", "160"),
    option("every row by number", r"rows: all 160 rows that count would be deleted", "correct", "--scheme", "hard", "--rows",
           ",".join(map(str, range(160)))),
    Bad("standard input twice", 2, r"standard input: --validation and --test would both read it, but it can be read once; name a file", "correct",
        "{model}", "--validation", "-", "--test", "-", "--close", "demographic_parity"),
    *(option(f"{command} --wait {value}", r"wait must be finite and >= 0, but is", command, f"--wait={value}", hint=False)
      for command in ("fit", "correct") for value in ("nan", "-5", "inf")),
    *(Bad(f"{command[0]} --wait {value}", 2, r"wait must be finite and >= 0, but is", *command, f"--wait={value}", hint=False)
      for command in (("forget", "{model}", "--rows", "1"), ("backup", "{model}", "{here}/b")) for value in ("nan", "-5")),
    Bad("no model", 2, r"model is required; see recant evaluate --help", "evaluate"),
    Bad("no output", 2, r"--output is required; see recant fit --help", "fit", "{train}", *FIT),
    Bad("compare without test", 2, r"--test is needed", "compare", "{train}", *FIT[:6], hint=False),
    Bad("privileged for compare", 2, r"privileged: 'other' is not a group; ", "compare", "{train}", "--test", "{test}", *FIT[:6],
        "--privileged", "sex=other"),
]

OUTPUTS = [
    Bad("output exists (backup)", 2, r"out: exists already; choose another name$", "backup", "{model}", "{out}"),
    option("no folder to write in", r"none/m\.rct: cannot be created: No such file or directory", "fit", "-o", "{here}/none/m.rct", code=3, hint=False),
    Bad("output exists", 2, r"old\.rct: exists already; choose another name or give --force", "fit", "{train}", *FIT, "-o", "{here}/old.rct",
        files={"old.rct": "a file of someone"}),
    Bad("a file is not replaced by force", 2, r"old\.rct: exists and is not a model, so it is not replaced; ", "fit", "{train}", *FIT,
        "-o", "{here}/old.rct", "--force", files={"old.rct": "a file of someone"}),
    Bad("a folder is not replaced by force", 2, r"out: exists and is not a model, so it is not replaced; ", "fit", "{train}", *FIT,
        "-o", "{out}", "--force"),
    Bad("a folder is not replaced by force (correct)", 2, r"out: exists and is not a model, so it is not replaced; ", "correct", "{model}",
        "--validation", "{val}", "--close", "demographic_parity", "-o", "{out}", "--force", "--weights", "{here}/w.csv"),
    Bad("output exists (correct)", 2, r"out: exists already; choose another name or give --force", "correct", "{model}",
        "--validation", "{val}", "--close", "demographic_parity", "-o", "{out}"),
    Bad("the weights cannot be written", 3, r"none/w\.csv: cannot be created: No such file", "correct", "{model}", "--validation", "{val}",
        "--close", "demographic_parity", "--weights", "{here}/none/w.csv", "-o", "{out}/m2.rct", hint=False),
    Bad("the model cannot be written", 3, r"none/m2\.rct: cannot be created: No such file", "correct", "{model}", "--validation", "{val}",
        "--close", "demographic_parity", "--weights", "{out}/w.csv", "-o", "{here}/none/m2.rct", hint=False),
    Bad("the values cannot be written", 3, r"none/v\.npy: cannot be created", "value", "{model}", "--validation", "{val}",
        "--method", "knn_shapley", "-o", "{here}/none/v.npy", hint=False),
    *(Bad(f"{command[0]} {name} into a model", 2, r"lies in the model folder \S+(model|arrays)\.rct, which is kept as it is; choose a place outside$",
          *command, place)
      for command in (("influence", "{model}", "--validation", "{val}", "--metric", "utility", "-o"),
                      ("value", "{model}", "--validation", "{val}", "--method", "knn_shapley", "-o"),
                      ("value", "{model}", "--validation", "{val}", "--method", "data_shapley", "--max-samples", "9", "--state-file"),
                      ("correct", "{model}", "--validation", "{val}", "--close", "demographic_parity", "--weights"),
                      ("correct", "{model}", "--validation", "{val}", "--close", "demographic_parity", "-o"),
                      ("fit", "{train}", *FIT, "-o"), ("fit", "{train}", *FIT, "--force", "-o"), ("backup", "{model}"),
                      ("status", "{model}", "--checkpoint"))
      for name, place in ((f"{' '.join(command[-2:])} {kind}", place) for kind, place in (
          ("of its own", "{model}/rows/new.npy"), ("by ..", "{model}/state/../x.npy"),
          ("of another", "{array_model}/rows/weights.npy"), ("as its manifest", "{model}/manifest.json")))),
    *(Bad(f"{command[0]} over {flag}", 2, rf"{output} would replace what {flag} reads; choose another name$", *command,
          files={"bad.csv": "x", "x.npy": "x"})
      for command, output, flag in (
          (("influence", "{model}", "--validation", "{bad}", "--metric", "utility", "-o", "{here}/./bad.csv"), "--output", "--validation"),
          (("value", "{model}", "--validation", "{val}", "--method", "knn_shapley", "--features-file", "{here}/x.npy",
            "--validation-features-file", "{a_x}", "-o", "{here}/x.npy"), "--output", "--features-file"),
          (("correct", "{model}", "--validation", "{val}", "--test", "{bad}", "--close", "demographic_parity", "--weights", "{bad}"),
           "--weights", "--test"),
          (("value", "{model}", "--validation", "{bad}", "--method", "data_shapley", "--max-samples", "9", "--state-file", "{bad}"),
           "--state-file", "--validation"))),
    Bad("two outputs of one name", 2, r"w\.npy: --output and --weights cannot both be written there; choose two names$", "correct", "{model}",
        "--validation", "{val}", "--close", "demographic_parity", "-o", "{out}/w.npy", "--weights", "{out}/../out/w.npy"),
    Bad("a checkpoint over a file", 2, r"bad\.csv: exists and is not a checkpoint, so it is not replaced; choose another name$", "status",
        "{model}", "--checkpoint", "{bad}", files={"bad.csv": "x"}),
    Bad("a checkpoint over a folder", 2, r"out: exists and is not a checkpoint, so it is not replaced; ", "status", "{model}", "--checkpoint", "{out}"),
    Bad("a checkpoint over a device", 2, r"/dev/zero: exists and is not a checkpoint, so it is not replaced; ", "status", "{model}", "--checkpoint",
        "/dev/zero"),
    Bad("values over a folder", 2, r"v\.npy: exists and is not a file, so it is not replaced; ", "value", "{model}", "--validation", "{val}",
        "--method", "knn_shapley", "-o", "{here}/v.npy", links={"v.npy": "out"}),
    *(Bad(f"{command[0]} through a link", 2, r"lies in the model folder \S+model\.rct, which is kept as it is; ", *command, links={"way": "{model}/rows"})
      for command in (("influence", "{model}", "--validation", "{val}", "--metric", "utility", "-o", "{here}/way/ids.npy"),
                      ("status", "{model}", "--checkpoint", "{here}/way/ids.npy"), ("backup", "{model}", "{here}/way/b"),
                      ("fit", "{train}", *FIT, "-o", "{here}/way/b"))),
    Bad("the influences cannot be written", 3, r"none/i\.npy: cannot be created", "influence", "{model}", "--validation", "{val}",
        "--metric", "utility", "-o", "{here}/none/i.npy", hint=False),
]

# A number that some programs take for another, an entry that is not there, a protection that is not given.
LOOSE_TEXTS = [
    *(option(f"{command} {flag} {text}", rf"{flag}: must be a whole number in decimal digits", command, flag, text, *more)
      for command, flag, *more in (("fit", "--releases", "--epsilon", "1", "--delta", "1e-5"), ("fit", "--max-iterations"),
                                   ("fit", "--threads"), ("fit", "--seed"), ("correct", "--count", "--scheme", "hard"),
                                   ("correct", "--rounds"), ("compare", "--rounds"), ("compare", "--resamples"),
                                   ("value", "--neighbors"), ("value", "--top"))
      for text in ("010", "0x10", "0b1", "+5", " 5", "5 ", "00", "-0", "-010")),
    *(option(f"{command} {flag} {text}", rf"{flag}: must be a decimal number", command, flag, text)
      for command, flag in (("fit", "--l2"), ("fit", "--sigma"), ("fit", "--wait"), ("evaluate", "--radius"), ("correct", "--kappa"))
      for text in ("0x1p-1", "0X1", " 1")),
    *(Bad(f"forget {flag} {text!r}", 2, rf"{flag}: has an empty entry", "forget", "{model}", flag, text)
      for flag in ("--rows", "--ids") for text in ("5,", ",5", "5,,6", ",")),
    *(Bad(f"forget --rows {text!r}", 2, r"--rows: entry \d is no row number in decimal digits; rows count from 0$", "forget",
          "{model}", "--rows", text) for text in ("0x10", "-0", "-00", "0,-0", "+5", " 5", "5 ", "5.0", "1e1", "5;6", "secret", "9" * 30)),
    *(option(f"correct --rows {text!r}", r"--rows: (has an empty entry|entry \d is no row number)", "correct", "--scheme", "hard",
             "--rows", text) for text in ("5,", "5,,6", "0x10", "-0")),
    option("an entry of --sensitive", r"--sensitive: has an empty entry", "fit", "--sensitive", "sex,"),
    option("an entry of --drop", r"--drop: has an empty entry", "fit", "--drop", "region,,w"),
    option("an entry of --close", r"--close: has an empty entry", "correct", "--close", ",demographic_parity"),
    option("no protection of differences", r"--difference-epsilon: must not be empty", "fit", "--epsilon", "1", "--delta", "1e-5",
           "--difference-epsilon", "", "--difference-delta", "", "--difference-step", ""),
    Bad("no tier", 2, r"--tier-at-most: must not be empty", "forget", "{model}", "--rows", "1", "--tier-at-most", ""),
    *(option(f"the next word is no value ({flag})", rf"{flag}: must not be empty", "fit", f"{flag}=", value, hint=flag == "--na")
      for flag, value in (("--sigma", "1"), ("--l2", "1"), ("--na", "x"))),
]

MODELS = [
    Bad("no model there", 7, r"nothere\.rct: does not exist", "evaluate", "{here}/nothere.rct", "{val}", hint=False),
    Bad("no model there (correct)", 7, r"nothere\.rct: does not exist", "correct", "{here}/nothere.rct", "--validation", "{val}",
        "--close", "demographic_parity", hint=False),
    Bad("a folder that is no model", 7, r"out: is not a model folder \(it has no manifest\.json\)", "evaluate", "{out}", "{val}", hint=False),
    Bad("a file that is no model", 7, r"bad\.csv: is not a model folder", "influence", "{bad}", "--validation", "{val}", "--metric", "utility",
        hint=False, files={"bad.csv": "x"}),
]

AUDITS = [
    Bad("nothing was deleted", 3, r"deleted rows: no row of weight 0 is in the model folder: nothing was deleted from it; give rows",
        "audit", "{model}"),
    Bad("no test rows for membership", 2, r"--test: membership inference needs rows that no model was trained on; give", "audit", "{deleted}",
        "--membership"),
    Bad("one row for membership", 3, r"deleted rows: membership inference needs at least 2 deleted rows, but there are 1", "audit",
        "{deleted_one}", "--membership", "--test", "{test}", hint=False),
    Bad("another kind of model from before", 3, r"before: is not the audited model before a deletion", "audit", "{deleted}", "--before",
        "{array_model}", "--deleted", "{train}", hint=False),
    Bad("a model from before with other rows", 3, r"before: holds another number of rows, so it does not say which were deleted; ", "audit",
        "{deleted}", "--before", "{array_model}"),
    Bad("no model from before", 7, r"nothere\.rct: does not exist", "audit", "{deleted}", "--before", "{here}/nothere.rct", hint=False),
    Bad("no deleted file", 7, r"nothere\.csv: there is no such file", "audit", "{deleted}", "--deleted", "{here}/nothere.csv", hint=False),
    Bad("garbage as deleted rows", 3, r"bad\.csv, line 1: ", "audit", "{deleted}", "--deleted", "{bad}", files={"bad.csv": GARBAGE}),
    Bad("arrays for a model of a table", 2, r"the classes of the training data are texts, which no array can hold; give a CSV file", "audit", "{deleted}", "--deleted-features", "{a_x}",
        "--deleted-targets", "{a_y}"),
    Bad("a CSV file for a model of arrays", 2, r"the model was trained on arrays", "audit", "{array_model}", "--deleted", "{train}"),
    Bad("a bound and an annex", 2, r"bound: give --bound or --annex, not both", "audit", "{deleted}", "--bound", "1", "--annex", "{bad}",
        hint=False, files={"bad.csv": "{}"}),
    Bad("no annex", 7, r"nothere\.json: does not exist", "audit", "{deleted}", "--annex", "{here}/nothere.json", hint=False),
    Bad("garbage as annex", 5, r"bad\.csv: byte 0: an object is expected", "audit", "{deleted}", "--annex", "{bad}", hint=False,
        files={"bad.csv": "secret"}),
    Bad("an annex where nothing was released", 2, r"deleted\.rct: has no certificate: nothing was released yet; give the bound itself", "audit",
        "{deleted}", "--annex", EXAMPLE / "annex.json"),
    Bad("a bound that is negative", 2, r"bound must be finite and >= 0", "audit", "{deleted}", "--bound", "-1", hint=False),
    Bad("a bound that is no number", 2, r"bound must be finite and >= 0, but is nan", "audit", "{deleted}", "--bound", "nan", hint=False),
    Bad("a sigma that is negative", 2, r"sigma must be finite and >= 0", "audit", "{deleted}", "--sigma", "-1", hint=False),
    Bad("too few shadow models", 2, r"shadow-models must be at least 4, but is 3", "audit", "{deleted}", "--test", "{test}", "--shadow-models", "3", hint=False),
    Bad("confidence of 1", 2, r"confidence: must be above 0 and below 1, but is 1", "audit", "{deleted}", "--test", "{test}", "--confidence", "1", hint=False),
    Bad("a bound that is broken", 4, r"the distance to retraining is .* at least, but 1e-12 was claimed", "audit", "{deleted}", "--bound",
        "1e-12"),
]

OUTCOMES = [
    Bad("not converged", 4, r"recant: fit: did not converge, so nothing was written; raise --max-iterations or --l2$",
        "fit", "{train}", *FIT, "--max-iterations", "1", "-o", "{out}/m.rct"),
    Bad("not converged, over a model", 4, r"did not converge, so nothing was written", "fit", "{train}", *FIT, "--max-iterations", "0",
        "-o", "{model}", "--force"),
    Bad("negative total weights cannot be polished", 4,
        r"recant: correct: nothing was written: some total row weights are negative", "correct", "{model}", "--validation", "{val}",
        "--close", "robust_loss", "--bounds", "none", "--kappa-rel", "0.01", "--update", "polish", "-o", "{out}/m2.rct",
        "--weights", "{out}/w.csv"),
    Bad("a target that cannot be reached", 4, r"recant: correct: .*", "correct", "{model}", "--validation", "{val}", "--close",
        "demographic_parity", "--target-gap", "1e-9", "--bounds=-0.001,0.001", "--rounds", "1"),
]


class Tables(World):
    def all(self, cases):
        self.assertEqual(len({case.name for case in cases}), len(cases), "two cases of one name")
        for case in cases:
            self.check(case)

    def test_training_files(self):
        self.all(TRAINING_FILES)

    def test_measured_files(self):
        self.all(MEASURED_FILES)

    def test_arrays(self):
        self.all(ARRAYS)

    def test_options(self):
        self.all(OPTIONS)

    def test_loose_texts(self):
        self.all(LOOSE_TEXTS)

    def test_no_flag_of_any_command_takes_an_empty_text(self):
        flags = 0
        for command in re.findall(r"^  ([a-z]+)  ", run(COMMAND, "--help").out.split("Subcommands:")[1], re.MULTILINE):
            said = run(COMMAND, command, "--help").out
            options = re.findall(r"^  (?:-\w,)?(--[\w-]+) [A-Z]", said, re.MULTILINE)
            options.extend(["-o"] if "-o,--output" in said else [])
            self.assertTrue({"--seed", "--threads", "--progress"} <= set(options), command)
            positionals = re.findall(r"^  ([a-z]+) TEXT", said, re.MULTILINE)
            for name in [*options, *positionals]:
                if name == "--na":
                    continue
                flags += 1
                given = [name, ""] if name.startswith("-") else [("" if p == name else "{here}/x") for p in positionals]
                self.check(Bad(f"{command} {name}", 2, rf"^recant: {command}: {'--output' if name == '-o' else name}: must not be empty; ",
                               command, *given))
        self.assertGreater(flags, 150)

    def test_outputs(self):
        self.all(OUTPUTS)

    def test_models(self):
        self.all(MODELS)

    def test_outcomes(self):
        self.all(OUTCOMES)

    def test_audits(self):
        self.all(AUDITS)

    def test_a_check_that_must_fail_does(self):
        """The tables' own check: a wrong code, line, place or leftover is noticed."""
        good = fit_case("empty", 3, r"bad\.csv: is empty", "", hint=False)
        for wrong in (fit_case("code", 2, r"bad\.csv: is empty", "", hint=False),
                      fit_case("line", 3, r"bad\.csv: is full", "", hint=False),
                      fit_case("where", 3, r"bad\.csv: is empty", "", where=r"line 1$", hint=False),
                      fit_case("hint", 3, r"bad\.csv: is empty", "")):
            self.assertTrue(self.fails(wrong), wrong.name)
        self.assertFalse(self.fails(good))
        with self.assertRaises(AssertionError):
            self.assert_has_options("choose another name or give --force", run(COMMAND, "backup"))

    def fails(self, case):
        class Quiet(World):
            root, rows = self.root, self.rows

            def runTest(quiet):
                quiet.check(case)
        result = unittest.TestResult()
        Quiet.setUpClass = Quiet.tearDownClass = classmethod(lambda cls: None)
        Quiet().run(result)
        return bool(result.failures or result.errors)


class Odd(World):
    """Input that looks wrong and is right."""

    def fit_of(self, content, *flags, **more):
        with tempfile.TemporaryDirectory(dir=self.root) as folder:
            file = Path(folder) / "odd.csv"
            file.write_bytes(content)
            done = self.good("fit", "-" if more else file, *FIT, *flags, "-o", Path(folder) / "m.rct", "--json", **more).json
            return {key: value for key, value in done.items() if key != "seconds"}

    def test_the_same_table_in_other_bytes(self):
        text = csv_text(self.rows)
        want = self.fit_of(text.encode())
        quoted = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines())
        for name, bytes_ in (("byte order mark", b"\xef\xbb\xbf" + text.encode()),
                             ("CRLF", text.replace("\n", "\r\n").encode()),
                             ("CR", text.replace("\n", "\r").encode()),
                             ("no last line end", text[:-1].encode()),
                             ("blank lines", text.replace("\n", "\n\n").encode()),
                             ("all together", b"\xef\xbb\xbf" + text.replace("\n", "\r\n\r\n").encode()),
                             ("quotes", quoted.encode()),
                             ("blanks around cells", text.replace(",", " , ").encode())):
            with self.subTest(name):
                self.assertEqual(self.fit_of(bytes_), want)

    def test_an_empty_text_of_na_is_the_empty_cell(self):
        holes = {(2, "age"): "", (5, "city"): "", (9, "city"): "?"}
        text = with_cells(holes, rows=60).encode()
        for given, dropped in (("", 2), ("?", None), ("?,", 3), (",?", 3), ("?,,x", 3)):
            with self.subTest(given):
                flags = ["--na", given]
                if dropped is None:  # an empty age is no number then
                    flags += ["--drop", "region,w,age"]
                done = self.fit_of(text, *flags)
                self.assertEqual(done["rows_dropped"], dropped or 1)

    def test_standard_input(self):
        text = csv_text(self.rows).encode()
        self.assertEqual(self.fit_of(b"", input=text), self.fit_of(text))
        val = (self.root / "val.csv").read_bytes()
        for arguments in (("evaluate", "{model}", "FILE"),
                          ("influence", "{model}", "--validation", "FILE", "--metric", "utility"),
                          ("correct", "{model}", "--validation", "FILE", "--close", "demographic_parity"),
                          ("correct", "{model}", "--validation", "{val}", "--test", "FILE", "--close", "demographic_parity")):
            with self.subTest(arguments):
                by_name = self.good(*[a if a != "FILE" else "{val}" for a in arguments], "--json").json
                piped = self.good(*[a if a != "FILE" else "-" for a in arguments], "--json", input=val).json
                by_name.pop("seconds"), piped.pop("seconds")
                self.assertEqual(by_name, piped)

    def test_a_bad_line_of_standard_input_is_named(self):
        done = run(COMMAND, *self.fill(["evaluate", "{model}", "-"]), input=csv_text([["1"]]).encode())
        self.assertEqual((done.code, done.err),
                         (3, "recant: standard input, line 2: has 1 cells, but the first record has 8\n"))

    def test_a_huge_cell_is_fine_while_it_is_a_cell(self):
        self.assertEqual(self.fit_of(with_cells({(3, "id"): "x" * 2**20}).encode())["rows"], 40)

    def test_sex_may_have_an_unseen_group(self):
        rows = table(60, 9)
        rows[0][4] = "unknown"
        done = self.good("evaluate", "{model}", "-", "--json", input=csv_text(rows).encode()).json
        self.assertEqual(done["unseen_categories"], {"sex": 1})
        self.assertEqual(done["metrics"]["groups"]["unknown"]["rows"], 1)


class Damage(World):
    FILES = ["manifest.json", "rows/features.npy", "rows/targets.npy", "rows/weights.npy", "rows/ids.npy",
             "rows/groups.npy", "state/0/theta.npy", "state/0/gradient.npy"]
    COMMANDS = (("evaluate", "{bad}", "{val}"),
                ("influence", "{bad}", "--validation", "{val}", "--metric", "utility", "-o", "{out}/i.npy"),
                ("correct", "{bad}", "--validation", "{val}", "--close", "demographic_parity", "-o", "{out}/m2.rct"))

    def test_all_files_of_a_model_are_here(self):
        files = [name for name, content in contents(self.root / "model.rct").items() if content is not None]
        self.assertEqual(sorted(files), sorted(self.FILES))

    def assert_refused(self, name, change, commands=COMMANDS, code=5, line=None):
        with self.subTest(name), tempfile.TemporaryDirectory(dir=self.root) as folder:
            folder = Path(folder)
            bad, out = folder / "bad.rct", folder / "out"
            out.mkdir()
            shutil.copytree(self.root / "model.rct", bad)
            change(bad)
            before = contents(folder)
            for command in commands:
                done = run(COMMAND, *self.fill(command, bad=bad, out=out), "--json")
                self.assertEqual(done.code, code, str(done))
                self.assertEqual(done.json["kind"], KINDS[code])
                self.assertEqual(done.err.count("\n"), 1, str(done))
                self.assertIn("bad.rct", done.json["where"] or "", str(done))
                self.assertRegex(done.err, line or re.escape(str(bad)), str(done))
                self.assertNotIn("person-", done.err)
                self.assertEqual(before, contents(folder), str(done))

    def test_a_flipped_byte(self):
        """In the first, a middle and the last byte of every file. The values of the features are the
        documented exception (include/recant/engine/vault.hpp): mapped, and checked by shape only."""
        for file in self.FILES:
            size = (self.root / "model.rct" / file).stat().st_size
            for at in (0, size // 2, size - 3):
                def flip(model):
                    data = bytearray((model / file).read_bytes())
                    data[at] ^= 0x04
                    (model / file).write_bytes(bytes(data))
                self.assert_refused(f"{file}, byte {at}", flip, self.COMMANDS[:1])

    def test_a_number_of_the_manifest(self):
        """A change that is still good JSON: nothing but the model id can tell."""
        def change(model):
            text = (model / "manifest.json").read_text()
            self.assertEqual(text.count('"l2": 1.0'), 1)
            (model / "manifest.json").write_text(text.replace('"l2": 1.0', '"l2": 2.0'))
        self.assert_refused("l2", change)

    def test_cut_short(self):
        for file in self.FILES:
            for left in (0, 1, 0.5, 0.99):
                def cut(model):
                    data = (model / file).read_bytes()
                    (model / file).write_bytes(data[:int(len(data) * left) if left != 1 else 1])
                self.assert_refused(f"{file} to {left}", cut, self.COMMANDS[:1])

    def test_missing(self):
        for file in self.FILES[1:]:
            self.assert_refused(f"{file} missing", lambda model: (model / file).unlink())

    def test_of_another_model(self):
        other = self.root / "other.rct"
        if not other.exists():
            self.good("fit", "{val}", *FIT, "--l2", "3", "-o", other)
        for file in self.FILES[1:]:
            self.assert_refused(f"{file} of another model", lambda model: shutil.copy(other / file, model / file),
                                self.COMMANDS[:1])

    def test_a_newer_format(self):
        def newer(model):
            text = (model / "manifest.json").read_text()
            self.assertEqual(text.count('"format_version": 3'), 1)
            (model / "manifest.json").write_text(text.replace('"format_version": 3', '"format_version": 4'))
        self.assert_refused("newer", newer, line=r"manifest\.json: has format version 4, but this recant reads up to 3; use a newer recant\n")

    def test_manifests_that_are_none(self):
        for name, text in (("a list", "[]"), ("null", "null"), ("another format", '{"format": "x"}'), ("deep", "[" * 100000),
                           ("empty object", "{}")):
            self.assert_refused(name, lambda model: (model / "manifest.json").write_text(text), self.COMMANDS[:1])

    def test_a_good_copy_is_read(self):
        """Else every damage above could be refused for another reason."""
        with self.assertRaises(AssertionError):
            self.check_copy(lambda model: (model / "state/0/theta.npy").write_bytes(b"x"))
        self.check_copy(lambda model: None)

    def check_copy(self, change):
        with tempfile.TemporaryDirectory(dir=self.root) as folder:
            copy = Path(folder) / "copy.rct"
            shutil.copytree(self.root / "model.rct", copy)
            change(copy)
            self.good("evaluate", copy, "{val}")


def limit_file_size(size):
    """For preexec_fn. The signal keeps its default action, as under a shell's ulimit -f."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def limit_addresses(size):
    """For preexec_fn, as ulimit -v."""
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


class FullDisk(World):
    RUNS = {"fit": ("fit", "{train}", *FIT, "-o", "{out}/m.rct"),
            "influence npy": ("influence", "{model}", "--validation", "{val}", "--metric", "utility", "-o", "{out}/i.npy"),
            "influence csv": ("influence", "{model}", "--validation", "{val}", "--metric", "utility", "-o", "{out}/i.csv"),
            "correct": ("correct", "{model}", "--validation", "{val}", "--close", "demographic_parity", "-o", "{out}/m2.rct",
                        "--weights", "{out}/w.csv"),
            "replace": ("correct", "{model}", "--validation", "{val}", "--close", "demographic_parity", "-o", "{out}/old.rct",
                        "--force"),
            "replace influence": ("influence", "{model}", "--validation", "{val}", "--metric", "utility", "-o", "{out}/old.npy"),
            "replace values": ("value", "{model}", "--validation", "{val}", "--method", "knn_shapley", "-o", "{out}/old.csv"),
            "replace weights": ("correct", "{model}", "--validation", "{val}", "--close", "demographic_parity", "--weights",
                                "{out}/old.csv")}

    @classmethod
    def make_old(cls, name, out):
        """What the run is to replace."""
        if name == "replace":
            shutil.copytree(cls.root / "model.rct", out / "old.rct")
        elif name.startswith("replace"):
            (out / cls.RUNS[name][-1].rpartition("/")[2]).write_text("what an earlier run left\n")

    def assert_clean(self, name, out, preexec_fn=None, why="File too large"):
        """The run fails, says so, and leaves the folder as it was."""
        before = contents(out)
        done = run(COMMAND, *self.fill(self.RUNS[name], out=out), "--json", preexec_fn=preexec_fn)
        self.assertEqual(before, contents(out), f"left behind by {done}")
        if done.code == 0:
            return False
        self.assertEqual(done.code, 3, str(done))
        self.assertEqual(done.json["kind"], "data", str(done))
        self.assertRegex(done.err, rf"^recant: {re.escape(str(out))}/.*: {why}(; .*)?\n$", str(done))
        return True

    def test_a_limit_on_file_sizes(self):
        for name in self.RUNS:
            for size in (0, 100, 1000):
                with self.subTest(f"{name}, {size} bytes"), tempfile.TemporaryDirectory(dir=self.root) as out:
                    self.make_old(name, Path(out))
                    self.assertTrue(self.assert_clean(name, Path(out), limit_file_size(size)))

    def test_a_full_file_system(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to mount a small file system")
        for name in self.RUNS:
            with self.subTest(name), tempfile.TemporaryDirectory(dir=self.root) as out:
                mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", out], capture_output=True)
                if mounted.returncode != 0:
                    self.skipTest("may not mount a small file system")
                try:
                    out = Path(out)
                    self.make_old(name, out)
                    full = out / "full"
                    with open(full, "wb", buffering=0) as file:
                        try:
                            while True:
                                file.write(b"x" * 4096)
                        except OSError:
                            pass
                    self.assertTrue(self.assert_clean(name, out, why="No space left on device"))
                finally:
                    subprocess.run(["umount", out], check=True)

    def test_a_file_of_row_values_is_replaced_whole(self):
        """By a rename: whoever has the old file open, or a second name of it, goes on having all of it."""
        for name in ("replace influence", "replace values", "replace weights"):
            with self.subTest(name), tempfile.TemporaryDirectory(dir=self.root) as out:
                out = Path(out)
                self.make_old(name, out)
                old, = out.iterdir()
                text = old.read_bytes()
                os.link(old, out / "second name")
                self.good(*self.fill(self.RUNS[name], out=out))
                self.assertEqual((out / "second name").read_bytes(), text)
                self.assertNotIn(text, old.read_bytes())
                self.assertGreater(old.stat().st_size, 160 * 8)
                self.assertEqual(len(list(out.iterdir())), 2)

    def test_standard_output_is_full(self):
        for flags in ([], ["--json"]):
            with self.subTest(flags), open("/dev/full", "wb") as full:
                done = subprocess.run([COMMAND, *self.fill(["evaluate", "{model}", "{val}"]), *flags], stdout=full,
                                      stderr=subprocess.PIPE, timeout=60)
                self.assertEqual((done.returncode, done.stderr),
                                 (3, b"recant: standard output: cannot be written: No space left on device\n"))


class LittleMemory(World):
    """OpenBLAS waits for ever for addresses that it does not get (docs/decisions/0001), also before the program begins."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if run(COMMAND, "--version", preexec_fn=limit_addresses(4 << 30)).code != 0:
            cls.tearDownClass()
            raise unittest.SkipTest("this build needs more addresses than that: a sanitizer's")

    def test_every_limit_on_addresses_ends_the_run(self):
        for name in ("fit", "correct", "replace values"):
            for mib in (150, 200, 250, 300, 350, 400, 500, 700):
                for threads in ("1", "0"):
                    with self.subTest(f"{name}, {mib} MiB, {threads} threads"), tempfile.TemporaryDirectory(dir=self.root) as out:
                        done = run(COMMAND, *self.fill(FullDisk.RUNS[name], out=out), "--threads", threads, "--json",
                                   preexec_fn=limit_addresses(mib << 20))
                        self.assertIn(done.code, (0, 3), str(done))
                        if done.code == 3:
                            self.assertRegex(done.err, r"^recant: there is not enough memory.*\n$", str(done))
                            self.assertEqual(contents(out), {}, f"left behind by {done}")

    def test_a_limit_changes_no_result(self):
        with tempfile.TemporaryDirectory(dir=self.root) as out:
            done = self.good("fit", "{train}", *FIT, "-o", f"{out}/m.rct", preexec_fn=limit_addresses(4 << 30))
            self.assertEqual(done.err, "")
            self.assertEqual((Path(out) / "m.rct/state/0/theta.npy").read_bytes(),
                             (self.root / "model.rct/state/0/theta.npy").read_bytes())


class Interrupted(World):
    """A run that is stopped anywhere leaves the target as it was; with SIGKILL, absent or whole."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.big = cls.root / "big.csv"
        cls.big.write_text(csv_text(table(3000, 11)))
        cls.good("fit", cls.big, *FIT, "-o", cls.root / "big.rct")

    def command(self, what, out):
        if what == "fit":
            return [COMMAND, "fit", str(self.big), *FIT, "-o", str(out / "m.rct")]
        target = [str(out / "old.rct"), "--force"] if what == "replace" else [str(out / "m.rct")]
        return [COMMAND, "correct", str(self.root / "big.rct"), "--validation", str(self.root / "val.csv"), "--close",
                "demographic_parity", "--weights", str(out / "w.csv"), "-o", *target]

    def stop(self, what, stop, out, when):
        """Sends `stop` after `when` seconds or, if it is None, as soon as something is half-written."""
        process = subprocess.Popen(self.command(what, out), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        begin = time.monotonic()
        while process.poll() is None:
            if when is None and any(name.endswith(".partial") for name in os.listdir(out)):
                break
            if when is not None and time.monotonic() - begin >= when:
                break
        process.send_signal(stop)
        error = process.communicate(timeout=60)[1].decode()
        return process.returncode, error

    def assert_stopped(self, what, stop, times):
        stopped = 0
        for when in times:
            with self.subTest(f"{what}, {stop.name}, {when}"), tempfile.TemporaryDirectory(dir=self.root) as out:
                out = Path(out)
                if what == "replace":
                    shutil.copytree(self.root / "model.rct", out / "old.rct")
                    (out / "w.csv").write_text("what an earlier run left\n")
                before = contents(out)
                code, error = self.stop(what, stop, out, when)
                after = contents(out)
                if stop == signal.SIGKILL:
                    self.assertIn(code, (0, -signal.SIGKILL), error)
                    stopped += code != 0
                    after = {name: data for name, data in after.items() if ".partial" not in name}
                else:
                    # A signal by the clock may come before main(), while libraries are still loaded.
                    early = () if when is None else (-stop,)
                    self.assertIn(code, (0, 128 + stop, *early), error)
                    stopped += code != 0
                    self.assertEqual([name for name in after if ".partial" in name], [])
                # Each output is as before or whole, whatever the time of the signal.
                model = "old.rct" if what == "replace" else "m.rct"
                if any(name.startswith(model) for name in after):
                    self.good("evaluate", out / model, "{val}")
                elif code == 0:
                    self.fail(f"exit 0 without {model}")
                if "w.csv" in after and after["w.csv"] != before.get("w.csv"):
                    self.assertEqual(after["w.csv"].count(b"\n"), 3001)
                self.assertLessEqual(set(before), set(after))
        return stopped

    def test_fit_and_correct(self):
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.root) as out:
            subprocess.run(self.command("fit", Path(out)), check=True, capture_output=True)
        whole = time.monotonic() - begin
        for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for what in ("fit", "correct", "replace"):
                times = [0.5 * whole, *[None] * 2]
                self.assertGreater(self.assert_stopped(what, stop, times), 0, f"no run of {what} was stopped in time")

    def test_a_killed_run_does_not_hinder_the_next(self):
        with tempfile.TemporaryDirectory(dir=self.root) as out:
            out = Path(out)
            self.stop("fit", signal.SIGKILL, out, None)
            shutil.rmtree(out / "m.rct", ignore_errors=True)
            subprocess.run(self.command("fit", out), check=True, capture_output=True)
            self.good("evaluate", out / "m.rct", "{val}")


if __name__ == "__main__":
    COMMAND = os.path.abspath(sys.argv.pop(1))
    unittest.main()
