"""Maps from a trained run: reproducible, independent of batches, and labelled with where they come from."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from focus_core.cli import main
from focus_core.config.experiment import ExperimentConfig
from focus_core.errors import StopRequested, UserError
from focus_core.run_files import BEST, LAST
from focus_core.sampling.from_run import load_run, sample_maps
from focus_core.training.checkpoint import epoch_role, path_of_role
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

THETA = {"Omega_m": 0.3, "Omega_b": 0.05, "h": 0.7, "n_s": 1.0, "sigma_8": 0.8, "w0": -1.0}
PARAMS = ",".join(f"{name}={value}" for name, value in THETA.items())


@pytest.fixture
def sample(finished_run: Path, tmp_path: Path) -> Callable[..., int]:
    def call(*extra: str, params: str = PARAMS) -> int:
        out = str(tmp_path / "maps.npz")
        return main(["sample", "--run", str(finished_run), "--params", params, "--n", "3", "--out", out, *extra])

    return call


def test_the_file_holds_maps_and_everything_that_made_them(
    sample: Callable[..., int], finished_run: Path, tmp_path: Path
) -> None:
    assert sample("--seed", "5") == 0
    with np.load(tmp_path / "maps.npz") as file:
        assert set(file) == {"maps", "params", "param_names", "box_size", "seed", "checkpoint_sha256"}
        assert file["maps"].shape == (3, 16, 16)
        assert file["maps"].dtype == np.float32
        assert (file["maps"] > 0).all()
        np.testing.assert_allclose(file["params"], np.tile(list(THETA.values()), (3, 1)))
        assert list(file["param_names"]) == list(THETA)
        assert (float(file["box_size"]), int(file["seed"])) == (16.0, 5)
        checkpoint = (finished_run / "checkpoints" / "checkpoint_best.pt").read_bytes()
        assert str(file["checkpoint_sha256"]) == hashlib.sha256(checkpoint).hexdigest()


def test_a_map_depends_on_its_seed_and_number_and_not_on_its_batch(finished_run: Path) -> None:
    run = load_run(finished_run, device="cpu")
    theta = np.array(list(THETA.values()))
    together = sample_maps(run, theta, 4, seed=1)
    np.testing.assert_allclose(sample_maps(run, theta, 4, seed=1, batch_size=1), together, rtol=1e-4)
    np.testing.assert_allclose(sample_maps(run, theta, 2, seed=1), together[:2], rtol=1e-4)
    np.testing.assert_array_equal(sample_maps(run, theta, 4, seed=1), together)
    assert not np.allclose(sample_maps(run, theta, 4, seed=2), together, rtol=1e-3)
    assert not np.allclose(together[0], together[1], rtol=1e-3)


def test_the_maps_follow_theta_guidance_sampler_and_weights(finished_run: Path) -> None:
    run, raw = load_run(finished_run, device="cpu"), load_run(finished_run, weights="raw", device="cpu")
    theta, other = np.array(list(THETA.values())), np.array([0.2, 0.05, 0.6, 0.9, 0.9, -0.8])
    plain = sample_maps(run, theta, 1)
    variants = [
        sample_maps(run, other, 1),
        sample_maps(run, theta, 1, guidance=3.0),
        sample_maps(run, theta, 1, sampler="ddpm"),
        sample_maps(run, theta, 1, steps=7),
        sample_maps(raw, theta, 1),
    ]
    assert all(not np.array_equal(plain, variant) for variant in variants)


def test_each_map_can_have_its_own_theta(finished_run: Path) -> None:
    run = load_run(finished_run, device="cpu")
    rows = np.array([list(THETA.values()), [0.2, 0.05, 0.6, 0.9, 0.9, -0.8]])
    both = sample_maps(run, rows, 2)
    np.testing.assert_allclose(sample_maps(run, rows[0], 1), both[:1], rtol=1e-4)
    with pytest.raises(UserError, match="5 maps were asked for, but θ has 2 rows"):
        sample_maps(run, rows, 5)


def test_progress_counts_every_evaluation_and_may_stop_the_drawing(finished_run: Path) -> None:
    run = load_run(finished_run, device="cpu")
    seen: list[tuple[int, int]] = []
    previews: list[tuple[int, ...]] = []
    theta = np.array(list(THETA.values()))
    sample_maps(
        run,
        theta,
        3,
        steps=5,
        batch_size=2,
        progress=lambda done, total: seen.append((done, total)),
        preview=lambda done, total, maps: previews.append(maps.shape),
    )
    assert seen == [(i, 10) for i in range(1, 11)]
    assert previews == [(2, 16, 16)] * 5 + [(1, 16, 16)] * 5

    def stop(done: int, total: int) -> None:
        raise StopRequested("enough")

    with pytest.raises(StopRequested):
        sample_maps(run, theta, 1, progress=stop)


def test_ddpm_may_be_told_the_steps_that_it_takes_anyway(sample: Callable[..., int]) -> None:
    assert sample("--sampler", "ddpm", "--steps", "50") == 0


def test_steps_have_an_upper_bound_where_no_schedule_sets_one(
    tiny_home: Path, tmp_path: Path, tiny_config: Callable[..., ExperimentConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    """A list of ten thousand million times was begun, for gigabytes and minutes in which no signal was heard."""
    run, out = tmp_path / "run", tmp_path / "maps.npz"
    config = tiny_config(method="edm", sampling={"method": "euler", "num_steps": 2}, training={"num_epochs": 1})
    run_training(config, run, tiny_home, StopSwitch())
    words = ["sample", "--run", str(run), "--params", PARAMS, "--n", "1", "--device", "cpu", "--out", str(out)]
    capsys.readouterr()
    for sampler, title in (("euler", "Euler"), ("heun", "Heun"), ("dpmpp_2m", "DPM-Solver")):
        assert main([*words, "--sampler", sampler, "--steps", "10001"]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"focus sample: --steps: 10001 are too many; {title}")
        assert said.endswith(" takes 10,000 or fewer.\n")
    assert not out.exists()


def test_theta_outside_its_range_is_a_warning_with_the_distance(
    sample: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert sample(params=PARAMS.replace("Omega_m=0.3", "Omega_m=0.54")) == 0
    assert "Omega_m = 0.54 is outside its training range [0.1, 0.5] by 10.0 %" in capsys.readouterr().err
    assert (tmp_path / "maps.npz").exists()


def test_guidance_other_than_one_is_a_warning_about_the_spectrum(
    sample: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sample("--guidance", "2") == 0
    assert "guidance 2 is not 1, so P(k) of these maps is biased" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "params", "sentence"),
    [
        ((), "Omega_m=0.3", "Omega_b, h, n_s, sigma_8, w0 missing"),
        ((), PARAMS.replace("h=", "H0="), "'H0' is not a parameter of wcdm6"),
        ((), PARAMS.replace("0.7", "seventy"), "h=seventy is not a number"),
        (("--steps", "51"), PARAMS, "--steps: 51 are too many; DDIM takes 50 or fewer, all of"),
        (("--steps", "200"), PARAMS, "--steps: 200 are too many; DDIM takes 50 or fewer, all of diffusion.timesteps"),
        (("--sampler", "ddpm", "--steps", "20"), PARAMS, "--steps: is 20, but ddpm takes all 50 steps"),
        (("--sampler", "heun", "--steps", "51"), PARAMS, "--steps: 51 are too many; Heun takes 50 or fewer"),
        (("--n", "0"), PARAMS, "--n: 0 is too small"),
        (("--n", str(10**20)), PARAMS, "maps at each of 1 θ are more than the 10,000,000 of a file"),
        ((), PARAMS.replace("h=0.7", "h=1e300"), "--params: h = 1e+300 is 2.5e+300 times the width"),
        (("--seed", str(2**63)), PARAMS, "--seed: 9223372036854775808 is too large"),
        (("--device", "gpu"), PARAMS, "device: 'gpu' is not known"),
        (("--guidance", "-1"), PARAMS, "--guidance: -1 is not between"),
        (("--out", "maps.fits"), PARAMS, "must end in .npz"),
        (("--checkpoint", "epoch_9999"), PARAMS, "this run has no such checkpoint; choose best, last."),
        (("--run", "/nowhere"), PARAMS, "/nowhere/checkpoints/checkpoint_best.pt: there is no checkpoint here yet"),
    ],
)
def test_each_mistake_on_the_command_line_is_one_line(
    sample: Callable[..., int], capsys: pytest.CaptureFixture[str], extra: tuple, params: str, sentence: str
) -> None:
    assert sample(*extra, params=params) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert "\r" not in error


def test_a_checkpoint_that_is_not_there_is_told_with_those_that_are(finished_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    with pytest.raises(UserError, match=r"_epoch_9999\.pt: this run has no such checkpoint; choose best, last\.$"):
        load_run(run, checkpoint="epoch_9999")
    last, best = run / LAST, run / BEST
    for epoch in range(1, 21):
        shutil.copyfile(best, run / path_of_role(epoch_role(epoch)))
    with pytest.raises(UserError, match=r"best, last, epoch_0020, .*, epoch_0011 or one of 10 earlier epochs\.$"):
        load_run(run, checkpoint="epoch_9999")
    last.unlink()
    last.mkdir()
    with pytest.raises(UserError, match=r"checkpoint_last\.pt: is no file; choose best, epoch_0020"):
        load_run(run, checkpoint="last")
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match=r"checkpoint_last\.pt: there is no checkpoint here yet; train the run first"):
        load_run(run, checkpoint="last")


def test_a_checkpoint_whose_weights_are_of_another_network_is_refused(finished_run: Path, tmp_path: Path) -> None:
    state = torch.load(finished_run / "checkpoints" / "checkpoint_best.pt", weights_only=True)
    state["config"]["model"]["base_channels"] = 16
    (tmp_path / "checkpoints").mkdir()
    torch.save(state, tmp_path / "checkpoints" / "checkpoint_best.pt")
    with pytest.raises(UserError, match=r"checkpoint_best\.pt: holds the weights of another architecture"):
        load_run(tmp_path)


def test_a_file_that_is_only_like_a_checkpoint_is_a_plain_sentence(finished_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "checkpoint_best.pt"
    path.parent.mkdir()
    state = torch.load(finished_run / "checkpoints" / "checkpoint_best.pt", weights_only=True)
    torch.save({key: value for key, value in state.items() if key not in ("ema", "transform")}, path)
    with pytest.raises(UserError, match=r"checkpoint_best\.pt: is no checkpoint of a run, for it lacks ema, transform"):
        load_run(tmp_path)
    torch.save({**state, "config": Path("an object")}, path)
    with pytest.raises(UserError, match=r"it holds Python objects, which FOCUS does not load\)"):
        load_run(tmp_path)
