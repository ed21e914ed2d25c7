"""From physical maps to what a network sees, and back. Fitted on training simulations alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.data.checks import check_pixels
from focus_core.data.dataset import MapDataset
from focus_core.errors import UserError

FloatArray = NDArray[np.float64]

# Pixels below this share of the mean of the training maps are raised to it before the logarithm.
_FLOOR_SHARE = 1e-3
# The interval of training pixels is widened by this share of its width, half at either end, before x̂₀ is clamped to it.
_WIDENING = 0.10


@dataclass(frozen=True)
class Transform:
    """x = (log10 max(Σ, floor) − mean) / std, or x = Σ for maps that came normalised (`identity`).

    `floor` is in the unit of the maps, `mean` and `std` in dex; `pixel_min` and `pixel_max` bound x over the training
    maps. Frozen: it belongs to the weights that were trained with it.
    """

    kind: Literal["log10", "identity"]
    floor: float
    mean: float
    std: float
    pixel_min: float
    pixel_max: float

    @property
    def clamp_range(self) -> tuple[float, float]:
        """[pixel_min, pixel_max] widened by 10 %: where a sampler keeps x̂₀."""
        margin = _WIDENING / 2 * (self.pixel_max - self.pixel_min)
        return self.pixel_min - margin, self.pixel_max + margin

    def forward(self, maps: ArrayLike) -> NDArray[np.float32]:
        """Physical maps of any shape → x."""
        return self._standardise(np.asarray(maps, dtype=np.float64)).astype(np.float32)

    def inverse(self, x: ArrayLike) -> NDArray[np.float32]:
        """x of any shape → physical maps, exact to float precision above `floor`."""
        if self.kind == "identity":
            return np.asarray(x, dtype=np.float32)
        return np.power(10.0, np.asarray(x, dtype=np.float64) * self.std + self.mean).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Transform:
        return cls(**plain)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Transform:
        return cls.from_dict(json.loads(text))

    def _standardise(self, maps: FloatArray) -> FloatArray:
        if self.kind == "identity":
            return maps
        return (np.log10(np.maximum(maps, self.floor)) - self.mean) / self.std


def fit_transform(dataset: MapDataset, train_simulations: Sequence[int]) -> Transform:
    """Fit on the maps of these simulations, in two passes of bounded memory.

    Every map of the dataset is checked on the way (finite; not negative, not all zero where the logarithm is taken);
    none outside `train_simulations` enters a number.
    """
    if dataset.normalised:
        low, high = _extent(maps for maps in _training_maps(dataset, train_simulations))
        return Transform("identity", 0.0, 0.0, 1.0, low, high)
    total, count = 0.0, 0
    for maps in _training_maps(dataset, train_simulations):
        total, count = total + float(maps.sum()), count + maps.size
    floor = _FLOOR_SHARE * total / count
    logs = (np.log10(np.maximum(maps, floor)) for maps in _training_maps(dataset, train_simulations))
    mean, std, low, high = _moments(logs)
    if std == 0:
        raise UserError(f"{dataset.maps_file}: every training pixel is equal, so there is nothing to learn.")
    return Transform("log10", floor, mean, std, (low - mean) / std, (high - mean) / std)


def _training_maps(dataset: MapDataset, simulations: Sequence[int]) -> Iterator[FloatArray]:
    """The training maps, piece by piece, after a check of every map of the piece."""
    chosen = np.zeros(dataset.n_maps, dtype=bool)
    chosen[dataset.maps_of(simulations)] = True
    for first, maps in dataset.chunks():
        check_pixels(maps, first, dataset.maps_file, physical=not dataset.normalised)
        inside = chosen[first : first + len(maps)]
        if inside.any():
            yield maps[inside]


def _extent(pieces: Iterator[FloatArray]) -> tuple[float, float]:
    ends = [(float(piece.min()), float(piece.max())) for piece in pieces]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _moments(pieces: Iterator[FloatArray]) -> tuple[float, float, float, float]:
    """Mean, standard deviation, minimum and maximum; moments of pieces are merged as Chan et al. (1983) do."""
    count, mean, squares, low, high = 0, 0.0, 0.0, np.inf, -np.inf
    for piece in pieces:
        piece_mean, n = float(piece.mean()), piece.size
        shift = piece_mean - mean
        squares += float(((piece - piece_mean) ** 2).sum()) + shift**2 * count * n / (count + n)
        mean += shift * n / (count + n)
        count += n
        low, high = min(low, float(piece.min())), max(high, float(piece.max()))
    return mean, float(np.sqrt(squares / count)), low, high
