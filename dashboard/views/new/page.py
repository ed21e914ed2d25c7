"""New: start from a recipe, another experiment or a draft, change it in the form or in the YAML, and queue it."""

from __future__ import annotations

import datetime
from dataclasses import replace
from html import escape
from urllib.parse import urlencode

import streamlit as st

from dashboard.look.prefix import below
from dashboard.look.texts import sentence
from dashboard.parts.acts import note_start
from dashboard.parts.frame import page_head, warn_without_workers
from dashboard.parts.problems import show_user_error
from dashboard.parts.state import experiment_link, follow
from dashboard.record.actions import change_draft, queue
from dashboard.record.connection import record
from dashboard.views.new.draft import Draft, begun, discarded, taken_in, title_of
from dashboard.views.new.notices import costs, identical, notices
from dashboard.views.new.origin import Origin, start_from
from dashboard.views.new.sheet import EDIT, Sheet, goes_on, held, hold, kept, opened
from dashboard.views.new.widgets import PANEL, differences, form, name_and_tags, seen, yaml_text
from focus_core.config.experiment import flatten, parse_config
from focus_core.errors import UserError
from focus_store.database.transitions import Conflict

_CHANGED_ELSEWHERE = "new-draft-changed"


def page() -> None:
    head, notes = st.container(key="new-top"), st.container()
    try:
        line = st.container()  # with a user's own recipes there may be more than a column holds
        beside, name, tags = st.columns([2.4, 3, 2], vertical_alignment="top")
        with line:
            origin = start_from(beside)
        if origin is None:
            return
        sheet, unseen = _sheet(origin)
        start = parse_config(origin.yaml, origin.key)
    except UserError as error:
        with head:
            st.title("New experiment", anchor=False)
        show_user_error(error)
        return
    with head:
        _head(origin, sheet, unseen)
    with notes:
        _told(origin, sheet)
        warn_without_workers()
    discard = name_and_tags(sheet.draft, name, tags)
    estimate = st.container()
    left, right = st.columns([60, 40], gap="medium")
    with estimate:
        costs(sheet.draft.config, origin)
    with left, st.container(key="new-form"):
        discard |= form(sheet.draft, start, origin.whose)
    with right:
        discard |= yaml_text(sheet.draft, start, origin)
        identical(sheet.draft.config, origin.draft)
        notices(sheet.draft.config)
    if discard:
        _go_on_with(origin, replace(sheet, draft=discarded(sheet.draft, seen(sheet.draft), discard)))
        st.rerun()


def _sheet(origin: Origin) -> tuple[Sheet, bool]:
    """The sheet of the page with the reader's last changes, and whether it was filled in just now.

    A callback reports a change once, and if Streamlit aborts it, because another click has arrived, the report is
    lost: the button would queue a form without the reader's change. So the script checks the widgets itself.
    """
    before = held()
    on_page = before.draft if before else None
    same = goes_on(before, origin.key)
    sheet = same or opened(origin.key, on_page, seen(on_page), today()) or _beginning(origin, before)
    now = taken_in(sheet.draft, seen(sheet.draft))
    return _go_on_with(origin, replace(sheet, draft=now) if now is not sheet.draft else sheet), same is None


def _beginning(origin: Origin, before: Sheet | None) -> Sheet:
    """The state of the origin. `lost` if the address refers to changes, which were kept only for a while."""
    draft = before.draft if before else None
    token = st.query_params.get(EDIT)
    lost = token is not None and token not in (before.tokens if before else ()) and record().forms.get(token) is None
    return Sheet(_begun(origin, draft), lost=lost)


def today() -> str:
    return datetime.datetime.now().astimezone().date().isoformat()


def _begun(origin: Origin, before: Draft | None) -> Draft:
    return begun(origin.key, *origin.beginning(today()), before, seen(before), tags=origin.tags, base=origin.before)


def _go_on_with(origin: Origin, sheet: Sheet) -> Sheet:
    """Remember it: in the session first, then in the record once something was changed, and in the address."""
    hold(sheet)
    if sheet.kept is not None or _changed(origin, sheet):
        sheet = kept(sheet)
        hold(sheet)
    query = origin.query | ({EDIT: sheet.kept.token} if sheet.kept else {})
    if PANEL in st.query_params:
        query[PANEL] = st.query_params[PANEL]
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
    return sheet


def _changed(origin: Origin, sheet: Sheet) -> bool:
    draft = sheet.draft
    _, text = origin.beginning(draft.config.experiment.created)  # a form may be open past midnight
    return bool(draft.refused) or draft.text != text or draft.tags != draft.base_tags


