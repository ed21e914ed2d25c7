"""The ordinate of every ratio panel: near 1 when all ratios are good, otherwise as wide as the data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dashboard.look.template import log_ticks

FloatArray = NDArray[np.float64]

# From a factor of three on, a linear axis would compress one side of 1 too much.
_FAR = 3.0
_LEAST_BAND = 0.02


def ratio_axis(ratios: Sequence[FloatArray], *, ticks: int = 7) -> dict[str, object]:
    """0.75 … 1.25 when all ratios are good, otherwise wider; logarithmic where one is off by a factor of three.

    Every positive ratio lies within: a curve outside the axis would not show how wrong it is.
    """
    values = np.concatenate([np.asarray(ratio, dtype=np.float64) for ratio in ratios]) if ratios else np.zeros(0)
    values = values[np.isfinite(values) & (values > 0)]
    if values.size and not (values.min() >= 1 / _FAR and values.max() <= _FAR):
        low, high = min(float(values.min()), 0.8) / 1.3, max(float(values.max()), 1.25) * 1.3
        return {**log_ticks(low, high).axis(), "range": [math.log10(low), math.log10(high)]}
    distance = max(1.15 * float(np.max(np.abs(values - 1.0), initial=0.0)), 0.25)
    return {"range": [max(0.0, 1.0 - distance), 1.0 + distance], "nticks": ticks}


def above_zero(low: FloatArray, centre: FloatArray | float) -> FloatArray:
    """The lower edge of a band about `centre`: a band that reaches zero has no edge on a logarithmic axis."""
    return np.maximum(low, _LEAST_BAND * np.asarray(centre))
