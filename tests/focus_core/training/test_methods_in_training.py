"""Every method through the one loop: it trains, resumes exactly, comes back from its checkpoint and draws maps."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from focus_core.cli import main
from focus_core.config.experiment import ExperimentConfig, validate_config
from focus_core.diffusion.denoising import DenoisingDiffusion
from focus_core.errors import StopRequested, UserError
from focus_core.sampling.from_run import load_run, sample_maps
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

ConfigMaker = Callable[..., ExperimentConfig]
LAST = Path("checkpoints") / "checkpoint_last.pt"
THETA = np.array([0.3, 0.05, 0.7, 1.0, 0.8, -1.0])

CASES = {
    "v": {"diffusion": {"prediction": "v", "weighting": "min_snr"}, "sampling": {"method": "dpmpp_2m", "num_steps": 5}},
    "epsilon, cosine": {"diffusion": {"schedule": "cosine"}, "sampling": {"method": "heun", "num_steps": 4}},
    "flow": {"method": "flow", "model": {"from": "FlowUNet"}, "sampling": {"method": "heun", "num_steps": 3}},
    "edm": {"method": "edm", "sampling": {"method": "heun", "num_steps": 4}},
    "spectral": {"method": "edm", "edm": {"spectral": True}, "sampling": {"method": "dpmpp_2m", "num_steps": 4}},
    "modern": {
        "method": "edm",
        "edm": {"spectral": True},
        "model": {"from": "ModernUNet"},
        "sampling": {"method": "euler", "num_steps": 4},
    },
}


class StopAfter(StopSwitch):
    """Asks for a stop at the given check."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self._left = checks

    def check(self) -> None:
        self._left -= 1
        if self._left < 0:
            self.turn_on("stopped by the test")
        super().check()


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(folder / LAST, weights_only=True)
    return {f"{part}.{name}": tensor for part in ("model", "ema") for name, tensor in state[part].items()}


