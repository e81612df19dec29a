#!/usr/bin/env python3
"""Writes a data set drawn from a logistic model as NPY files; the same bytes every time.

    generate.py ROWS COLUMNS OUT    OUT/{train,validation}_{features,targets,groups}.npy

Features are normal with variance 1; two groups, one favoured by 0.5 in the score. Validation has
2,000 rows.
"""
import pathlib
import sys

import numpy as np

BLOCK = 50_000  # rows at a time, so that a million do not need twice their memory


def write_split(out, split, rows, truth, seed):
    columns = len(truth)
    generator = np.random.default_rng(seed)
    targets, groups = np.empty(rows), np.empty(rows, dtype=np.int64)
    with open(out / f"{split}_features.npy", "wb") as features:
        np.lib.format.write_array_header_1_0(
            features, {"descr": "<f8", "fortran_order": False, "shape": (rows, columns)})
        for begin in range(0, rows, BLOCK):
            at = slice(begin, min(rows, begin + BLOCK))
            x = generator.standard_normal((at.stop - at.start, columns))
            group = (x[:, 0] + generator.standard_normal(len(x)) > 0).astype(np.int64)
            score = x @ truth + 0.5 * (group - 0.5)
            targets[at] = generator.random(len(x)) < 1 / (1 + np.exp(-score))
            groups[at] = group
            x.tofile(features)
    np.save(out / f"{split}_targets.npy", targets)
    np.save(out / f"{split}_groups.npy", groups)


def generate(rows, columns, out):
    out.mkdir(parents=True, exist_ok=True)
    truth = np.random.default_rng(1).standard_normal(columns) * 2 / np.sqrt(columns)
    write_split(out, "validation", 2_000, truth, 2)
    write_split(out, "train", rows, truth, 3)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    generate(int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]))
