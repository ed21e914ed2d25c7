"""`focus`: the science on a command line, with no record, broker or browser.

Each subcommand is one module of `focus_core.commands` with a `SUMMARY`, `add_arguments(parser)` and `run(arguments)`;
it is imported only when it is needed, so that `focus describe` never waits for torch.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from focus_core.errors import EXIT_DONE, EXIT_STOPPED, EXIT_USER_MISTAKE, MENDABLE, StopRequested, UserError

COMMANDS = {
    "simulate": "make a suite of particle-mesh simulations and their maps",
    "data": "check a dataset: shapes, values, parameter columns",
    "train": "train the model of a configuration in a run folder, or resume it",
    "sample": "draw maps from a trained run at chosen parameters",
    "benchmark": "measure samplers of a trained run against held-out simulations",
    "evaluate": "judge generated maps by sixteen statistics, as a report",
    "spectrum": "measure the power spectrum P(k) of maps",
    "measure": "measure a statistic of maps, the one-point distribution say",
    "describe": "parameters, memory and operations of a configuration, before it is trained",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit code is 0 done, 1 internal error, 2 the user's mistake, 3 stopped and resumable."""
    # Threads that spin while they wait slow each other down where cores are shared (a simulation beside training took
    # 20 s instead of 3), and threads that sleep at once wake too late for small layers (a training step took twice as
    # long).
    # Spinning some ten microseconds avoids both. OpenMP reads this when torch is first imported, which is later.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else ""
    parsed = _parser(load=name).parse_args(arguments)
    try:
        result = _module(parsed.command).run(parsed)
        return EXIT_DONE if result is None else int(result)
    except UserError as error:
        print(f"focus {parsed.command}: {error}", file=sys.stderr)
        return EXIT_USER_MISTAKE
    except StopRequested as stop:
        print(f"focus {parsed.command}: {stop}", file=sys.stderr)
        return EXIT_STOPPED
    except BrokenPipeError:  # an OSError too, so it comes first
        # The reader of our output (such as `head`) has gone. Python would complain again while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        where = error.filename if error.filename is not None else "the output"
        print(f"focus {parsed.command}: {where}: {error.strerror}; fix this and rerun.", file=sys.stderr)
        return EXIT_USER_MISTAKE


def run_command(name: str, words: Sequence[str]) -> int | None:
    """One subcommand, for a process that reports its end in another way: exceptions are passed to the caller."""
    result: int | None = _module(name).run(_parser(load=name).parse_args([name, *words]))
    return result


class OneLineParser(argparse.ArgumentParser):
    """Reports a mistake in one line, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USER_MISTAKE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser(load: str) -> argparse.ArgumentParser:
    parser = OneLineParser(prog="focus", description="Generative models of the universe, on the command line.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == load:
            _module(name).add_arguments(command)
    return parser


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"focus_core.commands.{name}")


if __name__ == "__main__":
    sys.exit(main())
