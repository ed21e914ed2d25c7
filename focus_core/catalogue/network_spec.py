"""Facts about a network before it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from focus_core.catalogue.layers import Layer
from focus_core.schema.fields import Section

OwnSettings = TypeVar("OwnSettings", bound=Section)


class ModelSettings(Protocol):
    """The section `model` of a configuration, as networks see it."""

    @property
    def in_channels(self) -> int: ...
    @property
    def out_channels(self) -> int: ...
    @property
    def cond_dim(self) -> int: ...
    @property
    def base_channels(self) -> int: ...
    @property
    def channel_mults(self) -> tuple[int, ...]: ...
    @property
    def time_dim(self) -> int: ...

    def own(self, kind: type[OwnSettings]) -> OwnSettings:
        """The settings that a network declares for itself."""
        ...


# (settings, pixels per side) → why such maps cannot be used, as the end of a sentence; None if they can.
GridRefusal = Callable[[ModelSettings, int], str | None]


def any_grid(model: ModelSettings, grid: int) -> None:
    """For a network that accepts maps of any side."""


@dataclass(frozen=True)
class NetworkSpec:
    """`build` is the path of a function (model, periodic, start) → network; all else is arithmetic.

    `layers(model, grid)` gives the layers in order, and `passing(model, grid)` the numbers of one map that are in
    flight at the widest of them. Without layers, costs are those of the first network and are marked as such.
    """

    name: str
    build: str
    # The keys of the section `model` that it reads, besides the channels and θ, which every network has.
    settings: tuple[str, ...] = ("base_channels", "channel_mults", "time_dim")
    # Settings of this network only, as a separate section; their keys are in `model` with all others.
    own: type[Section] | None = None
    # None: every method may train it.
    methods: tuple[str, ...] | None = None
    grid_refusal: GridRefusal = any_grid
    layers: Callable[[ModelSettings, int], Iterator[Layer]] | None = None
    passing: Callable[[ModelSettings, int], int] = lambda model, grid: 0
    # Its size, for the notes of a run; None lists its settings.
    words: Callable[[ModelSettings], str] | None = None

    @property
    def own_settings(self) -> tuple[str, ...]:
        return () if self.own is None else tuple(self.own.model_fields)

    @property
    def all_settings(self) -> tuple[str, ...]:
        return (*self.settings, *self.own_settings)

    def in_words(self, model: ModelSettings) -> str:
        if self.words is not None:
            return self.words(model)
        return ", ".join(f"{key} {getattr(model, key)}" for key in self.all_settings)

    def learns(self, method: str) -> bool:
        return self.methods is None or method in self.methods
