"""How often does each statistic of `focus evaluate` fail maps without a fault, and does it see the one it is meant for?

    python benchmarks/evaluation_faults.py [--sets 200] [--fault-sets 10] [--fields gaussian lognormal particle-mesh]

Three kinds of fields of 32² pixels: Gaussian and lognormal ones whose mean and spectrum follow two parameters, and
slabs of particle-mesh simulations over six. Each kind has a pool of several initial phases at every θ; a set takes a
pair of them at 64 θ, one as the simulations and one as what a perfect emulator would draw. Then faults are planted in
the second.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from focus_core.catalogue.statistics import STATISTICS
from focus_core.data.folder import open_folder
from focus_core.evaluation.evaluating import evaluate
from focus_core.evaluation.ground import Ground, load
from focus_core.evaluation.mapsets import MapSet
from focus_core.evaluation.measures import Part, Parts, in_pieces
from focus_core.parameters import WCDM6, Parameter, ParameterSpace
from focus_core.simulation.suite import SuiteSpec, simulate_suite
from focus_core.statistics.verdict import Verdict

FloatArray = NDArray[np.float64]
GRID, BOX = 32, 64.0
FIELDS = ("gaussian", "lognormal", "particle-mesh")
# Those by which a perfect emulator can be scored from maps alone, without a regressor or a posterior sampler.
NAMES = tuple(name for name in STATISTICS if name not in ("closure", "calibration"))
_TWO = ParameterSpace(
    "two", (Parameter("Omega_m", "Ωm", "Ωm", "Omega", 0.1, 0.5), Parameter("sigma_8", "σ8", "σ8", "sigma", 0.6, 1.0))
)


@dataclass
class Pool:
    """Maps (n_theta, n_phases, each, N, N) at θ (n_theta, d), and their measurements, by path."""

    maps: FloatArray
    theta: FloatArray
    space: ParameterSpace
    measured: dict[str, Parts] = field(default_factory=dict)

    def measure(self) -> None:
        """All measurements of single maps, once for all sets."""
        flat = self.maps.reshape(-1, GRID, GRID)
        for path in (*{s.measure for s in STATISTICS.values()}, "focus_core.evaluation.measures:mean_of_field"):
            self.measured[path] = in_pieces(load(path), flat, BOX, lambda done: None)

    def pick(self, theta: NDArray[np.int64], phases: NDArray[np.int64]) -> tuple[MapSet, dict[str, Parts]]:
        each = self.maps.shape[2]
        first = (theta * self.maps.shape[1] + phases) * each
        rows = (first[:, None] + np.arange(each)).ravel()
        parts = {
            path: {name: Part(p.values[rows], p.axis, p.axis_title, p.unit, p.weights) for name, p in found.items()}
            for path, found in self.measured.items()
        }
        maps = self.maps.reshape(-1, GRID, GRID)[rows]
        return MapSet(maps, np.repeat(np.arange(len(theta)), each), self.theta[theta]), parts


@dataclass(frozen=True)
class Fault:
    """`plant(generated, simulations, rng)` gives the maps; `seen_by` any of these statistics, each on its own."""

    title: str
    seen_by: tuple[str, ...]
    plant: Callable[[MapSet, MapSet, np.random.Generator], MapSet]
    not_for: tuple[str, ...] = ()


def random_pool(kind: str, seed: int, n_theta: int = 96, n_phases: int = 4, each: int = 12) -> Pool:
    """Gaussian δ of P ∝ (k_f/k)^1.5 whose amplitude is σ8, or its exponential; the mean is Ωm·10¹²."""
    rng = np.random.default_rng(seed)
    theta = _TWO.from_unit(rng.uniform(-1, 1, (n_theta, 2)))
    n = np.hypot(np.fft.fftfreq(GRID, 1 / GRID)[:, None], np.fft.rfftfreq(GRID, 1 / GRID)[None])
    n[0, 0] = np.inf
    white = rng.normal(size=(n_theta, n_phases, each, GRID, GRID))
    delta = np.fft.irfft2(np.fft.rfft2(white) * n**-0.75, s=(GRID, GRID))
    delta *= (0.2 if kind == "gaussian" else 0.8) / delta.std() * theta[:, 1, None, None, None, None]
    density = 1 + delta if kind == "gaussian" else np.exp(delta)
    density /= density.mean(axis=(-2, -1), keepdims=True)
    return Pool(density * 1e12 * theta[:, 0, None, None, None, None], theta, _TWO)


def simulated_pool(folder: Path, n_theta: int = 96, n_phases: int = 6) -> Pool:
    """Slabs of 16 Mpc/h of boxes of 64 Mpc/h."""
    spec = SuiteSpec(n_theta, GRID, BOX, 7, n_phases)
    simulate_suite(spec, folder)
    data = open_folder(folder)
    each = len(data.maps) // (n_theta * n_phases)
    maps = np.asarray(data.maps, dtype=np.float64).reshape(n_theta, n_phases, each, GRID, GRID)
    return Pool(maps, data.theta.reshape(n_theta, n_phases, -1)[:, 0], WCDM6)


def make_set(pool: Pool, rng: np.random.Generator, n: int = 64) -> Ground:
    """Two different phases at each of n θ."""
    theta = np.sort(rng.permutation(len(pool.theta))[:n])
    phases = np.stack([rng.permutation(pool.maps.shape[1])[:2] for _ in theta])
    reference, simulated = pool.pick(theta, phases[:, 0])
    generated, found = pool.pick(theta, phases[:, 1])
    ground = Ground(generated, reference, BOX, pool.space, int(rng.integers(2**31)))
    ground.simulated, ground.found = simulated, found
    return ground


def false_alarms(pool: Pool, sets: int, seed: int, names: Sequence[str] = NAMES) -> dict[str, dict[str, int]]:
    """Verdicts of sets without a fault, counted by statistic."""
    counts = {name: {str(verdict): 0 for verdict in Verdict} for name in names}
    for number in range(sets):
        ground = make_set(pool, np.random.default_rng([seed, number]))
        for result in evaluate(ground, names, with_rivals=False):
            counts[result.statistic.name][str(result.judgement.verdict)] += 1
        if (number + 1) % 50 == 0:
            print(f"{number + 1} sets", file=sys.stderr, flush=True)
    return counts


def caught(pool: Pool, fault: Fault, sets: int, seed: int) -> dict[str, int]:
    """In how many of the sets each of the statistics intended for a fault fails it."""
    counts = dict.fromkeys(fault.seen_by, 0)
    for number in range(sets):
        rng = np.random.default_rng([seed, number])
        ground = make_set(pool, rng)
        spoilt = fault.plant(ground.generated, ground.reference, rng)
        planted = Ground(spoilt, ground.reference, BOX, pool.space, ground.seed)
        planted.simulated = ground.simulated
        for result in evaluate(planted, fault.seen_by, with_rivals=False):
            counts[result.statistic.name] += result.judgement.verdict is Verdict.FAIL
    return counts


def _contrast(maps: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean = maps.mean(axis=(1, 2), keepdims=True)
    return mean, maps / mean - 1.0


def _louder(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    mean, delta = _contrast(generated.maps)
    return generated.with_maps(mean * (1 + 1.05 * delta))


def _brighter(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    return generated.with_maps(1.05 * generated.maps)


def _noisy(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    """Noise above k_Ny/2 alone, with half the power present there."""
    mean, delta = _contrast(generated.maps)
    high = np.hypot(np.fft.fftfreq(GRID)[:, None], np.fft.rfftfreq(GRID)[None]) > 0.25
    there = np.sqrt(np.mean(np.abs(np.fft.rfft2(delta)[:, high]) ** 2)) / GRID
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=delta.shape)) * high, s=(GRID, GRID)) * there * np.sqrt(0.5)
    return generated.with_maps(mean * np.maximum(1 + delta + noise, 1e-3))


def _bright_tail(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    """The brightest pixel in 10⁴ at each θ."""
    maps = generated.maps.copy()
    for s in range(generated.n):
        own = np.flatnonzero(generated.simulation == s)
        piece = maps[own]
        bright = piece >= np.sort(piece.ravel())[-max(1, round(1e-4 * piece.size))]
        maps[own] = np.where(bright, 1.3 * piece, piece)
    return generated.with_maps(maps)


def _copied(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    """A single map for all, shifted and turned."""
    maps = generated.maps.copy()
    source = reference.maps[rng.integers(len(reference.maps))]
    maps[rng.integers(len(maps))] = np.roll(np.rot90(source.T, rng.integers(4)), rng.integers(GRID, size=2), (0, 1))
    return generated.with_maps(maps)


def _swapped(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    """Ωm and σ8 exchanged, each scaled to the other's range."""
    space = _TWO if generated.theta.shape[1] == 2 else WCDM6
    unit = space.to_unit(generated.theta)
    a, b = space.index("Omega_m"), space.index("sigma_8")
    unit[:, [a, b]] = unit[:, [b, a]]
    return MapSet(generated.maps, generated.simulation, space.from_unit(unit))


