"""Every method against a Gaussian, where the exact answer is linear: losses, factors of samplers, variances."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from focus_core.catalogue.samplers import samplers_of
from focus_core.config.experiment import DiffusionSection
from focus_core.config.methods import EDMSection
from focus_core.diffusion.denoising import DenoisingDiffusion
from focus_core.diffusion.edm import EDM
from focus_core.diffusion.flow import FlowMatching, StraightPath
from focus_core.diffusion.gaussian import ForwardProcess, eps_from_v, x0_from_eps
from focus_core.diffusion.method import Method, Sampler
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.ode import adaptive, dpmpp_2m, heun, noise_field, noise_levels_in_logarithm
from focus_core.diffusion.prior import WhitePrior
from focus_core.diffusion.schedule import make_schedule
from focus_core.diffusion.spacing import discrete_times, flow_times, sigma_steps

SCHEDULE = make_schedule(DiffusionSection())
PROCESS = ForwardProcess(SCHEDULE)
CONDITION = torch.zeros(1, 6)


class Exact(nn.Module):
    """The network that an infinite training on x₀ ~ N(0, v) would give: linear in x at each time."""

    def __init__(self, factor: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._factor = factor

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        return (self._factor(t.double())[:, None, None, None] * x).to(x.dtype)


def exact_epsilon(variance: float) -> Exact:
    alpha_bar = SCHEDULE.alpha_bar

    def factor(t: Tensor) -> Tensor:
        a = alpha_bar[t.long()]
        return (1 - a).sqrt() / (a * variance + 1 - a)

    return Exact(factor)


def exact_v(variance: float) -> Exact:
    """E[v | x] = (√ᾱ √(1−ᾱ) − √(1−ᾱ) √ᾱ v) x / (ᾱ v + 1 − ᾱ), from cov(v, x)/var(x)."""

    def factor(t: Tensor) -> Tensor:
        a = SCHEDULE.alpha_bar[t.long()]
        return (a * (1 - a)).sqrt() * (1 - variance) / (a * variance + 1 - a)

    return Exact(factor)


def exact_velocity(variance: float, path: StraightPath) -> Exact:
    """E[u | x_t] = cov(u, x_t)/var(x_t) x_t with u = x₁ − κ ε; the network sees 1000 t."""

    def factor(t: Tensor) -> Tensor:
        t = t / 1000.0
        sigma = path.sigma_max - (path.sigma_max - path.sigma_min) * t
        return (t * variance - (path.sigma_max - path.sigma_min) * sigma) / (t**2 * variance + sigma**2)

    return Exact(factor)


def exact_edm(variance: float, sigma_data: float) -> Exact:
    """F = (D − c_skip x)/c_out at c_in x, with D = v/(v + σ²) x; the network sees 100 ln(σ)/4."""

    def factor(t: Tensor) -> Tensor:
        sigma = (4.0 * t / 100.0).exp()
        total = sigma**2 + sigma_data**2
        c_out = sigma * sigma_data / total.sqrt()
        return (variance / (variance + sigma**2) - sigma_data**2 / total) / c_out * total.sqrt()

    return Exact(factor)


def method_and_network(name: str, variance: float) -> tuple[Method, Exact]:
    path = StraightPath(1e-4, 1.0)
    return {
        "epsilon": (DenoisingDiffusion(SCHEDULE, PROCESS), exact_epsilon(variance)),
        "v": (DenoisingDiffusion(SCHEDULE, PROCESS, "v"), exact_v(variance)),
        "flow": (FlowMatching(path), exact_velocity(variance, path)),
        "edm": (EDM(EDMSection(), WhitePrior(0.7)), exact_edm(variance, 0.7)),
    }[name]


NAMES = {"epsilon": "diffusion", "v": "diffusion", "flow": "flow", "edm": "edm"}
PAIRS = [(name, sampler) for name, method in NAMES.items() for sampler in samplers_of(method)]


@pytest.mark.parametrize(("name", "sampler"), PAIRS)
@pytest.mark.parametrize("variance", [1.0, 0.1])
def test_every_sampler_of_every_method_gives_the_gaussian_within_a_per_cent_at_many_steps(
    name: str, sampler: str, variance: float
) -> None:
    method, network = method_and_network(name, variance)
    noise = MapNoise([1, 2, 3, 4], (1, 64, 64))
    steps = {"ddim": 1000, "euler": 800}.get(sampler, 200)
    chosen = Sampler(sampler, steps, tolerance=1e-4)
    drawn = method.sample(network, CONDITION.expand(4, 6), 1.0, chosen, noise)
    begun = MapNoise([1, 2, 3, 4], (1, 64, 64)).draw()
    if sampler == "ddpm":
        # Fresh noise at every step: 16,384 pixels tell the deviation to 0.55 %, three times that is allowed.
        assert float(drawn.std()) == pytest.approx(math.sqrt(variance), rel=0.017)
    else:
        # A deterministic sampler multiplies its noise by one number, which is to be √v.
        assert float((drawn / begun).mean()) == pytest.approx(math.sqrt(variance), rel=0.01)
        assert float((drawn / begun).std()) < 1e-3 * math.sqrt(variance)


@pytest.mark.parametrize("spacing", ["even", "quadratic", "log_snr", "karras"])
@pytest.mark.parametrize("variance", [1.0, 0.1])
def test_heun_and_dpm_solver_multiply_a_gaussian_by_the_product_of_their_linear_factors(
    spacing: str, variance: float
) -> None:
    """D = w(σ) x: each step is one number; recomputed here from the papers' formulae in double precision."""
    times = discrete_times(SCHEDULE, 9, spacing)
    sigmas = [*(math.sqrt((1 - a) / a) for a in SCHEDULE.alpha_bar[times].tolist()), 0.0]

    def w(sigma: float) -> float:
        return variance / (variance + sigma**2)

    by_heun = 1.0
    for s, u in itertools.pairwise(sigmas):
        slope = (1 - w(s)) / s
        ahead = 1 + (u - s) * slope
        by_heun *= ahead if u == 0.0 else 1 + (u - s) * (slope + ahead * (1 - w(u)) / u) / 2

    # Two numbers carry DPM-Solver++(2M): the state and the last D. D_i = (1 + h_i/2h_{i−1}) x̂₀ − h_i/2h_{i−1} x̂₀'.
    x, past = 1.0, None
    for i, (s, u) in enumerate(itertools.pairwise(sigmas)):
        x0 = w(s) * x
        D = x0
        if past is not None and u > 0.0:
            ratio = math.log(s / u) / math.log(sigmas[i - 1] / s)
            D = x0 + ratio / 2 * (x0 - past)
        x, past = u / s * x + (1 - u / s) * D, x0

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return w(sigma) * x

    begin = torch.randn(3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(heun(noise_field(denoise), sigmas, begin), by_heun * begin, rtol=1e-10, atol=0)
    torch.testing.assert_close(dpmpp_2m(denoise, sigmas, begin), x * begin, rtol=1e-10, atol=0)


def test_dpm_solver_is_of_second_order_and_ddim_of_first() -> None:
    """Halving the steps in ln σ divides the error by four, and by two; between finite noise levels."""

    def error(steps: int, second: bool) -> float:
        sigmas = sigma_steps(steps, 0.2, 5.0, "log_snr")[:-1]
        w = [1.0 / (1.0 + s**2) for s in sigmas]
        x = torch.ones(1, 1, 1, 1, dtype=torch.float64)
        if second:
            x = dpmpp_2m(lambda x, s: x / (1.0 + s**2), sigmas, x)
        else:
            for s, u, one in zip(sigmas[:-1], sigmas[1:], w[:-1], strict=True):
                x = u / s * x + (1 - u / s) * one * x
        return abs(float(x) / math.sqrt((1 + 0.2**2) / (1 + 5.0**2)) - 1)

    assert error(40, True) / error(80, True) == pytest.approx(4.0, rel=0.25)
    assert error(40, False) / error(80, False) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("variance", [1.0, 0.1])
def test_the_flow_s_euler_multiplies_a_gaussian_by_the_product_of_its_linear_factors(variance: float) -> None:
    path = StraightPath(0.01, 1.5)
    factor = 1.5
    for i in range(12):
        t, sigma = i / 12, 1.5 - 1.49 * i / 12
        factor *= 1 + (t * variance - 1.49 * sigma) / (t**2 * variance + sigma**2) / 12
    noise = [MapNoise([3], (1, 8, 8)) for _ in range(2)]
    drawn = FlowMatching(path).sample(exact_velocity(variance, path), CONDITION, 1.0, Sampler("euler", 12), noise[0])
    torch.testing.assert_close(drawn, factor * noise[1].draw(), rtol=1e-4, atol=1e-5)


def test_the_adaptive_solver_keeps_to_its_tolerance() -> None:
    errors = []
    for tolerance in (1e-2, 1e-5):
        field = noise_levels_in_logarithm(lambda x, s: 0.3 * x / (0.3 + s**2))
        y = torch.full((1, 1, 2, 2), 1.0 / math.sqrt(1 + 5.0**2)).double()
        x = math.sqrt(1 + 0.2**2) * adaptive(field, math.log(5.0), math.log(0.2), y, tolerance)
        errors.append(abs(float(x.mean()) / math.sqrt((0.3 + 0.2**2) / (0.3 + 5.0**2)) - 1))
    # Tens of steps add their 1e-5, beside a result that has shrunk by ten.
    assert errors[1] < 5e-4
    assert errors[0] < 0.05


def test_v_and_epsilon_say_the_same() -> None:
    torch.manual_seed(0)
    x0, eps = torch.randn(2, 1, 1, 8, 8, dtype=torch.float64)
    for t in (0, 400, 999):
        a = SCHEDULE.alpha_bar_list[t]
        x = math.sqrt(a) * x0 + math.sqrt(1 - a) * eps
        v = math.sqrt(a) * eps - math.sqrt(1 - a) * x0
        torch.testing.assert_close(eps_from_v(x, v, a), eps)
        torch.testing.assert_close(math.sqrt(a) * x - math.sqrt(1 - a) * v, x0)
        torch.testing.assert_close(x0_from_eps(x, eps_from_v(x, v, a), a), x0, rtol=1e-6, atol=1e-6)


def test_min_snr_caps_the_weight_of_the_squared_error_of_the_map() -> None:
    """(ε − ε̂)² = SNR (x₀ − x̂₀)² and (v − v̂)² = (SNR + 1)(x₀ − x̂₀)²: the weights make both min(SNR, γ)."""
    t = torch.arange(1000)
    snr = SCHEDULE.alpha_bar / (1 - SCHEDULE.alpha_bar)
    of_epsilon = DenoisingDiffusion(SCHEDULE, PROCESS, "epsilon", 5.0).weight(t).double()
    of_v = DenoisingDiffusion(SCHEDULE, PROCESS, "v", 5.0).weight(t).double()
    torch.testing.assert_close(of_epsilon * snr, snr.clamp(max=5.0), rtol=1e-4, atol=1e-12)
    torch.testing.assert_close(of_v * (snr + 1), snr.clamp(max=5.0), rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("name", list(NAMES))
def test_the_exact_network_has_the_least_loss_and_it_is_the_known_one(name: str) -> None:
    """At the method's own times the loss of E[target | x] is var(target | x), known for a Gaussian of variance ½."""
    variance, n = 0.5, 200
    method, network = method_and_network(name, variance)
    torch.manual_seed(0)
    t = torch.from_numpy(method.even_times(n))
    x0 = math.sqrt(variance) * torch.randn(n, 1, 32, 32)
    eps = torch.randn_like(x0)
    losses = method.loss(network, x0, CONDITION.expand(n, 6), t, eps)
    if name == "edm":
        p = variance * t**2 / (variance + t**2)  # what stays unknown of x₀, over c_out²
        expected = p / (t**2 * 0.49 / (t**2 + 0.49))
    elif name == "flow":
        sigma = 1.0 - (1.0 - 1e-4) * t
        total = t**2 * variance + sigma**2
        expected = variance + (1 - 1e-4) ** 2 - (t * variance - (1 - 1e-4) * sigma) ** 2 / total
    else:
        a = SCHEDULE.alpha_bar[t].float()
        total = a * variance + 1 - a
        expected = a * variance / total if name == "epsilon" else variance / total
    # 1,024 pixels per map: 4.4 % each, over 200 maps 0.3 % on the mean.
    assert float((losses / expected).mean()) == pytest.approx(1.0, abs=0.012)
    worse = method.loss(Exact(lambda t: 1.1 * network._factor(t) + 0.05), x0, CONDITION.expand(n, 6), t, eps)
    assert float(worse.mean()) > float(losses.mean())


@pytest.mark.parametrize("name", list(NAMES))
def test_random_times_follow_the_quantiles_that_a_validation_uses(name: str) -> None:
    method, _ = method_and_network(name, 1.0)
    torch.manual_seed(0)
    drawn = np.sort(method.draw_times(20_000, torch.device("cpu")).numpy().astype(float))
    even = np.sort(method.even_times(20_000).astype(float))
    scale = np.log if name == "edm" else np.asarray
    inside = slice(200, -200)
    # A quantile of 20,000 draws is known to less than a hundredth of the distribution's width.
    assert np.abs(scale(drawn[inside]) - scale(even[inside])).max() < 0.06 * np.std(scale(even))


def test_an_untrained_edm_with_a_white_prior_already_draws_its_variance() -> None:
    method = EDM(EDMSection(), WhitePrior(0.7))
    noise = [MapNoise([5], (1, 8, 8)) for _ in range(2)]
    drawn = method.sample(Exact(torch.zeros_like), CONDITION, 1.0, Sampler("heun", 100), noise[0])
    torch.testing.assert_close(drawn, 0.7 * noise[1].draw(), rtol=0.01, atol=1e-3)


@pytest.mark.parametrize("name", list(NAMES))
def test_clamping_keeps_every_sampler_inside_the_interval(name: str) -> None:
    method, _ = method_and_network(name, 1.0)
    for sampler in samplers_of(NAMES[name]):
        wild = Exact(lambda t: torch.full_like(t, 30.0))
        seen: list[Tensor] = []
        drawn = method.sample(
            wild,
            CONDITION,
            1.0,
            Sampler(sampler, 6, tolerance=0.1),
            MapNoise([5], (1, 8, 8)),
            (-2.0, 3.0),
            lambda done, total, x0, seen=seen: seen.append(x0),
        )
        # The last step puts the map together again from x₀ and its noise: single precision.
        assert drawn.min() >= -2.0 - 1e-4
        assert drawn.max() <= 3.0 + 1e-4
        assert all(x0.min() >= -2.0 and x0.max() <= 3.0 for x0 in seen)


@pytest.mark.parametrize(("name", "sampler"), [pair for pair in PAIRS if pair[1] != "adaptive"])
def test_progress_counts_each_evaluation_of_the_network(name: str, sampler: str) -> None:
    method, network = method_and_network(name, 1.0)
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    network.register_forward_hook(count)
    seen: list[tuple[int, int]] = []
    chosen = Sampler(sampler, 6)
    method.sample(network, CONDITION, 1.0, chosen, MapNoise([5], (1, 2, 2)), None, lambda i, n, x0: seen.append((i, n)))
    total = method.evaluations(chosen)
    assert calls == total
    assert seen == [(i, total) for i in range(1, total + 1)]


@pytest.mark.parametrize("spacing", ["auto", "even", "quadratic", "log_snr", "karras"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50, 999, 1000])
def test_discrete_times_are_distinct_and_reach_from_the_first_to_the_last(spacing: str, steps: int) -> None:
    times = discrete_times(SCHEDULE, steps, spacing)
    assert len(times) == steps
    assert times == sorted(set(times), reverse=True)
    assert times[0] == 999
    assert steps == 1 or times[-1] == 0


def test_noise_levels_follow_the_paper_s_formula() -> None:
    expected = [(80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(18)]
    assert sigma_steps(18, 0.002, 80.0, "karras", 7.0) == pytest.approx([*expected, 0.0])
    assert sigma_steps(3, 0.01, 1.0, "log_snr") == pytest.approx([1.0, 0.1, 0.01, 0.0])
    assert flow_times(4, "auto") == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert flow_times(2, "quadratic") == [0.0, 0.75, 1.0]


@pytest.mark.parametrize("name", list(NAMES))
def test_guidance_extrapolates_from_the_unconditional_prediction(name: str) -> None:
    """With a network that gives c·x for θ and u·x without, scale s acts as the network (u + s(c − u))·x."""
    method, _ = method_and_network(name, 1.0)

    class TwoBranches(nn.Module):
        def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
            factor = torch.full((len(x),), 0.3) if drop is None else torch.where(drop, 0.1, 0.3)
            return factor[:, None, None, None] * x

    sampler = Sampler(samplers_of(NAMES[name])[0], 5)
    one, other = (MapNoise([5], (1, 4, 4)) for _ in range(2))
    drawn = method.sample(TwoBranches(), CONDITION, 2.5, sampler, one)
    expected = method.sample(Exact(lambda t: torch.full_like(t, 0.1 + 2.5 * 0.2)), CONDITION, 1.0, sampler, other)
    torch.testing.assert_close(drawn, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sampler", samplers_of("edm"))
def test_edm_draws_within_the_interval_from_any_noise(sampler: str) -> None:
    method = EDM(EDMSection(sigma_min=1e-7, sigma_max=1e7), WhitePrior(1.0))
    network = Exact(lambda t: torch.full_like(t, 0.7))
    chosen = Sampler(sampler, 3, spacing="even")
    drawn = method.sample(network, CONDITION, 1.0, chosen, MapNoise([1], (1, 16, 16)), (-3.0, 3.0))
    assert float(drawn.abs().max()) <= 3.0
