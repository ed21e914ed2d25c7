"""A user's notes and tags of an experiment. Two users who write at the same time lose nothing.

A note is written by comparison with the text that its writer saw. A text that is refused, because another was written
meanwhile, is kept in the record beside the present one until a user settles the two. Tags are sets: each
writer's additions and removals are applied to the present ones.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from focus_store.database.session import Gateway, add_event
from focus_store.database.tables import Event, Experiment
from focus_store.database.transitions import Conflict, touch, unknown_experiment

PERSON = "person"
REFUSED, SETTLED = (
    "note refused",
    "note settled",
)  # kinds of events; `after` is the text, or the last event that it settles


@dataclass(frozen=True)
class RefusedNotes:
    """Texts written beside the note since its writers last agreed; `last` is the event of the newest."""

    texts: tuple[str, ...]
    last: int


class Notes(Gateway):
    """Notes and tags of experiments, set by comparison with what their writer saw."""

    def set(self, experiment_id: str, text: str, *, expected: str = "") -> None:
        """Replace `expected`, which the writer saw there, by `text`.

        Conflict if another text was written meanwhile; this one is then kept among `refused_notes`.
        """
        self._write_note(experiment_id, text, expected, None)

    def settle(self, experiment_id: str, text: str, *, expected: str, last: int) -> None:
        """Write the text on which simultaneous writers agree; `last` says which refused ones they saw."""
        self._write_note(experiment_id, text, expected, last)

    def refused(self, experiment_id: str) -> RefusedNotes:
        with self.reading() as session:
            return _refused(session, experiment_id)

    def set_tags(self, experiment_id: str, tags: Collection[str], *, expected: Collection[str] = ()) -> None:
        """Apply the difference between `tags` and `expected`, which the writer saw; other users' tags are kept."""
        with self.writing() as session:
            there = select(Experiment.tags).where(Experiment.id == experiment_id).with_for_update()
            stored = session.scalar(there)
            if stored is None:
                raise unknown_experiment(session, experiment_id)
            touch(session, experiment_id, tags=merged_tags(stored, expected, tags))

    def _write_note(self, experiment_id: str, text: str, expected: str, settles: int | None) -> None:
        with self.writing() as session:
            theirs = _compare_and_set(session, experiment_id, text, expected)
            if theirs is None and settles is not None:
                add_event(session, experiment_id, SETTLED, PERSON, after=str(settles))
            if theirs is not None and text not in _refused(session, experiment_id).texts:
                add_event(session, experiment_id, REFUSED, PERSON, before=expected, after=text)
                touch(session, experiment_id)
        if theirs is not None:
            raise Conflict(
                f"experiment {experiment_id}: another note was written in the meantime; both texts are kept, choose "
                "between them or write one from both.",
                mine=text,
                theirs=theirs,
            )


def merged_tags(stored: Collection[str], seen: Collection[str], wanted: Collection[str]) -> list[str]:
    """The present tags, with the additions and removals of a user who saw `seen`."""
    before, after = set(clean_tags(seen)), set(clean_tags(wanted))
    return sorted((set(stored) - (before - after)) | (after - before))


def clean_tags(tags: Collection[str]) -> list[str]:
    return sorted({tag.strip() for tag in tags if tag.strip()})


def _compare_and_set(session: Session, experiment_id: str, text: str, expected: str) -> str | None:
    """None if the note is now `text`; otherwise the note that is there instead of `expected`."""
    result = session.execute(
        update(Experiment)
        .where(Experiment.id == experiment_id, Experiment.notes == expected)
        .values(notes=text, change=Experiment.change + 1),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(result, CursorResult)
    if result.rowcount == 1:
        return None
    theirs = session.scalar(select(Experiment.notes).where(Experiment.id == experiment_id))
    if theirs is None:
        raise unknown_experiment(session, experiment_id)
    return None if theirs == text else theirs


def _refused(session: Session, experiment_id: str) -> RefusedNotes:
    of = select(Event).where(Event.subject == experiment_id)
    settled = session.scalar(of.where(Event.kind == SETTLED).order_by(Event.id.desc()).limit(1))
    since = int(settled.after or 0) if settled is not None else 0
    events = session.scalars(of.where(Event.kind == REFUSED, Event.id > since).order_by(Event.id)).all()
    return RefusedNotes(tuple(str(event.after) for event in events), events[-1].id if events else since)
