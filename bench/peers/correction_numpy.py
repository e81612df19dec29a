#!/usr/bin/env python3
"""One correction in NumPy, from the formulas of docs/mathematics.md sections 1 to 4.2, once.

    correction_numpy.py DATA OUT SOLVER TOLERANCE     OUT: folder for the answers; DATA: folder with
                                                      {train,validation}_{features,targets,groups}.npy
    correction_numpy.py DATA REFERENCE --choose       which SOLVER and TOLERANCE: the quickest fit of
                                                      which all answers agree with those of REFERENCE

Logistic loss, l2 = 1, an intercept that is penalised like the rest; the last group is privileged.
One of logistic_fits.py fits; everything after is vectorised NumPy and one Cholesky factor.
Prints seconds of every part and the most memory, as JSON: it is a process for memory's sake.
"""
import json
import pathlib
import resource
import sys
import time

import numpy as np
import scipy.linalg
import scipy.special

sys.dont_write_bytecode = True
from logistic_fits import SOLVERS, tried  # noqa: E402

L2 = 1.0
ATTACK = 1.3
TOLERANCE = 1e-6  # of the largest entry of each answer
ANSWERS = ["theta", "utility", "demographic_parity", "robust_loss", "weights", "updated"]


def with_intercept(folder, split):
    features = np.load(folder / f"{split}_features.npy", mmap_mode="r")
    x = np.ones((features.shape[0], features.shape[1] + 1))
    x[:, :-1] = features
    return x, np.load(folder / f"{split}_targets.npy"), np.load(folder / f"{split}_groups.npy")


def hessian(x, theta, weights):
    p = scipy.special.expit(x @ theta)
    curvature = weights * p * (1 - p)
    if (curvature >= 0).all():
        scaled = x * np.sqrt(curvature)[:, None]
        found = scaled.T @ scaled  # NumPy sees a matrix times itself, and forms one half
    else:
        found = x.T @ (x * curvature[:, None])
    found[np.diag_indices_from(found)] += L2
    return found


def metric_gradients(v, wanted, privileged, theta):
    """Of utility, demographic parity and robust loss, as columns; and the gap."""
    score = v @ theta
    p = scipy.special.expit(score)
    sides = np.where(privileged, 1 / privileged.sum(), -1 / (~privileged).sum())
    # x - 1.3 (t/|v|^2) v has the score (1 - 1.3) t, which follows theta.
    attacked = scipy.special.expit((1 - ATTACK) * score) - wanted
    by_row = np.stack([p - wanted, sides * p * (1 - p), (1 - ATTACK) * attacked], axis=1)
    return v.T @ by_row, sides @ p


def soft_weights(influence, utility, gap):
    """minimise -a'e + kappa |e|^2 with u'e >= 0, a'e <= |gap|: four cases of which promise holds the
    answer back. kappa is such that nothing but the gap does where u allows it."""
    a, u, gap = np.sign(gap) * influence, utility, abs(gap)
    aa, ab, bb = a @ a, a @ u, u @ u
    kappa = aa / (2 * gap)
    if ab >= 0:
        return a * min(1 / (2 * kappa), gap / aa)
    along = a - (ab / bb) * u
    return along * min(1 / (2 * kappa), gap / (aa - ab * ab / bb))


def newton_step(x, y, theta, weights):
    gradient = x.T @ (weights * (scipy.special.expit(x @ theta) - y)) + L2 * theta
    factor = scipy.linalg.cho_factor(hessian(x, theta, weights), overwrite_a=True)
    return theta - scipy.linalg.cho_solve(factor, gradient)


def nothing(part):
    pass


def corrected(train, validation, theta, lap=nothing):
    """All answers."""
    (x, y, groups), (v, wanted, held_groups) = train, validation
    factor = scipy.linalg.cho_factor(hessian(x, theta, np.ones(len(y))), overwrite_a=True)
    lap("curvature")
    gradients, gap = metric_gradients(v, wanted, held_groups == groups.max(), theta)
    solved = scipy.linalg.cho_solve(factor, gradients)
    influences = (scipy.special.expit(x @ theta) - y)[:, None] * (x @ solved)
    lap("influence")
    weights = soft_weights(influences[:, 1], influences[:, 0], gap)
    lap("closed_form")
    updated = newton_step(x, y, theta, 1 + weights)
    lap("update")
    return {"theta": theta, "updated": updated, "weights": weights, "utility": influences[:, 0],
            "demographic_parity": influences[:, 1], "robust_loss": influences[:, 2]}


def differences(ours, theirs):
    """Of each answer, over the largest entry of the first."""
    return {name: float(np.abs(ours[name] - theirs[name]).max() / np.abs(ours[name]).max())
            for name in ANSWERS}


def loaded(folder):
    return {name: np.load(folder / f"{name}.npy") for name in ANSWERS}


def choose(train, validation, reference):
    """The quickest that agrees, and of all solvers the seconds of the last try and whether it agreed.
    One that is slower than another that agrees is not asked for more digits."""
    found, best = {}, None
    for solver in SOLVERS:
        for _, tolerance, seconds, theta in tried(solver, *train[:2]):
            agrees = max(differences(reference, corrected(train, validation, theta)).values()
                         ) <= TOLERANCE
            found[solver] = {"seconds": seconds, "tolerance": tolerance, "agrees": agrees}
            if agrees and (best is None or seconds < found[best]["seconds"]):
                best = solver
            if agrees or (best and seconds > found[best]["seconds"]):
                break
    if best is None:
        sys.exit("correction_numpy: nobody's fit leads to the answers of the reference")
    return {"solver": best, "tolerance": found[best]["tolerance"], "tried": found}


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    data, out = map(pathlib.Path, sys.argv[1:3])
    seconds, begin = {}, time.perf_counter()

    def lap(part):
        nonlocal begin
        seconds[part] = time.perf_counter() - begin
        begin = time.perf_counter()

    train, validation = with_intercept(data, "train"), with_intercept(data, "validation")
    lap("load")
    if sys.argv[3] == "--choose":
        print(json.dumps(choose(train, validation, loaded(out))))
        return
    fit = SOLVERS[sys.argv[3]](float(sys.argv[4]))
    fit(train[0][:100], train[1][:100])  # imports what is imported at a first call
    begin = time.perf_counter()
    theta = fit(*train[:2])
    lap("fit")
    answers = corrected(train, validation, theta, lap)
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, values in answers.items():
        np.save(out / f"{name}.npy", values)
    print(json.dumps({"seconds": seconds, "memory": memory}))


if __name__ == "__main__":
    main()
