"""A job that measures something about a run works in a folder of the run, and its result is an artifact of the run."""

from __future__ import annotations

from pathlib import Path

from focus_core.catalogue.jobs import Finding
from focus_store.contracts import JobStatus
from focus_store.files.run_uploads import fetched_folder
from worker.jobs.run_copy import patiently, while_renewing
from worker.jobs.work import JobEnd, JobWork


class FindingWork(JobWork):
    """Partial results before a stop are kept: the next job of the kind continues from there."""

    keeps_folder = True

    @property
    def finds(self) -> Finding:
        assert self.kind.finds is not None
        return self.kind.finds

    def folder(self) -> Path:
        return self._run_folder() / self.finds.folder

    def keep(self, folder: Path) -> JobEnd:
        self.keep_part(folder)
        self.record.jobs.set_progress(self.claim, self.job.total, self.job.total)
        return JobStatus.SUCCEEDED, None

    def keep_part(self, folder: Path) -> None:
        if (folder / self.finds.result).exists():
            while_renewing(self.record, self.claim, lambda: self._register(folder))

    def _register(self, folder: Path) -> None:
        patiently(lambda: self._note(folder))

    def _note(self, folder: Path) -> None:
        put = self.record.artifacts.put
        files = {
            name: put((folder / name).read_bytes(), Path(name).suffix)
            for name in (self.finds.result, *self.finds.beside)
            if (folder / name).exists()
        }
        self.record.findings.note(self.kind.name, self._experiment, files, self.claim.owner)

    @property
    def _experiment(self) -> str:
        return str(self.job.arguments["experiment"])

    def _run_folder(self) -> Path:
        """The run's own folder, or, for a run on another host, copies of the files that are read."""
        experiment, copies = self._experiment, self.record.run_copies
        folder = self.settings.run_folder(experiment)
        if copies is None or not copies.is_behind(experiment, folder):
            return folder
        fetched = fetched_folder(self.settings.home, experiment)
        while_renewing(self.record, self.claim, lambda: copies.fetch(experiment, fetched, only=self.finds.needs))
        return fetched
