"""The spectral prior against Gaussian fields of known spectrum: fitted, filtered, and drawn without any training."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from focus_core.config.methods import EDMSection
from focus_core.data.dataset import MapDataset
from focus_core.data.folder import Description, open_folder, write_folder
from focus_core.data.transform import Transform
from focus_core.diffusion.edm import EDM
from focus_core.diffusion.method import Sampler
from focus_core.diffusion.noise import MapNoise
from focus_core.diffusion.prior import SpectralPrior, fit_spectrum, mode_rings, prior_from, ring_power, ring_sizes
from focus_core.parameters import WCDM6

GRID, SIMULATIONS, EACH = 32, 60, 6
AS_THEY_ARE = Transform("identity", 0.0, 0.0, 1.0, -9.0, 9.0)


def true_power(theta: np.ndarray) -> np.ndarray:
    """ln p falls with the ring and responds to the first and fifth parameter; θ (n, 6) → (n, n_rings)."""
    ring = np.arange(len(ring_sizes(GRID)))
    slope = 1.5 + 0.3 * theta[:, :1]
    return np.exp(1.0 + 0.5 * theta[:, 4:5] - slope * np.log1p(ring / 4.0))


def gaussian_maps(theta: np.ndarray, each: int, seed: int) -> np.ndarray:
    """Fields of mean 0.4 θ₁ whose unitary modes have the power above, (n · each, N, N)."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(theta, each, axis=0)
    white = np.fft.rfft2(rng.normal(size=(len(rows), GRID, GRID)))
    amplitude = np.sqrt(true_power(rows))[:, mode_rings(GRID)]
    return np.fft.irfft2(white * amplitude, s=(GRID, GRID)) + 0.4 * rows[:, :1, None]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> MapDataset:
    unit = np.random.default_rng(1).uniform(-1, 1, (SIMULATIONS, 6))
    folder = tmp_path_factory.mktemp("suite")
    about = Description("fields", "Mcdm", "", 32.0, 0.0, EACH, WCDM6)
    maps = gaussian_maps(unit, EACH, 2).astype(np.float32)
    write_folder(folder / "fields", [maps], GRID, WCDM6.from_unit(unit), about)
    return open_folder(folder / "fields")


@pytest.fixture(scope="module")
def prior(suite: MapDataset) -> SpectralPrior:
    return fit_spectrum(suite, AS_THEY_ARE, range(SIMULATIONS))


class Untrained(nn.Module):
    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        return torch.zeros_like(x)


def test_rings_hold_every_mode_and_white_noise_has_its_variance_in_each() -> None:
    assert ring_sizes(GRID).sum() == GRID**2
    power = ring_power(np.random.default_rng(0).normal(0.0, 3.0, (400, GRID, GRID)))
    # Ring 0 is one mode, 400 of them tell its power to 7 %; the others far better.
    np.testing.assert_allclose(power.mean(axis=0), 9.0, rtol=0.22)
    assert float((power.mean(axis=0) * ring_sizes(GRID)).sum() / GRID**2) == pytest.approx(9.0, rel=0.01)


def test_the_fit_finds_spectrum_and_mean_as_functions_of_theta(prior: SpectralPrior) -> None:
    unit = np.random.default_rng(7).uniform(-0.8, 0.8, (20, 6))
    field = prior.at(torch.from_numpy(unit).float())
    # 360 fields, ten terms: a ring of eight modes is known to 6 % at an average θ, the corner's single mode to 17 %.
    ratio = field.power.numpy()[:, 1:] / true_power(unit)[:, 1:]
    assert np.abs(np.log(ratio[:, 3:-2])).max() < 0.25
    assert np.abs(np.log(ratio)).mean() < 0.06
    np.testing.assert_allclose(field.mean.numpy(), 0.4 * unit[:, 0], atol=0.05)


