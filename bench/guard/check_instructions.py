#!/usr/bin/env python3
"""Counts the instructions of the hottest kernels with callgrind, next to what was recorded.

    check_instructions.py GUARD_KERNELS      GUARD_KERNELS: the program
        --record     writes the counts to counts.json beside this file

More than 5% above the recorded count fails, with the numbers. Below is no failure; record it, so that
it stays. Counts are of one thread with AVX2 and do not depend on the machine's speed or load, but on
the compiler: counts.json says which. With another compiler the table is printed and nothing fails.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ALLOWED = 0.05
COUNTS = pathlib.Path(__file__).resolve().parent / "counts.json"
NO_AVX2 = 77


def compiler(program):
    """As the program itself says, in the section that the compiler leaves there."""
    text = subprocess.run(["readelf", "-p", ".comment", program], check=True, capture_output=True,
                          text=True).stdout
    versions = re.findall(r"GCC: .*|.*clang version .*", text)
    return versions[0].strip() if versions else "unknown"


def count(program, kernel):
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=recant_counted_kernel",
             f"--callgrind-out-file={scratch}/out", program, kernel], capture_output=True, text=True)
        if done.returncode == NO_AVX2:
            sys.exit("check_instructions: the processor (or valgrind) has no AVX2; nothing counted")
        if done.returncode != 0:
            sys.exit(f"check_instructions: {kernel} failed:\n{done.stderr[-2000:]}")
        summary = re.search(r"^(?:summary|totals): (\d+)", pathlib.Path(f"{scratch}/out").read_text(),
                            re.MULTILINE)
        return int(summary.group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("guard_kernels")
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    kernels = subprocess.run([args.guard_kernels], check=True, capture_output=True,
                             text=True).stdout.split()
    built_with = compiler(args.guard_kernels)
    counts = {kernel: count(args.guard_kernels, kernel) for kernel in kernels}
    if args.record:
        COUNTS.write_text(json.dumps({"compiler": built_with, "instruction_set": "AVX2",
                                      "counts": counts}, indent=2) + "\n")
    recorded = json.loads(COUNTS.read_text())
    comparable = recorded["compiler"] == built_with
    failed = []
    print(f"instructions with {recorded['instruction_set']}, {built_with}")
    for kernel, found in counts.items():
        wanted = recorded["counts"].get(kernel)
        if wanted is None:
            sys.exit(f"check_instructions: no count of {kernel} is recorded; run with --record")
        change = found / wanted - 1
        print(f"  {kernel:18}{found:15,}{wanted:15,} recorded{change:+8.1%}")
        if change > ALLOWED:
            failed.append(f"{kernel} takes {found:,} instructions, {change:.1%} more than the "
                          f"{wanted:,} recorded")
    if not comparable:
        print(f"recorded with {recorded['compiler']}: not compared")
    elif failed:
        sys.exit("check_instructions: " + "; ".join(failed)
                 + f"\nmake it faster, or record it with the reason: {pathlib.Path(__file__).name} --record")


if __name__ == "__main__":
    main()
