#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second verifier of deletion certificates, written from docs/formats/certificate.md alone: nothing but
Python's standard library, no line of recant. It is there to show that the page is enough, and says
refused or not where `recant verify` does (second_verifier_test.py).

    second_verifier.py CERTIFICATE --public-key FILE [--model FILE.npy] [--annex FILE] [--previous FILE ...]

Exit code 0, or 5 and one line that says what does not fit.
"""
import argparse
import ast
import datetime
import hashlib
import json
import re
import struct
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path


class Refused(Exception):
    def __init__(self, part, why):
        super().__init__(f"{part}: {why}")
        self.part = part


def need(good, part, why):
    if not good:
        raise Refused(part, why)


# --- Hashes and signatures -------------------------------------------------------------------------------------

def digest(domain, message):
    return hashlib.blake2b(domain.encode() + b"\0" + message, digest_size=32).digest()


P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    """RFC 8032, 5.1.3; None where there is no such point."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return x if x % 2 == sign else P - x


def plus(a, b):
    """RFC 8032, 5.1.4, in extended coordinates (X, Y, Z, T)."""
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, d - c, d + c, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(k, point):
    out = (0, 1, 1, 0)
    while k:
        if k & 1:
            out = plus(out, point)
        point, k = plus(point, point), k >> 1
    return out


def decode(data):
    y = int.from_bytes(data, "little")
    x = recover_x(y & (2**255 - 1), y >> 255)
    return None if x is None else (x, y & (2**255 - 1), 1, x * (y & (2**255 - 1)) % P)


def encode(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def challenge(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def is_signed(public_key, message, signature):
    """RFC 8032, 5.1.7."""
    key, s = decode(public_key), int.from_bytes(signature[32:], "little")
    if key is None or s >= ORDER:
        return False
    minus = (P - key[0], key[1], 1, P - key[3])
    k = challenge(signature[:32], public_key, message)
    return encode(plus(times(s, BASE), times(k, minus))) == signature[:32]


# --- Canonical bytes -------------------------------------------------------------------------------------------

def real_spelling(x):
    """A double >= 0; repr() has the digits."""
    if x == 0:
        return "0e+00"
    number = Decimal(repr(x)).normalize().as_tuple()
    digits = "".join(map(str, number.digits))
    exponent = number.exponent + len(digits) - 1
    return digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def text_of(value):
    assert isinstance(value, str) and len(value.encode()) <= 4096
    assert not re.search("[\x00-\x1f\x7f-\x9f]", value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def real_of(value):
    assert isinstance(value, str) and re.fullmatch(r"[0-9](\.[0-9]+)?e[+-][0-9]{2,3}", value)
    assert float(value) < float("inf") and real_spelling(float(value)) == value
    return text_of(value)


def integer_of(value):
    assert type(value) is int and abs(value) <= 10**12
    return str(value)


def day_of(value):
    assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) and datetime.date.fromisoformat(value).year >= 1970
    return text_of(value)


def hexadecimal(count):
    def spell(value):
        assert isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{2 * count}}}", value)
        return text_of(value)
    return spell


def one_of(*texts):
    def spell(value):
        assert value in texts
        return text_of(value)
    return spell


def or_null(inner):
    return lambda value: "null" if value is None else inner(value)


def list_of(inner):
    def spell(value):
        assert isinstance(value, list) and len(value) <= 1_000_000
        return "[" + ",".join(map(inner, value)) + "]"
    return spell


def object_of(**members):
    """A name that ends with _ may be left out."""
    def spell(value):
        assert isinstance(value, dict)
        parts = [f'"{name}":{inner(value[name])}' for name, inner in ((n.rstrip("_") if n.endswith("_") else n, i)
                                                                     for n, i in members.items()
                                                                     if not n.endswith("_") or n[:-1] in value)]
        assert len(parts) == len(value)
        return "{" + ",".join(parts) + "}"
    return spell


BUDGET = object_of(epsilon=real_of, delta=real_of, releases=integer_of, dimension=integer_of, sigma_exponent=integer_of,
                   grid_exponent=integer_of, allowance=real_of, difference_epsilon_=real_of, difference_delta_=real_of,
                   difference_step_=real_of)
CERTIFICATE = object_of(
    schema=one_of("recant.certificate/1"), model_id=hexadecimal(16), parameters_hash=hexadecimal(32),
    level=one_of("exact", "certified", "heuristic"),
    mechanism=one_of("none", "gaussian_on_grid", "seeded_gaussian_on_grid", "objective_perturbation"), budget=or_null(BUDGET),
    release=integer_of, mu=or_null(real_of), assumptions=list_of(text_of), version=text_of, released_on=day_of,
    former=or_null(hexadecimal(32)), annex_commitment=hexadecimal(32), key_id=hexadecimal(16), signature=hexadecimal(64))
