"""`focus-lab up` as a newcomer starts it, in its own folder and on its own port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from mortal import mortal
from waiting import await_condition, patience


@dataclass
class Laboratory:
    """A running `focus-lab up` and its address."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def start_laboratory(
    home: Path, *options: str, command: str = "up", variables: Mapping[str, str] | None = None
) -> Laboratory:
    """`focus-lab up` (or `stack`) as make starts it, on a free port and with its own home; once the page answers."""
    port = free_port()
    # Beside busy programs a training run with lowered priority would hardly progress.
    ours = {"FOCUS_TRAIN_NICENESS": "0", **(variables or {})}
    environment = {**os.environ, **ours, "FOCUS_HOME": str(home), "FOCUS_PORT": str(port)}
    words = [sys.executable, "-m", "worker.laboratory.command", command, *options]
    with (home / "up.txt").open("wb") as output:
        process = mortal(words, env=environment, stdout=output, stderr=subprocess.STDOUT)
    laboratory = Laboratory(home, port, process)
    try:
        await_condition(
            lambda: process.poll() is not None or answers(f"{laboratory.address}/api/health"), "the page to answer"
        )
        assert process.poll() is None, (home / "up.txt").read_text()
    except BaseException:
        stop_laboratory(laboratory)
        raise
    return laboratory


def stop_laboratory(laboratory: Laboratory) -> None:
    """Ctrl-C, as a user would; anything that outlives it is a failure, and is ended by its id."""
    if laboratory.process.poll() is not None:
        return
    children = laboratory.descendants()
    left = children
    laboratory.process.send_signal(signal.SIGINT)
    try:
        laboratory.process.wait(timeout=patience())
        _, left = psutil.wait_procs(children, timeout=patience())
    finally:
        for process in left:
            if process.is_running():
                process.kill()
        if laboratory.process.poll() is None:
            laboratory.process.kill()
    assert not left, f"processes outlived Ctrl-C: {left}"
