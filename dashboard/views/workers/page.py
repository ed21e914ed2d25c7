"""Workers: active workers, queued work and its reasons, failures, disk use. Live."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import streamlit as st

from dashboard.look.markup import pill, progress
from dashboard.look.texts import sentence
from dashboard.look.theme import StatusLook
from dashboard.look.words import age, duration, per_cent, size
from dashboard.parts.frame import NO_WORKER, page_head, silent_words
from dashboard.record.connection import record
from dashboard.views.workers.disk import disk
from dashboard.views.workers.failures import failures
from dashboard.views.workers.lanes import address, lanes
from focus_store.contracts import Life, WorkerRow
from focus_store.queue import SAMPLE, TRAIN
from focus_store.record.lanes import LANE_WORDS, LaneEntry

REFRESH_SECONDS = 2.0
LOOKS = {
    Life.LIVE: StatusLook("live", "green", "♥", "favorite"),
    Life.SILENT: StatusLook("silent", "orange", "△", "heart_broken"),
    Life.LOST: StatusLook("lost", "red", "✕", "heart_broken"),
}


def page() -> None:
    with page_head("Workers", key="workers-head"):
        pass
    _live()
    failures()
    disk()


@st.fragment(run_every=REFRESH_SECONDS)
def _live() -> None:
    workers = record().workers.every()
    entries = {lane: record().lanes.entries(lane) for lane in (TRAIN, SAMPLE)}
    _cards(workers, [entry for lane in entries.values() for entry in lane if entry.position == 0])
    lanes(entries)


def _cards(workers: list[WorkerRow], running: list[LaneEntry]) -> None:
    if all(worker.life is Life.LOST for worker in workers):
        st.warning(NO_WORKER, icon=":material/power_off:")
    by_owner = {entry.owner: entry for entry in running}
    for worker in (worker for worker in workers if worker.life is not Life.LIVE):
        st.warning(sentence(silence(worker, by_owner.get(worker.id))), icon=":material/heart_broken:")
    cards = [_card(worker, by_owner.get(worker.id)) for worker in workers]
    if cards:
        st.html(f'<div class="focus-cards">{"".join(cards)}</div>')


def silence(worker: WorkerRow, entry: LaneEntry | None) -> str:
    """What a silent or lost worker means, what happens next automatically, and what to do."""
    held = f" {entry.title} goes back to the queue by itself and resumes elsewhere." if entry else ""
    if held and worker.life is Life.SILENT:
        held = f" If none comes soon,{held}"
    return (
        f"No heartbeat from {worker.host} ({LANE_WORDS.get(worker.lane, worker.lane)}, process {worker.pid}) for "
        f"{duration(worker.heartbeat_age)}.{held} See that the machine is on, then start it again with `focus-lab up`."
    )


def _card(worker: WorkerRow, entry: LaneEntry | None) -> str:
    look, heard = LOOKS[worker.life], age(worker.heartbeat_age)
    if worker.life is Life.SILENT:
        look = replace(look, word=silent_words([worker]))
    elif worker.life is Life.LOST:
        heard = f"last heard of {heard}"
    lane = LANE_WORDS.get(worker.lane, worker.lane)
    slot = f" · GPU {escape(worker.slot)}" if worker.slot else ""
    return (
        f'<div class="focus-card" data-testid="worker-row" data-lane="{worker.lane}" data-life="{worker.life}">'
        f'<div><b>{escape(worker.host)}</b> {pill(look)} <span class="focus-note">{heard}, '
        f"{lane}</span></div><div>{_current(worker, entry)}</div>"
        f'<div class="meters">{_load(worker)}{_memory(worker)}</div>'
        f'<div class="focus-note">{escape(worker.device)} · process {worker.pid}{slot}</div></div>'
    )


def _current(worker: WorkerRow, entry: LaneEntry | None) -> str:
    if entry is not None:
        link = f'<a href="{escape(address(entry))}" target="_self">{escape(entry.title)}</a>'
        return f'{link} <span class="focus-note">for {duration(entry.seconds)}</span>'
    return f'<span class="focus-note">{escape(worker.message or "idle")}</span>'


def _load(worker: WorkerRow) -> str:
    share = per_cent(worker.utilisation)
    return _meter("Device" if worker.slot else "Processor", f"<b>{share}</b>", worker.utilisation)


def _memory(worker: WorkerRow) -> str:
    used, total = worker.memory_used, worker.memory_total
    share = used / total if used is not None and total else None
    return _meter("Memory", f"<b>{size(used)}</b> of {size(total)}" if share is not None else "–", share)


def _meter(label: str, value: str, share: float | None) -> str:
    return f'<div class="focus-meter"><span>{label}<span>{value}</span></span>{progress(share or 0.0, label)}</div>'
