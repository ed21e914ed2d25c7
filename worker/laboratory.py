"""`focus-lab`: the whole laboratory on one machine, from one command.

`up` brings the record up to date, starts a training worker, a sampling worker and the dashboard, starts them again
when they die, and ends them all with itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence

import psutil

from focus_core.errors import EXIT_DONE, EXIT_FAULT, EXIT_USER_MISTAKE, UserError
from focus_store.engine import network_file_system
from focus_store.session import open_record
from focus_store.settings import Settings
from migrations.upgrade import migrate
from worker.launcher import Launcher, address, lock_holder
from worker.processes import wait_until_gone

COMMANDS = {
    "up": "start the laboratory here, or say where it runs; Ctrl-C ends it",
    "down": "end the laboratory that runs here; trainings write a checkpoint and go on with the next up",
    "status": "what runs, waits and failed, and which workers are there",
    "migrate": "bring the record to the revision that this version of FOCUS needs",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 done, 1 our fault, 2 the user's mistake."""
    parser = argparse.ArgumentParser(prog="focus-lab", description="The FOCUS laboratory on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        if name == "up":
            command.add_argument("--port", type=int, help="of the dashboard (default FOCUS_PORT, or 8501)")
        if name == "status":
            command.add_argument("--json", action="store_true", help="for programs")
    parsed = parser.parse_args(argv)
    try:
        settings = Settings.from_environment()
        if parsed.command == "up":
            return up(settings, parsed.port)
        if parsed.command == "status":
            return status(settings, as_json=parsed.json)
        return down(settings) if parsed.command == "down" else migrate_record(settings)
    except UserError as error:
        print(f"focus-lab {parsed.command}: {error}", file=sys.stderr)
        return EXIT_USER_MISTAKE


def up(settings: Settings, port: int | None = None) -> int:
    launcher = Launcher(settings, port or settings.port)
    running = launcher.lock()
    if running is not None:
        print(f"FOCUS is already running at {address(running['port'])} (process {running['pid']}, {settings.home})")
        return EXIT_DONE
    launcher.check_port()
    migrate_record(settings)
    return launcher.run()


def migrate_record(settings: Settings) -> int:
    settings.home.mkdir(parents=True, exist_ok=True)
    kind = network_file_system(settings.home)
    if kind is not None and settings.database_url.startswith("sqlite"):
        print(
            f"{settings.home} is on a network file system ({kind}): SQLite works there without its write-ahead log, "
            "slower and for one machine only; set FOCUS_HOME to a local disk, or FOCUS_DATABASE_URL to PostgreSQL."
        )
    before, after = migrate(settings.database_url)
    if before != after:
        print(f"record: revision {after}" + (f", was {before}" if before else ", new"))
    else:
        print(f"record: revision {after}")
    return EXIT_DONE


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
    print("FOCUS has ended; interrupted trainings go on with the next focus-lab up")
    return EXIT_DONE


def status(settings: Settings, *, as_json: bool = False) -> int:
    running = lock_holder(settings)
    state = open_record(settings).state()
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
