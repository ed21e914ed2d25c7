"""Benchmarks of samplers: `focus benchmark samplers` as a child process, its result in the record."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from focus_core.errors import EXIT_DONE, EXIT_STOPPED, EXIT_USER_MISTAKE, UserError
from focus_store.contracts import Claim, JobRow, JobStatus
from focus_store.repository import Repository
from focus_store.run_copies import fetched_folder
from worker.processes import end, last_line, last_sentence, running_in, spawn
from worker.run_copy import patiently as until_the_store_answers
from worker.run_copy import while_renewing
from worker.supervisor import trainer_environment
from worker.watch import Stop, Watch, patiently

# As focus_core.sampler_benchmark, commands.benchmark and sampler_report write them.
FOLDER, PROGRESS, RESULT = "sampler_benchmark", "progress", "result.json"
# What it reads of a run.
_NEEDED = ("checkpoints/checkpoint_best.pt", "truth.npz")
log = logging.getLogger(__name__)


def benchmark(repository: Repository, claim: Claim, shutting_down: Callable[[], bool]) -> None:
    """Run a benchmark to its end, or until it is cancelled: finished cases stay, and are shown."""
    job = repository.job(claim.id)
    try:
        folder = _run_folder(repository, claim, str(job.arguments["experiment"]))
    except UserError as error:
        repository.release(claim, JobStatus.FAILED, "refused", str(error))
        return
    ended = _run(repository, claim, job, folder, shutting_down)
    if ended is not None:
        status, message = ended
        patiently(lambda: repository.release(claim, status, status.value, message))


def _run(
    repository: Repository, claim: Claim, job: JobRow, folder: Path, shutting_down: Callable[[], bool]
) -> tuple[JobStatus, str | None] | None:
    """How it ended; None when the claim is no longer ours."""
    settings, out = repository.settings, folder / FOLDER
    for leftover in running_in(out, "--out"):
        end([leftover], settings.grace_seconds)
    job_log = settings.log_folder / f"benchmark-{claim.id}.log"
    process = spawn(command(job, folder), job_log, trainer_environment(repository), niceness=settings.train_niceness)

    def look() -> None:
        if (seen := progress(out)) is not None:
            repository.set_job_progress(claim, *seen)

    watch = Watch(repository, claim, process, look, shutting_down)
    code = watch.run()
    if watch.stop in (Stop.LOST, Stop.ORPHANED):
        return None
    if code in (EXIT_DONE, EXIT_STOPPED) and (out / RESULT).exists():
        while_renewing(repository, claim, lambda: _register(repository, claim, job, out))
    if code == EXIT_DONE:
        repository.set_job_progress(claim, job.total, job.total)
    return _outcome(watch, code, job_log)


def command(job: JobRow, folder: Path) -> list[str]:
    words = [sys.executable, "-m", "focus_core.cli", "benchmark", "samplers", "--run", str(folder)]
    return [*words, "--out", str(folder / FOLDER), "--maps", str(job.arguments["maps"])]


def progress(out: Path) -> tuple[int, int] | None:
    """(thousandths of the work done, a thousand)."""
    try:
        done, total = (out / PROGRESS).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    return int(done), int(total)


def _register(repository: Repository, claim: Claim, job: JobRow, out: Path) -> None:
    def put() -> None:
        file = repository.artifact_folder.put((out / RESULT).read_bytes(), ".json")
        repository.note_benchmark(str(job.arguments["experiment"]), file, claim.owner)

    until_the_store_answers(put)


def _run_folder(repository: Repository, claim: Claim, experiment: str) -> Path:
    """The run's own folder, or, of a run on another host, copies of the files that are read."""
    folder, copies = repository.settings.run_folder(experiment), repository.run_copies
    if copies is None or not copies.is_behind(experiment, folder):
        return folder
    fetched = fetched_folder(repository.settings.home, experiment)
    while_renewing(repository, claim, lambda: copies.fetch(experiment, fetched, only=_NEEDED))
    return fetched


def _outcome(watch: Watch, code: int, job_log: Path) -> tuple[JobStatus, str | None]:
    if code == EXIT_DONE:
        return JobStatus.SUCCEEDED, None
    if code == EXIT_USER_MISTAKE:
        return JobStatus.FAILED, last_sentence(job_log, "focus benchmark: ") or last_line(job_log)
    if watch.stop is Stop.SHUTDOWN:
        return JobStatus.QUEUED, None
    if watch.stop is Stop.CANCEL or code == EXIT_STOPPED:
        return JobStatus.CANCELLED, "what was measured stays, and the next benchmark goes on from there"
    return JobStatus.FAILED, f"the benchmark ended with code {code}: {last_line(job_log)} (see {job_log})"
