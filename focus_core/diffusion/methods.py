"""From a configuration to its method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from focus_core.catalogue.by_path import load
from focus_core.catalogue.methods import METHODS
from focus_core.catalogue.noising import WEIGHTINGS
from focus_core.config.experiment import ExperimentConfig
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
    """`state` is what `Method.state` wrote into the checkpoint, or what `measure` returns before a first start."""
    method: Method = load(METHODS[config.method].build)(config, state, device)
    return method


def measure(
    config: ExperimentConfig, dataset: MapDataset, transform: Transform, simulations: Sequence[int]
) -> dict[str, Any]:
    """What the method must know of the training maps before the first step; `simulations` are the training ones."""
    path = METHODS[config.method].measure
    found: dict[str, Any] = {} if path is None else load(path)(config, dataset, transform, simulations)
    return found


def denoising(config: ExperimentConfig, state: dict[str, Any], device: torch.device | str) -> DenoisingDiffusion:
    section, schedule = config.diffusion, make_schedule(config.diffusion)
    cap = WEIGHTINGS[section.weighting].cap
    gamma = None if cap is None else float(getattr(section, cap))
    return DenoisingDiffusion(schedule, ForwardProcess(schedule, device), section.prediction, gamma)


def flow_matching(config: ExperimentConfig, state: dict[str, Any], device: torch.device | str) -> FlowMatching:
    return FlowMatching(StraightPath(config.flow_matching.sigma_min, config.flow_matching.sigma_max))


def edm(config: ExperimentConfig, state: dict[str, Any], device: torch.device | str) -> EDM:
    return EDM(config.edm, prior_from(state["prior"], device))


def measure_prior(
    config: ExperimentConfig, dataset: MapDataset, transform: Transform, simulations: Sequence[int]
) -> dict[str, Any]:
    if config.edm.spectral:
        return {"prior": fit_spectrum(dataset, transform, simulations).state()}
    sigma_data = config.edm.sigma_data or measure_sigma_data(dataset, transform, simulations)
    return {"prior": WhitePrior(sigma_data).state()}
