"""One dataset has one name: whether a path or a content is already known, under which name, and what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from focus_core.errors import UserError
from focus_store.database.tables import Dataset

MAPS = "maps.npy"  # of a dataset folder, as named in focus_core.data.folder, which the record does not import


class KnownDataset(UserError):
    """The dataset to be added is already in the record, as `name`."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


def same_place(one: str | Path, other: str | Path) -> bool:
    """Whether both lead to one file or folder: by links, `~`, a slash at the end, or from the current folder."""
    return str(one) == str(other) or _place(one) == _place(other)


def refuse_known_path(session: Session, name: str, path: str, params: str | None) -> None:
    """KnownDataset if `path` is that of a dataset with another name; other parameters make its maps different data."""
    for row in session.scalars(select(Dataset).where(Dataset.name != name)):
        files = (row.survey or {}).get("files", {})
        if params is not None and not any(same_place(params, file) for file in files):
            continue
        if any(same_place(path, place) for place in places(row)):
            raise KnownDataset(f"path: {path} is the dataset '{row.name}' already; use it under that name.", row.name)


def places(row: Dataset) -> set[str]:
    """Its folder or maps file, and the maps file behind a folder of links."""
    files = (row.survey or {}).get("files", {})
    maps = {row.path, str(Path(row.path) / MAPS)} | {file for file in files if file.endswith(".npy")}
    return maps | {str(Path(place).resolve()) for place in maps}


def same_content(row: Dataset, digest: str, survey: Mapping[str, Any]) -> bool:
    """By the sha256 of both files if both were read completely, otherwise by the digest that identifies the dataset."""
    mine, other = _hashes(survey), _hashes(row.survey or {})
    if mine and other:
        return mine == other and _description(row.survey or {}) == _description(survey)
    return row.digest == digest


def is_there(row: Dataset) -> bool:
    """Whether its maps can still be read at the recorded place."""
    files = [file for file in (row.survey or {}).get("files", {}) if file.endswith(".npy")]
    return Path(row.path).exists() and all(Path(file).exists() for file in files)


def name_of_content(session: Session, name: str, digest: str, survey: Mapping[str, Any]) -> str:
    """The name under which a content is entered: `name`, or that of the same content whose files have moved.

    KnownDataset if the same content exists elsewhere too.
    """
    for row in session.scalars(select(Dataset).where(Dataset.name != name)):
        if same_content(row, digest, survey):
            if is_there(row):
                raise KnownDataset(
                    f"path: holds the same maps and parameters as the dataset '{row.name}' at {row.path}; use "
                    "that one, or remove it from the record first.",
                    row.name,
                )
            return row.name
    return name


def refuse_other_content(row: Dataset, path: str, digest: str, survey: Mapping[str, Any]) -> None:
    """A dataset that is checked again in place may have changed; other files under its name are a different dataset."""
    files = {path, *survey.get("files", {})}
    here = any(same_place(one, place) for one in files for place in places(row))
    if not here and not same_content(row, digest, survey):
        raise UserError(
            f"name: '{row.name}' is the dataset that lay at {row.path} and had other content; choose another name, or "
            "remove that one from the record first."
        )


def is_only_links(folder: Path) -> bool:
    """A link to a dataset, or a folder of the laboratory whose maps are a link: the files belong to their owner."""
    return folder.is_symlink() or (folder / MAPS).is_symlink()


def remove_links(folder: Path) -> None:
    """Does nothing if the maps themselves are there."""
    if folder.is_symlink():
        folder.unlink()
    elif is_only_links(folder):
        shutil.rmtree(folder)


def _place(path: str | Path) -> Path:
    return Path(path).expanduser().resolve()


def _hashes(survey: Mapping[str, Any]) -> list[str]:
    return sorted(survey.get("sha256", {}).values())


def _description(survey: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(survey.get(key) for key in ("field", "redshift", "maps_per_simulation", "normalised"))
