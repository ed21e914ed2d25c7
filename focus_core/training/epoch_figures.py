"""The figures of an epoch and their arrays: four true maps beside three generated ones each, and their statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from torch import nn

from focus_core.catalogue.map_statistics import statistics_of
from focus_core.catalogue.statistic_spec import NORMALISED, MapStatistic
from focus_core.config.experiment import ExperimentConfig
from focus_core.data.dataset import MapDataset
from focus_core.data.split import Split
from focus_core.data.transform import Transform
from focus_core.diffusion.method import Method, Sampler
from focus_core.diffusion.noise import map_seed
from focus_core.disk.atomic import replacing
from focus_core.errors import UserError
from focus_core.map_model import BATCH_PIXELS, MapModel, SampleProgress, draw_maps
from focus_core.run_files import FIGURES, epoch_files
from focus_core.statistics.measuring import measure_field

FloatArray = NDArray[np.float64]
SAMPLES = "samples"
ROWS, GENERATED = 4, 3
_SEEDS = 5


@dataclass(frozen=True)
class EpochFigure:
    """Paths relative to the run folder; `extra` are further fields of the journal's event, `in_words` for the log."""

    name: str
    path: Path
    arrays: Path
    extra: dict[str, Any] = field(default_factory=dict)
    in_words: str = ""


@dataclass(frozen=True)
class _Simulated:
    """A statistic of the simulations of the rows: of the map that is shown, and mean and scatter over all (rows, q)."""

    real: FloatArray
    mean: FloatArray
    scatter: FloatArray
    n_maps: int


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
        every = [self._maps_of(simulation) for simulation in self.simulations]
        self._real = np.stack([maps[0] for maps in every]).astype(np.float32)
        self._simulated = {s: self._simulation(s, every) for s in statistics_of(dataset.normalised)}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of an epoch's figures, in the journal and in file names."""
        return SAMPLES, *(statistic.name for statistic in self._simulated)

    def is_due(self, epoch: int) -> bool:
        """After every `sample_every` completed epochs, and after the last."""
        training = self._config.training
        return epoch > 0 and (epoch % training.sample_every == 0 or epoch >= training.num_epochs)

    @staticmethod
    def are_there(run_folder: Path, epoch: int, names: Sequence[str] = (SAMPLES,)) -> bool:
        return all((run_folder / path).exists() for name in names for path in epoch_files(name, epoch))

    def make(
        self, run_folder: Path, network: nn.Module, epoch: int, progress: SampleProgress | None = None
    ) -> list[EpochFigure]:
        """Sample with these weights, measure, write every .npz and every .png."""
        # matplotlib is imported here, so that the first step need not wait for it
        from focus_core.figures.epoch_curves import draw_curves
        from focus_core.figures.samples import draw_samples

        (run_folder / FIGURES).mkdir(exist_ok=True)
        theta = self._dataset.theta[list(self.simulations)]
        maps = self._draw(network, theta, progress)
        measured = {s: self._curves(s, maps, theta, epoch) for s in self._simulated}
        symbols = [parameter.symbol for parameter in self._dataset.space.parameters]
        samples = self._samples(maps, theta, epoch)
        figures = [_written(run_folder, SAMPLES, epoch, samples, lambda file: draw_samples(file, samples, symbols))]
        for statistic, arrays in measured.items():
            summary = statistic.summary(arrays)
            draw = partial(draw_curves, statistic=statistic, arrays=arrays, symbols=symbols)
            found = _written(run_folder, statistic.name, epoch, arrays, draw)
            figures.append(replace(found, extra=summary, in_words=statistic.told(summary)))
        return figures

    def _simulation(self, statistic: MapStatistic, every: Sequence[NDArray[np.float32]]) -> _Simulated:
        dataset = self._dataset
        source = str(dataset.maps_file)
        found = [measure_field(statistic, maps, dataset.box_size, dataset.normalised, source).values for maps in every]
        return _Simulated(
            real=np.stack([values[0] for values in found]),
            mean=np.stack([values.mean(axis=0) for values in found]),
            scatter=np.stack([values.std(axis=0, ddof=min(1, len(values) - 1)) for values in found]),
            n_maps=min(len(values) for values in found),
        )

    def _maps_of(self, row: int) -> NDArray[np.float32]:
        """All maps of the simulation to which a row belongs."""
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
        # No more maps at once than in a training step: drawing must not need more memory than training.
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
            "unit": np.array(self._dataset.unit or NORMALISED),
            **self._common(theta, epoch),
        }

    def _curves(
        self, statistic: MapStatistic, maps: NDArray[np.float32], theta: NDArray[np.float64], epoch: int
    ) -> dict[str, Any]:
        box, normalised, truth = self._dataset.box_size, self._dataset.normalised, self._simulated[statistic]
        found = measure_field(statistic, maps.reshape(-1, *maps.shape[2:]), box, normalised)
        return {
            **statistic.coordinates(found),
            "real": truth.real,
            "generated": found.values.reshape(ROWS, GENERATED, -1),
            "simulation_mean": truth.mean,
            "simulation_std": truth.scatter,
            "n_simulation_maps": np.int64(truth.n_maps),
            "unit": np.array(statistic.unit(box, normalised)),
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


def _written(
    run_folder: Path, name: str, epoch: int, arrays: dict[str, Any], draw: Callable[[BinaryIO], None]
) -> EpochFigure:
    picture, data = epoch_files(name, epoch)
    with replacing(run_folder / data) as file:
        np.savez(file, **arrays)
    with replacing(run_folder / picture) as file:
        draw(file)
    return EpochFigure(name, picture, data)


def choose_simulations(dataset: MapDataset, validation: tuple[int, ...]) -> tuple[int, ...]:
    """Four validation simulations, the nearest to the middle of each quarter of σ_8 (of the first column without one).

    Each is identified by its first row. They are distinct; if there are fewer than four, some are reused.
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
