"""Do the columns of θ match their names? A wrong label goes unnoticed, so everything that can be checked is checked."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from focus_core.data.answers import DESCRIBE
from focus_core.data.column_names import own_name
from focus_core.data.parameter_tables import Table
from focus_core.errors import UserError
from focus_core.parameters import SPACES, Parameter, ParameterSpace

FloatArray = NDArray[np.float64]

# Tables are printed with at least five decimals; a share of the range's width that such rounding never exceeds.
_ROUNDING = 1e-4


def check_columns(table: Table, space: ParameterSpace, source: Path) -> None:
    """The number of columns and, if the file has a header, their names and order."""
    found = table.values.shape[1]
    if found != len(space):
        raise UserError(
            f"{source}: has {found} parameter columns, but {space.name} has {len(space)} ({', '.join(space.names)}); "
            f"give the table that belongs to the maps, or {DESCRIBE}, which takes any number of parameters."
        )
    for position, (called, expected) in enumerate(zip(table.header or (), space.names, strict=False), 1):
        if own_name(called) != expected:
            raise UserError(
                f"{source}: column {position} is called {called}, but {space.name} has {expected} there; "
                "put the columns in the order of the space, or name the right data.parameter_space."
            )


def outside_prior(theta: FloatArray, space: ParameterSpace, source: Path) -> list[str]:
    """One sentence for each column that leaves its prior range: column, expected and found."""
    sentences = []
    for column, p in zip(theta.T, space.parameters, strict=True):
        beyond = np.flatnonzero(_beyond(column, p))
        if len(beyond):
            sentences.append(
                f"{source}: column {p.name} should lie in [{p.minimum:g}, {p.maximum:g}], but row {beyond[0]} holds "
                f"{column[beyond[0]]:g} (the column spans {column.min():g} to {column.max():g}); "
                f"{_where_it_fits(theta, space)}."
            )
    return sentences


def _beyond(column: FloatArray, p: Parameter) -> NDArray[np.bool_]:
    slack = _ROUNDING * (p.maximum - p.minimum)
    return (column < p.minimum - slack) | (column > p.maximum + slack)


def _where_it_fits(theta: FloatArray, space: ParameterSpace) -> str:
    """Another space of the same columns in whose ranges all of them fit, otherwise the order of the columns."""
    for other in SPACES.values():
        pairs = zip(theta.T, other.parameters, strict=False)
        if other.names == space.names and not any(_beyond(column, p).any() for column, p in pairs):
            return f"every column lies within {other.name}: name that as data.parameter_space"
    return "check the order of the columns and data.parameter_space"


def check_prior(theta: FloatArray, space: ParameterSpace, source: Path) -> None:
    """Refuse θ outside the prior."""
    for sentence in outside_prior(theta, space, source):
        raise UserError(sentence)


def check_logarithms(theta: FloatArray, space: ParameterSpace, source: Path) -> None:
    """Refuse values without a logarithm where a scale needs one: CAMELS' EX has feedback of strength 0."""
    for column, p in zip(theta.T, space.parameters, strict=True):
        if p.scaling == "log" and (column <= 0.0).any():
            row = int(np.argmax(column <= 0.0))
            raise UserError(
                f"{source}: column {p.name}, row {row} holds {column[row]:g}, which has no place on its logarithmic "
                "scale; leave that simulation and its maps out."
            )


def check_means(theta: FloatArray, space: ParameterSpace, source: Path) -> list[str]:
    """Refuse a space-filling set whose column means are not those of the prior, within 4 standard errors.

    Together with the ranges this catches every swap of columns with different priors. Realisations of one θ count
    once. A column that leaves an end of its range empty indicates a part of the set or another suite: a warning.
    """
    theta, warnings = np.unique(theta, axis=0), []
    for column, p in zip(theta.T, space.parameters, strict=True):
        allowed = 4.0 * _prior_std(p) / math.sqrt(len(column))
        if _is_narrow(column, p):
            warnings.append(
                f"{source}: column {p.name} spans {column.min():g} to {column.max():g} alone, less than its prior "
                f"[{p.minimum:g}, {p.maximum:g}]: a subset of the set, or a suite with a narrower range."
            )
        elif abs(column.mean() - p.prior_mean()) > allowed:
            raise UserError(
                f"{source}: column {p.name} should have a mean of {p.prior_mean():.4f} ± {allowed:.4f} over "
                f"{len(column)} simulations, but has {column.mean():.4f}; check the order of the columns."
            )
    return warnings


# For n uniform values, the ends leave 2/(n + 1) of the range empty on average; ten times 1/n is not by chance.
_EMPTY_ENDS = 10.0


def _is_narrow(column: FloatArray, p: Parameter) -> bool:
    span = float(np.ptp(p.to_unit(column))) / 2.0
    return len(column) * (1.0 - span) > _EMPTY_ENDS


def _prior_std(p: Parameter) -> float:
    if p.scaling == "log":
        square = (p.maximum**2 - p.minimum**2) / (2.0 * math.log(p.maximum / p.minimum))
        return math.sqrt(square - p.prior_mean() ** 2)
    return (p.maximum - p.minimum) / math.sqrt(12.0)
