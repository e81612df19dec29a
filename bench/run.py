#!/usr/bin/env python3
"""Runs the benchmarks that `make bench` has built and writes their figures.

    run.py BUILD              BUILD: the folder of the bench preset, build/bench
        --quick               fewer rounds, the smaller data sets
        --parts NAME ...      these parts alone (default: all); the file of the same day and
                              processor keeps the others, each with its commit and time
        --data DIR            where made arrays are kept (BUILD/data)
        --adult DIR           train.csv, test.csv and schema.json of UCI Adult
        --results DIR         bench/results

Writes RESULTS/<date>-<processor>.json; beside it a table, .txt, that says what it holds, and .md, the
tables as docs/performance.md has them; pipeline.md, growth.md and the plots of `growth`. Each part
is a program or a script of its own (see its --help), which checks its answers before or while it
measures:

{parts}
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE / "pipeline"), str(HERE / "support")]
import rounds  # noqa: E402
import tables  # noqa: E402

# In the order in which they run; what each is, as the table says it.
PARTS = {
    "passes": "every pass over the rows, next to reading them once",
    "qp": "the program of bounded soft weights, next to OSQP and Clarabel",
    "deletion": "deleting rows, next to retraining by scikit-learn and a Newton step in NumPy",
    "requests": "durable deletions a second through the command; opening a vault with a long ledger",
    "fit": "the fit, next to scikit-learn's solvers and a Newton method in NumPy",
    "correction": "a whole correction, next to the published formulas in NumPy",
    "pipeline": "the whole pipeline by its parts, next to what the machine could do at best",
    "knn": "KNN-Shapley values, next to NumPy and pyDVL",
    "growth": "how time and memory grow with rows, columns, deletions, groups and threads",
    "micro": "single functions, by Google Benchmark; times_floor is next to the best possible",
}

FORMAT = 3  # of the figures' file

PASSES = [(100_000, 100, 41), (30_162, 102, 81), (12_000, 784, 41), (60_000, 784, 11),
          (1_000_000, 100, 11)]
SETS = ["100000x100", "12000x784", "60000x784", "1000000x100"]
QUICK_SETS = ["100000x100"]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


class Bench:
    def __init__(self, args):
        self.args = args
        self.programs = args.build / "bench"
        self.data = args.data or args.build / "data"
        self.sets = QUICK_SETS if args.quick else SETS

    def lines_of(self, *command):
        """The output of a program, shown as it comes; its errors go where ours do."""
        command = [str(part) for part in command]
        lines = []
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as program:
            for line in program.stdout:
                print(line, end="", flush=True)
                lines.append(line.rstrip("\n"))
        if program.returncode != 0:
            raise subprocess.CalledProcessError(program.returncode, command)
        return lines

    def script(self, path, *arguments):
        """A script that prints a table and writes its figures with --json."""
        file = self.args.build / "figures.json"
        file.unlink(missing_ok=True)
        lines = self.lines_of(sys.executable, HERE / path, *arguments, "--json", file)
        return {"figures": json.loads(file.read_text()), "table": lines}

    def folders(self, names):
        """Of these data sets, made where they are missing; of Adult first where its files are."""
        import generate
        for name in names:
            if not (self.data / name).exists():
                partial = self.data / (name + ".partial")
                generate.generate(*map(int, name.split("x")), partial)
                partial.rename(self.data / name)
        folders = [self.data / name for name in names]
        if self.args.adult:
            if not (self.data / "adult").exists():
                partial = self.data / "adult.partial"
                subprocess.run([self.programs / "pipeline" / "encode_csv",
                                "--train", self.args.adult / "train.csv",
                                "--test", self.args.adult / "test.csv",
                                "--schema", self.args.adult / "schema.json", "--out", partial],
                               check=True)
                partial.rename(self.data / "adult")
            folders.insert(0, self.data / "adult")
        return folders

    def micro(self):
        figures = {}
        lines = ["time and, where there is one, over its floor: median (least to most) of three"]
        print(lines[0])
        for program in sorted((self.args.build / "bin").glob("*_bench")):
            file = self.args.build / "micro.json"
            subprocess.run([program, f"--benchmark_min_time={0.02 if self.args.quick else 0.1}",
                            "--benchmark_repetitions=3", f"--benchmark_out={file}",
                            "--benchmark_out_format=json"], check=True, stdout=subprocess.DEVNULL)
            figures[program.name] = json.loads(file.read_text())["benchmarks"]
            found = [program.name, *micro_table(figures[program.name])]
            print("\n".join(found), flush=True)
            lines += found
        return {"figures": figures, "table": lines}

    def passes(self):
        figures, lines = [], []
        for rows, columns, rounds in PASSES[:2] if self.args.quick else PASSES:
            done = subprocess.run(
                [self.programs / "passes" / "passes_bench", "--rows", str(rows), "--columns",
                 str(columns), "--rounds", str(rounds)], check=True, text=True,
                stdout=subprocess.PIPE)
            one = json.loads(done.stdout)
            figures.append(one)
            lines.append(f"{rows} x {columns}, {one['threads']} threads, memory reads "
                         f"{one['stream_bytes_per_second'] / 1e9:.1f} GB/s")
            for name, found in one["passes"].items():
                low, high = found["quartiles"]
                lines.append(f"  {name:28}{1e3 * found['seconds']:9.3f} ms"
                             f"{found['times_read']:7.2f} reads ({low:.2f} to {high:.2f})"
                             f"{found['times_stream']:7.2f} from memory")
        lines[:0] = ["ms: median of the rounds; reads: over reading the rows once in the same round, "
                     "median",
                     "(quartiles); from memory: over their bytes at the rate of memory itself"]
        print("\n".join(lines), flush=True)
        return {"figures": figures, "table": lines}

    def pipeline(self):
        adult = ["--adult", self.args.adult] if self.args.adult else []
        names = self.sets + (["adult"] if self.args.adult else [])
        return self.script("pipeline/run.py", self.programs / "pipeline", "--data", self.data,
                           "--only", *names, *adult, "--markdown", self.args.results / "pipeline.md",
                           "--repeats", 3 if self.args.quick else 5)

    def fit(self):
        return self.script("peers/fit_peers.py", self.programs / "peers" / "fit_bench",
                           *self.folders(self.sets), "--repeats", 3)

    def deletion(self):
        return self.script("peers/deletion_peers.py", self.programs / "peers" / "deletion_bench",
                           *self.folders(self.sets), "--singles", 3 if self.args.quick else 20)

    def correction(self):
        return self.script("peers/correction_peers.py",
                           self.programs / "pipeline" / "pipeline_bench",
                           *self.folders(self.sets), "--repeats", 1 if self.args.quick else 3)

    def knn(self):
        return self.script("peers/knn_peers.py", self.programs / "peers" / "knn_bench",
                           *self.folders(self.sets), "--repeats", 1 if self.args.quick else 3)

    def requests(self):
        return self.script("requests/requests.py", self.args.build / "bin" / "recant",
                           *self.folders(QUICK_SETS), "--programs", self.programs / "requests",
                           "--repeats", 3 if self.args.quick else 7)

    def qp(self):
        sizes = [10_000, 100_000] if self.args.quick else [10_000, 100_000, 1_000_000]
        return self.script("peers/qp_peers.py", self.programs / "peers" / "qp_bench", "--sizes",
                           *sizes)

    def growth(self):
        quick = ["--quick"] if self.args.quick else []
        return self.script("growth/growth.py", self.programs / "growth" / "growth_bench", "--out",
                           self.args.results, "--markdown", self.args.results / "growth.md",
                           "--plots", "png", "svg", *quick)


def micro_table(benchmarks):
    """A line for each, from the repetitions that Google Benchmark wrote."""
    repetitions = {}
    for one in benchmarks:
        if one["run_type"] == "iteration":
            repetitions.setdefault(one["run_name"], []).append(one)
    for name, runs in repetitions.items():
        if any(one.get("error_occurred") for one in runs):
            sys.exit(f"{name}: {runs[0].get('error_message')}")
        key = "real_time" if name.endswith("/real_time") else "cpu_time"
        took = rounds.over_rounds(one[key] for one in runs)
        times = (f"{rounds.figure(took['median'])} ({rounds.figure(took['least'])} to "
                 f"{rounds.figure(took['most'])}) {runs[0]['time_unit']}")
        floor = ""
        if "times_floor" in runs[0]:
            floor = rounds.times(rounds.over_rounds(one["times_floor"] for one in runs))
        label = f" {runs[0]['label']}" if runs[0].get("label") else ""
        yield f"  {name + label:86}{times:>34}{floor:>30}".rstrip()


def machine():
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"processor": processor(), "cores": os.cpu_count(),
            "memory_gb": round(memory / (1 << 30), 1), "system": platform.platform()}


def commit():
    """Of recant, as it is now: others may have been measured when it was another."""
    found = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], text=True,
                           capture_output=True)
    return found.stdout.strip() or "unknown"


def duration(seconds):
    return str(datetime.timedelta(seconds=round(seconds)))


ABOUT = """\
Where others stand beside recant there are two threads where a library uses them: NumPy and SciPy for
products of matrices, pyDVL for its processes; scikit-learn's solvers beside those products, sorting,
OSQP and Clarabel have one. recant alone has one a core. Data are in memory. Each part says what its
columns mean, when it was measured and with which commit of recant. A floor is the least that recant's
way could take here: bytes over the rate at which they were read, operations over the peak of fused
multiply-adds, both measured in the same run; --help of each script says what is counted."""


def text(found):
    """All tables, readable without anything else."""
    about = found["machine"]
    versions = {}
    for part in PARTS:
        figures = found.get(part, {}).get("figures")
        versions |= figures.get("versions", {}) if isinstance(figures, dict) else {}
    yield "recant's speed, next to other programs and to what this machine can do at best"
    yield ""
    yield f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; {about['system']}"
    if versions:
        yield "Others: " + ", ".join(f"{name} {version}" for name, version in versions.items())
    yield from ABOUT.splitlines()
    for number, part in enumerate((part for part in PARTS if part in found), 1):
        one = found[part]
        yield ""
        yield f"== {number}. {part}: {PARTS[part]}"
        yield (f"   recant at {one['commit']}, {one['began']}, {duration(one['seconds'])}"
               + (" (the quick form: fewer rounds, smaller data)" if one["quick"] else ""))
        yield from one["table"]


def main():
    parts = "\n".join(f"    {name:12}{what}" for name, what in PARTS.items())
    parser = argparse.ArgumentParser(description=__doc__.format(parts=parts),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--adult", type=pathlib.Path)
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results")
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    bench = Bench(args)
    bench.data.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.date.today()}-{re.sub(r'[^A-Za-z0-9]+', '-', processor()).strip('-')}"
    file = args.results / f"{name}.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    if found.get("format") != FORMAT:
        found = {"format": FORMAT}  # parts of another form cannot stand in the same table
    found["machine"] = machine()
    start, failed = time.monotonic(), []
    for number, part in enumerate(args.parts, 1):
        elapsed = duration(time.monotonic() - start)
        print(f"\n== part {number} of {len(args.parts)}, {part}: {PARTS[part]} ({elapsed} so far)",
              flush=True)
        about = {"quick": args.quick, "commit": commit(),
                 "began": f"{datetime.datetime.now():%Y-%m-%d %H:%M}"}
        clock = time.monotonic()
        try:
            figures = getattr(bench, part)()
        except subprocess.CalledProcessError as error:  # it has said why; the others go on
            print(f"{part} failed: status {error.returncode}", file=sys.stderr)
            failed.append(part)
            found.pop(part, None)
        else:
            found[part] = {**about, "seconds": time.monotonic() - clock, **figures}
        # After every part, so that an interrupted run keeps what it has measured.
        file.write_text(json.dumps(found, indent=2) + "\n")
        file.with_suffix(".txt").write_text("\n".join(text(found)) + "\n")
        file.with_suffix(".md").write_text(tables.tables(found) + "\n")
    print(f"\n{duration(time.monotonic() - start)} in all")
    print(f"written: {file}, {file.stem}.txt and {file.stem}.md")
    if failed:
        sys.exit(f"failed, and not in the tables: {', '.join(failed)}")


if __name__ == "__main__":
    main()
