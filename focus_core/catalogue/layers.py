"""A network's layers as arithmetic: weights, operations, and what the backward pass keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Layer:
    """One layer's numbers for one image: weights, forward operations, and floats kept for the backward pass."""

    weights: int
    flops: int
    kept: int = 0
    # The first layers of the network need no gradient of their input, which is data.
    on_data: bool = False
    # For a block with activation checkpointing: it keeps only the input of its first layer.
    in_block: bool = False
    entering: int = 0


def embeddings(embedding: int, parameters: int) -> Iterator[Layer]:
    """The embeddings of t and of this many θ: two layers each."""
    yield linear(embedding, embedding, on_data=True)
    yield linear(embedding, embedding)
    yield linear(parameters, embedding, on_data=True)
    yield linear(embedding, embedding)


def residual_block(width_in: int, width: int, embedding: int, side: int) -> Iterator[Layer]:
    """convolution, norm, activation; two embeddings; the same again; the shortcut if the width changes."""
    # Each norm keeps the convolution's output and each activation the norm's.
    norm = Layer(2 * width, 0, 2 * width * side**2)
    layers = [convolution(width_in, width, 3, side), norm, linear(embedding, width), linear(embedding, width)]
    layers += [convolution(width, width, 3, side), norm]
    if width_in != width:
        layers.append(convolution(width_in, width, 1, side, kept=width_in * side**2))
    yield from block(layers, width_in * side**2)


def adaptive_block(width_in: int, width: int, embedding: int, side: int) -> Iterator[Layer]:
    """norm, activation, convolution; norm, scale and shift, activation, convolution; the shortcut."""
    layers = [Layer(2 * width_in, 0, 2 * width_in * side**2), convolution(width_in, width, 3, side)]
    # The second norm keeps its input, the scaling what it scales, the activation its output.
    layers += [linear(embedding, 2 * width), Layer(0, 0, 3 * width * side**2), convolution(width, width, 3, side)]
    if width_in != width:
        layers.append(convolution(width_in, width, 1, side, kept=0))  # its input is the first norm's
    yield from block(layers, width_in * side**2)


def attention(width: int, side: int) -> Iterator[Layer]:
    """norm; queries, keys and values; attention between all pixels; output projection."""
    pixels = side**2
    layers = [Layer(2 * width, 0, width * pixels), convolution(width, 3 * width, 1, side, kept=width * pixels)]
    layers.append(Layer(0, 4 * pixels**2 * width, 4 * width * pixels))  # three factors and the result
    layers.append(convolution(width, width, 1, side, kept=width * pixels))
    yield from block(layers, width * pixels)


def block(layers: list[Layer], entering: int) -> Iterator[Layer]:
    """These layers as one block that activation checkpointing can recompute; `entering` floats are its input."""
    for number, layer in enumerate(layers):
        yield replace(layer, in_block=True, entering=0 if number else entering)


def convolution(
    width_in: int, width: int, kernel: int, side: int, kept: int | None = None, on_data: bool = False
) -> Layer:
    """A convolution whose output has `side` pixels per side; it keeps its wrapped input unless `kept` is given."""
    weights = kernel**2 * width_in * width
    if kept is None:
        kept = width_in * (side + 2) ** 2
    return Layer(weights + width, 2 * weights * side**2, kept, on_data)


def linear(width_in: int, width: int, on_data: bool = False) -> Layer:
    """A fully connected layer of one vector."""
    return Layer(width_in * width + width, 2 * width_in * width, width_in, on_data)
