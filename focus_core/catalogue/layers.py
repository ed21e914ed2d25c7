"""A network's layers as arithmetic: weights, operations, and what the backward pass keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from focus_core.catalogue.network_spec import ModelSettings


@dataclass(frozen=True)
class Layer:
    """One layer's numbers for one image: weights, forward operations, and floats kept for the backward pass."""

    weights: int
    flops: int
    kept: int = 0
    # The first layers of the network need no gradient of their input, which is data.
    on_data: bool = False
    # Of a block that can be computed again: then it keeps nothing but, at its first layer, what enters it.
    in_block: bool = False
    entering: int = 0


def embeddings(model: ModelSettings) -> Iterator[Layer]:
    """Those of t and θ: two layers each."""
    embedding = model.time_dim
    yield linear(embedding, embedding, on_data=True)
    yield linear(embedding, embedding)
    yield linear(model.cond_dim, embedding, on_data=True)
    yield linear(embedding, embedding)


def block(layers: list[Layer], entering: int) -> Iterator[Layer]:
    """These layers as one block that can be computed again; `entering` floats are its input."""
    for number, layer in enumerate(layers):
        yield replace(layer, in_block=True, entering=0 if number else entering)


def convolution(
    width_in: int, width: int, kernel: int, side: int, kept: int | None = None, on_data: bool = False
) -> Layer:
    """A convolution whose output has `side` pixels a side; it keeps its wrapped input unless told otherwise."""
    weights = kernel**2 * width_in * width
    if kept is None:
        kept = width_in * (side + 2) ** 2
    return Layer(weights + width, 2 * weights * side**2, kept, on_data)


def linear(width_in: int, width: int, on_data: bool = False) -> Layer:
    """A fully connected layer of one vector."""
    return Layer(width_in * width + width, 2 * width_in * width, width_in, on_data)
