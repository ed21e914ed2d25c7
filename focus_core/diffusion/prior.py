"""What is known of a map before any network: the mean μ and the power p of each of its Fourier modes, given θ.

x is a transformed map and x̂ its unitary Fourier transform, so that white noise of variance σ² has σ² in every mode and
the mean of p over modes is the variance of x. Modes of equal ring, |n| rounded, share one p; ring 0 is the mean of the
map, whose p is the scatter of map means about μ(θ).

For a Gaussian field observed through noise, x + σ ε, the expectation is μ + W (x + σ ε − μ) with Wiener's W =
p/(p + σ²), and what remains unknown of it has the variance pσ²/(p + σ²), mode by mode.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from focus_core.data.dataset import MapDataset
from focus_core.data.transform import Transform
from focus_core.statistics.smoothed_truth import design_matrix, gamma_fit, polynomial_terms
from focus_core.statistics.spread import simulation_means

FloatArray = NDArray[np.float64]

log = logging.getLogger("focus.training")

# In ln p: the largest difference of p from that of all maps together, so that no θ overflows; and the largest
# difference between two θ of a prior (10⁶) if p follows the data.
_FARTHEST, _WILD = 30.0, math.log(1e6)

# Maps transformed at once during the fit.
_CHUNK_PIXELS = 2**22


class Gaussian(Protocol):
    """A Gaussian field for each map of a batch; x (B, c, N, N), sigma (B,)."""

    def expected(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[x₀ | x = x₀ + σ ε], with the shape of x."""
        ...

    def unknown(self, sigma: Tensor) -> Tensor:
        """Root mean variance of the part of x₀ that x leaves unknown, (B,): c_out = √⟨pσ²/(p + σ²)⟩."""
        ...

    def spread(self, sigma: Tensor) -> Tensor:
        """Standard deviation of x about its mean, (B,): 1/c_in = √(⟨p⟩ + σ²)."""
        ...

    def seen(self, white: Tensor, sigma: float) -> Tensor:
        """x₀ + σ ε from white noise of unit variance: μ + √(p + σ²) white."""
        ...

    def whitened(self, x: Tensor, sigma: float) -> Tensor:
        """The differences of two such x as differences of their white noise: x/√(p + σ²), without μ."""
        ...


