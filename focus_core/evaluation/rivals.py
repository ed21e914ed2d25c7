"""Two cheap rivals of any emulator, at the same θ and in the same number: a model must beat them to be useful.

Both start from a Gaussian field with the spectrum of log10 Σ that the simulations predict at θ. Lognormal maps are
its exponential (Coles & Jones 1991, MNRAS 248, 1); the Gaussian copula gives each pixel the value of the same rank in
the simulation nearest in θ, so that its one-point distribution is right (Scherrer et al. 2010, ApJ 708, L9).
"""

from __future__ import annotations

import numpy as np

from focus_core.evaluation.ground import Ground
from focus_core.evaluation.means import LOG_POWER
from focus_core.evaluation.measures import log_field
from focus_core.statistics.fields import FloatArray
from focus_core.statistics.power import ring_modes

LOGNORMAL, COPULA = "lognormal maps", "Gaussian copula"


def rival_maps(ground: Ground) -> dict[str, FloatArray]:
    """Maps (B, N, N) of each rival, one for each generated map."""
    simulated = ground.measured(LOG_POWER)[1]["P(k) of log10 Σ"]
    power = ground.expected(simulated, positive=True).at
    fields = _gaussian(power[ground.generated.simulation], ground)
    logs = log_field(ground.reference.maps)
    mean = ground.expectation.of(ground.reference.means(logs.mean(axis=(1, 2))[:, None]), False).at
    near = _nearest(ground)
    lognormal, copula = np.empty_like(fields), np.empty_like(fields)
    sorted_logs = {s: np.sort(logs[ground.reference.simulation == s].ravel()) for s in np.unique(near).tolist()}
    for b, s in enumerate(ground.generated.simulation.tolist()):
        lognormal[b] = 10 ** (mean[s] + fields[b])
        values = sorted_logs[near[s]]
        ranks = np.argsort(np.argsort(fields[b].ravel()))
        place = ((ranks + 0.5) / fields[b].size * len(values)).astype(np.int64)
        copula[b] = 10 ** values[place].reshape(fields[b].shape)
    return {LOGNORMAL: lognormal, COPULA: copula}


def _gaussian(power: FloatArray, ground: Ground) -> FloatArray:
    """Fields (B, N, N) whose P(k) by ring is `power` (B, N/2); corner modes have that of the last ring."""
    grid, box = ground.generated.grid, ground.box_size
    rng = ground.rng("rivals")
    ring = np.rint(np.hypot(np.fft.fftfreq(grid, 1 / grid)[:, None], np.fft.rfftfreq(grid, 1 / grid)[None])).astype(int)
    assert len(ring_modes(grid).n_modes) == power.shape[1]
    place = np.clip(ring, 1, power.shape[1]) - 1
    noise = np.fft.rfft2(rng.normal(size=(len(power), grid, grid)))
    # White noise of variance one has |δ̂|² = N², and P = |δ̂|² L²/N⁴.
    amplitude = np.sqrt(power[:, place]) * grid / box
    amplitude[:, 0, 0] = 0.0
    return np.fft.irfft2(noise * amplitude, s=(grid, grid))


def _nearest(ground: Ground) -> np.ndarray:
    """The reference simulation nearest in θ to each of the maps' θ, excluding any at exactly the same θ."""
    near, far = ground.space.to_unit(ground.reference.theta), ground.space.to_unit(ground.generated.theta)
    apart = np.linalg.norm(far[:, None] - near[None], axis=-1)
    apart[apart < 1e-5] = np.inf
    return np.where(np.isfinite(apart).any(axis=1), np.argmin(apart, axis=1), 0)
