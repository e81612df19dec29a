"""What several rounds found: the middle, the least and the most, of figures and of ratios.

Ratios are formed within a round, since what shares a round shares the machine's mood.
"""
import statistics


def over_rounds(values):
    values = list(values)
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def ratio(these, those):
    """Of these over those, round by round; who was left out of later rounds has fewer."""
    return over_rounds(a / b for a, b in zip(these, those))


def spread(values):
    return (max(values) - min(values)) / statistics.median(values)


def figure(value):
    """Three digits, or all before the point."""
    if abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.{max(0, 3 - len(str(int(abs(value)))))}f}"


def times(found):
    """13.0 x (12.1 to 13.8)"""
    return f"{figure(found['median'])} x ({figure(found['least'])} to {figure(found['most'])})"
