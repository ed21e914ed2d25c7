"""Samplers against what a Gaussian makes exact: its denoiser is linear, so every sampler is a product of factors."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from focus_core.config.experiment import DiffusionSection, ModelSection
from focus_core.diffusion.gaussian import ForwardProcess, eps_from_x0, x0_from_eps
from focus_core.diffusion.guidance import Denoiser, guided
from focus_core.diffusion.noise import MapNoise, map_seed
from focus_core.diffusion.samplers import Sampler, ddim, ddpm, sample
from focus_core.diffusion.schedule import NoiseSchedule, make_schedule
from focus_core.diffusion.spacing import ddim_times
from focus_core.errors import UserError
from focus_core.networks.building import build_network

SCHEDULE = make_schedule(DiffusionSection())


class DoubleNoise(MapNoise):
    def draw(self) -> Tensor:
        return super().draw().double()


def gaussian_denoiser(variance: float, schedule: NoiseSchedule = SCHEDULE) -> Denoiser:
    """E[ε | x_t] for x₀ ~ N(0, v): √(1 − ᾱ) x / (ᾱ v + 1 − ᾱ)."""

    def denoiser(x: Tensor, t: int) -> Tensor:
        alpha_bar = float(np.cumprod(1.0 - schedule.beta.numpy())[t])
        return math.sqrt(1.0 - alpha_bar) * x / (alpha_bar * variance + 1.0 - alpha_bar)

    return denoiser


def test_the_linear_schedule_is_that_of_the_paper() -> None:
    beta = SCHEDULE.beta.numpy()
    assert len(beta) == 1000
    assert (beta[0], beta[-1]) == pytest.approx((1e-4, 0.02))
    np.testing.assert_allclose(np.diff(beta), (0.02 - 1e-4) / 999)
    np.testing.assert_allclose(SCHEDULE.alpha_bar_list, np.cumprod(1.0 - beta), rtol=1e-12)


@pytest.mark.parametrize("name", ["linear", "cosine", "quadratic"])
def test_every_schedule_ends_in_almost_pure_noise(name: str) -> None:
    schedule = make_schedule(DiffusionSection(schedule=name))
    assert (schedule.beta > 0).all()
    assert (schedule.beta < 1).all()
    assert schedule.alpha_bar_list[-1] < 2e-3


def test_the_forward_process_has_the_stated_mean_and_variance() -> None:
    torch.manual_seed(0)
    process = ForwardProcess(SCHEDULE)
    x0, t = torch.full((1, 1, 512, 512), 2.0), torch.tensor([400])
    x = process.q_sample(x0, t, torch.randn_like(x0))
    alpha_bar = SCHEDULE.alpha_bar_list[400]
    # 262,144 pixels: the mean is known to 0.2 %, the standard deviation to 0.14 %; four times that is allowed.
    assert float(x.mean()) == pytest.approx(2.0 * math.sqrt(alpha_bar), abs=0.008)
    assert float(x.std()) == pytest.approx(math.sqrt(1.0 - alpha_bar), rel=0.006)


def test_x0_and_eps_are_each_others_inverse() -> None:
    torch.manual_seed(0)
    x, eps = torch.randn(2, 2, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(eps_from_x0(x, x0_from_eps(x, eps, 0.3), 0.3), eps)


@pytest.mark.parametrize("steps", [1, 2, 3, 30, 50, 250, 999, 1000])
def test_ddim_takes_exactly_the_steps_that_were_asked_for(steps: int) -> None:
    calls: list[int] = []

    def counting(x: Tensor, t: int) -> Tensor:
        calls.append(t)
        return torch.zeros_like(x)

    ddim(counting, SCHEDULE, MapNoise([0], (1, 2, 2)), ddim_times(1000, steps))
    assert len(calls) == steps
    assert len(set(calls)) == steps
    assert calls[0] == 999
    assert calls == sorted(calls, reverse=True)
    if steps > 1:
        assert calls[-1] == 0
        expected = [999 * (1 - i / (steps - 1)) for i in range(steps)]
        assert max(abs(call - exact) for call, exact in zip(calls, expected, strict=True)) <= 0.5 + 1e-9


@pytest.mark.parametrize("steps", [0, 1001])
def test_ddim_refuses_step_counts_that_the_schedule_does_not_have(steps: int) -> None:
    with pytest.raises(UserError, match=r"between 1 and the schedule's 1000"):
        ddim_times(1000, steps)


@pytest.mark.parametrize("timesteps", [1, 2, 3, 10, 37])
def test_the_times_of_any_schedule_are_distinct(timesteps: int) -> None:
    for steps in range(1, timesteps + 1):
        assert len(set(ddim_times(timesteps, steps))) == steps


@pytest.mark.parametrize("variance", [1.0, 0.1])
@pytest.mark.parametrize("steps", [1, 2, 50, 250])
def test_ddim_multiplies_a_gaussian_by_the_product_of_its_linear_factors(variance: float, steps: int) -> None:
    alpha_bar = np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000))
    times = [999] if steps == 1 else [round(999 * (1 - i / (steps - 1))) for i in range(steps)]
    factor = 1.0
    for i, t in enumerate(times):
        a, previous = alpha_bar[t], alpha_bar[times[i + 1]] if i + 1 < steps else 1.0
        eps = math.sqrt(1 - a) / (a * variance + 1 - a)
        x0 = (1 - math.sqrt(1 - a) * eps) / math.sqrt(a)
        factor *= math.sqrt(previous) * x0 + math.sqrt(1 - previous) * eps
    # In double precision: a single step divides a difference by √ᾱ = 0.006.
    drawn = ddim(gaussian_denoiser(variance), SCHEDULE, DoubleNoise([3], (1, 8, 8)), ddim_times(1000, steps))
    torch.testing.assert_close(drawn, factor * DoubleNoise([3], (1, 8, 8)).draw(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("steps", "low", "high"), [(50, 0.963, 0.919), (250, 0.993, 0.983)])
def test_ddim_in_few_steps_is_biased_by_the_known_amount(steps: int, low: float, high: float) -> None:
    """3.7 and 8 % at 50 steps, 0.7 and 1.7 % at 250, for modes of variance 1 and 0.1."""
    for variance, expected in ((1.0, low), (0.1, high)):
        noise = MapNoise([3], (1, 4, 4))
        ratio = (
            ddim(gaussian_denoiser(variance), SCHEDULE, noise, ddim_times(1000, steps))
            / MapNoise([3], (1, 4, 4)).draw()
        )
        assert float(ratio.mean()) / math.sqrt(variance) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("variance", [1.0, 0.1])
@pytest.mark.parametrize("method", ["ddpm", "ddim"])
def test_a_thousand_steps_with_the_exact_denoiser_give_the_gaussian_within_a_per_cent(
    method: str, variance: float
) -> None:
    noise = MapNoise([1, 2, 3, 4], (1, 128, 128))
    drawn = sample(Sampler(method, 1000), gaussian_denoiser(variance), SCHEDULE, noise)
    # 65,536 pixels: the standard deviation is known to 0.28 %; the sampler's own error is 0.2 to 0.5 %.
    assert float(drawn.std()) == pytest.approx(math.sqrt(variance), rel=0.01)
    assert abs(float(drawn.mean())) < 4 * math.sqrt(variance) / 256


def test_ddim_with_eta_one_has_the_variance_of_ddpm() -> None:
    noise = MapNoise([1, 2, 3, 4], (1, 64, 64))
    drawn = ddim(gaussian_denoiser(1.0), SCHEDULE, noise, ddim_times(1000, 1000), eta=1.0)
    # 16,384 pixels: 0.55 % on the standard deviation, three times that is allowed.
    assert float(drawn.std()) == pytest.approx(1.0, rel=0.017)


def test_ddpm_draws_the_variance_of_its_own_recursion() -> None:
    """In few steps β̃ and β differ: v ← (c_x + c_0 g)² v + β̃, with x̂₀ = g x, from v = 1."""
    schedule, variance = make_schedule(DiffusionSection(timesteps=8, beta_start=0.05, beta_end=0.6)), 0.5
    alpha_bar = np.cumprod(1.0 - np.linspace(0.05, 0.6, 8))
    expected = 1.0
    for t in reversed(range(8)):
        a, previous = alpha_bar[t], alpha_bar[t - 1] if t else 1.0
        beta = 1.0 - a / previous
        g = (1.0 - (1.0 - a) / (a * variance + 1.0 - a)) / math.sqrt(a)
        mean = math.sqrt(previous) * beta / (1 - a) * g + math.sqrt(1 - beta) * (1 - previous) / (1 - a)
        expected = mean**2 * expected + (1 - previous) / (1 - a) * beta
    drawn = ddpm(gaussian_denoiser(variance, schedule), schedule, MapNoise([1, 2, 3, 4], (1, 128, 128)))
    # 65,536 pixels: 0.55 % on the variance; with β in the place of β̃ it would come out 10 % and more too large.
    assert float(drawn.var()) == pytest.approx(expected, rel=0.02)


def test_a_clamped_ddim_step_goes_on_with_the_noise_that_belongs_to_the_clamped_map() -> None:
    alpha_bar, previous = SCHEDULE.alpha_bar_list[999], SCHEDULE.alpha_bar_list[0]
    noise = DoubleNoise([5], (1, 16, 16)).draw()
    x0 = ((noise - math.sqrt(1 - alpha_bar) * 0.9 * noise) / math.sqrt(alpha_bar)).clamp(-2.0, 3.0)
    eps = (noise - math.sqrt(alpha_bar) * x0) / math.sqrt(1 - alpha_bar)
    x = math.sqrt(previous) * x0 + math.sqrt(1 - previous) * eps
    expected = ((x - math.sqrt(1 - previous) * 0.9 * x) / math.sqrt(previous)).clamp(-2.0, 3.0)
    drawn = ddim(lambda x, t: 0.9 * x, SCHEDULE, DoubleNoise([5], (1, 16, 16)), [999, 0], clamp=(-2.0, 3.0))
    torch.testing.assert_close(drawn, expected, rtol=1e-9, atol=1e-12)


def test_clamping_keeps_x0_in_its_interval_and_the_noise_consistent() -> None:
    seen: list[Tensor] = []
    noise = MapNoise([5], (1, 16, 16))

    def wild(x: Tensor, t: int) -> Tensor:
        return 50.0 * x

    for draw in (ddpm, lambda *a, **k: ddim(a[0], a[1], a[2], ddim_times(1000, 20), **k)):
        drawn = draw(wild, SCHEDULE, noise, clamp=(-2.0, 3.0), progress=lambda i, n, x0: seen.append(x0))
        assert drawn.min() >= -2.0
        assert drawn.max() <= 3.0
    assert min(float(x.min()) for x in seen) >= -2.0
    assert max(float(x.max()) for x in seen) <= 3.0


def test_an_untrained_network_never_overflows_a_power_of_ten() -> None:
    torch.manual_seed(0)
    network = build_network(ModelSection(base_channels=8, channel_mults=(1, 2), time_dim=16), periodic=True).eval()
    condition, schedule = torch.zeros(2, 6), make_schedule(DiffusionSection(timesteps=100, beta_end=0.2))
    for sampler in (Sampler("ddim", 20), Sampler("ddim", 1), Sampler("ddpm")):
        x = sample(sampler, guided(network, condition), schedule, MapNoise([1, 2], (1, 8, 8)), clamp=(-4.0, 5.0))
        maps = 10.0 ** (x * 0.6 + 11.0)
        assert torch.isfinite(maps).all()
        assert (maps > 0).all()


@pytest.mark.parametrize("steps", [2, 3, 20])
def test_heun_leaves_no_rounding_of_a_large_x_in_its_maps(steps: int) -> None:
    """Few steps from σ = 5·10¹⁷ throw x far out; x − σ (x − x̂₀)/σ is then 10¹⁰ in the place of x̂₀."""
    schedule = make_schedule(DiffusionSection(timesteps=8000))
    noise = MapNoise([1], (1, 16, 16))
    drawn = sample(Sampler("heun", steps), lambda x, t: 0.5 * torch.tanh(x), schedule, noise, (-3.0, 3.0))
    assert float(drawn.abs().max()) <= 3.0


def test_guidance_extrapolates_from_the_unconditional_to_the_conditional_noise() -> None:
    torch.manual_seed(0)
    network = build_network(ModelSection(base_channels=16, channel_mults=(1,), time_dim=16), periodic=True).eval()
    x, condition, t = torch.randn(3, 1, 8, 8), torch.rand(3, 6), torch.full((3,), 100)
    with torch.no_grad():
        conditional = network(x, t, condition)
        null = network(x, t, condition, torch.ones(3, dtype=torch.bool))
        for scale in (0.0, 1.0, 2.5):
            expected = null + scale * (conditional - null)
            torch.testing.assert_close(guided(network, condition, scale)(x, 100), expected, rtol=1e-4, atol=1e-5)


def test_noise_belongs_to_a_map_and_not_to_its_batch() -> None:
    seeds = [map_seed(7, i) for i in range(4)]
    together, alone = MapNoise(seeds, (1, 4, 4)), MapNoise(seeds[2:3], (1, 4, 4))
    for _ in range(3):
        torch.testing.assert_close(together.draw()[2:3], alone.draw(), rtol=0, atol=0)
    assert len({map_seed(a, b) for a in range(20) for b in range(20)}) == 400


def test_a_sampler_of_flow_matching_is_refused_in_one_sentence() -> None:
    with pytest.raises(UserError, match="euler is not available for method diffusion"):
        sample(Sampler("euler"), gaussian_denoiser(1.0), SCHEDULE, MapNoise([0], (1, 2, 2)))
