"""Parameter spaces: the only place with the names, symbols, priors and scalings of conditioning parameters.

A space belongs to a dataset and travels with every run and checkpoint made from it. Nothing else in FOCUS names a
cosmological parameter. This module needs numpy and pydantic alone.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from focus_core.errors import UserError
from focus_core.schema.fields import Number, Text
from focus_core.schema.messages import first_mistake

Scaling = Literal["linear", "log"]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """One column of θ. Frozen: a run's meaning must not change after its network has seen the data.

    `symbol` is plain text for tables and files, `html` for figures and tiles, `tex` for widget labels.
    `minimum` and `maximum` bound the prior, in `unit` ("" is dimensionless). ValueError for a range that is none.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")  # for `ParameterSpace.from_dict`

    name: Text
    symbol: Text
    html: Text
    tex: Text
    minimum: Number
    maximum: Number
    scaling: Scaling = "linear"
    unit: Text = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("has an empty name")
        if not self.minimum < self.maximum:
            raise ValueError(
                f"the minimum of {self.name}, {self.minimum:g}, is not below its maximum, {self.maximum:g}"
            )
        if self.scaling == "log" and self.minimum <= 0.0:
            raise ValueError(f"the minimum of {self.name}, {self.minimum:g}, is not positive, as its log scaling needs")

    def to_unit(self, values: ArrayLike) -> FloatArray:
        """Map the prior range to [−1, 1], linearly in the value or in its logarithm."""
        low, high = self._scaled(self.minimum), self._scaled(self.maximum)
        return np.asarray(2.0 * (self._scaled(values) - low) / (high - low) - 1.0)

    def from_unit(self, values: ArrayLike) -> FloatArray:
        """The inverse of `to_unit`."""
        low, high = self._scaled(self.minimum), self._scaled(self.maximum)
        scaled = low + (np.asarray(values, dtype=np.float64) + 1.0) * (high - low) / 2.0
        return np.asarray(np.exp(scaled) if self.scaling == "log" else scaled)

    def prior_mean(self) -> float:
        """Mean of the uniform (or log-uniform) prior."""
        if self.scaling == "log":
            return (self.maximum - self.minimum) / math.log(self.maximum / self.minimum)
        return (self.minimum + self.maximum) / 2.0

    def _scaled(self, values: ArrayLike) -> FloatArray:
        array = np.asarray(values, dtype=np.float64)
        return np.log(array) if self.scaling == "log" else array


@dataclass(frozen=True)
class OutOfRange:
    """A value outside its training range [low, high], which is the parameter's prior if nothing else is known.

    `distance` is in units of the range's width (0.12 = 12 % beyond its end), or of the prior's if the range has
    almost no width.
    """

    parameter: Parameter
    value: float
    distance: float
    low: float
    high: float
    of_prior: bool = False

    def sentence(self) -> str:
        return f"{self.parameter.name} = {self.value:g} is {self.words()}: the model extrapolates there."

    def words(self) -> str:
        """ "outside its training range [0.1, 0.5] by 12.0 % of the range's width"."""
        ends = f"[{self.low:g}, {self.high:g}]" if self.low < self.high else f"of {self.low:g} alone"
        width = "the prior's width" if self.of_prior else "the range's width"
        return f"outside its training range {ends} by {100.0 * self.distance:.1f} % of {width}"


