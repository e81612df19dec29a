#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Closing a gap: recant, training again with its weights and, where it is installed, Fairlearn.

    peers.py [DIR] [--repeats 3] [--json FILE]      DIR: UCI Adult, train.csv and test.csv (README.md)

Without DIR the data are the admissions to Berkeley beside this script. Needs recant, scikit-learn
and pandas; without Fairlearn its rows are left out, and it says so. Of Adult it prints the tables of
docs/experiments/fairness-peers.md. Training rows without a missing cell; of Adult the first half of
the test rows is for validation, the second for the figures. All methods see the same matrix: numbers
standardised on the training rows, every category a column, one column of ones in place of an
intercept, so that all minimise the same loss. Seconds are the processor's, of one thread: what else
the machine does is not in them.
"""
import argparse
import copy
import json
import os
import pathlib
import sys
import time
import warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before NumPy reads them

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import recant

try:
    from fairlearn.postprocessing import ThresholdOptimizer
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient, TruePositiveRateParity

    FAIRLEARN = {"demographic_parity": ("demographic_parity", DemographicParity),
                 "equal_opportunity": ("true_positive_rate_parity", TruePositiveRateParity)}
except ImportError:
    FAIRLEARN = None

GOALS = ("demographic_parity", "equal_opportunity")
BERKELEY = pathlib.Path(__file__).resolve().parent / "berkeley"
#: Target column and what counts as 1 of it, by data set.
TARGETS = {"income": ">50K", "admitted": "yes"}


def frames_of(folder):
    """Training, validation and test rows: Adult has two files, Berkeley three."""
    def read(part):
        return pd.read_csv(folder / f"{part}.csv", na_values="?", keep_default_na=False).dropna()
    test = read("test")
    half = len(test) // 2
    held = ((read("validation"), test) if (folder / "validation.csv").exists()
            else (test[:half], test[half:]))
    return {"train": read("train"), "validation": held[0], "test": held[1]}


class Splits:
    """Rows of three splits: X, y, sex."""

    def __init__(self, folder):
        frames = frames_of(folder)
        train = frames["train"]
        target = next(name for name in TARGETS if name in train.columns)
        features = [name for name in train.columns if name != target]
        numbers = [name for name in features if train[name].dtype.kind in "if"]
        encode = make_column_transformer(
            (StandardScaler(), numbers),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False),
             [name for name in features if name not in numbers])).fit(train[features])
        self.parts = {}
        for part, frame in frames.items():
            X = np.ascontiguousarray(np.column_stack([encode.transform(frame[features]),
                                                      np.ones(len(frame))]))
            self.parts[part] = (X, (frame[target] == TARGETS[target]).to_numpy(int),
                                frame["sex"].str.capitalize().to_numpy())


def trainer():
    return LogisticRegression(C=1.0, fit_intercept=False, tol=1e-6, max_iter=5000)


def timed(work, repeats):
    """What it returns, and the least of its seconds."""
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        found = work()
        best = min(best, time.process_time() - start)
    return found, best


def gap(value, sex, rows):
    """Mean over men minus mean over women, of those rows, and its standard error."""
    one, other = (value[rows & (sex == group)] for group in ("Male", "Female"))
    return one.mean() - other.mean(), np.sqrt(one.var() / len(one) + other.var() / len(other))


def measured(goal, label, probability, y, sex):
    """label: the probability of saying 1; probability: of being 1, or None where there is none."""
    rows = np.ones(len(y), bool) if goal == "demographic_parity" else y == 1
    hard, error = gap(label, sex, rows)
    figures = {"gap_labels": hard, "standard_error": error,
               "accuracy": np.where(y == 1, label, 1 - label).mean()}
    if probability is not None:
        p = np.clip(probability, 1e-15, 1 - 1e-15)
        figures["gap_probabilities"] = gap(p, sex, rows)[0]
        figures["log_loss"] = -np.log(np.where(y == 1, p, 1 - p)).mean()
    return {name: float(figure) for name, figure in figures.items()}


def of_probability(p):
    return (p > 0.5).astype(float), p


class Comparison:
    """Every method towards one goal, as rows of a table."""

    def __init__(self, splits, goal, repeats):
        self.splits, self.goal, self.repeats = splits.parts, goal, repeats
        self.read_on = {name: self.splits[part] for name, part in
                        (("training", "train"), ("validation", "validation"))}
        self.rows = []

    def add(self, method, seconds, label, probability):
        _, y, sex = self.splits["test"]
        self.rows.append({"method": method, "seconds": seconds,
                          **measured(self.goal, label, probability, y, sex)})

    def add_model(self, method, seconds, model):
        self.add(method, seconds, *of_probability(model.predict_proba(self.splits["test"][0])[:, 1]))

    def ours(self):
        """recant, and scikit-learn before and with its weights. Returns scikit-learn's before."""
        X, y, _ = self.splits["train"]
        plain, seconds = timed(lambda: trainer().fit(X, y), self.repeats)
        self.add_model("scikit-learn, nothing corrected", seconds, plain)
        fitted, seconds = timed(lambda: recant.LogisticRegression(1.0, intercept=False).fit(X, y),
                                self.repeats)
        self.add_model("recant fit, nothing corrected", seconds, fitted)

        def correct(rows_of, y_of, sex_of):
            model = copy.copy(fitted)  # which stays as it is
            return model, model.correct(rows_of, y_of, metric=self.goal, sensitive_features=sex_of)
        for name, rows in self.read_on.items():
            (model, result), seconds = timed(lambda: correct(*rows), self.repeats)  # noqa: B023
            self.add_model(f"recant correct on {name} rows, beyond the fit", seconds, model)
        again, seconds = timed(lambda: trainer().fit(X, y, sample_weight=result.weights), self.repeats)
        self.add_model("scikit-learn again, with the weights of the latter", seconds, again)
        return plain

    def fairlearns(self, plain):
        """Both of Fairlearn's: a reduction, and a threshold for each group of `plain`'s scores."""
        constraint, moment = FAIRLEARN[self.goal]
        X, y, sex = self.splits["train"]
        T, _, t_sex = self.splits["test"]
        for bound in (0.01, 0.001):
            def reduce(bound=bound):
                return ExponentiatedGradient(trainer(), moment(difference_bound=bound)).fit(
                    X, y, sensitive_features=sex)
            reduced, seconds = timed(reduce, 1)
            mixture = sum(weight * each.predict_proba(T)[:, 1]
                          for each, weight in zip(reduced.predictors_, reduced.weights_) if weight > 0)
            self.add(f"ExponentiatedGradient, bound {bound:g}", seconds,
                     reduced._pmf_predict(T)[:, 1], mixture)
        for name, rows in self.read_on.items():
            def optimise(rows=rows):
                return ThresholdOptimizer(
                    estimator=plain, constraints=constraint, prefit=True, objective="accuracy_score",
                    predict_method="predict_proba").fit(rows[0], rows[1], sensitive_features=rows[2])
            threshold, seconds = timed(optimise, self.repeats)
            self.add(f"ThresholdOptimizer on {name} rows, beyond the fit", seconds,
                     threshold._pmf_predict(T, sensitive_features=t_sex)[:, 1], None)


