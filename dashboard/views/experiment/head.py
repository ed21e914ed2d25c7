"""The head of one experiment: its actions, its status, its numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html import escape

import streamlit as st

from dashboard.look.markup import Readout
from dashboard.look.texts import plain, sentence
from dashboard.look.theme import STATUS_LOOK, StatusLook
from dashboard.look.verdicts import counts, deviation
from dashboard.look.words import NOTHING, Amount, count, duration, estimated_from, number, short_count, size, with_error
from dashboard.measured.timing import ends_about, experiment_seconds_left
from dashboard.measured.trust import OLDER, is_of_older_checkpoint
from dashboard.parts.acts import Act, Kind, draw, question
from dashboard.parts.frame import silent_words, warn_of_workers
from dashboard.parts.state import follow
from dashboard.record import queries
from dashboard.record.actions import start
from dashboard.record.connection import laboratory, record
from dashboard.views.datasets.outlook import changed_files, learnt_other_content
from focus_core.errors import UserError
from focus_core.evaluated import Evaluated
from focus_store.contracts import (
    ACTIVE,
    RESUMABLE,
    UNDER_WAY,
    DesiredState,
    ExperimentDetail,
    ExperimentSummary,
    JobStatus,
    Life,
    Status,
    WorkerRow,
)

SLOT_WIDTH = 124  # px: of the longest word, so that no word moves a slot


def actions(detail: ExperimentDetail) -> None:
    """A request is written at once; the fragment shows its effect."""
    row = detail.summary
    if row.status is Status.DRAFT and st.button("Edit", icon=":material/edit:", key="edit"):
        follow("new", draft=row.id)
    if detail.checkpoints and st.button("Sample", icon=":material/blur_on:", key="sample"):
        follow("sample", model=row.id)
    if st.button("Clone", icon=":material/content_copy:", key="clone"):
        follow("new", parent=row.id)
    draw(_wishes_possible(row))


def stop_question(detail: ExperimentDetail) -> None:
    question(_wishes_possible(detail.summary))


def _wishes_possible(row: ExperimentSummary) -> list[Act]:
    """Pause, Stop, and Resume or Queue, each in its place whether possible or not; a completed run has none."""
    if row.status is Status.SUCCEEDED:
        return []
    moving, starts = row.status in UNDER_WAY, "Queue" if row.status is Status.DRAFT else "Resume"
    pausing, stopping = _wishes(row, DesiredState.PAUSE), _wishes(row, DesiredState.CANCEL)
    can_start = row.status is Status.DRAFT or row.status in RESUMABLE
    return [
        _wish(
            row, "Pausing…" if pausing else "Pause", DesiredState.PAUSE, possible=moving and not (pausing or stopping)
        ),
        _wish(row, "Stopping…" if stopping else "Stop", DesiredState.CANCEL, possible=moving and not stopping),
        _wish(row, starts, DesiredState.RUN, possible=can_start),
    ]


def _wishes(row: ExperimentSummary, wish: DesiredState) -> bool:
    """Requested, and still being carried out."""
    return row.desired_state is wish and row.status in ACTIVE


def status_look(row: ExperimentSummary) -> StatusLook:
    """The request shows as soon as it is written; the worker sees it a moment later, and the trainer ends its step."""
    if _wishes(row, DesiredState.CANCEL):
        return replace(STATUS_LOOK[Status.PAUSING], word="stopping", glyph=STATUS_LOOK[Status.CANCELLED].glyph)
    return STATUS_LOOK[Status.PAUSING if _wishes(row, DesiredState.PAUSE) else row.status]


_KEYS = {DesiredState.PAUSE: "pause", DesiredState.CANCEL: "stop"}
_ICONS = {"pause": "pause", "stop": "stop", "resume": "play_arrow", "queue": "play_arrow"}


def _wish(row: ExperimentSummary, label: str, wish: DesiredState, *, possible: bool) -> Act:
    key = _KEYS.get(wish, label.lower())
    starts = wish is DesiredState.RUN
    return Act(
        key,
        label,
        Kind.START if starts else Kind.UNDO,
        partial(start, row) if starts else partial(record().experiments.request, row.id, wish),
        icon=_ICONS[key],
        possible=possible,
        question=f"{key.capitalize()} {escape(row.name)}, which you started seconds ago?",
        look="primary" if starts and possible else "secondary",
        width=SLOT_WIDTH,
    )


def state_message(detail: ExperimentDetail) -> None:
    """A sentence where a state needs one: what is happening, or what to do next."""
    row = detail.summary
    if row.status in (Status.FAILED, Status.CRASHED):
        st.error(sentence(failure_sentence(detail)), icon=":material/error:")
    elif row.status is Status.STALLED:
        st.warning(
            "No step arrived for a long time, but its worker lives. Stop it and resume from the last checkpoint, or "
            "look at the log.",
            icon=":material/warning:",
        )
    elif row.desired_state is DesiredState.CANCEL and row.status in ACTIVE:
        st.info("Stopping: the trainer finishes its step and writes a checkpoint.", icon=":material/hourglass_top:")
    elif row.desired_state is DesiredState.PAUSE and row.status in ACTIVE:
        st.info("Pausing: the trainer finishes its step and writes a checkpoint.", icon=":material/hourglass_top:")
    elif row.status in ACTIVE and (worker := _missing_worker(row)) is not None:
        st.warning(
            f"Its worker on {plain(worker.host)} is {silent_words([worker])}. If no heartbeat comes, the run is "
            "queued again by itself and resumes from its last checkpoint.",
            icon=":material/heart_broken:",
        )
    elif row.status in (Status.PAUSED, Status.CANCELLED):
        st.info(_resting_sentence(detail), icon=":material/pause_circle:")
    elif row.status is Status.QUEUED:
        _queued_sentence(detail)
    if row.status not in ACTIVE:
        _changed_dataset(detail)


def _missing_worker(row: ExperimentSummary) -> WorkerRow | None:
    """The worker of a run under way, if its heartbeat is missing; a live one needs no message."""
    mine = [worker for worker in record().workers.every() if worker.current == row.id]
    return None if any(w.life is Life.LIVE for w in mine) else next(iter(mine), None)


def _changed_dataset(detail: ExperimentDetail) -> None:
    """The digest differs from the trainer's; or files look modified, and their pixels have not been read since."""
    name, known = detail.summary.dataset, queries.datasets()
    touched = [file for row in known if row.name == name for file in changed_files(row, missing=False)]
    if learnt_other_content(detail, known):
        st.warning(
            f"The dataset {plain(name)} has changed since this experiment was trained: its curves, maps and P(k) "
            "belong to the files as they were. Restore them to resume it; Clone trains on those of now.",
            icon=":material/difference:",
        )
    elif touched and detail.attempts:
        st.warning(
            f"Files of the dataset {plain(name)} are not as they were when it was checked: "
            f"{plain('; '.join(touched))}. Check it again on the page Datasets before you resume or sample: "
            "its pixels may be others.",
            icon=":material/difference:",
        )


