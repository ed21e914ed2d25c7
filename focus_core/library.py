"""What a notebook does by hand, as functions: arrays in and out, θ by name or in the order of its parameter space.

`focus_core` offers them beside `load_run` and `power_spectrum`. The commands of `focus` do the same with files.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.data.answers import Answers
from focus_core.data.dataset import MapDataset
from focus_core.data.folder import open_folder
from focus_core.data.opening import open_pair, with_answers
from focus_core.errors import UserError
from focus_core.parameters import WCDM6, ParameterSpace, check_reach
from focus_core.paths import expanded
from focus_core.sampling.from_run import LoadedRun, sample_maps
from focus_core.schema.fields import StoredAs
from focus_core.schema.messages import check_box
from focus_core.simulation.cosmology import Cosmology
from focus_core.simulation.suite import check_grid, check_slabs, simulate_box
from focus_core.suites import default_slabs
from focus_core.training.device import choose_device

Theta = Mapping[str, float] | ArrayLike


def open_dataset(
    maps: Path | str,
    params: Path | str | None = None,
    *,
    parameter_space: str | None = None,
    box_size: float | None = None,
    slab_depth: float | None = None,
    stored_as: StoredAs | None = None,
    independent_realisations: bool | None = None,
) -> MapDataset:
    """Maps and their θ, memory-mapped: a dataset folder, or a file of maps with the table of its parameters.

    Of the result, `maps` (n_maps, N, N) and `theta` (n_rows, d) are arrays, `simulation` (n_rows,) says which rows are
    of one simulation, `space` names the columns of θ, `box_size` is in Mpc/h and `unit` that of a pixel.
    `parameter_space`, `box_size` and `slab_depth` [Mpc/h] are needed for a pair of files that does not say them;
    CAMELS Multifield files do. Raises UserError for what is missing or mislabelled.
    """
    answers = Answers(parameter_space, box_size, slab_depth, stored_as, independent_realisations)
    if params is not None:
        return open_pair(expanded(maps), expanded(params), answers)
    folder = expanded(maps)
    if not folder.is_dir():
        raise UserError(f"maps: {folder} is no dataset folder; for a file of maps, give `params` too.")
    if parameter_space is not None or box_size is not None:
        raise UserError(f"{folder}: a dataset folder says its own parameter space and box; leave them out.")
    return with_answers(open_folder(folder), answers)


def simulate(
    theta: Theta,
    *,
    grid: int = 64,
    box_size: float = 64.0,
    slabs: int | None = None,
    seed: int = 0,
    space: ParameterSpace = WCDM6,
    device: str = "auto",
) -> NDArray[np.float32]:
    """The maps (3·slabs, N, N) [(M☉/h)/(Mpc/h)²] of one particle-mesh simulation at z = 0.

    `grid` counts cells, particles and pixels per side; `box_size` is in Mpc/h. Map `axis·slabs + i` is slab i along an
    axis, box_size/slabs deep, by default about 16 Mpc/h. `seed` chooses the initial phases. `focus simulate` makes
    datasets of many. Source: FastPM's kick and drift (arXiv 1603.00476). Raises UserError for what cannot be simulated.
    """
    (row,) = _rows(theta, space)
    check_grid(grid, "grid:")
    check_box(box_size, "box_size:")
    check_slabs(slabs, grid, "slabs:")
    cosmology = Cosmology.from_values(dict(zip(space.names, row, strict=True)) | dict(space.fixed))
    return simulate_box(cosmology, grid, box_size, slabs or default_slabs(grid, box_size), seed, choose_device(device))


def sample(
    run: LoadedRun,
    theta: Theta,
    n: int = 1,
    *,
    seed: int = 0,
    sampler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
) -> NDArray[np.float32]:
    """n maps (n, N, N) at θ, in the unit of the run's data (`run.unit`, a side of `run.box_size` Mpc/h).

    θ (n, d) draws one map at each of its rows. Sampler, steps and guidance default to the run's configuration. Equal
    arguments give equal maps on one kind of device. Raises UserError for a θ or a sampler that does not fit the run;
    warns (`warnings.warn`) of a θ outside the training range, with the distance.
    """
    rows = _rows(theta, run.space)
    for outside in run.training_range.farthest_outside(rows):
        warnings.warn(outside.sentence(), stacklevel=2)
    return sample_maps(run, rows, max(n, len(rows)), seed, sampler, steps, guidance)


def _rows(theta: Theta, space: ParameterSpace) -> NDArray[np.float64]:
    """θ (n, d), one row where it was one θ. UserError for names, widths and values that do not belong to the space."""
    if isinstance(theta, Mapping):
        rows = space.ordered(theta)[None]
    else:
        rows = np.atleast_2d(np.asarray(theta, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != len(space):
            raise UserError(
                f"theta: has shape {rows.shape}; {space.name} needs (n, {len(space)}): {', '.join(space.names)}."
            )
        rows = np.stack([space.ordered(dict(zip(space.names, row, strict=True))) for row in rows.tolist()])
    check_reach(rows, space, "theta")
    return rows
