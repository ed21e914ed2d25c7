"""The form of the New page and its YAML: two views of one configuration, each following the other.

Pure: no Streamlit. Fields are read from the configuration model, so a new setting appears in the form by itself.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import annotated_types
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from focus_core.catalogue.learning_rates import LEARNING_RATES
from focus_core.catalogue.methods import METHODS
from focus_core.catalogue.networks import NETWORKS, networks_of
from focus_core.catalogue.noising import NOISE_SCHEDULES, WEIGHTINGS
from focus_core.catalogue.samplers import SAMPLERS, samplers_of
from focus_core.catalogue.spacings import AUTO
from focus_core.catalogue.transforms import TRANSFORMS
from focus_core.config.experiment import ExperimentConfig, parse_config, to_yaml, validate_config
from focus_core.errors import UserError
from focus_core.parameters import SPACES
from focus_core.schema.yaml_text import parse_yaml

# A number is typed as text: a browser's number input shows a value outside its range but reports another, and rounds
# what it shows. Here the field holds what was typed, and the model alone decides whether it is valid.
FieldKind = Literal["number", "text", "choice", "switch", "list"]

SECTION_TITLES: Mapping[str, str] = {
    "data": "Data",
    "model": "Model",
    "method": "Method",
    "training": "Training",
    "sampling": "Sampling",
    "experiment": "About",
}

# Texts whose values are known: offered as choices, though a file may contain others.
_KNOWN_TEXTS: Mapping[str, Sequence[str]] = {"model.from": NETWORKS.names, "data.parameter_space": ("", *SPACES)}


# A choice, the section of its settings, and for each name those that have a meaning when it is chosen.
_CHOICES: Sequence[tuple[str, str, Mapping[str, Sequence[str]]]] = (
    ("training.scheduler.name", "training.scheduler", {name: e.settings for name, e in LEARNING_RATES.items()}),
    ("diffusion.schedule", "diffusion", {name: e.settings for name, e in NOISE_SCHEDULES.items()}),
    ("diffusion.weighting", "diffusion", {name: e.settings for name, e in WEIGHTINGS.items()}),
    ("sampling.method", "sampling", {name: e.settings for name, e in SAMPLERS.items()}),
    ("model.from", "model", {name: e.all_settings for name, e in NETWORKS.items()}),
    ("data.transform.name", "data.transform", {name: e.settings for name, e in TRANSFORMS.items()}),
)

# Each method's settings are a separate section.
_METHOD_OF: Mapping[str, str] = {spec.section: spec.name for spec in METHODS.values()}


@dataclass(frozen=True)
class Field:
    """One setting as the form shows it. `key` is dotted, in the YAML's spelling."""

    key: str
    section: str
    title: str
    help: str
    unit: str
    kind: FieldKind
    optional: bool
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    default: Any

    @property
    def label(self) -> str:
        return f"{self.title} [{self.unit}]" if self.unit else self.title


@functools.cache
def fields() -> tuple[Field, ...]:
    """Every setting, in the order of the model."""
    return tuple(_walk(ExperimentConfig, ""))


def field(key: str) -> Field:
    return next(f for f in fields() if f.key == key)


def visible(key: str, values: Mapping[str, Any]) -> bool:
    """Whether a setting has a meaning beside the others: no warm-up of a schedule that is not chosen."""
    rules: Mapping[str, bool] = {
        "experiment.name": False,  # has its own place above the form
        "experiment.method": False,  # an older spelling of `method`
        "experiment.created": False,
        "data.data_dir": bool(values.get("data.data_dir")),
        "data.maps_path": bool(values.get("data.maps_path")),
        "data.params_path": bool(values.get("data.maps_path")),
        "data.dataset": not (values.get("data.maps_path") or values.get("data.data_dir")),
        "data.box_size": not values.get("data.dataset"),
        "data.slab_depth": not values.get("data.dataset"),
        "data.stored_as": not values.get("data.dataset"),
        "data.independent_realisations": not values.get("data.dataset"),
        "data.parameter_space": not values.get("data.dataset"),
        "training.augmentation.rotation_p": bool(values.get("training.use_augmentation")),
        "training.augmentation.flip_p": bool(values.get("training.use_augmentation")),
        "training.keep_last": bool(values.get("training.keep_every")),
        "edm.sigma_data": not values.get("edm.spectral"),
    }
    method = _METHOD_OF.get(key.partition(".")[0])
    return rules.get(key, True) and method in (None, values.get("method")) and _belongs(key, values)


