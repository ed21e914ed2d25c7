"""How a worker does a job: its folder, its process, and what a success writes. A kind overrides what differs."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from focus_core.catalogue.by_path import load
from focus_core.catalogue.jobs import MESSAGE, JobKind, job_kind
from focus_core.errors import UserError
from focus_core.paths import check_folder
from focus_store.contracts import JobRow, JobStatus
from focus_store.queue import TRAIN
from worker.jobs.child import Child, Ending, Errand, Why, run_child
from worker.jobs.watch import Stop, patiently

log = logging.getLogger(__name__)

# How a job ended, and the message for its user.
JobEnd = tuple[JobStatus, str | None]


def run_job(errand: Errand) -> None:
    """Do a claimed job to its end and release the claim; experiments that waited for it are notified."""
    record, claim = errand.record, errand.claim
    job = record.jobs.get(claim.id)
    kind = job_kind(job.kind)
    work: JobWork = load(kind.work)(errand, job, kind)
    try:
        ended = work.run()
    except UserError as error:
        ended = JobStatus.FAILED, str(error)
    if ended is None:
        return
    status, message = ended
    patiently(lambda: record.leases.release(claim, status, status.value, message))
    for experiment in record.jobs.waiting_behind(claim.id) if status is not JobStatus.QUEUED else ():
        record.queue.publish(TRAIN, experiment)


def check_targets(folders: Iterable[Path]) -> None:
    """Before hours of work: UserError if the result could not be written at the end."""
    for folder in folders:
        check_folder(folder, "FOCUS_HOME", "make it writable, then resume")


class JobWork:
    """A job in its own folder, deleted after it has ended: progress is read there, and the result is kept."""

    keeps_folder = False

    def __init__(self, errand: Errand, job: JobRow, kind: JobKind) -> None:
        self.errand, self.job, self.kind = errand, job, kind
        self.record, self.claim, self.settings = errand.record, errand.claim, errand.record.settings

    def folder(self) -> Path:
        """Where its process works."""
        return self.settings.home / "work" / self.job.id

    def keep(self, folder: Path) -> JobEnd | None:
        """Store the result of a finished process; None if the claim was lost meanwhile."""
        said = folder / MESSAGE
        return JobStatus.SUCCEEDED, said.read_text(encoding="utf-8").strip() if said.exists() else None

    def keep_part(self, folder: Path) -> None:
        """Store the partial result of a stopped process."""

    def targets(self, folder: Path) -> Sequence[Path]:
        """Folders into which a success is written at the end."""
        return (folder, self.record.artifacts.root)

    def run(self) -> JobEnd | None:
        """How it ended; None if the claim is no longer ours."""
        folder = self.folder()
        check_targets(self.targets(folder))
        try:
            ended = run_child(
                self.errand, self.child(folder), self._looker(folder), prepare=lambda: self._clear(folder)
            )
            return None if ended is None else self._end(ended, folder)
        finally:
            self._clear(folder)

    def child(self, folder: Path) -> Child:
        command = self.kind.command(self.job.arguments, folder)
        log_file = self.settings.log_folder / f"{self.kind.name}-{self.job.id}.log"
        return Child(command, folder, log_file, self.kind.noun, self.kind.mistake)

    def _looker(self, folder: Path) -> Callable[[], None]:
        seen: tuple[int, int] | None = None

        def look() -> None:
            nonlocal seen
            found = self.kind.progress(folder, self.job.total)
            if found is not None and found != seen:
                seen = found
                self.record.jobs.set_progress(self.claim, *found)

        return look

    def _end(self, ended: Ending, folder: Path) -> JobEnd | None:
        if ended.why is Why.STOPPED:
            self.keep_part(folder)
        return self.keep(folder) if ended.why is Why.FINISHED else outcome(ended, self.kind)

    def _clear(self, folder: Path) -> None:
        if not self.keeps_folder:
            shutil.rmtree(folder, ignore_errors=True)


def outcome(ended: Ending, kind: JobKind) -> JobEnd:
    """The state of a job whose process ended, and the sentence for its user."""
    if ended.why is Why.FINISHED:
        return JobStatus.SUCCEEDED, None
    if ended.why is Why.REFUSED:
        return JobStatus.FAILED, ended.message
    if ended.stop is Stop.SHUTDOWN:
        return JobStatus.QUEUED, None
    if ended.stop is Stop.CANCEL or ended.why is Why.STOPPED:
        return JobStatus.CANCELLED, kind.words.stopped
    return JobStatus.FAILED, ended.message
