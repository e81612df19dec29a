#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Closing a gap on UCI Adult: recant, training again with its weights, and Fairlearn.

    fairness_peers.py DIR [--repeats 3] [--json FILE]       DIR: train.csv and test.csv (examples/README.md)

Needs recant, scikit-learn, pandas and fairlearn. Prints the tables of docs/experiments/fairness-peers.md.
Training rows without a missing cell; the first half of the test rows is for validation, the second
for the figures. All methods see the same matrix: numbers standardised on the training rows, every
category a column, one column of ones in place of an intercept, so that all minimise the same loss.
Seconds are the processor's, of one thread: what else the machine does is not in them.
"""
import argparse
import copy
import json
import os
import pathlib
import time
import warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before NumPy reads them

import numpy as np
import pandas as pd
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, ExponentiatedGradient, TruePositiveRateParity
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import recant

GOALS = {"demographic_parity": ("demographic_parity", DemographicParity),
         "equal_opportunity": ("true_positive_rate_parity", TruePositiveRateParity)}


class Adult:
    """Rows of three splits: X, y, sex."""

    def __init__(self, folder):
        train, test = (pd.read_csv(folder / f"{part}.csv", na_values="?", keep_default_na=False).dropna()
                       for part in ("train", "test"))
        half = len(test) // 2
        frames = {"train": train, "validation": test[:half], "test": test[half:]}
        features = [name for name in train.columns if name != "income"]
        numbers = [name for name in features if train[name].dtype.kind in "if"]
        encode = make_column_transformer(
            (StandardScaler(), numbers),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False),
             [name for name in features if name not in numbers])).fit(train[features])
        self.parts = {}
        for part, frame in frames.items():
            X = np.ascontiguousarray(np.column_stack([encode.transform(frame[features]),
                                                      np.ones(len(frame))]))
            self.parts[part] = (X, (frame["income"] == ">50K").to_numpy(int), frame["sex"].to_numpy())


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


def run(adult, goal, repeats):
    X, y, sex = adult.parts["train"]
    V, v, v_sex = adult.parts["validation"]
    T, t, t_sex = adult.parts["test"]
    constraint, moment = GOALS[goal]
    rows = []

    def add(method, seconds, label, probability):
        rows.append({"method": method, "seconds": seconds,
                     **measured(goal, label, probability, t, t_sex)})

    plain, seconds = timed(lambda: trainer().fit(X, y), repeats)
    add("scikit-learn, nothing corrected", seconds, *of_probability(plain.predict_proba(T)[:, 1]))

    def fit_ours():
        return recant.LogisticRegression(1.0, intercept=False).fit(X, y)
    ours, seconds = timed(fit_ours, repeats)
    add("recant fit, nothing corrected", seconds, *of_probability(ours.predict_proba(T)[:, 1]))

    def correct(rows_of, y_of, sex_of):
        model = copy.copy(ours)  # which stays as it is
        return model, model.correct(rows_of, y_of, metric=goal, sensitive_features=sex_of)
    for name, read_on in {"training": (X, y, sex), "validation": (V, v, v_sex)}.items():
        (model, result), seconds = timed(lambda: correct(*read_on), repeats)
        add(f"recant correct on {name} rows, beyond the fit", seconds,
            *of_probability(model.predict_proba(T)[:, 1]))

    again, seconds = timed(lambda: trainer().fit(X, y, sample_weight=result.weights), repeats)
    add("scikit-learn again, with the weights of the latter", seconds,
        *of_probability(again.predict_proba(T)[:, 1]))

    for bound in (0.01, 0.001):
        def reduce():
            return ExponentiatedGradient(trainer(), moment(difference_bound=bound)).fit(
                X, y, sensitive_features=sex)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reduced, seconds = timed(reduce, 1)
        mixture = sum(weight * each.predict_proba(T)[:, 1]
                      for each, weight in zip(reduced.predictors_, reduced.weights_) if weight > 0)
        add(f"ExponentiatedGradient, bound {bound:g}", seconds, reduced._pmf_predict(T)[:, 1], mixture)

    for name, (rows_of, y_of, sex_of) in {"training": (X, y, sex), "validation": (V, v, v_sex)}.items():
        def optimise():
            return ThresholdOptimizer(estimator=plain, constraints=constraint, prefit=True,
                                      objective="accuracy_score", predict_method="predict_proba").fit(
                rows_of, y_of, sensitive_features=sex_of)
        threshold, seconds = timed(optimise, repeats)
        add(f"ThresholdOptimizer on {name} rows, beyond the fit", seconds,
            threshold._pmf_predict(T, sensitive_features=t_sex)[:, 1], None)
    return rows


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
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    recant.set_threads(1)
    adult = Adult(args.folder)
    print(", ".join(f"{part} {X.shape[0]} x {X.shape[1]}" for part, (X, _, _) in adult.parts.items()))
    found = {}
    for goal in GOALS:
        found[goal] = run(adult, goal, args.repeats)
        print(f"\n## {goal}\n")
        table(found[goal])
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
