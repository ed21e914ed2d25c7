"""Do the maps agree with their labels? Fields of mass depend on Ω_m and the depth of their slabs.

A complete set of slabs tiles its box, so that the mean over a simulation's maps is Σ̄ = Ω ρ_c · depth, with Ω = Ω_m for
all matter, Ω_m − Ω_b for cold dark matter, and at most Ω_b for gas, stars and neutral hydrogen. One slab scatters by
tens of per cent, and if the depth is unknown, only order of magnitude and rank can be assessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from focus_core.data.answers import how_to_say
from focus_core.data.camels import NBODY
from focus_core.data.dataset import SURFACE_DENSITY, MapDataset
from focus_core.errors import UserError

FloatArray = NDArray[np.float64]

# Critical density of the universe today, in (M☉/h)/(Mpc/h)³.
CRITICAL_DENSITY = 2.77536627e11

# Relative, of the mean of a complete set of slabs.
TILING_TOLERANCE = 0.02
# Number of distinct Ω_m from which their rank is informative.
FEWEST_FOR_RANK = 20
_ALL_MATTER, _COLD, _PART_OF_BARYONS = ("Mtot",), ("Mcdm",), ("Mgas", "Mstar", "HI")
# Means of fields without such a law, from the emptiest box to the fullest: order of magnitude only.
_MAGNITUDES = {"T": (1e2, 1e9), "Vgas": (5.0, 5e3), "Vcdm": (5.0, 5e3), "B": (1e-20, 1e-3), "Z": (1e-12, 1.0)}
# A box with this side [Mpc/h] is larger than any simulation, and common in kpc/h.
_NO_BOX = 9000.0
# Scatter of ln Σ̄ of a single slab, if there are no sisters from which to measure it.
_ONE_SLAB = 0.4


@dataclass(frozen=True)
class Findings:
    """`warnings` question the data; `remarks` say what was assessed, and what could not be."""

    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Law:
    """Of each simulation, (n,): `mean` pixel, `scatter` of its maps' means, `matter` Ω; None if θ does not give it.

    `at_most` means that Ω is a bound. `known` means that the field's own Ω is used, otherwise that of all matter.
    """

    mean: FloatArray
    scatter: FloatArray
    matter: FloatArray | None
    at_most: bool
    known: bool


def check_mass(dataset: MapDataset, map_means: FloatArray) -> Findings:
    """Assess the mean pixel (n_maps,) of each map by field, unit, box, depth and θ.

    UserError for maps whose pixels certainly do not match their declaration: logarithms of a surface density.
    """
    labels, count = dataset.map_simulation, dataset.maps_each
    mean = np.bincount(labels, map_means) / count
    squares = np.bincount(labels, np.square(map_means - mean[labels]))
    return check_field_means(dataset, mean, np.sqrt(squares / np.maximum(count - 1, 1)))


def check_field_means(dataset: MapDataset, mean: FloatArray, scatter: FloatArray) -> Findings:
    """The same from the mean (n_simulations,) of each simulation and the scatter of its maps' means."""
    if dataset.normalised:
        return Findings(remarks=("normalised maps: their mean says nothing of their labels",))
    if dataset.unit != SURFACE_DENSITY:
        return _check_magnitude(dataset, float(mean.mean()))
    law = _law_of(dataset, mean, scatter)
    _refuse_logarithms(dataset, law)
    warnings, remarks = list(_looks_like(dataset, law)), []
    if not warnings:
        rank, said = _check_rank(dataset, law)
        warnings += rank
        level, more = _check_level(dataset, law, labels_doubted=bool(rank))
        warnings += level
        remarks = [*more, *said]
    return Findings(tuple(f"{dataset.maps_file}: {sentence}" for sentence in warnings), tuple(remarks))


def _law_of(dataset: MapDataset, mean: FloatArray, scatter: FloatArray) -> _Law:
    matter, baryons = _values(dataset, "Omega_m"), _values(dataset, "Omega_b")
    nbody = str(dataset.provenance.get("suite", "")).startswith(NBODY)
    if dataset.field in _ALL_MATTER or (nbody and dataset.field in _COLD):
        return _Law(mean, scatter, matter, at_most=False, known=True)
    if dataset.field in _COLD and matter is not None and baryons is not None:
        return _Law(mean, scatter, matter - baryons, at_most=False, known=True)
    if dataset.field in _PART_OF_BARYONS:
        return _Law(mean, scatter, baryons, at_most=True, known=baryons is not None)
    return _Law(mean, scatter, matter, at_most=False, known=False)


