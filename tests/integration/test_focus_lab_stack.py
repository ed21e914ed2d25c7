"""`focus-lab stack`, as `make stack` runs it: a small experiment on PostgreSQL and Redis, and nothing left after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from mortal import mortal
from private_database import require_servers
from running_laboratory import answers, free_port
from waiting import await_condition, patience, slowness

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_store.contracts import JobStatus, Status
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from worker.laboratory.home_lock import as_it_runs, lock_holder
from worker.processes import family, is_gone, kill

CONFIG = {
    "experiment": {"name": "small"},
    "data": {"dataset": "small", "train_split": 0.75},
    "model": {"base_channels": 8, "channel_mults": [1, 2], "time_dim": 16},
    "diffusion": {"timesteps": 20},
    "training": {"batch_size": 4, "num_epochs": 1, "scheduler": {"warmup_epochs": 1}},
    "sampling": {"ddim_timesteps": 2},
    "device": "cpu",
}


ROOT = Path(__file__).resolve().parents[2]


class Stack:
    def __init__(self, home: Path) -> None:
        self.home, self.port, self.output = home, free_port(), home / "stack.txt"
        self.environment = {
            **os.environ,
            "FOCUS_HOME": str(home),
            "FOCUS_PORT": str(self.port),
            "FOCUS_DATABASE_URL": "",
            "FOCUS_BROKER_URL": "",
            "FOCUS_HEARTBEAT_SECONDS": "1",
            "FOCUS_LEASE_SECONDS": f"{8 * slowness():g}",
            "FOCUS_POLL_SECONDS": "0.2",
            "FOCUS_REAP_SECONDS": "1",
            "FOCUS_QUICK_GRID": "16",  # it is cancelled, which waits for the simulation under way
            "FOCUS_TRAIN_NICENESS": "0",  # beside busy programs a training run that gives way would hardly move
            "OMP_NUM_THREADS": "1",
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.seen: dict[int, psutil.Process] = {}

    def start(self, command: Sequence[str] = (sys.executable, "-m", "worker.laboratory.command", "stack")) -> Record:
        """In a process group of its own, as a shell starts it: Ctrl-C is sent to the whole group."""
        with self.output.open("ab") as stream:
            self.process = mortal(
                command, cwd=ROOT, stdout=stream, stderr=stream, env=self.environment, start_new_session=True
            )
        url = f"http://127.0.0.1:{self.port}/api/health"
        await_condition(lambda: self.process is None or self.process.poll() is not None or answers(url), "the page")
        assert self.process.poll() is None, self.output.read_text()
        settings = Settings.from_environment(self.environment)
        return open_record(as_it_runs(settings, lock_holder(settings)))

    def remember(self) -> None:
        if self.process is not None:
            self.seen |= {member.pid: member for member in family(self.process.pid)}

    def close(self) -> None:
        self.remember()
        kill(self.seen.values())
        if self.process is not None:
            self.process.wait()


@pytest.fixture
def stack() -> Iterator[Stack]:
    """In a home that PostgreSQL's account can reach: pytest's folders are closed to it where root runs the tests."""
    require_servers()
    with tempfile.TemporaryDirectory(prefix="focus-home-") as folder:
        Path(folder).chmod(0o755)
        found = Stack(Path(folder))
        yield found
        found.close()


def test_a_stack_trains_ends_with_everything_and_goes_on_after_a_crash(stack: Stack) -> None:
    record = stack.start()
    holder = json.loads((stack.home / "laboratory.lock").read_text())
    sockets = Path(record.settings.broker_url.removeprefix("redis+socket://")).parent
    assert holder["database_url"].startswith("postgresql+psycopg://")
    (quick,) = record.jobs.every()
    record.jobs.cancel(quick.id)
    job = record.jobs.request_simulation({"name": "small", "simulations": 8, "grid": 16, "box": 16.0, "seed": 3})
    config: ExperimentConfig = validate_config(CONFIG)
    run = record.experiments.create(config, after_job=job)
    await_condition(lambda: record.jobs.get(job).status is JobStatus.SUCCEEDED, "the suite")
    await_condition(lambda: record.experiments.get(run).summary.ended_at, "the end of the run")
    summary = record.experiments.get(run).summary
    assert (summary.status, summary.message) == (Status.SUCCEEDED, None)
    status = [sys.executable, "-m", "worker.laboratory.command", "status", "--json"]
    told = json.loads(subprocess.run(status, env=stack.environment, capture_output=True, check=True).stdout)
    assert told["address"] == f"http://127.0.0.1:{stack.port}"
    assert {worker["lane"] for worker in told["workers"]} == {"train", "sample"}
    record.close()

    # Killed without a word, it leaves neither a process nor a socket; the record stays in its home.
    stack.remember()
    names = {process.name() for process in stack.seen.values() if process.is_running()}
    assert {"postgres", "redis-server"} <= names
    assert stack.process is not None
    stack.process.send_signal(signal.SIGKILL)
    stack.process.wait()
    await_condition(lambda: all(is_gone(process) for process in stack.seen.values()), "every process to end")
    await_condition(lambda: not sockets.exists(), "the servers' folder to go")

    record = stack.start()
    assert record.experiments.get(run).summary.status is Status.SUCCEEDED
    record.close()
    stack.remember()
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(patience()) == 0
    assert all(is_gone(process) for process in stack.seen.values())
    assert not Path(json.loads((stack.home / "laboratory.lock").read_text())["broker_url"][15:]).parent.exists()


def test_make_stack_begins_and_ctrl_c_ends_it_with_both_servers(stack: Stack) -> None:
    """The Makefile's own recipe, without its installation: the environment of this test is the installed one."""
    venv = Path(sys.prefix)
    make = ["make", f"VENV={venv}", "-o", f"{venv}/.installed-stack", "stack"]
    stack.start(make).close()
    stack.remember()
    holder = json.loads((stack.home / "laboratory.lock").read_text())
    sockets = Path(holder["broker_url"].removeprefix("redis+socket://")).parent
    assert {"postgres", "redis-server"} <= {process.name() for process in stack.seen.values()}
    assert sockets.exists()
    assert stack.process is not None
    os.killpg(stack.process.pid, signal.SIGINT)
    stack.process.wait(patience())
    await_condition(lambda: all(is_gone(process) for process in stack.seen.values()), "every process to end")
    assert not sockets.exists()
    assert "FOCUS has ended" in stack.output.read_text()
