#!/usr/bin/env python3
"""The tables of docs/performance.md, from the figures that run.py keeps.

    tables.py RESULTS.json        prints a section for each part that the file holds

Times are medians; in brackets ratios, median; least to most of the rounds. run.py writes what this
prints beside the figures, so that the page holds what was measured and nothing typed by hand.
"""
import json
import pathlib
import statistics
import sys

SETS = {"adult": "Adult, 30,162 × 104", "100000x100": "100,000 × 100", "12000x784": "12,000 × 784",
        "60000x784": "60,000 × 784", "1000000x100": "1,000,000 × 100"}
PASSES = {(30_162, 102): "Adult's size, 30,162 × 102", (100_000, 100): "100,000 × 100",
          (12_000, 784): "12,000 × 784", (60_000, 784): "60,000 × 784",
          (1_000_000, 100): "1,000,000 × 100"}


def digits(value, count=3):
    """So many of them, without an exponent."""
    text = f"{value:.{count}g}"
    if "e" in text:
        text = f"{float(text):.10f}".rstrip("0").rstrip(".")
    return text


def seconds(value):
    if value >= 100:
        return f"{value:,.0f} s"
    return f"{digits(value)} s" if value >= 0.1 else f"{digits(1e3 * value)} ms"


def times(value):
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 1 else f"{value:.2f}"


def ratio(found):
    return f"{times(found['median'])}; {times(found['least'])} to {times(found['most'])}"


def exact_ratio(found):
    """Three digits of each."""
    low, high = digits(found["least"]), digits(found["most"])
    return f"{digits(found['median'])}; {low} to {high}"


class Table:
    """A column for each of the sets that were measured, in the order of SETS."""

    def __init__(self, title, names):
        self.names = names
        self.lines = [f"| {title} | " + " | ".join(names.values()) + " |",
                      "|---" * (len(names) + 1) + "|"]

    def row(self, title, cell):
        self.lines.append(f"| {title} | " + " | ".join(cell(key) for key in self.names) + " |")


def of_sets(measured, title=""):
    found = {one["data"]: one for one in measured}
    return found, Table(title, {key: name for key, name in SETS.items() if key in found})


def passes(figures):
    found = {(one["rows"], one["columns"]): one for one in figures}
    table = Table("", {key: name for key, name in PASSES.items() if key in found})
    stream = {key: one["stream_bytes_per_second"] for key, one in found.items()}
    table.row("memory reads, GB/s", lambda key: f"{stream[key] / 1e9:.1f}")
    table.row("reading once, milliseconds",
              lambda key: digits(1e3 * found[key]["passes"]["read"]["seconds"]))
    table.row("its bytes at the rate of memory, milliseconds",
              lambda key: digits(8e3 * key[0] * key[1] / stream[key]))
    names = {
        "gradient": "gradient", "hessian_times": "Hessian times a vector",
        "residual": "residual of a deletion, tier 1",
        "influences_of_3": "influences on three metrics, without the solves",
        "gradient_of_utility": "gradient of utility",
        "gradients_of_2": "gradients of utility and demographic parity",
        "gradients_of_3": "and of equal opportunity",
        "gradients_of_2_robust": "gradients of both robust losses",
        "gradients_of_3_one_robust": "gradients of utility, demographic parity and a robust loss",
        "metric_values_of_3": "values of three metrics",
        "deletion_at_tier_1": "a whole deletion at tier 1"}

    def cell(key, name):
        one = found[key]["passes"][name]
        low, high = one["quartiles"]
        return f"{one['times_stream']:.2f}; {one['times_read']:.2f} ({low:.2f} – {high:.2f})"

    for name, title in names.items():
        table.row(title, lambda key, name=name: cell(key, name))
    return table.lines


def qp(figures):
    lines = ["| unknowns | recant | OSQP | Clarabel | recant over its floor |", "|---" * 5 + "|"]
    for one in figures["measured"]:
        others = [one["solvers"][name] for name in ("OSQP", "Clarabel")]
        cells = [f"{digits(other['median'])} s ({ratio(other['ratio'])})" for other in others]
        own = f"{digits(1e3 * one['solvers']['recant']['median'])} ms"
        lines.append(f"| {one['unknowns']:,} | {own} | " + " | ".join(cells) +
                     f" | {ratio(one['times_floor'])} |")
    return lines


