"""A suite of lognormal maps whose mean and spectrum follow θ, made in milliseconds, for tests of evaluations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from focus_core.data.folder import Description, write_folder
from focus_core.parameters import Parameter, ParameterSpace

SPACE = ParameterSpace(
    "two", (Parameter("Omega_m", "Ωm", "Ωm", "Omega", 0.1, 0.5), Parameter("sigma_8", "σ8", "σ8", "sigma", 0.6, 1.0))
)
BOX, GRID, EACH = 32.0, 32, 4


def thetas(n: int, seed: int = 0) -> np.ndarray:
    return SPACE.from_unit(np.random.default_rng(seed).uniform(-1, 1, (n, 2)))


def maps_at(theta: np.ndarray, seed: int, each: int = EACH, grid: int = GRID) -> np.ndarray:
    """Maps (n·each, N, N): exp of a Gaussian field of P ∝ k⁻² whose amplitude is σ8; each has the mean Ωm·10¹²."""
    rng = np.random.default_rng(seed)
    n = np.hypot(np.fft.fftfreq(grid, 1 / grid)[:, None], np.fft.rfftfreq(grid, 1 / grid)[None])
    n[0, 0] = 1.0
    rows = np.repeat(theta, each, axis=0)
    field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(len(rows), grid, grid))) / n, s=(grid, grid))
    field *= (2.0 * rows[:, 1])[:, None, None]
    density = np.exp(field - field.mean(axis=(1, 2), keepdims=True))
    mean = density.mean(axis=(1, 2), keepdims=True)
    return (density / mean * 1e12 * rows[:, 0][:, None, None]).astype(np.float32)


def write_suite(folder: Path, n: int, seed: int = 1, theta: np.ndarray | None = None) -> np.ndarray:
    """A dataset folder of n simulations; its θ (n, 2)."""
    theta = thetas(n) if theta is None else theta
    about = Description("suite", "Mtot", "(M☉/h)/(Mpc/h)²", BOX, 0.0, EACH, SPACE)
    write_folder(folder, [maps_at(theta, seed)], GRID, theta, about)
    return theta


def write_maps(path: Path, maps: np.ndarray, theta: np.ndarray, /, **more: object) -> Path:
    """A file as `focus sample` writes it, a row of params per map."""
    rows = np.repeat(theta, len(maps) // len(theta), axis=0)
    contents = {"maps": maps, "params": rows, "param_names": np.array(SPACE.names), "box_size": np.float64(BOX)}
    np.savez(path, **{**contents, **more})
    return path
