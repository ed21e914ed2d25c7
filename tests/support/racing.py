"""Processes that ask the same record for something at the same moment."""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Callable
from typing import Any

from waiting import patience

from focus_store.repository import Repository
from focus_store.session import open_record
from focus_store.settings import Settings

RACERS = 6


def _run(action: Callable[[Repository, int], Any], settings: Settings, barrier: Any, results: Any, i: int) -> None:
    repository = open_record(settings)
    repository.state()  # connections are open before the race starts
    barrier.wait()
    results.put(action(repository, i))
    repository.close()


def race(repository: Repository, action: Callable[[Repository, int], Any]) -> list[Any]:
    """The answers of processes that do `action(repository, number)` at the same moment."""
    repository.close()
    context = multiprocessing.get_context("fork")  # no connection is open, and no thread runs
    barrier, results = context.Barrier(RACERS), context.Queue()
    patient = dataclasses.replace(repository.settings, lease_seconds=600.0)  # nothing runs out during the race
    processes = [context.Process(target=_run, args=(action, patient, barrier, results, i)) for i in range(RACERS)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=patience()) for _ in processes]
    for process in processes:
        process.join()
    return answers
