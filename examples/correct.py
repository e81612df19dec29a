#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Close a gap after training, and see what it costs: graduate admissions to Berkeley, 1973.

Needs `pip install recant scikit-learn pandas`. Run it, or read it from top to bottom.
"""
# %% Rows: who applied where, who is a woman, who was admitted.
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import recant

folder = Path(__file__).resolve().parent / "berkeley"
train, validation, test = (pd.read_csv(folder / f"{part}.csv", na_filter=False)
                           for part in ("train", "validation", "test"))
features = ["department", "sex"]

# %% A model that somebody trained with scikit-learn.
fitted = make_pipeline(
    make_column_transformer((OneHotEncoder(sparse_output=False), features)),
    LogisticRegression(),
).fit(train[features], train["admitted"])

# %% Taken over: what is it at the optimum of recant's objective, and how far away was it?
pipeline = recant.adopt(fitted, train[features], train["admitted"],
                        sensitive_features=train["sex"])
print(pipeline.adoption_)

# %% What the model does to men and women, on rows that it was not trained on.
print(recant.evaluate(pipeline, test[features], test["admitted"], sensitive_features=test["sex"]))

# %% Which training rows make the gap? Positive: more weight on the row narrows what is positive.
effect = recant.influence(pipeline, validation[features], validation["admitted"],
                          metric="demographic_parity", sensitive_features=validation["sex"])
print(effect)

# %% Closing it: the weights are chosen on the validation rows; believe the test rows.
encode, model = pipeline[:-1].transform, pipeline[-1]
result = model.correct(
    encode(validation[features]), validation["admitted"], sensitive_features=validation["sex"],
    metric="demographic_parity",
    test=(encode(test[features]), test["admitted"], test["sex"]))
print(result)

# %% The weights are ready for any trainer: training from scratch with them gives the same model.
retrained = recant.LogisticRegression().fit(
    encode(train[features]), train["admitted"], sample_weight=result.weights)
print(f"largest difference to training again: {abs(model.coef_ - retrained.coef_).max():.1e}")
