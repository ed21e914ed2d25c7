"""A run learns of any transform, its checkpoint inverts it, and an older configuration means the logarithm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from focus_core.catalogue.transforms import TRANSFORMS
from focus_core.cli import main
from focus_core.config.experiment import ExperimentConfig, load_config, parse_config, to_yaml
from focus_core.data.folder import Description, write_folder
from focus_core.data.opening import open_dataset
from focus_core.data.transform import Transform
from focus_core.errors import UserError
from focus_core.parameters import WCDM6
from focus_core.run_files import BEST
from focus_core.sampling.from_run import load_run
from focus_core.training.start import run_training
from focus_core.training.stopping import StopSwitch

PARAMS = "Omega_m=0.3,Omega_b=0.05,h=0.7,n_s=1.0,sigma_8=0.8,w0=-1"
EDM = {"method": "edm", "edm": {"spectral": True}, "sampling": {"method": "heun", "num_steps": 3}}
ConfigMaker = Callable[..., ExperimentConfig]


def digest(text: str) -> str:
    return parse_config(f"data: {{dataset: quick{text}}}").digest()


@pytest.mark.parametrize("method", [{}, EDM], ids=["diffusion", "spectral EDM"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_run_trains_and_draws_with_each_transform_from_its_checkpoint_alone(
    name: str, method: dict[str, Any], tiny_home: Path, tmp_path: Path, tiny_config: ConfigMaker
) -> None:
    run, out = tmp_path / "run", tmp_path / "maps.npz"
    config = tiny_config(**method, data={"transform": {"name": name, "lambda": 0.2}}, training={"num_epochs": 1})
    run_training(config, run, tiny_home, StopSwitch())
    kept = load_run(run, device="cpu").model.transform
    assert kept == Transform.from_json((run / "transform.json").read_text())
    assert kept.kind == name
    assert load_config(run / "config.yaml").data.transform == config.data.transform
    assert ("seen as" in (run / "README.md").read_text()) is (name != "log10")
    assert (
        main(["sample", "--run", str(run), "--params", PARAMS, "--n", "2", "--device", "cpu", "--out", str(out)]) == 0
    )
    maps = np.load(out)["maps"]
    low, high = kept.inverse(np.array(kept.clamp_range))
    assert ((maps >= low * (1 - 1e-5)) & (maps <= high * (1 + 1e-5))).all()
    assert maps.mean() > 0


def test_what_the_network_sees_is_the_transform_of_the_training_maps(
    tiny_home: Path, tmp_path: Path, tiny_config: ConfigMaker
) -> None:
    config = tiny_config(data={"transform": "boxcox"}, training={"num_epochs": 1})
    run_training(config, tmp_path / "run", tiny_home, StopSwitch())
    kept, dataset = load_run(tmp_path / "run", device="cpu").model.transform, open_dataset(config.data, tiny_home)
    maps = dataset.maps[:].astype(np.float64)
    y = ((maps / kept.scale) ** 0.1 - 1.0) / 0.1
    np.testing.assert_allclose(kept.forward(maps), (y - kept.mean) / kept.std, rtol=1e-5, atol=1e-6)


def test_maps_with_negative_pixels_are_learned_by_a_transform_that_takes_them_and_refused_by_the_others(
    tmp_path: Path, tiny_config: ConfigMaker
) -> None:
    rng = np.random.default_rng(2)
    theta = WCDM6.from_unit(rng.uniform(-1, 1, (8, 6)))
    maps = (1e11 * (1.0 + 0.6 * rng.standard_normal((16, 16, 16)))).astype(np.float32)
    about = Description("signed", "Mtot", "(M☉/h)/(Mpc/h)²", 16.0, 0.0, 2, WCDM6)
    write_folder(tmp_path / "signed", maps, 16, theta, about)
    for name in TRANSFORMS:
        data = {"dataset": str(tmp_path / "signed"), "transform": name}
        config = tiny_config(**EDM, data=data, training={"num_epochs": 1})
        if TRANSFORMS[name].taken is None:
            run_training(config, tmp_path / name, tmp_path, StopSwitch())
            assert load_run(tmp_path / name, device="cpu").model.transform.lowest is None
        else:
            with pytest.raises(UserError, match=r"negative pixel .* set data\.transform to asinh or none\.$"):
                run_training(config, tmp_path / name, tmp_path, StopSwitch())


def test_a_run_of_one_transform_is_not_resumed_with_another(
    finished_run: Path, tiny_home: Path, tiny_config: ConfigMaker
) -> None:
    with pytest.raises(UserError, match=r"another configuration \(data\.transform\.name .* is 'boxcox'"):
        run_training(tiny_config(data={"transform": "boxcox"}), finished_run, tiny_home, StopSwitch())


def test_a_parent_that_saw_another_transform_is_a_warning(
    finished_run: Path, tiny_home: Path, tmp_path: Path, tiny_config: ConfigMaker
) -> None:
    training = {"num_epochs": 1, "init_from": str(finished_run)}
    for name, told in (("asinh", True), ("log10", False)):
        run_training(tiny_config(data={"transform": name}, training=training), tmp_path / name, tiny_home, StopSwitch())
        said = "learned of log10 Σ, this run of asinh Σ/Σ₀" in (tmp_path / name / "logs" / "training.log").read_text()
        assert said is told


def test_a_checkpoint_whose_transform_is_of_a_later_version_is_refused_with_its_name(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(finished_run / BEST, weights_only=True)
    (tmp_path / BEST).parent.mkdir()
    torch.save({**state, "transform": {"kind": "wavelets"}}, tmp_path / BEST)
    assert main(["sample", "--run", str(tmp_path), "--params", PARAMS, "--n", "1", "--out", "maps.npz"]) == 2
    said = capsys.readouterr().err
    assert "checkpoint_best.pt: has the transform 'wavelets', which this version of FOCUS does not know" in said


def test_the_first_transform_leaves_digest_and_file_as_they_were_however_it_is_written() -> None:
    texts = ("", ", transform: log10", ", transform: {name: log10, lambda: 0.3}", ", transform: {}")
    assert len({digest(text) for text in texts}) == 1
    assert all("transform" not in to_yaml(parse_config(f"data: {{dataset: quick{text}}}")) for text in texts)


def test_transforms_differ_by_digest_and_their_lambda_only_where_it_is_read() -> None:
    assert len({digest(f", transform: {name}") for name in TRANSFORMS}) == len(TRANSFORMS)
    assert digest(", transform: boxcox") == digest(", transform: {name: boxcox, lambda: 0.1}")
    assert digest(", transform: boxcox") != digest(", transform: {name: boxcox, lambda: 0.2}")
    assert digest(", transform: asinh") == digest(", transform: {name: asinh, lambda: 0.2}")


@pytest.mark.parametrize("written", ["boxcox", "none", {"name": "boxcox", "lambda": 0.05}, {"name": "asinh"}])
def test_a_transform_reads_back_from_its_own_yaml(written: Any) -> None:
    config = parse_config(yaml.safe_dump({"data": {"dataset": "quick", "transform": written}}))
    assert parse_config(to_yaml(config)) == config


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("log", "data.transform.name: input should be 'log10', 'boxcox', 'asinh' or 'none' (found 'log')"),
        ("3", "data.transform must be a section of keys and values (found 3)"),
        *(
            (f"{{name: boxcox, lambda: {value}}}", f"data.transform.lambda: input should be {bound} (found {value})")
            for value, bound in (
                ("0", "greater than or equal to 0.001"),
                ("0.0009", "greater than or equal to 0.001"),
                ("1.5", "less than or equal to 1"),
            )
        ),
        ("{lambda: 0.3}", "data.transform: has a lambda without a name; write name: boxcox beside it, or leave lambda"),
        ("{name: boxcox, lamda: 0.1}", "data.transform.lamda is not a setting; did you mean data.transform.lambda?"),
    ],
)
def test_a_transform_that_cannot_be_is_a_sentence_with_its_line(written: str, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        parse_config(f"data:\n  dataset: quick\n  transform: {written}\n")
    assert f"line 3: {sentence}" in str(error.value)


PAIR = "maps_path: {}.npy, params_path: params.txt"
PHYSICAL, NORMALISED = PAIR.format("maps"), PAIR.format("Maps_Normalised")
DATASET = " (a dataset that is said to be normalised: pixels as they came)"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (f"{PHYSICAL}, transform: log10", "log10 Σ, standardised"),
        (f"{PHYSICAL}, transform: {{name: boxcox, lambda: 0.05}}", "Box–Cox, λ = 0.05, standardised"),
        ("dataset: quick", f"log10 Σ, standardised{DATASET}"),
        ("dataset: quick, transform: boxcox", "Box–Cox, λ = 0.1, standardised"),
        ("data_dir: processed", "normalised pixels as they came"),
        (NORMALISED, "normalised pixels as they came"),
        (f"{NORMALISED}, transform: asinh", "asinh Σ/Σ₀, standardised"),
    ],
)
def test_describe_says_what_the_network_sees(
    data: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"data: {{{data}}}\n", encoding="utf-8")
    assert main(["describe", "--config", str(config)]) == 0
    assert f"a network sees      {told}\n" in capsys.readouterr().out
    assert main(["describe", "--config", str(config), "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)["transform"]
    assert told.startswith(f"{seen}, standardised") or told == f"normalised pixels {seen}"