def _values(dataset: MapDataset, name: str) -> FloatArray | None:
    """Value in each simulation, from θ or the fixed values of its space; None if the space does not contain it."""
    space = dataset.space
    if name in space.names and space.parameters[space.index(name)].unit == "":
        return dataset.simulation_theta[:, space.index(name)]
    fixed = space.fixed.get(name)
    return None if fixed is None else np.full(dataset.n_simulations, float(fixed))


def _refuse_logarithms(dataset: MapDataset, law: _Law) -> None:
    mean = float(law.mean.mean())
    if 5.0 < mean < 16.0:
        raise UserError(
            f"{dataset.maps_file}: the mean pixel is {mean:.4g}, where {dataset.field} in {SURFACE_DENSITY} is "
            f"{_implied(dataset, law)}: these look like log10 of it. "
            f"{how_to_say(dataset.maps_file, 'stored_as', 'log10')}, or give the maps themselves."
        )


def _implied(dataset: MapDataset, law: _Law) -> str:
    omega = 0.3 if law.matter is None else float(law.matter.mean())
    if dataset.slab_depth is None:
        return "of the order of 10⁹ to 10¹³"
    return f"{'at most ' if law.at_most else ''}about {omega * CRITICAL_DENSITY * dataset.slab_depth:.2g}"


def _looks_like(dataset: MapDataset, law: _Law) -> Iterator[str]:
    mean = float(law.mean.mean())
    if abs(mean - 1.0) < 0.15:
        yield (
            f"the mean pixel is {mean:.4g}, where {dataset.field} in {SURFACE_DENSITY} is {_implied(dataset, law)}: "
            f"these look like 1 + δ = Σ/Σ̄. {how_to_say(dataset.maps_file, 'stored_as', 'overdensity')}."
        )


def _check_level(dataset: MapDataset, law: _Law, labels_doubted: bool) -> tuple[list[str], list[str]]:
    """Warnings and remarks on the mean pixel itself."""
    omega = np.full(len(law.mean), 0.3) if law.matter is None else law.matter
    depth = law.mean / (omega * CRITICAL_DENSITY)  # for each simulation, in Mpc/h, if the field had that Ω
    warnings = list(_check_side(dataset, float(np.median(depth))))
    if dataset.slab_depth is None:
        found, remark = _check_order(dataset, float(np.median(depth)))
    elif law.at_most:
        found, remark = _check_bound(dataset, depth / dataset.slab_depth)
    elif not law.known or law.matter is None:
        found, remark = _check_typical(dataset, law, depth / dataset.slab_depth)
    else:
        found, remark = _check_law(dataset, law, depth / dataset.slab_depth, labels_doubted)
    return [*warnings, *found], [remark]


def _check_side(dataset: MapDataset, depth: float) -> Iterator[str]:
    if dataset.box_size is not None and dataset.box_size > _NO_BOX:
        thin = f"; the mean pixel is that of slabs of {depth:.3g} Mpc/h" if 1e-2 < depth < 1e3 else ""
        yield (
            f"the box is said to be {dataset.box_size:g} Mpc/h, which no simulation is{thin}: these look like kpc/h. "
            f"{how_to_say(dataset.maps_file, 'box_size', f'{dataset.box_size / 1e3:g}')}."
        )


def _check_order(dataset: MapDataset, depth: float) -> tuple[list[str], str]:
    """For slabs of unknown depth: at most the box, and at least a thousandth of it."""
    side = dataset.box_size if dataset.box_size is not None and dataset.box_size <= _NO_BOX else None
    low, high = (1e-2, 1e4) if side is None else (1e-3 * side, 1.1 * side)
    remark = (
        "the depth of the slabs is unknown, so the mean pixel is judged by its order of magnitude alone; "
        f"{how_to_say(dataset.maps_file, 'slab_depth', 'Mpc/h')} to have it compared with Ω_m"
    )
    if low < depth < high:
        return [], remark
    box = "any box" if side is None else f"a box of {side:g} Mpc/h"
    wanted = math.sqrt(low * high)
    return [
        f"the mean pixel is that of slabs {depth:.3g} Mpc/h deep, which {box} does not have{_cause(depth / wanted)}"
    ], remark


