"""Running one attempt of an experiment: spawns the trainer, follows its journal, carries wishes to it, maps its end.

The supervisor never imports torch. The trainer is a process of its own that would run the same without us.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from focus_core.errors import EXIT_DONE, EXIT_STOPPED, EXIT_USER_MISTAKE, UserError
from focus_core.run_files import TRAINER_LOG
from focus_store.contracts import Claim, DesiredState, Status
from focus_store.queue import TRAIN
from focus_store.repository import Repository
from worker.gpu import devices
from worker.processes import end, last_line, last_sentence, running_in, spawn
from worker.run_copy import CopyKeeper, bring_here, settle, while_renewing
from worker.watch import Stop, Watch, patiently

log = logging.getLogger(__name__)


def supervise(repository: Repository, claim: Claim, shutting_down: Callable[[], bool]) -> None:
    """Run one attempt to its end and release the claim."""
    settings = repository.settings
    folder = settings.run_folder(claim.id)
    for leftover in running_in(folder, "--exp-dir"):
        log.warning("%s: process %d of an earlier attempt is still there and is ended", claim.id, leftover.pid)
        end([leftover], settings.grace_seconds)
    bring_here(repository, claim, folder)
    config = write_config(folder, repository.configuration_file(claim.id))
    command = [sys.executable, "-m", "focus_core.cli", "train", "--config", str(config)]
    command += ["--exp-dir", str(folder), "--attempt", str(claim.attempt)]
    process = spawn(
        command,
        folder / TRAINER_LOG,
        trainer_environment(repository),
        niceness=settings.train_niceness,
    )
    log.info("%s: attempt %d is process %d", claim.id, claim.attempt, process.pid)
    repository.note_trainer(claim, process.pid, None)
    follower = _Follower(repository, claim, folder)
    watch = Watch(repository, claim, process, follower.look, shutting_down, follower.show_stopping)
    code = watch.run()
    if watch.stop in (Stop.LOST, Stop.ORPHANED):
        log.warning("%s: attempt %d is no longer ours", claim.id, claim.attempt)
        return
    while_renewing(repository, claim, follower.copy.join)
    settle(repository, claim, folder)
    _release(repository, claim, watch, code, folder)


def write_config(folder: Path, text: str) -> Path:
    """`config.yaml` of the run, written once: a file that is there is never changed."""
    path = folder / "config.yaml"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(".config.yaml.new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    return path


def trainer_environment(repository: Repository) -> Mapping[str, str]:
    """Ours, with the home that the trainer shall look for datasets in, and with no more threads than it should take."""
    settings = repository.settings
    environment = dict(os.environ) | {"FOCUS_HOME": str(settings.home)}
    threads = settings.train_threads or default_threads(_cores(), gpu=devices()[0].kind != "cpu")
    return environment | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def default_threads(cores: int, *, gpu: bool) -> int:
    """All of a small machine (niceness lets a sampler through), all but one of a larger, few where a GPU computes."""
    if gpu:
        return min(4, cores)
    return cores if cores <= 2 else cores - 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Follower:
    """What is done at every look at the trainer."""

    def __init__(self, repository: Repository, claim: Claim, folder: Path) -> None:
        self._repository, self._claim, self._folder = repository, claim, folder
        self.copy = CopyKeeper(repository.run_copies, claim.id, folder)
        self._broken = ""

    def look(self) -> None:
        self.copy.look()
        try:
            if self._repository.run_copies is None:
                self._ingest()
            else:  # a picture takes many requests to the store: not at the cost of the lease
                while_renewing(self._repository, self._claim, self._ingest)
        except UserError as error:  # an edited journal, or a store that is away: training goes on, the record waits
            if str(error) != self._broken:
                log.error("%s: %s", self._claim.id, error)
                self._broken = str(error)

    def _ingest(self) -> None:
        self._repository.ingest(self._claim.id, self._folder)

    def show_stopping(self, stop: Stop) -> None:
        if stop in (Stop.PAUSE, Stop.CANCEL):
            self._repository.move_claimed(self._claim, Status.PAUSING)


def _release(repository: Repository, claim: Claim, watch: Watch, code: int, folder: Path) -> None:
    status, reason, message = _outcome(watch, code, folder)
    if status is Status.PAUSED and watch.stop is Stop.PAUSE:
        # "Resume" while the checkpoint was being written: straight back to the queue.
        if repository.experiment(claim.id).summary.desired_state is DesiredState.RUN:
            status = Status.QUEUED
    elif status is Status.PAUSED:
        repository.move_claimed(claim, Status.PAUSING)
    released = patiently(lambda: repository.release(claim, status, reason, message))
    log.info("%s: attempt %d ended, %s (%s)", claim.id, claim.attempt, status, reason)
    if released and status is Status.QUEUED and watch.stop is Stop.PAUSE:
        repository.publish(TRAIN, claim.id)


def _outcome(watch: Watch, code: int, folder: Path) -> tuple[Status, str, str | None]:
    """(status, reason of the attempt's end, message for the person) of a trainer that ended with `code`."""
    trainer_log = folder / TRAINER_LOG
    if code == EXIT_DONE:
        return Status.SUCCEEDED, "finished", None
    if code == EXIT_USER_MISTAKE:
        sentence = last_sentence(trainer_log, "focus train: ") or last_line(trainer_log)
        return Status.FAILED, "refused", sentence
    if watch.stop is not None and (code == EXIT_STOPPED or code < 0):
        wanted = {Stop.PAUSE: Status.PAUSED, Stop.CANCEL: Status.CANCELLED, Stop.SHUTDOWN: Status.QUEUED}[watch.stop]
        killed = "it had to be killed; it goes on from its last checkpoint" if watch.killed else None
        return wanted, "stopped", killed
    if code == EXIT_STOPPED:
        return Status.PAUSED, "stopped", "its trainer was stopped by somebody outside the laboratory"
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return Status.CRASHED, "crashed", f"its trainer was ended by {name}{hint}"
    return Status.FAILED, "failed", f"the trainer ended with code {code}: {last_line(trainer_log)} (see {trainer_log})"
