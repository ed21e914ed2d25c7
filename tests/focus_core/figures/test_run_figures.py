"""The figures of an epoch and the tiles of a page."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from focus_core.catalogue.measured.power_spectrum import POWER_SPECTRUM
from focus_core.config.experiment import ExperimentConfig
from focus_core.data.opening import open_dataset
from focus_core.figures import epoch_curves as curves_figure
from focus_core.figures.tiles import DIVIDE, NIGHT, render_tile, stretch
from focus_core.parameters import CAMELS_LH6
from focus_core.sampling.from_run import load_run
from focus_core.statistics.power import power_spectrum
from focus_core.statistics.truth import field_power
from focus_core.training.epoch_figures import choose_simulations

ConfigMaker = Callable[..., ExperimentConfig]


def test_the_samples_of_an_epoch_show_true_maps_of_validation_simulations(
    finished_run: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    dataset = open_dataset(tiny_config().data, tiny_home)
    with np.load(finished_run / "figs" / "samples_epoch_0002.npz") as file:
        assert file["generated"].shape == (4, 3, 16, 16)
        assert file["generated"].dtype == np.float32
        assert int(file["epoch"]) == 2
        assert file["seeds"].shape == (4, 3)
        for row, simulation in enumerate(file["simulations"]):
            np.testing.assert_array_equal(file["real"][row], dataset.maps[2 * simulation])
            np.testing.assert_allclose(file["theta"][row], dataset.theta[simulation])
        assert list(file["symbols"]) == [p.symbol for p in dataset.space.parameters]


def test_frames_of_two_epochs_differ_in_the_weights_alone(finished_run: Path) -> None:
    with (
        np.load(finished_run / "figs" / "samples_epoch_0001.npz") as one,
        np.load(finished_run / "figs" / "samples_epoch_0002.npz") as two,
    ):
        for name in ("real", "theta", "seeds", "simulations"):
            np.testing.assert_array_equal(one[name], two[name])
        assert not np.array_equal(one["generated"], two["generated"])


def test_the_generated_maps_are_those_of_the_averaged_weights_at_their_seeds(finished_run: Path) -> None:
    from focus_core.diffusion.samplers import Sampler
    from focus_core.map_model import draw_maps

    run = load_run(finished_run, checkpoint="last", device="cpu")
    with np.load(finished_run / "figs" / "samples_epoch_0002.npz") as file:
        maps = draw_maps(run.model, file["theta"][2:3], file["seeds"][2, :1].tolist(), Sampler("ddim", 4))
        np.testing.assert_allclose(maps[0], file["generated"][2, 0], rtol=1e-4)


def test_the_spectra_of_an_epoch_are_those_of_its_maps(finished_run: Path) -> None:
    with (
        np.load(finished_run / "figs" / "samples_epoch_0002.npz") as maps,
        np.load(finished_run / "figs" / "power_spectrum_epoch_0002.npz") as file,
    ):
        np.testing.assert_allclose(file["generated"][1], power_spectrum(maps["generated"][1], 16.0).power)
        np.testing.assert_allclose(file["real"], power_spectrum(maps["real"], 16.0).power)
        assert str(file["unit"]) == "(Mpc/h)²"
        assert int(file["n_simulation_maps"]) == 2
        assert file["simulation_mean"].shape == file["simulation_std"].shape == file["real"].shape


def test_the_four_simulations_are_distinct_and_spread_over_sigma_8(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    dataset = open_dataset(tiny_config().data, tiny_home)
    validation = (0, 1, 2, 3, 5, 8, 9, 11)
    chosen = choose_simulations(dataset, validation)
    assert len(set(chosen)) == 4
    assert set(chosen) <= set(validation)
    column = dataset.theta[:, dataset.space.index("sigma_8")]
    assert list(column[list(chosen)]) == sorted(column[list(chosen)])
    halves = np.median(column[list(validation)])
    assert (column[list(chosen)] < halves).tolist() == [True, True, False, False]


def test_simulations_are_reused_where_there_are_fewer_than_four(tiny_home: Path, tiny_config: ConfigMaker) -> None:
    dataset = open_dataset(tiny_config().data, tiny_home)
    assert choose_simulations(dataset, (7,)) == (7, 7, 7, 7)
    assert set(choose_simulations(dataset, (3, 6))) == {3, 6}


def test_normalised_maps_are_measured_about_their_mean_in_units_of_the_fundamental() -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(0.0, 2.0, (64, 32, 32))
    spectrum = field_power(maps, None, normalised=True)
    assert spectrum.k_fundamental == pytest.approx(1.0)
    # White noise of variance 4 has P = 4 (L/N)², known here to 0.5 % from 65,000 modes.
    assert np.average(spectrum.power.mean(axis=0), weights=spectrum.n_modes) == pytest.approx(
        4.0 * (2 * np.pi / 32) ** 2, rel=0.02
    )


def test_the_palettes_run_through_their_anchors() -> None:
    assert NIGHT.shape == DIVIDE.shape == (256, 3)
    assert bytes(NIGHT[0]).hex() == "060d20"
    assert bytes(NIGHT[-1]).hex() == "fff7e7"
    # The 9th of 17 anchors lies between entries 127 and 128.
    assert np.abs(NIGHT[127:129].mean(axis=0) - [0x86, 0x95, 0x9E]).max() <= 1
    assert bytes(DIVIDE[0]).hex() == "055483"
    assert bytes(DIVIDE[-1]).hex() == "8b3503"
    luminance = NIGHT @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) >= -0.5).all()


def test_a_tile_is_a_lossless_picture_of_the_logarithm_at_native_size() -> None:
    map2d = 10.0 ** np.linspace(10.0, 13.0, 64 * 64).reshape(64, 64)
    with Image.open(io.BytesIO(render_tile(map2d, 10.0, 13.0))) as image:
        assert image.format == "WEBP"
        pixels = np.asarray(image.convert("RGB"))
    expected = NIGHT[np.rint(np.linspace(0.0, 1.0, 4096) * 255).astype(int)].reshape(64, 64, 3)
    np.testing.assert_array_equal(pixels, expected)


def test_the_stretch_is_the_stated_percentiles_and_zeros_do_not_break_it() -> None:
    rng = np.random.default_rng(0)
    maps = 10.0 ** rng.uniform(10, 14, (4, 64, 64))
    np.testing.assert_allclose(stretch(maps), (10.04, 13.992), atol=0.03)
    maps[0] = 0.0
    assert np.isfinite(stretch(maps)).all()
    assert render_tile(maps[0], 10.0, 14.0)


def test_titles_of_feedback_parameters_lie_within_the_figure_and_beside_each_other(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(curves_figure, "save_png", lambda figure, file: drawn.append(figure))
    with np.load(finished_run / "figs" / "power_spectrum_epoch_0002.npz") as file:
        arrays = {**file, "theta": np.full((4, 6), 0.261)}
    curves_figure.draw_curves(io.BytesIO(), POWER_SPECTRUM, arrays, [p.symbol for p in CAMELS_LH6.parameters])
    titles = [axes.title.get_window_extent() for axes in drawn[0].axes[:4]]
    whole = drawn[0].bbox
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 for box in titles)
    assert titles[0].x1 < titles[1].x0
    heading = drawn[0]._suptitle.get_window_extent()
    assert max(box.y1 for box in titles) < heading.y0
    assert titles[2].y1 < drawn[0].axes[0].get_window_extent().y0
