"""Which rows of a parameter table are one simulation: one θ and one set of initial phases.

Public preparations write θ for every map, even after a shuffle or with maps dropped: there, rows of one θ are sisters.
Suites that deliberately repeat θ with other phases state it (`independent_realisations`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Digits in which two values of a table are equal: more than any table prints, fewer than arithmetic corrupts.
_DIGITS = 10


def simulations_of_rows(
    theta: NDArray[np.float64], independent: bool = False, rows_each: int | None = None
) -> NDArray[np.int64]:
    """The simulation (0 … n − 1, by first appearance) of each row of θ (n_rows, d).

    Rows of one θ are one simulation, wherever they are; `independent` makes each row a separate one. If `rows_each`
    consecutive rows are known to be one simulation, these are grouped.
    """
    if rows_each is not None:
        return np.arange(len(theta), dtype=np.int64) // rows_each
    if independent:
        return np.arange(len(theta), dtype=np.int64)
    _, first, labels = np.unique(_rounded(theta), axis=0, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(len(first))
    return place[labels.ravel()]


def blocks_of_one(theta: NDArray[np.float64], length: int) -> bool:
    """Whether every `length` consecutive rows have one θ."""
    if len(theta) % length:
        return False
    blocks = _rounded(theta).reshape(-1, length, theta.shape[1])
    return bool((blocks == blocks[:, :1]).all())


def repeated_rows(theta: NDArray[np.float64]) -> int:
    """Rows whose θ already occurs in an earlier row."""
    return len(theta) - len(np.unique(_rounded(theta), axis=0))


def _rounded(theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rounded to significant digits, and −0 to 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (_DIGITS - 1 - np.floor(np.log10(np.abs(theta))))
        rounded = np.where(theta == 0.0, 0.0, np.rint(theta * scale) / scale)
    return np.where(np.isfinite(rounded), rounded, theta)
