"""The demo's data are the published counts, and come out of their script byte for byte."""
import collections
import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest

BERKELEY = pathlib.Path(__file__).parents[2] / "examples" / "berkeley"
FILES = ("train.csv", "validation.csv", "test.csv")

# Written out a second time on purpose: a slip in the script's table shows here.
PUBLISHED = """
A male 512 313    A female 89 19
B male 353 207    B female 17 8
C male 120 205    C female 202 391
D male 138 279    D female 131 244
E male 53 138     E female 94 299
F male 22 351     F female 24 317
"""


def cells(*names):
    count = collections.Counter()
    for name in names:
        with open(BERKELEY / name, newline="") as file:
            for row in csv.DictReader(file):
                count[row["department"], row["sex"], row["admitted"]] += 1
    return count


class DemoData(unittest.TestCase):
    def test_the_script_gives_the_files_that_are_here(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, BERKELEY / "make_applications.py", folder], check=True)
            for name in FILES:
                self.assertEqual((BERKELEY / name).read_bytes(),
                                 (pathlib.Path(folder) / name).read_bytes(), name)

    def test_the_counts_are_the_published_ones(self):
        words = PUBLISHED.split()
        expected = {}
        for i in range(0, len(words), 4):
            department, sex, admitted, rejected = words[i:i + 4]
            expected[department, sex, "yes"] = int(admitted)
            expected[department, sex, "no"] = int(rejected)
        self.assertEqual(sum(expected.values()), 4526)
        self.assertEqual(cells(*FILES), expected)

    def test_every_cell_is_split_in_proportion(self):
        whole = cells(*FILES)
        for name, share in zip(FILES, (0.6, 0.2, 0.2)):
            part = cells(name)
            for cell, count in whole.items():
                self.assertLess(abs(part[cell] - share * count), 2, (name, cell))


if __name__ == "__main__":
    unittest.main()