def _check_bound(dataset: MapDataset, ratio: FloatArray) -> tuple[list[str], str]:
    typical = float(np.median(ratio))
    remark = f"mean pixel {typical:.3g} of what all baryons would give (at most 1)"
    if 1e-6 < typical < 1.0 + TILING_TOLERANCE:
        return [], remark
    return [
        f"the mean pixel is {typical:.3g} times what all baryons give, and {dataset.field} is a part of them"
        f"{_cause(typical)}"
    ], remark


def _check_typical(dataset: MapDataset, law: _Law, ratio: FloatArray) -> tuple[list[str], str]:
    """For a field whose share of all matter is unknown: between some thousandths and all of it."""
    typical = float(np.median(ratio))
    remark = (
        f"mean pixel {typical:.3g} of what all matter gives; '{dataset.field}' has no law that is known, so it is "
        "judged by its order of magnitude alone"
    )
    if 1e-4 < typical < 2.0:
        return [], remark
    return [f"the mean pixel is {typical:.3g} times what all matter gives{_cause(typical)}"], remark


def _check_law(dataset: MapDataset, law: _Law, ratio: FloatArray, labels_doubted: bool) -> tuple[list[str], str]:
    typical, complete = float(np.median(ratio)), is_complete(dataset)
    what = f"Ω ρ_c · {dataset.slab_depth:g} Mpc/h"
    kind = "complete sets of slabs" if complete else "slabs that do not tile the box"
    remark = f"mean pixel {typical:.4g} of {what} ({kind}, {len(ratio)} simulations)"
    if not complete:
        if 0.5 < typical < 2.0 or labels_doubted:
            return [], remark
        return [f"the mean pixel is {typical:.3g} times {what}{_cause(typical, dataset)}"], remark
    off = np.abs(ratio - 1.0) > TILING_TOLERANCE
    if not off.any() or (labels_doubted and 0.5 < typical < 2.0):
        return [], remark
    worst = int(np.argmax(np.abs(np.log(np.maximum(ratio, 1e-300)))))
    if float(np.ptp(ratio)) < TILING_TOLERANCE * typical:
        told = f"the mean pixel of every simulation is {typical:.4g} times {what}{_cause(typical, dataset)}"
    else:
        told = (
            f"the mean over the complete set of slabs should be {what} within {100 * TILING_TOLERANCE:g} %, but in "
            f"{int(off.sum())} of {len(ratio)} simulations it is not (simulation {worst}, row "
            f"{int(dataset.first_rows[worst])} of the table: {ratio[worst]:.3g} times){_order(law, dataset)}"
        )
    return [told], remark


def is_complete(dataset: MapDataset) -> bool:
    """Whether the maps of every simulation tile its box, along one, two or three axes."""
    if dataset.box_size is None or dataset.slab_depth is None:
        return False
    boxes = dataset.maps_each * dataset.slab_depth / dataset.box_size
    return bool(np.all((np.abs(boxes - np.rint(boxes)) < 1e-6) & (boxes > 0.5) & (boxes < 3.5)))


def _order(law: _Law, dataset: MapDataset) -> str:
    """The same Ω in another order, if the mean pixels match that."""
    matter, depth = law.matter, dataset.slab_depth or 1.0
    if matter is not None and np.ptp(matter) > 0:
        found = np.sort(law.mean / (CRITICAL_DENSITY * depth))
        if np.allclose(found, np.sort(matter), rtol=TILING_TOLERANCE):
            return ": the maps have the Ω_m of the table in another order, so its rows were sorted or shuffled"
    return ": maps and rows of the table look like those of different simulations, or maps are missing"


def _cause(ratio: float, dataset: MapDataset | None = None) -> str:
    """The likely cause of a mean pixel that is too large by this factor, as the end of a sentence."""
    for factor, cause in (
        (1e-6, "(M☉/h)/(kpc/h)² rather than (M☉/h)/(Mpc/h)²"),
        (1e6, "lengths in kpc/h in the maps' own unit"),
        (1e-3, "a box or a depth in kpc/h"),
        (1e3, "a depth in Gpc/h"),
        (1e-10, "masses in 10¹⁰ M☉/h"),
    ):
        if 0.4 < ratio / factor < 2.5:
            return f": these look like {cause}."
    if dataset is not None and dataset.box_size and dataset.slab_depth:
        whole = dataset.box_size / dataset.slab_depth
        if whole > 1.5 and 0.8 < ratio / whole < 1.25:
            said = how_to_say(dataset.maps_file, "slab_depth", f"{dataset.box_size:g}")
            return f": these look like projections of the whole box. {said}."
    h = 0.6711
    for factor, cause in ((1 / h, "M☉ rather than M☉/h"), (h, "lengths in Mpc rather than Mpc/h")):
        if abs(ratio / factor - 1.0) < 0.05:
            return f": these look like {cause}."
    return ": check the unit, the depth of the slabs (data.slab_depth), and which field and set this is."


