"""The two tasks. A message is a nudge: whatever it names, the worker takes the row that has waited longest."""

from __future__ import annotations

import importlib
import logging

from celery import signals
from sqlalchemy.exc import OperationalError

from focus_core.errors import UserError
from focus_store.contracts import Claim
from focus_store.queue import SAMPLE, TASKS, TRAIN
from focus_store.record.record import Record
from worker.consumer import presence
from worker.consumer.app import app
from worker.jobs.child import Errand
from worker.jobs.training import train as train_run
from worker.jobs.work import run_job

log = logging.getLogger(__name__)


@signals.worker_ready.connect
def _warm_up(**_: object) -> None:
    """A sampling worker imports torch while it is idle, not when the first request arrives."""
    if presence.this_worker().row.lane == SAMPLE:
        importlib.import_module("worker.jobs.sampling")


@app.task(name=TASKS[TRAIN])
def train(row_id: str) -> None:
    log.debug("nudged by %s", row_id)
    while _work_on_next(TRAIN):
        pass


@app.task(name=TASKS[SAMPLE])
def sample(row_id: str) -> None:
    log.debug("nudged by %s", row_id)
    while _work_on_next(SAMPLE):
        pass


def _work_on_next(lane: str) -> bool:
    """Claim one row and work on it; False when nothing is due or the worker is shutting down."""
    worker = presence.this_worker()
    if presence.shutting_down():
        return False
    claim = worker.record.leases.claim(lane, worker.row.id)
    if claim is None:
        return False
    worker.record.workers.set_current(worker.row.id, claim.id)
    try:
        _run(worker.record, claim)
    except OperationalError:
        raise  # the record is away: the lease expires, and the row continues from there
    except UserError as error:
        worker.record.leases.release(claim, "failed", "refused", str(error))
    except Exception as error:
        message = f"a fault of FOCUS ({type(error).__name__}: {error}); the worker's log has the details"
        worker.record.leases.release(claim, "failed", "failed", message)
        raise
    finally:
        worker.record.workers.set_current(worker.row.id, None)
    return True


def _run(record: Record, claim: Claim) -> None:
    errand = Errand(record, claim, presence.shutting_down)
    if claim.kind == "experiment":
        train_run(errand)
    elif claim.kind == "job":
        run_job(errand)
    else:
        from worker.jobs.sampling import answer  # torch: only ever in a sampling worker

        answer(record, claim, presence.shutting_down)
