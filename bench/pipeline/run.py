#!/usr/bin/env python3
"""Measures the whole pipeline on every data set: medians of separate processes, against targets.

    run.py PROGRAMS             PROGRAMS: the folder of pipeline_bench and encode_csv
        --data DIR              where the arrays are kept; made if missing (a temporary folder)
        --adult DIR             train.csv, test.csv and schema.json of UCI Adult
        --only NAME ...         these data sets alone
        --repeats N             rounds over all data sets (5)
        --json FILE             every figure
        --markdown FILE         the table of docs/performance.md: seconds, in brackets over the floor,
                                least to most

The floor of a pass is reading the features once; of a Hessian n p (p + 1) operations, or a
pass where that takes longer; of weights reading the influences. The rate of reading and the peak of
fused multiply-adds are measured in the same process, after the parts. A process ends, and the run
with it, where its fit did not converge or its bounded weights or its Newton step did not get there.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import generate  # noqa: E402
import rounds  # noqa: E402

SETS = ["adult", "100000x100", "12000x784", "60000x784", "1000000x100"]
TARGET_SECONDS = {"adult": 0.08, "100000x100": 0.3, "12000x784": 0.6, "1000000x100": 3.0}
PARTS = ["load", "fit", "curvature", "influence", "closed_form", "bounded", "update", "total"]


def prepare(name, folder, args):
    if folder.exists():
        return True
    partial = folder.with_name(folder.name + ".partial")
    if name != "adult":
        generate.generate(*map(int, name.split("x")), partial)
    elif args.adult is None:
        print("adult: left out, --adult says where its files are")
        return False
    else:
        subprocess.run([args.programs / "encode_csv", "--train", args.adult / "train.csv",
                        "--test", args.adult / "test.csv", "--schema", args.adult / "schema.json",
                        "--out", partial], check=True)
    partial.rename(folder)
    return True


def median_of(runs, *keys):
    values = []
    for value in runs:
        for key in keys:
            value = value[key]
        values.append(value)
    return statistics.median(values)


def over_floor(runs, part):
    return rounds.ratio(*([run[key][part] for run in runs] for key in ("seconds", "floor_seconds")))


LEGEND = """\
seconds: median of separate processes; spread: (most - least) / median; floor: least seconds here;
over it: seconds over the floor of the same process, median (least to most); total: of the parts
above"""


def table(name, runs):
    last = runs[-1]
    yield (f"{name}: {last['rows']} x {last['columns']}, {last['threads']} threads, reads "
           f"{median_of(runs, 'read_bytes_per_second') / 1e9:.1f} GB/s, multiplies "
           f"{median_of(runs, 'peak_flops') / 1e9:.0f} Gflop/s; fit: {last['fit']['passes']} passes, "
           f"{last['fit']['hessians']} Hessians, gradient {last['fit']['gradient_norm']:.1e}")
    target = f"   target {TARGET_SECONDS[name]} s" if name in TARGET_SECONDS else ""
    yield f"  {'':12}{'seconds':>9}{'spread':>8}{'floor':>9}{'over it':>26}"
    for part in PARTS:
        seconds = [run["seconds"][part] for run in runs]
        yield (f"  {part:12}{statistics.median(seconds):9.4f}{rounds.spread(seconds):8.0%}"
               f"{median_of(runs, 'floor_seconds', part):9.5f}"
               f"{rounds.times(over_floor(runs, part)):>26}{target if part == 'total' else ''}")
    yield (f"  most memory {median_of(runs, 'peak_mb'):.0f} MB, matrix {last['matrix_mb']:.0f} MB, "
           f"allowed {last['allowed_mb']:.0f} MB")


NAMES = {"load": "load", "fit": "fit", "curvature": "curvature", "influence": "influence of three metrics",
         "closed_form": "soft weights, closed form", "bounded": "soft weights, bounded",
         "update": "one Newton step", "total": "**together**"}


def markdown(runs):
    """Parts down, data sets across."""
    def row(name, cell):
        return f"| {name} | " + " | ".join(cell(key, runs[key]) for key in runs) + " |"

    def part(key):
        def cell(_, of):
            took, over = median_of(of, "seconds", key), over_floor(of, key)
            seconds = f"{took:.{3 if took >= 0.01 else 4 if took >= 0.0001 else 6}f}"
            return (f"{f'**{seconds}**' if key == 'total' else seconds} ({rounds.figure(over['median'])}; "
                    f"{rounds.figure(over['least'])}–{rounds.figure(over['most'])})")
        return cell

    def spread(_, of):
        return f"{rounds.spread([run['seconds']['total'] for run in of]):.0%}".replace("%", " %")

    yield row("", lambda name, of: f"{name}, {of[0]['rows']:,} × {of[0]['columns']}" if name == "adult"
              else f"{of[0]['rows']:,} × {of[0]['columns']}")
    yield "|---" * (len(runs) + 1) + "|"
    for key in PARTS:
        yield row(NAMES[key], part(key))
    yield row("spread, (most − least)/median", spread)
    yield row("wanted", lambda name, _: f"{TARGET_SECONDS[name]:g}" if name in TARGET_SECONDS else "")
    yield row("passes and Hessians of the fit",
              lambda _, of: f"{of[-1]['fit']['passes']}, {of[-1]['fit']['hessians']}")
    yield row("gradient norm after the fit", lambda _, of: f"{of[-1]['fit']['gradient_norm']:.0e}")
    yield row("most memory, MB", lambda _, of: f"{median_of(of, 'peak_mb'):.0f}")
    yield row("matrix; allowed, MB", lambda _, of: f"{of[-1]['matrix_mb']:.0f}; {of[-1]['allowed_mb']:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path,
                        default=pathlib.Path(tempfile.gettempdir()) / "recant-bench")
    parser.add_argument("--adult", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    args = parser.parse_args()
    args.data.mkdir(parents=True, exist_ok=True)
    names = [name for name in args.only if prepare(name, args.data / name, args)]
    runs = {name: [] for name in names}
    for _ in range(args.repeats):
        for name in names:
            output = subprocess.run([args.programs / "pipeline_bench", args.data / name],
                                    check=True, stdout=subprocess.PIPE, text=True).stdout
            runs[name].append(json.loads(output))
    print(LEGEND)
    for name in names:
        print("\n".join(table(name, runs[name])), flush=True)
    if args.markdown:
        args.markdown.write_text("\n".join(markdown(runs)) + "\n")
    if args.json:
        args.json.write_text(json.dumps(runs, indent=2) + "\n")


if __name__ == "__main__":
    main()
