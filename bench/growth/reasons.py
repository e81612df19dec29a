"""Why an exponent is not the expected one, as far as the figures of its axis show it.

Each reason takes something out of what was measured and stands only where the exponent of what is
left is within MISS of the expected one. Exponents are over the larger half of the axis.
"""
import math

MISS = 0.3
FIT = 0.1  # largest relative residual of a constant and a power
FLAT = 1.5  # most over least of what hardly grows


def larger_half(xs):
    return len(xs) // 2 if len(xs) > 3 else 0


def line(points):
    """Slope of a straight line, by least squares."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return (sum((x - mean_x) * (y - mean_y) for x, y in points)
            / sum((x - mean_x) ** 2 for x, _ in points))


def slope(xs, ys):
    """Of the logarithms; nothing where there are not two values above 0."""
    half = larger_half(xs)
    points = [(math.log(x), math.log(y)) for x, y in zip(xs[half:], ys[half:]) if y > 0]
    return line(points) if len(points) > 1 else None


def near(found, expected):
    return found is not None and abs(found - expected) <= MISS


def passes(xs, runs, expected):
    """The fit does not take the same number of passes along the axis."""
    if "passes" not in runs[0]:
        return None
    left = slope(xs, [run["least_seconds"] / run["passes"] for run in runs])
    first, last = (runs[at]["passes"] for at in (larger_half(xs), -1))
    return f"{first} to {last} passes; for each {left:.2f}" if near(left, expected) else None


def rate(xs, runs, expected):
    """What lies in a cache is read faster than memory, and two threads do not read twice as fast as
    one. With the passes, where it takes both."""
    def left_with(count):
        return slope(xs, [run["least_seconds"] * run["bytes_per_second"] * runs[0]["threads"]
                          / run["threads"] / count(run) for run in runs])

    first, last = (runs[at]["bytes_per_second"] / 1e9 for at in (larger_half(xs), -1))
    read = f"rows are read at {first:.0f} GB/s, at the end at {last:.0f}"
    if near(left_with(lambda run: 1), expected):
        return f"{read}; at one rate a thread {left_with(lambda run: 1):.2f}"
    if "passes" not in runs[0] or not near(left_with(lambda run: run["passes"]), expected):
        return None
    first, last = (runs[at]["passes"] for at in (larger_half(xs), -1))
    return (f"{read}, in {first} to {last} passes; for each at one rate a thread "
            f"{left_with(lambda run: run['passes']):.2f}")


def floor(xs, runs, expected):
    """What the machine could do at best does not grow as expected either."""
    at_best = slope(xs, [run["floor"] for run in runs])
    over = slope(xs, [run["least_seconds"] / run["floor"] for run in runs])
    return f"its floor has {at_best:.2f}" if near(over, 0) and not near(at_best, expected) else None


def parts(xs, runs, expected):
    """One part grows as expected, others do not, and it is not yet nearly all."""
    if "parts" not in runs[0]:
        return None
    name, longest = max(runs[-1]["parts"].items(), key=lambda part: part[1])
    found = slope(xs, [run["parts"][name] for run in runs])
    if not near(found, expected):
        return None
    shares = [f"{run['parts'][name] / sum(run['parts'].values()):.0%}"
              for run in (runs[larger_half(xs)], runs[-1])]
    return f"{name} alone {found:.2f}, {shares[0]} to {shares[1]} of the seconds"


def constant(xs, ys, expected, figure):
    """A part that does not grow is all that is seen, or stands beside one that grows as expected:
    c + b x^e."""
    half = larger_half(xs)
    xs, ys = xs[half:], ys[half:]
    if len(xs) < 3 or expected <= 0:
        return None
    if max(ys) <= FLAT * min(ys):
        return f"{figure(min(ys))} to {figure(max(ys))}, what grows is not seen yet"
    powers = [x ** expected for x in xs]
    b = line(list(zip(powers, ys)))
    c = (sum(ys) - b * sum(powers)) / len(powers)
    if not (c > 0 and b > 0 and all(abs(c + b * power - y) <= FIT * y for power, y in zip(powers, ys))):
        return None
    return f"{figure(c)} that do not grow, and a part with {expected}"


def last_two(xs, ys, expected):
    """Smaller parts fade: the exponent of the last two values is as expected."""
    if len(xs) < 4 or min(ys[-2:]) <= 0:
        return None
    found = math.log(ys[-1] / ys[-2]) / math.log(xs[-1] / xs[-2])
    return f"between the last two {found:.2f}" if near(found, expected) else None


def missed(xs, runs, key, expected):
    """Why `key` misses the expected exponent, or that the figures do not show it; nothing where it
    does not miss, or nothing is expected."""
    ys = [run[key] for run in runs]
    if expected is None or near(slope(xs, ys), expected):
        return None
    if key == "least_seconds":
        for reason in (passes, rate, floor, parts):
            found = reason(xs, runs, expected)
            if found:
                return found
    def figure(value):
        return f"{1e3 * value:.3g} ms" if key == "least_seconds" else f"{value / 1e6:.2g} MB"

    return (constant(xs, ys, expected, figure) or last_two(xs, ys, expected)
            or "these figures do not show why")