def _belongs(key: str, values: Mapping[str, Any]) -> bool:
    """Whether a setting belongs to what is chosen; a setting without a choice belongs to all."""
    section, _, name = key.rpartition(".")
    for chooser, place, settings in _CHOICES:
        if section == place and any(name in some for some in settings.values()):
            return name in settings.get(str(values.get(chooser)), ())
    return True


def choices(field: Field, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The options that fit the other settings: only the samplers, timestep schedules and networks of the method."""
    method = str(values.get("method", METHODS.first.name))
    if method not in METHODS:
        return field.choices
    fitting = {
        "model.from": networks_of(method),
        "sampling.method": samplers_of(method),
        "sampling.spacing": METHODS[method].offered_spacings,
    }
    return fitting.get(field.key, field.choices)


def widget_value(field: Field, values: Mapping[str, Any]) -> Any:
    """What the field's widget shows for a configuration's flat values."""
    value = values.get(field.key, field.default)
    if field.kind == "list":
        return ", ".join(str(item) for item in value)
    if field.kind == "number":
        return "" if value is None else str(value) if isinstance(value, int) else scientific(float(value))
    if field.kind in ("text", "choice"):
        return "" if value is None else str(value)
    return bool(value)


def setting(field: Field, shown: Any) -> Any:
    """The setting for a widget's value. Text that is not a number stays text: the model's error message names it."""
    if field.kind == "list":
        return [_number_or_text(part.strip()) for part in str(shown or "").strip("[] ").split(",") if part.strip()]
    if field.kind == "number":
        text = str(shown or "").strip()
        return None if not text and field.optional else _number_or_text(text)
    if field.kind in ("text", "choice"):
        return None if shown in ("", None) and field.optional else shown or ""
    return None if field.optional and not shown else shown


def scientific(value: float) -> str:
    """Short, exact, and read back as a number by every YAML reader: "1.0e-4", "0.02"."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    digits = next(n for n in range(1, 18) if float(f"{value:.{n}e}") == value)
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    return f"{mantissa}e{int(exponent):+d}"  # YAML 1.1 reads 1.0e5 as text


def edit(text: str, key: str, value: Any) -> tuple[str, ExperimentConfig]:
    """The YAML with one setting changed, and the configuration it means. Comments and layout are kept where possible.

    Raises UserError, and changes nothing, if the result is not a valid configuration.
    """
    return edit_all(text, {key: value})


def edit_all(text: str, changes: Mapping[str, Any]) -> tuple[str, ExperimentConfig]:
    """As `edit`, for several settings at once, which together may be what none of them can be alone."""
    before = parse_config(text, "the YAML")
    plain = before.to_dict()
    plain["data"].setdefault("transform", {"name": before.data.transform.name})  # a first one is left out
    for key, value in changes.items():
        _put(plain, key.split("."), value)
    _choose_with_what_is_written(plain, text, changes)
    if "method" in changes:
        _follow_the_method(plain)
    config = validate_config(plain, "the form")
    written = text
    for key, value in changes.items():
        written = next(_candidates(written, key, value, plain), written)
    return (written if _means(written, config) else to_yaml(config)), config


def _choose_with_what_is_written(plain: dict[str, Any], text: str, changes: Mapping[str, Any]) -> None:
    """Settings of a new choice that stand in the text already: a configuration has forgotten what meant nothing."""
    written, _ = parse_yaml(text, "the YAML")
    for chooser, place, settings in _CHOICES:
        section = functools.reduce(_inside, place.split("."), written)
        if chooser in changes and isinstance(section, Mapping):
            chosen = functools.reduce(_inside, place.split("."), plain)
            for name in settings.get(str(changes[chooser]), ()):
                if name in section:
                    chosen.setdefault(name, section[name])


def _inside(section: Any, name: str) -> Any:
    return section.get(name) if isinstance(section, Mapping) else None


def _follow_the_method(plain: dict[str, Any]) -> None:
    """Settings that do not fit the new method get values that do: the reader cannot change three settings at once."""
    method, sampling = plain["method"], plain["sampling"]
    plain["experiment"].pop("method", None)
    if method not in METHODS:
        return
    if sampling["method"] not in samplers_of(method):
        sampling["method"] = METHODS[method].sampler
    if sampling["spacing"] not in METHODS[method].offered_spacings:
        sampling["spacing"] = AUTO
    if plain["model"]["from"] not in networks_of(method):
        plain["model"]["from"] = networks_of(method)[0]


def rename(text: str, name: str) -> tuple[str, ExperimentConfig]:
    return edit(text, "experiment.name", name)


def dated(text: str, day: str) -> str:
    """The YAML with the date of the run; one without a date stays without one."""
    created = parse_config(text, "the YAML").experiment.created
    return text if created in ("", day) else edit(text, "experiment.created", day)[0]


def changed_keys(config: ExperimentConfig, origin: ExperimentConfig) -> dict[str, Any]:
    """Settings that differ from the origin, with the origin's value; the name is expected to differ."""
    mine, theirs = config.flat(), origin.flat()
    keys = dict.fromkeys([*mine, *theirs])
    return {
        key: theirs.get(key)
        for key in keys
        if mine.get(key) != theirs.get(key) and key not in ("experiment.name", "experiment.created")
    }


def _means(text: str, config: ExperimentConfig) -> bool:
    try:
        return parse_config(text) == config
    except UserError:
        return False


def _candidates(text: str, key: str, value: Any, plain: Mapping[str, Any]) -> Iterator[str]:
    """The text with the value replaced in place, or a line added at the end of its section.

    A section that is not there or empty, or that a bare word stands for, is written out; `plain` has all its values.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    node, parts = root, key.split(".")
    for depth, part in enumerate(parts):
        inside = functools.reduce(lambda inner, name: {name: inner}, reversed(parts[depth + 1 :]), value)
        if _is_empty(node):
            yield _with_value(text, node, {part: inside})
            return
        if not isinstance(node, yaml.MappingNode):
            section = functools.reduce(lambda inner, name: inner[name], parts[:depth], plain)
            yield _with_value(text, node, section)
            return
        entry = next(((k, v) for k, v in node.value if k.value == part), None)
        if entry is None:
            yield _with_line(text, node, f"{part}: {_scalar(inside)}")
            return
        node = entry[1]
    yield _with_value(text, node, value)


def _is_empty(node: yaml.Node | None) -> bool:
    """Of a section: `training:` with nothing behind it, or `{}`."""
    if isinstance(node, yaml.MappingNode):
        return not node.value
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _with_value(text: str, node: yaml.Node | None, value: Any) -> str:
    if node is None:
        return text
    start = node.start_mark.index
    gap = " " if text[:start].endswith(":") else ""  # an empty value begins at its colon
    return text[:start] + gap + _scalar(value) + text[_end_of(node, text) :]


def _end_of(node: yaml.Node, text: str) -> int:
    """A block's end mark lies at the next key; the whitespace before it belongs to the layout."""
    end = node.end_mark.index
    return node.start_mark.index + len(text[node.start_mark.index : end].rstrip())


def _with_line(text: str, section: yaml.MappingNode, line: str) -> str:
    indent = " " * section.value[0][0].start_mark.column
    at = _end_of(section.value[-1][1], text)
    if section.flow_style:
        return f"{text[:at]}, {line}{text[at:]}"
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return f"{text[:end]}\n{indent}{line}{text[end:]}"


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        return scientific(value)
    dumped = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return dumped.removesuffix("\n").removesuffix("\n...")


def _put(plain: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    for part in parts[:-1]:
        plain = plain.setdefault(part, {})
    if value is None:
        plain.pop(parts[-1], None)
    else:
        plain[parts[-1]] = value


def _number_or_text(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        key = prefix + (info.alias or name)
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _walk(kind, key + ".")
        else:
            yield _field(key, info)


def _field(key: str, info: FieldInfo) -> Field:
    annotation, optional = _without_none(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    low, high = _bounds(info)
    choices = tuple(str(c) for c in typing.get_args(annotation)) if typing.get_origin(annotation) is Literal else ()
    choices = ("", *choices) if choices and optional else choices or tuple(_KNOWN_TEXTS.get(key, ()))
    default = None if info.is_required() else info.default
    kind = _kind(annotation, choices)
    section = key.partition(".")[0]
    section = "method" if section in _METHOD_OF else section
    return Field(
        key=key,
        section="training" if section == "device" else section,
        title=info.title or key,
        help=info.description or "",
        unit=str(extra.get("unit", "")),
        kind=kind,
        optional=optional,
        minimum=low,
        maximum=high,
        choices=choices,
        default=default,
    )


def _kind(annotation: Any, choices: Sequence[str]) -> FieldKind:
    plain = typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation
    if choices:
        return "choice"
    if plain is bool:
        return "switch"
    if typing.get_origin(plain) is tuple:
        return "list"
    return "number" if plain in (int, float) else "text"


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return kinds[0], len(kinds) < len(typing.get_args(annotation))
    return annotation, False


def _bounds(info: FieldInfo) -> tuple[float | None, float | None]:
    low = high = None
    for rule in info.metadata:
        match rule:
            case annotated_types.Ge(ge=value) | annotated_types.Gt(gt=value):
                low = float(typing.cast(float, value))
            case annotated_types.Le(le=value) | annotated_types.Lt(lt=value):
                high = float(typing.cast(float, value))
    return low, high
