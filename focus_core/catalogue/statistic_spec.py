"""Facts about a statistic of maps: how it is measured, named, summarised and drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]
NORMALISED = "normalised"  # the unit of measurements on maps that have none


@dataclass(frozen=True)
class Measured:
    """`values` (B, q) of each map against `axis` (q,); `weights` (q,) if entries differ in weight, as rings do."""

    values: FloatArray
    axis: FloatArray
    weights: NDArray[Any] | None = None


Measure = Callable[[Any, float, str], Measured]


@dataclass(frozen=True)
class Axis:
    """`name` is used for arrays and columns, `plain` in pictures on disk, `html` on pages, each with its unit.

    `unit_without` is used if the side of the box is unknown, or the maps have no unit.
    """

    name: str
    plain: str
    html: str
    unit: str
    unit_html: str
    unit_without: str = ""
    unit_without_html: str = ""
    own_html: str = ""  # for several boxes together, each in its own unit
    log: bool = False


@dataclass(frozen=True)
class Mark:
    """A line at `at` of the abscissa; its text is inside, at the left or the right of the figure."""

    at: float
    plain: str
    html: str
    side: Literal["left", "right"]


def no_marks(box_size: float | None, grid: int | None) -> tuple[Mark, ...]:
    return ()


@dataclass(frozen=True)
class Scaled:
    """Another view of the same curves: values times `factor(axis)`, dimensionless."""

    html: str
    markdown: str
    help: str
    factor: Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Panel:
    """How curves are drawn: the curves above; below them generated over simulated, or their difference.

    `marks(box_size, grid)` are vertical lines; without a box they are in units of 2π over its side.
    """

    below: Literal["ratio", "difference"] = "ratio"
    scaled: Scaled | None = None
    marks: Callable[[float | None, int | None], tuple[Mark, ...]] = no_marks


def no_words(summary: Mapping[str, Any]) -> str:
    return ""


@dataclass(frozen=True)
class MapStatistic:
    """One curve per map.

    `measure` is the path of code that is called as measure(maps, box_size, source): maps (B, N, N) of Σ, the side of
    their box in Mpc/h (2π if unknown), and their name in a UserError. Normalised maps, which have no Σ, are passed
    as their values about their mean, plus one; a statistic that is meaningless for them has `needs_unit`.

    `summary(arrays)` needs no torch and gives plain numbers by name, from the arrays of an epoch: generated (rows, n,
    q), simulation_mean (rows, q), those of its axes, and which rows are of one `simulations`. The one named `scalar` is
    a curve over the epochs; `told(summary)` describes it to users, and `listed` are those in the list of experiments.
    """

    name: str
    title: str
    symbol: str
    symbol_html: str
    symbol_markdown: str
    measure: str
    axis: Axis
    value: Axis
    summary: Callable[[Arrays], dict[str, Any]]
    scalar: str
    weights: str | None = None
    error: Callable[[FloatArray, NDArray[Any]], FloatArray] | None = None  # of one map's values, from their weights
    panel: Panel = field(default_factory=Panel)
    told: Callable[[Mapping[str, Any]], str] = no_words
    listed: tuple[str, ...] = ()
    table: str = ""
    needs_unit: bool = False
    needs_box: bool = False
    smoothed_truth: bool = False  # positive everywhere, so that ln of it can be regressed on θ

    def cosmic_variance(self, mean: FloatArray, arrays: Arrays) -> FloatArray | None:
        """Standard deviation of single maps about `mean` in a Gaussian field, from the weights among `arrays`.

        Used if too few maps share one θ to show their own; None if the statistic or older arrays do not determine it.
        """
        if self.error is None or self.weights is None or self.weights not in arrays:
            return None
        return np.asarray(self.error(mean, np.asarray(arrays[self.weights])))

    def measures(self, normalised: bool) -> bool:
        return not (normalised and self.needs_unit)

    def unit(self, box_size: float | None, normalised: bool) -> str:
        """Unit of its values."""
        known = not normalised and (box_size is not None or not self.needs_box)
        return self.value.unit if known else NORMALISED

    def axis_unit(self, box_size: float | None) -> str:
        return self.axis.unit if box_size is not None or not self.axis.unit_without else self.axis.unit_without

    def axis_html(self, box_size: float | None) -> str:
        """ "k [h/Mpc]"."""
        axis = self.axis
        unit = axis.unit_html if box_size is not None or not axis.unit_without_html else axis.unit_without_html
        return f"{axis.html} [{unit}]" if unit else axis.html

    def value_html(self, *, physical: bool) -> str:
        """ "P(k)  [(Mpc/h)²]"."""
        if not physical:
            return f"{self.value.html} of the normalised field"
        return f"{self.value.html}  [{self.value.unit_html}]" if self.value.unit_html else self.value.html

    @property
    def mean(self) -> str:
        """The name of the means of simulations, in the arrays of a dataset."""
        return f"{self.value.name}_mean"

    @property
    def std(self) -> str:
        """The name of the scatter of a simulation's maps, in the arrays of a dataset."""
        return f"{self.value.name}_std"

    @property
    def export(self) -> str:
        """The name of its table in an export."""
        return self.table or self.name

    def coordinates(self, found: Measured) -> dict[str, NDArray[Any]]:
        """The coordinates of `found`, by the names of arrays."""
        plain: dict[str, NDArray[Any]] = {self.axis.name: found.axis}
        if self.weights is not None and found.weights is not None:
            plain[self.weights] = found.weights
        return plain

    def columns(self) -> list[str]:
        """Columns of a table with one line per map and entry."""
        weights = [] if self.weights is None else [self.weights]
        return ["map", self.axis.name, self.value.name, *weights, *([] if self.error is None else ["error"])]

    def rows(self, number: int, arrays: Arrays, curve: FloatArray, digits: int = 10) -> Iterator[list[str]]:
        """The lines of one map, from its values and the arrays of its axis and weights."""
        weights = None if self.weights is None else arrays.get(self.weights)
        error = None if self.error is None or weights is None else self.error(curve, weights)
        for i, (x, y) in enumerate(zip(arrays[self.axis.name], curve, strict=True)):
            line = [str(number), f"{x:.{digits}g}", f"{y:.{digits}g}"]
            if self.weights is not None:
                line.append("" if weights is None else f"{weights[i]:.{digits}g}")
            if self.error is not None:
                line.append("" if error is None else f"{error[i]:.{digits}g}")
            yield line
