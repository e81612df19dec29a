#!/usr/bin/env python3
"""Runs the benchmarks that `make bench` has built and writes their figures.

    run.py BUILD              BUILD: the folder of the bench preset, build/bench
        --quick               fewer rounds, the smaller data sets
        --parts NAME ...      these parts alone (default: all); the file of the same day and
                              processor keeps the others
        --data DIR            where made arrays are kept (BUILD/data)
        --adult DIR           train.csv, test.csv and schema.json of UCI Adult
        --results DIR         bench/results

Writes RESULTS/<date>-<processor>.json and a table beside it, .txt. Each part is a program or a
script of its own (see its --help), which checks its answers before or while it measures.
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

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "pipeline"))

PASSES = [(100_000, 100, 41), (30_162, 102, 81), (12_000, 784, 41), (1_000_000, 100, 11)]
SETS = ["100000x100", "12000x784", "1000000x100"]
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
        """The output of a program, which is also shown; its errors go where ours do."""
        done = subprocess.run([str(part) for part in command], check=True, text=True,
                              stdout=subprocess.PIPE)
        print(done.stdout, end="", flush=True)
        return done.stdout.splitlines()

    def script(self, path, *arguments):
        """A script that prints a table and writes its figures with --json."""
        file = self.args.build / "figures.json"
        file.unlink(missing_ok=True)
        lines = self.lines_of(sys.executable, HERE / path, *arguments, "--json", file)
        return {"figures": json.loads(file.read_text()), "table": lines}

    def folders(self, *more):
        """Of all data sets, made where they are missing; Adult too where its files are."""
        import generate
        for name in [*self.sets, *more]:
            if not (self.data / name).exists():
                partial = self.data / (name + ".partial")
                generate.generate(*map(int, name.split("x")), partial)
                partial.rename(self.data / name)
        folders = [self.data / name for name in [*self.sets, *more]]
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
        figures, lines = {}, []
        for program in sorted((self.args.build / "bin").glob("*_bench")):
            file = self.args.build / "micro.json"
            time = "0.05s" if self.args.quick else "0.3s"
            lines += self.lines_of(program, f"--benchmark_min_time={time.rstrip('s')}",
                                   f"--benchmark_out={file}", "--benchmark_out_format=json")
            figures[program.name] = json.loads(file.read_text())["benchmarks"]
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
        print("\n".join(lines), flush=True)
        return {"figures": figures, "table": lines}

    def pipeline(self):
        adult = ["--adult", self.args.adult] if self.args.adult else []
        names = self.sets + (["adult"] if self.args.adult else [])
        return self.script("pipeline/run.py", self.programs / "pipeline", "--data", self.data,
                           "--only", *names, *adult, "--repeats", 3 if self.args.quick else 5)

    def fit(self):
        return self.script("peers/fit_peers.py", self.programs / "peers" / "fit_bench",
                           *self.folders(), "--repeats", 3)

    def deletion(self):
        return self.script("peers/deletion_peers.py", self.programs / "peers" / "deletion_bench",
                           *self.folders(), "--singles", 3 if self.args.quick else 20)

    def requests(self):
        return self.script("requests/requests.py", self.args.build / "bin" / "recant",
                           *self.folders()[:2 if self.args.adult else 1],
                           "--repeats", 3 if self.args.quick else 7)

    def qp(self):
        sizes = [10_000, 100_000] if self.args.quick else [10_000, 100_000, 1_000_000]
        return self.script("peers/qp_peers.py", self.programs / "peers" / "qp_bench", "--sizes",
                           *sizes)

    def growth(self):
        quick = ["--quick"] if self.args.quick else []
        return self.script("growth/growth.py", self.programs / "growth" / "growth_bench", "--out",
                           self.args.results, *quick)


PARTS = ["passes", "qp", "deletion", "requests", "fit", "pipeline", "growth", "micro"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
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
    found["machine"] = {"processor": processor(), "cores": os.cpu_count(),
                        "system": platform.platform(), "python": platform.python_version()}
    for part in args.parts:
        print(f"\n== {part}", flush=True)
        found[part] = {"quick": args.quick, **getattr(bench, part)()}
        # After every part, so that an interrupted run keeps what it has measured.
        file.write_text(json.dumps(found, indent=2) + "\n")
        file.with_suffix(".txt").write_text("\n\n".join(
            "\n".join([f"== {part}", *found[part]["table"]])
            for part in PARTS if part in found) + "\n")
    print(f"\nwritten: {file} and {file.with_suffix('.txt').name}")


if __name__ == "__main__":
    main()
