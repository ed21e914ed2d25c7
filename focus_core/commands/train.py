"""`focus train`: train the model of a configuration in a run folder, or resume it."""

from __future__ import annotations

import argparse
from pathlib import Path

from focus_core.config.experiment import load_config
from focus_core.errors import UserError
from focus_core.paths import check_folder, focus_home
from focus_core.training.launch import is_rank, train_on
from focus_core.training.stopping import StopSwitch

SUMMARY = "train the model of a configuration in a run folder, or resume it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, type=Path, metavar="FILE", help="the experiment, a YAML file")
    parser.add_argument(
        "--exp-dir",
        "--exp_dir",
        dest="exp_dir",
        required=True,
        type=Path,
        metavar="DIR",
        help="the run's folder: checkpoints, figures and logs; a run that is already there is resumed",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="move an earlier run in DIR to a dated folder beside it and start anew"
    )
    parser.add_argument(
        "--attempt", type=int, metavar="N", help="number of this start in the journal (default: one more than the last)"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.attempt is not None and arguments.attempt < 1:
        raise UserError(f"--attempt: {arguments.attempt} is no number of a start; they are counted from 1.")
    # The configuration is read before torch is imported: a typo is reported at once.
    config = load_config(arguments.config)
    check_folder(arguments.exp_dir, "--exp-dir")
    stop = StopSwitch()
    stop.listen()
    if config.training.devices > 1 and not is_rank():
        from focus_core.training.ranks import cores, enough_devices

        if enough_devices(config):  # otherwise the start below refuses, and the journal records why
            return train_on(config.training.devices, cores(), _words(arguments), stop)
    from focus_core.training.start import run_training

    beside = arguments.config.absolute().parent
    run_training(config, arguments.exp_dir, focus_home(), stop, arguments.fresh, arguments.attempt, beside)
    return 0


def _words(arguments: argparse.Namespace) -> list[str]:
    """The command's own words, for its ranks."""
    words = ["--config", str(arguments.config), "--exp-dir", str(arguments.exp_dir)]
    words += ["--fresh"] if arguments.fresh else []
    return words + ([] if arguments.attempt is None else ["--attempt", str(arguments.attempt)])