@pytest.mark.parametrize("case", list(CASES))
def test_every_method_trains_and_draws_maps_through_the_one_loop(
    case: str, tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    run_training(tiny_config(**CASES[case], training={"sample_every": 2}), tmp_path / "whole", tiny_home, StopSwitch())
    events = [json.loads(line) for line in (tmp_path / "whole" / "logs" / "events.jsonl").read_text().splitlines()]
    losses = [event["val_loss"] for event in events if event["kind"] == "epoch"]
    assert len(losses) == 2
    assert all(0.0 < loss < 5.0 for loss in losses)
    run = load_run(tmp_path / "whole", device="cpu")
    maps = sample_maps(run, THETA, 3, seed=1)
    np.testing.assert_allclose(sample_maps(run, THETA, 3, seed=1, batch_size=2), maps, rtol=1e-3)
    assert maps.shape == (3, 16, 16)
    assert (maps > 0).all()
    with np.load(tmp_path / "whole" / "figs" / "samples_epoch_0002.npz") as figure:
        assert np.isfinite(figure["generated"]).all()


def test_a_stopped_training_with_a_fitted_spectrum_goes_on_bit_for_bit(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    config = tiny_config(**CASES["modern"], training={"sample_every": 2})
    run_training(config, tmp_path / "whole", tiny_home, StopSwitch())
    with pytest.raises(StopRequested):
        run_training(config, tmp_path / "cut", tiny_home, StopAfter(8))
    run_training(config, tmp_path / "cut", tiny_home, StopSwitch())
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_the_spectrum_of_the_training_maps_travels_in_the_checkpoint_and_decides_what_is_drawn(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    run_training(tiny_config(**CASES["spectral"]), tmp_path, tiny_home, StopSwitch())
    before = sample_maps(load_run(tmp_path, device="cpu"), THETA, 1)
    path = tmp_path / "checkpoints" / "checkpoint_best.pt"
    state = torch.load(path, weights_only=True)
    assert state["method"]["prior"]["kind"] == "spectral"
    state["method"]["prior"]["log_power"][0] += 0.5
    torch.save(state, path)
    after = sample_maps(load_run(tmp_path, device="cpu"), THETA, 1)
    # More power in every mode is more scatter of ln Σ.
    assert np.log(after).std() > 1.1 * np.log(before).std()


def test_a_checkpoint_of_the_first_version_still_draws_the_same_maps(finished_run: Path, tmp_path: Path) -> None:
    """It knows neither methods nor the settings that came with them."""
    state = torch.load(finished_run / "checkpoints" / "checkpoint_best.pt", weights_only=True)
    del state["method"], state["config"]["edm"]
    for key in ("prediction", "weighting", "min_snr_gamma"):
        del state["config"]["diffusion"][key]
    for key in ("spacing", "tolerance"):
        del state["config"]["sampling"][key]
    (tmp_path / "checkpoints").mkdir()
    torch.save(state, tmp_path / "checkpoints" / "checkpoint_best.pt")
    old, new = load_run(tmp_path, device="cpu"), load_run(finished_run, device="cpu")
    assert old.config == new.config
    assert np.array_equal(sample_maps(old, THETA, 2), sample_maps(new, THETA, 2))


def test_any_sampler_of_the_method_can_be_asked_for_and_another_is_refused_in_a_sentence(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("Omega_m", "Omega_b", "h", "n_s", "sigma_8", "w0")
    params = ",".join(f"{name}={value}" for name, value in zip(names, THETA, strict=True))
    command = ["sample", "--run", str(finished_run), "--params", params, "--n", "1", "--device", "cpu"]
    seen = []
    for sampler in ("ddim", "ddpm", "heun", "dpmpp_2m"):
        out = tmp_path / f"{sampler}.npz"
        steps = [] if sampler == "ddpm" else ["--steps", "3"]
        assert main([*command, *steps, "--sampler", sampler, "--out", str(out)]) == 0
        with np.load(out) as file:
            seen.append(file["maps"])
    assert all(not np.array_equal(one, other) for one, other in itertools.pairwise(seen))
    capsys.readouterr()
    assert main([*command, "--sampler", "euler", "--out", str(tmp_path / "euler.npz")]) == 2
    error = capsys.readouterr().err
    assert "euler is not available for method diffusion; use ddim, ddpm, heun, dpmpp_2m" in error


@pytest.mark.parametrize(
    ("plain", "sentence"),
    [
        (
            {"method": "flow", "sampling": {"method": "ddim"}},
            r"sampling\.method: ddim is not available for method flow",
        ),
        ({"method": "edm", "sampling": {"method": "ddpm"}}, r"ddpm is not available for method edm; use heun"),
        ({"sampling": {"method": "adaptive"}}, r"adaptive is not available for method diffusion; use ddim"),
        ({"model": {"from": "FlowUNet"}}, r"FlowUNet is not available for method diffusion; use Simple"),
        ({"method": "edm", "model": {"from": "FlowUNet"}}, r"model\.from: FlowUNet is not available for method edm"),
        ({"method": "flow", "sampling": {"spacing": "karras"}}, r"sampling\.spacing: karras is not available for"),
        (
            {"sampling": {"method": "heun", "num_steps": 2000}},
            r"num_steps: 2000 are too many; Heun takes 1,000",
        ),
        ({"method": "edm", "edm": {"sigma_min": 90}}, r"sigma_min 90 is not below sigma_max 80"),
        ({"method": "flow", "flow_matching": {"sigma_min": 2}}, r"sigma_min 2 is not below sigma_max 1"),
        ({"diffusion": {"prediction": "x0"}}, r"diffusion\.prediction: .*'x0'"),
    ],
)
def test_a_method_sampler_and_network_that_do_not_fit_are_refused_in_one_sentence(plain: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        validate_config({"data": {"dataset": "q"}, **plain})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("method", "sampler"), [("diffusion", "ddim"), ("flow", "heun"), ("edm", "heun")])
def test_a_file_that_names_no_sampler_gets_its_method_s_own(method: str, sampler: str) -> None:
    config = validate_config({"data": {"dataset": "q"}, "method": method})
    assert config.sampling.method == sampler
    assert validate_config(config.to_dict()) == config


def test_settings_that_came_later_leave_an_older_digest_as_it_was() -> None:
    """The digest of the default diffusion run as the first version computed it, from its own keys alone."""
    config = validate_config({"data": {"dataset": "q"}})
    plain = config.to_dict()
    changed = [
        {**plain, "diffusion": {**plain["diffusion"], "prediction": "v"}},
        {**plain, "edm": {**plain["edm"], "rho": 5.0}},
        {**plain, "sampling": {**plain["sampling"], "spacing": "karras"}},
    ]
    assert config.digest() == "ff2ab14f5fc8c9acbf3cb410a0ece3ede7fabe0aed99fd78e3f26507f878965f"
    assert len({config.digest(), *(validate_config(one).digest() for one in changed)}) == 4


def test_a_loss_that_is_no_number_ends_the_run_marks_its_step_and_keeps_the_last_good_weights(
    tmp_path: Path, tiny_home: Path, tiny_config: ConfigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, calls = DenoisingDiffusion.loss, 0

    def poisoned(self: DenoisingDiffusion, *arguments: torch.Tensor, **more: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += torch.is_grad_enabled()
        loss = honest(self, *arguments, **more)
        return loss * float("nan") if calls == 5 else loss  # the second step of the second epoch

    monkeypatch.setattr(DenoisingDiffusion, "loss", poisoned)
    with pytest.raises(UserError, match=r"The loss is not finite at step 5, epoch 1\.\d+ .* of step 3: .*--fresh"):
        run_training(tiny_config(), tmp_path, tiny_home, StopSwitch())
    events = [json.loads(line) for line in (tmp_path / "logs" / "events.jsonl").read_text().splitlines()]
    marked = [event for event in events if event["kind"] == "step" and event["step"] == 5]
    assert marked[0]["loss"] == "nan"
    assert events[-1]["kind"] == "run_ended"
    assert (events[-1]["reason"], events[-1]["step"]) == ("failed", 5)
    state = torch.load(tmp_path / LAST, weights_only=True)
    assert state["epoch"] == 1
    assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path).values())
