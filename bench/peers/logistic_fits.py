"""Others' fits of  sum_i log(1 + exp(..)) + |theta|^2 / 2, from 0, as functions of x, y and a tolerance.

To be imported after the number of threads is set. scikit-learn's and SciPy's solvers multiply
matrices with them and do the rest in one, but for the losses of "lbfgs, ftol 0".
"""
import os
import time
import warnings

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.special
from sklearn._loss import HalfBinomialLoss
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model._linear_loss import LinearModelLoss


def gradient(x, y, theta):
    return x.T @ (scipy.special.expit(x @ theta) - y) + theta


def sklearn_fit(solver, tolerance, max_iter=20000):
    """Its tolerance is on the largest entry of the gradient of the mean loss."""
    def fit(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tolerances out of reach are part of the search
            model = LogisticRegression(solver=solver, C=1.0, tol=tolerance, fit_intercept=False,
                                       max_iter=max_iter).fit(x, y)
        return model.coef_.ravel()
    return fit


def lbfgs_without_ftol(tolerance):
    """scikit-learn's objective in SciPy's L-BFGS-B without its test on the value."""
    def fit(x, y):
        loss = LinearModelLoss(base_loss=HalfBinomialLoss(), fit_intercept=False)
        # Their loss is the mean of the rows', so its penalty and its gradient are 1/n of ours.
        return scipy.optimize.minimize(
            loss.loss_gradient, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B",
            args=(x, y, None, 1.0 / len(y), int(os.environ["OMP_NUM_THREADS"])),
            options={"gtol": tolerance / len(y), "ftol": 0.0, "maxiter": 20000, "maxfun": 40000}).x
    return fit


def numpy_newton(tolerance):
    """The textbook's: whole steps, to a gradient norm."""
    def fit(x, y):
        theta = np.zeros(x.shape[1])
        for _ in range(100):
            p = scipy.special.expit(x @ theta)
            g = x.T @ (p - y) + theta
            if np.linalg.norm(g) <= tolerance:
                break
            scaled = x * np.sqrt(p * (1 - p))[:, None]
            hessian = scaled.T @ scaled  # NumPy sees a matrix times itself, and forms one half
            hessian[np.diag_indices_from(hessian)] += 1.0
            factor = scipy.linalg.cho_factor(hessian, overwrite_a=True, check_finite=False)
            theta = theta - scipy.linalg.cho_solve(factor, g)
        return theta
    return fit


# By a tolerance, each in a unit of its own.
SOLVERS = {
    "newton-cholesky": lambda tolerance: sklearn_fit("newton-cholesky", tolerance),
    "newton-cg": lambda tolerance: sklearn_fit("newton-cg", tolerance),
    "lbfgs": lambda tolerance: sklearn_fit("lbfgs", tolerance),
    "lbfgs, ftol 0": lbfgs_without_ftol,
    "NumPy Newton": numpy_newton,
}


def timed(fit, x, y):
    begin = time.perf_counter()
    theta = fit(x, y)
    return time.perf_counter() - begin, theta


def tried(solver, x, y):
    """Fits to smaller and smaller powers of ten of its tolerance: the fit, the tolerance, seconds,
    parameters."""
    for exponent in range(-4, -13, -1):
        tolerance = 10.0 ** exponent
        fit = SOLVERS[solver](tolerance)
        yield fit, tolerance, *timed(fit, x, y)
