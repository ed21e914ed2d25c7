"""Running one attempt of an experiment: starts the trainer, follows its journal, passes on requests, maps its ending.

The supervisor never imports torch. The trainer is a separate process that would run the same without us.
"""

from __future__ import annotations

import logging
import sys
from functools import partial
from pathlib import Path

from focus_core.disk.atomic import write_text
from focus_core.errors import UserError
from focus_core.run_files import CONFIG, TRAINER_LOG
from focus_store.contracts import Claim, DesiredState, Status
from focus_store.queue import TRAIN
from focus_store.record.record import Record
from worker.jobs.child import Child, Ending, Errand, Why, run_child
from worker.jobs.run_copy import CopyKeeper, bring_here, settle, while_renewing
from worker.jobs.watch import Stop, patiently
from worker.jobs.work import check_targets

log = logging.getLogger(__name__)

_WISHED = {Stop.PAUSE: Status.PAUSED, Stop.CANCEL: Status.CANCELLED, Stop.SHUTDOWN: Status.QUEUED}


def train(errand: Errand) -> None:
    """Run one attempt to its end and release the claim."""
    record, claim = errand.record, errand.claim
    folder = record.settings.run_folder(claim.id)
    follower = _Follower(record, claim, folder)
    ended = run_child(
        errand,
        trainer(folder, claim.attempt),
        follower.look,
        prepare=partial(_prepare, record, claim, folder),
        on_start=partial(_note, record, claim),
        on_stop=follower.show_stopping,
    )
    if ended is None:
        return
    while_renewing(record, claim, follower.copy.join)
    settle(record, claim, folder)
    _release(record, claim, ended)


def trainer(folder: Path, attempt: int) -> Child:
    """The trainer of an attempt."""
    command = [sys.executable, "-m", "focus_core.cli", "train", "--config", str(folder / CONFIG)]
    command += ["--exp-dir", str(folder), "--attempt", str(attempt)]
    return Child(command, folder, folder / TRAINER_LOG, "its trainer", "focus train: ", option="--exp-dir")


def _prepare(record: Record, claim: Claim, folder: Path) -> None:
    """The latest version of the run's folder, from any host, with its configuration in it."""
    check_targets((folder, record.artifacts.root))
    bring_here(record, claim, folder)
    write_config(folder, record.experiments.configuration_file(claim.id))


def _note(record: Record, claim: Claim, pid: int) -> None:
    log.info("%s: attempt %d is process %d", claim.id, claim.attempt, pid)
    record.leases.note_trainer(claim, pid, None)


def write_config(folder: Path, text: str) -> Path:
    """`config.yaml` of the run, written once: an existing file is never changed."""
    path = folder / CONFIG
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return path


class _Follower:
    """Done at every poll of the trainer."""

    def __init__(self, record: Record, claim: Claim, folder: Path) -> None:
        self._record, self._claim, self._folder = record, claim, folder
        self.copy = CopyKeeper(record.run_copies, claim.id, folder)
        self._broken = ""

    def look(self) -> None:
        self.copy.look()
        try:
            if self._record.run_copies is None:
                self._ingest()
            else:  # a picture takes many requests to the store: not at the expense of the lease
                while_renewing(self._record, self._claim, self._ingest)
        except UserError as error:  # an edited journal, or a store that is away: training continues, the record waits
            if str(error) != self._broken:
                log.error("%s: %s", self._claim.id, error)
                self._broken = str(error)

    def _ingest(self) -> None:
        self._record.journal.ingest(self._claim.id, self._folder)

    def show_stopping(self, stop: Stop) -> None:
        if stop in (Stop.PAUSE, Stop.CANCEL):
            self._record.leases.move(self._claim, Status.PAUSING)


def _release(record: Record, claim: Claim, ended: Ending) -> None:
    status, reason, message = outcome(ended)
    if status is Status.PAUSED and ended.stop is Stop.PAUSE:
        # "Resume" while the checkpoint was being written: straight back to the queue.
        if record.experiments.get(claim.id).summary.desired_state is DesiredState.RUN:
            status = Status.QUEUED
    elif status is Status.PAUSED:
        record.leases.move(claim, Status.PAUSING)
    released = patiently(lambda: record.leases.release(claim, status, reason, message))
    log.info("%s: attempt %d ended, %s (%s)", claim.id, claim.attempt, status, reason)
    if released and status is Status.QUEUED and ended.stop is Stop.PAUSE:
        record.queue.publish(TRAIN, claim.id)


def outcome(ended: Ending) -> tuple[Status, str, str | None]:
    """(status, reason of the attempt's end, message for the user) of a trainer that ended."""
    if ended.stop is not None and ended.why in (Why.STOPPED, Why.KILLED):
        killed = "it had to be killed; it continues from its last checkpoint" if ended.had_to_be_killed else None
        return _WISHED[ended.stop], "stopped", killed
    if ended.why is Why.STOPPED:
        return Status.PAUSED, "stopped", "its trainer was stopped by somebody outside the laboratory"
    status, reason = {
        Why.FINISHED: (Status.SUCCEEDED, "finished"),
        Why.REFUSED: (Status.FAILED, "refused"),
        Why.KILLED: (Status.CRASHED, "crashed"),
        Why.FAILED: (Status.FAILED, "failed"),
    }[ended.why]
    return status, reason, ended.message
