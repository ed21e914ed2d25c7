"""Arrays in a column: float64, little-endian."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def floats(blob: bytes | None) -> NDArray[np.float64] | None:
    return None if blob is None else np.frombuffer(blob, dtype="<f8").astype(np.float64)


def blob(array: Any) -> bytes:
    return np.ascontiguousarray(array, dtype="<f8").tobytes()
