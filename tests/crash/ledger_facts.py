# SPDX-License-Identifier: Apache-2.0
"""What a ledger says, read by its database itself, so that looking changes nothing."""
import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

# Of a certificate and its annex: what noise, salt, signature and clock decide.
BY_CHANCE = {"parameters_hash", "annex_commitment", "signature", "released_on", "former", "key_id", "salt",
             "commitment_salt", "seconds"}
QUERIES = {
    "noised": "SELECT subject, payload FROM events WHERE kind = 'noised'",
    "issued": "SELECT certificate, parameters_hash FROM releases",
    "annexes": "SELECT annex FROM releases ORDER BY batch",
    "plans": "SELECT plan FROM batches ORDER BY number",
    **{table: f"SELECT {columns} FROM {table} ORDER BY 1, 2" for table, columns in (
        ("request_rows", "request, row_hash"), ("erased_rows", "row_hash, batch"), ("chunks", "batch, file, chunk, hash"),
        ("releases", "batch, release, enrolment"), ("batches", "number, stage, open"), ("sealed_noise", "batch, noise"),
        ("requests", "id, key, content, state, reason, batch"))}}


class Failure(AssertionError):
    """What must not be; everything else is a mistake of this program."""


def require(good, what):
    if not good:
        raise Failure(what)


def without_chance(text):
    try:
        return {name: value for name, value in json.loads(text).items() if name not in BY_CHANCE}
    except ValueError as error:
        raise Failure(f"is no JSON: {text!r:.100}") from error


def read_file(model, scratch):
    """The answers to QUERIES from a copy of ledger.sqlite; None: there is none."""
    if not (model / "ledger.sqlite").exists():
        return None
    copy = scratch / "looked-at.sqlite"
    for end in ("", "-wal", "-shm"):
        Path(str(copy) + end).unlink(missing_ok=True)
    for end in ("", "-wal"):
        if Path(str(model / "ledger.sqlite") + end).exists():
            shutil.copyfile(str(model / "ledger.sqlite") + end, str(copy) + end)
    try:
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            return {name: connection.execute(sql).fetchall() for name, sql in QUERIES.items()}
    except sqlite3.Error as error:
        raise Failure(f"ledger.sqlite: {error}") from error


class Ledger:
    """Of the answers to QUERIES: what was sealed, what was issued, and the facts that chance has no say in."""

    def __init__(self, found):
        self.sealed, self.certificates, self.parameters, self.facts = {}, set(), set(), {}
        if found is None:
            return
        for subject, payload in found.pop("noised"):
            require(subject not in self.sealed, f"batch {subject} was sealed twice")
            self.sealed[subject] = payload
        for certificate, parameters in found.pop("issued"):
            self.certificates.add(certificate)
            self.parameters.add(parameters.hex())
        for name in ("annexes", "plans"):
            found[name] = [without_chance(text) for text, in found[name]]
        self.facts = found
