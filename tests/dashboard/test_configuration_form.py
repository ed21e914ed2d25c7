"""The form and the YAML are two views of one configuration."""

from __future__ import annotations

import pytest

from dashboard.views.new.form import (
    changed_keys,
    choices,
    edit,
    field,
    fields,
    scientific,
    setting,
    visible,
    widget_value,
)
from focus_core.config.experiment import ExperimentConfig, known_keys, parse_config, to_yaml
from focus_core.errors import UserError

TEXT = """\
# Why this run exists
experiment:
  name: one   # what lists call it
data:
  dataset: quick  # or a CMD pair
training:
  batch_size: 32
  lr: 1.0e-4

  scheduler: {name: plateau, patience: 2}
"""


def test_every_setting_of_the_model_is_a_field_with_a_title_and_help() -> None:
    keys = [f.key for f in fields()]
    sections = {key.rpartition(".")[0] for key in known_keys()} - {""}
    assert keys == [key for key in known_keys() if key not in sections]
    assert all(f.title and f.help for f in fields())


def test_ranges_units_and_choices_come_from_the_model() -> None:
    assert field("training.batch_size").minimum == 1
    assert field("model.base_channels").maximum == 1024
    assert field("training.scheduler.warmup_epochs").label == "Warm-up [epochs]"
    assert field("training.scheduler.name").choices == ("plateau", "cosine", "linear", "step", "none")
    assert field("data.box_size").unit == "Mpc/h"


@pytest.mark.parametrize("f", fields(), ids=lambda f: f.key)
def test_a_widget_shows_a_value_that_means_the_same_setting(f: object) -> None:
    """Round trip over every field: configuration → widget → setting → configuration."""
    config = parse_config(TEXT)
    values = config.flat()
    key = f.key  # type: ignore[attr-defined]
    back = setting(f, widget_value(f, values))  # type: ignore[arg-type]
    _, same = edit(TEXT, key, back)
    assert same == config


def test_editing_a_field_touches_its_own_line_alone() -> None:
    text, config = edit(TEXT, "training.lr", 3e-4)
    assert config.training.lr == 3e-4
    assert text == TEXT.replace("lr: 1.0e-4", "lr: 3.0e-4")


def test_a_setting_that_the_file_does_not_carry_is_added_to_its_section() -> None:
    text, config = edit(TEXT, "training.num_epochs", 30)
    assert config.training.num_epochs == 30
    assert "# or a CMD pair" in text
    assert "\n  num_epochs: 30" in text


def test_a_section_that_the_file_does_not_carry_is_written_out() -> None:
    text, config = edit(TEXT, "model.channel_mults", [1, 2])
    assert config.model.channel_mults == (1, 2)
    assert parse_config(text) == config


def test_flow_style_sections_are_edited_in_place() -> None:
    text, config = edit(TEXT, "training.scheduler.patience", 5)
    assert "{name: plateau, patience: 5}" in text
    assert config.training.scheduler.patience == 5


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("", "\n  transform: {name: boxcox, lambda: 0.2}"),
        ("\n  transform: asinh  # a bare word", "transform: {name: boxcox, lambda: 0.2}  # a bare word"),
        ("\n  transform:\n    name: asinh  # of its own", "name: boxcox  # of its own\n    lambda: 0.2"),
    ],
)
def test_a_transform_is_edited_however_it_is_written(written: str, found: str) -> None:
    text = TEXT.replace("quick  # or a CMD pair", f"quick  # or a CMD pair{written}")
    text, config = edit(text, "data.transform.name", "boxcox")
    assert visible("data.transform.lambda", config.flat())
    text, config = edit(text, "data.transform.lambda", 0.2)
    assert (config.data.transform.name, config.data.transform.exponent) == ("boxcox", 0.2)
    assert parse_config(text) == config
    assert "# Why this run exists" in text
    assert found in text
    text, config = edit(text, "data.transform.name", "log10")
    assert not visible("data.transform.lambda", config.flat())
    assert config.digest() == parse_config(TEXT).digest()


@pytest.mark.parametrize("written", ["", "\n  transform:\n    name: boxcox  # mine\n    lambda: 0.1  # also mine"])
def test_a_transform_that_is_chosen_again_finds_its_lambda_and_all_comments(written: str) -> None:
    text = TEXT.replace("quick  # or a CMD pair", f"quick  # or a CMD pair{written}")
    text, _ = edit(text, "data.transform.name", "boxcox")
    text, chosen = edit(text, "data.transform.lambda", 0.3)
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    for name in ("log10", "boxcox", "asinh", "boxcox"):
        text, config = edit(text, "data.transform.name", name)
        assert parse_config(text) == config
        assert [line.partition("#")[2] for line in text.splitlines() if "#" in line] == comments
    assert config == chosen
    assert config.data.transform.exponent == 0.3


