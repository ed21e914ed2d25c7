"""How right is the P(k) of a trained run? Ratio of mean P(k), generated to smoothed truth, by band, at held-out θ.

    python benchmarks/quickstart.py --run DIR [--maps 12] [--steps 250 50] [--out figure.png]

At the θ of every simulation that the run did not train on (test and validation), as many maps are generated as the
simulation has. The truth is the smoothed one: mean band powers regressed on θ over the whole suite. Errors: bootstrap
over simulations, and the error of the regression beside them. The floor is what a perfect emulator would score: new
simulations at the same θ with other initial phases, against the same smoothed truth and the held-out simulations.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from focus_core.catalogue.samplers import SAMPLERS
from focus_core.data.dataset import MapDataset
from focus_core.data.opening import open_dataset
from focus_core.data.split import Split
from focus_core.diffusion.noise import map_seed
from focus_core.errors import UserError
from focus_core.figures.style import ACCENT, BAND, GENERATED, INK, new_figure, plain_axes, save_png
from focus_core.paths import focus_home
from focus_core.run_files import SPLIT
from focus_core.sampling.from_run import LoadedRun, load_run, sample_maps
from focus_core.simulation.cosmology import Cosmology
from focus_core.simulation.particle_mesh import density, evolve
from focus_core.simulation.slabs import slab_maps
from focus_core.statistics.power import PowerSpectrum, band_average, band_centres, bands, power_spectrum
from focus_core.statistics.smoothed_truth import fit_smoothed_truth
from focus_core.statistics.spread import Ratio, ratio_of_means

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One row of the table: a ratio by band with its bootstrap error."""

    label: str
    result: Ratio


