#!/usr/bin/env python3
"""How time and memory of the main jobs grow, with the fitted exponent next to the expected one.

    growth.py GROWTH_BENCH       GROWTH_BENCH: the program
        --out DIR                a plot of every table there (matplotlib)
        --plots FORMAT ...       of these kinds: png, svg (png)
        --quick                  the smaller half of every axis
        --json FILE              every figure
        --markdown FILE          the tables of docs/performance.md

Each figure is one process on made rows; seconds are the least of its repeats, memory is what the job
held at most beyond the rows and what there was before. The exponent is the slope of a straight line
through the logarithms, by least squares over the larger half of the axis, where constants weigh less.
Where it misses the expected one by more than 0.3 the table says why, as far as its figures show it.
`floor` is the least seconds the job could take here (dotted in the plots), from the rate of reading
the rows and the peak of fused multiply-adds, measured in the same process after the job:
    fit         a pass for each of its passes, a Hessian for each of its Hessians
    influence   a Hessian and two passes with a product for each metric
    correct     those, a Hessian and two passes
    delete      reading a p x p matrix one and a half times, and p^2 multiply-adds a row
    delete_by_pass   the same and a pass
A pass is reading the rows once, or 2 n p operations a product where those take longer; a Hessian
n p (p + 1) operations, or a pass where that takes longer.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
import reasons  # noqa: E402
from reasons import slope  # noqa: E402

# axis: its values, everything else, and by job the exponents expected of time and of memory.
# None: memory that does not follow this axis alone.
AXES = {
    "rows": ([12_500, 25_000, 50_000, 100_000, 200_000, 400_000], {"columns": 100},
             {"fit": (1, 1), "influence": (1, 1), "correct": (1, 1), "delete": (0, None),
              "delete_by_pass": (1, None)}),
    # In the larger half a fit forms no Hessian: passes and vectors of p alone.
    "columns": ([50, 100, 200, 400, 800, 1600], {"rows": 20_000},
                {"fit": (1, 1), "influence": (2, 2), "correct": (2, 2), "delete": (2, 2)}),
    "deleted": ([1, 4, 16, 64, 256, 1024], {"rows": 100_000, "columns": 100},
                {"delete": (1, None)}),
    # A correction's program has a constraint for each group: products of all pairs of them.
    "groups": ([4, 8, 16, 32, 64], {"rows": 50_000, "columns": 50},
               {"influence": (1, 1), "correct": (2, 1)}),
    "threads": ([1, 2], {"rows": 200_000, "columns": 100},
                {"fit": (-1, None), "influence": (-1, None), "correct": (-1, None),
                 "delete_by_pass": (-1, None)}),
}


def measure(program, axis, quick):
    values, fixed, jobs = AXES[axis]
    if quick and len(values) > 3:
        values = values[:len(values) // 2 + 1]
    found = {}
    for job, (time_expected, memory_expected) in jobs.items():
        runs = []
        for value in values:
            command = [program, job]
            for name, number in {**fixed, axis: value}.items():
                command += [f"--{name}", number]
            done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
            runs.append(json.loads(done.stdout))
        found[job] = {"runs": runs}
        for what, key, expected in (("time", "least_seconds", time_expected),
                                    ("memory", "peak_bytes", memory_expected)):
            found[job][what] = {"expected": expected,
                                "fitted": slope(values, [run[key] for run in runs]),
                                "missed": reasons.missed(values, runs, key, expected)}
    return {"axis": axis, "values": values, "fixed": fixed, "jobs": found}


def exponent(found):
    def text(value):
        return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{text(found['fitted'])} ({text(found['expected'])})"


LEGEND = """\
ms: least of the repeats of one process; over its floor: least and most of them over the least it could
take here; MB: the most held beyond the rows; exponent: slope of the logarithms over the larger half of
the axis"""


def over_floor(run, dash):
    return f"{run['least_seconds'] / run['floor']:.1f}{dash}{run['most_seconds'] / run['floor']:.1f}"


def lines_of(job, found, dash, seconds, megabytes):
    """What is said of a job: name, numbers, exponent."""
    runs = found["runs"]
    yield f"{job}, ms", [seconds(1e3 * run["least_seconds"]) for run in runs], exponent(found["time"])
    yield f"{job}, over its floor", [over_floor(run, dash) for run in runs], ""
    if "passes" in runs[0]:
        yield (f"{job}, passes; Hessians", [f"{run['passes']}; {run['hessians']}" for run in runs], "")
    yield (f"{job}, MB beyond the rows", [megabytes(run["peak_bytes"] / 1e6) for run in runs],
           exponent(found["memory"]))


def misses(one):
    """Of every exponent that is not as expected, a line."""
    for job, found in one["jobs"].items():
        for what in ("time", "memory"):
            if found[what]["missed"]:
                yield f"{job}, {what}, {exponent(found[what])}: {found[what]['missed']}"


def table(one):
    fixed = ", ".join(f"{value:,} {name}" for name, value in one["fixed"].items())
    yield f"{one['axis']} ({fixed})"
    yield f"  {'':34}" + "".join(f"{value:>13,}" for value in one["values"]) + "   exponent (expected)"
    for job, found in one["jobs"].items():
        for name, numbers, fitted in lines_of(job, found, "-", "{:.3f}".format, "{:.2f}".format):
            yield f"  {name:34}{''.join(f'{number:>13}' for number in numbers)}   {fitted}".rstrip()
    for line in misses(one):
        yield f"  {line}"


def digits(count):
    return lambda number: f"{number:,.0f}" if number >= 10 ** count else f"{number:.{count}g}"


def markdown(one):
    fixed = ", ".join(f"{value:,} {name}" for name, value in one["fixed"].items())
    yield f"![{one['axis']}](performance/growth-{one['axis']}.svg)"
    yield ""
    yield f"| {one['axis']} ({fixed}) | " + " | ".join(f"{value:,}" for value in one["values"]) + " | exponent |"
    yield "|---" * (len(one["values"]) + 2) + "|"
    for job, found in one["jobs"].items():
        for name, numbers, fitted in lines_of(job, found, "–", digits(3), digits(2)):
            yield f"| {name} | " + " | ".join(numbers) + f" | {fitted} |"
    yield ""
    missed = list(misses(one))
    if missed:
        yield from (f"- {line}" for line in missed)
        yield ""


def plot(one, out, formats):
    import matplotlib
    matplotlib.use("Agg")
    # Text as text, and the same bytes for the same figures.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "growth"})
    from matplotlib import pyplot, ticker
    figure, (time_axes, memory_axes) = pyplot.subplots(1, 2, figsize=(10, 4))
    for job, found in one["jobs"].items():
        seconds, floors, peaks = ([run[key] for run in found["runs"]]
                                  for key in ("least_seconds", "floor", "peak_bytes"))
        line, = time_axes.loglog(one["values"], [1e3 * value for value in seconds], "o-",
                                 label=f"{job}: {exponent(found['time'])}")
        time_axes.loglog(one["values"], [1e3 * value for value in floors], ":",
                         color=line.get_color())
        memory_axes.loglog(one["values"], [max(value, 1e4) / 1e6 for value in peaks], "o-",
                           label=f"{job}: {exponent(found['memory'])}")
    for axes, what in ((time_axes, "ms; dotted: floor"),
                       (memory_axes, "MB beyond the rows, 0.01 at least")):
        axes.set_xlabel(one["axis"])
        axes.set_xticks(one["values"], [f"{value:,}" for value in one["values"]], fontsize=8)
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=14))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axes.minorticks_off()  # each would be an element of the SVG
        axes.set_ylabel(what)
        axes.legend(title="exponent (expected)", fontsize=8)
        axes.grid(True, alpha=0.3)
    figure.tight_layout()
    for kind in formats:
        figure.savefig(out / f"growth-{one['axis']}.{kind}", dpi=120,
                       metadata={"Date": None} if kind == "svg" else None)
    pyplot.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("growth_bench")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--plots", nargs="+", choices=["png", "svg"], default=["png"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--axes", nargs="+", choices=AXES, default=list(AXES))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    args = parser.parse_args()
    measured = []
    print(LEGEND)
    for axis in args.axes:
        measured.append(measure(args.growth_bench, axis, args.quick))
        print("\n".join(table(measured[-1])), flush=True)
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            plot(measured[-1], args.out, args.plots)
    if args.markdown:
        args.markdown.write_text("\n".join(line for one in measured for line in markdown(one)) + "\n")
    if args.json:
        args.json.write_text(json.dumps({"axes": measured}, indent=2) + "\n")


if __name__ == "__main__":
    main()
