"""What single precision cannot hold is refused with the configuration, not at a run's first figures."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dots import pictures_of_one_dot

from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_core.config.methods import DiffusionSection, EDMSection, SamplingSection
from focus_core.diffusion.schedule import make_schedule
from focus_core.diffusion.spacing import sigma_steps
from focus_core.errors import UserError
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

__all__ = ["pictures_of_one_dot"]

ConfigMaker = Callable[..., ExperimentConfig]
# The last T of each schedule at the default β: Σ ln(1 − β_t) ≥ −87.3. Their own ᾱ is asked below.
LAST_TIMESTEPS = {"linear": 8632, "quadratic": 12_104}


def refused(sentence: str, **plain: Any) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        validate_config({"data": {"dataset": "q"}, **plain})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 320


def draws(folder: Path, home: Path, config: ExperimentConfig) -> None:
    """A run that trains an epoch, with a finite loss, and draws its figures."""
    run_training(config, folder, home, StopSwitch())
    events = [json.loads(line) for line in (folder / "logs" / "events.jsonl").read_text().splitlines()]
    assert {"epoch", "figure"} <= {event["kind"] for event in events}
    with np.load(folder / "figs" / "samples_epoch_0001.npz") as figure:
        assert np.isfinite(figure["generated"]).all()


@pytest.mark.parametrize("schedule", LAST_TIMESTEPS)
def test_a_schedule_whose_last_step_leaves_nothing_of_a_map_is_refused(schedule: str) -> None:
    last = LAST_TIMESTEPS[schedule]
    validate_config({"data": {"dataset": "q"}, "diffusion": {"schedule": schedule, "timesteps": last}})
    refused(
        rf"diffusion\.timesteps: {last + 1} steps of the {schedule} schedule from beta_start 0\.0001 to beta_end 0\.02 "
        r"leave ᾱ = 10\^-38 .* lower diffusion\.timesteps or diffusion\.beta_end\.",
        diffusion={"schedule": schedule, "timesteps": last + 1},
    )
    # The schedule itself, by its own arithmetic, crosses the smallest number there.
    ends = [
        make_schedule(DiffusionSection(schedule=schedule, timesteps=t)).alpha_bar_list[-1] for t in (last, last + 1)
    ]
    assert ends[0] >= np.finfo(np.float32).smallest_normal > ends[1]


def test_a_last_beta_near_one_is_refused_by_what_it_leaves() -> None:
    refused(r"leave ᾱ = 10\^-\d{5} ", diffusion={"timesteps": 100_000, "beta_end": 0.999999})
    # The square of its root is 1 in double precision.
    refused(
        r"leave ᾱ = 0 of",
        diffusion={"timesteps": 10, "beta_end": 1 - 1e-16, "schedule": "quadratic"},
        sampling={"ddim_timesteps": 5},
    )
    refused(r"diffusion\.beta_start: .*1e-15", diffusion={"beta_start": 1e-15})


def test_a_cap_above_every_signal_to_noise_ratio_is_refused() -> None:
    refused(r"diffusion\.min_snr_gamma: .*1e\+300", diffusion={"weighting": "min_snr", "min_snr_gamma": 1e300})
    smallest = {"beta_start": 1e-14, "weighting": "min_snr", "min_snr_gamma": 1e14}
    section = validate_config({"data": {"dataset": "q"}, "diffusion": smallest}).diffusion
    signal = make_schedule(section).alpha_bar_list[0]
    assert signal / (1.0 - signal) == pytest.approx(section.min_snr_gamma, rel=0.01)


@pytest.mark.parametrize("timesteps", [50, 1000, 4000, 100_000])
def test_a_cosine_schedule_is_allowed_whatever_its_length(timesteps: int) -> None:
    section = validate_config({"data": {"dataset": "q"}, "diffusion": {"schedule": "cosine", "timesteps": timesteps}})
    assert make_schedule(section.diffusion).alpha_bar_list[-1] > 1e-13


def test_another_method_does_not_mind_a_schedule_that_it_does_not_use() -> None:
    assert validate_config({"data": {"dataset": "q"}, "method": "edm", "diffusion": {"timesteps": 20_000}})


@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpmpp_2m"])
def test_the_longest_schedule_that_is_allowed_trains_and_draws(
    sampler: str, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    """With min-SNR weighting, which divides by ᾱ_T/(1 − ᾱ_T)."""
    diffusion = {"timesteps": LAST_TIMESTEPS["linear"], "beta_end": 0.02, "weighting": "min_snr"}
    sampling = {"method": sampler, "ddim_timesteps": 20, "num_steps": 20}
    draws(tmp_path, tiny_home, tiny_config(diffusion=diffusion, sampling=sampling, training={"num_epochs": 1}))


@pytest.mark.parametrize(
    ("edm", "sentence"),
    [
        (
            {"rho": 0.004},
            r"edm\.rho: 0\.004 is too small, .* from sigma_max 80 to sigma_min 0\.002 .* to 0\.5 or more\.",
        ),
        ({"rho": 0.47}, r"edm\.rho: 0\.47 is too small"),
        ({"rho": 1e300}, r"edm\.rho: .*1e\+300"),
        ({"sigma_max": 1e20}, r"edm\.sigma_max: .*1e\+20"),
        ({"sigma_min": 1e-300}, r"edm\.sigma_min: .*1e-300"),
        ({"sigma_data": 1e300}, r"edm\.sigma_data: .*1e\+300"),
        ({"sigma_data": 1e-300}, r"edm\.sigma_data: .*1e-300"),
        ({"P_std": 1e300}, r"edm: P_mean -1\.2 and P_std 1e\+300 draw ln σ beyond ±40, .* within 40\."),
        ({"P_mean": 1e300}, r"edm: P_mean 1e\+300 and P_std 1\.2 draw"),
        ({"P_mean": -39.0}, r"edm: P_mean -39 and P_std 1\.2 draw"),
    ],
)
def test_noise_levels_of_edm_that_are_no_numbers_are_refused(edm: dict[str, float], sentence: str) -> None:
    refused(sentence, method="edm", edm=edm)


def test_even_steps_over_too_many_decades_are_refused_and_other_spacings_are_not() -> None:
    plain = {"method": "edm", "edm": {"sigma_max": 1e7, "sigma_min": 1e-7}}
    refused(
        r"sampling\.spacing: even steps from sigma_max 1e\+07 to sigma_min 1e-07 .* choose karras or log_snr",
        **plain,
        sampling={"spacing": "even"},
    )
    for spacing in ("auto", "karras", "quadratic", "log_snr"):
        assert validate_config({"data": {"dataset": "q"}, **plain, "sampling": {"spacing": spacing}})


@pytest.mark.parametrize(
    ("rho", "low", "high"), [(0.5, 0.002, 80.0), (1.5, 1e-7, 1e7), (1e8, 1e-7, 1e7), (7.0, 1e-7, 1e7)]
)
def test_the_levels_of_any_power_that_is_allowed_end_where_they_are_told_to(
    rho: float, low: float, high: float
) -> None:
    section = EDMSection(rho=rho, sigma_min=low, sigma_max=high)
    section.check(SamplingSection(spacing="karras"))
    levels = sigma_steps(20, low, high, "karras", rho)
    assert all(one > next_one for one, next_one in itertools.pairwise(levels))
    assert levels[0] == pytest.approx(high, rel=1e-6)
    assert levels[-2] == pytest.approx(low, rel=1e-5)


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("edm", [{"sigma_max": 1e7, "sigma_min": 1e-7, "P_std": 6.4}, {"P_mean": 39.0, "P_std": 0.1}])
def test_the_noise_levels_that_are_allowed_train_and_draw(
    spectral: bool, edm: dict[str, float], tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    sampling = {"method": "heun", "num_steps": 5}
    config = tiny_config(method="edm", edm={**edm, "spectral": spectral}, sampling=sampling, training={"num_epochs": 1})
    draws(tmp_path, tiny_home, config)


@pytest.mark.parametrize("width", [1e-300, 1e-8, 1e8, 1e300])
def test_a_flow_from_noise_that_single_precision_does_not_see_is_refused(width: float) -> None:
    refused(r"flow_matching\.sigma_max: .*found 1", method="flow", flow_matching={"sigma_min": 0, "sigma_max": width})


@pytest.mark.parametrize(("sampler", "width"), [("heun", 1e-7), ("heun", 1e7), ("adaptive", 1e-7)])
def test_a_flow_from_the_faintest_and_the_loudest_noise_trains_and_draws(
    sampler: str, width: float, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    path, sampling = {"sigma_min": 0, "sigma_max": width}, {"method": sampler, "num_steps": 4}
    config = tiny_config(method="flow", flow_matching=path, sampling=sampling, training={"num_epochs": 1})
    draws(tmp_path, tiny_home, config)


def test_a_decay_that_takes_more_than_a_weight_in_a_step_is_refused() -> None:
    refused(r"training\.weight_decay: .*1e\+308", training={"weight_decay": 1e308})
    refused(
        r"training: weight_decay 10001 at the rate 0\.0001 takes .* lower training\.weight_decay below 10000\.",
        training={"weight_decay": 10_001.0},
    )
    rising = {"name": "cosine", "eta_min": 1.0}
    refused(r"weight_decay 2 at the rate 1 takes", training={"weight_decay": 2, "scheduler": rising})
    refused(r"training\.scheduler\.eta_min: .*1e\+308", training={"scheduler": {**rising, "eta_min": 1e308}})
    for training in (
        {"weight_decay": 0.1, "lr": 1e-2},
        {"weight_decay": 2, "scheduler": {**rising, "name": "plateau"}},
        {"weight_decay": 1e6, "optimizer": "adam"},
    ):
        assert validate_config({"data": {"dataset": "q"}, "training": training})


@pytest.mark.parametrize("training", [{"weight_decay": 1000.0, "lr": 1e-3}, {"gradient_clip": 1e308}])
def test_the_largest_decay_and_any_clip_train_and_draw(
    training: dict[str, float], tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    draws(tmp_path, tiny_home, tiny_config(training={**training, "num_epochs": 1}))
