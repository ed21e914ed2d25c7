"""What is correct after a storm, and what is not."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from chaos_training import EPOCHS, read_journal
from sqlalchemy import select

from focus_core.run_files import JOURNAL
from focus_store.contracts import JobStatus, Status
from focus_store.database.tables import Attempt, Checkpoint, Experiment, Figure
from focus_store.journal.ingest import CURVES
from focus_store.journal.points import points
from focus_store.record.record import Record


@dataclass
class Verdict:
    facts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, count: int) -> None:
        self.facts[name] += count

    def check(self, right: bool, sentence: str) -> None:
        if not right:
            self.faults.append(sentence)


def judge(
    record: Record, expected: Mapping[str, Collection[Status]], samples: Collection[str], reference: Path
) -> Verdict:
    verdict = Verdict()
    undisturbed = {e["step"]: e["loss"] for e in read_journal(reference) if e["kind"] == "step"}
    for run, states in expected.items():
        status = record.experiments.get(run).summary.status
        verdict.add(f"runs that {_ENDED.get(status, str(status))}", 1)
        verdict.check(status in states, f"run {run} is {status}, not {' or '.join(states)}")
        _check_record(verdict, record, run)
        _check_events(verdict, record, run)
        _check_curve(verdict, record, run, undisturbed, whole=status is Status.SUCCEEDED)
    for sample in samples:
        row = record.samples.get(sample)
        verdict.add(f"samples {row.status}", 1)
        verdict.check(row.status is JobStatus.SUCCEEDED, f"sample {sample} is {row.status}: {row.message}")
    return verdict


_ENDED = {Status.SUCCEEDED: "succeeded", Status.FAILED: "failed, as they should", Status.CANCELLED: "were cancelled"}


def _check_record(verdict: Verdict, record: Record, run: str) -> None:
    """The database equals the journal: every point of every attempt, every checkpoint, every figure."""
    folder = record.settings.run_folder(run)
    events = read_journal(folder) if (folder / JOURNAL).exists() else []
    told: dict[tuple[Any, ...], float] = {}
    doubled = 0
    for event in events:
        for name, curve in CURVES.get(event["kind"], {}).items():
            if event.get(name) is not None:
                key = (event["attempt"], *curve, event["step"])
                doubled += key in told
                told[key] = event[name]
    with record.database.reading() as session:
        found = [((p.attempt, p.key, p.split, p.step), p.value) for p in points(session, run)]
        saved = Counter((c.attempt, c.role, c.step, c.sha256) for c in session.scalars(_of(Checkpoint, run)))
        drawn = {f.epoch for f in session.scalars(_of(Figure, run))}
        attempts = {a.number: a for a in session.scalars(_of(Attempt, run))}
        row = session.get_one(Experiment, run)
        leased, claims = row.lease_token is not None, row.attempts
    verdict.add("points in the journals", len(told))
    verdict.add("points in the database", len(found))
    verdict.check([e["seq"] for e in events] == list(range(len(events))), f"run {run}: the journal's lines have a gap")
    verdict.check(doubled == 0, f"run {run}: {doubled} points are twice in the journal")
    lost, invented = told.items() - set(found), set(found) - told.items()
    verdict.add("points lost, doubled or invented", len(lost) + len(invented) + len(found) - len(set(found)))
    verdict.check(
        not lost, f"run {run}: {len(lost)} points of the journal are not in the database, {min(lost, default=0)}"
    )
    verdict.check(not invented, f"run {run}: {len(invented)} points in the database are in no journal")
    wanted = Counter((e["attempt"], e["role"], e["step"], e["sha256"]) for e in events if e["kind"] == "checkpoint")
    verdict.add("checkpoints in the journals and in the database", sum(wanted.values()))
    verdict.check(saved == wanted, f"run {run}: its checkpoints are not those of the journal")
    verdict.check(drawn == {e["epoch"] for e in events if e["kind"] == "figure"}, f"run {run}: its figures differ")
    verdict.add("attempts", len(attempts))
    verdict.add("attempts that crashed", sum(attempt.reason == "crashed" for attempt in attempts.values()))
    verdict.check(sorted(attempts) == list(range(1, claims + 1)), f"run {run}: attempts {sorted(attempts)} of {claims}")
    verdict.check({e["attempt"] for e in events} <= attempts.keys(), f"run {run}: the journal has another attempt")
    verdict.check(all(a.ended_at for a in attempts.values()), f"run {run}: an attempt has no end")
    verdict.check(not leased, f"run {run}: is still leased")


def _check_events(verdict: Verdict, record: Record, run: str) -> None:
    """Every transition begins where the previous one ended."""
    moves = [event for event in reversed(record.experiments.events(run, limit=10_000)) if event.kind == "status"]
    for earlier, later in itertools.pairwise(moves):
        verdict.check(earlier.after == later.before, f"run {run}: went from {earlier.after} to … {later.before}")
    verdict.add("crashes that were shown", sum(event.after == Status.CRASHED for event in moves))


def _check_curve(verdict: Verdict, record: Record, run: str, undisturbed: Mapping[int, float], *, whole: bool) -> None:
    """The curve that a user sees has every step once, with the loss of an undisturbed training run."""
    curve = record.curves.series(run, "loss", "train")
    last = len(undisturbed) if whole else len(curve.step)
    verdict.check(np.array_equal(curve.step, np.arange(1, last + 1)), f"run {run}: the curve misses or doubles steps")
    differing = sum(undisturbed.get(int(s)) != float(v) for s, v in zip(curve.step, curve.value, strict=True))
    verdict.add("steps seen on the curves", len(curve.step))
    verdict.add("steps whose loss differs from an undisturbed training's", differing)
    verdict.check(differing == 0, f"run {run}: {differing} losses differ from an undisturbed training's")
    if whole:
        validation = record.curves.series(run, "loss", "validation")
        verdict.check(len(validation.step) == EPOCHS, f"run {run}: {len(validation.step)} validation losses")


def _of(table: Any, run: str) -> Any:
    return select(table).where(table.experiment == run)