OTHERS = {"NumPy Newton step": "Newton step in NumPy",
          "scikit-learn lbfgs warm": "scikit-learn lbfgs, warm",
          "scikit-learn newton-cholesky warm": "scikit-learn newton-cholesky, warm",
          "scikit-learn lbfgs from zero": "scikit-learn lbfgs, from zero",
          "scikit-learn newton-cholesky from zero": "scikit-learn newton-cholesky, from zero"}
REQUESTS = {"one": "one row", "one_by_one": "1,000 rows, one after another",
            "batch": "1 % of the rows at once"}


def deletion(figures):
    found, table = of_sets([one for one in figures["measured"] if one["l2"] == 1])
    larger = {one["data"]: one for one in figures["measured"] if one["l2"] != 1}

    def answers(key, request, of=found):
        return of[key]["requests"][request]["answers"]

    def bounded(of, request, title):
        table.row(f"{title}, recant (NumPy over it)", lambda key: (
            f"{seconds(answers(key, request, of)['recant']['median'])} "
            f"({ratio(answers(key, request, of)['NumPy Newton step']['ratio'])})"))

        def ways(key):
            one = of[key]["requests"][request]
            return (f"{one['bounded_without_a_pass']:,}, {one['bounded_by_a_pass']:,}, "
                    f"{one['bounded_by_a_new_base']}; {one['rebuilt']}")

        table.row("without a pass, by a pass, by a new base; new bases", ways)
        table.row("over its floor", lambda key: ratio(of[key]["requests"][request]["times_floor"]))

    for request, title in REQUESTS.items():
        table.row(f"**{title}**, recant",
                  lambda key, r=request: seconds(answers(key, r)["recant"]["median"]))
        for name, other in OTHERS.items():
            table.row(other, lambda key, r=request, n=name: (
                f"{seconds(answers(key, r)[n]['median'])} ({ratio(answers(key, r)[n]['ratio'])})"))
        table.row("recant over its floor",
                  lambda key, r=request: ratio(found[key]["requests"][r]["times_floor"]))
        table.row("bounded without a pass; scores off by at most", lambda key, r=request: (
            f"{found[key]['requests'][r]['bounded_without_a_pass']:,}; "
            f"{answers(key, r)['recant']['off']:.0e}"))
        if request == "one_by_one":
            table.row("the same after 20 rows: recant; NumPy", lambda key: (
                f"{found[key]['after_singles']['off']:.0e}; "
                f"{answers(key, 'one_by_one')['NumPy Newton step']['off']:.0e}"))
        if request != "one":
            bounded(found, request + "_bounded", "**the same, bounded**")
            bounded(larger, request + "_bounded", "**the same, bounded, with l2 = 0.01 n**")
    table.row("the base, once a model; over its floor", lambda key: (
        f"{seconds(found[key]['base'])}; {found[key]['base'] / found[key]['base_floor']:.1f}"))
    return table.lines


def batch(one):
    """Two cells: what it took, and that over its syncs."""
    bulk = one["requests"] == 1
    rate = f"{one['deleted'] / one['seconds']:,.0f} {'rows ' if bulk else ''}a second"
    least, most = digits(one["least_seconds"]), digits(one["most_seconds"])
    return f"{digits(one['seconds'])} s ({least} to {most}), {rate} | {ratio(one['times_floor'])}"


def requests(figures):
    found = {}
    for one in figures["batches"]:
        found.setdefault(one["data"], []).append(one)
    kept = [key for key in SETS if key in found]
    lines = ["| requests of one row in a batch | " +
             " | ".join(f"{SETS[key]} | over its floor" for key in kept) + " |",
             "|---" * (1 + 2 * len(kept)) + "|"]
    for same in zip(*(found[key] for key in kept)):
        first = same[0]
        title = f"{first['requests']:,}"
        if first["requests"] == 1:
            title = f"one request for {first['deleted']:,} rows"
        lines.append(f"| {title} | " + " | ".join(batch(one) for one in same) + " |")
    lines += ["", "| a vault of Adult with a ledger of | batches | opens to read | to write | "
              "`recant status` |", "|---" * 5 + "|"]
    for one in figures.get("opening", {}).values():
        lines.append(f"| {one['events']:,} events | {one['batches']:,} | "
                     f"{1e3 * one['open_seconds']:.0f} ms | "
                     f"{1e3 * one['open_for_writing_seconds']:.0f} ms | "
                     f"{1e3 * one['command_seconds']['median']:.0f} ms |")
    return lines


