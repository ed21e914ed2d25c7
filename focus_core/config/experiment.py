"""`ExperimentConfig`: the definition of an experiment. One class for form, command line, trainer and checkpoint.

It reads the YAML that users already have; an unknown key, a wrong type or a value out of range is one sentence that
names the file, the line, the key and the nearest known one. The module imports neither torch nor anything that runs.
"""

from __future__ import annotations

import datetime
import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, field_validator, model_validator

from focus_core.catalogue.methods import METHODS, MethodName
from focus_core.catalogue.network_spec import OwnSettings
from focus_core.catalogue.networks import NETWORKS, OWN_SETTINGS, network_refusal
from focus_core.catalogue.samplers import SAMPLERS, sampler_refusal
from focus_core.config.methods import (
    DiffusionSection,
    EDMSection,
    FlowMatchingSection,
    MethodSection,
    SamplingSection,
)
from focus_core.config.training import HOW_IT_RUNS, TrainingSection
from focus_core.config.transform import TransformSection, named
from focus_core.errors import UserError
from focus_core.parameters import SPACES
from focus_core.schema.fields import Integer, Number, Section, StoredAs, Text
from focus_core.schema.messages import LARGEST_BOX, shown, told
from focus_core.schema.yaml_text import dump_yaml, line_of, parse_yaml, read_text

# Keys that say how and how long to run, not what is learned: they may change when a run is resumed.
RESUMABLE_CHANGES = frozenset(
    {"data.num_workers", "device", *(f"training.{key}" for key in ("num_epochs", *HOW_IT_RUNS))}
)

# Keys of the data section that may hold a path; `data_dir: processed` is older files' name for a folder.
PATH_KEYS = ("dataset", "maps_path", "params_path", "data_dir")
PROCESSED = "processed_data"


class ExperimentSection(Section):
    name: Text = Field("experiment", min_length=1, title="Name", description="What lists and figures call this run.")
    description: Text = Field("", title="Description", description="Why this run exists.")
    created: Text = Field("", title="Created", description="Day on which it was made; a new run gets its own.")
    method: MethodName | None = Field(
        None, title="Method", description="Older files repeat the method here; it must equal the top-level one."
    )


