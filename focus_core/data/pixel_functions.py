"""Transforms and their inverses: one function per pixel, on doubles of any shape.

Box and Cox 1964 (J. R. Stat. Soc. B 26, 211): y = ((Σ/Σ₀)^λ − 1)/λ, which is ln Σ/Σ₀ at λ → 0 and Σ/Σ₀ − 1 at λ = 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Fitted(NamedTuple):
    """The numbers that a curve may use: `floor` and `scale` Σ₀ in the unit of the maps, `exponent` λ; 0 means none."""

    floor: float
    scale: float
    exponent: float


def log10(maps: FloatArray, fitted: Fitted) -> FloatArray:
    """In dex; pixels below the floor count as the floor."""
    return np.asarray(np.log10(np.maximum(maps, fitted.floor)))


def from_log10(y: FloatArray, fitted: Fitted) -> FloatArray:
    return np.power(10.0, y)


def box_cox(maps: FloatArray, fitted: Fitted) -> FloatArray:
    """An empty pixel is −1/λ."""
    return np.asarray((np.power(maps / fitted.scale, fitted.exponent) - 1.0) / fitted.exponent)


def from_box_cox(y: FloatArray, fitted: Fitted) -> FloatArray:
    """No density lies below y = −1/λ: smaller values are empty pixels."""
    return np.asarray(fitted.scale * np.power(np.maximum(1.0 + fitted.exponent * y, 0.0), 1.0 / fitted.exponent))


def asinh(maps: FloatArray, fitted: Fitted) -> FloatArray:
    """Linear well below Σ₀, logarithmic well above, and odd."""
    return np.arcsinh(maps / fitted.scale)


def from_asinh(y: FloatArray, fitted: Fitted) -> FloatArray:
    return np.asarray(fitted.scale * np.sinh(y))


def as_it_is(values: FloatArray, fitted: Fitted) -> FloatArray:
    return values
