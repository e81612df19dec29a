#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Take patients out of a model that was trained on them, and say what that is worth.

Needs `pip install recant scikit-learn`. Run it, or read it from top to bottom.
"""
# %% 569 tumours, a model, and twelve people who withdraw their consent.
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import recant

X, y = load_breast_cancer(return_X_y=True)
X, X_val, y, y_val = train_test_split(StandardScaler().fit_transform(X), y, test_size=0.4,
                                      random_state=0)
X, X_val = np.ascontiguousarray(X), np.ascontiguousarray(X_val)
leaving = np.random.default_rng(0).choice(len(y), 12, replace=False)
model = recant.LogisticRegression(l2=1.0).fit(X, y)
print(f"accuracy on validation: {model.score(X_val, y_val):.3f}")

# %% In memory: one Newton step, with a bound on how far it ends from training again without them.
deletion = model.forget(leaving, audit=True)
print(deletion)
print(f"{deletion.distance:.1e} from training again; the bound had said {deletion.bound:.1e} at most")
print(f"accuracy without them: {model.score(X_val, y_val):.3f}")

# %% Closer, if that is too far: the step is repeated until the bound is within an allowance.
fresh = recant.LogisticRegression(l2=1.0).fit(X, y)
closer = fresh.forget(leaving, allowance=1e-6)
print(f"tier {closer.tier}: within {closer.bound:.1e}, level {closer.level}")

# %% No epsilon is promised: who has both models can compare them. For that there is a budget, of a
# %% model on disk: noise on what is published, a certificate for each deletion, and the rows' bytes
# %% are gone from the folder.
with tempfile.TemporaryDirectory() as folder:
    vault = recant.Vault.create(Path(folder) / "tumours.rct",
                                recant.LogisticRegression(l2=20.0).fit(X, y), epsilon=2.0, delta=1e-5,
                                releases=10, sigma=0.125, validation=(X_val, y_val))
    price = vault.fit_result.to_dict()["enrolment"]["price"]
    print(f"the noise raises the validation loss by {price['relative_rise']:.2%} on average")
    with vault:  # the one writer of the folder
        for row in leaving[:3]:
            certified = vault.forget(row, key=f"withdrawal {row}")
    print(certified)
    print(recant.certificate.verify(certified.certificate, model=vault.path,
                                    public_key=vault.path / "public-key.json"))
    print(vault.check())

# %% Rows of low value with more force: the wrong labels among those that leave should not pull on
# %% the model until the end. What that gains is docs/experiments/dvwu.md's; what it costs is distance.
values = recant.values.knn_shapley(recant.LogisticRegression(l2=1.0).fit(X, y), X_val, y_val)
weighted = recant.LogisticRegression(l2=1.0).fit(X, y).forget(
    leaving, "sigmoid", alpha=0.5, values=values, audit=True)
print(f"by value: {weighted.distance:.1e} from training again, {deletion.distance:.1e} without weights")
