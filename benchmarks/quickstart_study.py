"""What is the best use of some minutes on some cores? Trains cases one after the other and measures their P(k).

    python benchmarks/quickstart_study.py --minutes 3 --out FOLDER --case NAME:KEY=VALUE,KEY=VALUE … [--rivals]

Every case is `tasks/quickstart/config.yaml` with keys replaced, for example

    --case "spectral:method=edm,edm.spectral=true,sampling.method=heun,sampling.num_steps=18"

and trains for the given minutes: its speed is measured first, and the epochs that fit are its `num_epochs`. At the θ of
every held-out simulation maps are drawn with the case's own sampler (EMA weights, guidance 1) and compared with the
smoothed truth, as benchmarks/quickstart.py does; beside it two statistics that P(k) does not see, the
Kolmogorov–Smirnov distance of log Σ from the held-out maps and the number of peaks above four times the mean.
`--rivals` adds what needs no training: lognormal maps and a Gaussian copula, both with the training maps' own spectra
at θ, and the floor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage, stats

from focus_core.catalogue.samplers import SAMPLERS
from focus_core.config.experiment import ExperimentConfig, load_config, validate_config
from focus_core.data.opening import open_dataset
from focus_core.data.split import split_simulations
from focus_core.data.transform import fit_transform
from focus_core.diffusion.methods import make_method, measure
from focus_core.diffusion.noise import MapNoise, map_seed
from focus_core.diffusion.prior import fit_spectrum
from focus_core.errors import UserError
from focus_core.networks.building import build_network, parameter_count
from focus_core.paths import focus_home
from focus_core.sampling.from_run import load_run, sample_maps
from focus_core.statistics.power import band_average, bands, power_spectrum
from focus_core.statistics.smoothed_truth import design_matrix, fit_smoothed_truth, polynomial_terms
from focus_core.statistics.spread import ratio_of_means
from focus_core.training.batches import TrainingMaps
from focus_core.training.engine import make_optimizer
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

FloatArray = NDArray[np.float64]
RECIPE = Path(__file__).parents[1] / "tasks" / "quickstart" / "config.yaml"

# Steps timed before a case, after two that are not.
_TIMED = 12
# A peak is a pixel above its eight neighbours and above this many times the mean of its map.
_PEAK = 4.0


@dataclass(frozen=True)
class Score:
    """One row of the table. `ratio` and `error` by band; `ks` and `peaks` (ratio to truth) of all maps together."""

    name: str
    ratio: list[float]
    error: list[float]
    ks: float
    peaks: float
    parameters: int | None = None
    epochs: int | None = None
    train_seconds: float | None = None
    evaluations: int | None = None
    sample_seconds: float | None = None
    val_loss: float | None = None
    settings: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", default=[], metavar="NAME:KEY=VALUE,…")
    parser.add_argument("--minutes", type=float, default=3.0, help="of training, figures aside")
    parser.add_argument("--epochs", type=int, help="the same for every case, in the place of minutes")
    parser.add_argument("--maps", type=int, default=4, help="maps at each held-out θ (default 4)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rivals", action="store_true", help="add lognormal maps, the copula and the floor")
    parser.add_argument("--again", type=Path, metavar="RUN", action="append", default=[], help="score a trained run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs and scores.jsonl")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        study = Study(arguments.maps, arguments.seed)
        rows = study.rivals() if arguments.rivals else []
        write_scores(arguments.out, rows)
        for text in arguments.case:
            name, config = parse_case(text)
            rows.append(study.train(name, config, arguments.minutes, arguments.epochs, arguments.out / name, text))
            write_scores(arguments.out, rows[-1:])
        for folder in arguments.again:
            rows.append(study.score_run(folder, folder.name))
            write_scores(arguments.out, rows[-1:])
        print(study.table(rows))
    except UserError as error:
        print(f"benchmarks/quickstart_study.py: {error}", file=sys.stderr)
        return 2
    return 0


class Study:
    """The dataset, its held-out part, and the truth that every row is compared with."""

    def __init__(self, maps: int, seed: int) -> None:
        self.home, self.each, self.seed = focus_home(), maps, seed
        config = load_config(RECIPE)
        self.dataset = open_dataset(config.data, self.home)
        self.split = split_simulations(self.dataset.n_simulations, config.data.train_split, config.data.split_seed)
        self.transform = fit_transform(self.dataset, self.split.train)
        self.held_out = np.array(sorted(self.split.validation + self.split.test))
        self.theta = self.dataset.theta[self.held_out]
        self.box = float(self.dataset.box_size or 1.0)
        powers = band_average(power_spectrum(self.dataset.maps, self.box))
        self.true = powers.reshape(self.dataset.n_simulations, self.dataset.maps_per_row, -1).mean(axis=1)
        space = self.dataset.space
        self.fit = fit_smoothed_truth(space.to_unit(self.dataset.theta), self.true, space)
        self.smooth = self.fit.predict(space.to_unit(self.theta))
        self.real = np.asarray(self.dataset.maps[self.dataset.maps_of(self.held_out)])

    def score(self, name: str, maps: NDArray[np.float32], **more: Any) -> Score:
        """`maps` (n_held_out · each, N, N), simulation by simulation."""
        powers = band_average(power_spectrum(maps, self.box, name)).reshape(len(self.theta), -1, self.smooth.shape[1])
        result = ratio_of_means(powers.mean(axis=1), self.smooth, np.random.default_rng(self.seed))
        ks = float(stats.ks_2samp(self._log(maps), self._log(self.real)).statistic)
        peaks = peak_count(maps) / peak_count(self.real)
        return Score(name, result.ratio.tolist(), result.error.tolist(), ks, peaks, **more)

    def _log(self, maps: NDArray[np.float32]) -> FloatArray:
        return np.log10(np.maximum(maps, self.transform.floor), dtype=np.float64).ravel()

    def train(
        self, name: str, config: ExperimentConfig, minutes: float, epochs: int | None, folder: Path, text: str
    ) -> Score:
        seconds, parameters = self._speed(config)
        n_steps = -(-len(self.split.train) * self.dataset.maps_per_row // config.training.batch_size)
        epochs = epochs or max(1, round(minutes * 60 / (seconds * n_steps)))
        plain = config.to_dict()
        plain["training"] |= {"num_epochs": epochs, "sample_every": epochs}
        print(f"{name}: {parameters:,} parameters, {1000 * seconds:.0f} ms per step, {epochs} epochs", file=sys.stderr)
        began = time.monotonic()
        run_training(validate_config(plain), folder, self.home, StopSwitch())
        return self.score_run(folder, name, parameters, epochs, time.monotonic() - began, text)

    def score_run(
        self,
        folder: Path,
        name: str,
        parameters: int | None = None,
        epochs: int | None = None,
        seconds: float | None = None,
        text: str = "",
    ) -> Score:
        run = load_run(folder)
        rows = np.repeat(self.theta, self.each, axis=0)
        began = time.monotonic()
        maps = sample_maps(run, rows, len(rows), self.seed, guidance=1.0)
        return self.score(
            name,
            maps,
            parameters=parameters,
            epochs=epochs,
            train_seconds=seconds,
            evaluations=_evaluations(run.config),
            sample_seconds=time.monotonic() - began,
            val_loss=run.val_loss,
            settings=text,
        )

    def rivals(self) -> list[Score]:
        """Maps that need no training, and the score of a perfect emulator."""
        theta = self.dataset.space.to_unit(np.repeat(self.theta, self.each, axis=0))
        prior = fit_spectrum(self.dataset, self.transform, self.split.train)
        field = prior.at(torch.from_numpy(theta).float())
        seeds = [map_seed(self.seed, i) for i in range(len(theta))]
        drawn = field.seen(MapNoise(seeds, (1, self.dataset.grid, self.dataset.grid)).draw(), 0.0)[:, 0].numpy()
        return [
            self.score("held-out simulations", self.real),
            self.score("floor: other phases", self._floor()),
            self.score("lognormal maps", self.transform.inverse(drawn)),
            self.score("Gaussian copula", self._copula(drawn, theta)),
        ]

    def _copula(self, drawn: NDArray[np.float32], theta: FloatArray) -> NDArray[np.float32]:
        """The same Gaussian maps with their pixels' ranks given the one-point function of the training maps at θ.

        Quantiles of log Σ are regressed on θ, as the spectrum is; ranks are taken over the maps of one θ.
        """
        train, share = self.split.train, (np.arange(512) + 0.5) / 512
        log = np.log10(np.maximum(self.dataset.maps[self.dataset.maps_of(train)], self.transform.floor))
        quantiles = np.quantile(log.reshape(len(train), -1), share, axis=1).T
        terms = polynomial_terms(self.dataset.space)
        design = design_matrix(self.dataset.space.to_unit(self.dataset.theta[list(train)]), terms)
        wanted = np.sort(design_matrix(theta, terms) @ (np.linalg.pinv(design) @ quantiles), axis=1)
        maps = np.empty_like(drawn)
        for first in range(0, len(drawn), self.each):
            group = drawn[first : first + self.each]
            ranks = (stats.rankdata(group, axis=None).reshape(group.shape) - 0.5) / group.size
            maps[first : first + self.each] = 10.0 ** np.interp(ranks, share, wanted[first])
        return maps

    def _floor(self) -> NDArray[np.float32]:
        """New simulations at the held-out θ with phases that are not in the suite."""
        # Only the floor simulates: a machine that only trains needs no pyccl.
        from focus_core.simulation.cosmology import Cosmology
        from focus_core.simulation.particle_mesh import density, evolve
        from focus_core.simulation.slabs import slab_maps

        maps = []
        for number, row in enumerate(self.held_out):
            names = zip(self.dataset.space.names, self.dataset.theta[row], strict=True)
            cosmology = Cosmology.from_values(dict(names) | dict(self.dataset.space.fixed))
            seed = map_seed(self.seed + 1, int(row))
            positions, _ = evolve(cosmology, self.dataset.grid, self.box, seed, torch.device("cpu"))
            box = density(positions, self.dataset.grid)
            maps.append(slab_maps(box, self.dataset.maps_per_row // 3, cosmology.Omega_m, self.box))
            print(f"\rsimulating the floor {number + 1}/{len(self.held_out)}", end="", file=sys.stderr)
        print(file=sys.stderr)
        return np.concatenate([np.asarray(one, dtype=np.float32) for one in maps])

    def _speed(self, config: ExperimentConfig) -> tuple[float, int]:
        """Median seconds of a training step, and the network's parameters."""
        method = make_method(config, measure(config, self.dataset, self.transform, self.split.train))
        network = build_network(config.model, self.dataset.periodic, method.start)
        optimizer, device = make_optimizer(config, network), torch.device("cpu")
        maps = TrainingMaps(self.dataset, self.transform, self.split.train, config)
        times: list[float] = []
        for x0, condition in maps.epoch(0):
            began = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            t, drop = method.draw_times(len(x0), device), torch.rand(len(x0)) < config.training.cfg_prob
            method.loss(network, x0, condition, t, torch.randn_like(x0), drop).mean().backward()
            optimizer.step()
            times.append(time.perf_counter() - began)
            if len(times) == _TIMED + 2:
                break
        return float(np.median(times[2:])), parameter_count(network)

    def table(self, rows: list[Score]) -> str:
        names = [band.label for band in bands(self.dataset.grid)]
        head = "| | " + " | ".join(f"{name} k_f" for name in names)
        head += " | KS | peaks | parameters | epochs | train s | evaluations | sample s |"
        lines = [head, "|---" * (head.count("|") - 1) + "|"]
        for row in rows:
            cells = [f"{r:.3f} ± {e:.3f}" for r, e in zip(row.ratio, row.error, strict=True)]
            cells += [f"{row.ks:.3f}", f"{row.peaks:.2f}"]
            numbers = (row.parameters, row.epochs, row.train_seconds, row.evaluations, row.sample_seconds)
            cells += ["" if number is None else f"{number:,.0f}" for number in numbers]
            lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
        space = self.dataset.space
        spread = self.fit.bootstrap(space.to_unit(self.theta), np.random.default_rng(self.seed)).sum(axis=1)
        error = spread.std(axis=0, ddof=1) / self.smooth.sum(axis=0)
        lines.append("| error of the smoothed truth | " + " | ".join(f"± {e:.3f}" for e in error) + " | " * 7 + " |")
        return "\n".join(lines)


