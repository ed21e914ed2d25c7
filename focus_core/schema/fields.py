"""The basis of every section of a configuration: frozen sections, and numbers and texts as YAML writes them."""

from __future__ import annotations

import datetime
import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number")
    return value


def _integer(value: Any) -> Any:
    """YAML reads `1e3` as text."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return value
    return int(number) if number.is_integer() else _refuse_bool(value)


def _text(value: Any) -> Any:
    """YAML reads `created: 2025-11-02` as a date and `name: 12` as a number; both are meant as text."""
    if isinstance(value, bool):
        raise ValueError(f"YAML reads this word as {str(value).lower()}; put it in quotes")
    if isinstance(value, str) and any(ord(letter) < 32 and letter not in "\n\t\r" for letter in value):
        raise ValueError("has a control character, which no name or path needs")
    return str(value) if isinstance(value, (datetime.date, int, float)) else value


Integer = Annotated[int, BeforeValidator(_integer)]
Number = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Text = Annotated[str, BeforeValidator(_text)]

# Content of a file of maps that does not contain the field itself: log10 of it, or its overdensity (δ or 1 + δ).
StoredAs = Literal["log10", "overdensity"]


class Section(BaseModel):
    """Frozen, because a run's configuration is its identity; unknown keys are refused: a typo must not be silent."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=())

    # Settings introduced after the first digests were recorded: at their default they leave a digest unchanged.
    later: ClassVar[tuple[str, ...]] = ()