def _too_alike(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    """The correct mean P(k) at each θ, and half the deviation of each map's ring from it."""
    mean, delta = _contrast(generated.maps)
    modes = np.fft.rfft2(delta)
    n = np.hypot(np.fft.fftfreq(GRID, 1 / GRID)[:, None], np.fft.rfftfreq(GRID, 1 / GRID)[None])
    ring = np.rint(n).astype(int)
    power = np.stack([np.mean(np.abs(modes[:, ring == m]) ** 2, axis=1) for m in range(ring.max() + 1)], axis=1)
    expected = generated.means(power)[generated.simulation]
    # Sisters share most of a simulation's phases, so the mean is taken over neighbours in θ too.
    everything = (power / expected).mean(axis=0) * expected
    wanted = 0.5 * (power + everything)
    scale = np.sqrt(np.divide(wanted, power, out=np.ones_like(power), where=power > 0))
    return generated.with_maps(mean * (1 + np.fft.irfft2(modes * scale[:, ring], s=(GRID, GRID))))


def _seamed(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    ramp = np.linspace(-0.25, 0.25, GRID)[None, :, None]
    return generated.with_maps(generated.maps * np.exp(ramp))


def _scrambled(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    """The same |δ̂|, the phases of white noise."""
    mean, delta = _contrast(generated.maps)
    phases = np.fft.rfft2(rng.normal(size=delta.shape))
    modes = np.abs(np.fft.rfft2(delta)) * phases / np.abs(phases)
    return generated.with_maps(mean * (1 + np.fft.irfft2(modes, s=(GRID, GRID))))


def _stretched(generated: MapSet, reference: MapSet, rng: np.random.Generator) -> MapSet:
    """5 % along the first axis."""
    rows, columns = np.meshgrid(np.arange(GRID) / 1.05, np.arange(GRID), indexing="ij")
    maps = np.stack(
        [ndimage.map_coordinates(one, [rows, columns], order=3, mode="grid-wrap") for one in generated.maps]
    )
    return generated.with_maps(np.maximum(maps, 1e-3 * generated.maps.mean()))


FAULTS = (
    Fault("amplitude of δ 5 % too high", ("power_mean", "power_log"), _louder),
    Fault("Σ 5 % too high", ("field_mean",), _brighter),
    Fault("white noise above k_Ny/2", ("power_log",), _noisy),
    Fault("brightest pixel in 10⁴ 30 % too bright", ("pdf",), _bright_tail),
    Fault("one copied training map, shifted and turned", ("memorisation",), _copied),
    Fault("swapped parameters", ("response", "field_mean"), _swapped),
    Fault("half the scatter between maps", ("power_scatter", "chi2"), _too_alike),
    Fault("a seam", ("isotropy",), _seamed),
    Fault("scrambled phases", ("bispectrum", "peaks", "minkowski", "scattering", "pdf"), _scrambled, ("gaussian",)),
    Fault("one axis stretched by 5 %", ("isotropy",), _stretched),
)


def study(pools: dict[str, Pool], sets: int, fault_sets: int) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for number, (kind, pool) in enumerate(pools.items()):
        pool.measure()
        alarms = false_alarms(pool, sets, number)
        seen = {
            fault.title: caught(pool, fault, fault_sets, 100 + number) for fault in FAULTS if kind not in fault.not_for
        }
        found[kind] = {"without a fault": alarms, "faults": seen}
        print(table(kind, alarms, seen, sets, fault_sets), flush=True)
    return found


def table(kind: str, alarms: dict[str, dict[str, int]], seen: dict[str, dict[str, int]], sets: int, each: int) -> str:
    lines = [f"\n## {kind}, {sets} sets without a fault", "", "| statistic | fail | warn | pass | not measured |"]
    lines += ["|---|---|---|---|---|"]
    lines += [
        f"| {name} | {c['fail']} | {c['warn']} | {c['pass']} | {c['not measured']} |" for name, c in alarms.items()
    ]
    lines += ["", f"| planted fault, {each} sets | failed by |", "|---|---|"]
    lines += [f"| {title} | {', '.join(f'{n} {c}' for n, c in counts.items())} |" for title, counts in seen.items()]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--fault-sets", type=int, default=10)
    parser.add_argument("--fields", nargs="+", choices=FIELDS, default=FIELDS)
    parser.add_argument("--pool", type=Path, help="folder of the simulations, kept for another call")
    parser.add_argument("--out", type=Path, help="a JSON file of all counts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        pools = {
            kind: simulated_pool(arguments.pool or Path(scratch) / "pool")
            if kind == "particle-mesh"
            else random_pool(kind, number)
            for number, kind in enumerate(arguments.fields)
        }
        found = study(pools, arguments.sets, arguments.fault_sets)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