ANNEX = object_of(
    schema=one_of("recant.annex/1"), salt=hexadecimal(32), model_id=hexadecimal(16), release=integer_of, bound=or_null(real_of),
    terms=list_of(object_of(name=text_of, value=real_of)), tier=or_null(one_of("0", "half", "1", "2", "retrain")),
    alpha=or_null(real_of), seconds=real_of, requests=list_of(hexadecimal(32)))
PUBLIC_KEY = object_of(schema=one_of("recant.public_key/1"), key_id=hexadecimal(16), public_key=hexadecimal(32))


def read(form, data, part):
    try:
        value = json.loads(data.decode())
        assert (form(value) + "\n").encode() == data
    except (AssertionError, ValueError, KeyError, TypeError, RecursionError):
        raise Refused(part, "is not in the one spelling of this format") from None
    return value


# --- What the certificate says ---------------------------------------------------------------------------------

TEXTS_OF_OBJECTIVE_PERTURBATION = (
    "objective perturbation as published, residual assumed independent of the noise; not certified by recant",
    "objective perturbation with the dependence of the residual on the noise bounded, for exact arithmetic; rounding of the "
    "parameters is not covered; not certified by recant")


def read_certificate(data):
    c = read(CERTIFICATE, data, "form")
    level, mechanism, budget = c["level"], c["mechanism"], c["budget"]
    grid = mechanism == "gaussian_on_grid"
    need(level != "certified" or grid, "form", "certified without noise on a grid")
    need(level != "exact" or grid or mechanism == "none", "form", "exact with another mechanism")
    need(level != "heuristic" or c["assumptions"], "form", "heuristic, and nothing says why")
    need(mechanism != "objective_perturbation" or c["assumptions"][0] in TEXTS_OF_OBJECTIVE_PERTURBATION, "form",
         "objective perturbation, and the first assumption does not say what that is")
    need((budget is not None) == (grid and level != "heuristic"), "form", "budget and level do not go together")
    need((c["mu"] is None) == (budget is None), "form", "mu without a budget")
    need(c["release"] >= 1 and (c["former"] is None) == (c["release"] == 1), "form", "former and release do not go together")
    if budget is not None:
        need(budget["releases"] >= 1 and budget["dimension"] >= 1, "form", "counts below 1")
        need(-800 <= budget["sigma_exponent"] <= 800 and -400 <= budget["grid_exponent"] <= 400, "form", "exponents out of range")
        given = [name for name in ("epsilon", "delta", "step") if f"difference_{name}" in budget]
        need(len(given) in (0, 3), "form", "a part of the difference protection is missing")
        need(not given or float(budget["difference_step"]) > 0, "form", "a difference step of 0")
    return c


def check_signature(c, data, public_key):
    need(c["key_id"] == public_key["key_id"], "signature", "another key")
    signed = b"recant.certificate/1\0" + data[:data.rindex(b',"signature":')] + b"}"
    need(is_signed(bytes.fromhex(public_key["public_key"]), signed, bytes.fromhex(c["signature"])), "signature", "is not by this key")


def normal_density(x):
    pi = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798215")
    return (-x * x / 2).exp() / (2 * pi).sqrt()


def tail_over_density(x):
    """(1 - Phi(x)) / phi(x), 60 digits and more."""
    if x < 0:
        return 1 / normal_density(x) - tail_over_density(-x)
    if x > 12:
        fraction = x
        for k in range(400, 0, -1):
            fraction = x + k / fraction
        return 1 / fraction
    term = total = x
    n = 1
    while abs(term) > abs(total) * Decimal(10)**-140 and term:
        n += 2
        term = term * x * x / n
        total += term
    return Decimal("0.5") / normal_density(x) - total


def delta_of(epsilon, mu):
    """delta(epsilon; mu) = Phi(-a) - e^epsilon Phi(-b), where phi(a) = e^epsilon phi(b)."""
    a, b = epsilon / mu - mu / 2, epsilon / mu + mu / 2
    return normal_density(a) * (tail_over_density(a) - tail_over_density(b))