def peak_count(maps: NDArray[np.float32]) -> float:
    """Peaks per map, on the periodic square."""
    highest = ndimage.maximum_filter(maps, size=(1, 3, 3), mode="wrap")
    high = maps > _PEAK * maps.mean(axis=(1, 2), keepdims=True)
    return float(((maps == highest) & high).sum()) / len(maps)


def _evaluations(config: ExperimentConfig) -> int:
    spec = SAMPLERS[config.sampling.method]
    return spec.expected_evaluations(config.method, config.steps()[1], config.diffusion.timesteps)


def parse_case(text: str) -> tuple[str, ExperimentConfig]:
    name, _, settings = text.partition(":")
    plain = load_config(RECIPE).to_dict()
    del plain["experiment"]["method"]
    for setting in filter(None, settings.split(",")):
        key, _, value = setting.partition("=")
        section, _, last = key.rpartition(".")
        place = plain
        for part in filter(None, section.split(".")):
            place = place.setdefault(part, {})
        place[last] = [int(part) for part in value.split("-")] if last == "channel_mults" else value
        if key == "method":
            plain["sampling"].pop("method", None)
    plain["experiment"]["name"] = name
    return name, validate_config(plain, f"--case {name}")


def write_scores(folder: Path, rows: list[Score]) -> None:
    with (folder / "scores.jsonl").open("a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(asdict(row)) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    sys.exit(main())
