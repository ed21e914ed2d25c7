"""The two figures of an epoch and their arrays: four true maps beside three generated ones each, and their P(k)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from focus_core.config.experiment import ExperimentConfig
from focus_core.data.dataset import MapDataset
from focus_core.data.split import Split
from focus_core.data.transform import Transform
from focus_core.diffusion.method import Method, Sampler
from focus_core.diffusion.noise import map_seed
from focus_core.disk.atomic import replacing
from focus_core.errors import UserError
from focus_core.map_model import BATCH_PIXELS, MapModel, SampleProgress, draw_maps
from focus_core.power_error import band_edges, power_error
from focus_core.run_files import FIGURES, epoch_files
from focus_core.statistics.power import PowerSpectrum
from focus_core.statistics.truth import field_power, power_unit

NAMES = ("samples", "power_spectrum")
ROWS, GENERATED = 4, 3
_SEEDS = 5


@dataclass(frozen=True)
class EpochFigure:
    """Paths relative to the run folder; `extra` are further fields of the journal's event."""

    name: str
    path: Path
    arrays: Path
    extra: dict[str, Any]

    def in_words(self) -> str:
        """The P(k) error for the log, with its standard error and what it is of; empty where none was measured."""
        error, uncertainty = self.extra.get("power_error"), self.extra.get("power_uncertainty")
        if error is None:
            return ""
        among = f"{self.extra['power_maps']} maps of {self.extra['power_simulations']} simulations"
        spread = "" if uncertainty is None else f" ± {100 * uncertainty:.2g}"
        return f"P(k) error {100 * error:.3g}{spread} %, mean of bands ({among})"