def _head(origin: Origin, sheet: Sheet, unseen: bool) -> None:
    """Stays in sight while the form is filled in. `unseen`: the settings were filled in just now, so the reader has
    not seen them yet when clicking, for example if the server was restarted while the page was open."""
    broken = bool(sheet.draft.refused)
    with page_head("New experiment" if origin.draft is None else "Draft", key="new-head"):
        if sheet.kept is not None and st.button("Start afresh", icon=":material/restart_alt:", key="afresh"):
            _start_afresh(origin, sheet)
        keep = st.button("Save as draft" if origin.draft is None else "Save", icon=":material/save:", key="draft",
                         disabled=broken)  # fmt: skip
        go = st.button("Queue", icon=":material/play_arrow:", type="primary", key="queue", disabled=broken)
    if broken:
        _refused(origin, sheet)
    elif (keep or go) and unseen:
        st.warning(
            "The page began anew before the button was pressed, and what you had changed may be lost: nothing was "
            "queued. Look at the settings and press again.",
            icon=":material/refresh:",
        )
    elif keep or go:
        _send(origin, sheet, draft=keep)
    _changed_elsewhere(origin, sheet)


def _refused(origin: Origin, sheet: Sheet) -> None:
    places = [title_of(place) for place in sheet.draft.refused]
    with st.container(horizontal=True, vertical_alignment="center", key="new-refused"):
        st.html(
            '<div class="focus-warn" role="status" data-testid="refused">△ Nothing can be queued or saved while what '
            f"was typed is refused: <b>{escape(', '.join(places))}</b></div>"
        )
        if len(places) > 1 and st.button("Discard all", icon=":material/undo:", key="discard-all"):
            _go_on_with(origin, replace(sheet, draft=discarded(sheet.draft, seen(sheet.draft))))
            st.rerun()


def _start_afresh(origin: Origin, sheet: Sheet) -> None:
    """The changes stay in the record under their token for a while; this page forgets them."""
    st.query_params.from_dict(origin.query)
    hold(Sheet(_begun(origin, sheet.draft)))
    st.session_state.pop(_CHANGED_ELSEWHERE, None)
    st.rerun()


def _send(origin: Origin, sheet: Sheet, *, draft: bool) -> None:
    config, tags = sheet.draft.config, sheet.draft.tags
    try:
        if origin.draft is None:
            made = queue(config, recipe_key=origin.recipe, parent=origin.parent, tags=tags, draft=draft)
        else:
            made = change_draft(
                origin.draft,
                config,
                before=sheet.draft.base or {},
                tags=tags,
                expected_tags=sheet.draft.base_tags,
                draft=draft,
            )
    except Conflict as error:
        st.session_state[_CHANGED_ELSEWHERE] = (origin.key, str(error), error.theirs)
        return
    except UserError as error:
        show_user_error(error)
        return
    _leave_for(made, origin, sheet)


def _leave_for(made: str, origin: Origin, sheet: Sheet) -> None:
    """The next visit starts afresh. A draft is then finished; for other origins Back shows what was queued."""
    hold(None)
    st.session_state.pop(_CHANGED_ELSEWHERE, None)
    if origin.draft is not None and sheet.kept is not None:
        record().forms.forget(sheet.kept.token)
    note_start()
    follow("experiment", id=made)


def _changed_elsewhere(origin: Origin, sheet: Sheet) -> None:
    """Both are kept: the draft in the record, and the one on this page."""
    key, said, recorded = st.session_state.get(_CHANGED_ELSEWHERE, ("", "", {}))
    if key != origin.key or origin.draft is None:
        return
    st.error(f"{sentence(said)} [The draft as it is now]({experiment_link(origin.draft)})", icon=":material/error:")
    theirs, mine = dict(flatten(recorded)), sheet.draft.config.flat()
    if other := {key: theirs.get(key) for key in dict.fromkeys([*theirs, *mine]) if theirs.get(key) != mine.get(key)}:
        st.html(differences(other, mine, "In the record", "Yours"))
    if st.button("Save mine as another draft", icon=":material/save:", key="save-other"):
        made = queue(
            sheet.draft.config, recipe_key=origin.recipe, parent=origin.parent, tags=sheet.draft.tags, draft=True
        )
        _leave_for(made, origin, sheet)


def _told(origin: Origin, sheet: Sheet) -> None:
    """Messages about changes that were made elsewhere, or long ago."""
    if sheet.lost:
        st.info(
            f"What was unfinished at this address is not kept any more; this is the {origin.whose} as it is.",
            icon=":material/history:",
        )
    if sheet.parted_from is not None and record().forms.get(sheet.parted_from) is not None:
        theirs = urlencode(origin.query | {EDIT: sheet.parted_from})
        st.warning(
            f"Another tab changed the same settings meanwhile. Nothing is lost: yours continue here, and "
            f"[the other tab's are here]({below('/new')}?{theirs}).",
            icon=":material/call_split:",
        )