def failure_sentence(detail: ExperimentDetail) -> str:
    row = detail.summary
    said = row.message or ("its worker vanished" if row.status is Status.CRASHED else "the log says why")
    said = said if said.endswith((".", "!", "?")) else said + "."
    if row.status is Status.CRASHED:
        return f"Crashed: {said} It is queued again by itself a few times; Resume continues from the last checkpoint."
    again = "Resume continues from the last checkpoint" if detail.checkpoints else "Resume starts again"
    return f"Failed: {said} {again} after you fix the cause; Clone creates a copy to change."


def _resting_sentence(detail: ExperimentDetail) -> str:
    last = max((c.epoch for c in detail.checkpoints), default=None)
    word = "Paused" if detail.summary.status is Status.PAUSED else "Stopped"
    where = f" at epoch {last} of {detail.summary.num_epochs}" if last is not None else " before its first checkpoint"
    what_next = "Resume continues exactly there." if last is not None else "Resume starts it."
    return f"{word}{where}. {what_next}"


def _queued_sentence(detail: ExperimentDetail) -> None:
    state = laboratory()
    trainers = [worker for worker in state.workers if worker.lane == "train"]
    warn_of_workers(trainers)
    if not trainers:
        return
    held = record().lanes.held_back(detail.summary.id)
    if held is not None and held.job_status in (JobStatus.CANCELLED, JobStatus.FAILED):
        st.warning(
            f"Queued, and {sentence(held.reason)}. Simulate it again, or bring a dataset of that name in on the "
            "page Datasets; this experiment then starts by itself.",
            icon=":material/schedule:",
        )
        st.button("Simulate again", icon=":material/replay:", key="again", on_click=_simulate_again, args=(held.job,))
        return
    simulations = queries.active_simulations()
    ahead = f" {state.running} running." if state.running else ""
    waits = (
        f" {plain(simulations[0].title)} comes first: {simulations[0].done} of {simulations[0].total}."
        if simulations
        else ""
    )
    st.info(
        f"Queued; {len(trainers)} training worker{'s' if len(trainers) > 1 else ''}.{ahead}{waits}"
        + (f" {sentence(detail.summary.message)}" if detail.summary.message else ""),
        icon=":material/schedule:",
    )


