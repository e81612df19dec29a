#!/usr/bin/env python3
"""Writes gaussian_reference.txt: the Gaussian mechanism to 60 digits and more, by mpmath.

Two kinds of lines, all numbers in hexadecimal. "up" and "down" are the doubles next to the reference
on that side, so that "never under, and so much over" is a comparison of doubles.

    calibrate epsilon delta mu_down epsilon_up     mu(epsilon, delta); epsilon(delta; mu_down)
    curve     epsilon mu delta_up log_delta_up     delta(epsilon; mu) and its logarithm

Usage: generate_gaussian_reference.py > gaussian_reference.txt     (mpmath 1.2 or newer; some minutes)
"""
import math
import random

from mpmath import mp, mpf

SMALLEST = 5e-324


def tail(x):
    return mp.erfc(x / mp.sqrt(2)) / 2


def delta(epsilon, mu):
    """With 60 digits left after the tails are subtracted and their arguments squared."""
    epsilon, mu = mpf(epsilon), mpf(mu)
    b = epsilon / mu + mu / 2
    lost = 2 * max(0, math.log10(float(b) + 1)) + max(0, -math.log10(float(mu)))
    with mp.workdps(70 + int(2 * lost)):
        return tail(epsilon / mu - mu / 2) - mp.exp(epsilon) * tail(epsilon / mu + mu / 2)


def solve(function, slope, x):
    """A root by Newton's method in ln x, from an x near it."""
    with mp.workdps(75):
        x = mp.log(mpf(x))
        for _ in range(60):
            step = function(mp.exp(x)) / slope(mp.exp(x))
            x -= step
            if abs(step) < mpf(10) ** -62:
                return mp.exp(x)
    raise RuntimeError("no convergence")


def log_delta(epsilon, mu):
    return mp.log(delta(epsilon, mu))


def bisect(function, low, high):
    """An x with function(x) = 0 to a few digits: function rises, in doubles, on a log scale."""
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return low


def mu_of(epsilon, target):
    """d ln delta / d ln mu = mu phi(epsilon/mu - mu/2) / delta."""
    def slope(mu):
        a = epsilon / mu - mu / 2
        return mu * mp.npdf(a) / delta(epsilon, mu)
    log_target = mp.log(mpf(target))
    with mp.workdps(20):
        start = bisect(lambda mu: float(log_delta(epsilon, mu) - log_target), 1e-7, 1e3)
    return solve(lambda mu: log_delta(epsilon, mu) - log_target, slope, start)


def epsilon_of(target, mu, start):
    """d ln delta / d ln epsilon = -epsilon e^epsilon Phi(-epsilon/mu - mu/2) / delta."""
    mu = mpf(mu)
    log_target = mp.log(mpf(target))

    def slope(epsilon):
        return -epsilon * mp.exp(epsilon) * tail(epsilon / mu + mu / 2) / delta(epsilon, mu)
    return solve(lambda epsilon: log_delta(epsilon, mu) - log_target, slope, start)


def up(x):
    double = float(x)
    while mpf(double) < x:
        double = math.nextafter(double, math.inf)
    while mpf(math.nextafter(double, -math.inf)) >= x:
        double = math.nextafter(double, -math.inf)
    return max(double, SMALLEST) if x > 0 else double


def down(x):
    return -up(-x)


def line(kind, *numbers):
    print(kind, *(float(x).hex() for x in numbers))


def calibrate(epsilon, target):
    mu = down(mu_of(mpf(epsilon), target))
    line("calibrate", epsilon, target, mu, up(epsilon_of(target, mu, epsilon)))


def curve(epsilon, mu):
    value = delta(epsilon, mu)
    line("curve", epsilon, mu, up(value), up(mp.log(value)))


def main():
    mp.dps = 75
    random.seed(20220404)

    def log_uniform(low, high):
        return math.exp(random.uniform(math.log(low), math.log(high)))
    for epsilon in (1e-4, 1e-3, 0.01, 0.1, 0.5, 1.0, 3.0, 8.0, 100.0, 1e4):  # corners and edges
        for target in (1e-30, 1e-20, 1e-12, 1e-9, 1e-6, 1e-5, 1e-3, 0.1, 0.3, 0.5):
            calibrate(epsilon, target)
    for _ in range(1400):
        calibrate(log_uniform(1e-4, 1e4), log_uniform(1e-30, 0.5))
    for epsilon in (0.0, 1e-12, 1e-8, 1e-4, 1.0, 30.0, 1e4):
        for mu in (1e-8, 1e-6, 1e-4, 0.01, 0.05, 1.0, 5.0, 37.0, 40.0, 141.0, 1000.0):
            curve(epsilon, mu)
    curve(800.0, 40.0)
    for _ in range(800):  # anything
        curve(log_uniform(1e-10, 1e4), log_uniform(1e-8, 1e3))
    for _ in range(700):  # where both tails count: delta neither vanishes nor is 1
        mu = log_uniform(1e-8, 1e2)
        curve(mu * log_uniform(1e-3, 30) if random.random() < 0.8 else mu * mu / 2 * random.uniform(0.9, 1.1), mu)


if __name__ == "__main__":
    main()
