"""Workers with disks of their own, one GPU wanted twice, and servers that are not there yet."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mortal import mortal
from private_database import require_servers
from running_laboratory import free_port
from s3_server import S3Server
from stacks import ON_SERVERS
from waiting import await_condition, patience, slowness

from focus_core.config.experiment import ExperimentConfig
from focus_core.run_files import JOURNAL
from focus_store.contracts import DesiredState, JobStatus, SampleSpec, Status
from focus_store.queue import SAMPLE, TRAIN
from focus_store.record.record import open_record
from focus_store.settings import Settings
from worker.laboratory.servers import POSTGRESQL, REDIS, PrivateServers
from worker.processes import family, kill

MakeConfig = Callable[..., ExperimentConfig]
WAITS = "waiting for the database"


@ON_SERVERS
def test_a_run_goes_on_and_is_sampled_on_hosts_that_share_no_disk(
    laboratory: Any, tiny_config: MakeConfig, tmp_path: Path
) -> None:
    store = S3Server(tmp_path / "s3.log")
    store.start()
    try:
        homes = {name: tmp_path / name for name in ("a", "b", "c")}
        hosts = {name: store.environment | {"FOCUS_HOME": str(home)} for name, home in homes.items()}
        for name in ("a", "b"):
            shutil.copytree(laboratory.settings.datasets, homes[name] / "datasets")
        record = laboratory.record
        run = record.experiments.create(tiny_config(num_epochs=20, sample_every=10))
        first = laboratory.worker(TRAIN, "-a", **hosts["a"])
        laboratory.await_condition(lambda: laboratory.summary(run).epoch >= 1, "the first epoch")
        record.experiments.request(run, DesiredState.PAUSE)
        laboratory.await_condition(lambda: laboratory.summary(run).status is Status.PAUSED, "the pause")
        stopped_at = laboratory.summary(run).step
        first.send_signal(signal.SIGTERM)
        first.wait(patience())
        shutil.rmtree(homes["a"])

        laboratory.worker(TRAIN, "-b", **hosts["b"])
        record.experiments.resume(run)
        laboratory.await_condition(lambda: laboratory.summary(run).status is Status.SUCCEEDED, "the end of the run")
        events = [json.loads(line) for line in (homes["b"] / "runs" / run / JOURNAL).read_text().splitlines()]
        assert [event["seq"] for event in events] == list(range(len(events)))
        assert [event["step"] for event in events if event["kind"] == "run_started"] == [0, stopped_at]
        curve = record.curves.series(run, "loss", "train")
        assert list(curve.step) == list(range(1, 121))

        # A third host draws from the checkpoint, and the page's host, which has no disk of theirs, shows everything.
        laboratory.worker(SAMPLE, "-c", **hosts["c"])
        request = record.samples.request(SampleSpec(run, (0.3, 0.05, 0.7, 1.0, 0.8, -1.0), n=1, seed=5, steps=2))
        ended = (JobStatus.SUCCEEDED, JobStatus.FAILED)
        row = laboratory.await_condition(
            lambda: answer if (answer := record.samples.get(request)).status in ended else None, "the sample"
        )
        assert (row.status, row.message) == (JobStatus.SUCCEEDED, None), laboratory.logs()
        with pytest.MonkeyPatch.context() as patched:
            for name, value in store.environment.items():
                patched.setenv(name, value)
            page = open_record(replace(record.settings, artifact_url=store.environment["FOCUS_ARTIFACT_URL"]))
            best = next(c for c in page.experiments.get(run).checkpoints if c.role == "best")
            assert str(page.artifacts.arrays(row.result)["checkpoint_sha256"]) == best.sha256
            figures = page.figures.at(run, 20)
            assert all(page.artifacts.read(tile)[8:12] == b"WEBP" for tile in [*figures.real_tiles, *row.tiles])
            page.close()
        assert not (homes["c"] / "runs").exists()
    finally:
        store.stop()


@ON_SERVERS
def test_of_two_workers_with_one_gpu_the_second_waits_says_so_and_takes_over(
    laboratory: Any, tiny_config: MakeConfig
) -> None:
    """The GPU need not exist: its slot is a row of the record, and this network trains on the processor."""
    record = laboratory.record
    first = laboratory.worker(TRAIN, "-1", FOCUS_GPU="7")
    holder = laboratory.await_condition(lambda: _holding(record), "the first worker")
    assert holder.pid == first.pid
    second = laboratory.worker(TRAIN, "-2", FOCUS_GPU="7")
    waiting = laboratory.await_condition(lambda: _waiting(record), "the second to say that it waits")
    assert waiting.pid == second.pid
    assert waiting.message.startswith(f"waits for the GPU {holder.slot}, which {holder.id} has")
    run = record.experiments.create(tiny_config(num_epochs=20))
    laboratory.await_condition(lambda: laboratory.summary(run).epoch >= 1, "the first epoch")
    assert record.experiments.get(run).attempts[0].host == holder.host
    other = record.experiments.create(tiny_config(num_epochs=1))
    assert laboratory.summary(other).status is Status.QUEUED, "one training at a time"
    laboratory.remember_family(first)
    first.kill()
    first.wait()
    laboratory.await_condition(lambda: _holding(record, second.pid), "the second to take the GPU over")
    for row_id in (run, other):
        laboratory.await_condition(
            lambda wanted=row_id: laboratory.summary(wanted).status is Status.SUCCEEDED, "the end of both runs"
        )
    logs = "\n".join(file.read_text(errors="replace") for file in laboratory.settings.log_folder.glob("*.log"))
    assert "waits for the GPU" in logs


def _holding(record: Any, pid: int | None = None) -> Any:
    found = [worker for worker in record.laboratory.state().workers if worker.slot and pid in (None, worker.pid)]
    return found[0] if found else None


def _waiting(record: Any) -> Any:
    found = [worker for worker in record.laboratory.state().workers if worker.message]
    return found[0] if found else None


def test_a_database_and_a_broker_that_start_last_are_waited_for(tmp_path: Path) -> None:
    require_servers()
    with PrivateServers(careless=True) as servers:
        _stop(servers, POSTGRESQL, REDIS)
        port = free_port()
        environment = {
            **os.environ,
            "FOCUS_HOME": str(tmp_path / "home"),
            "FOCUS_PORT": str(port),
            "FOCUS_DATABASE_URL": servers.database_url(),
            "FOCUS_BROKER_URL": servers.broker_url,
            "FOCUS_HEARTBEAT_SECONDS": "1",
            "FOCUS_LEASE_SECONDS": f"{8 * slowness():g}",
            "FOCUS_QUICK_GRID": "16",  # it is cancelled, which waits for the simulation under way
            "FOCUS_QUICK_SIMULATIONS": "4096",  # and is never done before that
            "FOCUS_TRAIN_NICENESS": "0",  # beside busy programs a training run that gives way would hardly move
            "OMP_NUM_THREADS": "1",
        }
        output = tmp_path / "up.txt"
        with output.open("wb") as stream:
            command = [sys.executable, "-m", "worker.laboratory.command", "up"]
            process = mortal(command, stdout=stream, stderr=stream, env=environment, start_new_session=True)
        try:
            health = f"http://127.0.0.1:{port}/api/health"

            def times_said() -> int:
                """How often the laboratory has said so; it lives, whatever it waits for."""
                assert process.poll() is None, output.read_text()
                return output.read_text().count(WAITS)

            def answers(wanted: int) -> Any:
                """What the page tells with this code."""
                assert process.poll() is None, output.read_text()
                code, told = _ask(health) or (None, None)
                return told if code == wanted else None

            await_condition(times_said, "the sentence in the log")
            assert "does not answer" in await_condition(lambda: answers(503), "the page")["message"]
            servers.start_the_dead()
            settings = Settings.from_environment(environment)
            await_condition(lambda: answers(200), "the page to recover")
            record = open_record(settings)
            await_condition(lambda: len(record.laboratory.state().workers) == 2, "the workers")
            (job,) = record.jobs.every()
            await_condition(lambda: record.jobs.get(job.id).status is JobStatus.RUNNING, "the suite to be simulated")
            # And in the middle of work: laboratory and page say so and come back, and the workers with them.
            said = times_said()
            _stop(servers, POSTGRESQL)
            await_condition(lambda: answers(503), "the page to say so")
            await_condition(lambda: times_said() > said, "the laboratory to say so")
            servers.start_the_dead()
            await_condition(lambda: answers(200), "the page to recover again")
            record.jobs.cancel(job.id)
            await_condition(lambda: record.jobs.get(job.id).status is JobStatus.CANCELLED, "the wish to be obeyed")
            record.close()
        finally:
            members = family(process.pid)
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(patience()) == 0
            finally:
                kill(members)


def _stop(servers: PrivateServers, *names: str) -> None:
    for name in names:
        servers.process(name).send_signal(signal.SIGINT)
        servers.process(name).wait()


def _ask(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return None
