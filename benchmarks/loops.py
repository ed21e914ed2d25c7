"""The training loops that are compared, each an iterator whose `next` is one step, and maps for them to learn."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from plain_loop import MapsDataset
from torch import nn
from torch.utils.data import DataLoader

from focus_core.config.experiment import ExperimentConfig, load_config, validate_config
from focus_core.data.folder import Description, write_folder
from focus_core.data.opening import open_dataset
from focus_core.data.split import split_simulations
from focus_core.data.transform import fit_transform
from focus_core.parameters import WCDM6
from focus_core.paths import datasets_folder
from focus_core.progress import Journal
from focus_core.training.loop import train
from focus_core.training.run_state import RunData
from focus_core.training.stopping import StopSwitch

TASKS = Path(__file__).resolve().parents[1] / "tasks"
EXPERIMENTS = {"01": "experiment_01", "02": "experiment_02"}

# Blocks of UNet2DModel as in the training example of diffusers (six levels, two layers each, attention at the fifth),
# of widths that give the parameters of each experiment within two per cent.
DIFFUSERS_WIDTHS = {"01": (160, 160, 288, 288, 576, 576), "02": (64, 64, 160, 160, 288, 288)}


@dataclass(frozen=True)
class Lesson:
    """The data that every loop trains on: a run's data for FOCUS, its training maps as plain arrays for the others."""

    data: RunData
    maps: NDArray[np.float32]
    theta: NDArray[np.float32]


def recipe(
    experiment: str, batch_size: int | None = None, training: Mapping[str, Any] | None = None, **model: Any
) -> ExperimentConfig:
    """An experiment's own configuration, with another batch size. Maps are read by the loop itself, in its own time: a
    process that reads ahead would work during another loop's turn."""
    plain = load_config(TASKS / EXPERIMENTS[experiment] / "config.yaml").to_dict()
    plain["data"] = {"dataset": "lesson", "train_split": 0.9, "num_workers": 0}
    plain["training"]["batch_size"] = batch_size or plain["training"]["batch_size"]
    plain["training"] |= training or {}
    plain["model"] |= model
    return validate_config(plain)


def lesson(home: Path, grid: int, n_maps: int) -> Lesson:
    """Write and open it."""
    write_lesson(home, grid, n_maps)
    return opened_lesson(home)


