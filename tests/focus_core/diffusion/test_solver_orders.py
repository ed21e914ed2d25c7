"""Orders of convergence of the solvers, and what a flow's samplers multiply a Gaussian by, from the formulae alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from focus_core.diffusion.flow import FlowMatching, StraightPath
from focus_core.diffusion.method import Sampler
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.ode import (
    Field,
    Slope,
    adaptive,
    euler,
    heun,
    noise_field,
    noise_levels_in_logarithm,
    two_step,
)

VARIANCE = 0.3
SOLVERS: dict[str, tuple[Callable[[Field, Sequence[float], Tensor], Tensor], float]] = {
    "euler": (euler, 2.0),
    "heun": (lambda field, times, x: heun(field, times, x, ends_at_zero=False), 4.0),
    "two_step": (two_step, 4.0),
}


def denoise(x: Tensor, sigma: float) -> Tensor:
    return VARIANCE / (VARIANCE + sigma**2) * x


def velocity(x: Tensor, t: float) -> Slope:
    """E[x₁ − ε | x_t = t x₁ + (1 − t) ε] of x₁ ~ N(0, v); solved by x_t ∝ √(t² v + (1 − t)²)."""
    factor = (t * VARIANCE - (1 - t)) / (t**2 * VARIANCE + (1 - t) ** 2)
    return Slope(factor * x, x)


# Field, ends, and the exact factor between them: σ, ln σ of a scaled map, and a flow's t.
PATHS: dict[str, tuple[Field, float, float, float]] = {
    "noise level": (noise_field(denoise), 5.0, 0.2, math.sqrt((VARIANCE + 0.04) / (VARIANCE + 25.0))),
    "logarithm": (
        noise_levels_in_logarithm(denoise),
        math.log(5.0),
        math.log(0.2),
        math.sqrt((VARIANCE + 0.04) / (VARIANCE + 25.0) * 26.0 / 1.04),
    ),
    "flow": (velocity, 0.0, 1.0, math.sqrt(VARIANCE)),
}


@pytest.mark.parametrize("path", list(PATHS))
@pytest.mark.parametrize("solver", list(SOLVERS))
def test_halving_the_steps_divides_the_error_by_two_to_the_order(solver: str, path: str) -> None:
    solve, expected = SOLVERS[solver]
    field, first, last, exact = PATHS[path]

    def error(steps: int) -> float:
        times = [first + (last - first) * i / steps for i in range(steps + 1)]
        return abs(float(solve(field, times, torch.ones(1, 1, 1, 1, dtype=torch.float64))) / exact - 1.0)

    # The next order is a few per cent at 400 steps; between orders there is a factor of two.
    assert error(400) / error(800) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("path", ["logarithm", "flow"])  # the two in which it is used: x and its slope are of order 1
def test_the_adaptive_solver_spends_evaluations_until_it_keeps_its_tolerance(path: str) -> None:
    field, first, last, exact = PATHS[path]
    errors, counts = [], []
    for tolerance in (1e-2, 1e-7, 1e-9):
        calls = 0

        def counted(x: Tensor, t: float) -> Slope:
            nonlocal calls
            calls += 1
            return field(x, t)

        x = adaptive(counted, first, last, torch.ones(1, 1, 2, 2, dtype=torch.float64), tolerance)
        errors.append(abs(float(x.mean()) / exact - 1.0))
        counts.append(calls)
    # Each step may err by the tolerance, absolutely and relatively; tens of steps.
    assert all(error < 100 * tolerance for error, tolerance in zip(errors, (1e-2, 1e-7, 1e-9), strict=True))
    assert counts == sorted(counts)
    assert counts[0] < counts[2] < 1000


class ExactVelocity(nn.Module):
    """What a network of a flow would have learned of x₁ ~ N(0, v); it sees 1000 t."""

    def __init__(self, path: StraightPath, variance: float) -> None:
        super().__init__()
        self._path, self._variance = path, variance

    def factor(self, t: float) -> float:
        sigma, narrowing = self._path.sigma(t), self._path.narrowing
        return (t * self._variance - narrowing * sigma) / (t**2 * self._variance + sigma**2)

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        return self.factor(float(t[0]) / 1000.0) * x


@pytest.mark.parametrize("spacing", ["even", "quadratic"])
@pytest.mark.parametrize("variance", [1.0, 0.1])
def test_the_flow_s_heun_multiplies_a_gaussian_by_the_product_of_its_linear_factors(
    variance: float, spacing: str
) -> None:
    path, steps = StraightPath(0.01, 1.5), 9
    network = ExactVelocity(path, variance)
    times = [i / steps if spacing == "even" else 1 - (1 - i / steps) ** 2 for i in range(steps + 1)]
    factor = path.sigma_max
    for t, u in itertools.pairwise(times):
        a, b = network.factor(t), network.factor(u)
        factor *= 1 + (u - t) / 2 * (a + b * (1 + (u - t) * a))
    noise = [MapNoise([3], (1, 8, 8)) for _ in range(2)]
    sampler = Sampler("heun", steps, spacing=spacing)
    drawn = FlowMatching(path).sample(network, torch.zeros(1, 6), 1.0, sampler, noise[0])
    torch.testing.assert_close(drawn, factor * noise[1].draw(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("known", [10.0, 0.1, 0.01])
@pytest.mark.parametrize("tolerance", [1e-1, 1e-3])
def test_the_adaptive_solver_does_not_jump_over_the_part_of_the_way_where_maps_are_made(
    known: float, tolerance: float
) -> None:
    """Whitened by a power that is 30 % too small, nothing moves but within a factor of a few of σ = √p."""
    true, ends = 1.3 * known, (math.log(80.0), math.log(0.002))

    def field(y: Tensor, s: float) -> Slope:
        variance = math.exp(2 * s)
        x = math.sqrt(known + variance) * y
        difference = (known / (known + variance) - true / (true + variance)) * x
        return Slope(difference / math.sqrt(known + variance), x)

    exact = math.sqrt((true + 0.002**2) / (known + 0.002**2) / (true + 80.0**2) * (known + 80.0**2))
    y = adaptive(field, *ends, torch.ones(1, 1, 2, 2), tolerance)
    assert float(y.mean()) == pytest.approx(exact, rel=2e-3)
