#!/usr/bin/env python3
"""Writes docs/reference/command.md from the --help of the command and of each of its subcommands.

Usage: gen_command_reference.py RECANT [--check]     with --check: compares, and writes nothing
"""
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "reference" / "command.md"
FOOTER = re.compile(r"\n*Exit codes:.*\Z", re.DOTALL)
HEAD = """# Command

<!-- Written by tools/gen_command_reference.py from the command itself; do not edit. -->

`recant COMMAND --help` prints the same. What the commands do: [fit](../algorithms/fit.md),
[evaluate](../algorithms/metrics.md), [influence](../algorithms/influence.md),
[correct](../algorithms/correction.md), [compare](../algorithms/compare.md),
[value](../algorithms/knn_shapley.md), [verify](../algorithms/certificates.md),
[audit](../algorithms/audit.md).
What they read and print: [CSV](../formats/csv.md),
[JSON](../formats/json.md), [model folder](../formats/vault.md),
[certificate](../formats/certificate.md).

A model folder that exists is replaced with `--force` only. A file of row values (`--weights`, `-o` of
`influence` and `value`) is replaced without asking, as a program's output is: it is written aside, synced
and renamed. Until then the old file is there as it was, and a run that fails or is interrupted leaves it.
Nothing is written into a model folder but by its own deletions, nothing over a file that the same call reads, and a
checkpoint only over a checkpoint: exit 2, before any work. Folders are told by what is in them, files by what they
are: links and `..` change nothing.

A flag that says nothing to what was asked for is an error, such as `--sensitive` beside arrays or `--values` without
`--weighting`: what it was to change would not have changed. `--seed` and `--threads` are taken by every command,
and with `--plan` nothing is written whatever `-o` says.

An empty text, such as that of a variable of the shell that is not set, is an error for every flag, and so is an
empty entry between commas; of `--na` it is the empty cell. Numbers are decimal: of a whole number 010 and 0x10
are errors, as some programs read them as 8 and 16. Row numbers may have leading zeros, as in files of them.
"""


def help_of(recant, *subcommand):
    text = subprocess.run([recant, *subcommand, "--help"], check=True, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL).stdout
    return "\n".join(line.rstrip() for line in re.sub(r"\n{3,}", "\n\n", text).strip().splitlines())


def page(recant):
    top = help_of(recant)
    names = re.findall(r"^  (\w+)", top[top.index("Subcommands:"):], re.MULTILINE)
    parts = [HEAD, "## recant\n", f"```text\n{top}\n```\n"]
    for name in names:
        parts += [f"## recant {name}\n", f"```text\n{FOOTER.sub('', help_of(recant, name))}\n```\n"]
    return "\n".join(parts)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = page(sys.argv[1])
    if len(sys.argv) == 2:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE} is stale: run tools/gen_command_reference.py RECANT")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
