"""Assignment of work: claims, heartbeats, endings, and what happens to the work of a worker that vanished.

A claim is one conditional UPDATE that takes a lease. Losers do nothing. Any number of processes may call all of this
at once.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterator
from typing import Any, cast

from sqlalchemy import CursorResult, Select, and_, or_, select, update
from sqlalchemy.orm import Session

from focus_core.catalogue.jobs import SAMPLE, kinds_in
from focus_store.contracts import ACTIVE, JOB_UNDER_WAY, Claim, DesiredState, JobStatus, Status, Wish
from focus_store.database.session import Gateway, add_event, database_now
from focus_store.database.tables import Attempt, Dataset, Experiment, Job, SampleRequest
from focus_store.database.transitions import NO_LEASE, LeasedInstance, LeasedRow, find, move

TABLES: dict[str, LeasedRow] = {"experiment": Experiment, "job": Job, "sample": SampleRequest}
KINDS = {table: kind for kind, table in TABLES.items()}
_CLAIMED = {Experiment: Status.STARTING, Job: JobStatus.RUNNING, SampleRequest: JobStatus.RUNNING}
REAPER = "reaper"
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Leases(Gateway):
    """Claims of rows by workers, each under a lease that a heartbeat renews."""

    def claim(self, lane: str, owner: str) -> Claim | None:
        """Take the first due row of a lane: highest priority, then longest wait. None if nothing is due."""
        tables: list[LeasedRow] = [SampleRequest, Job] if lane == SAMPLE else [Experiment, Job]
        while True:
            with self.writing() as session:
                due = sorted(
                    (row for table in tables if (row := _first_due(session, table, lane)) is not None),
                    key=lambda row: (-row[1], row[2]),
                )
                if not due:
                    return None
                for row_id, _, _, table in due:
                    if (claim := self._take(session, table, row_id, owner)) is not None:
                        return claim
            # PostgreSQL lets another worker take a row between our SELECT and our UPDATE; another one may still wait.

    def claim_row(self, kind: str, row_id: str, owner: str) -> Claim | None:
        """Take exactly this row if it is queued; of many simultaneous attempts, one succeeds."""
        with self.writing() as session:
            return self._take(session, TABLES[kind], row_id, owner)

    def _take(self, session: Session, table: LeasedRow, row_id: str, owner: str) -> Claim | None:
        now, token = database_now(session), secrets.token_hex(8)
        values: dict[str, Any] = {
            "lease_token": token,
            "lease_owner": owner,
            "lease_until": now + self._lease,
            "heartbeat_at": now,
            "started_at": now,
            "ended_at": None,
        }
        if table is Experiment:
            values |= {"attempts": Experiment.attempts + 1, "progressed_at": now}
        if move(session, table, row_id, ["queued"], _CLAIMED[table], owner, **values) is None:
            return None
        attempt = 0
        if table is Experiment:
            attempt = session.scalars(select(Experiment.attempts).where(Experiment.id == row_id)).one()
            host = owner.partition(":")[0]
            session.add(
                Attempt(experiment=row_id, number=attempt, worker=owner, host=host, lease_token=token, started_at=now)
            )
        return Claim(KINDS[table], row_id, token, owner, attempt)

    def renew(self, claim: Claim) -> Wish:
        """Show that the worker is alive, and return the user's request."""
        table = TABLES[claim.kind]
        with self.writing() as session:
            now = database_now(session)
            result = session.execute(
                update(table)
                .where(table.id == claim.id, table.lease_token == claim.token)
                .values(lease_until=now + self._lease, heartbeat_at=now)
            )
            assert isinstance(result, CursorResult)
            if result.rowcount != 1:
                return Wish.LOST
            return _wish(session, table, claim.id)

    def wish(self, claim: Claim) -> Wish:
        """The user's request, read without renewing anything: cheap enough for every poll."""
        table = TABLES[claim.kind]
        with self.reading() as session:
            if session.scalar(select(table.lease_token).where(table.id == claim.id)) != claim.token:
                return Wish.LOST
            return _wish(session, table, claim.id)

    def move(self, claim: Claim, after: str, message: str | None = None) -> bool:
        """Change the state of a claimed row and keep the lease; False if the lease is lost or the state unsuitable."""
        table = TABLES[claim.kind]
        with self.writing() as session:
            row = find(session, table, claim.id)
            if row is None or row.status == after:
                return row is not None
            return (
                move(session, table, claim.id, [row.status], after, claim.owner, token=claim.token, message=message)
                is not None
            )

    def note_trainer(self, claim: Claim, pid: int, device: str | None) -> None:
        """Record the process of an attempt."""
        with self.writing() as session:
            session.execute(
                update(Attempt)
                .where(Attempt.experiment == claim.id, Attempt.number == claim.attempt)
                .values(pid=pid, device=device)
            )

    def release(self, claim: Claim, after: str, reason: str, message: str | None = None) -> bool:
        """End the work on a claimed row; False if the lease was lost, and then nothing is written.

        `after` "queued" returns the row: it keeps its place in the lane, and is published again.
        """
        table = TABLES[claim.kind]
        requeue = after == Status.QUEUED
        with self.writing() as session:
            row = find(session, table, claim.id)
            if row is None or row.lease_token != claim.token:
                return False
            now = database_now(session)
            ended = None if requeue else now
            values: dict[str, Any] = NO_LEASE | {"ended_at": ended}
            if requeue:
                values["published_at"] = None
            done = move(
                session, table, claim.id, [row.status], after, claim.owner,
                token=claim.token, message=message, **values,
            )  # fmt: skip
            if done and claim.kind == "experiment":
                _end_attempt(session, claim.id, claim.attempt, now, reason)
        return done is not None

    # ---- called by the reaper every few seconds, in every worker and in the launcher -------------------------------

    def expire(self) -> list[str]:
        """Rows whose lease expired: experiments become crashed, jobs and samples are queued again or fail. The ids."""
        with self.writing() as session:
            now = database_now(session)
            return [
                row.id
                for table in TABLES.values()
                for row in _expired(session, table, now)
                if self._expire(session, table, row, now)
            ]

    def _expire(self, session: Session, table: LeasedRow, row: LeasedInstance, now: datetime.datetime) -> bool:
        lost = f"its worker {row.lease_owner} has not been heard of since its lease ran out"
        if isinstance(row, Experiment):
            _end_attempt(session, row.id, row.attempts, now, "crashed")
            after, values = str(Status.CRASHED), NO_LEASE | {"ended_at": now}
        elif isinstance(row, Job) and row.cancel:
            after, values = str(JobStatus.CANCELLED), NO_LEASE | {"ended_at": now}
        elif row.retries < self.settings.max_retries:
            after = str(JobStatus.QUEUED)
            values = NO_LEASE | {"published_at": None, "retries": row.retries + 1}
        else:
            after, values = str(JobStatus.FAILED), NO_LEASE | {"ended_at": now}
        before = [row.status]
        return (
            move(session, table, row.id, before, after, REAPER, token=row.lease_token, message=lost, **values)
            is not None
        )

    def requeue_crashed(self) -> list[str]:
        """Crashed experiments, a tick after the crash was detected: queued again, or stopped as their user requested.

        After `max_retries` restarts without the user they stay crashed, with a message.
        """
        pause = datetime.timedelta(seconds=self.settings.reap_seconds)
        with self.writing() as session:
            now = database_now(session)
            rows = session.scalars(
                select(Experiment)
                .where(Experiment.status == Status.CRASHED, Experiment.ended_at < now - pause)
                .where(Experiment.queued_at.is_not(None))  # an imported run waits for the user
            ).all()
            return [row.id for row in rows if self._after_crash(session, row, now)]

    def _after_crash(self, session: Session, row: Experiment, now: datetime.datetime) -> bool:
        rest = {DesiredState.PAUSE: Status.PAUSED, DesiredState.CANCEL: Status.CANCELLED}.get(
            DesiredState(row.desired_state)
        )
        crashed = [Status.CRASHED]
        if rest is not None:
            return move(session, Experiment, row.id, crashed, rest, REAPER) is not None
        if row.retries >= self.settings.max_retries:
            return False
        message = f"restart {row.retries + 1} of {self.settings.max_retries} after a crash"
        return (
            move(
                session, Experiment, row.id, crashed, Status.QUEUED, REAPER,
                message=message, retries=row.retries + 1, queued_at=now, published_at=None,
            )
            is not None
        )  # fmt: skip

    def mark_stalled(self) -> list[str]:
        """Running experiments whose worker is alive but whose journal has not grown for `stall_seconds`."""
        with self.writing() as session:
            old = database_now(session) - datetime.timedelta(seconds=self.settings.stall_seconds)
            ids = session.scalars(
                select(Experiment.id).where(Experiment.status == Status.RUNNING, Experiment.progressed_at < old)
            ).all()
            message = f"no step for {self.settings.stall_seconds:g} s, although its worker is alive"
            running = [Status.RUNNING]
            return [i for i in ids if move(session, Experiment, i, running, Status.STALLED, REAPER, message=message)]

    def active(self) -> Iterator[tuple[str, str]]:
        """(id, owner) of every experiment under way."""
        with self.reading() as session:
            query = select(Experiment.id, Experiment.lease_owner).where(Experiment.status.in_(list(ACTIVE)))
            yield from ((row_id, owner or "") for row_id, owner in session.execute(query).all())

    @property
    def _lease(self) -> datetime.timedelta:
        return datetime.timedelta(seconds=self.settings.lease_seconds)


