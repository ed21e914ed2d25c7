"""Maps that obey the known laws of a field of mass: complete sets of slabs of small boxes, in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from focus_core.parameters import CAMELS_LH6, ParameterSpace

CRITICAL_DENSITY = 2.77536627e11
GRID, SLABS, DEPTH = 20, 5, 5.0
SHORT_HEADER = "Om sigma8 SN1 AGN1 SN2 AGN2"


def hypercube(n: int, space: ParameterSpace = CAMELS_LH6, seed: int = 0) -> np.ndarray:
    """θ (n, d): every column evenly spread over its prior, in its own order, to five decimals as CAMELS prints it."""
    rng = np.random.default_rng(seed)
    cells = (np.arange(n) + 0.5) / n
    return np.round(space.from_unit(2 * np.stack([rng.permutation(cells) for _ in space.parameters], axis=1) - 1), 5)


def slabs(omega: float, rng: np.random.Generator, depth: float = DEPTH) -> np.ndarray:
    """The 15 maps (15, 20, 20) [(M☉/h)/(Mpc/h)²] of a box whose mean density is that of Ω: its slabs on three axes."""
    box = rng.lognormal(sigma=1.5, size=(GRID, GRID, GRID))
    box /= box.mean()
    cut = [np.moveaxis(box, axis, 0).reshape(SLABS, GRID // SLABS, GRID, GRID).mean(axis=1) for axis in range(3)]
    return (np.concatenate(cut) * omega * CRITICAL_DENSITY * depth).astype(np.float32)


def maps_of(theta: np.ndarray, seed: int = 1, baryons: float = 0.0) -> np.ndarray:
    """(15 n, 20, 20), from the first column of θ minus the baryons."""
    rng = np.random.default_rng(seed)
    return np.concatenate([slabs(row[0] - baryons, rng) for row in theta])


def write_pair(
    folder: Path, maps: np.ndarray, theta: np.ndarray, *, field: str = "Mtot", suite: str = "SIMBA", kind: str = "LH"
) -> Path:
    """A pair of CMD files; returns the path of the maps."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / f"params_{kind}_{suite}.txt", theta, fmt="%.5f", header=SHORT_HEADER)
    path = folder / f"Maps_{field}_{suite}_{kind}_z=0.00.npy"
    np.save(path, maps)
    return path
