#!/usr/bin/env python3
"""Turns the files of UCI Adult (adult.data, adult.test) into train.csv and test.csv.

    prepare.py ORIGINALS OUT     ORIGINALS: adult.zip, or the folder it was unpacked to

A header line is put on top; the spaces after commas, the dot after the labels of adult.test, its
line "|1x3 Cross validator" and blank lines are removed. Order and everything else stay.
"""
import hashlib
import pathlib
import sys
import zipfile

HEADER = ("age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,"
          "sex,capital-gain,capital-loss,hours-per-week,native-country,income")
FILES = {  # original: (its sha256, what is made of it)
    "adult.data": ("5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d", "train.csv"),
    "adult.test": ("a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05", "test.csv"),
}


def read(originals, name):
    if originals.is_dir():
        return (originals / name).read_bytes()
    with zipfile.ZipFile(originals) as archive:
        return archive.read(name)


def rows(text):
    for line in text.splitlines():
        if line.strip() and not line.startswith("|"):
            yield ",".join(cell.strip() for cell in line.split(",")).rstrip(".")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    originals, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    for name, (checksum, csv_name) in FILES.items():
        try:
            data = read(originals, name)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            sys.exit(f"{originals}: {name} cannot be read: {error}")
        if hashlib.sha256(data).hexdigest() != checksum:
            sys.exit(f"{originals}: {name} is not the published file: its sha256 is not {checksum}")
        lines = [HEADER, *rows(data.decode("ascii"))]
        (out / csv_name).write_text("\n".join(lines) + "\n", encoding="ascii")
        print(f"{out / csv_name}: {len(lines) - 1} rows")


if __name__ == "__main__":
    main()
