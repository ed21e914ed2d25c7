"""Steering a walk of clicks: towards buttons not yet pressed, and in one act to those that need a preparation."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from focus_store.contracts import Status

DONE, DRAFT, FAILED, QUEUED = Status.SUCCEEDED, Status.DRAFT, Status.FAILED, Status.QUEUED
# Experiments and maps with which a page is opened: `one` and `other` are experiments, `sample` are maps of `one`.
PATHS = {
    "experiments": "",
    "new": "new?parent={one}",
    "compare": "compare?ids={one},{other}",
    "sample": "sample?model={one}",
    "datasets": "datasets",
    "workers": "workers",
    "experiment": "experiment?id={one}",
}


@dataclass(frozen=True)
class Way:
    """How a reader reaches a button: an address, and the actions there before it can be pressed."""

    path: str
    status: Status = DONE  # of the experiments in the address
    marks: int = 0  # rows of the list
    writes: Mapping[str, str] = field(default_factory=dict)  # into fields, by their names
    presses: tuple[str, ...] = ()  # other buttons, one after another


_REFUSED = {"Learning rate": "fast", "Gradient clip": "none"}
_ASK, _CANCEL = "datasets/check-…", "datasets/cancel-…"
WAYS = {
    "keep-…": Way(PATHS["experiment"], presses=("experiment/delete",)),
    "loss-table": Way(PATHS["experiment"]),
    "power-table": Way(PATHS["experiment"]),
    "power-kind": Way(PATHS["experiment"]),
    "statistic": Way(PATHS["experiment"]),
    "compare-power-kind": Way(PATHS["compare"]),
    "compare/compare-newest": Way("compare"),
    "compare/see-experiments": Way("compare"),
    "datasets/add-dataset": Way("datasets?form=add"),
    "datasets/cancel-…": Way("datasets", presses=(_ASK,)),
    "datasets/describe-dataset": Way("datasets?form=describe"),
    "datasets/dismiss-…": Way("datasets", presses=(_ASK, _CANCEL)),
    "datasets/keep-dataset": Way("datasets", presses=("datasets/remove-dataset",)),
    "datasets/resume-…": Way("datasets", presses=(_ASK, _CANCEL)),
    "datasets/simulate": Way("datasets?form=simulate"),
    "datasets/suite-grid": Way("datasets?form=simulate"),
    "datasets/…-independent": Way("datasets?form=add"),
    "experiment/edit": Way(PATHS["experiment"], DRAFT),
    "experiment/pause": Way(PATHS["experiment"], QUEUED),
    "experiment/queue": Way(PATHS["experiment"], DRAFT),
    "experiment/resume": Way(PATHS["experiment"], FAILED),
    "experiment/evaluation-cancel": Way(PATHS["experiment"], presses=("experiment/evaluation-start",)),
    "experiment/samplers-cancel": Way(PATHS["experiment"], presses=("experiment/samplers-start",)),
    "experiment/stop": Way(PATHS["experiment"], QUEUED),
    "experiments/archive": Way("?status=Resting", marks=1),
    "experiments/clone": Way("", marks=1),
    "experiments/compare": Way("", marks=2),
    "experiments/delete": Way("?status=Resting", marks=1),
    "experiments/restore": Way("?status=Archived", marks=1),
    "experiments/stop": Way("?status=Queued", marks=1),
    "new/afresh": Way(PATHS["new"], writes={"Gradient clip": "2"}),
    "new/discard-all": Way(PATHS["new"], writes=_REFUSED),
    "new/discard-…": Way(PATHS["new"], writes=_REFUSED),
    "sample/controls-back": Way("sample?model={one}&sample={sample}&seed=5"),
    "sample/download-csv": Way("sample?model={one}&sample={sample}"),
    "workers/disk-larger": Way("workers?part=2"),
}


def way_to(button: str) -> Way:
    """Most buttons are on their page as it is opened."""
    return WAYS.get(button) or Way(PATHS[button.partition("/")[0]])


def rarest(buttons: Sequence[str], hits: Mapping[str, int]) -> list[int]:
    """The least pressed of these."""
    least = min(hits.get(button, 0) for button in buttons)
    return [i for i, button in enumerate(buttons) if hits.get(button, 0) == least]


def weighted(pages: Mapping[str, float], missing: Collection[str]) -> dict[str, float]:
    """A page has a probability that grows with the number of its buttons not yet pressed."""
    there = Counter(button.partition("/")[0] for button in missing)
    return {page: weight * (1 + there[page]) for page, weight in pages.items()}


def next_to_reach(missing: Collection[str], tried: Mapping[str, int], draw: random.Random) -> str | None:
    """One that is yet to be pressed. All have their turn, so that one that cannot be reached now blocks none."""
    buttons = sorted(missing)
    return buttons[draw.choice(rarest(buttons, tried))] if buttons else None