def fit(figures):
    lines = ["| | solver | seconds | spread | gradient | recant | ratio |", "|---" * 7 + "|"]
    for one in figures["measured"]:
        title = SETS[one["data"]]
        for name, other in one["fits"].items():
            if name == "recant":
                continue
            own = name in ("lbfgs, ftol 0", "NumPy Newton")
            label = name if own else "scikit-learn " + name
            recant = digits(statistics.median(other["recant_seconds"]))
            lines.append(f"| {title} | {label} | {digits(other['median'])} | "
                         f"{100 * other['spread']:.0f} % | {other['gradient_norm']:.1e} | {recant} | "
                         f"{ratio(other['ratio'])} |")
            title = ""
    return lines


CORRECTION = {"fit": "fit", "curvature": "curvature", "influence": "influence",
              "closed_form": "closed form", "update": "update", "correction": "**correction**",
              "with the fit": "**with the fit**"}


def correction(figures):
    found, table = of_sets(figures["measured"])
    table.row("NumPy's side is fitted by", lambda key: found[key]["numpy_fit"]["solver"])

    def cell(key, part):
        one = found[key]["parts"][part]
        own = digits(one["recant_median"], 3 if one["recant_median"] >= 0.1 else 2)
        return f"{own} ({exact_ratio(one['ratio'])}) {one['times_floor']['median']:.2f}"

    for part, title in CORRECTION.items():
        table.row(title, lambda key, part=part: cell(key, part))
    table.row("most memory, MB: recant; NumPy",
              lambda key: f"{found[key]['recant_mb']:.0f}; {found[key]['numpy_mb']:.0f}")
    return table.lines


def knn(figures):
    found, table = of_sets(figures["measured"])

    def against(key, name):
        return found[key]["against"][name]

    def peer(key, name):
        one = against(key, name)
        low, high = times(one["ratio"]["least"]), times(one["ratio"]["most"])
        return (f"{digits(statistics.median(one['peer']))}; "
                f"**{times(one['ratio']['median'])}** ({low} to {high})")

    def floor(key):
        one = against(key, "NumPy")["times_floor"]
        return f"{times(one['median'])} ({times(one['least'])} to {times(one['most'])})"

    table.row("validation rows", lambda key: f"{against(key, 'NumPy')['validation_rows']:,}")
    table.row("exact, seconds",
              lambda key: digits(statistics.median(against(key, "NumPy")["recant"])))
    table.row("over its floor (products and sort)", floor)
    table.row("NumPy, vectorised: seconds; over recant's", lambda key: peer(key, "NumPy"))
    if all("pyDVL" in one["against"] for one in found.values()):
        table.row(f"pyDVL {figures['versions']['pydvl']}: of so many validation rows",
                  lambda key: f"{against(key, 'pyDVL')['validation_rows']:,}")
        table.row("seconds; over recant's on the same", lambda key: peer(key, "pyDVL"))
    table.row("truncated to 0.01, seconds",
              lambda key: digits(statistics.median(found[key]["truncated"])))
    table.row("most memory; of it the data, MB", lambda key: (
        f"{against(key, 'NumPy')['memory'] / 1e6:,.0f}; {found[key]['data_bytes'] / 1e6:,.0f}"))
    table.row("100 rows leave, then all values from kept ranks: a fresh run takes that many times",
              lambda key: times(found[key]["update"]["ratio"]["median"]))
    return table.lines


PARTS = {"correction": correction, "fit": fit, "deletion": deletion, "requests": requests,
         "qp": qp, "passes": passes, "knn": knn}


def tables(figures):
    """Markdown, a section for each part that was measured."""
    lines = []
    for part, make in PARTS.items():
        if part not in figures:
            continue
        one = figures[part]
        lines += [f"## {part}", "", f"Commit {one['commit']}, {one['began']}.", "",
                  *make(one["figures"]), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables(json.loads(pathlib.Path(sys.argv[1]).read_text())))
