"""One dataset has one name, however often its files are named, and leaves the record without its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from racing import RACERS, race
from sqlalchemy import update

from focus_core.config import validate_config
from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_store.contracts import Status
from focus_store.dataset_identity import KnownDataset
from focus_store.repository import Repository
from focus_store.tables import Experiment

DIGEST = "sha256:" + "a" * 64


def dataset_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("maps.npy", "params.csv", "dataset.yaml"):
        (folder / name).write_text(name)
    return folder


def enter(repository: Repository, name: str, folder: Path, content: str = "one") -> None:
    """As a worker does when it has surveyed a folder."""
    files = [str(folder / file) for file in ("maps.npy", "params.csv")]
    columns = {
        "name": name, "path": str(folder), "digest": f"sha256:{content}", "n_maps": 36, "n_simulations": 12, "grid": 16,
        "box_size": 16.0, "unit": None, "parameter_space": WCDM6.to_dict(), "provenance": None,
    }  # fmt: skip
    survey = {"files": {file: [1, 1] for file in files}, "sha256": {file: content + file[-7:] for file in files}}
    repository.register_survey(columns, survey, [])


def _enter(repository: Repository, i: int) -> str:
    try:
        enter(repository, f"name-{i}", repository.settings.home / "data" / "suite")
    except KnownDataset as known:
        return known.name
    return f"name-{i}"


def _ask(repository: Repository, i: int) -> str:
    try:
        repository.request_dataset(f"name-{i}", str(repository.settings.home / "data" / "suite"))
    except KnownDataset as known:
        return known.name
    return f"name-{i}"


@pytest.fixture
def suite(repository: Repository) -> Path:
    return dataset_folder(repository.settings.home / "data" / "suite")


class TestTheSameFiles:
    def test_another_way_to_the_same_folder_is_told_with_the_name_that_it_has(
        self, repository: Repository, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enter(repository, "suite", suite)
        (tmp_path / "link").symlink_to(suite)
        monkeypatch.setenv("HOME", str(suite.parent))
        monkeypatch.chdir(suite.parent)
        ways = [f"{suite}/", "suite", "~/suite", str(tmp_path / "link"), str(suite / "maps.npy"), f"{suite}/../suite"]
        for way in ways:
            with pytest.raises(KnownDataset, match="is the dataset 'suite' already") as refused:
                repository.request_dataset("again", way)
            assert refused.value.name == "suite"
        assert repository.request_dataset("suite", f"{suite}/"), "under its own name it is checked again"

    def test_a_copy_elsewhere_is_told_when_its_content_was_read(self, repository: Repository, suite: Path) -> None:
        enter(repository, "suite", suite)
        copy = dataset_folder(repository.settings.home / "data" / "copy")
        with pytest.raises(KnownDataset, match="same maps and parameters as the dataset 'suite'"):
            enter(repository, "copy", copy)
        assert [row.name for row in repository.datasets()] == ["suite"]

    def test_a_dataset_that_has_moved_keeps_its_name_and_gets_its_new_path(
        self, repository: Repository, suite: Path
    ) -> None:
        enter(repository, "suite", suite)
        moved = suite.rename(suite.parent / "moved")
        repository.request_dataset("suite", str(moved))
        enter(repository, "suite", moved)
        assert [(row.name, row.path) for row in repository.datasets()] == [("suite", str(moved))]

    def test_other_content_under_the_name_of_files_that_are_gone_is_refused(
        self, repository: Repository, suite: Path
    ) -> None:
        enter(repository, "suite", suite)
        suite.rename(suite.parent / "moved")
        other = dataset_folder(suite.parent / "other")
        with pytest.raises(UserError, match=r"name: 'suite' is the dataset that lay at .* other content"):
            enter(repository, "suite", other, "two")

    def test_files_that_changed_where_they_lie_are_entered_again(self, repository: Repository, suite: Path) -> None:
        enter(repository, "suite", suite)
        enter(repository, "suite", suite, "two")
        assert repository.dataset("suite").digest == "sha256:two"

    def test_several_that_enter_the_same_content_at_the_same_moment_get_one_name(
        self, repository: Repository, suite: Path
    ) -> None:
        assert len({*race(repository, _enter)}) == len(repository.datasets()) == 1

    def test_several_that_ask_for_the_same_path_at_the_same_moment_get_one_name(
        self, repository: Repository, suite: Path
    ) -> None:
        assert len({*race(repository, _ask)}) == len(repository.dataset_jobs()) == 1 < RACERS


class TestRemoving:
    def status(self, repository: Repository, one: str, status: Status) -> None:
        with repository.writing() as session:
            session.execute(update(Experiment).where(Experiment.id == one).values(status=status))

    def test_files_and_experiments_stay_and_it_can_be_added_again(
        self, repository: Repository, suite: Path, config: Any
    ) -> None:
        enter(repository, "quick", suite)
        link = repository.settings.datasets / "quick"
        link.parent.mkdir(parents=True)
        link.symlink_to(suite)
        run = repository.create_experiment(config)
        self.status(repository, run, Status.SUCCEEDED)
        repository.remove_dataset("quick")
        assert repository.datasets() == []
        assert not os.path.lexists(link), "nothing finds it by its name any more"
        assert sorted(file.name for file in suite.iterdir()) == ["dataset.yaml", "maps.npy", "params.csv"]
        assert repository.experiment(run).summary.dataset == "quick"
        assert repository.removed_datasets() == {"quick"}
        repository.request_dataset("quick", str(suite))
        enter(repository, "quick", suite)
        assert repository.removed_datasets() == set()

    def test_what_lies_in_the_laboratorys_own_folder_stays_as_well(self, repository: Repository) -> None:
        own = dataset_folder(repository.settings.datasets / "own")
        enter(repository, "own", own)
        repository.remove_dataset("own")
        assert (own / "maps.npy").exists()

    @pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.STALLED])
    def test_one_that_is_needed_is_kept_with_the_names_of_those_who_need_it(
        self, repository: Repository, suite: Path, status: Status
    ) -> None:
        enter(repository, "quick", suite)
        run = repository.create_experiment(
            validate_config({"experiment": {"name": "busy"}, "data": {"dataset": "quick"}})
        )
        self.status(repository, run, status)
        with pytest.raises(UserError, match=rf"dataset quick: is needed by busy \({run}\)"):
            repository.remove_dataset("quick")
        assert repository.dataset("quick")

    def test_one_that_is_being_checked_is_kept(self, repository: Repository, suite: Path) -> None:
        enter(repository, "suite", suite)
        repository.request_dataset("suite", str(suite))
        with pytest.raises(UserError, match="is needed by Check suite"):
            repository.remove_dataset("suite")