def test_dropping_theta_gives_the_spectrum_of_all_maps_together(prior: SpectralPrior, suite: MapDataset) -> None:
    condition = torch.full((2, 6), 0.9)
    field = prior.at(condition, torch.tensor([True, False]))
    everywhere = ring_power(np.asarray(suite.maps) - np.asarray(suite.maps).mean(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(field.power[0, 1:].numpy(), everywhere.mean(axis=0)[1:], rtol=1e-4)
    assert not torch.allclose(field.power[0], field.power[1])


@pytest.mark.parametrize("sigma", [0.03, 1.0, 40.0])
def test_the_wiener_filter_leaves_the_variance_that_it_says(prior: SpectralPrior, sigma: float) -> None:
    theta = np.zeros((1, 6))
    field = prior.at(torch.zeros(200, 6))
    x0 = torch.from_numpy(gaussian_maps(theta, 200, 5)).float()
    torch.manual_seed(0)
    x, level = x0 + sigma * torch.randn_like(x0), torch.full((200,), sigma)
    left = field.expected(x[:, None], level)[:, 0] - x0
    # The rings of the fit are wrong by some per cent, which Wiener's filter feels in second order.
    assert float(left.square().mean()) == pytest.approx(float(field.unknown(level)[0] ** 2), rel=0.05)
    assert float(x.square().mean()) == pytest.approx(float(field.spread(level)[0] ** 2), rel=0.06)


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m", "euler", "adaptive"])
@pytest.mark.parametrize("sigma_max", [80.0, 2.0])
def test_an_untrained_network_already_draws_the_right_spectrum(
    prior: SpectralPrior, sampler: str, sigma_max: float
) -> None:
    """Whitened, a Gaussian field does not move: the fit's own spectrum comes out exactly, in three steps."""
    method = EDM(EDMSection(sigma_min=0.01, sigma_max=sigma_max, spectral=True), prior)
    condition = torch.tensor([[0.5, 0.0, 0.0, 0.0, -0.5, 0.0]])
    drawn = method.sample(Untrained(), condition, 1.0, Sampler(sampler, 3), MapNoise([3], (1, GRID, GRID)))
    field = prior.at(condition)
    begun = torch.fft.rfft2(MapNoise([3], (1, GRID, GRID)).draw())
    amplitude = field.power.sqrt()[:, mode_rings(GRID)][:, None]
    expected = torch.fft.irfft2(begun * amplitude, s=(GRID, GRID)) + field.mean[:, None, None, None]
    assert float((drawn - expected).std() / expected.std()) < 1e-4
    truth = true_power(condition.numpy())[0]
    measured = ring_power((drawn[0] - drawn.mean()).numpy())[0]
    # One map: a band of rings holds hundreds of modes, 10 % at worst.
    bands = np.array_split(np.arange(2, GRID // 2), 3)
    sizes = ring_sizes(GRID)
    for band in bands:
        ratio = np.average(measured[band], weights=sizes[band]) / np.average(truth[band], weights=sizes[band])
        assert ratio == pytest.approx(1.0, abs=0.3)


def test_the_loss_of_an_untrained_network_on_gaussian_fields_is_one(prior: SpectralPrior) -> None:
    """Its target has unit variance at every noise level: that is what c_out is for."""
    method = EDM(EDMSection(), prior)
    x0 = torch.from_numpy(gaussian_maps(np.zeros((1, 6)), 300, 9)).float()[:, None]
    torch.manual_seed(0)
    t = torch.from_numpy(method.even_times(300))
    losses = method.loss(Untrained(), x0, torch.zeros(300, 6), t, torch.randn_like(x0))
    for part in losses.reshape(5, 60):
        assert float(part.mean()) == pytest.approx(1.0, abs=0.08)


def test_a_prior_comes_back_from_what_a_checkpoint_holds(prior: SpectralPrior, tmp_path: Path) -> None:
    torch.save(prior.state(), tmp_path / "prior.pt")
    again = prior_from(torch.load(tmp_path / "prior.pt", weights_only=True))
    condition = torch.rand(3, 6)
    assert torch.equal(again.at(condition, torch.tensor([True, False, False])).power[1:], prior.at(condition).power[1:])
    assert torch.equal(again.at(condition).mean, prior.at(condition).mean)


def test_few_simulations_determine_fewer_terms(suite: MapDataset) -> None:
    assert len(fit_spectrum(suite, AS_THEY_ARE, range(20)).terms) == 10
    assert len(fit_spectrum(suite, AS_THEY_ARE, range(15)).terms) == 7
    alone = fit_spectrum(suite, AS_THEY_ARE, range(3))
    assert alone.terms == ((),)
    assert math.isfinite(float(alone.log_power.sum()))


class Shrinking(nn.Module):
    """A network that knows the fields to be of half the power that the prior says: its F is linear, mode by mode."""

    def __init__(self, method: EDM, condition: Tensor) -> None:
        super().__init__()
        self._field, self._method = method.prior.at(condition), method

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, drop: Tensor | None = None) -> Tensor:
        sigma = (t * 4.0 / 100.0).exp()
        seen = x * self._field.spread(sigma)[:, None, None, None]
        truth = replace(self._field, power=self._field.power / 2.0)
        gap = truth.expected(seen, sigma) - self._field.expected(seen, sigma)
        return gap / self._field.unknown(sigma)[:, None, None, None]


@pytest.mark.parametrize(
    ("sampler", "steps", "error"), [("heun", 20, 0.01), ("dpmpp_2m", 40, 0.01), ("adaptive", 1, 0.01)]
)
def test_whitened_solvers_draw_what_the_network_says_of_the_power(
    prior: SpectralPrior, sampler: str, steps: int, error: float
) -> None:
    """Exact: every mode of half the prior's power, from σ_max on, where both say nearly the same."""
    method, condition = EDM(EDMSection(sigma_min=0.01, sigma_max=80.0, spectral=True), prior), torch.zeros(1, 6)
    chosen, noise = Sampler(sampler, steps, tolerance=1e-4), MapNoise([3], (1, GRID, GRID))
    drawn = method.sample(Shrinking(method, condition), condition, 1.0, chosen, noise)
    field = prior.at(condition)
    expected = field.seen(MapNoise([3], (1, GRID, GRID)).draw(), 0.0) - field.mean[:, None, None, None]
    ratio = (drawn - field.mean[:, None, None, None]) / (expected / math.sqrt(2.0))
    assert float((ratio - 1).abs().median()) < error


def test_rings_that_follow_no_theta_have_one_spectrum_and_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mode that some maps have a million times more strongly, whatever their θ: its fit would follow them."""
    rng = np.random.default_rng(4)
    theta = rng.uniform(-1, 1, (20, 6))
    maps = gaussian_maps(theta, 1, seed=5)
    wave = np.sin(2 * np.pi * 3 * np.arange(GRID) / GRID)
    maps += (10.0 ** rng.uniform(-3, 6, 20))[:, None, None] * wave
    about = Description("outliers", "Mtot", "mean density", 50.0, 0.0, 1, WCDM6, normalised=True)
    write_folder(tmp_path, [maps.astype(np.float32)], GRID, WCDM6.from_unit(theta), about)
    with caplog.at_level("WARNING", "focus.training"):
        fitted = fit_spectrum(open_folder(tmp_path), AS_THEY_ARE, range(20))
    assert "could not be fitted to θ in" in caplog.text
    assert "3" in caplog.text.partition("|n| = ")[2].partition(")")[0]
    assert "h/Mpc" in caplog.text
    assert torch.isfinite(fitted.log_power).all()
    field = fitted.at(torch.full((1, 6), 50.0))
    assert torch.isfinite(field.power).all()
