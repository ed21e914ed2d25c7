"""The laboratory of `chaos.py`: short leases, in its own folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import redis
from chaos_training import make_dataset, tiny_config

from focus_core.config.experiment import to_yaml
from focus_core.run_files import CONFIG
from focus_store.queue import SAMPLE, TRAIN, make_folders, message_folder
from focus_store.record.record import open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.consumer.reaper import Reaper
from worker.laboratory import services
from worker.laboratory.servers import PrivateServers
from worker.processes import family, is_gone, kill, running_in, wait_until_gone

WORKERS = ((TRAIN, "1"), (TRAIN, "2"), (SAMPLE, ""))
IMPATIENT = {
    "FOCUS_HEARTBEAT_SECONDS": "0.5",
    "FOCUS_LEASE_SECONDS": "4",
    "FOCUS_REAP_SECONDS": "0.5",
    "FOCUS_POLL_SECONDS": "0.1",
    "FOCUS_REPUBLISH_SECONDS": "2",
    "FOCUS_MAX_RETRIES": "1000",
    "FOCUS_TRAIN_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


def make_reference(folder: Path) -> Path:
    """The same training run, alone: what the disturbed ones must have learnt."""
    make_dataset(folder)
    run = folder / "reference"
    run.mkdir()
    (run / CONFIG).write_text(to_yaml(tiny_config("tiny")), encoding="utf-8")
    command = [sys.executable, "-m", "focus_core.cli", "train", "--config", str(run / CONFIG)]
    environment = {**os.environ, **IMPATIENT, "FOCUS_HOME": str(folder)}
    subprocess.run([*command, "--exp-dir", str(run)], env=environment, check=True, stdout=subprocess.DEVNULL)
    return run


class Ground:
    """Workers as `focus-lab up` starts them, but restarted at once: the launcher would wait."""

    def __init__(self, home: Path, servers: PrivateServers | None) -> None:
        addresses = (servers.database_url(), servers.broker_url) if servers else ("", "")
        where = dict(zip(("FOCUS_DATABASE_URL", "FOCUS_BROKER_URL"), addresses, strict=True))
        self.environment = {**os.environ, **IMPATIENT, **where, "FOCUS_HOME": str(home)}
        self.settings = Settings.from_environment(self.environment)
        self.servers = servers
        migrate(self.settings.database_url)
        make_folders(self.settings)
        make_dataset(home)
        self.record = open_record(self.settings)
        self._workers: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._seen: dict[int, psutil.Process] = {}
        self._ended = threading.Event()
        self._reaper = Reaper(self.record, self._ended)  # the launcher's part

    def start(self) -> None:
        self._reaper.start()
        self.restart_dead_workers()

    def alive(self, lane: str) -> list[subprocess.Popen[bytes]]:
        return [process for (found, _), process in self._workers.items() if found == lane and process.poll() is None]

    def restart_dead_workers(self) -> None:
        for key in WORKERS:
            if key in self._workers and self._workers[key].poll() is None:
                continue
            log = self.settings.log_folder / f"{''.join(key)}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as stream:
                self._workers[key] = subprocess.Popen(
                    services.worker(*key), stdout=stream, stderr=stream, env=self.environment, start_new_session=True
                )

    def look_around(self) -> None:
        """Remember every process of the laboratory: after a death its children cannot be found otherwise."""
        for process in self._workers.values():
            self._seen |= {member.pid: member for member in family(process.pid)}

    def lose_messages(self) -> None:
        if self.servers is None:
            for message in message_folder(self.settings).glob("*.msg"):
                message.unlink(missing_ok=True)
            return
        with redis.Redis(unix_socket_path=self.servers.broker_url.removeprefix("redis+socket://")) as client:
            client.flushall()

    def summary(self, run: str) -> Any:
        return self.record.experiments.get(run).summary

    def end(self) -> list[psutil.Process]:
        """SIGTERM to the workers, as the launcher does; returns the processes that remain."""
        self.look_around()
        for process in self._workers.values():
            process.terminate()
        for process in self._workers.values():
            process.wait(self.settings.grace_seconds + 60.0)
        wait_until_gone(list(self._seen.values()), self.settings.grace_seconds)
        return [process for process in self._seen.values() if not is_gone(process)] + self._trainers()

    def close(self) -> None:
        """However the storm ended, nothing that it started continues."""
        self._ended.set()
        if self._reaper.is_alive():
            self._reaper.join()
        self.look_around()
        kill([*self._seen.values(), *self._trainers()])
        for process in self._workers.values():
            process.wait()
        self.record.close()

    def last_words(self) -> str:
        return "\n".join(
            f"{p}: {p.read_text(errors='replace')[-1500:]}" for p in self.settings.log_folder.glob("*.log")
        )

    def _trainers(self) -> list[psutil.Process]:
        return [p for folder in self.settings.runs.glob("*") for p in running_in(folder, "--exp-dir")]
