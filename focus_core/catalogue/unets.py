"""The U-Nets: which maps they take, their layers as arithmetic, and where torch builds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from focus_core.catalogue.layers import Layer, block, convolution, embeddings, linear
from focus_core.catalogue.network_spec import ModelSettings, NetworkSpec


def halving_refusal(model: ModelSettings, grid: int) -> str | None:
    return stages_refusal(len(model.channel_mults), grid)


def stages_refusal(stages: int, grid: int) -> str | None:
    """Each stage halves the map, so N must be a multiple of 2^stages, and two pixels must be left to pad around."""
    if grid % 2**stages == 0 and grid >= 2**stages:
        return None
    return (
        f"model.channel_mults: {stages} stages halve the map {stages} times, so its side must be a multiple of "
        f"{2**stages}, but the maps have {grid} pixels a side; use fewer stages or other maps"
    )


def simple_unet(model: ModelSettings, grid: int) -> Iterator[Layer]:
    """Every layer of the baseline network, in its order."""
    embedding, base = model.time_dim, model.base_channels
    widths = [base * mult for mult in model.channel_mults]
    yield from embeddings(model)
    yield convolution(model.in_channels, base, 3, grid, on_data=True)

    width, side = base, grid
    for stage in widths:
        yield from _residual_block(width, stage, embedding, side)
        yield convolution(stage, stage, 4, side // 2, kept=stage * (side + 2) ** 2)
        width, side = stage, side // 2
    yield from _residual_block(width, width, embedding, side)
    for stage in reversed(widths):
        # A transposed convolution works on every pixel of its wrapped input.
        yield Layer(16 * width * width + width, 2 * 16 * width**2 * (side + 2) ** 2, width * (side + 2) ** 2)
        side *= 2
        yield from _residual_block(width + stage, stage, embedding, side)
        width = stage

    yield convolution(width, base, 3, grid)
    # The activation keeps its input, the last convolution its own; the loss keeps the difference to the target.
    kept = 2 * base * grid**2 + model.out_channels * grid**2
    yield convolution(base, model.out_channels, 1, grid, kept=kept)


def modern_unet(model: ModelSettings, grid: int) -> Iterator[Layer]:
    """Every layer of the modern network, in its order."""
    embedding, base, last = model.time_dim, model.base_channels, len(model.channel_mults) - 1
    widths = [base * mult for mult in model.channel_mults]
    yield from embeddings(model)
    yield convolution(model.in_channels, base, 3, grid, on_data=True)

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
    yield convolution(width, channels, 3, grid)
    # The loss keeps the difference to the target, the carried input itself.
    yield Layer(channels**2, 2 * channels**2 * pixels, 2 * channels * pixels, on_data=True)


def _passing(model: ModelSettings, grid: int) -> int:
    """Floats of one image in flight while the last and widest block is differentiated.

    Its convolution meets its concatenated input, that input's gradient and the gradient of its output, and the library
    holds the first two a second time, reordered for its kernels.
    """
    mults = model.channel_mults
    incoming = model.base_channels * (mults[0] + mults[min(1, len(mults) - 1)])
    return (3 * incoming + model.base_channels * mults[0]) * (grid + 2) ** 2


def _residual_block(width_in: int, width: int, embedding: int, side: int) -> Iterator[Layer]:
    """convolution, norm, activation; two embeddings; the same again; the shortcut where the width changes."""
    # Each norm keeps the convolution's output and each activation the norm's.
    norm = Layer(2 * width, 0, 2 * width * side**2)
    layers = [convolution(width_in, width, 3, side), norm, linear(embedding, width), linear(embedding, width)]
    layers += [convolution(width, width, 3, side), norm]
    if width_in != width:
        layers.append(convolution(width_in, width, 1, side, kept=width_in * side**2))
    yield from block(layers, width_in * side**2)


def _adaptive_block(width_in: int, width: int, embedding: int, side: int) -> Iterator[Layer]:
    """norm, activation, convolution; norm, scale and shift, activation, convolution; the shortcut."""
    layers = [Layer(2 * width_in, 0, 2 * width_in * side**2), convolution(width_in, width, 3, side)]
    # The second norm keeps its input, the scaling what it scales, the activation what comes of it.
    layers += [linear(embedding, 2 * width), Layer(0, 0, 3 * width * side**2), convolution(width, width, 3, side)]
    if width_in != width:
        layers.append(convolution(width_in, width, 1, side, kept=0))  # its input is the first norm's
    yield from block(layers, width_in * side**2)


def _attention(width: int, side: int) -> Iterator[Layer]:
    """norm; queries, keys and values; every pixel with every other; outward."""
    pixels = side**2
    layers = [Layer(2 * width, 0, width * pixels), convolution(width, 3 * width, 1, side, kept=width * pixels)]
    layers.append(Layer(0, 4 * pixels**2 * width, 4 * width * pixels))  # three factors and the result
    layers.append(convolution(width, width, 1, side, kept=width * pixels))
    yield from block(layers, width * pixels)


def _words(model: ModelSettings) -> str:
    return f"{model.base_channels} base channels, multiples {', '.join(map(str, model.channel_mults))}"


SIMPLE_UNET = NetworkSpec(
    "SimpleUNet",
    "focus_core.networks.simple_unet:build",
    grid_refusal=halving_refusal,
    layers=simple_unet,
    passing=_passing,
    words=_words,
)
# Older files' name for the same layers in flow matching.
FLOW_UNET = replace(SIMPLE_UNET, name="FlowUNet", methods=("flow",))
MODERN_UNET = NetworkSpec(
    "ModernUNet",
    "focus_core.networks.modern_unet:build",
    grid_refusal=halving_refusal,
    layers=modern_unet,
    passing=_passing,
    words=_words,
)
