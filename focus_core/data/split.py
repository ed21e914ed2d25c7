"""Train, validation and test are sets of simulations: sister maps of one simulation never part."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from focus_core.errors import UserError


@dataclass(frozen=True)
class Split:
    """Sorted row numbers of the simulations in each part; together they are every simulation, once."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    seed: int
    train_split: float

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @property
    def n_simulations(self) -> int:
        return len(self.train) + len(self.validation) + len(self.test)

    @classmethod
    def from_json(cls, text: str) -> Split:
        """ValueError, KeyError or TypeError if the text is not what `to_json` writes."""
        plain: dict[str, Any] = json.loads(text)
        parts = {part: tuple(int(i) for i in plain[part]) for part in ("train", "validation", "test")}
        return cls(**parts, seed=int(plain["seed"]), train_split=float(plain["train_split"]))


def read_split(path: Path) -> Split | None:
    """The split that a run has written down, None if it has not yet. UserError if the file is damaged."""
    try:
        split = Split.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is damaged ({error}); restore it, or start anew with --fresh.") from error
    if sorted((*split.train, *split.validation, *split.test)) != list(range(split.n_simulations)):
        raise UserError(f"{path}: does not name every simulation once; restore the file, or start anew with --fresh.")
    return split


def split_simulations(n: int, train_split: float, seed: int) -> Split:
    """A seeded permutation of n simulations: round(train_split·n) train, the rest is halved.

    Validation gets the odd one, so that with one left there is validation only. UserError if training or validation
    would be empty.
    """
    n_train = round(train_split * n)
    n_validation = (n - n_train + 1) // 2
    if n_train < 1 or n_validation < 1:
        empty = "training" if n_train < 1 else "validation"
        raise UserError(
            f"data.train_split: {train_split:g} of {n} simulations leaves none for {empty}; "
            "change it, or take a dataset of more simulations."
        )
    order = np.random.default_rng(seed).permutation(n)
    parts = np.split(order, [n_train, n_train + n_validation])
    train, validation, test = (tuple(sorted(int(i) for i in part)) for part in parts)
    return Split(train, validation, test, seed, float(train_split))
