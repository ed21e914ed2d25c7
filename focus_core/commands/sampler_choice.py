"""`--sampler` and `--steps` of commands that draw maps of a run, refused if they are not available for it."""

from __future__ import annotations

import argparse

from focus_core.catalogue.samplers import drawing_refusal
from focus_core.config.experiment import ExperimentConfig, load_config
from focus_core.errors import UserError
from focus_core.run_files import CONFIG


def check_sampler_of_folder(arguments: argparse.Namespace) -> None:
    """Before anything else of the run is read; a folder with only a checkpoint is checked when that is read."""
    if (arguments.sampler, arguments.steps) != (None, None) and (arguments.run / CONFIG).is_file():
        check_sampler(load_config(arguments.run / CONFIG), arguments)


def check_sampler(config: ExperimentConfig, arguments: argparse.Namespace) -> None:
    """UserError for a sampler of another method, and for steps that it cannot take or would ignore."""
    refusal = drawing_refusal(config.to_dict(), arguments.sampler, arguments.steps)
    if refusal is not None:
        raise UserError(f"--{refusal[0]}: {refusal[1]}.")
