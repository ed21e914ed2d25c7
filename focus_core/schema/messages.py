"""From a failed validation to one sentence: the key, what is wrong with it, and the value found."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from focus_core.errors import UserError

# A value of a kilobyte, or an integer of a million digits, does not belong in a sentence.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


# Plausible sides of a box [Mpc/h]: the observable universe is 2·10⁴ across, a galaxy 10⁻².
SMALLEST_BOX, LARGEST_BOX = 1e-6, 1e6


def check_box(side: float, what: str) -> None:
    """Refuse values that are not the side of a box in Mpc/h, including NaN; `what` names the box."""
    if not SMALLEST_BOX <= side <= LARGEST_BOX:
        raise UserError(
            f"{what} is {side:g}; it must be a positive number of Mpc/h, from {SMALLEST_BOX:g} to {LARGEST_BOX:g}."
        )


def first_mistake(error: ValidationError, within: str = "") -> str:
    """The first of the mistakes; `within` is the key of the validated part."""
    problem = error.errors(include_url=False)[0]
    key = dotted([within, *problem["loc"]])
    if problem["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{key} is not a key that is known there."
    return told(problem, key)


def told(problem: Mapping[str, Any], key: str) -> str:
    """One problem from pydantic's list, as a sentence about `key`."""
    if problem["type"] == "recursion_loop":
        return f"{key}: refers to itself; write its values out."
    if problem["type"] in ("missing", "missing_argument"):
        return f"{key} is missing."
    if problem["type"] in ("dataclass_type", "model_type", "dict_type", "mapping_type"):
        return f"{key} must be a section of keys and values (found {shown(problem.get('input'))})."
    if problem["type"] == "too_short":
        return f"{key} must not be empty."
    if problem["type"] in ("tuple_type", "list_type"):
        return f"{key} must be a list (found {shown(problem.get('input'))})."
    message = str(problem["msg"]).removeprefix("Value error, ")
    found = problem.get("input")
    hidden = isinstance(found, (dict, list, BaseModel)) or problem["type"] == "value_error"
    tail = "" if hidden else f" (found {shown(found)})"
    end = "" if message.endswith((".", "?")) else "."
    if key and not message[:2].isupper():  # an abbreviation is left unchanged
        message = message[0].lower() + message[1:]
    return f"{key}: {message}{tail}{end}" if key else f"{message}{end}"


def shown(value: Any) -> str:
    """A value as Python writes it, cut if it is long."""
    if isinstance(value, int) and value.bit_length() > 4000:
        return f"an integer of {value.bit_length()} bits"  # whose digits Python itself refuses to print
    return _SHORT.repr(value)


def dotted(location: Iterable[str | int]) -> str:
    """`parameter_space.parameters[2].minimum`."""
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key
