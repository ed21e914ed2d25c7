"""`focus-lab up` in a home of its own: it starts, says where, is started once, and ends with every child."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mortal import mortal
from waiting import await_condition, patience, slowness

from focus_store.contracts import JobStatus, Status
from focus_store.record.record import open_record
from focus_store.settings import Settings
from worker.processes import family, kill

LAB = [sys.executable, "-m", "worker.laboratory.command"]

RECIPE = """
experiment: {name: quickstart}
data: {dataset: quick, train_split: 0.75}
model: {base_channels: 8, channel_mults: [1, 2], time_dim: 16}
diffusion: {timesteps: 20}
training: {batch_size: 2, num_epochs: 200, scheduler: {warmup_epochs: 1}}
sampling: {ddim_timesteps: 2}
device: cpu
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Up:
    """One home, started and ended as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.home, self.port = folder / "home", free_port()
        (folder / "tasks" / "quickstart").mkdir(parents=True)
        (folder / "tasks" / "quickstart" / "config.yaml").write_text(RECIPE)
        self.environment = {
            **os.environ,
            "FOCUS_HOME": str(self.home),
            "FOCUS_PORT": str(self.port),
            "FOCUS_TASKS": str(folder / "tasks"),
            "FOCUS_DATABASE_URL": "",
            "FOCUS_BROKER_URL": "",
            "FOCUS_HEARTBEAT_SECONDS": "1",
            "FOCUS_LEASE_SECONDS": f"{8 * slowness():g}",
            "FOCUS_REAP_SECONDS": "1",
            "FOCUS_POLL_SECONDS": "0.2",
            # Small boxes, and more of them than any machine makes before the test interrupts them.
            "FOCUS_QUICK_SIMULATIONS": "3000",
            "FOCUS_QUICK_GRID": "32",
            "FOCUS_TRAIN_NICENESS": "0",  # beside busy programs a training run that gives way would hardly move
            "OMP_NUM_THREADS": "1",
        }
        self.output = folder / "up.txt"
        self.settings = Settings.from_environment(self.environment)
        self.record = open_record(self.settings)
        self.process: subprocess.Popen[bytes] | None = None
        self.seen: dict[int, psutil.Process] = {}

    def start(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as stream:
            self.process = mortal(
                [*LAB, "up"], stdout=stream, stderr=stream, env=self.environment, start_new_session=True
            )
        return self.process

    def said(self) -> str:
        return self.output.read_text()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*LAB, command], env=self.environment, capture_output=True, text=True, timeout=patience())

    def remember(self) -> None:
        if self.process is not None:
            self.seen |= {member.pid: member for member in family(self.process.pid)}

    def left(self) -> list[psutil.Process]:
        return [p for p in self.seen.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def close(self) -> None:
        self.remember()
        kill(self.seen.values())
        if self.process is not None:
            self.process.wait()
        self.record.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Up]:
    found = Up(tmp_path)
    yield found
    found.close()


def test_a_newcomer_gets_a_suite_and_a_training_and_an_interrupted_training_goes_on(lab: Up) -> None:
    process = lab.start()
    await_condition(lambda: f"FOCUS is at http://127.0.0.1:{lab.port}" in lab.said(), "the address")
    assert lab.answers()
    (job,) = lab.record.jobs.every()
    assert (job.arguments["name"], job.total, job.arguments["grid"]) == ("quick", 3000, 32)
    (first,) = lab.record.experiments.find()
    assert (first.name, first.recipe, first.status) == ("quickstart", "quickstart", Status.QUEUED)
    await_condition(lambda: lab.record.jobs.get(job.id).done >= 1, "the first simulation")

    # A second up says where the first one is and leaves it alone.
    second = lab.run("up")
    assert second.returncode == 0
    assert f"already running at http://127.0.0.1:{lab.port}" in second.stdout
    assert lab.answers()
    status = lab.run("status")
    assert f"http://127.0.0.1:{lab.port}" in status.stdout
    assert status.stdout.count("worker ") == 2

    # Ctrl-C ends every child, in the middle of the suite.
    lab.remember()
    process.send_signal(signal.SIGINT)
    assert process.wait(patience()) == 0
    assert lab.left() == []
    assert lab.record.jobs.get(job.id).status is JobStatus.QUEUED
    made = lab.record.jobs.get(job.id).done
    assert lab.record.laboratory.state().workers == ()
    assert "not running" in lab.run("status").stdout

    # The next up continues with it; `down` ends it as well.
    lab.start()
    await_condition(lambda: lab.record.jobs.get(job.id).done > made, "the suite to go on")
    assert len(lab.record.jobs.every()) == 1
    lab.remember()
    down = lab.run("down")
    assert down.returncode == 0, down.stderr
    assert lab.process is not None
    assert lab.process.wait(patience()) == 0
    assert lab.left() == []
    assert not lab.answers()


def test_a_worker_that_dies_is_started_again(lab: Up) -> None:
    lab.start()
    await_condition(lambda: len(lab.record.laboratory.state().workers) == 2 if lab.answers() else False, "both workers")
    (old,) = [worker for worker in lab.record.laboratory.state().workers if worker.lane == "train"]
    lab.remember()
    psutil.Process(old.pid).kill()
    await_condition(
        lambda: any(w.lane == "train" and w.pid != old.pid for w in lab.record.laboratory.state().workers),
        "a new worker",
    )
    assert "the train worker ended" in lab.said()


def test_a_taken_port_is_one_clear_sentence(lab: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", lab.port))
        other.listen()
        done = lab.run("up")
    assert done.returncode == 2
    assert done.stderr.startswith(f"focus-lab up: FOCUS_PORT: {lab.port} is taken by another program")
    assert len(done.stderr.splitlines()) == 1


def test_a_setting_that_makes_no_sense_is_one_clear_sentence(lab: Up) -> None:
    lab.environment["FOCUS_LEASE_SECONDS"] = "soon"
    done = lab.run("status")
    assert done.returncode == 2
    assert done.stderr == "focus-lab status: FOCUS_LEASE_SECONDS: 'soon' is not a number.\n"
