# SPDX-License-Identifier: Apache-2.0
"""What the verbs return: small objects that nobody changes, with the command's JSON inside."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrays import Floats


def frozen(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy that nobody can make writable: of an array of one's own ``setflags`` can."""
    shown = np.frombuffer(values.tobytes(), dtype=values.dtype)
    return shown.reshape(values.shape)


def _unchanging(value: Any) -> Any:
    """The same with tuples for lists, which nobody can change."""
    return tuple(map(_unchanging, value)) if isinstance(value, (list, tuple)) else value


class Frozen:
    """Arrays are read-only after pickle and deepcopy too, which make them anew."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self.__dict__[name] = frozen(value) if isinstance(value, np.ndarray) else value


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, repr=False, eq=False)
class Result(Frozen):
    """Base of all results."""

    _json: str | _core.LateJson = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that the command prints, as a dictionary of its own.

        Returns
        -------
        dict
        """
        return cast("dict[str, Any]", json.loads(self._text()))

    def _text(self) -> str:
        return self._json if isinstance(self._json, str) else self._json.text()

    def __getstate__(self) -> dict[str, Any]:
        """The core's object, which is neither pickled nor copied, as its text."""
        return {**self.__dict__, "_json": self._text()}

    def _lines(self) -> dict[str, object]:
        """What a person wants to see first, by name."""
        raise NotImplementedError

    def __repr__(self) -> str:
        lines = [f"  {name}: {_number(value)}" for name, value in self._lines().items()]
        return "\n".join([type(self).__name__, *lines])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(_number(value))}</td></tr>"
                       for name, value in self._lines().items())
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"


class _RowNumbers:
    """Lets a result stand for its values where an array is wanted."""

    values: Floats

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy:
            return np.array(self.values, dtype=dtype)
        return np.asarray(self.values, dtype=dtype)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, repr=False, eq=False)
class Influence(_RowNumbers, Result):
    """What each training row does to a metric; see :func:`recant.influence`."""

    values: Floats  #: n, in the order of the training rows

    @property
    def metric(self) -> str:
        """As asked for."""
        return str(self.to_dict()["metric"])

    @property
    def metric_value(self) -> float:
        """On the validation rows, at the model."""
        return float(self.to_dict()["metric_value"])

    @property
    def group(self) -> str | None:
        """Whose gap it is, for gaps: that group minus the rest."""
        return cast("str | None", self.to_dict()["group"])

    def _lines(self) -> dict[str, object]:
        d = self.to_dict()
        return {"metric": d["metric"], "metric value": d["metric_value"], "rows": d["count"],
                "sum": d["sum"], "norm": d["norm2"],
                "most": f"{d['max']:+.4g} (row {d['argmax']})",
                "least": f"{d['min']:+.4g} (row {d['argmin']})"}


@dataclass(frozen=True, repr=False, eq=False)
class Values(_RowNumbers, Result):
    """What each training row is worth; see :mod:`recant.values`."""

    values: Floats  #: n, in the order of the training rows
    standard_errors: Floats | None  #: n, or None where the values are exact

    def _lines(self) -> dict[str, object]:
        d = self.to_dict()
        lines = {"method": d["method"], "of": d["utility"], "rows": d["count"], "sum": d["sum"],
                 "highest": f"{d['max']:+.4g} (row {d['argmax']})",
                 "lowest": f"{d['min']:+.4g} (row {d['argmin']})"}
        if d["standard_error_max"] is not None:
            lines["largest standard error"] = d["standard_error_max"]
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Result):
    """Utility, fairness and robustness of a model on rows; see :func:`recant.evaluate`."""

    @property
    def metrics(self) -> dict[str, Any]:
        """Every metric by name; None where the loss or the rows have no such metric."""
        return cast("dict[str, Any]", self.to_dict()["metrics"])

    def _lines(self) -> dict[str, object]:
        shown = {name: value for name, value in self.metrics.items()
                 if value is not None and name not in ("groups", "privileged")}
        return {"rows": self.to_dict()["rows"], **shown}


