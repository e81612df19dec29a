#!/usr/bin/env python3
"""Checks that every key cited as [Name2020] has an entry in docs/references.bib, and every entry a
citation; and that every relative link of a page leads to a file.

Usage: check_references.py [ROOT]
"""
import pathlib
import re
import sys

CITATION = re.compile(r"\[([A-Z][A-Za-z]+[0-9]{4})\]")
ENTRY = re.compile(r"^@\w+\{\s*([^,\s]+)\s*,", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PLACES = ("include", "src", "apps", "bench", "docs", "examples", "tests", "tools")
KINDS = {".hpp", ".cpp", ".md", ".py"}


def citations(root):
    """{key: the first file that cites it}"""
    files = [f for place in PLACES for f in sorted((root / place).rglob("*")) if f.suffix in KINDS]
    files += sorted(root.glob("*.md"))
    found = {}
    for file in files:
        if file.name in ("check_references.py", "check_references_test.py"):
            continue
        for key in CITATION.findall(file.read_text(encoding="utf-8")):
            found.setdefault(key, file.relative_to(root))
    return found


def dead_links(root):
    pages = [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md")), *sorted((root / "examples").rglob("*.md"))]
    for page in pages:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                yield f"{page.relative_to(root)}: links to {target}, which is not there"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if len(sys.argv) < 2:
        root = root.parent.parent
    entries = ENTRY.findall((root / "docs" / "references.bib").read_text(encoding="utf-8"))
    cited = citations(root)
    errors = [f"{cited[key]}: cites [{key}], which docs/references.bib has not"
              for key in sorted(cited.keys() - set(entries))]
    errors += [f"docs/references.bib: {key} is not cited" for key in sorted(set(entries) - cited.keys())]
    errors += [f"docs/references.bib: {key} is there twice"
               for key in sorted({key for key in entries if entries.count(key) > 1})]
    errors += dead_links(root)
    print(*errors, sep="\n", end="\n" if errors else "")
    print(f"{len(entries)} entries, {len(cited)} keys cited, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
