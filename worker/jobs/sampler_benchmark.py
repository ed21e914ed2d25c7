"""A benchmark of samplers works in its run's folder, and its result is an artifact of the run."""

from __future__ import annotations

from pathlib import Path

from focus_core.run_files import BENCHMARK_RESULT, BEST, SAMPLER_BENCHMARK, TRUTH
from focus_store.contracts import JobStatus
from focus_store.files.run_uploads import fetched_folder
from worker.jobs.run_copy import patiently, while_renewing
from worker.jobs.work import JobEnd, JobWork

# What it reads of a run.
_NEEDED = (BEST.as_posix(), TRUTH)


class SamplerBenchmarkWork(JobWork):
    """Finished cases stay, of one that was stopped too: the next benchmark goes on from there."""

    keeps_folder = True

    def folder(self) -> Path:
        return self._run_folder() / SAMPLER_BENCHMARK

    def keep(self, folder: Path) -> JobEnd:
        self.keep_part(folder)
        self.record.jobs.set_progress(self.claim, self.job.total, self.job.total)
        return JobStatus.SUCCEEDED, None

    def keep_part(self, folder: Path) -> None:
        if (folder / BENCHMARK_RESULT).exists():
            while_renewing(self.record, self.claim, lambda: self._register(folder / BENCHMARK_RESULT))

    def _register(self, result: Path) -> None:
        def put() -> None:
            file = self.record.artifacts.put(result.read_bytes(), ".json")
            self.record.benchmarks.note(self._experiment, file, self.claim.owner)

        patiently(put)

    @property
    def _experiment(self) -> str:
        return str(self.job.arguments["experiment"])

    def _run_folder(self) -> Path:
        """The run's own folder, or, of a run on another host, copies of the files that are read."""
        experiment, copies = self._experiment, self.record.run_copies
        folder = self.settings.run_folder(experiment)
        if copies is None or not copies.is_behind(experiment, folder):
            return folder
        fetched = fetched_folder(self.settings.home, experiment)
        while_renewing(self.record, self.claim, lambda: copies.fetch(experiment, fetched, only=_NEEDED))
        return fetched
