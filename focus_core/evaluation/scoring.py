"""From summaries of simulations to numbers with an error and a floor, and from those to verdicts.

The error is the scatter of the number when simulations are resampled with replacement. The floor is the score of a
perfect emulator: its maps scatter about the expectation from the simulations as the simulations do themselves, and
that expectation has an error of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from focus_core.errors import UserError
from focus_core.evaluation.expectation import Expected
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.spread import resampled
from focus_core.statistics.verdict import Judgement, judge

# A standard error from so many resamples is accurate to 4 %.
RESAMPLES = 300
LEAST_SIMULATIONS = 2
# If the floor is only the scatter of pairs, fewer pairs do not determine it well enough.
LEAST_PAIRS = 4

# (…, q) of generated maps and (…, q) expected → (…, k)
Functional = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class Numbers:
    """k numbers of one kind, (k,) each. `left_out` (n, k) are the same without each of the n simulations in turn."""

    value: FloatArray
    error: FloatArray
    floor: FloatArray
    left_out: FloatArray | None = None


@dataclass(frozen=True)
class Entry:
    """One number of a statistic; one that is only shown does not count in its verdict.

    `left_out` (n,) is the number without each simulation in turn, which gives the error it shares with other numbers.
    """

    label: str
    judgement: Judgement
    judged: bool = True
    left_out: FloatArray | None = None


@dataclass(frozen=True)
class Curve:
    """Data of a figure: generated and simulated values against an axis, with standard errors of their means."""

    title: str
    axis: FloatArray
    axis_title: str
    unit: str
    generated: FloatArray
    generated_error: FloatArray
    simulated: FloatArray
    simulated_error: FloatArray
    logarithmic: bool = False
    scatter: FloatArray | None = None  # of single simulations, relative: cosmic variance


@dataclass(frozen=True)
class Outcome:
    """The result of one statistic. `note` says what was left out or substituted."""

    entries: tuple[Entry, ...]
    curves: tuple[Curve, ...] = ()
    note: str = ""
    matrices: dict[str, FloatArray] = field(default_factory=dict)

    def shown_only(self) -> Outcome:
        return replace(self, entries=tuple(replace(entry, judged=False) for entry in self.entries))


def score(
    generated: FloatArray, expected: Expected, functional: Functional, ideal: float, rng: np.random.Generator
) -> Numbers:
    """A functional of the mean over simulations of `generated` (n, q) and of its expectation."""
    n = len(generated)
    check_simulations(n, LEAST_SIMULATIONS if expected.residual is not None else LEAST_PAIRS)
    value = functional(generated.mean(axis=0), expected.at.mean(axis=0))
    share = draws(n, rng) / n
    drawn = functional(share @ generated, share @ expected.at)
    error = spread_of(drawn, n)
    floor = error if expected.residual is None else _floor(expected, functional, ideal, rng)
    others = others_of(n)
    left_out = functional(others @ generated, others @ expected.at)
    return Numbers(np.atleast_1d(value), np.atleast_1d(error), np.atleast_1d(floor), left_out)


def others_of(n: int) -> FloatArray:
    """(n, n): the mean over all simulations but one, for each in turn; if there is only one, of that one."""
    return np.asarray((1.0 - np.eye(n)) / (n - 1)) if n > 1 else np.ones((1, 1))


def draws(n: int, rng: np.random.Generator) -> FloatArray:
    """Number of times that each of n simulations was drawn, (RESAMPLES, n)."""
    return np.stack([np.bincount(row, minlength=n) for row in resampled(n, rng, RESAMPLES)]).astype(np.float64)


def spread_of(drawn: FloatArray, n: int) -> FloatArray:
    """Standard error from resampled values (R, k), with the factor √(n/(n − 1)) that the bootstrap lacks."""
    return np.asarray(drawn.std(axis=0, ddof=1)) * np.sqrt(n / (n - 1))


def check_simulations(n: int, least: int) -> None:
    if n < least:
        raise UserError(
            f"the maps are of {n} simulation{'' if n == 1 else 's'}; an error over simulations needs {least} or more."
        )


def entries_of(
    labels: Sequence[str],
    numbers: Numbers,
    levels: ArrayLike,
    ideal: float,
    n: int,
    judged: Sequence[bool] | None = None,
) -> tuple[Entry, ...]:
    """Entries with the verdict of each number."""
    level = np.broadcast_to(np.asarray(levels, dtype=np.float64), (len(labels),))
    counts = judged if judged is not None else [True] * len(labels)
    return tuple(
        Entry(label, judge(float(v), float(e), float(f), float(x), ideal, n), bool(j), _column(numbers.left_out, i))
        for i, (label, v, e, f, x, j) in enumerate(
            zip(labels, numbers.value, numbers.error, numbers.floor, level, counts, strict=True)
        )
    )


def _column(values: FloatArray | None, i: int) -> FloatArray | None:
    return None if values is None else values[:, i]


def _floor(expected: Expected, functional: Functional, ideal: float, rng: np.random.Generator) -> FloatArray:
    """Root mean square deviation from the ideal of a perfect emulator's scores."""
    n, residual = len(expected.at), expected.residual
    assert residual is not None
    scores = []
    for i, chosen in enumerate(rng.integers(len(residual), size=(RESAMPLES, n))):
        perfect = expected.at * residual[chosen] if expected.positive else expected.at + residual[chosen]
        truth = expected.refits[i % len(expected.refits)]
        scores.append(functional(perfect.mean(axis=0), truth))
    return np.asarray(np.sqrt(np.mean(np.square(np.stack(scores) - ideal), axis=0)))
