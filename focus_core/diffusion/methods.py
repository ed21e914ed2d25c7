"""From a configuration to its method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from focus_core.config import ExperimentConfig
from focus_core.data.dataset import MapDataset
from focus_core.data.transform import Transform
from focus_core.diffusion.denoising import DenoisingDiffusion
from focus_core.diffusion.edm import EDM
from focus_core.diffusion.flow import FlowMatching, StraightPath
from focus_core.diffusion.gaussian import ForwardProcess
from focus_core.diffusion.method import Method
from focus_core.diffusion.prior import WhitePrior, fit_spectrum, measure_sigma_data, prior_from
from focus_core.diffusion.schedule import make_schedule


def make_method(config: ExperimentConfig, state: dict[str, Any], device: torch.device | str = "cpu") -> Method:
    """`state` is what `Method.state` wrote into the checkpoint, or what `measure` finds before a first start."""
    if config.method == "flow":
        return FlowMatching(StraightPath(config.flow_matching.sigma_min, config.flow_matching.sigma_max))
    if config.method == "edm":
        return EDM(config.edm, prior_from(state["prior"], device))
    section = config.diffusion
    schedule = make_schedule(section)
    gamma = section.min_snr_gamma if section.weighting == "min_snr" else None
    return DenoisingDiffusion(schedule, ForwardProcess(schedule, device), section.prediction, gamma)


def measure(
    config: ExperimentConfig, dataset: MapDataset, transform: Transform, simulations: Sequence[int]
) -> dict[str, Any]:
    """What the method must know of the training maps before the first step; these simulations are the training ones."""
    if config.method != "edm":
        return {}
    if config.edm.spectral:
        return {"prior": fit_spectrum(dataset, transform, simulations).state()}
    sigma_data = config.edm.sigma_data or measure_sigma_data(dataset, transform, simulations)
    return {"prior": WhitePrior(sigma_data).state()}
