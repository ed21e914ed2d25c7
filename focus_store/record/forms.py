"""Contents of forms that were neither saved nor queued, so that a reload, another tab or a restarted page shows them.

A form is identified by the token in its page's address. Two pages on one token never overwrite one another: the one
that has not seen the other's last write continues under a token of its own.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from focus_store.contracts import Unfinished
from focus_store.database.session import Gateway, database_now, new_id
from focus_store.database.tables import UnfinishedForm

KEPT_FORMS = 200
KEPT_FOR = datetime.timedelta(days=30)


class Forms(Gateway):
    """Contents of forms, by the token of a page."""

    def get(self, token: str) -> Unfinished | None:
        """None if nothing is kept under this token, or no longer."""
        with self.reading() as session:
            row = session.get(UnfinishedForm, token)
            return Unfinished(row.token, row.version, row.content) if row is not None else None

    def keep(self, content: Mapping[str, Any], writer: str, known: Unfinished | None) -> Unfinished:
        """Store the content of the form that the page `writer` last saw as `known`.

        If another page has written meanwhile, or `known` no longer exists, it is stored under a new token. The
        token of the result shows which.
        """
        with self.writing() as session:
            now = database_now(session)
            if known is not None:
                version = _rewritten(session, content, writer, known, now)
                if version is not None:
                    return Unfinished(known.token, version, content)
            token = _free_token(session)
            row = UnfinishedForm(token=token, version=1, writer=writer, content=dict(content), changed_at=now)
            session.add(row)
            session.flush()
            _drop_old(session, now)
            return Unfinished(token, 1, content)

    def forget(self, token: str) -> None:
        with self.writing() as session:
            session.execute(delete(UnfinishedForm).where(UnfinishedForm.token == token))


def _rewritten(
    session: Session, content: Mapping[str, Any], writer: str, known: Unfinished, now: datetime.datetime
) -> int | None:
    """The row's new version, if it was as `known` or this page's own; None otherwise.

    Its own, because a script that was stopped may have written without receiving the result.
    """
    form = UnfinishedForm
    row = session.scalar(
        update(form)
        .where(form.token == known.token, or_(form.version == known.version, form.writer == writer))
        .values(content=dict(content), writer=writer, version=form.version + 1, changed_at=now)
        .returning(form.version)
    )
    return None if row is None else int(row)


def _free_token(session: Session) -> str:
    while session.get(UnfinishedForm, candidate := new_id()) is not None:
        pass
    return candidate


def _drop_old(session: Session, now: datetime.datetime) -> None:
    newest = select(UnfinishedForm.token).order_by(UnfinishedForm.changed_at.desc()).limit(KEPT_FORMS)
    tokens = list(session.scalars(newest))
    old = or_(UnfinishedForm.changed_at < now - KEPT_FOR, UnfinishedForm.token.not_in(tokens))
    session.execute(delete(UnfinishedForm).where(old))
