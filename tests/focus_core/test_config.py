"""The configuration: what users already have loads unchanged, and each mistake is one sentence with its place."""

from pathlib import Path

import pytest

from focus_core.cli import main
from focus_core.config.experiment import (
    ExperimentConfig,
    differing_keys,
    known_keys,
    load_config,
    parse_config,
    to_yaml,
    validate_config,
)
from focus_core.errors import UserError

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "tasks").glob("*/config.yaml"))

OLDER_FILE = """
experiment:
  name: exp_02
  description: baseline
  created: 2025-11-02
  method: diffusion
data:
  data_dir: processed
  train_split: 0.9
  num_workers: 4
  shuffle: true
model:
  from: models.unet.SimpleUNet
  in_channels: 1
  out_channels: 1
  cond_dim: 6
  base_channels: 64
  channel_mults: [1, 2, 4, 8]
  time_dim: 256
method: diffusion
diffusion: {timesteps: 1000, beta_start: 1e-4, beta_end: 0.02, schedule: linear}
flow_matching: {sigma_min: 1e-4, sigma_max: 1.0}
training:
  batch_size: 32
  num_epochs: 200
  lr: 1e-4
  weight_decay: 1e-4
  cfg_prob: 0.1
  sample_every: 1
  gradient_clip: 1.0
  optimizer: adamw
  use_augmentation: true
  augmentation: {rotation_p: 0.5, flip_p: 0.5}
  scheduler: {name: plateau, factor: 0.3, patience: 2, min_lr: 1e-7, warmup_epochs: 5}
sampling: {method: ddim, ddim_timesteps: 50, cfg_scale: 2.0, eta: 0.0}
device: cuda
"""


def test_a_file_that_users_already_have_loads_unchanged() -> None:
    config = parse_config(OLDER_FILE)
    assert config.model.network == "SimpleUNet"
    assert config.experiment.created == "2025-11-02"
    # PyYAML reads 1e-4 as text.
    assert (config.training.lr, config.diffusion.beta_start) == (1e-4, 1e-4)
    assert config.training.scheduler.min_lr == 1e-7
    assert config.sampling.cfg_scale == 2.0


def test_empty_sections_load_as_defaults() -> None:
    """A key with nothing below it is what an editor leaves behind; plain YAML reads it as null."""
    sections = ("model", "diffusion", "flow_matching", "edm", "training", "sampling", "experiment")
    text = "data: {dataset: q}\n" + "".join(f"{name}:\n" for name in sections)
    assert parse_config(text) == parse_config("data: {dataset: q}\n")
    nested = parse_config("data: {dataset: q}\ntraining:\n  lr: 0.5\n  scheduler:\n  augmentation:\n")
    assert nested == parse_config("data: {dataset: q}\ntraining: {lr: 0.5}\n")
    texts = parse_config("data: {dataset: q, maps_path: }\nexperiment:\n  description:\n  created:\n  method:\n")
    assert texts == parse_config("data: {dataset: q}\n")
    assert parse_config("data: {dataset: q}\nmethod: flow\nsampling:\n").sampling.method == "heun"


def test_anchors_merges_byte_order_marks_and_numeric_text_are_read(tmp_path: Path) -> None:
    text = "data: &d {dataset: q}\ntraining: {<<: {lr: 1e-3, batch_size: 4}, batch_size: 1e1}\n"
    (tmp_path / "marked.yaml").write_text(text, encoding="utf-8-sig")
    training = load_config(tmp_path / "marked.yaml").training
    assert (training.lr, training.batch_size) == (1e-3, 10)
    assert parse_config("data: {dataset: q, shuffle: no}\n").data.shuffle is False


def test_a_flow_matching_file_validates() -> None:
    config = parse_config("data: {dataset: quick}\nmethod: flow\nmodel: {from: FlowUNet}\nsampling: {method: heun}\n")
    assert config.method == "flow"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parent.name)
def test_every_recipe_writes_every_key_out_and_survives_its_own_yaml(recipe: Path) -> None:
    config = load_config(recipe)
    assert parse_config(to_yaml(config)) == config
    text = recipe.read_text()
    optional = {"maps_path", "params_path", "data_dir", "box_size", "parameter_space"}
    missing = [
        key for key in known_keys() if key.rpartition(".")[2] not in optional and f"{key.split('.')[-1]}:" not in text
    ]
    assert not missing
    assert config.data.dataset == "quick"


