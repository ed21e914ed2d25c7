"""The U-Nets: which maps they accept, their layers as arithmetic, and where torch builds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from focus_core.catalogue.layers import (
    Layer,
    adaptive_block,
    attention,
    convolution,
    embeddings,
    residual_block,
)
from focus_core.catalogue.network_spec import ModelSettings, NetworkSpec


def halving_refusal(model: ModelSettings, grid: int) -> str | None:
    return stages_refusal(len(model.channel_mults), grid)


def stages_refusal(stages: int, grid: int) -> str | None:
    """Each stage halves the map, so N must be a multiple of 2^stages, and two pixels must be left to pad around."""
    if grid % 2**stages == 0 and grid >= 2**stages:
        return None
    return (
        f"model.channel_mults: {stages} stages halve the map {stages} times, so its side must be a multiple of "
        f"{2**stages}, but the maps have {grid} pixels per side; use fewer stages or other maps"
    )


def simple_unet(model: ModelSettings, grid: int) -> Iterator[Layer]:
    """Every layer of the baseline network, in its order."""
    embedding, base = model.time_dim, model.base_channels
    widths = [base * mult for mult in model.channel_mults]
    yield from embeddings(model.time_dim, model.cond_dim)
    yield convolution(model.in_channels, base, 3, grid, on_data=True)

    width, side = base, grid
    for stage in widths:
        yield from residual_block(width, stage, embedding, side)
        yield convolution(stage, stage, 4, side // 2, kept=stage * (side + 2) ** 2)
        width, side = stage, side // 2
    yield from residual_block(width, width, embedding, side)
    for stage in reversed(widths):
        # A transposed convolution works on every pixel of its wrapped input.
        yield Layer(16 * width * width + width, 2 * 16 * width**2 * (side + 2) ** 2, width * (side + 2) ** 2)
        side *= 2
        yield from residual_block(width + stage, stage, embedding, side)
        width = stage

    yield convolution(width, base, 3, grid)
    # The activation keeps its input, the last convolution its own; the loss keeps the difference to the target.
    kept = 2 * base * grid**2 + model.out_channels * grid**2
    yield convolution(base, model.out_channels, 1, grid, kept=kept)


def modern_unet(model: ModelSettings, grid: int) -> Iterator[Layer]:
    """Every layer of the modern network, in its order."""
    embedding, base, last = model.time_dim, model.base_channels, len(model.channel_mults) - 1
    widths = [base * mult for mult in model.channel_mults]
    yield from embeddings(model.time_dim, model.cond_dim)
    yield convolution(model.in_channels, base, 3, grid, on_data=True)

    width, side = base, grid
    for stage, following in enumerate(widths):
        yield from adaptive_block(width, following, embedding, side)
        width = following
        if stage == last:
            yield from attention(width, side)
        else:
            yield Layer(0, 0, width * side**2)  # the pooling keeps its input
            side //= 2
    yield from adaptive_block(width, width, embedding, side)
    yield from attention(width, side)
    yield from adaptive_block(width, width, embedding, side)
    for stage, following in reversed(list(enumerate(widths))):
        yield from adaptive_block(width + following, following, embedding, side)
        width = following
        if stage == last:
            yield from attention(width, side)
        if stage > 0:
            side *= 2

    channels, pixels = model.in_channels, grid**2
    yield Layer(2 * width, 0, 2 * width * pixels)
    yield convolution(width, channels, 3, grid)
    # The loss keeps the difference to the target, the carried input itself.
    yield Layer(channels**2, 2 * channels**2 * pixels, 2 * channels * pixels, on_data=True)


def _passing(model: ModelSettings, grid: int) -> int:
    """Floats of one image in flight while the last and widest block is differentiated.

    Its convolution needs its concatenated input, that input's gradient and the gradient of its output, and the library
    holds the first two a second time, reordered for its kernels.
    """
    mults = model.channel_mults
    incoming = model.base_channels * (mults[0] + mults[min(1, len(mults) - 1)])
    return (3 * incoming + model.base_channels * mults[0]) * (grid + 2) ** 2


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
