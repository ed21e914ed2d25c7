"""Opening any path that may name a dataset, shared by `focus data check` and the laboratory's surveys."""

from __future__ import annotations

from pathlib import Path

from focus_core.data.answers import DESCRIBE, NOTHING_SAID, Answers
from focus_core.data.checks import Progress
from focus_core.data.cmd import parse_name
from focus_core.data.dataset import MapDataset
from focus_core.data.files import sha256_of
from focus_core.data.folder import is_folder, open_folder, recorded_hashes
from focus_core.data.opening import NORMALISED_MAPS, NORMALISED_PARAMS, open_pair, with_answers
from focus_core.errors import UserError


def params_beside(path: Path) -> Path | None:
    """The parameters that belong to a maps file by name, or None for a name that implies none."""
    name = parse_name(path)
    if name is not None:
        return path.with_name(name.params_file)
    return path.with_name(NORMALISED_PARAMS) if path.name == NORMALISED_MAPS else None


def open_path(path: Path, params: Path | None = None, answers: Answers = NOTHING_SAID) -> MapDataset:
    """A dataset folder, a folder with one pair of files, or a maps file with its parameters.

    Headers, labels and the number of rows are checked; pixels and hashes are not. UserError for what cannot be opened.
    """
    if not path.exists():
        raise UserError(f"{path}: there is no such file or folder; check the path.")
    if path.is_file():
        beside = params or params_beside(path)
        if beside is None:
            raise UserError(
                f"{path}: its name does not say where its parameters are; give their file and their space, or "
                f"{DESCRIBE}."
            )
        return open_pair(path, beside, answers)
    if params is not None:
        return open_pair(path, params, answers)
    if not is_folder(path) and (path / NORMALISED_MAPS).is_file():
        return open_pair(path / NORMALISED_MAPS, path / NORMALISED_PARAMS, answers)
    found = sorted(path.glob("Maps_*.npy"))
    if not is_folder(path) and len(found) == 1:
        return open_pair(found[0], params_beside(found[0]) or found[0], answers)
    if not is_folder(path) and found:
        raise UserError(f"{path}: holds {len(found)} files of maps ({found[0].name} and others); name one of them.")
    return with_answers(open_folder(path), answers)


def file_hashes(dataset: MapDataset, progress: Progress | None = None) -> dict[str, str]:
    """sha256 of each whole file; UserError if a dataset folder recorded another one.

    `progress(done, total)` counts bytes, and may raise.
    """
    files, done = (dataset.maps_file, dataset.params_file), 0
    total = sum(file.stat().st_size for file in files)

    def count(read: int) -> None:
        nonlocal done
        done += read
        if progress is not None:
            progress(done, total)

    hashes = {file.name: sha256_of(file, count) for file in files}
    folder = dataset.maps_file.parent
    if is_folder(folder):
        for name, recorded in recorded_hashes(folder).items():
            if name in hashes and hashes[name] != recorded:
                raise UserError(
                    f"{folder / name}: its sha256 is not the one in dataset.yaml; it was changed or damaged."
                )
    return hashes