def test_the_recipes_of_the_experiments_carry_the_published_values() -> None:
    one, two = (load_config(ROOT / "tasks" / f"experiment_0{i}" / "config.yaml") for i in (1, 2))
    assert differing_keys(one, two) == [
        "experiment.name",
        "experiment.description",
        "model.base_channels",
        "training.batch_size",
    ]
    assert (one.model.base_channels, one.training.batch_size) == (128, 64)
    assert (two.model.base_channels, two.training.batch_size) == (64, 32)
    assert (two.training.num_epochs, two.training.lr, two.training.scheduler.name) == (200, 1e-4, "plateau")
    assert (two.training.scheduler.patience, two.training.scheduler.factor) == (2, 0.3)
    assert two.sampling.cfg_scale == 1.0


def test_yaml_that_focus_writes_is_read_as_numbers_by_anyone() -> None:
    text = to_yaml(parse_config(OLDER_FILE))
    assert "lr: 1.0e-4" in text
    assert "channel_mults: [1, 2, 4, 8]" in text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("data: {dataset: q}\ntraining:\n  batchsize: 4\n", r"line 3: training.batchsize .* training.batch_size\?"),
        ("data: {dataset: q}\ntrainning: {lr: 1}\n", r"line 2: trainning is not a setting; did you mean training\?"),
        ("data: {dataset: q}\nlr: 1.0e-4\n", r"line 2: lr is not a setting; did you mean training.lr\?"),
        ("data: {dataset: q}\ntraining:\n  lr: fast\n", r"line 3: training.lr: .*'fast'"),
        ("data: {dataset: q}\ntraining:\n  lr: -1\n", r"line 3: training.lr: .*-1"),
        ("data: {dataset: q}\ntraining: {num_epochs: 2.5}\n", r"training.num_epochs: .*2.5"),
        ("data: {dataset: q}\ntraining: {num_epochs: true}\n", r"training.num_epochs: true is not a number"),
        ("data: {dataset: q, train_split: 1.5}\n", r"data.train_split: .*1.5"),
        ("data: {dataset: q}\nmodel: {from: SimpleUnet}\n", r"model.from: .* did you mean SimpleUNet\?"),
        ("data: {dataset: q}\ntraining: {scheduler: {name: plato}}\n", r"training.scheduler.name: .*'plato'"),
        ("data: {dataset: q}\ntraining: {lr: .nan}\n", r"training.lr: .*found nan"),
        ("data: {dataset: q}\ntraining: {lr: 1, lr: 2}\n", r"line 2: .*lr is written twice"),
        (
            "data: {dataset: q}\ndevice: cpu\n\ndata: {dataset: r}\n",
            r"line 4: .* data is .* twice, first in line 1;",
        ),
        ("data: {dataset: q}\ntraining:\n\tlr: 1\n", r"line 3: is not valid YAML \(found character '\\t'"),
        (
            "data: {dataset: q}\nexperiment: {name: yes}\n",
            r"line 2: experiment.name: YAML reads this word as true",
        ),
        ('data: {dataset: "a\\0b"}\n', r"line 1: data.dataset: has a control character"),
        ("data: {dataset: q}\nyes: 1\n", r"has the key True, which is no setting"),
        ("data: {dataset: q}\ntraining: {12: 1}\n", r"line 2: training has the key 12, which is no setting"),
        ("data: {dataset: q}\ntraining: 3\n", r"line 2: training must be a section of keys and values \(found 3\)"),
        ("data: {dataset: q}\nmodel: {channel_mults: 3}\n", r"line 2: model.channel_mults must be a list \(found 3\)"),
        ("data: {dataset: q}\ntraining: {num_epochs: !!bool perhaps}\n", r"does not fit the !! tag"),
        ("data: {dataset: q}\ntraining: {seed: 0x" + "f" * 5000 + "}\n", r"training.seed: .*an integer of 20000 bits"),
        ("data: {dataset: q}\ntraining: {seed: " + "9" * 5000 + "}\n", r"is not valid YAML \(Exceeds the limit"),
        ("data: {dataset: q}\ndevice: " + "g" * 5000 + "\n", r"line 2: device: must be auto, cpu.*found 'gggg"),
        ("[" * 5000, r"is not valid YAML \(it is nested too deeply"),
        ("&a {data: *a}\n", r"line 1: data.data is not a setting"),
        ("data: {dataset: ' '}\n", r"name one source of maps: .*found none"),
        ("data:\n", r"line 1: data: name one source of maps"),
        (
            "data: {dataset: q}\nsampling: {ddim_timesteps: 2000}\n",
            r"ddim_timesteps: 2000 are too many; DDIM takes 1,000 or fewer",
        ),
        ("data: {dataset: q}\nmethod: edm\nsampling: {num_steps: 1e18}\n", r"line 3: sampling.num_steps: .* to 10000 "),
        ("data: {dataset: q}\nsampling: {tolerance: 1.0e-12}\n", r"line 2: sampling.tolerance: .*0\.000001 .*1e-12"),
        ("data: {dataset: q}\nexperiment: {method: flow}\n", r"experiment.method is flow, but method is diffusion"),
        ("data: {dataset: q, parameter_space: wcdm7}\n", r"data.parameter_space: .* did you mean wcdm6\?"),
        ("data: {dataset: q, maps_path: m.npy}\n", r"data: maps_path and params_path go together"),
        ("data: {dataset: q, data_dir: d}\n", r"data: name one source of maps"),
        ("training: {lr: 1.0e-4}\n", r"data is missing"),
        ("data: [unclosed\n", r"line \d+: is not valid YAML"),
        ("just text\n", r"is not a configuration"),
        ("data: {{name}}\n", r"line 1: is not valid YAML \(a key must be a word"),
        ("experiment: {created: 2025-13-45}\n", r"is not valid YAML \(month must be in 1..12\)"),
        ("data: {dataset: q}\nmodel: {from: 'a\n\n  b'}\n", r"line 2: model.from: 'a b' is not a known network"),
        ("", r"is not a configuration"),
        ("data: {dataset: q}\ndiffusion: {beta_start: 0.5}\n", r"beta_start 0.5 is above beta_end 0.02"),
        ("data: {dataset: q}\nmodel: {time_dim: 15}\n", r"model.time_dim: 15 is odd"),
        ("data: {dataset: q}\ndevice: gpu\n", r"device: .*'gpu'"),
    ],
)
def test_each_mistake_is_one_sentence_with_file_key_and_value(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        parse_config(text, source="my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml")
    assert "\n" not in message
    assert len(message) < 320


def test_the_command_line_answers_a_mistake_with_code_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "typo.yaml"
    file.write_text("data: {dataset: q}\ntraining:\n  learning_rat: 1\n")
    for command in (["train", "--exp-dir", str(tmp_path / "run")], ["describe"]):
        assert main([*command, "--config", str(file)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "typo.yaml, line 3: training.learning_rat" in error
    assert not (tmp_path / "run").exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.yaml: cannot be read"):
        load_config(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"binary\.yaml: is not a text file"):
        load_config(tmp_path / "binary.yaml")
    with pytest.raises(UserError, match=r"cannot be read .Is a directory"):
        load_config(tmp_path)
    # A file of maps where the configuration belongs is not read to its end.
    with (tmp_path / "maps.npy").open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(UserError, match=r"maps\.npy: is larger than 4 MB"):
        load_config(tmp_path / "maps.npy")


def test_the_digest_is_that_of_what_is_learned() -> None:
    config = parse_config(OLDER_FILE)
    plain = config.to_dict()
    renamed = validate_config({**plain, "experiment": {"name": "other"}, "device": "cpu"})
    slower = validate_config({**plain, "training": {**plain["training"], "lr": 5e-5}})
    assert renamed.digest() == config.digest()
    assert slower.digest() != config.digest()


def test_plain_values_make_the_same_configuration_again() -> None:
    config = parse_config(OLDER_FILE)
    assert ExperimentConfig.model_validate(config.to_dict()) == config
    assert config.flat()["training.scheduler.factor"] == 0.3