class Prior(Protocol):
    def at(self, condition: Tensor, drop: Tensor | None = None) -> Gaussian:
        """The field at θ = condition (B, d) in [−1, 1]; where `drop` (B,) is true, that of no particular θ."""
        ...

    def state(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class WhiteField:
    """p = σ_data² in every mode: the scalar preconditioning of Karras et al. (arXiv 2206.00364, table 1)."""

    sigma_data: float

    def expected(self, x: Tensor, sigma: Tensor) -> Tensor:
        p = self.sigma_data**2
        return (p / (p + sigma.square()))[:, None, None, None] * x

    def unknown(self, sigma: Tensor) -> Tensor:
        return sigma * self.sigma_data / (sigma.square() + self.sigma_data**2).sqrt()

    def spread(self, sigma: Tensor) -> Tensor:
        return (sigma.square() + self.sigma_data**2).sqrt()

    def seen(self, white: Tensor, sigma: float) -> Tensor:
        return (sigma**2 + self.sigma_data**2) ** 0.5 * white

    def whitened(self, x: Tensor, sigma: float) -> Tensor:
        return x / (sigma**2 + self.sigma_data**2) ** 0.5


@dataclass(frozen=True)
class WhitePrior:
    sigma_data: float

    def at(self, condition: Tensor, drop: Tensor | None = None) -> Gaussian:
        return WhiteField(self.sigma_data)

    def state(self) -> dict[str, Any]:
        return {"kind": "white", "sigma_data": self.sigma_data}


@dataclass(frozen=True)
class SpectralField:
    """`mean` (B,), `power` (B, n_rings), and the `ring` (N, N/2 + 1) of each mode of the half plane.

    `share` (n_rings,) is the fraction of all N² modes in each ring.
    """

    mean: Tensor
    power: Tensor
    ring: Tensor
    share: Tensor

    def expected(self, x: Tensor, sigma: Tensor) -> Tensor:
        wiener = self.power / (self.power + sigma.square()[:, None])
        return self._filtered(x, wiener)

    def unknown(self, sigma: Tensor) -> Tensor:
        variance = sigma.square()[:, None]
        return ((self.power * variance / (self.power + variance)) @ self.share).sqrt()

    def spread(self, sigma: Tensor) -> Tensor:
        return (self.power @ self.share + sigma.square()).sqrt()

    def seen(self, white: Tensor, sigma: float) -> Tensor:
        mean = self.mean[:, None, None, None]
        return self._filtered(white + mean, (self.power + sigma**2).sqrt())

    def whitened(self, x: Tensor, sigma: float) -> Tensor:
        mean = self.mean[:, None, None, None]
        return self._filtered(x + mean, (self.power + sigma**2).rsqrt()) - mean

    def _filtered(self, x: Tensor, transfer: Tensor) -> Tensor:
        """μ + F⁻¹ transfer F (x − μ), with `transfer` (B, n_rings)."""
        mean = self.mean[:, None, None, None]
        modes = torch.fft.rfft2((x - mean).float()) * transfer[:, self.ring][:, None]
        return mean + torch.fft.irfft2(modes, s=x.shape[-2:]).to(x.dtype)


@dataclass(frozen=True)
class SpectralPrior:
    """ln p(ring | θ) = X(θ)·log_power (n_terms, n_rings) and μ(θ) = X(θ)·mean (n_terms,), polynomials in θ.

    `any_log_power` (n_rings,) and `any_mean` are those for no particular θ: of all training maps together.
    """

    terms: tuple[tuple[int, ...], ...]
    log_power: Tensor
    mean: Tensor
    any_log_power: Tensor
    any_mean: float
    grid: int

    @cached_property
    def _ring(self) -> Tensor:
        return torch.from_numpy(mode_rings(self.grid)).to(self.log_power.device)

    @cached_property
    def _share(self) -> Tensor:
        return torch.from_numpy(ring_sizes(self.grid) / self.grid**2).float().to(self.log_power.device)

    def at(self, condition: Tensor, drop: Tensor | None = None) -> SpectralField:
        design = torch.stack([condition[:, list(columns)].prod(dim=1) for columns in self.terms], dim=1)
        mean, log_power = design @ self.mean, design @ self.log_power
        if drop is not None:
            mean = torch.where(drop, self.any_mean, mean)
            log_power = torch.where(drop[:, None], self.any_log_power, log_power)
        # Far outside the training range the polynomial would overflow.
        near = (self.any_log_power - _FARTHEST, self.any_log_power + _FARTHEST)
        return SpectralField(mean, log_power.clamp(*near).exp(), self._ring, self._share)

    def state(self) -> dict[str, Any]:
        return {
            "kind": "spectral",
            "terms": [list(columns) for columns in self.terms],
            "log_power": self.log_power.cpu(),
            "mean": self.mean.cpu(),
            "any_log_power": self.any_log_power.cpu(),
            "any_mean": self.any_mean,
            "grid": self.grid,
        }


def prior_from(state: dict[str, Any], device: torch.device | str = "cpu") -> Prior:
    """The prior from the output of its `state()`."""
    if state["kind"] == "white":
        return WhitePrior(float(state["sigma_data"]))
    return SpectralPrior(
        terms=tuple(tuple(int(i) for i in columns) for columns in state["terms"]),
        log_power=state["log_power"].to(device),
        mean=state["mean"].to(device),
        any_log_power=state["any_log_power"].to(device),
        any_mean=float(state["any_mean"]),
        grid=int(state["grid"]),
    )


def measure_sigma_data(dataset: MapDataset, transform: Transform, rows: Sequence[int]) -> float:
    """Standard deviation of all pixels of the transformed maps of these rows."""
    sums = np.zeros(3)
    for maps in _pieces(dataset, transform, rows):
        sums += (maps.size, maps.sum(dtype=np.float64), np.square(maps, dtype=np.float64).sum())
    return float(np.sqrt(sums[2] / sums[0] - (sums[1] / sums[0]) ** 2))


def fit_spectrum(dataset: MapDataset, transform: Transform, rows: Sequence[int]) -> SpectralPrior:
    """Measure p and μ of the transformed maps of these rows, by simulation, and regress them on θ.

    With as many terms as the simulations determine twice over: second order in Ω_m and σ8, otherwise linear, or none.
    """
    means, powers = [], []
    for maps in _pieces(dataset, transform, rows):
        means.append(maps.mean(axis=(1, 2), dtype=np.float64))
        powers.append(ring_power(maps - means[-1][:, None, None]))
    simulation = dataset.simulation[dataset.row_of(dataset.maps_of(rows))]
    mean, power = np.concatenate(means), simulation_means(np.concatenate(powers), simulation)
    power = np.maximum(power, 1e-12 * power.max())  # a ring that is empty in the data
    present, place = np.unique(simulation, return_inverse=True)
    theta = dataset.space.to_unit(dataset.simulation_theta[present])
    every = polynomial_terms(dataset.space)
    terms = next(
        kept for kept in (every, every[: 1 + len(dataset.space)], every[:1]) if 2 * len(kept) <= len(theta) + 1
    )
    design = design_matrix(theta, terms)
    mean_of = np.linalg.pinv(design) @ simulation_means(mean, simulation)
    # The mean mode of a unitary transform is N times the map's mean.
    scatter = dataset.grid**2 * np.mean((mean - (design @ mean_of)[place]) ** 2)
    log_power = np.zeros((len(terms), power.shape[1]))
    log_power[:, 1:], failed = _fitted(design, power[:, 1:])
    if failed.any():
        _tell(np.flatnonzero(failed) + 1, power.shape[1], dataset)
    log_power[0, 0] = np.log(max(scatter, power.max() * 1e-12))
    marginal = power.mean(axis=0)
    marginal[0] = max(dataset.grid**2 * mean.var(), scatter, power.max() * 1e-12)
    return SpectralPrior(
        terms,
        torch.from_numpy(log_power).float(),
        torch.from_numpy(mean_of).float(),
        torch.from_numpy(np.log(marginal)).float(),
        float(mean.mean()),
        dataset.grid,
    )


def _fitted(design: FloatArray, power: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """ln p as a polynomial of θ, (n_terms, n_rings), and the rings without one: a single p for every θ there.

    A fit whose p would vary more than any data between two θ of the prior has followed outliers.
    """
    coefficients, failed = gamma_fit(design, power)
    wild = ~failed & (np.abs(coefficients[1:]).sum(axis=0) > _WILD)
    if wild.any():
        coefficients[:, wild] = 0.0
        coefficients[0, wild] = np.log(power[:, wild].mean(axis=0))
    return coefficients, failed | wild


def _tell(rings: NDArray[np.int64], n_rings: int, dataset: MapDataset) -> None:
    k_f = None if dataset.box_size is None else 2.0 * math.pi / dataset.box_size
    band = "" if k_f is None else f", k from {rings[0] * k_f:.3g} to {rings[-1] * k_f:.3g} h/Mpc"
    shown = ", ".join(map(str, rings[:12])) + (" …" if len(rings) > 12 else "")
    log.warning(
        "the spectral form could not be fitted to θ in %d of %d rings (|n| = %s%s): they have one spectrum for every "
        "θ; the maps are few, or some of them far brighter than the rest",
        len(rings),
        n_rings - 1,
        shown,
        band,
    )


def mode_rings(grid: int) -> NDArray[np.int64]:
    """|n| rounded, of every mode of the half plane, (N, N/2 + 1), corners included."""
    rows, columns = np.fft.fftfreq(grid, 1 / grid), np.fft.rfftfreq(grid, 1 / grid)
    return np.floor(np.hypot(rows[:, None], columns[None, :]) + 0.5).astype(np.int64)


def ring_sizes(grid: int) -> FloatArray:
    """Modes of the full plane in each ring."""
    return np.bincount(mode_rings(grid).ravel(), _column_weights(grid).ravel()).astype(np.float64)


def ring_power(x: NDArray[Any]) -> FloatArray:
    """⟨|x̂|²⟩ of each ring, (B, n_rings), for x (B, N, N) and its unitary transform."""
    grid = x.shape[-1]
    squared = np.abs(np.fft.rfft2(x, norm="ortho")) ** 2 * _column_weights(grid)
    ring, sizes = mode_rings(grid).ravel(), ring_sizes(grid)
    return np.stack([np.bincount(ring, one.ravel()) for one in squared]) / sizes


def _column_weights(grid: int) -> FloatArray:
    """A mode of the half plane counts for itself and its conjugate, except in the self-conjugate columns."""
    weights = np.full((grid, grid // 2 + 1), 2.0)
    weights[:, 0] = 1.0
    if grid % 2 == 0:
        weights[:, -1] = 1.0
    return weights


def _pieces(dataset: MapDataset, transform: Transform, rows: Sequence[int]) -> Iterator[NDArray[np.float32]]:
    """The transformed maps in order, in pieces of bounded memory."""
    indices, step = dataset.maps_of(rows), max(1, _CHUNK_PIXELS // dataset.grid**2)
    for i in range(0, len(indices), step):
        yield transform.forward(dataset.maps[indices[i : i + step]])
