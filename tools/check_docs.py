#!/usr/bin/env python3
"""Runs the examples of README.md and docs/**/*.md, so that they cannot go stale.

    ```console run      lines "$ command" are run one after the other with bash; lines below a
                        command are its output, which must come. Numbers may differ by 0.1 %,
                        times (0.12 s, 3 ms) altogether; a line "..." stands for any lines.
                        No lines below a command: only its exit status, 0, is checked.
    ```cpp run          a program with main(): is compiled against recant, and run
Blocks without "run" are left alone. All blocks of a page share one folder: a copy of examples/.

Usage: check_docs.py [--bin DIR_OF_RECANT] [--build BUILD_DIR] [PAGE.md ...]
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(console|cpp) run\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SECONDS = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)? ?(s|ms|us|µs|min)\b")
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
TOLERANCE = 1e-3


def commands(text):
    """[(command, [output lines])]; a command goes on after a backslash at the end of a line."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], []])
        elif found and not found[-1][1] and found[-1][0].endswith("\\"):
            found[-1][0] += "\n" + line
        elif found:
            found[-1][1].append(line)
    return found


def same_line(expected, actual):
    expected, actual = (" ".join(SECONDS.sub("T", line).split()) for line in (expected, actual))
    if NUMBER.sub("#", expected) != NUMBER.sub("#", actual):
        return False
    pairs = zip(map(float, NUMBER.findall(expected)), map(float, NUMBER.findall(actual)))
    # Digits of a hash may read as a number beyond all doubles.
    return all(a == b or abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) for a, b in pairs)


def same_output(expected, actual):
    if not expected:
        return not actual
    if expected[0].strip() == "...":
        return any(same_output(expected[1:], actual[i:]) for i in range(len(actual) + 1))
    return bool(actual) and same_line(expected[0], actual[0]) and same_output(expected[1:], actual[1:])


def run_console(text, folder, env):
    for command, expected in commands(text):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        shown = f"$ {command}\n{done.stdout}"
        if done.returncode != 0:
            return f"exit status {done.returncode} of\n{shown}"
        strip = [line.rstrip() for line in expected if line.strip()]
        actual = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
        if strip and not same_output(strip, actual):
            return f"the page shows other output than\n{shown}"
    return None


PROJECT = """cmake_minimum_required(VERSION 3.23)
project(snippet LANGUAGES CXX)
find_package(recant REQUIRED)
add_executable(snippet main.cpp)
target_link_libraries(snippet PRIVATE recant::recant)
"""


def run_cpp(text, folder, env, build):
    """Builds the program as a user would, against an installed recant, and runs it."""
    if build is None:
        return "C++ blocks need --build"
    prefix, project = folder.parent / "prefix", folder.parent / "snippet"
    project.mkdir(exist_ok=True)
    (project / "CMakeLists.txt").write_text(PROJECT)
    (project / "main.cpp").write_text(text)
    steps = [["cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}"],
             ["cmake", "--build", project / "build"],
             [project / "build" / "snippet"]]
    if not prefix.exists():
        steps.insert(0, ["cmake", "--install", build, "--prefix", prefix])
    for step in steps:
        done = subprocess.run(step, cwd=folder, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            return f"exit status {done.returncode} of {' '.join(map(str, step))}\n{done.stdout}"
    return None


def check(page, env, build):
    """How many blocks were run, and one line for each that failed."""
    text = page.read_text(encoding="utf-8")
    failures, count = [], 0
    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent) / "examples"
        if (ROOT / "examples").is_dir():
            shutil.copytree(ROOT / "examples", folder)
        else:
            folder.mkdir()
        for match in BLOCK.finditer(text):
            count += 1
            if match[1] == "console":
                failure = run_console(match[2], folder, env)
            else:
                failure = run_cpp(match[2], folder, env, build)
            if failure:
                line = text.count("\n", 0, match.start()) + 1
                failures.append(f"{page}:{line}: {failure}")
    return count, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path)
    args = parser.parse_args()

    env = dict(os.environ)
    if args.bin:
        env["PATH"] = f"{args.bin.resolve()}{os.pathsep}{env['PATH']}"
    pages = args.pages or [p for p in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
                           if p.is_file()]
    blocks, failures = 0, []
    for page in pages:
        count, failed = check(page, env, args.build and args.build.resolve())
        blocks += count
        failures += failed
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{blocks} blocks of {len(pages)} pages run, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
