"""Compare: experiments side by side. The address holds the chosen set and the baseline; colours follow its order."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboard.look.texts import told_apart_when_cut
from dashboard.parts.frame import page_head
from dashboard.parts.problems import CHOICE_LENGTH, show_user_error
from dashboard.parts.state import follow, keep
from dashboard.record import queries
from dashboard.views.compare.charts import charts
from dashboard.views.compare.comparison import (
    Places,
    changed_sentence,
    choose,
    difference_sentence,
    read_slots,
    write_slots,
)
from dashboard.views.compare.evaluations import evaluations
from dashboard.views.compare.matrix import matrix
from dashboard.views.compare.runs import compared
from dashboard.views.compare.table import table
from focus_core.errors import UserError
from focus_store.contracts import UNDER_WAY, ExperimentSummary

SUGGESTED = 4
LIVE_SECONDS, RESTING_SECONDS = 4.0, 15.0


def page() -> None:
    head = st.container()
    rows = {row.id: row for row in queries.summaries(None, None, None, None)}
    slots, names = _known(_slots_of_address(), rows)
    n = sum(place is not None for place in slots)
    with (
        head,
        page_head("Compare", f'<span class="focus-note">{n} experiment{"" if n == 1 else "s"}</span>', "compare-head"),
    ):
        pass
    if not names:
        _nothing_to_compare()
        return
    names = dict(zip(names, told_apart_when_cut(names.values(), CHOICE_LENGTH), strict=True))
    slots = _choice(slots, names)
    chosen = [place for place in slots if place]
    if not chosen:
        _nothing_chosen(rows)
        return
    if len(chosen) == 1:
        st.info("One experiment is chosen; add a second one to compare it with.", icon=":material/compare_arrows:")
    baseline = _baseline(chosen, names)
    live = any(rows[i].status in UNDER_WAY for i in chosen if i in rows)
    every = LIVE_SECONDS if live else RESTING_SECONDS
    st.fragment(_top, run_every=every)(slots, baseline)
    st.fragment(evaluations, run_every=every)(slots, baseline)
    st.fragment(charts, run_every=every)(slots)
    st.fragment(matrix, run_every=every)(slots)


def _top(slots: Places, baseline: str) -> None:
    if any(place and queries.is_gone(place) for place in slots):
        st.rerun()  # the page then continues without it
    runs = compared(slots)
    changed = changed_sentence(runs, queries.datasets())
    for said, hook in ((difference_sentence(runs), "compare-difference"), (changed, "compare-changed")):
        if said:
            st.html(f'<p class="focus-warn" data-testid="{hook}">△ {escape(said)}</p>')
    table(runs, next(i for i, run in enumerate(runs) if run.id == baseline))


def _slots_of_address() -> Places:
    """From the address, or the last comparison in this session if the page is opened without one."""
    asked = st.query_params.get("ids", st.session_state.get("compared", ""))
    return read_slots(asked)


def _known(slots: Places, rows: dict[str, ExperimentSummary]) -> tuple[Places, dict[str, str]]:
    """The set without ids unknown to the record, and the names of all that can be chosen."""
    names = queries.names_with_asked(list(rows.values()), None)
    for place in (place for place in slots if place and place not in names):
        try:
            names |= queries.names_with_asked([], place)
        except UserError as error:
            show_user_error(error)
    return choose(slots, [place for place in slots if place in names]), names


def _choice(slots: Places, names: dict[str, str]) -> Places:
    """The set as chips. The address leads: it is written when the chips change, and read when it has changed."""
    text = write_slots(slots)
    if st.session_state.get("compared") != text or "compare-set" not in st.session_state:
        st.session_state["compare-set"] = [place for place in slots if place]
    _remember(slots)
    left, right = st.columns([74, 26], vertical_alignment="bottom")
    left.multiselect(
        "Experiments",
        list(names),
        format_func=lambda i: names[i],
        key="compare-set",
        placeholder="Choose experiments",
        on_change=lambda: _remember(choose(slots, st.session_state["compare-set"])),
        select_all=False,
    )
    st.session_state["baseline-place"] = right
    return slots


def _remember(slots: Places) -> None:
    st.session_state["compared"] = write_slots(slots)
    keep("ids", write_slots(slots) if any(slots) else "", "")


def _baseline(chosen: list[str], names: dict[str, str]) -> str:
    asked = st.query_params.get("baseline")
    if st.session_state.get("baseline") not in chosen:
        st.session_state["baseline"] = asked if asked in chosen else chosen[0]
    baseline = st.session_state["baseline-place"].selectbox(
        "Ratios to", chosen, format_func=lambda i: names[i], key="baseline"
    )
    keep("baseline", baseline, chosen[0])
    return str(baseline)


def _nothing_to_compare() -> None:
    st.html(
        '<div class="focus-empty" data-testid="empty"><b>No experiments to compare yet</b>'
        "<p>Train two, from recipes or as clones with a setting changed, and hold them side by side here.</p></div>"
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button("New experiment", type="primary", icon=":material/add:", key="new-experiment"):
            follow("new")


def _nothing_chosen(rows: dict[str, ExperimentSummary]) -> None:
    trained = [row.id for row in rows.values() if row.epoch > 0][:SUGGESTED]
    st.html(
        '<div class="focus-empty" data-testid="empty"><b>Nothing chosen</b><p>Choose experiments above, or mark them '
        "in the list of experiments. The address then holds the set, and can be shared.</p></div>"
    )
    with st.container(horizontal=True, horizontal_alignment="center"):
        if len(trained) > 1:
            st.button(
                f"Compare the {len(trained)} newest",
                type="primary",
                icon=":material/compare_arrows:",
                key="compare-newest",
                on_click=lambda: _remember(tuple(trained)),
            )
        if st.button("Choose in the list", icon=":material/checklist:", key="see-experiments"):
            follow("experiments")
