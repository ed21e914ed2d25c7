"""Child processes end with all their descendants, die with us, and their exit codes are never lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mortal import mortal
from waiting import await_condition

from focus_core.config.experiment import validate_config
from focus_store.contracts import Claim, DesiredState, Status
from focus_store.queue import TRAIN
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.consumer.celery_settings import celery_configuration
from worker.devices.gpu import devices, parse_nvidia_smi
from worker.jobs.child import default_threads, ending
from worker.jobs.training import outcome, trainer, write_config
from worker.jobs.watch import Stop, Watch
from worker.processes import end, family, is_gone, last_line, last_sentence, running_in, spawn

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
PARENT_OF_STUBBORN = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUBBORN!r}])"
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print('up', flush=True)
time.sleep(600)
"""


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    settings = Settings.from_environment(
        {
            "FOCUS_HOME": str(tmp_path / "home"),
            "FOCUS_HEARTBEAT_SECONDS": "0.1",
            "FOCUS_LEASE_SECONDS": "30",
            "FOCUS_POLL_SECONDS": "0.05",
            "FOCUS_GRACE_SECONDS": "0.5",
        }
    )
    migrate(settings.database_url)
    found = open_record(settings)
    yield found
    found.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a Python program as a worker starts its children, and waits until it says that it is up."""
    started: list[subprocess.Popen[bytes]] = []

    def run(program: str) -> subprocess.Popen[bytes]:
        log = tmp_path / f"child-{len(started)}.log"
        process = spawn([sys.executable, "-c", program, "--exp-dir", str(tmp_path)], log, os.environ)
        started.append(process)
        await_condition(lambda: "up" in log.read_text(), "the child to be up")
        return process

    yield run
    for process in started:
        end(family(process.pid), 0.0)
        process.wait()


def test_a_training_gives_way_to_other_sessions_and_not_only_to_its_own(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", POLITE], tmp_path / "log", os.environ, niceness=10)
    try:
        assert psutil.Process(process.pid).nice() == 10
        session = Path(f"/proc/{process.pid}/autogroup")
        if session.exists():  # Linux shares the processor between sessions first
            assert session.read_text(encoding="ascii").split()[-1] == "10"
    finally:
        end(family(process.pid), 10.0)
        process.wait()


def claim_one(record: Record) -> tuple[str, Claim]:
    row_id = record.experiments.create(validate_config({"data": {"dataset": "quick"}}))
    claim = record.leases.claim(TRAIN, "host:1")
    assert claim is not None
    return row_id, claim


def watch(record: Record, claim: Claim, process: subprocess.Popen[bytes]) -> Watch:
    return Watch(record, claim, process, look=lambda: None, shutting_down=lambda: False)


class TestEnding:
    def test_a_child_that_ignores_sigterm_is_killed_with_its_own_children(self, start: Any) -> None:
        process = start(PARENT_OF_STUBBORN)
        members = family(process.pid)
        assert len(members) == 2
        end(members, 0.2)
        assert all(is_gone(member) for member in members)

    def test_an_exit_code_is_not_lost_by_looking(self, start: Any) -> None:
        process = start(STUBBORN)
        end(family(process.pid), 0.1)
        assert process.wait() == -signal.SIGKILL

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the trainer itself watches for its parent")
    def test_a_child_gets_sigterm_when_the_process_that_started_it_is_killed(self, tmp_path: Path) -> None:
        program = (
            "import os, sys, time; from pathlib import Path; from worker.processes import spawn;"
            f"p = spawn([sys.executable, '-c', {POLITE!r}], Path({str(tmp_path / 'log')!r}), os.environ);"
            "print(p.pid, flush=True); time.sleep(600)"
        )
        parent = mortal([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        await_condition(lambda: "up" in (tmp_path / "log").read_text(), "the child to be up")
        parent.kill()
        parent.wait()
        parent.stdout.close()
        await_condition(lambda: is_gone(child), "the end of the child")

    def test_what_an_earlier_attempt_left_behind_is_found_by_its_folder(self, start: Any, tmp_path: Path) -> None:
        process = start(POLITE)
        assert [p.pid for p in running_in(tmp_path, "--exp-dir")] == [process.pid]
        assert running_in(tmp_path / "other", "--exp-dir") == []


class TestWatching:
    def test_a_wish_to_pause_becomes_sigterm_and_the_childs_own_exit_code(self, record: Record, start: Any) -> None:
        row_id, claim = claim_one(record)
        followed = watch(record, claim, start(POLITE))
        record.experiments.request(row_id, DesiredState.PAUSE)
        assert followed.run() == 3
        assert (followed.stop, followed.killed) == (Stop.PAUSE, False)

    def test_a_child_that_will_not_stop_is_killed_and_never_counts_as_a_success(
        self, record: Record, start: Any, tmp_path: Path
    ) -> None:
        row_id, claim = claim_one(record)
        followed = watch(record, claim, start(STUBBORN))
        record.experiments.request(row_id, DesiredState.CANCEL)
        code = followed.run()
        assert (code, followed.stop, followed.killed) == (-signal.SIGKILL, Stop.CANCEL, True)
        ended = ending(trainer(tmp_path, 1), code, followed.stop, had_to_be_killed=followed.killed)
        status, _, message = outcome(ended)
        assert status is Status.CANCELLED
        assert "had to be killed" in (message or "")

    def test_a_child_whose_lease_was_lost_is_killed_at_once(self, record: Record, start: Any) -> None:
        row_id, claim = claim_one(record)
        process = start(STUBBORN)
        record.leases.release(claim, Status.QUEUED, "taken away")
        assert record.leases.claim(TRAIN, "host:2") is not None
        followed = watch(record, claim, process)
        assert followed.run() == -signal.SIGKILL
        assert followed.stop is Stop.LOST
        assert record.experiments.get(row_id).summary.status is Status.STARTING

    def test_an_error_of_ours_leaves_no_child_behind(self, record: Record, start: Any) -> None:
        _, claim = claim_one(record)
        process = start(STUBBORN)

        def look() -> None:
            raise RuntimeError("a fault")

        with pytest.raises(RuntimeError):
            Watch(record, claim, process, look, lambda: False).run()
        assert process.poll() == -signal.SIGKILL

    def test_a_lease_is_renewed_while_the_child_runs(self, record: Record, start: Any, tmp_path: Path) -> None:
        _, claim = claim_one(record)
        seen = tmp_path / "renewed"
        process = start(
            "import pathlib, time; print('up', flush=True)\n"
            f"while not pathlib.Path({str(seen)!r}).exists(): time.sleep(0.02)"
        )

        def heartbeat() -> Any:
            with record.database.reading() as session:
                return session.connection().exec_driver_sql("SELECT heartbeat_at FROM experiment").scalar()

        first, looks = heartbeat(), 0

        def look() -> None:
            nonlocal looks
            looks += 1
            if heartbeat() > first or looks > 200:
                seen.touch()

        assert Watch(record, claim, process, look, lambda: False).run() == 0
        assert heartbeat() > first


class TestOutcomes:
    @pytest.mark.parametrize(
        ("code", "stop", "status", "reason"),
        [
            (0, None, Status.SUCCEEDED, "finished"),
            (0, Stop.PAUSE, Status.SUCCEEDED, "finished"),
            (1, None, Status.FAILED, "failed"),
            (2, None, Status.FAILED, "refused"),
            (3, Stop.PAUSE, Status.PAUSED, "stopped"),
            (3, Stop.CANCEL, Status.CANCELLED, "stopped"),
            (3, Stop.SHUTDOWN, Status.QUEUED, "stopped"),
            (3, None, Status.PAUSED, "stopped"),
            (-15, Stop.PAUSE, Status.PAUSED, "stopped"),
            (-9, None, Status.CRASHED, "crashed"),
            (-11, None, Status.CRASHED, "crashed"),
        ],
    )
    def test_an_exit_code_and_the_reason_for_stopping_decide_the_state(
        self, tmp_path: Path, code: int, stop: Stop | None, status: Status, reason: str
    ) -> None:
        assert outcome(ending(trainer(tmp_path, 1), code, stop))[:2] == (status, reason)

    def test_the_sentence_of_a_users_mistake_is_the_message(self, tmp_path: Path) -> None:
        log = tmp_path / "logs" / "trainer.log"
        log.parent.mkdir()
        log.write_text("2025 opening\nfocus train: data.dataset: 'x' is not there.\n")
        assert outcome(ending(trainer(tmp_path, 1), 2, None))[2] == "data.dataset: 'x' is not there."

    def test_of_a_traceback_the_last_line_is_shown_and_the_log_is_named(self, tmp_path: Path) -> None:
        log = tmp_path / "logs" / "trainer.log"
        log.parent.mkdir()
        log.write_text("Traceback (most recent call last):\n  File …\nZeroDivisionError: division by zero\n\n")
        message = outcome(ending(trainer(tmp_path, 1), 1, None))[2] or ""
        assert "ZeroDivisionError: division by zero" in message
        assert str(log) in message
        assert last_line(tmp_path / "none") == ""
        assert last_sentence(tmp_path / "none", "x") is None


class TestSetting:
    def test_celery_keeps_early_acknowledgement_one_prefetch_and_no_results(self, tmp_path: Path) -> None:
        found = celery_configuration(Settings.from_environment({"FOCUS_HOME": str(tmp_path)}))
        assert found["task_acks_late"] is False
        assert found["worker_prefetch_multiplier"] == 1
        assert found["result_backend"] is None
        assert found["worker_cancel_long_running_tasks_on_connection_loss"] is False
        assert found["broker_connection_retry_on_startup"] is True
        assert found["broker_connection_max_retries"] is None
        assert found["accept_content"] == ["json"]
        assert found["broker_transport_options"]["polling_interval"] == 0.1
        assert not (tmp_path / "broker").exists(), "describing a broker makes no folder"

    def test_threads_leave_room_on_a_larger_machine(self) -> None:
        assert [default_threads(n, gpu=False) for n in (1, 2, 4, 16)] == [1, 2, 3, 15]
        assert default_threads(16, gpu=True) == 4

    def test_a_run_folder_keeps_the_configuration_that_it_has(self, tmp_path: Path) -> None:
        path = write_config(tmp_path / "run", "first")
        assert write_config(tmp_path / "run", "second") == path
        assert path.read_text() == "first"

    def test_gpus_are_listed_without_torch(self) -> None:
        text = "0, GPU-1a, NVIDIA H100 80GB HBM3, 81559\n1, GPU-2b, Tesla, T4, [N/A]\n"
        first, second = parse_nvidia_smi(text)
        assert (first.name, first.kind, first.memory_bytes) == ("NVIDIA H100 80GB HBM3", "cuda", 81559 * 2**20)
        assert (second.name, second.memory_bytes) == ("Tesla, T4", None)
        assert [(device.index, device.uuid) for device in (first, second)] == [(0, "GPU-1a"), (1, "GPU-2b")]
        assert devices()[0].name
