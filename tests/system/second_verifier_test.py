#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`recant verify` and the verifier that was written from docs/formats/certificate.md alone (second_verifier.py)
take and refuse the same certificates; and what the command says of files that are none.

    second_verifier_test.py COMMAND [unittest arguments]
"""
import json
import random
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import second_verifier as second
from command_support import FIT, csv_text, npy, run, table

COMMAND = ""
DAMAGED = 5


def signed_again(data, seed, **members):
    """The certificate with other members, signed by the key of this seed: RFC 8032, 5.1.6. What a dishonest issuer does."""
    c = json.loads(data)
    for name, value in members.items():
        place = c["budget"] if name not in c else c
        place[name] = value
    body = json.dumps({name: value for name, value in c.items() if name != "signature"}, separators=(",", ":"), ensure_ascii=False).encode()
    message = b"recant.certificate/1\0" + body
    h = second.hashlib.sha512(seed).digest()
    secret = int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254
    public = second.encode(second.times(secret, second.BASE))
    r = int.from_bytes(second.hashlib.sha512(h[32:] + message).digest(), "little") % second.ORDER
    nonce = second.encode(second.times(r, second.BASE))
    s = (r + second.challenge(nonce, public, message) * secret) % second.ORDER
    return body[:-1] + b',"signature":"' + (nonce + s.to_bytes(32, "little")).hex().encode() + b'"}\n'


class Case:
    """A release with the bytes of all that belongs to it."""

    def __init__(self, model, t):
        read = lambda name: (model / name).read_bytes()
        self.certificate, self.annex = read(f"certificates/{t:06}.json"), read(f"certificates/{t:06}.annex.json")
        self.previous = [read(f"certificates/{k:06}.json") for k in range(1, t)]
        self.public_key, self.parameters = read("public-key.json"), read("published/parameters.npy")

    def but(self, **more):
        other = object.__new__(Case)
        other.__dict__ = self.__dict__ | more
        return other


class SecondVerifier(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Path(tempfile.mkdtemp(prefix="recant-verify-"))
        train, validation = cls.root / "train.csv", cls.root / "validation.csv"
        train.write_text(csv_text(table(200, 7)))
        validation.write_text(csv_text(table(100, 8)))
        cls.models = {name: cls.root / f"{name}.rct" for name in ("certified", "difference", "plain")}
        budget = ["--epsilon", "1", "--delta", "1e-5", "--releases", "20"]
        kinds = {"certified": [*budget, "--sigma", "1"], "plain": [],
                 "difference": [*budget, "--allowance", "0.01", "--difference-epsilon", "2", "--difference-delta", "1e-4",
                                "--difference-step", "0.2"]}
        for name, flags in kinds.items():
            cls.call("fit", train, *FIT, "--l2", "1", *flags, "-o", cls.models[name])
        cls.cases = {}
        for t, rows in ((1, "1"), (2, "2,3"), (3, "4")):
            if t > 1:
                cls.call("forget", cls.models["certified"], "--rows", rows)
            cls.cases[f"release {t}"] = Case(cls.models["certified"], t)
        cls.cases["difference"] = Case(cls.models["difference"], 1)
        cls.call("forget", cls.models["plain"], "--rows", "5")
        cls.cases["exact"] = Case(cls.models["plain"], 2)
        cls.call("forget", cls.models["plain"], "--rows", "6", "--method", "ascent", "--validation", validation)
        cls.cases["heuristic"] = Case(cls.models["plain"], 3)
        cls.seed = bytes.fromhex(json.loads((cls.models["certified"] / "secret/signing.key").read_text())["seed"])

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    @classmethod
    def call(cls, *arguments):
        done = run(COMMAND, *arguments)
        assert done.code == 0, done

    def ask_recant(self, case):
        """The part that did not fit; None if all did."""
        with tempfile.TemporaryDirectory(dir=self.root) as folder:
            def put(name, data):
                path = Path(folder) / name
                path.write_bytes(data)
                return path
            arguments = ["verify", put("certificate", case.certificate), "--public-key", put("key", case.public_key), "--json"]
            for flag, data in (("--model", case.parameters), ("--annex", case.annex)):
                if data is not None:
                    arguments += [flag, put(flag, data)]
            if case.previous:
                arguments += ["--previous", *(put(f"former{i}", data) for i, data in enumerate(case.previous))]
            done = run(COMMAND, *arguments)
        self.assertIn(done.code, (0, DAMAGED), done)
        failed = [check["name"] for check in done.json["checks"] if check["state"] == "failed"]
        self.assertEqual(bool(failed), done.code == DAMAGED, done)
        return failed[0] if failed else None

    def ask_second(self, case):
        try:
            second.verify(case.certificate, case.public_key, case.parameters, case.annex, case.previous)
        except second.Refused as refused:
            return refused.part
        return None

    def both(self, case, part, what=""):
        with self.subTest(what):
            self.assertEqual(self.ask_second(case), part, f"the second verifier, {what}")
            self.assertEqual(self.ask_recant(case), part, f"recant verify, {what}")

    def test_good_certificates(self):
        for name, case in self.cases.items():
            self.both(case, None, name)
            self.both(case.but(annex=None, parameters=None), None, name)
        example = Path(__file__).parents[2] / "examples/certificate"
        read = lambda name: (example / name).read_bytes()
        files = dict(certificate=read("certificate.json"), annex=read("annex.json"), public_key=read("public-key.json"),
                     parameters=read("parameters.npy"), previous=[])
        self.both(self.cases["exact"].but(**files), None, "example")

    def test_flipped_bits(self):
        draw = random.Random(1)
        for name, count in (("release 3", 60), ("difference", 30), ("heuristic", 20)):
            case = self.cases[name]
            for _ in range(count):
                bit = draw.randrange(8 * len(case.certificate))
                data = bytearray(case.certificate)
                data[bit // 8] ^= 1 << bit % 8
                with self.subTest(bit=bit):
                    self.assertIn(self.ask_second(case.but(certificate=bytes(data))), ("form", "signature"))
                    self.assertIn(self.ask_recant(case.but(certificate=bytes(data))), ("form", "signature"))
        case = self.cases["release 3"]
        for field, part in (("annex", "annex"), ("parameters", "parameters"), ("public_key", "signature")):
            for _ in range(10):
                data = bytearray(getattr(case, field))
                bit = draw.randrange(8 * (len(data) - 24), 8 * len(data))  # of NPY: not the header, which has room
                data[bit // 8] ^= 1 << bit % 8
                self.both(case.but(**{field: bytes(data)}), part, f"{field}, bit {bit}")

    def test_swapped_fields(self):
        case = self.cases["release 3"]
        c = json.loads(case.certificate)
        names = list(c)
        text = lambda members: json.dumps(dict(members), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        for i, a in enumerate(names):
            for b in names[i + 1:]:
                values = text((name, c[{a: b, b: a}.get(name, name)]) for name in names)
                order = text(({a: b, b: a}.get(name, name), c[{a: b, b: a}.get(name, name)]) for name in names)
                self.assertIn(self.ask_second(case.but(certificate=values)), ("form", "signature"), (a, b))
                self.assertEqual(self.ask_second(case.but(certificate=order)), "form", (a, b))
                if (i + names.index(b)) % 5 == 0:
                    self.assertIn(self.ask_recant(case.but(certificate=values)), ("form", "signature"), (a, b))
                    self.assertEqual(self.ask_recant(case.but(certificate=order)), "form", (a, b))

    def test_other_files(self):
        first, third, other = self.cases["release 1"], self.cases["release 3"], self.cases["difference"]
        self.both(third.but(parameters=other.parameters), "parameters", "another model's parameters")
        self.both(third.but(annex=other.annex), "annex", "another model's annex")
        self.both(third.but(annex=first.annex), "annex", "a former annex")
        self.both(third.but(public_key=other.public_key), "signature", "another key")
        self.both(third.but(public_key=third.certificate), "signature", "no key")
        self.both(third.but(parameters=npy([1, 2, 3])), "parameters", "other parameters")
        self.both(third.but(parameters=third.annex), "parameters", "no parameters")
        one, two = third.previous
        for previous, what in (([two, one], "the other way round"), ([one], "one left out"), ([other.certificate, two], "another first"),
                               ([one, one, two], "one too many"), ([one, two.replace(b'"release":2', b'"release":1')], "changed")):
            self.both(third.but(previous=previous), "chain", what)

    def test_a_folder_in_place_of_a_file(self):
        for arguments in (["verify", self.root], ["audit", self.models["plain"], "--annex", self.root]):
            done = run(COMMAND, *arguments)
            self.assertEqual((done.code, done.err), (3, f"recant: {self.root}: is a folder; name a file in it\n"), done)

    def test_a_dishonest_issuer(self):
        """Signed by the right key, so that every rule behind the signature is asked."""
        case = self.cases["release 3"]
        budget = json.loads(case.certificate)["budget"]
        self.assertEqual(signed_again(case.certificate, self.seed), case.certificate, "it signs as the issuer does")
        later = json.loads(case.certificate)
        mu = float(later["mu"])
        spell = second.real_spelling
        for part, members in [
                ("form", {"level": "heuristic"}), ("form", {"level": "exact", "mechanism": "none"}), ("form", {"former": None}),
                ("form", {"budget": None, "mu": None}), ("form", {"release": 0}), ("form", {"released_on": "2026-02-30"}),
                ("form", {"released_on": "1969-12-31"}), ("form", {"version": "a\tb"}), ("form", {"epsilon": "1.0e+00"}),
                ("form", {"epsilon": 1}), ("form", {"grid_exponent": -401}), ("form", {"releases": 10**12 + 1}),
                ("form", {"mechanism": "objective_perturbation", "level": "heuristic", "budget": None, "mu": None}),
                ("promise", {"epsilon": "0e+00"}), ("promise", {"delta": "1e+00"}),
                ("promise", {"epsilon": spell(float(budget["epsilon"]) * 0.999)}),
                ("promise", {"delta": spell(float(budget["delta"]) * (1 - 1e-6))}),
                ("promise", {"allowance": spell(float(budget["allowance"]) * 1.001)}),
                ("promise", {"sigma_exponent": budget["sigma_exponent"] - 1}), ("promise", {"sigma_exponent": budget["sigma_exponent"] + 1}),
                ("promise", {"grid_exponent": budget["grid_exponent"] + 20}), ("promise", {"grid_exponent": budget["grid_exponent"] - 40}),
                ("promise", {"releases": 21}), ("promise", {"releases": 2}), ("promise", {"mu": spell(mu * (1 - 1e-9))}),
                ("promise", {"mu": spell(mu * (1 + 1e-9))}), ("promise", {"releases": 10**12}),
                ("promise", {"dimension": budget["dimension"] + 1}), ("parameters", {"parameters_hash": "0" * 64}),
                ("annex", {"annex_commitment": "0" * 64}), ("chain", {"former": "0" * 64}), ("chain", {"released_on": "1970-01-01"})]:
            self.both(case.but(certificate=signed_again(case.certificate, self.seed, **members)), part, str(members))
        text = second.TEXTS_OF_OBJECTIVE_PERTURBATION
        inside = dict(mechanism="objective_perturbation", level="heuristic", budget=None, mu=None)
        for assumptions, part in (([text[0]], "annex"), ([text[1], "more"], "annex"), (["more", text[0]], "form"), ([], "form")):
            changed = signed_again(case.certificate, self.seed, **inside, assumptions=assumptions, annex_commitment="0" * 64)
            self.both(case.but(certificate=changed), part, str(assumptions))

    def test_delta_where_it_is_known(self):
        with second.localcontext() as context:
            context.prec, context.Emax, context.Emin = 160, 10**17, -10**17
            for epsilon, mu, delta in (("1", "0.05", 1.1290332e-91), ("800", "40", 0.49003266), ("1", "0.26805112321129", 1e-5), ("1", "4000", 1)):
                found = second.delta_of(second.Decimal(epsilon), second.Decimal(mu))
                self.assertLess(abs(float(found) / delta - 1), 1e-7, (epsilon, mu))


class BadInput(unittest.TestCase):
    """What a person is told: one line, with the file's name, and exit code 5 or that of the mistake."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="recant-verify-"))
        shutil.copytree(Path(__file__).parents[2] / "examples/certificate", cls.folder, dirs_exist_ok=True)
        key = json.loads((cls.folder / "public-key.json").read_text())
        public = second.encode(second.times(12345, second.BASE))
        key |= {"key_id": second.digest("recant.key/1", public).hex()[:32], "public_key": public.hex()}
        (cls.folder / "other-key.json").write_text(json.dumps(key, separators=(",", ":")) + "\n")
        for name, data in (("empty", b""), ("rows.csv", b"secret,1\n"), ("list.json", b"[]\n"), ("binary", bytes(range(256))),
                           ("deep.json", b"[" * 100_000)):
            (cls.folder / name).write_bytes(data)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def refused(self, code, says, certificate, *more):
        arguments = ["verify", self.folder / certificate, *(self.folder / m if not m.startswith("-") else m for m in more)]
        done = run(COMMAND, *arguments)
        self.assertEqual(done.code, code, done)
        self.assertEqual(done.err.count("\n"), 1, done)
        self.assertRegex(done.err, says, str(done))
        self.assertNotIn("secret", done.err + done.out)

    def test_a_file_that_is_no_certificate(self):
        for name in ("empty", "rows.csv", "list.json", "binary", "deep.json", "annex.json", "public-key.json", "parameters.npy"):
            with self.subTest(name):
                self.refused(DAMAGED, rf"^recant: .*{name}: form: ", name, "--public-key", "public-key.json")
        self.refused(7, "does not exist", "nowhere.json")

    def test_a_key_that_does_not_match(self):
        self.refused(DAMAGED, r"signature: the certificate names key a885774cd64673f645ba388fc44e6126, but key [0-9a-f]{32} was given",
                     "certificate.json", "--public-key", "other-key.json")
        # Its own id, and another's bytes under it.
        key = json.loads((self.folder / "other-key.json").read_text()) | {"key_id": "a885774cd64673f645ba388fc44e6126"}
        (self.folder / "renamed.json").write_text(json.dumps(key, separators=(",", ":")) + "\n")
        self.refused(DAMAGED, "the public key is damaged: key_id is not that of public_key", "certificate.json", "--public-key", "renamed.json")
        self.refused(DAMAGED, "the public key is damaged", "certificate.json", "--public-key", "rows.csv")
        self.refused(DAMAGED, "annex: ", "certificate.json", "--public-key", "public-key.json", "--annex", "rows.csv")
        self.refused(DAMAGED, "parameters: ", "certificate.json", "--public-key", "public-key.json", "--model", "rows.csv")


if __name__ == "__main__":
    COMMAND = sys.argv.pop(1)
    unittest.main()
