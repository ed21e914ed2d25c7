"""The small training run that `chaos.py` and `chaos_exact.py` disturb."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_core.data.folder import Description, write_folder
from focus_core.parameters import WCDM6
from focus_core.run_files import JOURNAL

EPOCHS = 30


def tiny_config(dataset: str) -> ExperimentConfig:
    return validate_config(
        {
            "experiment": {"name": "chaos"},
            "data": {"dataset": dataset, "train_split": 0.5},
            "model": {"base_channels": 8, "channel_mults": [1, 2], "time_dim": 16},
            "diffusion": {"timesteps": 50},
            "training": {
                "batch_size": 2,
                "num_epochs": EPOCHS,
                "sample_every": EPOCHS // 3,
                "scheduler": {"warmup_epochs": 1},
            },
            "sampling": {"ddim_timesteps": 2},
            "device": "cpu",
        }
    )


def make_dataset(home: Path) -> None:
    """Eight simulations of three 16² lognormal maps."""
    rng = np.random.default_rng(7)
    theta = WCDM6.from_unit(rng.uniform(-0.9, 0.9, (8, 6)))
    k = np.hypot(np.fft.fftfreq(16)[:, None], np.fft.rfftfreq(16)[None, :])
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((8, 3, 16, 16))) * np.exp(-((k / 0.15) ** 2)), s=(16, 16))
    maps = (1e12 * np.exp(3.0 * theta[:, 4, None, None, None] * noise)).astype(np.float32)
    about = Description("tiny", "Mtot", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, 3, WCDM6)
    write_folder(home / "datasets" / "tiny", iter(maps), 16, theta, about)


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """With json alone: the check must not use the code that it checks."""
    return [json.loads(line) for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines()]
