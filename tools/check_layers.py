#!/usr/bin/env python3
"""Checks every #include against the stage graph that CMake declares.

The graph is stages.txt in the build tree ("stage: its DEPENDS", written by recant_add_stage).
  include/recant/S/, src/S/   "recant/T/..." only for T = S or a DEPENDS of S
  src/S/, apps/A/             no other folder's private header
  everywhere                  a third-party library only where EXTERNAL allows it

Usage: check_layers.py STAGES.TXT [--root DIR]        exit 1 and one line for each violation
       check_layers.py STAGES.TXT --graph             prints the graph
       check_layers.py STAGES.TXT --page FILE.md [--write]
                                   checks (or rewrites) its block <!-- stages --> .. <!-- /stages -->
"""
import argparse
import pathlib
import re
import sys

# Where the header of a library may be included: "public" is include/, "src" every src/ folder.
EXTERNAL = [
    # (header, places)
    (r"Eigen/|unsupported/Eigen/", ["public", "src", "apps", "python"]),
    (r"cblas\.h|lapacke?\.h|lapack.*\.h|f77blas\.h", ["src/linalg"]),
    (r"hwy/", ["src/audit", "src/data", "src/linalg", "src/metrics", "src/model", "src/valuation"]),
    (r"omp\.h", ["src/core"]),
    (r"fast_float/", ["src/data"]),
    (r"(sqlite3|libpq-fe)\.h", ["src/ledger"]),
    (r"sodium\.h|sodium/", ["src/core", "src/certify", "src/ledger", "src/engine", "src/verify"]),
    (r"mpfr\.h", ["src/certify"]),
    (r"nlohmann/", ["src", "apps"]),
    (r"fmt/", ["src", "apps"]),
    (r"CLI/|spdlog/", ["apps"]),
    (r"nanobind/", ["python"]),
    # The operating system: never in a public header.
    (r"sys/|(unistd|fcntl|dirent|poll|pthread|sched|dlfcn|signal|termios|immintrin)\.h",
     ["src", "apps"]),
    (r"[a-z_0-9]+$", ["public", "src", "apps", "python"]),  # the standard library
]
# design.md: the ledger has no numerics.
FORBIDDEN = {"Eigen/": ["ledger", "verify"]}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
BLOCK = re.compile(r"(<!-- stages -->\n)(.*?)(<!-- /stages -->)", re.DOTALL)


def read_stages(path):
    stages = {}
    for line in path.read_text().splitlines():
        stage, _, depends = line.partition(":")
        stages[stage.strip()] = depends.split()
    return stages


def graph(stages):
    width = max(map(len, stages), default=0)
    return "".join(f"{s:<{width}}  {' '.join(d) or '-'}\n" for s, d in stages.items())


def sources(root):
    """(file, place, stage or None); place is "public", "apps", "python" or "src"."""
    for top, place in (("include/recant", "public"), ("src", "src"), ("apps", "apps"),
                       ("python", "python")):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".hpp", ".cpp", ".h"):
                stage = path.relative_to(root / top).parts[0]
                yield path, place, stage if place in ("public", "src") else None


def external_error(header, place, stage):
    for pattern, places in EXTERNAL:
        if re.match(pattern, header):
            if any(header.startswith(h) and stage in s for h, s in FORBIDDEN.items()):
                return f"<{header}> may not be used in the stage {stage}"
            if place in places or f"{place}/{stage}" in places:
                return None
            return f"<{header}> may be included only in {', '.join(places)}"
    return f"<{header}> is of no library that EXTERNAL in tools/check_layers.py names"


def include_error(bracket, header, path, place, stage, root, stages):
    if header.startswith("recant/"):
        if not (root / "include" / header).is_file():
            return f'"{header}" is not a public header'
        target = header.split("/")[1]
        if stage is not None and target != stage and target not in stages[stage]:
            return f"{stage} -> {target}: {stage} depends only on {' '.join(stages[stage]) or 'nothing'}"
        return None
    if bracket == "<":
        return external_error(header, place, stage)
    # A private header: beside the file that includes it.
    found = (path.parent / header).resolve()
    home = root / "src" / stage if place == "src" else path.parent
    if place == "src" and not found.is_file():
        found = (home / header).resolve()
    if place == "public" or not found.is_file() or not found.is_relative_to(home.resolve()):
        return f'"{header}" is private to another folder, or does not exist'
    return None


def violations(root, stages):
    for path, place, stage in sources(root):
        name = path.relative_to(root)
        if stage is not None and stage not in stages:
            yield f"{name}:1: {stage} is not a stage: no recant_add_stage({stage} ...)"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            error = include_error(*match.groups(), path, place, stage, root, stages)
            if error:
                yield f"{name}:{number}: {error}"


def check_page(page, text, write):
    """0 if the block of `page` is `text`, or is now."""
    old = page.read_text(encoding="utf-8")
    new, count = BLOCK.subn(lambda m: f"{m[1]}```\n{text}```\n{m[3]}", old)
    if count != 1:
        print(f"{page}: needs one block <!-- stages --> ... <!-- /stages -->, has {count}")
        return 1
    if new == old:
        return 0
    if write:
        page.write_text(new, encoding="utf-8")
        return 0
    print(f"{page}: the stage graph is stale; run tools/check_layers.py STAGES.TXT --page {page} --write")
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", type=pathlib.Path)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent)
    parser.add_argument("--graph", action="store_true")
    parser.add_argument("--page", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()

    stages = read_stages(args.stages)
    if args.graph:
        print(graph(stages), end="")
        return 0
    if args.page:
        return check_page(args.page, graph(stages), args.write)
    found = list(violations(args.root.resolve(), stages))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
