"""Processes that send the same record a request at the same moment."""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Callable
from typing import Any

from mortal import end_with_tests
from waiting import patience

from focus_store.record.record import Record, open_record
from focus_store.settings import Settings

RACERS = 6


def _run(action: Callable[[Record, int], Any], settings: Settings, barrier: Any, results: Any, i: int) -> None:
    end_with_tests()
    record = open_record(settings)
    record.laboratory.state()  # connections are open before the race starts
    barrier.wait()
    results.put(action(record, i))
    record.close()


def race(record: Record, action: Callable[[Record, int], Any]) -> list[Any]:
    """The results of processes that call `action(repository, number)` at the same moment."""
    record.close()
    context = multiprocessing.get_context("fork")  # no connection is open, and no thread runs
    barrier, results = context.Barrier(RACERS), context.Queue()
    patient = dataclasses.replace(record.settings, lease_seconds=600.0)  # nothing expires during the race
    processes = [context.Process(target=_run, args=(action, patient, barrier, results, i)) for i in range(RACERS)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=patience()) for _ in processes]
    for process in processes:
        process.join()
    return answers