def _expired(session: Session, table: LeasedRow, now: datetime.datetime) -> list[LeasedInstance]:
    query = select(table).where(table.lease_token.is_not(None), table.lease_until < now)
    return cast(list[LeasedInstance], session.scalars(query).all())


def _first_due(session: Session, table: LeasedRow, lane: str) -> tuple[str, int, datetime.datetime, LeasedRow] | None:
    query = select(table.id, table.priority, table.queued_at).where(table.status == "queued")
    if table is Experiment:
        query = query.where(~_held_back().exists())
    elif table is Job:
        query = query.where(Job.kind.in_(kinds_in(lane)))
    row = session.execute(query.order_by(table.priority.desc(), table.queued_at, table.id).limit(1)).first()
    return None if row is None else (row[0], row[1], row[2] or _EPOCH, table)


def _held_back() -> Select[str]:
    """The job that an experiment waits for: one under way, or one that ended without the dataset it was to make.

    After a cancelled or failed simulation the experiment would start only to fail; it waits until that simulation has
    succeeded, or a dataset of that name was added in another way.
    """
    missing = ~select(Dataset.name).where(Dataset.name == Experiment.dataset).exists()
    return select(Job.id).where(
        Job.id == Experiment.after_job,
        or_(
            Job.status.in_(JOB_UNDER_WAY),
            and_(Job.status.in_([JobStatus.CANCELLED, JobStatus.FAILED]), missing),
        ),
    )


def _wish(session: Session, table: LeasedRow, row_id: str) -> Wish:
    if table is Experiment:
        desired = session.scalar(select(Experiment.desired_state).where(Experiment.id == row_id))
        return {DesiredState.PAUSE: Wish.PAUSE, DesiredState.CANCEL: Wish.CANCEL}.get(
            DesiredState(desired or "run"), Wish.GO_ON
        )
    if table is Job and session.scalar(select(Job.cancel).where(Job.id == row_id)):
        return Wish.CANCEL
    return Wish.GO_ON


def _end_attempt(session: Session, experiment_id: str, number: int, now: datetime.datetime, reason: str) -> None:
    session.execute(
        update(Attempt)
        .where(Attempt.experiment == experiment_id, Attempt.number == number, Attempt.ended_at.is_(None))
        .values(ended_at=now, reason=reason)
    )


def remark(session: Session, subject: str, message: str, who: str) -> None:
    add_event(session, subject, "remark", who, message=message)
