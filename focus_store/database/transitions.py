"""Moving a row from one state to another: a compare-and-set that leaves an event, or does nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from focus_core.errors import UserError
from focus_store.contracts import JOB_TRANSITIONS, TRANSITIONS, JobStatus, Status
from focus_store.database.session import add_event
from focus_store.database.tables import Event, Experiment, Job, SampleRequest

LeasedRow = type[Experiment] | type[Job] | type[SampleRequest]
NO_LEASE: dict[str, Any] = {"lease_token": None, "lease_owner": None, "lease_until": None}


LeasedInstance = Experiment | Job | SampleRequest


def find(session: Session, table: LeasedRow, row_id: str) -> LeasedInstance | None:
    return cast(LeasedInstance | None, session.get(table, row_id))


def allowed(before: str, after: str, table: LeasedRow) -> bool:
    if table is Experiment:
        return Status(after) in TRANSITIONS[Status(before)]
    return JobStatus(after) in JOB_TRANSITIONS[JobStatus(before)]


def move(
    session: Session,
    table: LeasedRow,
    row_id: str,
    before: Collection[str],
    after: str,
    who: str,
    *,
    token: str | None = None,
    message: str | None = None,
    **values: Any,
) -> str | None:
    """Set `after` if the row is in one of `before` (and its lease is `token`'s); returns its previous state, or None.

    A transition missing from the contract raises ValueError: a mistake in our code, never in the data.
    """
    for start in before:
        if not allowed(start, after, table):
            raise ValueError(f"{table.__tablename__}: {start} → {after} is not a transition")
        conditions = [table.id == row_id, table.status == start]
        if token is not None:
            conditions.append(table.lease_token == token)
        if table is Experiment:
            values["change"] = Experiment.change + 1
        result = session.execute(
            update(table).where(*conditions).values(status=after, message=message, **values),
            execution_options={"synchronize_session": False},
        )
        assert isinstance(result, CursorResult)
        if result.rowcount == 1:
            add_event(session, row_id, "status", who, before=start, after=after, message=message)
            return start
    return None


def touch(session: Session, experiment_id: str, **values: Any) -> None:
    """Change an experiment's columns and notify live pages. UserError if there is no such experiment."""
    result = session.execute(
        update(Experiment).where(Experiment.id == experiment_id).values(change=Experiment.change + 1, **values),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise unknown_experiment(session, experiment_id)


class Conflict(UserError):
    """Another value was written since this writer read the one to be replaced; nothing was overwritten.

    For texts that users write: the page shows `mine` and `theirs`, and the reader chooses.
    """

    def __init__(self, message: str, *, mine: Any, theirs: Any) -> None:
        super().__init__(message)
        self.mine, self.theirs = mine, theirs


def unknown(kind: str, row_id: str) -> UserError:
    where = _WHERE.get(kind, "the list of experiments")
    return UserError(f"{kind} {row_id}: is not in this record; {where} shows what is.")


# The page that lists the rows of a kind.
_WHERE = {"dataset": "the page Datasets", "job": "the page Workers", "sample request": "the page Sample"}


# Separates the name and the freed bytes in the remark of a deletion.
DELETED = " was deleted;"


def unknown_experiment(session: Session, experiment_id: str) -> UserError:
    """For a deleted one (perhaps in another window) its name and the time; otherwise as `unknown`."""
    remarks = select(Event).where(Event.subject == experiment_id, Event.message.contains(DELETED, autoescape=True))
    last = session.scalar(remarks.order_by(Event.id.desc()).limit(1))
    if last is None:
        return unknown("experiment", experiment_id)
    name = str(last.message).partition(DELETED)[0]
    return UserError(
        f"experiment {experiment_id}: {name} was deleted on {last.time:%Y-%m-%d at %H:%M} UTC; the list of experiments "
        "shows what is there."
    )


def experiment_row(session: Session, experiment_id: str) -> Experiment:
    row = session.get(Experiment, experiment_id)
    if row is None:
        raise unknown_experiment(session, experiment_id)
    return row