def main() -> int:
    arguments = _arguments()
    try:
        return _run(arguments)
    except UserError as error:
        print(f"benchmarks/quickstart.py: {error}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished run")
    parser.add_argument("--maps", type=int, help="maps at each θ (default: as many as a simulation has)")
    parser.add_argument("--steps", type=int, nargs="+", help="to measure, of the run's sampler (DDIM: 250 and 50)")
    parser.add_argument("--weights", choices=("ema", "raw"), default="ema")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--floor-seed", type=int, default=1, help="of the simulations with other phases")
    parser.add_argument("--no-floor", action="store_true", help="leave the new simulations out")
    parser.add_argument("--out", type=Path, default=Path("quickstart_power.png"), help="the figure")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    run = load_run(arguments.run, arguments.weights)
    dataset = open_dataset(run.config.data, focus_home())
    split = Split.from_json((arguments.run / SPLIT).read_text(encoding="utf-8"))
    held_out = np.array(sorted(split.validation + split.test))
    theta = dataset.theta[held_out]
    suite = power_spectrum(dataset.maps, _box(dataset))
    by_simulation = band_average(suite).reshape(dataset.n_simulations, dataset.maps_per_row, -1).mean(axis=1)
    truth = fit_smoothed_truth(dataset.space.to_unit(dataset.theta), by_simulation, dataset.space)
    smooth = truth.predict(dataset.space.to_unit(theta))
    rng = np.random.default_rng(arguments.seed)
    truth_error = _mean_truth_error(truth.bootstrap(dataset.space.to_unit(theta), rng), smooth)

    lines = [Line("held-out simulations", ratio_of_means(by_simulation[held_out], smooth, rng))]
    if not arguments.no_floor:
        again = _floor(dataset, held_out, arguments.floor_seed)
        lines.append(Line("floor: other phases", ratio_of_means(again, smooth, rng)))
        lines.append(Line("floor: other phases / held-out", ratio_of_means(again, by_simulation[held_out], rng)))
    spectra = {}
    own = [250, 50] if SAMPLERS[run.config.sampling.method].noise_key else [run.config.steps()[1]]
    for steps in arguments.steps or own:
        began = time.monotonic()
        spectrum = _generated(run, theta, arguments.maps or dataset.maps_per_row, steps, arguments.seed)
        powers = band_average(spectrum).reshape(len(theta), -1, smooth.shape[1]).mean(axis=1)
        lines.append(Line(f"generated, {_drawn(run, steps)}", ratio_of_means(powers, smooth, rng)))
        spectra[steps] = spectrum
        print(f"{_drawn(run, steps)}: {len(spectrum.power)} maps in {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(_table(run, dataset, held_out, lines, truth_error))
    _draw(arguments.out, run, suite, dataset, held_out, spectra, lines, truth_error)
    print(f"figure: {arguments.out}")
    return 0


def _box(dataset: MapDataset) -> float:
    if dataset.box_size is None or dataset.normalised:
        raise UserError(f"{dataset.name}: is not physical; this benchmark needs maps in a box of known side.")
    return dataset.box_size


def _drawn(run: LoadedRun, steps: int) -> str:
    return f"{SAMPLERS[run.config.sampling.method].title}-{steps}"


def _generated(run: LoadedRun, theta: FloatArray, n: int, steps: int, seed: int) -> PowerSpectrum:
    """Spectra of n maps at each θ, simulation by simulation, guidance 1."""
    rows = np.repeat(theta, n, axis=0)
    maps = sample_maps(run, rows, len(rows), seed, None, steps, 1.0, progress=_dots)
    return power_spectrum(maps, float(run.box_size or 1.0), "generated maps")


def _dots(done: int, total: int) -> None:
    if done == total or done % max(1, total // 20) == 0:
        print(f"\rsampling {100 * done // total} %", end="\n" if done == total else "", file=sys.stderr)


def _floor(dataset: MapDataset, held_out: NDArray[np.int64], seed: int) -> FloatArray:
    """Mean band powers of new simulations at the held-out θ, with initial phases that are not in the suite."""
    if "suite" not in dataset.provenance:
        raise UserError(f"{dataset.name}: was not made by FOCUS, so the floor cannot be simulated; add --no-floor.")
    powers = []
    for number, row in enumerate(held_out):
        values = dict(zip(dataset.space.names, dataset.theta[row], strict=True)) | dict(dataset.space.fixed)
        cosmology = Cosmology.from_values(values)
        phases = map_seed(seed, int(row))
        positions, _ = evolve(cosmology, dataset.grid, _box(dataset), phases, torch.device("cpu"))
        box = density(positions, dataset.grid)
        maps = slab_maps(box, dataset.maps_per_row // 3, cosmology.Omega_m, _box(dataset))
        powers.append(band_average(power_spectrum(maps, _box(dataset))).mean(axis=0))
        print(f"\rsimulating the floor {number + 1}/{len(held_out)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return np.stack(powers)


def _mean_truth_error(predictions: FloatArray, smooth: FloatArray) -> FloatArray:
    """Relative error of Σ_sim of the smoothed truth, by band, from its bootstrap (samples, n, n_bands)."""
    return np.asarray(predictions.sum(axis=1).std(axis=0, ddof=1) / smooth.sum(axis=0))


def _table(
    run: LoadedRun, dataset: MapDataset, held_out: NDArray[np.int64], lines: list[Line], truth_error: FloatArray
) -> str:
    names = [f"{band.label} k_f" for band in bands(dataset.grid)]
    rows = [
        f"{run.run_folder.name}: epoch {run.epoch}, {run.weights} weights, checkpoint {run.checkpoint_sha256[:12]}; "
        f"{len(held_out)} held-out simulations of {dataset.name}",
        f"{'mean P(k) / smoothed truth':34s}" + "".join(f"{name:>18s}" for name in names),
    ]
    for line in lines:
        cells = zip(line.result.ratio, line.result.error, strict=True)
        rows.append(f"{line.label:34s}" + "".join(f"{ratio:10.3f} ± {error:.3f}" for ratio, error in cells))
    rows.append(f"{'error of the smoothed truth':34s}" + "".join(f"{'':10s} ± {error:.3f}" for error in truth_error))
    return "\n".join(rows)


def _ring_means(spectrum: PowerSpectrum, n: int) -> FloatArray:
    """Mean spectrum over maps of each of n simulations, (n, nk)."""
    return np.asarray(spectrum.power.reshape(n, -1, len(spectrum.k)).mean(axis=1))


def _draw(
    path: Path,
    run: LoadedRun,
    suite: PowerSpectrum,
    dataset: MapDataset,
    held_out: NDArray[np.int64],
    spectra: dict[int, PowerSpectrum],
    lines: list[Line],
    truth_error: FloatArray,
) -> None:
    """Upper panel: mean spectra over the held-out θ. Lower: ratios to the smoothed truth by band, errors and floor."""
    figure = new_figure(7.6, 6.6)
    layout = {"left": 0.11, "right": 0.98, "bottom": 0.09, "top": 0.98, "hspace": 0.08}
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2), gridspec_kw=layout)
    true = _ring_means(suite, dataset.n_simulations)[held_out].mean(axis=0)
    upper.loglog(suite.k, true, color=INK, lw=1.8, label=f"{len(held_out)} held-out simulations")
    for (steps, spectrum), colour in zip(spectra.items(), _colours(), strict=False):
        mean = _ring_means(spectrum, len(held_out)).mean(axis=0)
        upper.loglog(spectrum.k, mean, color=colour, lw=1.5, label=f"generated, {_drawn(run, steps)}")
    upper.set_ylabel("mean P(k)  [(Mpc/h)²]")
    upper.legend(frameon=False, fontsize=9, labelcolor=INK, loc="lower left")

    centres = band_centres(suite)
    lower.axhline(1.0, color=INK, lw=1.2)
    lower.axhspan(0.9, 1.1, color=BAND, lw=0)
    drawn = [line for line in lines if "held-out" not in line.label]
    colours = dict(zip((f"generated, {_drawn(run, steps)}" for steps in spectra), _colours(), strict=False))
    for number, line in enumerate(drawn):
        is_floor = line.label.startswith("floor")
        colour = colours.get(line.label, INK)
        error = np.hypot(line.result.error, truth_error * line.result.ratio)
        shift = 1.0 + 0.04 * (number - (len(drawn) - 1) / 2)
        lower.errorbar(
            centres * shift,
            line.result.ratio,
            error,
            fmt="s" if is_floor else "o",
            ms=5,
            color=colour,
            label=line.label,
        )
    lower.set_ylabel("ratio to the smoothed truth")
    lower.set_xlabel("k  [h/Mpc]")
    low, high = lower.get_ylim()
    lower.set_ylim(low, high + 0.25 * (high - low))  # the legend's place, above every error bar
    lower.legend(frameon=False, fontsize=8, labelcolor=INK, ncols=3, loc="upper right")
    lower.set_xticks([tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10) if suite.k[0] * 0.8 < tick < suite.k[-1] * 1.2])
    lower.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    lower.xaxis.set_minor_formatter(NullFormatter())
    for axes in (upper, lower):
        plain_axes(axes)
    with path.open("wb") as file:
        save_png(figure, file)


def _colours() -> Iterator[str]:
    yield from (GENERATED, ACCENT, "#047256", "#b1278a")


if __name__ == "__main__":
    sys.exit(main())
