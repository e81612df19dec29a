#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What examples/demo.sh and docs/experiments/soft-weighting.md say of soft weights next to deletion.

    soft_weighting_test.py COMMAND berkeley | COMMAND adult SHARED_DIR

Exit 77 (skipped) when SHARED_DIR has no UCI Adult.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

BERKELEY = Path(__file__).parents[2] / "examples" / "berkeley"


def run(command, *arguments):
    done = subprocess.run([command, *map(str, arguments), "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{arguments[0]}: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def check(what, holds, *numbers):
    print("ok    " if holds else "FAILED", what, *(f"{number:.4f}" for number in numbers))
    return bool(holds)


def soft_costs_less(command, train, flags, splits):
    """Both schemes close 80 % of the validation gap, neither much more; soft weights lose less."""
    models = {(model["scheme"], model["update"]): model
              for model in run(command, "compare", train, *flags, *splits, "--resamples", 40)["models"]}
    splits_of = {scheme: models[scheme, update] for scheme, update in
                 (("original", None), ("soft", "polish"), ("hard", "polish"))}
    gap = {scheme: abs(model["validation"]["gap"]) for scheme, model in splits_of.items()}
    fine = True
    for scheme in ("soft", "hard"):
        fine &= check(f"{scheme}: the validation gap is cut by 80 % at least, and by 85 % at most",
                      splits_of[scheme]["reached"] and 0.15 <= gap[scheme] / gap["original"] <= 0.2,
                      gap["original"], gap[scheme])
    fine &= check("the gaps that are left differ by a tenth at most",
                  abs(gap["soft"] - gap["hard"]) <= 0.1 * gap["hard"], gap["soft"], gap["hard"])
    for split in ("validation", "test"):
        loss = {scheme: model[split]["log_loss_mean"] for scheme, model in splits_of.items()}
        rise = {scheme: loss[scheme] - loss["original"] for scheme in ("soft", "hard")}
        fine &= check(f"{split}: deletion raises the log-loss by more than twice as much as soft weights",
                      0 < 2 * rise["soft"] < rise["hard"], rise["soft"], rise["hard"])
    return fine


def other_gap_turns(command, train, flags, test, folder):
    """With parity among all, the gap among those of target 1 changes its sign, and grows."""
    model, corrected = folder / "model.rct", folder / "corrected.rct"
    run(command, "fit", train, *flags, "-o", model)
    half = folder / "validation.csv"
    lines = Path(test).read_text().splitlines(keepends=True)
    half.write_text("".join(lines[:1 + (len(lines) - 1) // 2]))
    result = run(command, "correct", model, "--validation", half, "--close", "demographic_parity", "-o", corrected)
    gaps = [result[when]["validation"]["metrics"]["equal_opportunity"] for when in ("before", "after")]
    return check("equal opportunity turns around and grows", gaps[0] > 0 and -gaps[1] > gaps[0], *gaps)


def main():
    command, data = sys.argv[1:3]
    if data == "berkeley":
        flags = ["--target", "admitted", "--positive", "yes", "--sensitive", "sex"]
        splits = ["--validation", BERKELEY / "validation.csv", "--test", BERKELEY / "test.csv"]
        return 0 if soft_costs_less(command, BERKELEY / "train.csv", flags, splits) else 1
    adult = Path(sys.argv[3]) / "data" / "adult"
    if not adult.is_dir():
        print("SKIPPED: no UCI Adult in the shared folder; nothing was compared")
        return 77
    flags = ["--target", "income", "--positive", ">50K", "--sensitive", "sex"]
    fine = soft_costs_less(command, adult / "train.csv", flags, ["--test", adult / "test.csv"])
    with tempfile.TemporaryDirectory() as folder:
        fine &= other_gap_turns(command, adult / "train.csv", flags, adult / "test.csv", Path(folder))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
