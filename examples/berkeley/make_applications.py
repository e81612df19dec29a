#!/usr/bin/env python3
"""Expands the published counts of admissions to Berkeley into one CSV row an applicant.

Fall 1973, the six largest departments, 4,526 applicants. Source: P. J. Bickel, E. A. Hammel and
J. W. O'Connell, "Sex bias in graduate admissions: data from Berkeley", Science 187 (1975),
398-404; the counts by department are those of the data set UCBAdmissions of R.

    make_applications.py [FOLDER]     writes train.csv, validation.csv and test.csv (default: here)

The split is 3 : 1 : 1 within each of the 24 cells, as nearly as whole rows allow, so that all
three files show the same rates: rows are numbered through all cells in the order of the table
below, and row number i goes to train, validation, train, test, train for i mod 5 = 0, 1, 2, 3, 4.
Within a file the rows are then ordered by the hash of their number, so that the first rows are
not all of one department. Nothing is random: the same bytes come out every time.
"""
import csv
import hashlib
import pathlib
import sys

# department: ((men admitted, men rejected), (women admitted, women rejected))
COUNTS = {
    "A": ((512, 313), (89, 19)),
    "B": ((353, 207), (17, 8)),
    "C": ((120, 205), (202, 391)),
    "D": ((138, 279), (131, 244)),
    "E": ((53, 138), (94, 299)),
    "F": ((22, 351), (24, 317)),
}
FILES = ("train", "validation", "train", "test", "train")


def applications():
    """(department, sex, admitted) of every applicant."""
    for department, by_sex in COUNTS.items():
        for sex, by_outcome in zip(("male", "female"), by_sex):
            for admitted, count in zip(("yes", "no"), by_outcome):
                yield from [(department, sex, admitted)] * count


def split():
    """{file: rows}"""
    files = {name: [] for name in FILES}
    for number, row in enumerate(applications()):
        files[FILES[number % len(FILES)]].append((hashlib.sha256(b"%d" % number).digest(), row))
    return {name: [row for _, row in sorted(rows)] for name, rows in files.items()}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    for name, rows in split().items():
        with open(folder / f"{name}.csv", "w", newline="", encoding="ascii") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("department", "sex", "admitted"))
            writer.writerows(rows)


if __name__ == "__main__":
    main()
