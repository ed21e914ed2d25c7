"""A laboratory in a folder of its own: a migrated record, a tiny dataset, real workers, impatient leases.

Every process is started here and ended here, by its id.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from mortal import mortal
from private_database import ServerPool
from waiting import await_condition, slowness

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_core.data.folder import Description, write_folder
from focus_core.parameters import WCDM6
from focus_store.queue import SAMPLE, TRAIN, make_folders
from focus_store.record.record import open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.consumer.reaper import Reaper
from worker.laboratory import services
from worker.processes import family, kill, running_in

IMPATIENT = {
    "FOCUS_HEARTBEAT_SECONDS": "0.5",
    "FOCUS_REAP_SECONDS": "0.5",
    "FOCUS_POLL_SECONDS": "0.1",
    "FOCUS_REPUBLISH_SECONDS": "2",
    "FOCUS_MAX_RETRIES": "10",
    "FOCUS_TRAIN_THREADS": "1",
    "FOCUS_TRAIN_NICENESS": "0",
    "OMP_NUM_THREADS": "1",
}


class RealLaboratory:
    def __init__(self, home: Path, database_url: str = "", broker_url: str = "") -> None:
        where = {"FOCUS_HOME": str(home), "FOCUS_DATABASE_URL": database_url, "FOCUS_BROKER_URL": broker_url}
        # A worker that waits long for its turn on a busy machine is no dead one.
        lease = {"FOCUS_LEASE_SECONDS": f"{4 * slowness():g}"}
        self.environment = {**os.environ, **IMPATIENT, **lease, **where}
        self.settings = Settings.from_environment(self.environment)
        migrate(self.settings.database_url)
        make_folders(self.settings)
        self.record = open_record(self.settings)
        self.await_condition = await_condition
        self.seen: dict[int, psutil.Process] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ended = threading.Event()
        # The launcher's part: it has a reaper of its own, which outlives any worker.
        self._reaper = Reaper(self.record, self._ended)
        self._reaper.start()

    def worker(self, lane: str, number: str = "", **variables: str) -> subprocess.Popen[bytes]:
        """Start a Celery worker as `focus-lab up` does; `variables` are its own."""
        log = self.settings.log_folder / f"{lane}{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**self.environment, **variables}
        with log.open("ab") as stream:
            process = mortal(
                services.worker(lane, number), stdout=stream, stderr=stream, env=environment, start_new_session=True
            )
        self._processes.append(process)
        return process

    def remember_family(self, process: subprocess.Popen[bytes]) -> None:
        """Note every descendant, so that a later check can tell whether one of them is left."""
        self.seen |= {member.pid: member for member in family(process.pid)}

    def left(self) -> list[psutil.Process]:
        """Processes that were seen and are still there, zombies of our own aside."""
        return [p for p in self.seen.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def summary(self, experiment_id: str) -> Any:
        return self.record.experiments.get(experiment_id).summary

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self.settings.log_folder.glob("*.log"))

    def close(self) -> None:
        self._ended.set()
        self._reaper.join()
        for process in self._processes:
            self.remember_family(process)
        kill(self.seen.values())
        for process in self._processes:
            process.wait()
        for folder in (*self.settings.runs.glob("*"), *self.settings.datasets.glob("*")):
            kill([*running_in(folder, "--exp-dir"), *running_in(folder, "--out")])
        self.record.close()


@pytest.fixture(params=["embedded", "servers"])
def laboratory(request: pytest.FixtureRequest, tmp_path: Path, server_pool: ServerPool) -> Iterator[RealLaboratory]:
    """A record and its folders; workers are started by the test. On SQLite and files, and on PostgreSQL and Redis."""
    addresses = () if request.param == "embedded" else (server_pool.new_database(), server_pool.empty_broker())
    found = RealLaboratory(tmp_path / "home", *addresses)
    yield found
    found.close()


@pytest.fixture
def tiny_dataset(laboratory: RealLaboratory) -> str:
    """Eight simulations of three 16² maps: smooth lognormal fields whose amplitude follows σ_8."""
    rng = np.random.default_rng(7)
    theta = WCDM6.from_unit(rng.uniform(-0.9, 0.9, (8, 6)))
    k = np.hypot(np.fft.fftfreq(16)[:, None], np.fft.rfftfreq(16)[None, :])
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((8, 3, 16, 16))) * np.exp(-((k / 0.15) ** 2)), s=(16, 16))
    maps = (1e12 * np.exp(3.0 * theta[:, 4, None, None, None] * noise)).astype(np.float32)
    about = Description("tiny", "Mtot", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, 3, WCDM6)
    write_folder(laboratory.settings.datasets / "tiny", iter(maps), 16, theta, about)
    return "tiny"


@pytest.fixture
def tiny_config(tiny_dataset: str) -> Callable[..., ExperimentConfig]:
    """`tiny_config(num_epochs=…)`: a network of 8 channels on the tiny dataset."""

    def make(num_epochs: int, sample_every: int = 1000) -> ExperimentConfig:
        return validate_config(
            {
                "experiment": {"name": "tiny"},
                "data": {"dataset": tiny_dataset, "train_split": 0.5},
                "model": {"base_channels": 8, "channel_mults": [1, 2], "time_dim": 16},
                "diffusion": {"timesteps": 50},
                "training": {
                    "batch_size": 2,
                    "num_epochs": num_epochs,
                    "sample_every": sample_every,
                    "scheduler": {"warmup_epochs": 1},
                },
                "sampling": {"ddim_timesteps": 2},
                "device": "cpu",
            }
        )

    return make


@pytest.fixture
def train_lane() -> str:
    return TRAIN


@pytest.fixture
def sample_lane() -> str:
    return SAMPLE
