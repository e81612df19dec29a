#!/usr/bin/env python3
"""Counts the instructions of the hottest kernels with callgrind, next to what was recorded.

    check_instructions.py GUARD_KERNELS      GUARD_KERNELS: the program
        --record         writes the counts to counts.json beside this file
        --same-compiler  fails where the compiler is not the one of the recorded counts

More than 5% above the recorded count fails, with the numbers. More than 5% below is said, to be
recorded, so that it stays. Counts are of one thread with AVX2 and do not depend on the machine's
speed or load, but on the compiler: counts.json says which. With another one the table says nothing;
without --same-compiler that is a warning.
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


def percent(found, wanted):
    return f"{abs(found / wanted - 1):.1%}"


def verdict(recorded, built_with, counts, same_compiler):
    """The lines to print, and the faults, of counts next to those recorded."""
    lines = [f"instructions with {recorded['instruction_set']}, {built_with}"]
    more, fewer, faults = [], [], []
    for kernel in sorted(set(counts) | set(recorded["counts"])):
        found, wanted = counts.get(kernel), recorded["counts"].get(kernel)
        if wanted is None:
            faults.append(f"no count of {kernel} is recorded")
        elif found is None:
            faults.append(f"{kernel} is recorded, but there is no such kernel")
        else:
            lines.append(f"  {kernel:18}{found:15,}{wanted:15,} recorded{found / wanted - 1:+8.1%}")
            numbers = f"{found:,} instructions, {percent(found, wanted)}"
            if found > (1 + ALLOWED) * wanted:
                more.append(f"{kernel} takes {numbers} more than the {wanted:,} recorded")
            elif found < (1 - ALLOWED) * wanted:
                fewer.append(f"{kernel} takes {numbers} fewer than the {wanted:,} recorded")
    if recorded["compiler"] != built_with:
        other = (f"the counts are of {recorded['compiler']}, but this is {built_with}: nothing is "
                 f"compared. Record anew with --record what a commit that passed with the former "
                 f"compiler takes, then look at the change")
        if same_compiler:
            faults.append(other)
        else:
            lines.append(f"WARNING: {other}")
        return lines, faults
    lines += [f"{one}: record it with --record, so that it stays" for one in fewer]
    return lines, faults + [f"{one}: make it faster, or record it with --record and say why"
                            for one in more]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("guard_kernels")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--same-compiler", action="store_true")
    args = parser.parse_args()
    kernels = subprocess.run([args.guard_kernels], check=True, capture_output=True,
                             text=True).stdout.split()
    built_with = compiler(args.guard_kernels)
    counts = {kernel: count(args.guard_kernels, kernel) for kernel in kernels}
    lines, faults = verdict(json.loads(COUNTS.read_text()), built_with, counts, args.same_compiler)
    print("\n".join(lines))
    if args.record:
        COUNTS.write_text(json.dumps({"compiler": built_with, "instruction_set": "AVX2",
                                      "counts": counts}, indent=2) + "\n")
        print(f"recorded in {COUNTS}")
    elif faults:
        sys.exit("\n".join(f"check_instructions: {fault}" for fault in faults))


if __name__ == "__main__":
    main()