@dataclass(frozen=True)
class ParameterSpace:
    """An ordered set of parameters, and the fixed values of those that the data does not vary."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Text
    parameters: tuple[Parameter, ...]
    fixed: Mapping[str, Number] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ValueError("has no parameters")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"has {', '.join(twice)} twice")

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)

    def index(self, name: str) -> int:
        return self.names.index(name)

    def to_unit(self, theta: ArrayLike) -> FloatArray:
        """Scale θ of shape (..., d) to [−1, 1] column by column."""
        array = np.asarray(theta, dtype=np.float64)
        self._check_width(array)
        return np.stack([p.to_unit(array[..., i]) for i, p in enumerate(self.parameters)], axis=-1)

    def from_unit(self, scaled: ArrayLike) -> FloatArray:
        """The inverse of `to_unit`, shape (..., d)."""
        array = np.asarray(scaled, dtype=np.float64)
        self._check_width(array)
        return np.stack([p.from_unit(array[..., i]) for i, p in enumerate(self.parameters)], axis=-1)

    def outside(self, theta: Sequence[float]) -> list[OutOfRange]:
        """The components of one θ that leave their prior, each with its distance (measured in the scaled value)."""
        ends = np.array([(p.minimum, p.maximum) for p in self.parameters])
        return TrainingRange(self, tuple(ends[:, 0].tolist()), tuple(ends[:, 1].tolist())).outside(theta)

    def parse(self, text: str) -> FloatArray:
        """Read "Omega_m=0.3,sigma_8=0.8,…" into θ of shape (d,); every parameter once, in any order.

        Raises UserError that names the item, with the nearest known name for a misspelt one.
        """
        values: dict[str, float] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, separator, number = (piece.strip() for piece in item.partition("="))
            if not separator:
                raise UserError(f"--params: '{item}' is not of the form name=value.")
            if name in values:
                raise UserError(f"--params: {name} is given twice.")
            values[name] = _finite_number(name, number) if name in self.names else math.nan
        return self.ordered(values, "--params")

    def ordered(self, values: Mapping[str, float], source: str = "theta") -> FloatArray:
        """θ (d,) in the order of the space from named values; every parameter once.

        Raises UserError, which begins with `source`, for a name that is unknown or missing and for a value that is no
        finite number or cannot lie on the parameter's scale.
        """
        for name, value in values.items():
            if name not in self.names:
                raise UserError(f"{source}: '{name}' is not a parameter of {self.name}; {self._nearest(name)}")
            if not math.isfinite(value):
                raise UserError(f"{source}: {name} is {value}, which is not finite.")
            if self.parameters[self.index(name)].scaling == "log" and value <= 0.0:
                raise UserError(f"{source}: {name}={value:g} must be positive, for its scale is logarithmic.")
        missing = [name for name in self.names if name not in values]
        if missing:
            raise UserError(f"{source}: {', '.join(missing)} missing; {self.name} needs {', '.join(self.names)}.")
        return np.array([float(values[name]) for name in self.names])

    def to_dict(self) -> dict[str, Any]:
        """A plain form for YAML, JSON and checkpoints."""
        return {
            "name": self.name,
            "parameters": [dict(vars(p)) for p in self.parameters],
            "fixed": dict(self.fixed),
        }

    @classmethod
    def from_dict(cls, plain: Any) -> ParameterSpace:
        """From the output of `to_dict`, perhaps edited by hand; UserError names the first wrong key."""
        try:
            return _PLAIN_SPACE.validate_python(plain)
        except ValidationError as error:
            raise UserError(first_mistake(error, "parameter_space")) from error

    def _nearest(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.names, n=1, cutoff=0.4)
        return f"did you mean {close[0]}?" if close else f"it has {', '.join(self.names)}."

    def _check_width(self, array: FloatArray) -> None:
        if array.shape[-1:] != (len(self),):
            raise UserError(f"{self.name} has {len(self)} parameters, but θ has shape {array.shape}.")


_PLAIN_SPACE = TypeAdapter(ParameterSpace)

# Of n values over a prior, the ends leave about 1/n of it empty; up to four times that needs no warning.
_EMPTY_ENDS = 4.0
# A range narrower than this share of the prior is not a useful unit of length.
_NO_WIDTH = 0.05


@dataclass(frozen=True)
class TrainingRange:
    """The range of the training simulations for each parameter: the prior only as far as they fill it."""

    space: ParameterSpace
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, space: ParameterSpace, theta: ArrayLike) -> TrainingRange:
        """From the θ (n, d) of the training simulations."""
        columns = np.asarray(theta, dtype=np.float64).T
        ends = [_filled(p, column) for p, column in zip(space.parameters, columns, strict=True)]
        return cls(space, tuple(low for low, _ in ends), tuple(high for _, high in ends))

    def outside(self, theta: Sequence[float]) -> list[OutOfRange]:
        """The components of one θ that leave their range, each with its distance (measured in the scaled value)."""
        found = []
        for p, value, low, high in zip(self.space.parameters, theta, self.low, self.high, strict=True):
            ends = np.asarray(p.to_unit([low, high]))
            width = float(ends[1] - ends[0])
            of_prior = width < 2.0 * _NO_WIDTH
            if p.scaling == "log" and value <= 0.0:
                beyond = math.inf
            else:
                at = float(p.to_unit(value))
                beyond = max(float(ends[0]) - at, at - float(ends[1])) / (2.0 if of_prior else width)
            if beyond > 1e-9:
                found.append(OutOfRange(p, float(value), beyond, low, high, of_prior))
        return found

    def farthest_outside(self, theta: ArrayLike) -> list[OutOfRange]:
        """The farthest value of each parameter among θ (n, d), so that thousands of rows give no thousands of lines."""
        rows = np.asarray(theta, dtype=np.float64).tolist()
        found = sorted((item for row in rows for item in self.outside(row)), key=lambda item: item.distance)
        return list({item.parameter.name: item for item in found}.values())


def _filled(p: Parameter, column: FloatArray) -> tuple[float, float]:
    """The ends of the training range: those of the data, or of the prior where the data come as near as n values do."""
    low, high = float(column.min()), float(column.max())
    scaled = np.asarray(p.to_unit([low, high])) / 2.0 + 0.5
    distinct = len(np.unique(column))
    slack = min(_EMPTY_ENDS / distinct, float(scaled[1] - scaled[0]) / 2.0)
    return (
        p.minimum if -1e-9 <= scaled[0] <= slack and distinct > 1 else low,
        p.maximum if -1e-9 <= 1.0 - scaled[1] <= slack and distinct > 1 else high,
    )


# In widths of a training range. Farther away a network overflows and returns no numbers at all.
_FARTHEST = 1e3


def check_reach(theta: ArrayLike, space: ParameterSpace, source: str) -> None:
    """Refuse θ (n, d) so far outside that maps would mean nothing; nearer ones give a warning. `source` names them."""
    array = np.asarray(theta, dtype=np.float64)
    with np.errstate(over="ignore"):
        beyond = np.abs(space.to_unit(array)) / 2.0 - 0.5
    if (beyond > _FARTHEST).any():
        row, column = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
        p = space.parameters[column]
        raise UserError(
            f"{source}: {p.name} = {array[row, column]:g} is {beyond[row, column]:.2g} times the width of its training "
            f"range [{p.minimum:g}, {p.maximum:g}] away from it; give a value in it or near it."
        )


def _finite_number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"--params: {name}={text} is not a number.") from None
    if not math.isfinite(value):
        raise UserError(f"--params: {name}={text} is not finite.")
    return value


_OMEGA_M = Parameter("Omega_m", "Ωm", "Ω<sub>m</sub>", r"\Omega_\mathrm{m}", 0.1, 0.5)
_OMEGA_B = Parameter("Omega_b", "Ωb", "Ω<sub>b</sub>", r"\Omega_\mathrm{b}", 0.03, 0.07)
_H = Parameter("h", "h", "<i>h</i>", "h", 0.5, 0.9)
_N_S = Parameter("n_s", "ns", "<i>n</i><sub>s</sub>", "n_s", 0.8, 1.2)
_SIGMA_8 = Parameter("sigma_8", "σ8", "<i>σ</i><sub>8</sub>", r"\sigma_8", 0.6, 1.0)
_W0 = Parameter("w0", "w0", "<i>w</i><sub>0</sub>", "w_0", -1.3, -0.7)


def _feedback(name: str, label: str, tex: str, low: float, high: float) -> Parameter:
    return Parameter(name, label, f"<i>A</i><sub>{label[1:]}</sub>", tex, low, high, "log")


# The six of Quijote's nwLH set without neutrinos, which CosmoGridV1 varies too (arXiv 2209.04662).
WCDM6 = ParameterSpace("wcdm6", (_OMEGA_M, _OMEGA_B, _H, _N_S, _SIGMA_8, _W0))

_CAMELS_COSMOLOGY = (_OMEGA_M, _SIGMA_8)
_CAMELS_FIXED = {"Omega_b": 0.049, "h": 0.6711, "n_s": 0.9624, "w0": -1.0}


def _camels(name: str, strongest_agn2: float) -> ParameterSpace:
    return ParameterSpace(
        name,
        (
            *_CAMELS_COSMOLOGY,
            _feedback("A_SN1", "ASN1", r"A_\mathrm{SN1}", 0.25, 4.0),
            _feedback("A_AGN1", "AAGN1", r"A_\mathrm{AGN1}", 0.25, 4.0),
            _feedback("A_SN2", "ASN2", r"A_\mathrm{SN2}", 0.5, 2.0),
            _feedback("A_AGN2", "AAGN2", r"A_\mathrm{AGN2}", 1.0 / strongest_agn2, strongest_agn2),
        ),
        fixed=_CAMELS_FIXED,
    )


# The latin-hypercube sets of CAMELS in the column order of its Multifield Dataset (arXiv 2109.10915).
CAMELS_LH6 = _camels("camels_lh6", 2.0)
# Those of the suites whose official tables (Info_*) extend A_AGN2 to 4: Astrid, Magneticum, EAGLE.
CAMELS_LH6_AGN4 = _camels("camels_lh6_agn4", 4.0)
# N-body sets have six columns, of which the four A have no effect: only Omega_m and sigma_8 are conditioned on.
CAMELS_NBODY2 = ParameterSpace("camels_nbody2", _CAMELS_COSMOLOGY, fixed=_CAMELS_FIXED)

SPACES: Mapping[str, ParameterSpace] = {
    space.name: space for space in (WCDM6, CAMELS_LH6, CAMELS_LH6_AGN4, CAMELS_NBODY2)
}


def parameter_space(name: str) -> ParameterSpace:
    """The shipped space of that name; UserError with the known names otherwise."""
    try:
        return SPACES[name]
    except KeyError:
        close = difflib.get_close_matches(name, SPACES, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}?" if close else f"known spaces are {', '.join(SPACES)}."
        raise UserError(f"data.parameter_space: '{name}' is not known; {hint}") from None
