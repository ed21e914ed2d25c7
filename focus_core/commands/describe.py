"""`focus describe`: what a configuration costs, before it is trained. No data is opened, no torch is imported."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from focus_core.catalogue.transforms import AS_THEY_CAME, TRANSFORMS, spec_for
from focus_core.config.experiment import DataSection, ExperimentConfig, load_config
from focus_core.costs.estimate import Estimate, estimate
from focus_core.errors import UserError

SUMMARY = "parameters, memory and operations of a configuration, before it is trained"

# The sides of the maps that a configuration may be meant for without stating it: CAMELS maps, and the quick suite.
_CAMELS_GRID, _QUICK_GRID = 256, 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the experiment, a YAML file")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument(
        "--grid",
        type=int,
        metavar="N",
        help="pixels per side of the maps (default: 64 for a named dataset, 256 for files of maps)",
    )


def run(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    grid = arguments.grid if arguments.grid is not None else _default_grid(config)
    if grid < 1:
        raise UserError(f"--grid: {grid} is not a number of pixels; give 64, say.")
    cost = estimate(config, grid)
    transform, sentence = _seen(config.data)
    told = {"network": config.model.network, "transform": transform, **asdict(cost)}
    print(json.dumps(told, indent=1) if arguments.json else _table(cost, sentence))
    return 0


def _default_grid(config: ExperimentConfig) -> int:
    return _QUICK_GRID if config.data.dataset is not None else _CAMELS_GRID


def _seen(data: DataSection) -> tuple[str, str]:
    """What a network sees of a pixel: the transform, and the sentence. Of a dataset, its own folder alone says how."""
    from focus_core.data.opening import NORMALISED_MAPS, is_normalised

    file = NORMALISED_MAPS if data.data_dir is not None else data.maps_path or ""
    spec = spec_for(data.transform.name, is_normalised(Path(file)), file)
    if not spec.standardised:
        return spec.title, f"normalised pixels {spec.title}"
    words = data.transform.in_words()
    open_yet = data.dataset is not None and spec is TRANSFORMS.first
    also = f" (a dataset that is said to be normalised: pixels {AS_THEY_CAME.title})" if open_yet else ""
    return words, f"{words}, standardised{also}"


def _table(cost: Estimate, sentence: str) -> str:
    return "\n".join(
        (
            f"parameters          {cost.parameters:,}",
            f"maps                {cost.grid} × {cost.grid}, {cost.batch_size} a step",
            f"a network sees      {sentence}",
            f"memory of training  {cost.memory_bytes / 1e9:.2f} GB "
            f"({cost.activation_bytes_per_image / 1e9:.3f} GB of it for each map of a step)",
            f"operations          {cost.flops_per_image:.3e} a map of training, {cost.flops_per_sample:.3e} a sample",
            f"checkpoint          {cost.checkpoint_bytes / 1e9:.2f} GB",
        )
    )