def _simulate_again(job: str) -> None:
    try:
        record().jobs.resume(job)
    except UserError as error:
        st.toast(sentence(error), icon=":material/error:")


def numbers(detail: ExperimentDetail) -> list[Readout]:
    row = detail.summary
    left = experiment_seconds_left(row)
    share = f"{100 * row.progress:.0f} %"
    attempt = f", attempt {row.attempts}" if row.attempts > 1 else ""
    best_epoch = next((f"best, epoch {c.epoch}" for c in detail.checkpoints if c.role == "best"), "best")
    device = detail.attempts[-1].device if detail.attempts else None
    step = f"{duration(row.seconds_per_epoch)} per epoch" if row.seconds_per_epoch else ""
    return [
        Readout("Epoch", Amount(str(row.epoch), f"/ {row.num_epochs}"), share + attempt),
        Readout("Time left", duration(left) if left is not None else NOTHING, ends_about(row) or _trained(detail)),
        Readout("Validation loss", number(row.best_val_loss), best_epoch if row.best_val_loss is not None else ""),
        _power(detail),
        Readout("Speed", Amount(number(row.images_per_second), "images/s") if row.images_per_second else NOTHING, step),
        Readout("Peak memory", size(detail.peak_memory_bytes), device or ""),
        Readout("Parameters", count(row.parameters) if row.parameters else short_count(None), _data(detail)),
    ]  # fmt: skip


def _power(detail: ExperimentDetail) -> Readout:
    """From the newest evaluation; before there is one, estimated from the maps of the latest epoch."""
    row = detail.summary
    if row.evaluation is None:
        known = row.power_error is not None
        return Readout(
            "<i>P</i>(<i>k</i>) error", with_error(row.power_error, row.power_uncertainty),
            estimated_from(row.power_maps, row.power_simulations) if known else "",
        )  # fmt: skip
    return Readout("Mean <i>P</i>(<i>k</i>), worst band", deviation(row.evaluation), _evaluated(detail, row.evaluation))


def _evaluated(detail: ExperimentDetail, found: Evaluated) -> str:
    older = f", {OLDER}" if is_of_older_checkpoint(detail, found.checkpoint) else ""
    return f"{counts(found)}{older}"


def _trained(detail: ExperimentDetail) -> str:
    seconds = detail.summary.seconds_trained
    return f"trained {duration(seconds)}" if seconds else ""


def _data(detail: ExperimentDetail) -> str:
    seed = detail.config.get("training", {}).get("seed")
    grid = f" {detail.grid}²" if detail.grid else ""
    return f"{detail.summary.dataset}{grid}, seed {seed}"
