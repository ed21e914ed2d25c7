"""Disk use by experiment, and deleting one, with the bytes to be freed stated first."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path

import streamlit as st

from dashboard.look.markup import pill, section
from dashboard.look.theme import EXPERIMENT_COLOURS, STATUS_LOOK
from dashboard.look.words import size
from dashboard.parts.deletion import STOP_FIRST, ask_to_delete, deletion_question
from dashboard.parts.state import asked_number, experiment_link, keep
from dashboard.record.connection import record
from focus_core.run_files import Part
from focus_store.contracts import UNDER_WAY
from focus_store.record.disk import DiskUse

SHOWN = 12
DISK = "disk"


@st.fragment
def disk() -> None:
    """Not live: it walks the folders, and a user who deletes needs rows that do not move."""
    uses, shared = record().disk.use(), record().disk.shared()
    total, free = _device(record().settings.home)
    st.html(section("Disk", f"{size(free)} free of {size(total)}"))
    parts = [
        ("Datasets", shared["datasets"]),
        *((str(part), sum(use.parts[part] for use in uses)) for part in Part if any(use.parts[part] for use in uses)),
        ("Tiles, arrays, samples", shared["artifacts"]),
    ]
    st.html(bar(parts))
    with st.container(key="disk-rows", gap="xsmall"):
        for use in _part(uses):
            _row(use)
    deletion_question(DISK, {use.id: use.name for use in uses})


def _part(uses: list[DiskUse]) -> list[DiskUse]:
    """A few rows at a time, largest first, with a control to show the others."""
    last = max(len(uses) - 1, 0) // SHOWN
    part = min(max(asked_number("part", 1) - 1, 0), last)
    first = part * SHOWN
    if last:
        with st.container(horizontal=True, vertical_alignment="center", key="disk-parts"):
            words = f"{first + 1} to {min(first + SHOWN, len(uses))} of {len(uses)} experiments, largest first"
            st.html(f'<span class="focus-note" data-testid="disk-part">{words}</span>', width="stretch")
            for label, icon, to in (("Larger", "chevron_left", part - 1), ("Smaller", "chevron_right", part + 1)):
                st.button(
                    label,
                    icon=f":material/{icon}:",
                    key=f"disk-{label.lower()}",
                    disabled=not 0 <= to <= last,
                    on_click=keep,
                    args=("part", to + 1, 1),
                )
    return uses[first : first + SHOWN]


def bar(parts: list[tuple[str, int]]) -> str:
    """Shares of the bytes that FOCUS itself uses."""
    whole = max(sum(bytes_ for _, bytes_ in parts), 1)
    pieces = "".join(
        f'<i style="width:{100 * bytes_ / whole:.2f}%;background:{colour}"></i>'
        for (_, bytes_), colour in zip(parts, EXPERIMENT_COLOURS, strict=False)
    )
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)} {size(bytes_)}</span>'
        for (name, bytes_), colour in zip(parts, EXPERIMENT_COLOURS, strict=False)
    )
    words = ", ".join(f"{name} {size(bytes_)}" for name, bytes_ in parts)
    return (
        f'<div data-testid="disk" data-bytes="{whole}"><div class="focus-disk" role="img" aria-label="{escape(words)}">'
        f'{pieces}</div><div class="focus-legend">{legend}</div></div>'
    )


def _device(home: Path) -> tuple[int, int]:
    found = shutil.disk_usage(home)
    return found.total, found.free


def _row(use: DiskUse) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"disk-{use.id}"):
        st.html(
            f'<div class="focus-row plain" data-testid="disk-row" data-id="{use.id}" data-bytes="{use.total}">'
            f'<span><a href="{experiment_link(use.id)}" target="_self">{escape(use.name)}</a> '
            f"{pill(STATUS_LOOK[use.status])}</span>"
            f'<span class="when">{_sizes(use)}</span></div>',
            width="stretch",
        )
        st.button(
            "Delete",
            key=f"delete-{use.id}",
            type="tertiary",
            disabled=use.status in UNDER_WAY,
            help=STOP_FIRST if use.status in UNDER_WAY else None,
            on_click=ask_to_delete,
            args=(DISK, {use.id: use.name}),
        )


def _sizes(use: DiskUse) -> str:
    weights = use.parts[Part.WEIGHTS]
    return f"{size(use.total)}, {size(weights)} in checkpoints and weights" if weights else str(size(use.total))