class EpochFigures:
    """Draws the same θ with the same noise after every epoch, so that frames can be compared."""

    def __init__(
        self,
        dataset: MapDataset,
        transform: Transform,
        split: Split,
        method: Method,
        config: ExperimentConfig,
    ) -> None:
        self._dataset, self._transform, self._method, self._config = dataset, transform, method, config
        self.simulations = choose_simulations(dataset, split.validation)
        seeds = [[map_seed(config.training.seed, _SEEDS, row, i) for i in range(GENERATED)] for row in range(ROWS)]
        self.seeds = np.array(seeds, dtype=np.int64)
        box, normalised = dataset.box_size, dataset.normalised
        every = [field_power(self._maps_of(s), box, normalised, str(dataset.maps_file)) for s in self.simulations]
        self._real = np.stack([self._maps_of(s)[0] for s in self.simulations]).astype(np.float32)
        self._real_power = np.stack([spectrum.power[0] for spectrum in every])
        self._mean = np.stack([spectrum.power.mean(axis=0) for spectrum in every])
        self._scatter = np.stack([s.power.std(axis=0, ddof=min(1, len(s.power) - 1)) for s in every])
        self._n_maps = min(len(s.power) for s in every)

    def is_due(self, epoch: int) -> bool:
        """After every `sample_every` completed epochs, and after the last."""
        training = self._config.training
        return epoch > 0 and (epoch % training.sample_every == 0 or epoch >= training.num_epochs)

    @staticmethod
    def are_there(run_folder: Path, epoch: int) -> bool:
        return all((run_folder / path).exists() for name in NAMES for path in epoch_files(name, epoch))

    def make(
        self, run_folder: Path, network: nn.Module, epoch: int, progress: SampleProgress | None = None
    ) -> list[EpochFigure]:
        """Sample with these weights, write both .npz and both .png."""
        # matplotlib, which the first step need not wait for
        from focus_core.figures.power import draw_power
        from focus_core.figures.samples import draw_samples

        (run_folder / FIGURES).mkdir(exist_ok=True)
        theta = self._dataset.theta[list(self.simulations)]
        maps = self._draw(network, theta, progress)
        spectrum = field_power(maps.reshape(-1, *maps.shape[2:]), self._dataset.box_size, self._dataset.normalised)
        samples = self._samples(maps, theta, epoch)
        power = self._power(spectrum, theta, epoch)
        symbols = [parameter.symbol for parameter in self._dataset.space.parameters]
        figures = []
        for name, arrays in zip(NAMES, (samples, power), strict=True):
            picture, data = epoch_files(name, epoch)
            with replacing(run_folder / data) as file:
                np.savez(file, **arrays)
            with replacing(run_folder / picture) as file:
                (draw_samples if name == "samples" else draw_power)(file, arrays, symbols)
            extra = {} if name == "samples" else self._band_ratios(spectrum)
            figures.append(EpochFigure(name, picture, data, extra))
        return figures

    def _maps_of(self, row: int) -> NDArray[np.float32]:
        """Of the whole simulation to which a row belongs."""
        return np.asarray(self._dataset.maps[self._dataset.sisters_of(row)])

    def _draw(
        self, network: nn.Module, theta: NDArray[np.float64], progress: SampleProgress | None
    ) -> NDArray[np.float32]:
        section = self._config.sampling
        model = MapModel(
            network=network,
            method=self._method,
            transform=self._transform,
            space=self._dataset.space,
            grid=self._dataset.grid,
            channels=self._config.model.in_channels,
            device=next(network.parameters()).device,
        )
        sampler = Sampler.of(section)
        rows = np.repeat(theta, GENERATED, axis=0)
        # No more maps at once than a training step has: drawing must not need more memory than training.
        size = min(len(rows), self._config.training.batch_size, max(1, BATCH_PIXELS // model.grid**2))
        seeds = self.seeds.ravel().tolist()
        maps = draw_maps(model, rows, seeds, sampler, section.cfg_scale, progress, batch_size=size)
        return maps.reshape(ROWS, GENERATED, *maps.shape[1:])

    def _samples(self, maps: NDArray[np.float32], theta: NDArray[np.float64], epoch: int) -> dict[str, Any]:
        return {
            "real": self._real,
            "generated": maps,
            "seeds": self.seeds,
            "symbols": np.array([p.symbol for p in self._dataset.space.parameters]),
            "unit": np.array(self._dataset.unit or "normalised"),
            **self._common(theta, epoch),
        }

    def _power(self, spectrum: PowerSpectrum, theta: NDArray[np.float64], epoch: int) -> dict[str, Any]:
        return {
            "k": spectrum.k,
            "n_modes": spectrum.n_modes,
            "real": self._real_power,
            "generated": spectrum.power.reshape(ROWS, GENERATED, -1),
            "simulation_mean": self._mean,
            "simulation_std": self._scatter,
            "n_simulation_maps": np.int64(self._n_maps),
            "unit": np.array(power_unit(self._dataset.box_size, self._dataset.normalised)),
            **self._common(theta, epoch),
        }

    def _common(self, theta: NDArray[np.float64], epoch: int) -> dict[str, Any]:
        box = self._dataset.box_size
        return {
            "theta": theta,
            "names": np.array(self._dataset.space.names),
            "simulations": np.array(self.simulations, dtype=np.int64),
            "box_size": np.float64(math.nan if box is None else box),
            "epoch": np.int64(epoch),
        }

    def _band_ratios(self, spectrum: PowerSpectrum) -> dict[str, Any]:
        """What the journal tells of the spectra: their error, what it is of, and the ratio in each band."""
        edges = band_edges(spectrum.grid)
        found = power_error(
            spectrum.power.reshape(ROWS, GENERATED, -1), self._mean, spectrum.n_modes, self.simulations, edges
        )
        return {
            "power_error": found.error,
            "power_uncertainty": found.uncertainty,
            "power_maps": found.n_maps,
            "power_simulations": found.n_simulations,
            "power_ratio": [] if found.error is None else found.ratio.tolist(),
            "bands": [list(edge) for edge in edges],
        }


def choose_simulations(dataset: MapDataset, validation: tuple[int, ...]) -> tuple[int, ...]:
    """Four validation simulations, the nearest to the middle of each quarter of σ_8 (of the first column without one).

    Each is told by its first row. They are distinct; where there are fewer than four, some are reused.
    """
    if not validation:
        raise UserError("data.train_split: leaves no simulation for validation, and figures need one; lower it.")
    names = dataset.space.names
    validation = tuple(sorted(set(dataset.first_rows[dataset.simulation[list(validation)]].tolist())))
    column = dataset.theta[list(validation), names.index("sigma_8") if "sigma_8" in names else 0]
    targets = np.quantile(column, (np.arange(ROWS) + 0.5) / ROWS)
    chosen: list[int] = []
    for target in targets:
        order = np.argsort(np.abs(column - target), kind="stable")
        unused = [int(i) for i in order if int(i) not in chosen]
        chosen.append(unused[0] if unused else int(order[0]))
    return tuple(int(validation[i]) for i in chosen)
