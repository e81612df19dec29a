#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The command against the golden cases: fit, evaluate, influence and correct, as a user runs them.

    golden_test.py COMMAND SHARED_DIR [CASE...]

Exit 77 (skipped) when SHARED_DIR is not there. Tolerances are those of the golden values' README,
section 10; each comparison is counted and the worst of each kind is printed.
"""
import csv
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

METRICS = {"util": "utility", "dp": "demographic_parity", "eop": "equal_opportunity_loss",
           "robust": "transferred_robust_loss", "robust_total": "robust_loss"}
# Of a change the robust loss is the one whose attack follows the model.
CHANGES = {"util": "utility", "dp": "demographic_parity", "eop": "equal_opportunity_loss",
           "robust": "robust_loss", "robust_fixed_points": "transferred_robust_loss"}
HARD = {"accuracy": "accuracy", "dp_gap_hard": "demographic_parity_hard", "eop_gap_hard": "equal_opportunity_hard"}
ACTIVE = {1: "none", 2: "utility", 3: "gap", 4: "both"}


class Checks:
    def __init__(self):
        self.count, self.failed, self.worst = 0, [], {}

    def near(self, what, got, want, tolerance):
        self.count += 1
        error = abs(got - want)
        ratio = error / tolerance if tolerance > 0 else (0.0 if error == 0 else math.inf)
        kind = what.split(" ")[-1]
        self.worst[kind] = max(self.worst.get(kind, 0.0), ratio)
        if not ratio <= 1:
            self.failed.append(f"{what}: {got!r} instead of {want!r} (allowed {tolerance:.1e})")

    def vector(self, what, got, want, relative, extra=0.0):
        scale = max((abs(x) for x in want), default=0.0)
        if len(got) != len(want):
            self.failed.append(f"{what}: {len(got)} values instead of {len(want)}")
            return
        for g, w in zip(got, want):
            self.near(what, g, w, relative * scale + extra)

    def equal(self, what, got, want):
        self.count += 1
        if got != want:
            self.failed.append(f"{what}: {got!r} instead of {want!r}")


def read_npy(path):
    """A float64 vector in NPY version 1, as the command writes it."""
    data = Path(path).read_bytes()
    assert data[:6] == b"\x93NUMPY" and data[6] == 1
    length = struct.unpack("<H", data[8:10])[0]
    return list(memoryview(data[10 + length:]).cast("d"))


class Case:
    def __init__(self, command, shared, name, folder, checks):
        self.command, self.folder, self.name, self.checks = command, folder, name, checks
        self.golden = json.loads((shared / "oracle/golden" / f"{name}.json").read_text())
        self.model = str(folder / f"{name}.rct")
        data = self.golden["data"]
        if data["kind"] == "npy":
            base = shared / "oracle/golden"
            self.rows = {}
            for part in ("train", "val"):
                flags = {"features": base / data[f"X_{part}"], "targets": base / data[f"y_{part}"]}
                if f"s_{part}" in data:
                    flags["groups"] = base / data[f"s_{part}"]
                self.rows[part] = flags
            self.fit_flags = self.flags("train")
            self.privileged = ["--privileged", "1"] if "s_train" in data else []
        else:
            source = shared / "data" / data["set"]
            self.rows = {part: self.half(source / "test.csv", part) for part in ("val", "test")}
            schema = json.loads((source / "schema.json").read_text())
            self.fit_flags = [str(source / "train.csv"), "--target", schema["target"]["column"],
                              "--positive", schema["target"]["positive"], "--sensitive", data["sensitive"],
                              "--na", "?"]
            self.privileged = ["--privileged", f"{data['sensitive']}={data['privileged']}"]

    def half(self, path, part):
        """First half (val) or the rest (test) of the rows without a missing cell."""
        with open(path, newline="") as file:
            rows = list(csv.reader(file))
        kept = [row for row in rows[1:] if "?" not in row]
        middle = len(kept) // 2
        name = self.folder / f"{path.parent.name}_{part}.csv"
        with open(name, "w", newline="") as file:
            csv.writer(file).writerows([rows[0]] + (kept[:middle] if part == "val" else kept[middle:]))
        return name

    def flags(self, part, prefix=""):
        rows = self.rows[part]
        if isinstance(rows, dict):
            dash = f"{prefix}-" if prefix else ""
            return [text for key, file in rows.items() for text in (f"--{dash}{key}", str(file))]
        return [f"--{prefix}", str(rows)] if prefix else [str(rows)]

    def run(self, *arguments, code=0):
        done = subprocess.run([self.command, *arguments, "--json"], capture_output=True, text=True)
        if done.returncode != code:
            raise SystemExit(f"{self.name}: {' '.join(arguments)}: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    # ---------------------------------------------------------------- comparisons
    def theta(self, what, result, want, extra):
        rows, intercepts = result["coefficients"], result["intercept"]
        if not isinstance(rows[0], list):
            rows, intercepts = [rows], [intercepts]
        if self.golden.get("intercept"):
            rows = [row + [intercept] for row, intercept in zip(rows, intercepts)]
        got = [x for row in rows for x in row]
        self.checks.vector(f"{self.name} {what} theta", got, want, 1e-8, extra)

    def metrics(self, what, got, want):
        close = lambda key, g, w: self.checks.near(f"{self.name} {what} {key}", g, w, 1e-9 * abs(w) + 1e-10)
        close("util", got["log_loss_sum"], want["util"])
        for key, name in (("dp", "demographic_parity"), ("eop", "equal_opportunity_loss"),
                          ("robust", "robust_loss"), ("robust_fixed_points", "transferred_robust_loss")):
            if key in want:
                close(key, got[name], want[key])
        exact = want.get("min_abs_margin", 0) > 1e-6
        for key, name in HARD.items():
            if key in want:
                self.checks.near(f"{self.name} {what} {key}", got[name], want[key], 1e-12 if exact else 1e-2)

    def influence(self, what, got, want):
        if isinstance(want, list):
            self.checks.vector(f"{self.name} {what} influence", got, want, 1e-8)
            return
        scale = max(abs(want["min"]), abs(want["max"]))
        self.checks.vector(f"{self.name} {what} influence", got[:50], want["first50"], 0, 1e-8 * scale)
        self.checks.near(f"{self.name} {what} sum", math.fsum(got), want["sum"], 1e-8 * scale * math.sqrt(len(got)))
        self.checks.near(f"{self.name} {what} norm", math.sqrt(math.fsum(x * x for x in got)), want["norm"],
                         1e-8 * want["norm"])
        self.checks.equal(f"{self.name} {what} argmin", got.index(min(got)), want["argmin"])
        self.checks.equal(f"{self.name} {what} argmax", got.index(max(got)), want["argmax"])

    # ---------------------------------------------------------------- the case
    def check(self):
        golden = self.golden
        fit = ["fit", *self.fit_flags, *self.privileged, "--l2", repr(golden["lambda"]), "-o", self.model]
        if not golden.get("intercept"):
            fit.append("--no-intercept")
        if golden["family"] != "logistic":
            fit += ["--loss", {"ridge": "squared", "softmax": "softmax"}[golden["family"]]]
        result = self.run(*fit)
        self.checks.equal(f"{self.name} converged", result["converged"], True)
        self.theta("fit", result, golden["theta_hat"], 2 * result["gradient_norm"] / golden["lambda"])
        self.checks.near(f"{self.name} loss", result["loss"], golden["train_objective"],
                         1e-11 * abs(golden["train_objective"]))
        for part in ("val", "test"):
            if f"metrics_{part}" in golden:
                self.metrics(part, self.run("evaluate", self.model, *self.flags(part))["metrics"],
                             golden[f"metrics_{part}"])
        for key, want in golden.get("influence", {}).items():
            out = str(self.folder / "influence.npy")
            got = self.run("influence", self.model, *self.flags("val", "validation"), "--metric", METRICS[key], "-o", out)
            values = read_npy(out)
            self.influence(key, values, want)
            self.checks.equal(f"{self.name} {key} count", got["count"], len(values))
        for weights in golden.get("soft_weights", []):
            box = weights["box"]
            self.correction(weights, ["--kappa", repr(weights["lambda_e"]),
                                      "--bounds=" + ("none" if box is None else f"{box[0]},{box[1]}")], soft=True)
        for weights in golden.get("hard_topk", []):
            self.correction(weights, ["--scheme", "hard", "--count", str(weights["k"])], soft=False)

    def correction(self, want, flags, soft):
        for update, key in (("influence", "if_update"), ("newton", "newton_step"), ("polish", "retrained")):
            if key not in want or (update == "polish" and not want["retrain_convex"]):
                continue
            what = f"{want['target']}/{want['rule']}/{update}"
            out = str(self.folder / "weights.npy")
            arguments = ["correct", self.model, *self.flags("val", "validation"), "--close", METRICS[want["target"]],
                         "--rounds", "1", "--update", update, "--weights", out, *flags]
            if "test" in self.rows:
                arguments += self.flags("test", "test")
            got = self.run(*arguments)
            e = [w - 1 for w in read_npy(out)]
            if soft:
                self.soft(what, got, e, want)
            else:
                rows = [j for j, x in enumerate(e) if x == -1]
                self.checks.equal(f"{self.name} {what} k", len(rows), want["k"])
                self.checks.equal(f"{self.name} {what} index_sum", sum(rows), want["index_sum"])
                if want["indices"] is not None:  # left out of the file where there are thousands
                    self.checks.equal(f"{self.name} {what} rows", rows, sorted(want["indices"]))
            for metric, value in want["predicted_val_change"].items():
                # u.e is truly 0 where the promise is active: what is left of it is rounding.
                slack = 1e-9 * 10 * math.sqrt(math.fsum(x * x for x in e)) if metric == "util" else 1e-10
                self.checks.near(f"{self.name} {what} predicted_{metric}", got["predicted_change"][METRICS[metric]],
                                 value, 1e-8 * abs(value) + slack)
            model = want[key]
            if "theta" in model:
                self.theta(what, got, model["theta"], 2 * result_slack(got, self.golden["lambda"], update))
            self.metrics(f"{what} val", got["after"]["validation"]["metrics"], model["val"])
            self.change(what, got, model)
            if "test" in model and "test" in got["after"]:
                self.metrics(f"{what} test", got["after"]["test"]["metrics"], model["test"])
            if "grad_residual" in model:
                self.checks.near(f"{self.name} {what} residual", got["gradient_norm"], model["grad_residual"],
                                 1e-9 + 1e-6 * model["grad_residual"])

    def change(self, what, got, model):
        """What happened on validation; hard labels are the difference of two that are compared above."""
        before, after = (got[when]["validation"]["metrics"] for when in ("before", "after"))
        for key, want in model["val_change"].items():
            value = model["val"][key]
            if key in CHANGES:
                # Each of the two values that it is between may be off as a value may.
                self.checks.near(f"{self.name} {what} change_{key}", got["actual_change"][CHANGES[key]], want,
                                 1e-9 * (abs(value) + abs(value - want)) + 2e-10)
            else:
                name = HARD[key]
                exact = min(x["min_abs_margin"] for x in (model["val"], self.golden["metrics_val"])) > 1e-6
                self.checks.near(f"{self.name} {what} change_{key}", after[name] - before[name], want,
                                 1e-12 if exact else 1e-2)

    def soft(self, what, got, e, want):
        self.checks.equal(f"{self.name} {what} active", got["active"], ACTIVE[want["kkt_case"]])
        summary, golden = got["weights"], want["e"]
        values = golden if isinstance(golden, list) else golden["first50"]
        scale = max(abs(summary["min"]), abs(summary["max"]))
        # e is read back as weight - 1, which rounds at 1.
        self.checks.vector(f"{self.name} {what} e", e[:len(values)], values, 0, 1e-8 * scale + 3e-16)
        self.checks.near(f"{self.name} {what} norm2", summary["norm2"], math.sqrt(want["e_norm_squared"]),
                         1e-8 * math.sqrt(want["e_norm_squared"]))
        self.checks.near(f"{self.name} {what} mu_budget", got["multipliers"]["gap"], want["mu_budget"],
                         1e-8 * max(1, abs(want["mu_budget"])))
        self.checks.near(f"{self.name} {what} mu_utility", got["multipliers"]["utility"], want["mu_utility"],
                         1e-8 * max(abs(want["mu_utility"]), 1e-8))
        self.checks.near(f"{self.name} {what} min_weight", summary["total_min"], want["min_weight"], 1e-8 * scale)
        self.checks.near(f"{self.name} {what} max_weight", summary["total_max"], want["max_weight"], 1e-8 * scale)


def result_slack(result, l2, update):
    return result["gradient_norm"] / l2 if update == "polish" else 0.0


def main():
    command, shared = os.path.abspath(sys.argv[1]), Path(sys.argv[2])
    golden = shared / "oracle/golden"
    if not golden.is_dir():
        print("SKIPPED: no golden values at the shared folder; nothing was compared")
        return 77
    names = sys.argv[3:] or sorted(
        path.stem for path in golden.glob("*.json")
        if json.loads(path.read_text()).get("family") and path.stem not in ("eval_margins", "mnist38_l001n"))
    checks = Checks()
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            before = checks.count
            Case(command, shared, name, Path(folder), checks).check()
            print(f"{name}: {checks.count - before} comparisons", flush=True)
    print("worst error as a share of what is allowed:")
    for kind, ratio in sorted(checks.worst.items()):
        print(f"  {kind:24} {ratio:.2e}")
    for failure in checks.failed[:40]:
        print("FAILED", failure)
    print(f"{checks.count} comparisons, {len(checks.failed)} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
