"""Facts about files that the user states because the files do not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from focus_core.schema.fields import StoredAs

# The name of each in a configuration, on the command line and in the form: sentences are written with the keys.
OPTIONS = {
    "data.box_size": "--box",
    "data.slab_depth": "--depth",
    "data.parameter_space": "--space",
    "data.stored_as": "--stored-as",
    "data.independent_realisations": "--independent",
}
# The same facts as fields of the Datasets page, with their unit if they have one.
FIELDS = {
    "data.box_size": "Box side",
    "data.slab_depth": "Slab depth",
    "data.parameter_space": "Parameter space",
    "data.stored_as": "Stored as",
    "data.independent_realisations": "Independent realisations",
    "--columns": "Names of columns",
    "--range": "Ranges",
    "--fixed": "Fixed",
    "--maps": "Maps file",
}
DESCRIBE = "describe it with `focus data new`"


@dataclass(frozen=True)
class Answers:
    """None for a fact not given. `box_size` and `slab_depth` in Mpc/h; `space` is the name of a parameter space."""

    space: str | None = None
    box_size: float | None = None
    slab_depth: float | None = None
    stored_as: StoredAs | None = None
    independent_realisations: bool | None = None

    def given(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


NOTHING_SAID = Answers()


def how_to_say(maps_file: Path, key: str, value: str) -> str:
    """Where a user states a fact about these maps: in their folder's description, otherwise in the configuration."""
    description = maps_file.with_name("dataset.yaml")
    if description.is_file():
        return f"Write `{key}: {value}` into {description}"
    return f"Say data.{key}: {value}"


def in_options(sentence: str) -> str:
    """A sentence that names keys of a configuration, with the options of the command line instead."""
    return _renamed(sentence, OPTIONS)


def in_form(sentence: str) -> str:
    """The same with the fields of the Datasets page."""
    return _renamed(sentence, FIELDS)


def _renamed(sentence: str, names: Mapping[str, str]) -> str:
    for key, option in names.items():
        sentence = re.sub(rf"(?<=[Ss]ay ){key}: true", option, sentence)
        sentence = re.sub(rf"(?<=[Ss]ay ){key}: (?=\S)", f"{option} ", sentence).replace(f"{key}: true", option)
        sentence = sentence.replace(key, option)
    return sentence
