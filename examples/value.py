#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which training rows help, and which hurt? Wrong labels that somebody typed in, found again.

Needs `pip install recant scikit-learn`.
"""
# %% 569 tumours; every twelfth training label is wrong.
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import recant

X, y = load_breast_cancer(return_X_y=True)
X, X_val, y, y_val = train_test_split(StandardScaler().fit_transform(X), y, test_size=0.4,
                                      random_state=0)
X = np.ascontiguousarray(X)
wrong = np.random.default_rng(0).choice(len(y), len(y) // 12, replace=False)
y[wrong] = 1 - y[wrong]
model = recant.LogisticRegression(l2=1.0).fit(X, y)
print(f"accuracy on validation, with {len(wrong)} wrong labels: {model.score(X_val, y_val):.3f}")

# %% Four answers to the same question. The lowest values should be the wrong labels.
for found in (recant.values.influence(model, X_val, y_val),
              recant.values.leave_one_out(model, X_val, y_val),
              recant.values.knn_shapley(model, X_val, y_val, neighbors=5),
              recant.values.data_banzhaf(model, X_val, y_val, max_samples=2000)):
    lowest = np.argsort(found.values)[: len(wrong)]
    share = np.isin(lowest, wrong).mean()
    print(f"{found.to_dict()['method']:14s} {share:.0%} of the {len(wrong)} lowest are wrong labels")

# %% Without them.
values = recant.values.leave_one_out(model, X_val, y_val).values
weights = np.where(values < np.sort(values)[len(wrong)], 0.0, 1.0)
without = recant.LogisticRegression(l2=1.0).fit(X, y, sample_weight=weights)
print(f"accuracy without the {len(wrong)} lowest rows: {without.score(X_val, y_val):.3f}")