@pytest.mark.parametrize("empty", ["", " {}", " { }", " ~", " null"])
@pytest.mark.parametrize(
    ("key", "value", "found"),
    [("data.transform.name", "boxcox", "transform: {name: boxcox}  # open"), ("edm.P_mean", -1.0, "")],
)
def test_an_empty_section_is_filled_where_it_stands(key: str, value: object, found: str, empty: str) -> None:
    text = TEXT.replace("quick  # or a CMD pair", f"quick  # or a CMD pair\n  transform:{empty}  # open")
    text, config = edit(f"{text}edm:{empty}\n", key, value)
    assert config.flat()[key] == value
    assert parse_config(text) == config
    assert "# Why this run exists" in text
    assert found in text


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("training.lr", "abc", "training.lr"),
        ("training.batch_size", 0, "training.batch_size"),
        ("training.bach_size", 3, "did you mean training.batch_size?"),
        ("model.channel_mults", [], "model.channel_mults"),
    ],
)
def test_a_value_that_cannot_be_is_a_sentence(key: str, value: object, said: str) -> None:
    with pytest.raises(UserError) as error:
        edit(TEXT, key, value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a: b", "yes", "12", "'quoted'", "# hash", "Ωm – σ8", ""])
def test_names_survive_the_yaml_whatever_they_are(name: str) -> None:
    if not name:
        with pytest.raises(UserError):
            edit(TEXT, "experiment.name", name)
        return
    text, config = edit(TEXT, "experiment.name", name)
    assert parse_config(text).experiment.name == config.experiment.name == name


def test_numbers_are_written_so_that_every_reader_sees_a_number() -> None:
    assert scientific(1e-4) == "1.0e-4"
    assert scientific(2.5e-7) == "2.5e-7"
    assert scientific(0.02) == "0.02"
    assert scientific(0.0) == "0"


def test_changes_are_told_with_the_origin_s_value_and_without_the_name() -> None:
    origin = parse_config(TEXT)
    text, _ = edit(TEXT, "experiment.name", "two")
    _, config = edit(text, "training.batch_size", 48)
    assert changed_keys(config, origin) == {"training.batch_size": 32}


def test_settings_without_effect_are_not_shown() -> None:
    values = parse_config(TEXT).flat()
    assert visible("training.scheduler.patience", values)
    assert not visible("training.scheduler.gamma", values)
    assert not visible("flow_matching.sigma_min", values)
    assert not visible("training.augmentation.flip_p", values)
    assert visible("flow_matching.sigma_min", values | {"method": "flow"})


def test_a_whole_configuration_written_out_reads_back_equal() -> None:
    config = parse_config(TEXT)
    assert parse_config(to_yaml(config)) == config
    assert isinstance(config, ExperimentConfig)


@pytest.mark.parametrize("method", ["diffusion", "flow", "edm"])
@pytest.mark.parametrize("start", ["", "model: {from: FlowUNet}\nmethod: flow\nsampling: {method: euler}\n"])
def test_a_change_of_method_takes_what_no_longer_fits_along(method: str, start: str) -> None:
    _, config = edit(TEXT + start, "method", method)
    assert config.method == method
    values = config.flat()
    assert config.sampling.method in choices(field("sampling.method"), values)
    assert config.sampling.spacing in choices(field("sampling.spacing"), values)
    assert config.model.network in choices(field("model.from"), values)


def test_only_the_samplers_and_settings_of_the_method_are_offered() -> None:
    _, config = edit(TEXT, "method", "edm")
    values = config.flat()
    assert choices(field("sampling.method"), values) == ("heun", "dpmpp_2m", "euler", "adaptive")
    assert visible("edm.rho", values)
    assert not visible("diffusion.timesteps", values)
    assert visible("sampling.num_steps", values)
    assert not visible("sampling.tolerance", values)
    assert not visible("edm.sigma_data", values | {"edm.spectral": True})
    with pytest.raises(UserError, match=r"sampling\.method: ddim is not available for method edm; use heun"):
        edit(to_yaml(config), "sampling.method", "ddim")