def write_lesson(home: Path, grid: int, n_maps: int, seed: int = 0, name: str = "lesson") -> None:
    """Lognormal maps of this many pixels per side, two per simulation, written as a dataset under `home`."""
    rng, simulations = np.random.default_rng(seed), -(-n_maps // 2)
    theta = WCDM6.from_unit(rng.uniform(-1, 1, (simulations, 6)))
    maps = (1e11 * np.exp(rng.standard_normal((2 * simulations, grid, grid), dtype=np.float32))).astype(np.float32)
    about = Description(name, "Mcdm", "(M☉/h)/(Mpc/h)²", 25.0, 0.0, 2, WCDM6)
    write_folder(datasets_folder(home) / name, [maps], grid, theta, about)


def opened_lesson(home: Path) -> Lesson:
    config = recipe("02")
    dataset = open_dataset(config.data, home)
    split = split_simulations(dataset.n_simulations, config.data.train_split, config.data.split_seed)
    transform = fit_transform(dataset, split.train)
    chosen = dataset.maps_of(split.train)
    scaled = WCDM6.to_unit(dataset.theta[dataset.row_of(chosen)]).astype(np.float32)
    return Lesson(RunData(dataset, split, transform), transform.forward(maps=dataset.maps[chosen]), scaled)


class FocusLoop(Iterator[None]):
    """`focus_core.training.loop.train` itself, held at every check of its stop switch until `next` lets it continue.

    A step is the work between two checks: the batch, the step, its line in the journal. Close it to end training.
    """

    def __init__(self, config: ExperimentConfig, data: RunData, device: torch.device, folder: Path) -> None:
        self._gate = _Gate()
        self._failure: BaseException | None = None
        arguments = (config, folder, data, device)
        self._thread = threading.Thread(target=self._train, args=arguments, name="training", daemon=True)

    def __next__(self) -> None:
        if self._thread.ident is None:
            self._thread.start()
            self._await()  # everything before the first step
        self._gate.go.release()
        self._await()

    def close(self) -> None:
        if self._thread.ident is not None:
            self._gate.closed = True
            self._gate.go.release()
            self._thread.join()

    def _await(self) -> None:
        self._gate.arrived.acquire()
        if self._failure is not None:
            raise self._failure

    def _train(self, config: ExperimentConfig, folder: Path, data: RunData, device: torch.device) -> None:
        try:
            with Journal(folder) as journal:
                train(config, folder, data, device, journal, self._gate)
            self._failure = StopIteration()
        except _Closed:
            pass
        except BaseException as failure:  # noqa: BLE001 - it is raised again in the thread that asks for a step
            self._failure = failure
        self._gate.arrived.release()

    def __enter__(self) -> FocusLoop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class OwnThread(Iterator[Any]):
    """The steps of a loop, each in a separate thread, as FOCUS's are: memory costs more there than in the first
    thread (5 % of a step of Experiment 01 at 64², for its page faults)."""

    def __init__(self, steps: Iterator[Any]) -> None:
        self._steps, self._thread = steps, ThreadPoolExecutor(1)

    def __next__(self) -> Any:
        return self._thread.submit(next, self._steps).result()


class _Closed(BaseException):
    """Ends a training run between two steps; it must not be handled as a failure, or cause anything to be saved."""


class _Gate(StopSwitch):
    """A stop switch that holds its caller until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.arrived, self.closed = threading.Semaphore(0), threading.Semaphore(0), False

    def check(self) -> None:
        self.arrived.release()
        self.go.acquire()
        if self.closed:
            raise _Closed


def diffusers_loop(
    experiment: str, lesson: Lesson, batch_size: int, device: torch.device
) -> tuple[nn.Module, Iterator[float]]:
    """diffusers' UNet2DModel, conditioned on θ instead of a class, and the steps of its training example's loop."""
    from diffusers import DDPMScheduler, UNet2DModel
    from diffusers.optimization import get_cosine_schedule_with_warmup

    network = UNetOfTheta(UNet2DModel, DIFFUSERS_WIDTHS[experiment], lesson.theta.shape[1]).to(device)
    schedule = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    rate = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=500, num_training_steps=100_000)

    def steps() -> Iterator[float]:
        loader = DataLoader(MapsDataset(lesson.maps, lesson.theta), batch_size, shuffle=True, drop_last=True)
        network.train()
        while True:
            for clean, theta in loader:
                clean, theta = clean.to(device), theta.to(device)
                noise = torch.randn(clean.shape, device=device)
                t = torch.randint(0, schedule.config.num_train_timesteps, (len(clean),), device=device)
                loss = nn.functional.mse_loss(network(schedule.add_noise(clean, noise, t), t, theta), noise)
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                rate.step()
                optimizer.zero_grad()
                yield loss.detach().item()

    return network, steps()


class UNetOfTheta(nn.Module):
    """UNet2DModel whose time embedding is added to a linear map of θ. `groups` are those of its normalisations."""

    def __init__(self, unet: Any, widths: tuple[int, ...], condition_size: int, groups: int = 32) -> None:
        super().__init__()
        levels = len(widths)
        down, up = ["DownBlock2D"] * levels, ["UpBlock2D"] * levels
        down[-2], up[1] = "AttnDownBlock2D", "AttnUpBlock2D"
        self.unet = unet(
            in_channels=1,
            out_channels=1,
            block_out_channels=widths,
            layers_per_block=2,
            down_block_types=tuple(down),
            up_block_types=tuple(up),
            class_embed_type="identity",
            norm_num_groups=groups,
        )
        self.theta = nn.Linear(condition_size, 4 * widths[0])

    def forward(self, x: torch.Tensor, t: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        predicted: torch.Tensor = self.unet(x, t, class_labels=self.theta(theta), return_dict=False)[0]
        return predicted
