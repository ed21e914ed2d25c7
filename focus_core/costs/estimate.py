"""The cost of a configuration before anything is built: arithmetic over the layers of the network, without torch.

Conventions. A multiplication and an addition are two operations. `flops_per_image` is a training step's share of one
map, forward and backward; normalisations and activations are left out, as they cost memory traffic, not operations.
Memory is the peak of a training step on a periodic map: weights, their average, AdamW's two moments and gradients, in
32-bit numbers, and what the backward pass keeps of the part of a batch computed at once, in the step's precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from focus_core.catalogue.layers import Layer
from focus_core.catalogue.networks import NETWORKS, check_grid
from focus_core.catalogue.samplers import SAMPLERS
from focus_core.config.experiment import ExperimentConfig

_BYTES = 4
# Bytes of a number that is computed in a step.
_STEP_BYTES = {"fp32": 4, "bf16": 2}
# Copies of the weights that exist during a step: themselves, the average, and the optimiser's two moments.
_STANDING_COPIES = 4
# Memory of torch's libraries at their first step on a processor: threads, kernels compiled at run time (measured).
_LIBRARIES = 120_000_000


@dataclass(frozen=True)
class Estimate:
    """`memory_bytes` is the peak of training at the configuration's batch size and `grid`.

    `exact` is false for a network whose entry in the catalogue has no arithmetic of its own: the numbers are then
    those of the baseline at the same width. `flops_per_sample` of the adaptive solver assumes a hundred evaluations.
    """

    parameters: int
    memory_bytes: int
    activation_bytes_per_image: int
    flops_per_image: int
    flops_forward: int
    flops_per_sample: int
    checkpoint_bytes: int
    grid: int
    batch_size: int
    exact: bool = True


def estimate(config: ExperimentConfig, grid: int, number: str | None = None) -> Estimate:
    """Cost of a configuration on maps of grid × grid pixels; UserError if the network cannot take them.

    `number` is the precision of a step, fp32 or bf16, if known; otherwise `training.precision`, and for auto
    32 bits, which need the most memory.
    """
    model, batch, parts = config.model, config.training.batch_size, config.training.accumulation
    check_grid(model.network, model, grid)
    network = NETWORKS[model.network]
    costed = NETWORKS.first if network.layers is None else network
    layers = list(costed.layers(model, grid)) if costed.layers else []
    parameters = sum(layer.weights for layer in layers)
    forward = sum(layer.flops for layer in layers)
    backward = sum(layer.flops if layer.on_data else 2 * layer.flops for layer in layers)
    again, kept = 0, sum(layer.kept for layer in layers)
    if config.training.activation_checkpointing:
        again, kept = _computed_again(layers)
    size = _STEP_BYTES[number or ("bf16" if config.training.precision == "bf16" else "fp32")]
    kept, passing = size * kept, size * costed.passing(model, grid)
    standing = _LIBRARIES + _BYTES * parameters * _STANDING_COPIES
    if size < _BYTES:
        standing += size * parameters  # the weights as a step computes with them
    return Estimate(
        parameters=parameters,
        memory_bytes=_peak(standing, _BYTES * parameters, parts > 1, -(-batch // parts), kept, passing),
        activation_bytes_per_image=kept,
        flops_per_image=forward + backward + again,
        flops_forward=forward,
        flops_per_sample=forward * _evaluations(config),
        checkpoint_bytes=_BYTES * parameters * _STANDING_COPIES,
        grid=grid,
        batch_size=batch,
        exact=costed is network,
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


def _computed_again(layers: Sequence[Layer]) -> tuple[int, int]:
    """With activation checkpointing: operations done twice, and floats kept, at the block that needs most of them."""
    outside = sum(layer.entering if layer.in_block else layer.kept for layer in layers)
    within, largest = 0, 0
    for layer in layers:
        within = (0 if layer.entering else within) + (layer.kept if layer.in_block else 0)
        largest = max(largest, within)
    return sum(layer.flops for layer in layers if layer.in_block), outside + largest


def _peak(standing: int, gradients: int, in_parts: bool, batch: int, kept: int, passing: int) -> int:
    """The larger of two moments: the turn from forward to backward, with everything kept and the first gradients of
    maps in flight (and those of weights from an earlier part of the batch); and the end of the backward pass, when a
    gradient of every weight is there. All in bytes, `kept` and `passing` for each map of the batch."""
    turning = standing + batch * (kept + passing) + (gradients if in_parts else 0)
    ending = standing + gradients + batch * passing
    return max(turning, ending)


def _evaluations(config: ExperimentConfig) -> int:
    """Network evaluations per sampled map."""
    section, timesteps = config.sampling, config.diffusion.timesteps
    each = SAMPLERS[section.method].expected_evaluations(config.method, config.steps()[1], timesteps)
    return each * (1 if section.cfg_scale == 1.0 else 2)
