"""Train, validation and test are sets of simulations: sister maps of one simulation are never separated.

A split names rows of the parameter table. If the table repeats θ for sister maps, all rows of a simulation stay
together.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focus_core.data.simulations import blocks_of_one
from focus_core.errors import UserError


@dataclass(frozen=True)
class Split:
    """Sorted 0-based rows of the parameter table in each part; together they are every row, once."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    seed: int
    train_split: float

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @property
    def n_rows(self) -> int:
        return len(self.train) + len(self.validation) + len(self.test)

    @classmethod
    def from_json(cls, text: str) -> Split:
        """ValueError, KeyError or TypeError if the text is not what `to_json` writes."""
        plain: dict[str, Any] = json.loads(text)
        parts = {part: tuple(int(i) for i in plain[part]) for part in ("train", "validation", "test")}
        return cls(**parts, seed=int(plain["seed"]), train_split=float(plain["train_split"]))


def read_split(path: Path) -> Split | None:
    """The split that a run has recorded, None if there is none yet. UserError if the file is damaged."""
    try:
        split = Split.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is damaged ({error}); restore it, or start anew with --fresh.") from error
    if sorted((*split.train, *split.validation, *split.test)) != list(range(split.n_rows)):
        raise UserError(
            f"{path}: does not name every row of the table once; restore the file, or start anew with --fresh."
        )
    return split


# Rows of one θ are sisters unless declared otherwise.
_ONE_THETA = (
    "; rows of one θ count as one, unless data.independent_realisations: true says that they are boxes of other phases."
)


def split_simulations(n: int, train_split: float, seed: int) -> Split:
    """A seeded permutation of n simulations: round(train_split·n) train, the rest is halved.

    Validation gets the odd one, so that a single remaining one is for validation. UserError if training or validation
    would be empty.
    """
    n_train = round(train_split * n)
    n_validation = (n - n_train + 1) // 2
    if n_train < 1 or n_validation < 1:
        empty = "training" if n_train < 1 else "validation"
        raise UserError(
            f"data.train_split: {train_split:g} of {n} simulations leaves none for {empty}; "
            f"change it, or take a dataset of more simulations{_ONE_THETA if n == 1 else '.'}"
        )
    order = np.random.default_rng(seed).permutation(n)
    parts = np.split(order, [n_train, n_train + n_validation])
    train, validation, test = (tuple(sorted(int(i) for i in part)) for part in parts)
    return Split(train, validation, test, seed, float(train_split))


def split_rows(simulation: NDArray[np.int64], train_split: float, seed: int) -> Split:
    """A split of the rows (n_rows,) of these simulations, which are never separated; shares are of simulations."""
    n = int(simulation.max()) + 1
    chosen = split_simulations(n, train_split, seed)
    if len(simulation) == n:
        return chosen
    parts = (np.flatnonzero(np.isin(simulation, part)) for part in (chosen.train, chosen.validation, chosen.test))
    train, validation, test = (tuple(part.tolist()) for part in parts)
    return Split(train, validation, test, chosen.seed, chosen.train_split)


def rows_of_older_split(split: Split, theta: NDArray[np.float64]) -> Split | None:
    """A split that counts runs of equal rows, as earlier versions did, in rows of θ (n_rows, d); otherwise None."""
    length, rest = divmod(len(theta), split.n_rows)
    if rest or length < 2 or not blocks_of_one(theta, length):
        return None
    rows = np.arange(len(theta)).reshape(-1, length)
    train, validation, test = (
        tuple(rows[list(part)].ravel().tolist()) for part in (split.train, split.validation, split.test)
    )
    return Split(train, validation, test, split.seed, split.train_split)


def parted_simulations(split: Split, simulation: NDArray[np.int64]) -> int:
    """Simulations that have rows in more than one part, for a split made by an earlier version or by hand."""
    parts = [set(simulation[list(part)].tolist()) for part in (split.train, split.validation, split.test)]
    return len((parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2]))
