"""`focus train` on several devices: the command starts torchrun, which starts one rank for each, and ends with them.

torchrun knows only success and failure. So each rank leaves its exit code and its message in a folder of ours, and
the user, a shell script or a supervisor sees the same as from a single process.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from focus_core.disk.atomic import write_text
from focus_core.errors import EXIT_DONE, EXIT_FAULT, EXIT_STOPPED, EXIT_USER_MISTAKE, StopRequested, UserError
from focus_core.training.stopping import PARENT, StopSwitch

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.1
_FIRST_IS_LATE_SECONDS = 10.0


def is_rank() -> bool:
    """Whether torchrun started this process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "MASTER_ADDR" in os.environ


def train_on(count: int, cores: int, words: Sequence[str], stop: StopSwitch) -> int:
    """Run `focus train` with these words on `count` ranks; the exit code, or the exception of the first rank."""
    with tempfile.TemporaryDirectory(prefix="focus-ranks-") as folder:
        ends = Path(folder)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        command += ["-m", "focus_core.training.launch", folder, *words]
        threads = str(max(1, int(os.environ.get("OMP_NUM_THREADS", cores)) // count))
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        # A session of its own: Ctrl-C is for us; we signal the first rank, which informs the others.
        with subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=_end_with_us()) as torchrun:
            _await(torchrun, ends, stop)
        return _exit_code(torchrun.returncode, ends, stop)


def _end_with_us() -> Callable[[], None] | None:
    """Run by torchrun before it begins. The library is loaded here: little may be done between fork and exec."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return lambda: library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _await(torchrun: subprocess.Popen[bytes], ends: Path, stop: StopSwitch) -> None:
    """Wait for its end. A stop request goes to the first rank, or to torchrun while there is none: it kills in 30 s."""
    asked = False
    while torchrun.poll() is None:
        if stop.on and not asked:
            asked = True
            pid = ends / "0.pid"
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid.read_text()) if pid.exists() else torchrun.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            torchrun.wait(_LOOK_SECONDS)


def _exit_code(code: int, ends: Path, stop: StopSwitch) -> int:
    told = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(ends.glob("*.json"))]
    for wanted, kind in ((EXIT_USER_MISTAKE, UserError), (EXIT_STOPPED, StopRequested)):
        if sentences := [end["message"] for end in told if end["code"] == wanted]:
            raise kind(sentences[0])
    if code == EXIT_DONE:
        return EXIT_DONE
    stop.check()  # before any rank could receive it
    return EXIT_FAULT


def main(ends: Path, words: Sequence[str]) -> int:
    """A rank's process, under torchrun: train, and record how it ended."""
    from focus_core.cli import run_command

    number = os.environ["RANK"]
    os.environ[PARENT] = str(os.getppid())
    write_text(ends / f"{number}.pid", str(os.getpid()))
    try:
        run_command("train", words)
    except UserError as error:
        _leave(ends, number, EXIT_USER_MISTAKE, str(error))
    except StopRequested as request:
        _leave(ends, number, EXIT_STOPPED, str(request))
    except (RuntimeError, OSError):
        # The first rank has ended in order, and removed what this one waited for.
        if number != "0" and _appears(ends / "0.json"):
            return EXIT_DONE
        traceback.print_exc()
        return EXIT_FAULT
    else:
        _leave(ends, number, EXIT_DONE, "")
    return EXIT_DONE


def _leave(ends: Path, number: str, code: int, message: str) -> None:
    write_text(ends / f"{number}.json", json.dumps({"code": code, "message": message}))


def _appears(path: Path) -> bool:
    deadline = time.monotonic() + _FIRST_IS_LATE_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