def check_promise(c):
    b = c["budget"]
    real = {name: Decimal(float(value)) for name, value in b.items() if isinstance(value, str)}
    two = Decimal(2)
    d, releases, sigma, h = Decimal(b["dimension"]), b["releases"], two.sqrt()**b["sigma_exponent"], two**b["grid_exponent"]
    room = 1 + Decimal("1e-12")
    need(real["allowance"] > 0, "promise", "no allowance")
    need(20 <= b["sigma_exponent"] - 2 * b["grid_exponent"] <= 84, "promise", "grid and sigma")
    need(d * releases <= 10**12, "promise", "too many draws")
    need(h * d.sqrt() <= real["allowance"] / 1024, "promise", "the grid is too coarse for the allowance")
    need(c["release"] <= releases, "promise", "more releases than promised")

    def check_pair(prefix, step, count):
        need(real[prefix + "epsilon"] > 0 and 0 < real[prefix + "delta"] < 1, "promise", "epsilon or delta out of range")
        ratio = (step + real["allowance"] + h * d.sqrt()) / sigma
        need(ratio <= 4, "promise", "above 4 sigma")
        mu = (1 + two**-20) * ratio * Decimal(count).sqrt()
        need(delta_of(real[prefix + "epsilon"], mu) <= real[prefix + "delta"] * room, "promise", "does not give epsilon and delta")
        return mu / Decimal(count).sqrt()

    mu = check_pair("", 0, releases) * Decimal(c["release"]).sqrt()
    need(mu <= Decimal(float(c["mu"])) <= mu * room, "promise", "mu is of another number of releases")
    if "difference_step" in b:
        check_pair("difference_", real["difference_step"], 1)


def check_parameters(c, data):
    try:
        assert data[:8] == b"\x93NUMPY\x01\x00"
        begin = 10 + struct.unpack("<H", data[8:10])[0]
        header = ast.literal_eval(data[10:begin].decode())
        (count,) = header["shape"]
        assert header["descr"] == "<f8" and len(data) == begin + 8 * count
    except (AssertionError, ValueError, KeyError, TypeError, SyntaxError, struct.error):
        raise Refused("parameters", "is not an NPY file of one dimension of float64") from None
    body = data[begin:]
    need(digest("recant.parameters/1", struct.pack("<Q", count) + body).hex() == c["parameters_hash"], "parameters", "are others")
    if c["budget"] is None:
        return
    need(count == c["budget"]["dimension"], "parameters", "are not as many as the budget says")
    for value in struct.unpack(f"<{count}d", body):
        need(abs(value) < float("inf"), "parameters", "are not finite")
        steps = Fraction(value) / Fraction(2)**c["budget"]["grid_exponent"]
        need(steps.denominator == 1 and abs(steps) <= 2**53, "parameters", "are off the grid")


def check_annex(c, data):
    need(digest("recant.annex/1", data).hex() == c["annex_commitment"], "annex", "is another one")
    annex = read(ANNEX, data, "annex")
    need(annex["salt"] != "0" * 64, "annex", "has no salt")
    need((annex["model_id"], annex["release"]) == (c["model_id"], c["release"]), "annex", "is of another release")
    if c["budget"] is not None:
        need(annex["bound"] is not None, "annex", "has no bound")
        need(float(annex["bound"]) <= float(c["budget"]["allowance"]), "annex", "is above the allowance")


def check_link(former, data, following):
    need(following["former"] == digest("recant.chain/1", data).hex(), "chain", "the next certificate follows another one")
    need(former["release"] + 1 == following["release"], "chain", "a release is missing")
    for name in ("model_id", "key_id", "budget"):
        need(former[name] == following[name], "chain", f"{name} is another one")
    need(former["released_on"] <= following["released_on"], "chain", "the day goes back")


def verify(certificate, public_key, parameters=None, annex=None, previous=()):
    """Bytes of files; `previous` oldest first. @raises Refused for the first thing that does not fit."""
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 160, 10**17, -10**17
        c = read_certificate(certificate)
        key = read(PUBLIC_KEY, public_key, "signature")
        need(key["key_id"] == digest("recant.key/1", bytes.fromhex(key["public_key"])).hex()[:32], "signature", "key_id is not the key's")
        check_signature(c, certificate, key)
        if c["budget"] is not None:
            check_promise(c)
        if parameters is not None:
            check_parameters(c, parameters)
        if annex is not None:
            check_annex(c, annex)
        following = c
        for data in reversed(previous):
            try:
                former = read_certificate(data)
                check_link(former, data, following)
                check_signature(former, data, key)
                if former["budget"] is not None:
                    check_promise(former)
            except Refused as refused:
                raise Refused("chain", str(refused)) from None
            following = former
        return c


def main():
    parser = argparse.ArgumentParser(description="Check a deletion certificate.")
    parser.add_argument("certificate", type=Path)
    parser.add_argument("--public-key", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--annex", type=Path)
    parser.add_argument("--previous", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    optional = [path.read_bytes() if path else None for path in (args.model, args.annex)]
    try:
        verify(args.certificate.read_bytes(), args.public_key.read_bytes(), *optional, [p.read_bytes() for p in args.previous])
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
