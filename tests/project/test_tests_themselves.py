"""Tests wait as long as the machine's load makes necessary, and what they start ends with them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import waiting
from mortal import mortal
from waiting import await_condition

from worker.processes import is_gone

TESTS = Path(__file__).resolve().parents[1]
SUPPORT = TESTS / "support"
LIMITS = ("timeout", "default_timeout", "startup_timeout")
# Below this a limit says how long one try takes of several, or that something does not come.
ONE_TRY_SECONDS = 15.0

# A process that starts another as tests do, and then is busy with something else.
PARENT = """
import subprocess, sys, time
sys.path.insert(0, {support!r})
from mortal import mortal
child = mortal([sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"],
               stdout=subprocess.PIPE, start_new_session={session})
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def calls() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{file.relative_to(TESTS)}:{node.lineno}", node


def fixed_limits(call: ast.Call) -> list[float]:
    """Seconds that a call waits at most, where they stand there as a number. pytest's mark is against a hang alone."""
    called = ast.unparse(call.func)
    given = [word.value for word in call.keywords if word.arg in LIMITS]
    if called.endswith(".wait") or called.endswith(".join"):
        given += call.args
    numbers = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, int | float)]
    return [] if called == "pytest.mark.timeout" else [number for number in numbers if number > ONE_TRY_SECONDS]


def test_no_limit_of_time_in_the_tests_ignores_the_load() -> None:
    found = [f"{where}: {limits}" for where, call in calls() if (limits := fixed_limits(call))]
    assert found == [], "write patience(…) of tests/support/waiting.py"


def test_a_wait_follows_the_load_and_ends_within_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "slowness", lambda: 5.0)
    assert waiting.patience(60.0) == 300.0
    assert waiting.patience() == 600.0


def test_every_process_of_the_tests_is_started_so_that_it_ends_with_them() -> None:
    started = [where for where, call in calls() if ast.unparse(call.func) in ("subprocess.Popen", "Popen")]
    assert [where.partition(":")[0] for where in started] == ["support/mortal.py"], "use mortal(…) of tests/support"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("session", [False, True], ids=["in the tests' session", "in a session of its own"])
def test_what_tests_have_started_ends_when_they_are_killed(session: bool) -> None:
    program = PARENT.format(support=str(SUPPORT), session=session)
    parent = mortal([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert not is_gone(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    await_condition(lambda: is_gone(child), "the end of what a killed test had started")
