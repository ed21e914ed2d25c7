"""A small dataset folder, a small configuration, and one short training that several tests look at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_core.data.folder import Description, write_folder
from focus_core.paths import datasets_folder
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

GRID, SIMULATIONS, MAPS_PER_SIMULATION = 16, 12, 2


def make_config(**sections: dict[str, Any]) -> ExperimentConfig:
    """A network of 8 channels on 16² maps, two epochs of three steps; `sections` override single keys."""
    plain: dict[str, Any] = {
        "experiment": {"name": "tiny"},
        "data": {"dataset": "tiny", "train_split": 0.5},
        "model": {"base_channels": 8, "channel_mults": [1, 2], "time_dim": 16},
        "diffusion": {"timesteps": 50, "beta_end": 0.2},
        "training": {
            "batch_size": 5,
            "num_epochs": 2,
            "lr": 1e-3,
            "use_augmentation": True,
            "ema_decay": 0.9,
            "scheduler": {"warmup_epochs": 1},
        },
        "sampling": {"ddim_timesteps": 4},
        "device": "cpu",
    }
    for name, section in sections.items():
        plain[name] = {**plain.get(name, {}), **section} if isinstance(section, dict) else section
    return validate_config(plain)


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., ExperimentConfig]:
    return make_config


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A FOCUS_HOME with the dataset `tiny`: lognormal maps of 16² in a box of 16 Mpc/h."""
    from focus_core.parameters import WCDM6

    home = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(0)
    theta = WCDM6.from_unit(rng.uniform(-1, 1, (SIMULATIONS, 6)))
    maps = np.exp(rng.normal(0.0, 0.7, (SIMULATIONS * MAPS_PER_SIMULATION, GRID, GRID))).astype(np.float32) * 1e11
    about = Description("tiny", "Mcdm", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, MAPS_PER_SIMULATION, WCDM6)
    write_folder(datasets_folder(home) / "tiny", [maps], GRID, theta, about)
    return home


@pytest.fixture(scope="session")
def finished_run(tiny_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs. Read it, never write in it."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run_training(make_config(), folder, tiny_home, StopSwitch())
    return folder
