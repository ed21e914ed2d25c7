"""From physical maps to the network's input, and back. Fitted on training simulations alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from focus_core.catalogue.by_path import load
from focus_core.catalogue.transforms import EITHER_SIGN, TransformSpec, fitted_spec, spec_for
from focus_core.config.transform import TransformSection
from focus_core.data.checks import check_pixels
from focus_core.data.dataset import MapDataset
from focus_core.data.pixel_functions import Fitted, FloatArray
from focus_core.errors import UserError

# The interval of training pixels is widened by this share of its width, half at either end; x̂₀ is clamped to it.
_WIDENING = 0.10


@dataclass(frozen=True)
class Transform:
    """x = (y(Σ) − mean) / std, with the curve y of the catalogue's entry `kind`.

    `floor`, to which the logarithm raises pixels, `scale` Σ₀, and `lowest`, below which no pixel is drawn, are in the
    unit of the maps; `exponent` is λ. `mean` and `std` are those of y, in dex for the logarithm; `pixel_min` and
    `pixel_max` bound x over the training maps. Frozen: it belongs to the weights that were trained with it.
    """

    kind: str
    floor: float
    mean: float
    std: float
    pixel_min: float
    pixel_max: float
    scale: float | None = None
    exponent: float | None = None
    lowest: float | None = None

    @property
    def clamp_range(self) -> tuple[float, float]:
        """[pixel_min, pixel_max] widened by 10 %: the range to which a sampler clamps x̂₀."""
        margin = _WIDENING / 2 * (self.pixel_max - self.pixel_min)
        return self.pixel_min - margin, self.pixel_max + margin

    @property
    def spec(self) -> TransformSpec:
        return fitted_spec(self.kind, "the transform")

    def in_words(self) -> str:
        return self.spec.in_words(self.exponent)

    def forward(self, maps: ArrayLike) -> NDArray[np.float32]:
        """Physical maps of any shape → x."""
        return self._standardise(np.asarray(maps, dtype=np.float64)).astype(np.float32)

    def inverse(self, x: ArrayLike) -> NDArray[np.float32]:
        """x of any shape → physical maps, exact to float precision above `floor`."""
        spec = self.spec
        if not spec.standardised:
            return np.asarray(x, dtype=np.float32)
        maps: FloatArray = load(spec.inverse)(np.asarray(x, dtype=np.float64) * self.std + self.mean, self._fitted)
        return (maps if self.lowest is None else np.maximum(maps, self.lowest)).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Numbers that the kind lacks are left out, so that transforms of earlier versions are stored unchanged."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, plain: Any, source: str = "the transform") -> Transform:
        """From a file's values; UserError, in which `source` names the file, if this version cannot invert it."""
        fitted_spec(plain.get("kind") if isinstance(plain, Mapping) else plain, source)
        try:
            return cls(**plain)
        except TypeError as error:
            raise UserError(f"{source}: its transform has other numbers than this version of FOCUS knows.") from error

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Transform:
        return cls.from_dict(json.loads(text))

    @property
    def _fitted(self) -> Fitted:
        return Fitted(self.floor, self.scale or 0.0, self.exponent or 0.0)

    def _standardise(self, maps: FloatArray) -> FloatArray:
        spec = self.spec
        y: FloatArray = load(spec.forward)(maps, self._fitted)
        return (y - self.mean) / self.std if spec.standardised else y


def fit_transform(
    dataset: MapDataset, train_simulations: Sequence[int], chosen: TransformSection | None = None
) -> Transform:
    """Fit on the maps of these simulations, in two passes of bounded memory.

    Every map of the dataset is checked at the same time (finite; not negative, not all zero if a logarithm or power is
    taken); no other map than those of `train_simulations` affects a number.
    """
    chosen = chosen or TransformSection()
    spec = spec_for(chosen.name, dataset.normalised, str(dataset.maps_file))
    pieces = _Pieces(dataset, train_simulations, spec)
    if not spec.standardised:
        low, high = pieces.extent()
        return Transform(spec.name, 0.0, 0.0, 1.0, low, high)
    size, lowest = pieces.size_and_lowest()
    fitted = Fitted(spec.floor_share * size, size if spec.scaled else 0.0, chosen.exponent)
    curve = load(spec.forward)
    mean, std, low, high = _moments(curve(maps, fitted) for maps in pieces) if size else (0.0, 0.0, 0.0, 0.0)
    if low == high:
        raise UserError(f"{dataset.maps_file}: every training pixel is equal, so there is nothing to learn.")
    return Transform(
        spec.name,
        fitted.floor,
        mean,
        std,
        (low - mean) / std,
        (high - mean) / std,
        scale=fitted.scale if spec.scaled else None,
        exponent=fitted.exponent if spec.settings else None,
        lowest=0.0 if spec.taken is None and lowest >= 0 else None,
    )


@dataclass(frozen=True)
class _Pieces:
    """The training maps, piece by piece, after a check of every map of the piece."""

    dataset: MapDataset
    simulations: Sequence[int]
    spec: TransformSpec

    def __iter__(self) -> Iterator[FloatArray]:
        chosen = np.zeros(self.dataset.n_maps, dtype=bool)
        chosen[self.dataset.maps_of(self.simulations)] = True
        for first, maps in self.dataset.chunks():
            check_pixels(maps, first, self.dataset.maps_file, self.spec.taken, EITHER_SIGN)
            inside = chosen[first : first + len(maps)]
            if inside.any():
                yield maps[inside]

    def extent(self) -> tuple[float, float]:
        ends = [(float(piece.min()), float(piece.max())) for piece in self]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def size_and_lowest(self) -> tuple[float, float]:
        """Mean |Σ|, and the smallest Σ."""
        total, count, lowest = 0.0, 0, np.inf
        for maps in self:
            total, count = total + float(np.abs(maps).sum()), count + maps.size
            lowest = min(lowest, float(maps.min()))
        return total / count, lowest


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