@dataclass(frozen=True, repr=False, eq=False)
class FitResult(Result):
    """How a fit ended, and what the model is like on its training rows."""

    def _lines(self) -> dict[str, object]:
        d = self.to_dict()
        return {name: d[name] for name in ("rows", "features", "loss_kind", "l2", "loss",
                                           "gradient_norm", "iterations", "converged")}


@dataclass(frozen=True, repr=False, eq=False)
class Adoption(Result):
    """How far a model from elsewhere was from the optimum; see :func:`recant.adopt`.

    ``before`` is at the coefficients that were found, ``after`` at those that polishing made of
    them. ``distance_bound`` is the gradient norm over lambda: but for the rounding of the
    gradient no optimum is further away.
    """

    notes: tuple[str, ...] = ()  #: where the two objectives differ

    @property
    def before(self) -> dict[str, float]:
        """gradient_norm, gradient_tolerance, distance_bound, distance, relative_distance, excess_loss."""
        return cast("dict[str, float]", self.to_dict()["before"])

    @property
    def after(self) -> dict[str, float]:
        """gradient_norm, gradient_tolerance, distance_bound."""
        return cast("dict[str, float]", self.to_dict()["after"])

    @property
    def distance(self) -> float:
        """Euclidean, between the coefficients found and those polished."""
        return float(self.before["distance"])

    def _lines(self) -> dict[str, object]:
        b, a = self.before, self.after
        lines: dict[str, object] = {
            "gradient norm": f"{b['gradient_norm']:.4g} before, {a['gradient_norm']:.4g} after",
            "moved by": f"{b['distance']:.4g} ({b['relative_distance']:.2g} of the coefficients)",
            "loss above the optimum": b["excess_loss"]}
        for number, note in enumerate(self.notes):
            lines[f"note {number + 1}"] = note
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class Correction(Result):
    """Row weights that close a gap, and what they did; see ``LogisticRegression.correct``.

    ``before`` and ``after`` hold the metrics of each split (``train``, ``validation``, ``test``);
    the validation rows are those that the weights were chosen on, the test rows those to believe.
    """

    weights: Floats  #: n, the new weight of every training row: any trainer's ``sample_weight``
    delta: Floats  #: n, the change of weight
    applied: bool  #: False: nothing fits what was asked, the model is as before; see ``stop``

    @property
    def before(self) -> dict[str, Any]:
        """Metrics by split, at the model before."""
        return {split: each["metrics"] for split, each in self.to_dict()["before"].items()}

    @property
    def after(self) -> dict[str, Any]:
        """Metrics by split, at the corrected model."""
        return {split: each["metrics"] for split, each in self.to_dict()["after"].items()}

    @property
    def predicted_change(self) -> dict[str, float]:
        """What the linearisations promised of every metric, on validation."""
        return cast("dict[str, float]", self.to_dict()["predicted_change"])

    @property
    def actual_change(self) -> dict[str, float]:
        """What measuring found, on validation."""
        return cast("dict[str, float]", self.to_dict()["actual_change"])

    @property
    def stop(self) -> str:
        """Why it ended: target, rounds, utility_price, no_step_helps, bounds, no_gap, update_failed."""
        return str(self.to_dict()["stop"])

    @property
    def rounds(self) -> int:
        """Steps that were taken."""
        return int(self.to_dict()["rounds"])

    @property
    def level(self) -> str | None:
        """"exact": the optimum of the new weights; "heuristic": one step towards it."""
        return cast("str | None", self.to_dict()["level"])

    def _lines(self) -> dict[str, object]:
        d = self.to_dict()
        lines: dict[str, object] = {"stop": d["stop"], "rounds": d["rounds"], "level": d["level"]}
        for goal in d["goals"]:
            for split in ("validation", "test"):
                if split in goal:
                    each = goal[split]
                    lines[f"{goal['metric']}, {split}"] = (
                        f"{each['actual_change']:+.4f} ({each['predicted_change']:+.4f} predicted)")
        for name in ("log_loss_mean", "accuracy"):
            was, now = self.before["validation"][name], self.after["validation"][name]
            if was is not None:
                lines[f"{name}, validation"] = f"{was:.4f} -> {now:.4f}"
        w = d["weights"]
        lines["rows changed"] = f"{w['nonzero']}, by {w['min']:+.3f} to {w['max']:+.3f}"
        if not self.applied:
            lines["applied"] = "no: the model is as before"
        return lines

    def plot(self, ax: Any = None) -> Any:
        """Draws every gap before and after, by split. Needs matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure without it.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            Where matplotlib is not installed.

        References
        ----------
        docs/mathematics.md, section 3: the gaps.
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.figure().add_subplot()
        gaps = ("demographic_parity", "equal_opportunity", "equal_opportunity_loss")
        labels, before, after = [], [], []
        for split in self.before:
            for gap in gaps:
                was, now = self.before[split][gap], self.after[split][gap]
                if isinstance(was, float) and isinstance(now, float):
                    labels.append(f"{gap}\n{split}")
                    before.append(was)
                    after.append(now)
        place = np.arange(len(labels))
        ax.barh(place - 0.2, before, 0.4, label="before")
        ax.barh(place + 0.2, after, 0.4, label="after")
        ax.set_yticks(place, labels)
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_xlabel("gap")
        ax.legend()
        return ax


@dataclass(frozen=True, repr=False, eq=False)
class Audit(Result):
    """What became of a deletion: the model beside the one trained again without the rows."""

    @property
    def distance(self) -> float:
        """Euclidean, to the model trained again on the rows that count."""
        return float(self.to_dict()["retraining"]["distance"])

    @property
    def distance_interval(self) -> tuple[float, float]:
        """Where the true distance lies, as the retraining is exact to its tolerance only."""
        low, high = self.to_dict()["retraining"]["distance_interval"]
        return float(low), float(high)

    @property
    def verdict(self) -> str:
        """Of the claimed bound: holds, broken, undecided or not_claimed."""
        return str(self.to_dict()["retraining"]["verdict"])

    @property
    def sentences(self) -> list[str]:
        """One a finding, to be quoted."""
        return cast("list[str]", self.to_dict()["sentences"])

    def _lines(self) -> dict[str, object]:
        return {"deleted rows": self.to_dict()["deleted_rows"], "distance to retraining": self.distance,
                "bound": self.verdict,
                **{f"finding {k + 1}": text for k, text in enumerate(self.sentences)}}


@dataclass(frozen=True, repr=False, eq=False)
class Deletion(Result):
    """What came of a deletion; see ``LogisticRegression.forget`` and :meth:`recant.Vault.forget`.

    Bounds are for the operator: what may be shown of a deletion is its certificate.
    """

    _owner: Any = field(repr=False)  #: an estimator, or the vault
    audit: Audit | None = None  #: with ``audit=True``: the true distance to retraining

    def __init__(self, _json: str | _core.LateJson, _owner: Any, audit: Audit | None = None) -> None:
        # As the generated one does, but for a detour by attribute that is felt after a deletion on disk.
        self.__dict__.update(_json=_json, _owner=_owner, audit=audit)

    @property
    def model(self) -> Any:
        """The estimator without the rows; of a vault as it is now, further deletions included."""
        return getattr(self._owner, "estimator", self._owner)

    @property
    def done(self) -> bool:
        """Whether the rows are out of the model; else ``state`` and ``reason`` say why not."""
        return self.state in ("applied", "certified")

    @property
    def state(self) -> str:
        """``certified`` (on disk) or ``applied`` (in memory); or rejected, already_erased, not_found."""
        return str(self.to_dict()["state"])

    @property
    def reason(self) -> str | None:
        """Of a no: budget_spent, budget_spent_needs_retraining, last_of_class, above_allowance and others."""
        return cast("str | None", self.to_dict()["reason"])

    @property
    def rows(self) -> int:
        """How many were asked for."""
        return int(self.to_dict()["rows"])

    @property
    def level(self) -> str | None:
        """``certified`` under a budget, ``exact`` after retraining, else ``heuristic``."""
        return cast("str | None", self.to_dict()["level"])

    @property
    def bound(self) -> float | None:
        """No model trained without the rows is further away; None where no bound is known."""
        return cast("float | None", self.to_dict()["bound"]["distance"])

    @property
    def tier(self) -> str | None:
        """How closely the model was looked at for the bound: 0, 1, 2 or retrain."""
        return cast("str | None", self.to_dict()["tier"])

    @property
    def terms(self) -> dict[str, float]:
        """Every term of the bound, by its name in docs/mathematics.md, section 5.3."""
        return cast("dict[str, float]", self.to_dict()["bound"]["terms"])

    @property
    def distance(self) -> float | None:
        """The distance to training again without the rows, where ``audit=True`` measured it."""
        return None if self.audit is None else self.audit.distance

    @property
    def epsilon(self) -> float | None:
        """Of the budget; None without one: then no epsilon is promised."""
        return cast("float | None", self.to_dict()["epsilon"])

    @property
    def delta(self) -> float | None:
        """Of the budget; None without one."""
        return cast("float | None", self.to_dict()["delta"])

    @property
    def certificate(self) -> str | None:
        """Path of the certificate; None in memory."""
        return cast("str | None", self.to_dict()["certificate"])

    def _lines(self) -> dict[str, object]:
        d = self.to_dict()
        if not self.done:
            return {"done": "no: the model is as before", "rows": d["rows"], "state": d["state"],
                    "reason": d["reason"]}
        lines: dict[str, object] = {
            "rows": d["rows"], "level": d["level"],
            "promise": (f"epsilon {d['epsilon']:g}, delta {d['delta']:g} over all releases"
                        if d["epsilon"] is not None else "no epsilon and delta"),
            "bound on the distance to retraining": self.bound, "tier": d["tier"],
            **{f"  {name}": value for name, value in self.terms.items()}, "moved by": d["step_norm"]}
        if d["difference"] is not None:
            lines["  of the step that differences are protected up to"] = f"{d['difference']['share']:.1%}"
        if d["alpha"] is not None:
            lines["alpha"] = d["alpha"]
        if self.audit is not None:
            lines["distance to retraining, measured"] = self.audit.distance
        if d["sequence"] is not None:
            lines["releases left"] = d["sequence"]["releases_left"]
        if d["certificate"] is not None:
            lines["certificate"] = d["certificate"]
        for number, text in enumerate(d["assumptions"]):
            lines[f"assumption {number + 1}"] = text
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class Deletions(Result):
    """What came of the requests of a batch, in their order; see :meth:`recant.Vault.forget_requests`."""

    _owner: Any = field(repr=False)

    def _all(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.to_dict()["deletions"])

    def _each(self, reports: list[dict[str, Any]]) -> Iterator[Deletion]:
        """As the command tells of one alone."""
        head = {"schema": "recant.deletion/1", "version": self.to_dict()["version"]}
        for report in reports:
            yield Deletion(json.dumps({**head, **report}), self._owner)

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, number: int) -> Deletion:
        return next(self._each([self._all()[number]]))

    def __iter__(self) -> Iterator[Deletion]:
        return self._each(self._all())

    @property
    def done(self) -> bool:
        """Whether all of them are."""
        return all(each["state"] == "certified" for each in self._all())

    def _lines(self) -> dict[str, object]:
        found = self._all()
        lines: dict[str, object] = {"requests": len(found)}
        states = [each["reason"] or each["state"] for each in found]
        lines.update((state, states.count(state)) for state in dict.fromkeys(states))
        lines["rows"] = sum(each["rows"] for each in found if each["state"] == "certified")
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Result):
    """Soft weights and deletion of rows under every update; see :func:`recant.compare`."""

    @property
    def models(self) -> list[dict[str, Any]]:
        """Nine, the one that was there first: ``scheme``, ``update``, and figures by split."""
        return cast("list[dict[str, Any]]", self.to_dict()["models"])

    @property
    def target_gap(self) -> float:
        """The size that the validation gap had to come down to."""
        return float(self.to_dict()["target_gap"])

    def _lines(self) -> dict[str, object]:
        lines: dict[str, object] = {"target gap, validation": self.target_gap}
        for model in self.models:
            of = model["test"]
            interval = "too few rows for an interval"
            if not of["gap_too_few_rows"]:
                interval = "{:+.4f} .. {:+.4f}".format(*of["gap_interval"])
            accuracy = "" if of["accuracy"] is None else f", accuracy {of['accuracy']:.4f}"
            lines[" ".join(filter(None, (model["scheme"], model["update"]))) + ", test"] = (
                f"gap {of['gap']:+.4f} ({interval}), loss {of['log_loss_mean']:.4f}{accuracy}")
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class Status(Result):
    """Requests, releases and budget of a model on disk; see :meth:`recant.Vault.status`."""

    @property
    def rows_left(self) -> int:
        """How many rows were not erased."""
        return int(self.to_dict()["rows_left"])

    @property
    def budget(self) -> dict[str, Any] | None:
        """What was promised and what of it is used; None without a budget."""
        return cast("dict[str, Any] | None", self.to_dict()["budget"])

    @property
    def fault(self) -> str | None:
        """With ``check``: the first thing that does not fit; None if everything does."""
        check = self.to_dict()["check"]
        return None if check is None else cast("str | None", check["fault"])

    def _lines(self) -> dict[str, object]:
        d = self.to_dict()
        lines: dict[str, object] = {"rows left": f"{d['rows_left']} of {d['rows']}"}
        if d["ledger"] is not None:
            lines["requests"] = ", ".join(
                f"{count} {state}" for state, count in d["ledger"]["requests"].items() if count) or "none"
        budget = d["budget"]
        lines["budget"] = "none: no epsilon and delta" if budget is None else (
            f"epsilon {budget['epsilon']:g}, delta {budget['delta']:g}; {budget['releases_left']} of "
            f"{budget['releases']} releases left, then {budget['on_budget_spent']}")
        if d["unfinished"] is not None:
            lines["unfinished"] = d["unfinished"]
        if d["check"] is not None:
            lines["check"] = d["check"]["fault"] or f"{len(d['check']['checked'])} things fit"
        return lines


@dataclass(frozen=True, repr=False, eq=False)
class Verification(Result):
    """What the checks of a certificate found; see :func:`recant.certificate.verify`."""

    @property
    def damaged(self) -> bool:
        """A check failed."""
        return bool(self.to_dict()["outcome"] == "damaged")

    @property
    def complete(self) -> bool:
        """No check failed, and none was left out for want of a file."""
        return bool(self.to_dict()["complete"])

    def _lines(self) -> dict[str, object]:
        d = self.to_dict()
        return {"outcome": d["outcome"], "complete": d["complete"],
                **{check["name"]: f"{check['state']}: {check['detail']}" for check in d["checks"]}}


@dataclass(frozen=True, repr=False, eq=False)
class Weights(Frozen):
    """A change of row weights; see :func:`recant.soft_weights`, :func:`recant.hard_weights`."""

    delta: Floats  #: n
    _facts: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_facts", {name: _unchanging(value)
                                            for name, value in self._facts.items()})

    def to_dict(self) -> dict[str, Any]:
        """Everything but ``delta``, as a dictionary of its own.

        Returns
        -------
        dict
        """
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in self._facts.items()}

    def __getitem__(self, name: str) -> Any:
        return self._facts[name]

    def __repr__(self) -> str:
        lines = [f"  {name}: {_number(value)}" for name, value in self._facts.items()
                 if name != "rows"]
        return "\n".join([f"{type(self).__name__} of {len(self.delta)} rows", *lines])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


@dataclass(frozen=True, repr=False, eq=False)
class SoftWeights(Weights):
    """A small change of every weight."""


@dataclass(frozen=True, repr=False, eq=False)
class HardWeights(Weights):
    """Rows that are to go."""

    @property
    def rows(self) -> list[int]:
        """Positions of the rows, in the order of deletion."""
        return list(self._facts["rows"])
