"""Where a dataset that was checked lies for the laboratory: under its name, by a link, or where it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_store.record.dataset_identity import KnownDataset
from focus_store.record.record import Record, open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.jobs.dataset_check import ARRAYS, LINK, RESULT, SHEETS, place, register

FILES = ("maps.npy", "params.csv", "dataset.yaml")


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    settings = Settings.from_environment({"FOCUS_HOME": str(tmp_path / "home")})
    migrate(settings.database_url)
    found = open_record(settings)
    yield found
    found.close()


def suite(folder: Path) -> Path:
    """A dataset folder with maps of its own."""
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(f"{folder} {name}")
    return folder


def links(folder: Path, maps: Path) -> Path:
    """What the survey of a pair of files makes of it: a folder whose maps are a link."""
    folder.mkdir(parents=True)
    (folder / "maps.npy").symlink_to(maps)
    (folder / "params.csv").write_text("written again")
    return folder


class TestAFolder:
    def test_one_from_elsewhere_is_found_by_its_name_through_a_link(self, record: Record, tmp_path: Path) -> None:
        own = suite(tmp_path / "data" / "mine")
        assert place(record, "mine", own, tmp_path) == own
        link = record.settings.datasets / "mine"
        assert link.is_symlink()
        assert link.resolve() == own.resolve()
        assert place(record, "mine", own, tmp_path) == own, "a second time nothing changes"

    def test_one_in_the_laboratory_itself_stays_as_it_is(self, record: Record, tmp_path: Path) -> None:
        home = suite(record.settings.datasets / "mine")
        assert place(record, "mine", home, tmp_path) == home
        assert not home.is_symlink()

    def test_a_link_to_what_has_gone_gives_way(self, record: Record, tmp_path: Path) -> None:
        place(record, "mine", suite(tmp_path / "old"), tmp_path)
        moved = (tmp_path / "old").rename(tmp_path / "new")
        assert place(record, "mine", moved, tmp_path) == moved
        assert (record.settings.datasets / "mine").resolve() == moved.resolve()

    def test_a_name_that_another_dataset_has_is_refused_and_nothing_of_it_goes(
        self, record: Record, tmp_path: Path
    ) -> None:
        home = suite(record.settings.datasets / "mine")
        with pytest.raises(UserError, match=r"name: 'mine' is taken by .*datasets/mine; choose another name"):
            place(record, "mine", suite(tmp_path / "other"), tmp_path)
        assert sorted(file.name for file in home.iterdir()) == sorted(FILES)

    def test_a_link_to_another_one_that_is_there_is_refused(self, record: Record, tmp_path: Path) -> None:
        first = suite(tmp_path / "first")
        place(record, "mine", first, tmp_path)
        with pytest.raises(UserError, match=r"is taken by .*first"):
            place(record, "mine", suite(tmp_path / "second"), tmp_path)
        assert (record.settings.datasets / "mine").resolve() == first.resolve()


class TestAPairOfFiles:
    def test_it_becomes_the_folder_of_links_that_the_survey_made(self, record: Record, tmp_path: Path) -> None:
        maps = suite(tmp_path / "data") / "maps.npy"
        work = tmp_path / "work"
        home = place(record, "pair", links(work / LINK, maps), work)
        assert home == record.settings.datasets / "pair"
        assert (home / "maps.npy").resolve() == maps
        assert not (work / LINK).exists()

    @pytest.mark.parametrize("gone", [False, True])
    def test_links_to_the_same_maps_or_to_what_has_gone_give_way(
        self, record: Record, tmp_path: Path, gone: bool
    ) -> None:
        maps = suite(tmp_path / "data") / "maps.npy"
        before = maps if not gone else tmp_path / "no longer there.npy"
        old = links(record.settings.datasets / "pair", before)
        (old / "of the first time").touch()
        work = tmp_path / "work"
        home = place(record, "pair", links(work / LINK, maps), work)
        assert (home / "maps.npy").resolve() == maps
        assert not (home / "of the first time").exists()

    def test_maps_of_the_laboratory_itself_and_links_to_other_ones_stay(self, record: Record, tmp_path: Path) -> None:
        maps, work = suite(tmp_path / "data") / "maps.npy", tmp_path / "work"
        own = suite(record.settings.datasets / "own")
        others = links(record.settings.datasets / "others", suite(tmp_path / "more") / "maps.npy")
        for name in ("own", "others"):
            made = links(work / LINK, maps) if not (work / LINK).exists() else work / LINK
            with pytest.raises(UserError, match=f"name: '{name}' is taken"):
                place(record, name, made, work)
        assert sorted(file.name for file in own.iterdir()) == sorted(FILES)
        assert (others / "maps.npy").resolve() == tmp_path / "more" / "maps.npy"

    def test_maps_without_a_folder_stay_where_they_are(self, record: Record, tmp_path: Path) -> None:
        maps = suite(tmp_path / "data") / "maps.npy"
        assert place(record, "pair", maps, tmp_path / "work") == maps
        assert not (record.settings.datasets / "pair").exists()


def surveyed(work: Path, name: str, folder: Path) -> Path:
    """What `worker.jobs.survey` leaves of a folder."""
    (work / SHEETS).mkdir(parents=True)
    np.savez(work / ARRAYS, theta=np.zeros((2, 6)))
    (work / SHEETS / "000000.webp").write_bytes(b"a picture")
    row = {
        "name": name, "path": str(folder), "digest": "sha256:one", "n_maps": 6, "n_simulations": 2, "grid": 8,
        "box_size": 8.0, "unit": None, "parameter_space": WCDM6.to_dict(), "provenance": {},
    }  # fmt: skip
    files = {str(folder / file): [1, 1] for file in FILES[:2]}
    survey = {"files": files, "sha256": {file: f"sum of {Path(file).name}" for file in files}, "simulations": [0]}
    (work / RESULT).write_text(json.dumps({"row": row, "survey": survey}), encoding="utf-8")
    return work


class TestRegistering:
    def test_a_dataset_that_has_moved_keeps_its_name_gets_its_path_and_says_so(
        self, record: Record, tmp_path: Path
    ) -> None:
        register(record, surveyed(tmp_path / "work 1", "mine", suite(tmp_path / "old")))
        moved = (tmp_path / "old").rename(tmp_path / "new")
        said = register(record, surveyed(tmp_path / "work 2", "another name", moved))
        assert said == "is the dataset 'mine', which has moved; its path was updated."
        assert [(row.name, row.path) for row in record.datasets.every()] == [("mine", str(moved))]
        assert (record.settings.datasets / "mine").resolve() == moved.resolve()
        assert not (record.settings.datasets / "another name").is_symlink()

    def test_the_same_content_that_still_lies_elsewhere_is_refused_and_leaves_no_link(
        self, record: Record, tmp_path: Path
    ) -> None:
        register(record, surveyed(tmp_path / "work 1", "mine", suite(tmp_path / "one")))
        with pytest.raises(KnownDataset, match="the dataset 'mine'"):
            register(record, surveyed(tmp_path / "work 2", "copy", suite(tmp_path / "two")))
        assert [path.name for path in record.settings.datasets.iterdir()] == ["mine"]