def compared(splits, goal, repeats):
    comparison = Comparison(splits, goal, repeats)
    plain = comparison.ours()
    if FAIRLEARN is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            comparison.fairlearns(plain)
    return comparison.rows


def table(rows):
    def cell(figures, name, form):
        return format(figures[name], form) if name in figures else "–"
    print("| method | gap of labels, test | gap of probabilities | accuracy | log-loss | seconds |")
    print("|---|---|---|---|---|---|")
    for f in rows:
        print(f"| {f['method']} | {f['gap_labels']:+.4f} ± {f['standard_error']:.4f} | "
              f"{cell(f, 'gap_probabilities', '+.4f')} | {f['accuracy']:.4f} | "
              f"{cell(f, 'log_loss', '.4f')} | {f['seconds']:.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, nargs="?", default=BERKELEY)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    recant.set_threads(1)
    splits = Splits(args.folder)
    print(", ".join(f"{part} {X.shape[0]} x {X.shape[1]}" for part, (X, _, _) in splits.parts.items()))
    if FAIRLEARN is None:
        print("FAIRLEARN IS NOT INSTALLED: ExponentiatedGradient and ThresholdOptimizer are left out; "
              "pip install fairlearn", file=sys.stderr)
    found = {}
    for goal in GOALS:
        found[goal] = compared(splits, goal, args.repeats)
        print(f"\n## {goal}\n")
        table(found[goal])
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