def _check_rank(dataset: MapDataset, law: _Law) -> tuple[list[str], list[str]]:
    """Σ̄ rises with Ω_m from simulation to simulation."""
    matter = law.matter
    if law.at_most or matter is None or "Omega_m" not in dataset.space.names:
        return [], []
    distinct = len(np.unique(matter))
    if distinct < FEWEST_FOR_RANK:
        return [], [f"{distinct} distinct Ω_m are too few ({FEWEST_FOR_RANK}) to judge the order of the labels"]
    found, expected = rank_correlation(law.mean, matter), _expected_correlation(dataset, law)
    remark = f"rank correlation {found:.2f} of the mean pixel with Ω_m over {distinct} values"
    if expected < 0.6:
        return [], [f"{remark}; Ω_m varies too little beside the scatter of slabs to judge it"]
    if found > expected - 0.3:
        return [], [remark]
    return [
        f"the mean pixel does not rise with Ω_m (rank correlation {found:.2f} over {distinct} values, expected about "
        f"{expected:.2f}): the labels are not those of the maps{_why_unordered(dataset, law)}. Take the table in the "
        "order of the maps."
    ], [remark]


def _expected_correlation(dataset: MapDataset, law: _Law) -> float:
    """Expected correlation of ln Σ̄ with ln Ω, from the spread of Ω and the scatter of a simulation's mean."""
    spread = float(np.std(np.log(np.maximum(law.matter, 1e-6)))) if law.matter is not None else 0.0
    if is_complete(dataset):
        noise = TILING_TOLERANCE
    elif (dataset.maps_each > 1).all():
        noise = float(np.median(law.scatter / np.abs(law.mean) / np.sqrt(dataset.maps_each)))
    else:
        noise = _ONE_SLAB
    return spread / math.hypot(spread, noise) if spread > 0 else 0.0


def _why_unordered(dataset: MapDataset, law: _Law) -> str:
    for name, column in zip(dataset.space.names, dataset.theta.T, strict=True):
        if len(np.unique(column)) >= FEWEST_FOR_RANK and (np.all(np.diff(column) >= 0) or np.all(np.diff(column) <= 0)):
            return f"; the table is sorted by {name}, and the maps are not"
    for name, column in zip(dataset.space.names, dataset.simulation_theta.T, strict=True):
        if name != "Omega_m" and rank_correlation(law.mean, column) > 0.8:
            return f"; {name} rises with them instead, so the columns may be in another order"
    return "; its rows look sorted, cut or of another set"


def rank_correlation(x: FloatArray, y: FloatArray) -> float:
    """Spearman's: the correlation of ranks, equal values sharing theirs. 0 if one of them does not vary."""
    ranks = [_ranks(np.asarray(values)) for values in (x, y)]
    if any(float(np.ptp(values)) == 0.0 for values in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: FloatArray) -> FloatArray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2.0)[place])


def _check_magnitude(dataset: MapDataset, mean: float) -> Findings:
    """Check of a field without a law of mass."""
    remark = f"'{dataset.field}' has no law of mass: its pixels are judged by their order of magnitude alone"
    if dataset.field not in _MAGNITUDES:
        return Findings(remarks=(f"'{dataset.field}' in {dataset.unit or 'no unit'} has no law that is known",))
    low, high = _MAGNITUDES[dataset.field]
    if low <= mean <= high:
        return Findings(remarks=(remark,))
    log = low <= 10.0 ** min(mean, 300.0) <= high
    cause = f": these look like log10 of it. {how_to_say(dataset.maps_file, 'stored_as', 'log10')}." if log else "."
    usual = f"{low:g} to {high:g} {dataset.unit or ''}".strip()
    warning = f"the mean pixel of {dataset.field} is {mean:.3g}, where {usual} is usual{cause}"
    return Findings((f"{dataset.maps_file}: {warning}",), (remark,))
