"""An evaluation from its inputs to the folder of its report."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from focus_core.data.dataset import MapDataset
from focus_core.disk.atomic import replacing, write_text
from focus_core.evaluation.evaluating import Result, evaluate, nothing
from focus_core.evaluation.ground import Ground
from focus_core.evaluation.inputs import digest_of, reference_of
from focus_core.evaluation.mapsets import MapSet, Training
from focus_core.evaluation.over_prior import OverPrior, over_prior
from focus_core.evaluation.pairs import Pairs
from focus_core.evaluation.prior_figure import draw_over_prior
from focus_core.evaluation.report_page import PRIOR, page
from focus_core.evaluation.result_figures import draw_result
from focus_core.evaluation.summary import (
    SUMMARY,
    TABLE,
    curves_csv,
    entries_csv,
    finding_of,
    prior_csv,
    quoted_band,
    summary_of,
    to_csv,
    to_json,
)
from focus_core.run_files import EVALUATION_PAGE, EVALUATION_RESULT
from focus_core.versions import FOCUS, source_commit, versions_of

_PACKAGES = (FOCUS, "torch", "numpy", "scipy", "matplotlib")

PRIOR_TABLE, PRIOR_FIGURE = "over_prior.csv", "over_prior.png"

# Name of the current measurement; may raise StopRequested.
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """The evaluated maps by θ, or a sentence with the reason for their absence. `about` goes into the settings."""

    maps: MapSet | None
    name: str
    box_size: float | None
    split: str
    split_in_words: str
    seed: int
    training: Training | None = None
    reason: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pairs: Pairs | None = None


def make_report(subject: Subject, dataset: MapDataset, folder: Path, tell: Tell) -> list[Result]:
    """Measure, and write summary.json, the tables, the figures and the page; the summary last."""
    if subject.maps is None:
        results, reference, prior = nothing(subject.reason), None, None
    else:
        reference = reference_of(dataset, subject.maps.theta)
        ground = make_ground(subject, subject.maps, dataset, reference, tell)
        results = evaluate(ground)
        prior = over_prior(ground)
    settings = settings_of(subject, dataset, reference, results)
    write_report(folder, results, settings, subject.notes, tell, prior)
    return results


def make_ground(subject: Subject, maps: MapSet, dataset: MapDataset, reference: MapSet, tell: Tell) -> Ground:
    """Includes the reasons, as sentences, why some of the statistics do not apply."""
    box = dataset.box_size or subject.box_size or 2.0 * math.pi
    without_unit = (
        f"{dataset.name} holds normalised values without a unit; this needs maps of Σ." if dataset.normalised else ""
    )
    return Ground(
        maps, reference, box, dataset.space, subject.seed, tell, subject.training, without_unit, subject.pairs,
        _other_grid(subject, maps, dataset),
    )  # fmt: skip


def settings_of(
    subject: Subject, dataset: MapDataset, reference: MapSet | None, results: Sequence[Result]
) -> dict[str, Any]:
    """All settings needed to repeat it."""
    maps = subject.maps
    return {
        "subject": subject.name,
        "dataset": dataset.name,
        "data_digest": dataset.digest,
        "checkpoint_sha256": None,
        **subject.about,
        "split": subject.split,
        "split_in_words": subject.split_in_words,
        "seeds": {"maps": subject.about.get("seed_of_maps"), "evaluation": subject.seed},
        "simulations": maps.n if maps else 0,
        "maps": len(maps.maps) if maps else 0,
        "reference_simulations": reference.n if reference else 0,
        "reference_maps": len(reference.maps) if reference else 0,
        "theta": digest_of(maps.theta) if maps else None,
        "box_size": dataset.box_size,
        "grid": maps.grid if maps else dataset.grid,
        "unit": dataset.unit,
        "parameters": list(dataset.space.names),
        "measured": sum(result.outcome is not None for result in results),
        "commit": source_commit(),
        "versions": versions_of(_PACKAGES),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def write_report(
    folder: Path,
    results: Sequence[Result],
    settings: Mapping[str, Any],
    notes: Sequence[str],
    tell: Tell,
    prior: OverPrior | None = None,
) -> None:
    """Tables and figures of what was measured; those of an earlier report that are now missing are deleted."""
    drawn = {}  # once: the page shows the same pictures
    for result in results:
        tell("figures")
        name = result.statistic.name
        paths = {kind: folder / f"{name}{kind}" for kind in (".csv", "_curves.csv", ".png")}
        if result.outcome is None:
            for path in paths.values():
                path.unlink(missing_ok=True)
            continue
        write_text(paths[".csv"], entries_csv(result))
        write_text(paths["_curves.csv"], curves_csv(result.outcome.curves))
        with replacing(paths[".png"]) as file:
            draw_result(file, result)
        drawn[name] = paths[".png"].read_bytes()
    if _write_prior(folder, results, prior):
        drawn[PRIOR] = (folder / PRIOR_FIGURE).read_bytes()
    write_text(folder / EVALUATION_PAGE, page(results, settings, notes, drawn, prior))
    write_text(folder / TABLE, to_csv(results))
    write_text(folder / EVALUATION_RESULT, to_json(finding_of(results, settings, prior)))
    write_text(folder / SUMMARY, to_json(summary_of(results, settings)))


def _write_prior(folder: Path, results: Sequence[Result], prior: OverPrior | None) -> bool:
    """Whether there is one."""
    table, picture = folder / PRIOR_TABLE, folder / PRIOR_FIGURE
    if prior is None:
        for path in (table, picture):
            path.unlink(missing_ok=True)
        return False
    write_text(table, prior_csv(prior))
    with replacing(picture) as file:
        draw_over_prior(file, prior, quoted_band(results, prior))
    return True


def _other_grid(subject: Subject, maps: MapSet, dataset: MapDataset) -> str:
    if maps.grid != dataset.grid:
        return (
            f"the maps have {maps.grid} × {maps.grid} pixels and the simulations {dataset.grid} × {dataset.grid}; they "
            "can be compared on the same grid only."
        )
    mine, theirs = subject.box_size, dataset.box_size
    if mine is not None and theirs is not None and not math.isclose(mine, theirs, rel_tol=1e-6):
        return (
            f"the maps are of a box of {mine:g} Mpc/h and the simulations of {theirs:g}; they can be compared in the "
            "same box only."
        )
    return ""
