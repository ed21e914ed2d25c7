"""`focus-lab`: the whole laboratory on one machine, from one command.

`up` brings the record up to date, starts a training worker, a sampling worker and the dashboard, restarts them
when they die, and ends all of them when it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import sys
import threading
from collections.abc import Sequence

import psutil

from focus_core.cli import OneLineParser
from focus_core.errors import EXIT_DONE, EXIT_FAULT, EXIT_USER_MISTAKE, MENDABLE, UserError
from focus_store.database.engine import network_file_system
from focus_store.database.session import unfit
from focus_store.moving.backups import migrate_safely
from focus_store.record.record import open_record
from focus_store.settings import Settings
from migrations.upgrade import UnknownRevisionError, migrate
from worker.consumer.readiness import when_ready
from worker.laboratory.home_lock import HomeLock, as_it_runs, lock_holder
from worker.laboratory.launcher import Launcher, address, check_port, say
from worker.laboratory.record_commands import RECORD_COMMANDS
from worker.laboratory.stack import serve_stack
from worker.processes import wait_until_gone

COMMANDS = {
    "up": "start the laboratory here, or say where it runs; Ctrl-C ends it",
    "stack": "the same on a PostgreSQL and a Redis of its own, which end with it; needs both installed",
    "down": "end the laboratory that runs here; training runs write a checkpoint and continue with the next up",
    "status": "what runs, waits and failed, and which workers are there",
    "migrate": "bring the record to the revision that this version of FOCUS needs",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 done, 1 internal error, 2 the user's mistake."""
    parser = OneLineParser(prog="focus-lab", description="The FOCUS laboratory on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        if name in ("up", "stack"):
            command.add_argument("--port", type=_port, help="of the dashboard (default FOCUS_PORT, or 8501)")
        if name == "status":
            command.add_argument("--json", action="store_true", help="for programs")
    for name, other in RECORD_COMMANDS.items():
        help_text = other.help[0].upper() + other.help[1:] + "."
        other.add_arguments(commands.add_parser(name, help=other.help, description=help_text))
    parsed = parser.parse_args(argv)
    try:
        settings = Settings.from_environment()
        if parsed.command in RECORD_COMMANDS:
            settings = as_it_runs(settings, lock_holder(settings))
            return RECORD_COMMANDS[parsed.command].run(settings, parsed)
        if parsed.command in ("up", "stack"):
            return up(settings, parsed.port, stack=parsed.command == "stack")
        if parsed.command == "status":
            return status(settings, as_json=parsed.json)
        return down(settings) if parsed.command == "down" else migrate_record(settings)
    except UserError as error:
        print(f"focus-lab {parsed.command}: {error}", file=sys.stderr)
        return EXIT_USER_MISTAKE
    except OSError as error:
        # EEXIST: FOCUS_HOME, or a folder in it, is a file.
        if error.errno not in (*MENDABLE, errno.EEXIST):
            raise
        print(
            f"focus-lab {parsed.command}: {error.filename}: {error.strerror}; fix this, or choose another FOCUS_HOME.",
            file=sys.stderr,
        )
        return EXIT_USER_MISTAKE


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port; choose one from 1 to 65535")
    return int(text)


def up(settings: Settings, port: int | None = None, *, stack: bool = False) -> int:
    port = port or settings.port
    lock = HomeLock(settings.home)
    running = lock.take(port)
    if running is not None:
        print(f"FOCUS is already running at {address(running['port'])} (process {running['pid']}, {settings.home})")
        return EXIT_DONE
    check_port(port)
    if stack:
        return serve_stack(settings, port, lock)
    return Launcher(settings, port, lambda: bring_up_to_date(settings)).run()


def migrate_record(settings: Settings) -> int:
    """Waits for a database that is not there yet: in a stack it may start last."""
    when_ready(lambda: bring_up_to_date(settings), settings.database_url, say, threading.Event())
    return EXIT_DONE


def bring_up_to_date(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    kind = network_file_system(settings.home)
    if kind is not None and settings.database_url.startswith("sqlite"):
        say(
            f"{settings.home} is on a network file system ({kind}): SQLite works there without its write-ahead log, "
            "slower and for one machine only; set FOCUS_HOME to a local disk, or FOCUS_DATABASE_URL to PostgreSQL."
        )
    try:
        done = migrate_safely(settings.database_url, settings.home / "backups", migrate)
    except UnknownRevisionError as error:
        raise unfit(settings.database_url, error.revision) from None
    was = "" if done.before == done.after else f", was {done.before}" if done.before else ", new"
    kept = "" if done.backup is None else f"; as it was before: {done.backup}"
    say(f"record: revision {done.after}{was}{kept}")


def down(settings: Settings) -> int:
    """SIGTERM to the launcher, which ends everything in order; wait until it has gone."""
    running = lock_holder(settings)
    if running is None:
        print(f"FOCUS is not running in {settings.home}")
        return EXIT_DONE
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(running["pid"])
        process.terminate()
        if not wait_until_gone([process], 2 * settings.grace_seconds + 30):
            print(f"focus-lab down: process {running['pid']} has not ended; its logs are in {settings.log_folder}")
            return EXIT_FAULT
    print("FOCUS has ended; interrupted training runs continue with the next focus-lab up")
    return EXIT_DONE


def status(settings: Settings, *, as_json: bool = False) -> int:
    running = lock_holder(settings)
    state = open_record(as_it_runs(settings, running)).laboratory.state()
    if as_json:
        workers = [vars(worker) for worker in state.workers]
        counts = {"running": state.running, "queued": state.queued, "failed": state.failed}
        where = None if running is None else address(running["port"])
        print(json.dumps({"address": where, "home": str(settings.home), **counts, "workers": workers}, indent=1))
        return EXIT_DONE
    print(f"FOCUS is at {address(running['port'])}" if running else f"FOCUS is not running in {settings.home}")
    print(f"experiments: {state.running} running, {state.queued} queued, {state.failed} failed")
    for worker in state.workers:
        print(f"worker {worker.id}: {worker.lane}, {worker.device}, {worker.current or 'idle'}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