class DataSection(Section):
    dataset: Text | None = Field(
        None, title="Dataset", description="Name of a dataset in the laboratory, or the path of a dataset folder."
    )
    maps_path: Text | None = Field(None, title="Maps file", description="A .npy file of maps, (n, N, N) float32.")
    params_path: Text | None = Field(
        None, title="Parameters file", description="One row a simulation (.txt, .csv) or a map (.npy)."
    )
    data_dir: Text | None = Field(
        None,
        title="Normalised folder",
        description="Folder with maps_normalized.npy and params_normalized.npy; 'processed' means ./processed_data.",
    )
    train_split: Number = Field(
        0.9, gt=0, lt=1, title="Train split", description="Share of simulations to train on; the rest is halved."
    )
    split_seed: Integer = Field(
        0,
        ge=0,
        lt=2**63,
        title="Split seed",
        description="Chooses the simulations to train, validate and test on; equal for runs that are to be compared.",
    )
    num_workers: Integer = Field(
        0, ge=0, le=64, title="Loader threads", description="Read maps ahead of training where memory cannot hold them."
    )
    shuffle: bool = Field(True, title="Shuffle", description="Draw training maps in a new order every epoch.")
    box_size: Number | None = Field(
        None,
        gt=0,
        le=LARGEST_BOX,
        title="Box side",
        description="Side of the periodic box; known from the dataset, or 25 for CAMELS files.",
        json_schema_extra={"unit": "Mpc/h"},
    )
    slab_depth: Number | None = Field(
        None,
        gt=0,
        le=LARGEST_BOX,
        title="Slab depth",
        description="Depth that a map is summed over; known from the dataset, or 5 for CAMELS files.",
        json_schema_extra={"unit": "Mpc/h"},
    )
    stored_as: StoredAs | None = Field(
        None,
        title="Stored as",
        description="What the file holds if not the field itself: log10 of it, or the overdensity (δ or 1 + δ).",
    )
    independent_realisations: bool | None = Field(
        None,
        title="Independent realisations",
        description="Rows of one θ are boxes of their own, so that a split may part them; else they stay together.",
    )
    parameter_space: Text | None = Field(
        None, title="Parameter space", description="Names and ranges of θ; known from the dataset or the CAMELS set."
    )
    transform: Annotated[TransformSection, BeforeValidator(named)] = TransformSection()

    @field_validator(*PATH_KEYS)
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        return value if value and value.strip() else None

    @field_validator("parameter_space")
    @classmethod
    def _known_space(cls, value: str | None) -> str | None:
        if value is not None and value not in SPACES:
            raise ValueError(f"'{value}' is not a parameter space; {nearest(value, list(SPACES))}")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> DataSection:
        if (self.maps_path is None) != (self.params_path is None):
            raise ValueError("maps_path and params_path go together; one of them is missing")
        given = [key for key in ("dataset", "maps_path", "data_dir") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(
                f"name one source of maps: dataset, maps_path with params_path, or data_dir (found {found})"
            )
        return self


class ModelSection(Section):
    network: Text = Field(
        NETWORKS.first.name, alias="from", title="Network", description="A name in the network registry."
    )
    in_channels: Integer = Field(1, ge=1, le=16, title="Channels in", description="Fields in a map.")
    out_channels: Integer = Field(1, ge=1, le=16, title="Channels out", description="Fields predicted.")
    cond_dim: Integer = Field(6, ge=1, le=64, title="Parameters in θ", description="Columns of the parameter space.")
    base_channels: Integer = Field(64, ge=1, le=1024, title="Base channels", description="Width of the first stage.")
    channel_mults: tuple[Annotated[Integer, Field(ge=1, le=64)], ...] = Field(
        (1, 2, 4, 8), min_length=1, max_length=8, title="Channel multiples", description="Width of each stage."
    )
    time_dim: Integer = Field(256, ge=4, le=4096, title="Time embedding", description="Width of t's and θ's embedding.")

    @field_validator("network")
    @classmethod
    def _known_network(cls, value: str) -> str:
        name = value.rsplit(".", 1)[-1]
        if name not in NETWORKS:
            raise ValueError(f"'{value}' is not a known network; {nearest(name, list(NETWORKS))}")
        return name

    @field_validator("time_dim")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd; a sinusoidal embedding pairs sines with cosines")
        return value

    def own(self, kind: type[OwnSettings]) -> OwnSettings:
        """The settings that a network declares for itself."""
        return kind.model_validate({key: getattr(self, key) for key in kind.model_fields})


if not TYPE_CHECKING:  # a type checker knows what all networks have in common
    _own = dict.fromkeys(spec.own for spec in NETWORKS.values() if spec.own is not None)
    if len(set(OWN_SETTINGS)) < sum(len(kind.model_fields) for kind in _own):
        raise ValueError(f"two networks have a setting of one name: {', '.join(OWN_SETTINGS)}")
    ModelSection = type(
        "ModelSection", (*_own, ModelSection), {"__module__": __name__, "__doc__": ModelSection.__doc__}
    )


class ExperimentConfig(Section):
    """Everything that defines an experiment. Equal configurations and equal seeds give equal runs on one device."""

    experiment: ExperimentSection = ExperimentSection()
    data: DataSection
    model: ModelSection = ModelSection()
    method: MethodName = Field(METHODS.first.name, title="Method", description="What the network learns.")
    diffusion: DiffusionSection = DiffusionSection()
    flow_matching: FlowMatchingSection = FlowMatchingSection()
    edm: EDMSection = EDMSection()
    training: TrainingSection = TrainingSection()
    sampling: SamplingSection = SamplingSection()
    device: Text = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        title="Device",
        description="auto takes a GPU where there is one.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> ExperimentConfig:
        if self.experiment.method not in (None, self.method):
            raise ValueError(f"experiment.method is {self.experiment.method}, but method is {self.method}")
        self._check_pair()
        key, steps = self.steps()
        refusal = SAMPLERS[self.sampling.method].steps_refusal(self.method, steps, self.diffusion.timesteps)
        if refusal is not None:
            raise ValueError(f"sampling.{key}: {refusal}")
        self.method_section.check(self.sampling)
        return self

    @property
    def method_section(self) -> MethodSection:
        """The settings of the method that is chosen."""
        section: MethodSection = getattr(self, METHODS[self.method].section)
        return section

    @model_validator(mode="before")
    @classmethod
    def _sampler_of_the_method(cls, plain: Any) -> Any:
        """A file that names no sampler gets its method's default: older flow files name none."""
        if not isinstance(plain, Mapping):
            return plain
        sampling, method = plain.get("sampling", {}), plain.get("method", METHODS.first.name)
        if isinstance(sampling, Mapping) and "method" not in sampling and method in METHODS:
            return {**plain, "sampling": {**sampling, "method": METHODS[method].sampler}}
        return plain

    def _check_pair(self) -> None:
        """Method, sampler and network must fit together; otherwise ValueError."""
        method, sampler, network = self.method, self.sampling.method, self.model.network
        for key, refusal in (
            ("sampling.method", sampler_refusal(sampler, method)),
            ("sampling.spacing", METHODS[method].spacing_refusal(self.sampling.spacing)),
            ("model.from", network_refusal(network, method)),
        ):
            if refusal is not None:
                raise ValueError(f"{key}: {refusal}")

    def steps(self) -> tuple[str, int]:
        """The key with the number of steps of the sampler, and that number."""
        spec = SAMPLERS[self.sampling.method]
        return spec.configured_steps(self.sampling.model_dump(), self.diffusion.timesteps)

    def to_dict(self) -> dict[str, Any]:
        """Plain values with the YAML's own keys, without unused sources of data and without a default transform."""
        plain = self.model_dump(mode="json", by_alias=True)
        plain["data"]["transform"] = self.data.transform.to_dict()
        plain["data"] = {key: value for key, value in plain["data"].items() if value is not None}
        if plain["experiment"]["method"] is None:
            del plain["experiment"]["method"]
        for key in set(OWN_SETTINGS) - set(NETWORKS[self.model.network].own_settings):
            del plain["model"][key]
        return plain

    def digest(self) -> str:
        """sha256 of what is learned: excludes name, description, and on what hardware and how often to save."""
        plain = self.to_dict()
        del plain["experiment"], plain["device"], plain["data"]["num_workers"]
        for key in HOW_IT_RUNS:
            del plain["training"][key]
        _drop_later_defaults(plain)
        if plain["data"]["split_seed"] == plain["training"]["seed"]:
            del plain["data"]["split_seed"]  # as it was when one seed determined both
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    def made_on(self, day: datetime.date) -> ExperimentConfig:
        """As a separate run made on that day; the date of a recipe or of a parent is not its own.

        A configuration without a date stays without one.
        """
        if not self.experiment.created:
            return self
        dated = self.experiment.model_copy(update={"created": day.isoformat()})
        return self.model_copy(update={"experiment": dated})

    def flat(self) -> dict[str, Any]:
        """Dotted key → value, in the order of the file."""
        return dict(flatten(self.to_dict()))


def load_config(path: Path | str) -> ExperimentConfig:
    """Read and validate a YAML file; UserError names the file, the line and the key."""
    return parse_config(read_text(Path(path)), source=str(path))


def parse_config(text: str, source: str = "configuration") -> ExperimentConfig:
    """Validate YAML text. `source` is its name in messages."""
    plain, root = parse_yaml(text, source)
    if not isinstance(plain, dict):
        raise UserError(f"{source}: is not a configuration: it needs sections such as data, model and training.")
    return validate_config(plain, source, root)


def validate_config(plain: Any, source: str = "configuration", root: yaml.Node | None = None) -> ExperimentConfig:
    """Build the configuration from plain values; UserError reports the first thing to fix, and its line if known."""
    try:
        return ExperimentConfig.model_validate(_without_empty(plain, ExperimentConfig))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        location = [str(part) for part in first["loc"]]
        line = line_of(root, location)
        sentence = " ".join(_sentence(first, location).split())  # a value may span lines
        raise UserError(f"{source}{f', line {line}' if line else ''}: {sentence}") from error


def recorded_config(plain: Any, source: str = "configuration") -> ExperimentConfig:
    """Build the configuration that a record, checkpoint or environment.json holds, whichever version wrote it."""
    return validate_config(with_split_seed_of_its_time(plain), source)


def with_split_seed_of_its_time(plain: Any) -> Any:
    """Plain values of a stored configuration: versions without data.split_seed split by training.seed.

    A file written by a user is not a stored configuration: there a missing data.split_seed is 0.
    """
    if not (isinstance(plain, Mapping) and isinstance(plain.get("data"), Mapping)) or "split_seed" in plain["data"]:
        return plain
    training = plain.get("training")
    seed = training.get("seed", 0) if isinstance(training, Mapping) else 0
    return {**plain, "data": {**plain["data"], "split_seed": seed}}


def with_split_seed_of_run(config: ExperimentConfig, seed: int) -> ExperimentConfig:
    """The configuration of a file beside an existing run: if it names no data.split_seed, the run's own is kept."""
    if "split_seed" in config.data.model_fields_set:
        return config
    return config.model_copy(update={"data": config.data.model_copy(update={"split_seed": seed})})


def to_yaml(config: ExperimentConfig) -> str:
    """The configuration as YAML that PyYAML reads back as numbers (1.0e-4, not 1e-4)."""
    return dump_yaml(config.to_dict())


def differing_keys(a: ExperimentConfig, b: ExperimentConfig) -> list[str]:
    """Dotted keys whose values differ. A relative path equals an absolute one that ends in it."""
    left, right = a.flat(), b.flat()
    return [key for key in dict.fromkeys([*left, *right]) if not _agree(key, left.get(key), right.get(key))]


def ends_in(path: str, relative: str) -> bool:
    """Whether an absolute path may be what a run made of a relative one."""
    parts = [part for part in Path(relative).parts if part not in ("..", "~")]
    if Path(relative).is_absolute() or not Path(path).is_absolute() or not parts:
        return False
    return list(Path(path).parts[-len(parts) :]) == parts


def _agree(key: str, a: Any, b: Any) -> bool:
    if a == b:
        return True
    is_path = key == "training.init_from" or key.removeprefix("data.") in PATH_KEYS
    if not is_path or a is None or b is None:
        return False
    a, b = (PROCESSED if (key, value) == ("data.data_dir", "processed") else value for value in (a, b))
    return ends_in(a, b) or ends_in(b, a)


def _drop_later_defaults(plain: dict[str, Any]) -> None:
    """Remove settings introduced later from a plain configuration if they have their former fixed values."""
    for name, info in ExperimentConfig.model_fields.items():
        section = info.annotation
        if not (isinstance(section, type) and issubclass(section, Section) and section.later):
            continue
        for key in section.later:
            if plain[name][key] == section.model_fields[key].default:
                del plain[name][key]
        if not plain[name]:
            del plain[name]


def known_keys(model: type[BaseModel] = ExperimentConfig, prefix: str = "") -> Iterator[str]:
    """Every dotted key that a file may contain, sections included."""
    for name, info in model.model_fields.items():
        key = prefix + (info.alias or name)
        yield key
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from known_keys(info.annotation, key + ".")


def nearest(word: str, known: list[str]) -> str:
    """ "did you mean …?", or the list of known keys."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}."


def _without_empty(plain: Any, model: type[BaseModel]) -> Any:
    """`diffusion:` with nothing below it is a section of defaults, and `description:` an empty text."""
    if not isinstance(plain, Mapping):
        return plain
    filled = dict(plain)
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key not in filled:
            continue
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            filled[key] = _without_empty({} if filled[key] is None else filled[key], info.annotation)
        elif filled[key] is None and info.default == "":
            del filled[key]
    return filled


def _sentence(problem: Mapping[str, Any], location: list[str]) -> str:
    if problem["type"] == "invalid_key":  # `yes:` or `12:`
        section = ".".join(location[:-1]) or "the file"
        return f"{section} has the key {shown(problem['input'])}, which is no setting; a key must be a word."
    if location == ["device"] and problem["type"] == "string_pattern_mismatch":
        return f"device: must be auto, cpu, cuda, cuda:N or mps (found {shown(problem['input'])})."
    if problem["type"] == "extra_forbidden":
        return f"{'.'.join(location)} is not a setting; {_nearest_key(location)}"
    return told(problem, ".".join(location))


def _nearest_key(location: list[str]) -> str:
    """The closest known key: in the same section first, then the same last name anywhere."""
    keys, section = list(known_keys()), ".".join(location[:-1])
    siblings = [key for key in keys if key.rpartition(".")[0] == section]
    close = difflib.get_close_matches(location[-1], [k.rpartition(".")[2] for k in siblings], n=1, cutoff=0.6)
    if close:
        return f"did you mean {'.'.join([*location[:-1], close[0]])}?"
    last_names = {key.rpartition(".")[2]: key for key in reversed(keys)}
    close = difflib.get_close_matches(location[-1], list(last_names), n=1, cutoff=0.6)
    if close:
        return f"did you mean {last_names[close[0]]}?"
    return f"known there are {', '.join(key.rpartition('.')[2] for key in siblings)}."


def flatten(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value, from plain values that need not be a valid configuration."""
    for key, value in plain.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
