#!/usr/bin/env python3
"""Where the processor time of the command's jobs goes: a table of shares, by `perf record`.

    profile.py PROGRAMS           PROGRAMS: the folder of the bench preset, build/bench
        --adult DIR               train.csv and test.csv of UCI Adult; without it made data
        --made ROWSxCOLUMNS       these (30000x100), by bench/pipeline/generate.py, which needs NumPy
        --only TEXT ...           jobs whose name contains one of these
        --seconds S               processor time to sample of each job, at least (0.5)
        --runs N                  runs of each job, at least (5)
        --least PERCENT           what is said by name (2)

Prints markdown. `ms` is processor time, the median of the runs, one thread: waiting for the disk and for others is in
neither column. A share is that of the samples of all runs, one each 0.25 ms; parts.py says which functions a part is.
What has no part there and at least --least stands under its symbol; "rest" is all that is below.

Each run is a process of its own, on a fresh copy of a model where it changes it. perf has to be allowed to see the
kernel's part: root, or kernel.perf_event_paranoid at most 1.
"""
import argparse
import collections
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE.parent / "pipeline")]

import jobs  # noqa: E402
import parts  # noqa: E402

PERIOD_MS = 0.25
MOST_RUNS = 100
EVENT = "cpu-clock"  # of the kernel, so that virtual machines have it too


class Lost(Exception):
    """perf was not fast enough to write down every sample."""


class Perf:
    """Samples of one process after another, by `file`."""

    def __init__(self, file):
        self.file = file
        tried = self.record(["true"], file.parent)
        if tried.returncode != 0 or not file.exists():
            reason = " ".join(tried.stderr.split())[:200] or f"exit {tried.returncode}"
            sys.exit(f"profile.py: perf is not permitted or does not run here (kernel.perf_event_paranoid at most 1?): {reason}")
        if f"'{EVENT}:u'" in self.report():
            sys.exit("profile.py: perf is not permitted to see the kernel: as root, sysctl kernel.perf_event_paranoid=1")

    def record(self, command, folder):
        self.file.unlink(missing_ok=True)
        return subprocess.run(["perf", "record", "-q", "--no-bpf-event", "-e", EVENT, "-c", str(round(PERIOD_MS * 1e6)),
                               "-o", str(self.file), "--", *command], cwd=folder, text=True, capture_output=True, check=False)

    def report(self):
        return subprocess.run(["perf", "report", "-i", str(self.file), "--stdio", "-t", "|", "-F", "sample,dso,sym"],
                              text=True, capture_output=True, check=True).stdout

    def samples(self):
        """Of the last process: how many, by library and symbol."""
        text, counts = self.report(), collections.Counter()
        if int(re.search(r"^# Total Lost Samples: (\d+)", text, re.MULTILINE).group(1)) > 0:
            raise Lost
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                count, library, symbol = (cell.strip() for cell in line.split("|", 2))
                counts[library, symbol[4:]] += int(count)  # after "[.] " or "[k] "
        return counts


class Profile:
    def __init__(self, args, programs, scratch):
        self.args, self.programs, self.scratch = args, programs, scratch
        self.perf = Perf(scratch / "perf.data")

    def call(self, *arguments):
        done = subprocess.run([self.programs["recant"], *arguments, "--threads", "1", "-q"], cwd=self.scratch, text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"profile.py: recant {' '.join(arguments)}: {done.stderr.strip()}")

    def run(self, job):
        """Once; samples by library and symbol."""
        for left in (jobs.MODEL, "out.rct"):
            shutil.rmtree(self.scratch / left, ignore_errors=True)
        if job.model:
            shutil.copytree(self.scratch / f"{job.model}.rct", self.scratch / jobs.MODEL)
        one_thread = ["--threads", "1"] if job.threads else []
        done = self.perf.record([str(self.programs[job.program]), *job.arguments, *one_thread], self.scratch)
        if done.returncode not in job.exits:
            sys.exit(f"profile.py: {job.name}: exit {done.returncode}: {done.stderr.strip()}")
        return self.perf.samples()

    def of(self, job):
        """Milliseconds, and samples by library and symbol."""
        counts, runs, lost = collections.Counter(), [], 0
        while len(runs) < self.args.runs or (sum(runs) < 1e3 * self.args.seconds and len(runs) < MOST_RUNS):
            try:
                found = self.run(job)
            except Lost:
                lost += 1
                if lost > MOST_RUNS:
                    sys.exit(f"profile.py: {job.name}: perf loses samples: too much else is running")
                continue
            counts += found
            runs.append(PERIOD_MS * sum(found.values()))
        return statistics.median(runs), counts


def named(counts, least):
    """Shares in percent, the largest first: parts by name, what has none by its symbol, and the rest."""
    total, known, unknown = sum(counts.values()), collections.Counter(), collections.Counter()
    for (library, symbol), count in counts.items():
        part = parts.part(library, symbol)
        if part:
            known[part] += 100 * count / total
        else:
            unknown[f"`{library}: {parts.short(symbol)}`"] += 100 * count / total
    shares = {name: share for name, share in [*known.items(), *unknown.items()] if share >= least}
    return sorted(shares.items(), key=lambda one: -one[1]), 100 - sum(shares.values())


def milliseconds(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--adult", type=pathlib.Path)
    parser.add_argument("--made", default="30000x100")
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--least", type=float, default=2)
    args = parser.parse_args()
    if shutil.which("perf") is None:
        sys.exit("profile.py: perf is missing: install linux-perf (Debian) or the linux-tools of this kernel (Ubuntu)")
    built = args.programs.resolve()
    programs = {"recant": built / "bin/recant", "adopt_model": built / "bench/profile/adopt_model"}
    for program in programs.values():
        if not os.access(program, os.X_OK):
            sys.exit(f"profile.py: {program} is missing: make profile builds it")
    with tempfile.TemporaryDirectory(dir=built, prefix="profile-") as folder:
        scratch = pathlib.Path(folder)
        profile = Profile(args, programs, scratch)
        if args.adult:
            data = jobs.Adult(args.adult, scratch)
        else:
            data = jobs.Made(*map(int, args.made.split("x")), scratch)
        jobs.prepare(data, scratch, profile.call)
        print("| job | ms | where |\n|---|---|---|")
        for job in jobs.jobs(data):
            if args.only and not any(text in job.name for text in args.only):
                continue
            time, counts = profile.of(job)
            shares, rest = named(counts, args.least)
            where = ", ".join(f"{name} {share:.0f} %" for name, share in [*shares, ("rest", rest)])
            print(f"| {job.name} | {milliseconds(time)} | {where} |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"profile.py: {error}")
