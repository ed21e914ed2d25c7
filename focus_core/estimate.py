"""What a configuration costs, before anything is built: arithmetic over the layers of the network, without torch.

Conventions. A multiplication and an addition are two operations. `flops_per_image` is a training step's share of one
map, forward and backward; normalisations and activations are left out, as they are memory traffic rather than work.
Memory is the peak of a training step in 32-bit numbers on a periodic map: weights, their average, AdamW's two moments,
gradients, and what the backward pass keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from focus_core.config import ExperimentConfig, ModelSection
from focus_core.errors import UserError

_BYTES = 4
# Copies of the weights that live through a step: themselves, the average, and the optimiser's two moments.
_STANDING_COPIES = 4
# What torch's libraries take at their first step on a processor: threads, kernels compiled on the spot (measured).
_LIBRARIES = 120_000_000


@dataclass(frozen=True)
class Estimate:
    """`memory_bytes` is the peak of training at the configuration's batch size and `grid`."""

    parameters: int
    memory_bytes: int
    activation_bytes_per_image: int
    flops_per_image: int
    flops_forward: int
    flops_per_sample: int
    checkpoint_bytes: int
    grid: int
    batch_size: int


@dataclass(frozen=True)
class _Layer:
    """One layer's numbers for one image: weights, forward operations, and floats kept for the backward pass."""

    weights: int
    flops: int
    kept: int = 0
    # The first layers of the network need no gradient of their input, which is data.
    on_data: bool = False


def estimate(config: ExperimentConfig, grid: int) -> Estimate:
    """Cost of a configuration on maps of grid × grid pixels; UserError if the stages cannot halve them."""
    model, batch = config.model, config.training.batch_size
    stages = len(model.channel_mults)
    if grid < 2**stages or grid % 2**stages:
        raise UserError(
            f"model.channel_mults: {stages} stages need maps whose side is a multiple of {2**stages}, not {grid}; "
            "use fewer stages."
        )
    layers = list(_layers(model, grid))
    parameters = sum(layer.weights for layer in layers)
    forward = sum(layer.flops for layer in layers)
    backward = sum(layer.flops if layer.on_data else 2 * layer.flops for layer in layers)
    kept = _BYTES * sum(layer.kept for layer in layers)
    return Estimate(
        parameters=parameters,
        memory_bytes=_peak(parameters, kept, batch, _passing(model, grid)),
        activation_bytes_per_image=kept,
        flops_per_image=forward + backward,
        flops_forward=forward,
        flops_per_sample=forward * _evaluations(config),
        checkpoint_bytes=_BYTES * parameters * _STANDING_COPIES,
        grid=grid,
        batch_size=batch,
    )


def seconds_per_epoch(
    n_maps: int,
    images_per_second: float | None = None,
    cost: Estimate | None = None,
    flops_per_second: float | None = None,
) -> float | None:
    """Training time of one epoch, figures aside.

    From the measured speed of an earlier run of this configuration, or from a device's sustained rate (that of earlier
    runs of other configurations on it: their images_per_second × flops_per_image). None where neither is known.
    """
    if images_per_second:
        return n_maps / images_per_second
    if cost is not None and flops_per_second:
        return n_maps * cost.flops_per_image / flops_per_second
    return None


def _peak(parameters: int, kept: int, batch: int, passing: int) -> int:
    """The larger of two moments: the turn from forward to backward, with everything kept and the first gradients of
    maps in flight; and the end of the backward pass, when a gradient of every weight is there."""
    standing = _LIBRARIES + _BYTES * parameters * _STANDING_COPIES
    turning = standing + batch * (kept + _BYTES * passing)
    ending = standing + _BYTES * parameters + batch * _BYTES * passing
    return max(turning, ending)


def _passing(model: ModelSection, grid: int) -> int:
    """Floats of one image in flight while the last and widest block is differentiated.

    Its convolution meets its concatenated input, that input's gradient and the gradient of its output, and the library
    holds the first two a second time, reordered for its kernels.
    """
    mults = model.channel_mults
    incoming = model.base_channels * (mults[0] + mults[min(1, len(mults) - 1)])
    return (3 * incoming + model.base_channels * mults[0]) * (grid + 2) ** 2


def _evaluations(config: ExperimentConfig) -> int:
    """Network evaluations of one sampled map."""
    section = config.sampling
    steps = {
        "ddpm": config.diffusion.timesteps,
        "ddim": section.ddim_timesteps,
        "euler": section.num_steps,
        "heun": 2 * section.num_steps,
    }[section.method]
    return steps * (1 if section.cfg_scale == 1.0 else 2)


def _layers(model: ModelSection, grid: int) -> Iterator[_Layer]:
    """Every layer of the baseline network, in its order."""
    embedding, base = model.time_dim, model.base_channels
    widths = [base * mult for mult in model.channel_mults]
    yield _linear(embedding, embedding, on_data=True)
    yield _linear(embedding, embedding)
    yield _linear(model.cond_dim, embedding, on_data=True)
    yield _linear(embedding, embedding)
    yield _convolution(model.in_channels, base, 3, grid, on_data=True)

    width, side = base, grid
    for stage in widths:
        yield from _block(width, stage, embedding, side)
        yield _convolution(stage, stage, 4, side // 2, kept=stage * (side + 2) ** 2)
        width, side = stage, side // 2
    yield from _block(width, width, embedding, side)
    for stage in reversed(widths):
        # A transposed convolution works on every pixel of its wrapped input.
        yield _Layer(16 * width * width + width, 2 * 16 * width**2 * (side + 2) ** 2, width * (side + 2) ** 2)
        side *= 2
        yield from _block(width + stage, stage, embedding, side)
        width = stage

    yield _convolution(width, base, 3, grid)
    # The activation keeps its input, the last convolution its own; the loss keeps the difference to the noise.
    kept = 2 * base * grid**2 + model.out_channels * grid**2
    yield _convolution(base, model.out_channels, 1, grid, kept=kept)


def _block(width_in: int, width: int, embedding: int, side: int) -> Iterable[_Layer]:
    """convolution, norm, activation; two embeddings; the same again; the shortcut where the width changes."""
    # Each norm keeps the convolution's output and each activation the norm's.
    norm = _Layer(2 * width, 0, 2 * width * side**2)
    layers = [
        _convolution(width_in, width, 3, side),
        norm,
        _linear(embedding, width),
        _linear(embedding, width),
        _convolution(width, width, 3, side),
        norm,
    ]
    if width_in != width:
        layers.append(_convolution(width_in, width, 1, side, kept=width_in * side**2))
    return layers


def _convolution(
    width_in: int, width: int, kernel: int, side: int, kept: int | None = None, on_data: bool = False
) -> _Layer:
    """A convolution whose output has `side` pixels a side; it keeps its wrapped input unless told otherwise."""
    weights = kernel**2 * width_in * width
    if kept is None:
        kept = width_in * (side + 2) ** 2
    return _Layer(weights + width, 2 * weights * side**2, kept, on_data)


def _linear(width_in: int, width: int, on_data: bool = False) -> _Layer:
    return _Layer(width_in * width + width, 2 * width_in * width, width_in, on_data)
