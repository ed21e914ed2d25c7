"""Locations of a configuration's files: relative paths become absolute once, when a training run starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from focus_core.config.experiment import PATH_KEYS, PROCESSED, DataSection, ends_in
from focus_core.data.folder import is_folder
from focus_core.errors import UserError
from focus_core.paths import datasets_folder, expanded


def with_absolute_paths(
    data: DataSection, home: Path, folders: Sequence[Path], recorded: DataSection | None = None
) -> DataSection:
    """Each relative path in the first of `folders` that has it, otherwise where an earlier start found it (`recorded`).

    A dataset of the laboratory keeps its name. UserError names the key of a path that is not found.
    """
    changes: dict[str, str] = {}
    for key in PATH_KEYS:
        value = getattr(data, key)
        if value is None or (key == "dataset" and is_folder(datasets_folder(home) / value)):
            continue
        is_there = _IS_THERE[key]
        place = expanded(PROCESSED if (key, value) == ("data_dir", "processed") else value)
        earlier = getattr(recorded, key, None)
        # Links in the path itself are kept: the name of a CAMELS file says what is in it, that of its target may not.
        candidates = [Path(os.path.abspath(folder.resolve() / place)) for folder in folders]  # noqa: PTH100
        if earlier is not None and ends_in(earlier, str(place)):
            candidates.append(Path(earlier))
        found = next((candidate for candidate in candidates if is_there(candidate)), None)
        if found is not None:
            changes[key] = str(found)
        elif key != "dataset" and not place.is_absolute():  # a missing dataset is reported with the command for it
            searched = " or ".join(dict.fromkeys(str(folder.resolve()) for folder in folders))
            raise UserError(f"data.{key}: there is no {place} in {searched}; check the path.")
    return data.model_copy(update=changes)


_IS_THERE: Mapping[str, Callable[[Path], bool]] = {
    "dataset": is_folder,
    "maps_path": Path.is_file,
    "params_path": Path.is_file,
    "data_dir": Path.is_dir,
}
