"""The input of every statistic: generated maps, simulations, the expectation from these, and random numbers."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from focus_core.errors import UserError
from focus_core.evaluation.expectation import Expectation, Expected, make_expectation
from focus_core.evaluation.mapsets import MapSet, Training
from focus_core.evaluation.measures import Part, Parts, in_pieces
from focus_core.parameters import ParameterSpace
from focus_core.statistics.fields import FloatArray

if TYPE_CHECKING:
    from focus_core.evaluation.pairs import Pairs

Tell = Callable[[str], None]


@dataclass
class Ground:
    """`box_size` in Mpc/h; 2π if the side is unknown, so that k is in units of k_f.

    Simulations are measured once and the results kept; `rival` maps are scored with the same ones.
    """

    generated: MapSet
    reference: MapSet
    box_size: float
    space: ParameterSpace
    seed: int = 0
    tell: Tell = lambda what: None
    training: Training | None = None  # simulations that a model was trained on; None: every simulation
    without_unit: str = ""  # why maps are not physical Σ; empty if they are
    pairs: Pairs | None = None  # draws and simulates at any θ, for responses
    other_grid: str = ""  # why maps cannot be compared with the simulations; empty if they can
    simulated: dict[str, Parts] = field(default_factory=dict)
    found: dict[str, Parts] = field(default_factory=dict)

    @cached_property
    def _expectation(self) -> Expectation | UserError:
        rng = self.rng("expectation")
        try:
            return make_expectation(self.space, self.reference.theta, self.generated.theta, rng)
        except UserError as error:
            return error

    @property
    def expectation(self) -> Expectation:
        if isinstance(self._expectation, UserError):
            raise self._expectation
        return self._expectation

    @property
    def maps_each(self) -> int:
        """Number of maps per simulation available on both sides."""
        return min(self.generated.maps_each, self.reference.maps_each)

    def rng(self, purpose: str) -> np.random.Generator:
        """Always the same numbers for one purpose and seed."""
        digest = hashlib.sha256(purpose.encode()).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest[:4], "big")])

    def measured(self, path: str) -> tuple[Parts, Parts]:
        """Measurements of the generated and of the simulated maps, by the code at `path`."""
        for store, maps in ((self.found, self.generated), (self.simulated, self.reference)):
            if path not in store:
                store[path] = in_pieces(load(path), maps.maps, self.box_size, lambda done: self.tell(path))
        return self.found[path], self.simulated[path]

    def expected(self, part: Part, positive: bool) -> Expected:
        """Expectation from the simulations for a part of their measurements, (n, q)."""
        return self.expected_values(part.values, positive)

    def expected_values(self, values: FloatArray, positive: bool) -> Expected:
        """The same of values (B, q) of every simulated map."""
        return self.expected_summary(lambda maps, most: maps.means(values, most), positive)

    def expected_summary(self, summary: Callable[[MapSet, int | None], FloatArray], positive: bool) -> Expected:
        """The same for any summary of simulations, (n, q), over all their maps or at most so many."""
        return self.expectation.of(summary(self.reference, None), positive, summary(self.reference, self.maps_each))

    def with_maps(self, maps: FloatArray) -> Ground:
        rival = Ground(
            self.generated.with_maps(maps), self.reference, self.box_size, self.space, self.seed, self.tell,
            self.training, self.without_unit, None, self.other_grid, self.simulated,
        )  # fmt: skip
        # A cached property is kept in the object's own namespace.
        rival.__dict__["_expectation"] = self._expectation
        return rival


def load(path: str) -> Any:
    """The code named "module:function" in the catalogue."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)
