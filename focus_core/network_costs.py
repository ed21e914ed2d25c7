"""The layers of each network as arithmetic, without torch: weights, operations, and what the backward pass keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from focus_core.config import ModelSection


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


@dataclass(frozen=True)
class NetworkCost:
    """`layers(model, grid)` in order, and `passing(model, grid)`, floats of one image in flight at the widest block."""

    layers: Callable[[ModelSection, int], Iterator[Layer]]
    passing: Callable[[ModelSection, int], int]


def simple_unet(model: ModelSection, grid: int) -> Iterator[Layer]:
    """Every layer of the baseline network, in its order."""
    embedding, base = model.time_dim, model.base_channels
    widths = [base * mult for mult in model.channel_mults]
    yield from _embeddings(model)
    yield _convolution(model.in_channels, base, 3, grid, on_data=True)

    width, side = base, grid
    for stage in widths:
        yield from _residual_block(width, stage, embedding, side)
        yield _convolution(stage, stage, 4, side // 2, kept=stage * (side + 2) ** 2)
        width, side = stage, side // 2
    yield from _residual_block(width, width, embedding, side)
    for stage in reversed(widths):
        # A transposed convolution works on every pixel of its wrapped input.
        yield Layer(16 * width * width + width, 2 * 16 * width**2 * (side + 2) ** 2, width * (side + 2) ** 2)
        side *= 2
        yield from _residual_block(width + stage, stage, embedding, side)
        width = stage

    yield _convolution(width, base, 3, grid)
    # The activation keeps its input, the last convolution its own; the loss keeps the difference to the target.
    kept = 2 * base * grid**2 + model.out_channels * grid**2
    yield _convolution(base, model.out_channels, 1, grid, kept=kept)


def modern_unet(model: ModelSection, grid: int) -> Iterator[Layer]:
    """Every layer of the modern network, in its order."""
    embedding, base, last = model.time_dim, model.base_channels, len(model.channel_mults) - 1
    widths = [base * mult for mult in model.channel_mults]
    yield from _embeddings(model)
    yield _convolution(model.in_channels, base, 3, grid, on_data=True)

    width, side = base, grid
    for stage, following in enumerate(widths):
        yield from _adaptive_block(width, following, embedding, side)
        width = following
        if stage == last:
            yield from _attention(width, side)
        else:
            yield Layer(0, 0, width * side**2)  # the pooling keeps its input
            side //= 2
    yield from _adaptive_block(width, width, embedding, side)
    yield from _attention(width, side)
    yield from _adaptive_block(width, width, embedding, side)
    for stage, following in reversed(list(enumerate(widths))):
        yield from _adaptive_block(width + following, following, embedding, side)
        width = following
        if stage == last:
            yield from _attention(width, side)
        if stage > 0:
            side *= 2

    channels, pixels = model.in_channels, grid**2
    yield Layer(2 * width, 0, 2 * width * pixels)
    yield _convolution(width, channels, 3, grid)
    # The loss keeps the difference to the target, the carried input itself.
    yield Layer(channels**2, 2 * channels**2 * pixels, 2 * channels * pixels, on_data=True)


def _passing(model: ModelSection, grid: int) -> int:
    """Floats of one image in flight while the last and widest block is differentiated.

    Its convolution meets its concatenated input, that input's gradient and the gradient of its output, and the library
    holds the first two a second time, reordered for its kernels.
    """
    mults = model.channel_mults
    incoming = model.base_channels * (mults[0] + mults[min(1, len(mults) - 1)])
    return (3 * incoming + model.base_channels * mults[0]) * (grid + 2) ** 2


COSTS: dict[str, NetworkCost] = {
    "SimpleUNet": NetworkCost(simple_unet, _passing),
    "FlowUNet": NetworkCost(simple_unet, _passing),
    "ModernUNet": NetworkCost(modern_unet, _passing),
}


def _embeddings(model: ModelSection) -> Iterator[Layer]:
    embedding = model.time_dim
    yield _linear(embedding, embedding, on_data=True)
    yield _linear(embedding, embedding)
    yield _linear(model.cond_dim, embedding, on_data=True)
    yield _linear(embedding, embedding)


def _residual_block(width_in: int, width: int, embedding: int, side: int) -> Iterator[Layer]:
    """convolution, norm, activation; two embeddings; the same again; the shortcut where the width changes."""
    # Each norm keeps the convolution's output and each activation the norm's.
    norm = Layer(2 * width, 0, 2 * width * side**2)
    layers = [_convolution(width_in, width, 3, side), norm, _linear(embedding, width), _linear(embedding, width)]
    layers += [_convolution(width, width, 3, side), norm]
    if width_in != width:
        layers.append(_convolution(width_in, width, 1, side, kept=width_in * side**2))
    yield from _block(layers, width_in * side**2)


def _adaptive_block(width_in: int, width: int, embedding: int, side: int) -> Iterator[Layer]:
    """norm, activation, convolution; norm, scale and shift, activation, convolution; the shortcut."""
    layers = [Layer(2 * width_in, 0, 2 * width_in * side**2), _convolution(width_in, width, 3, side)]
    # The second norm keeps its input, the scaling what it scales, the activation what comes of it.
    layers += [_linear(embedding, 2 * width), Layer(0, 0, 3 * width * side**2), _convolution(width, width, 3, side)]
    if width_in != width:
        layers.append(_convolution(width_in, width, 1, side, kept=0))  # its input is the first norm's
    yield from _block(layers, width_in * side**2)


def _attention(width: int, side: int) -> Iterator[Layer]:
    """norm; queries, keys and values; every pixel with every other; outward."""
    pixels = side**2
    layers = [Layer(2 * width, 0, width * pixels), _convolution(width, 3 * width, 1, side, kept=width * pixels)]
    layers.append(Layer(0, 4 * pixels**2 * width, 4 * width * pixels))  # three factors and the result
    layers.append(_convolution(width, width, 1, side, kept=width * pixels))
    yield from _block(layers, width * pixels)


def _block(layers: list[Layer], entering: int) -> Iterator[Layer]:
    for number, layer in enumerate(layers):
        yield replace(layer, in_block=True, entering=0 if number else entering)


def _convolution(
    width_in: int, width: int, kernel: int, side: int, kept: int | None = None, on_data: bool = False
) -> Layer:
    """A convolution whose output has `side` pixels a side; it keeps its wrapped input unless told otherwise."""
    weights = kernel**2 * width_in * width
    if kept is None:
        kept = width_in * (side + 2) ** 2
    return Layer(weights + width, 2 * weights * side**2, kept, on_data)


def _linear(width_in: int, width: int, on_data: bool = False) -> Layer:
    return Layer(width_in * width + width, 2 * width_in * width, width_in, on_data)
