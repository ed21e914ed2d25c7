"""One dataset has one name, however often its files are named, and leaves the record without its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from racing import RACERS, race
from sqlalchemy import update

from focus_core.config.experiment import validate_config
from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_store.contracts import Status
from focus_store.database.tables import Experiment
from focus_store.record.dataset_identity import KnownDataset
from focus_store.record.record import Record

DIGEST = "sha256:" + "a" * 64


def dataset_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("maps.npy", "params.csv", "dataset.yaml"):
        (folder / name).write_text(name)
    return folder


def enter(record: Record, name: str, folder: Path, content: str = "one") -> None:
    """As a worker does when it has surveyed a folder."""
    files = [str(folder / file) for file in ("maps.npy", "params.csv")]
    columns = {
        "name": name, "path": str(folder), "digest": f"sha256:{content}", "n_maps": 36, "n_simulations": 12, "grid": 16,
        "box_size": 16.0, "unit": None, "parameter_space": WCDM6.to_dict(), "provenance": None,
    }  # fmt: skip
    survey = {"files": {file: [1, 1] for file in files}, "sha256": {file: content + file[-7:] for file in files}}
    record.datasets.register_survey(columns, survey, [])


def _enter(record: Record, i: int) -> str:
    try:
        enter(record, f"name-{i}", record.settings.home / "data" / "suite")
    except KnownDataset as known:
        return known.name
    return f"name-{i}"


def _ask(record: Record, i: int) -> str:
    try:
        record.datasets.request(f"name-{i}", str(record.settings.home / "data" / "suite"))
    except KnownDataset as known:
        return known.name
    return f"name-{i}"


@pytest.fixture
def suite(record: Record) -> Path:
    return dataset_folder(record.settings.home / "data" / "suite")


class TestTheSameFiles:
    def test_another_way_to_the_same_folder_is_told_with_the_name_that_it_has(
        self, record: Record, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enter(record, "suite", suite)
        (tmp_path / "link").symlink_to(suite)
        monkeypatch.setenv("HOME", str(suite.parent))
        monkeypatch.chdir(suite.parent)
        ways = [f"{suite}/", "suite", "~/suite", str(tmp_path / "link"), str(suite / "maps.npy"), f"{suite}/../suite"]
        for way in ways:
            with pytest.raises(KnownDataset, match="is the dataset 'suite' already") as refused:
                record.datasets.request("again", way)
            assert refused.value.name == "suite"
        assert record.datasets.request("suite", f"{suite}/"), "under its own name it is checked again"

    def test_a_copy_elsewhere_is_told_when_its_content_was_read(self, record: Record, suite: Path) -> None:
        enter(record, "suite", suite)
        copy = dataset_folder(record.settings.home / "data" / "copy")
        with pytest.raises(KnownDataset, match="same maps and parameters as the dataset 'suite'"):
            enter(record, "copy", copy)
        assert [row.name for row in record.datasets.every()] == ["suite"]

    def test_a_dataset_that_has_moved_keeps_its_name_and_gets_its_new_path(self, record: Record, suite: Path) -> None:
        enter(record, "suite", suite)
        moved = suite.rename(suite.parent / "moved")
        record.datasets.request("suite", str(moved))
        enter(record, "suite", moved)
        assert [(row.name, row.path) for row in record.datasets.every()] == [("suite", str(moved))]

    def test_other_content_under_the_name_of_files_that_are_gone_is_refused(self, record: Record, suite: Path) -> None:
        enter(record, "suite", suite)
        suite.rename(suite.parent / "moved")
        other = dataset_folder(suite.parent / "other")
        with pytest.raises(UserError, match=r"name: 'suite' is the dataset that lay at .* other content"):
            enter(record, "suite", other, "two")

    def test_files_that_changed_where_they_lie_are_entered_again(self, record: Record, suite: Path) -> None:
        enter(record, "suite", suite)
        enter(record, "suite", suite, "two")
        assert record.datasets.get("suite").digest == "sha256:two"

    def test_several_that_enter_the_same_content_at_the_same_moment_get_one_name(
        self, record: Record, suite: Path
    ) -> None:
        assert len({*race(record, _enter)}) == len(record.datasets.every()) == 1

    def test_several_that_ask_for_the_same_path_at_the_same_moment_get_one_name(
        self, record: Record, suite: Path
    ) -> None:
        assert len({*race(record, _ask)}) == len(record.datasets.jobs()) == 1 < RACERS


class TestRemoving:
    def status(self, record: Record, one: str, status: Status) -> None:
        with record.database.writing() as session:
            session.execute(update(Experiment).where(Experiment.id == one).values(status=status))

    def test_files_and_experiments_stay_and_it_can_be_added_again(
        self, record: Record, suite: Path, config: Any
    ) -> None:
        enter(record, "quick", suite)
        link = record.settings.datasets / "quick"
        link.parent.mkdir(parents=True)
        link.symlink_to(suite)
        run = record.experiments.create(config)
        self.status(record, run, Status.SUCCEEDED)
        record.datasets.remove("quick")
        assert record.datasets.every() == []
        assert not os.path.lexists(link), "nothing finds it by its name any more"
        assert sorted(file.name for file in suite.iterdir()) == ["dataset.yaml", "maps.npy", "params.csv"]
        assert record.experiments.get(run).summary.dataset == "quick"
        assert record.datasets.removed() == {"quick"}
        record.datasets.request("quick", str(suite))
        enter(record, "quick", suite)
        assert record.datasets.removed() == set()

    def test_what_lies_in_the_laboratorys_own_folder_stays_as_well(self, record: Record) -> None:
        own = dataset_folder(record.settings.datasets / "own")
        enter(record, "own", own)
        record.datasets.remove("own")
        assert (own / "maps.npy").exists()

    @pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.STALLED])
    def test_one_that_is_needed_is_kept_with_the_names_of_those_who_need_it(
        self, record: Record, suite: Path, status: Status
    ) -> None:
        enter(record, "quick", suite)
        run = record.experiments.create(validate_config({"experiment": {"name": "busy"}, "data": {"dataset": "quick"}}))
        self.status(record, run, status)
        with pytest.raises(UserError, match=rf"dataset quick: is needed by busy \({run}\)"):
            record.datasets.remove("quick")
        assert record.datasets.get("quick")

    def test_one_that_is_being_checked_is_kept(self, record: Record, suite: Path) -> None:
        enter(record, "suite", suite)
        record.datasets.request("suite", str(suite))
        with pytest.raises(UserError, match="is needed by Check suite"):
            record.datasets.remove("suite")
