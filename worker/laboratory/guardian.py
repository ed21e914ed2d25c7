"""The guardian of a stack: `python -m worker.laboratory.guardian --home HOME`.

It starts PostgreSQL and Redis, restarts them when they die, and ends them and removes their folder when the
process that holds its standard input has gone, however it ended.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from focus_core.errors import EXIT_DONE, EXIT_USER_MISTAKE, UserError
from worker.laboratory.servers import PrivateServers, reaches


@dataclass(frozen=True)
class Stack:
    """What the guardian prints when both servers answer."""

    database_url: str
    broker_url: str
    folder: str
    kept: bool  # whether the record outlives the stack


@contextlib.contextmanager
def guarded(home: Path, log: Path) -> Iterator[tuple[Stack, Callable[[], bool]]]:
    """Both servers for the duration of a block, and no longer, however we end: a guardian process ensures it.

    Yields their addresses, and a function that tells whether the guardian is still running.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        guardian = subprocess.Popen(
            [sys.executable, "-m", "worker.laboratory.guardian", "--home", str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,
        )
    try:
        assert guardian.stdout is not None
        answer = json.loads(guardian.stdout.readline() or b'{"error": "the stack: its guardian has died; see the log"}')
        if "error" in answer:
            raise UserError(answer["error"])
        yield Stack(**answer), lambda: guardian.poll() is None
    finally:
        assert guardian.stdin is not None
        guardian.stdin.close()
        guardian.wait()


def guard(servers: PrivateServers, kept: bool, stdin: IO[bytes], ended: threading.Event) -> None:
    """Print the servers' addresses, restart them when they die, and end when `stdin` does."""

    def listen() -> None:
        stdin.read()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    stack = Stack(servers.database_url(), servers.broker_url, str(servers.folder), kept)
    print(json.dumps(vars(stack)), flush=True)
    while not ended.wait(0.2):
        try:
            for name in servers.start_the_dead():
                print(f"{name} had died and was started again", file=sys.stderr, flush=True)
        except UserError as error:
            print(f"{error} It is tried again.", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m worker.laboratory.guardian", description="The guardian of focus-lab stack."
    )
    parser.add_argument("--home", type=Path, required=True, help="PostgreSQL's files are kept in HOME/stack")
    home = parser.parse_args(argv).home
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        home.mkdir(parents=True, exist_ok=True)
        kept = reaches(home)
        servers = PrivateServers(home / "stack" if kept else None)
        servers.start()
    except UserError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return EXIT_USER_MISTAKE
    try:
        guard(servers, kept, sys.stdin.buffer, ended)
    finally:
        servers.stop(grace_seconds=15.0)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
