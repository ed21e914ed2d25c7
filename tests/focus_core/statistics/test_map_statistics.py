"""The catalogue's statistics of maps: what each measures, its units, and how an epoch's maps are summed up."""

from __future__ import annotations

import numpy as np
import pytest

from focus_core.catalogue.map_statistics import MAP_STATISTICS, statistics_of
from focus_core.catalogue.measured.pdf import PDF
from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.errors import UserError
from focus_core.statistics.measuring import measure_field
from focus_core.statistics.power import power_spectrum

BOX = 20.0


def lognormal(n: int, sigma: float = 0.7, seed: int = 0, grid: int = 32) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(0.0, sigma, (n, grid, grid)))


@pytest.mark.parametrize("statistic", MAP_STATISTICS.values(), ids=MAP_STATISTICS.names)
def test_each_gives_a_row_a_map_against_one_axis(statistic) -> None:
    found = measure_field(statistic, lognormal(3), BOX, normalised=False)
    assert found.values.shape == (3, len(found.axis))
    assert (np.diff(found.axis) > 0).all()
    alone = measure_field(statistic, lognormal(3)[1:2], BOX, normalised=False)
    np.testing.assert_array_equal(found.values[1], alone.values[0])


@pytest.mark.parametrize("statistic", MAP_STATISTICS.values(), ids=MAP_STATISTICS.names)
def test_each_sums_up_an_epoch_in_plain_numbers_with_its_scalar_among_them(statistic) -> None:
    maps = lognormal(12)
    values = measure_field(statistic, maps, BOX, normalised=False)
    arrays = statistic.coordinates(values) | {
        "generated": values.values.reshape(4, 3, -1),
        "simulation_mean": values.values.reshape(4, 3, -1).mean(axis=1),
        "simulations": np.arange(4),
    }
    summary = statistic.summary(arrays)
    assert summary[statistic.scalar] == pytest.approx(0.0, abs=1e-12)
    assert set(statistic.listed) <= set(summary)
    assert statistic.told(summary)


def test_the_power_spectrum_is_that_of_the_library_to_the_last_bit() -> None:
    found, own = measure_field(POWER_SPECTRUM, lognormal(2), BOX, normalised=False), power_spectrum(lognormal(2), BOX)
    np.testing.assert_array_equal(found.values, own.power)
    np.testing.assert_array_equal(found.axis, own.k)


def test_units_are_those_of_the_maps_and_their_box() -> None:
    assert [s.unit(BOX, normalised=False) for s in (POWER_SPECTRUM, PDF)] == ["(Mpc/h)²", "1/dex"]
    assert [s.unit(None, normalised=False) for s in (POWER_SPECTRUM, PDF)] == ["normalised", "1/dex"]
    assert (POWER_SPECTRUM.axis_unit(BOX), POWER_SPECTRUM.axis_unit(None)) == ("h/Mpc", "k_f")


def test_normalised_maps_have_no_distribution_of_log_density() -> None:
    assert PDF in statistics_of(normalised=False)
    assert PDF not in statistics_of(normalised=True)
    assert POWER_SPECTRUM in statistics_of(normalised=True)


def test_the_distribution_of_a_lognormal_field_is_a_gaussian_of_its_logarithm() -> None:
    """ln Σ has σ = 0.7; over the mean exp(σ²/2) the logarithm's own mean is −σ²/2."""
    sigma = 0.7
    found = measure_field(PDF, lognormal(64, sigma, grid=64), BOX, normalised=False)
    dex, centre = sigma / np.log(10), -(sigma**2) / 2 / np.log(10)
    expected = np.exp(-0.5 * ((found.axis - centre) / dex) ** 2) / np.sqrt(2 * np.pi) / dex
    # 262,144 pixels: 0.6 % of the peak's 33,000; a bin of 0.1 dex is a third of σ, which lowers the peak by 0.5 %.
    np.testing.assert_allclose(found.values.mean(axis=0), expected, atol=0.03 * expected.max())


def test_a_distribution_sums_to_one_whatever_lies_beyond_its_ends() -> None:
    maps = lognormal(2)
    maps[0, 0, :3] = 0.0
    maps[1, 5, 5] = 1e6
    found = measure_field(PDF, maps, BOX, normalised=False)
    np.testing.assert_allclose(found.values.sum(axis=1) * (found.axis[1] - found.axis[0]), 1.0)


def test_distributions_a_tenth_of_a_dex_apart_have_that_distance_and_no_error_of_simulations_that_agree() -> None:
    axis = np.linspace(-1.95, 2.45, 45)
    mean = np.exp(-0.5 * (axis / 0.3) ** 2)[None].repeat(4, axis=0)
    mean /= mean.sum(axis=1, keepdims=True) * 0.1
    arrays = {"generated": np.roll(mean, 1, axis=1)[:, None].repeat(3, axis=1), "simulation_mean": mean}
    summary = PDF.summary(arrays | {"simulations": np.array([1, 2, 3, 3])})
    assert summary["pdf_distance"] == pytest.approx(0.1)
    assert summary["pdf_uncertainty"] == pytest.approx(0.0, abs=1e-12)
    assert (summary["pdf_maps"], summary["pdf_simulations"]) == (12, 3)


def test_a_map_without_a_positive_mean_is_refused_by_its_name() -> None:
    with pytest.raises(UserError, match=r"odd\.npy: a distribution of log10 Σ needs finite maps of positive mean"):
        measure_field(PDF, -lognormal(1), BOX, normalised=False, source="odd.npy")
